"""The command wait: until jobs have ended, with a bar that shows how far they are."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import click

from qm.cli.output import print_json, say, tell
from qm.cli.session import Session

if TYPE_CHECKING:
    from qm.view import Entry
    from qm.view.awaited import Awaited, Tally

TIMED_OUT = 124
"""As timeout(1) has it."""
NOT_RUNNING = 3
_PATIENCE = 10.0
"""Seconds for a manager that was there to come back, as in a restart."""
_TOLD = 20
"""Jobs that did not end well and are told one by one."""


class Display(Protocol):
    """Where people see how far it is."""

    def show(self, tally: Tally, elapsed: float) -> None:
        """Show this; ``elapsed`` is in seconds."""

    def close(self) -> None:
        """Leave the last state standing."""


def _seconds(ctx: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    from qm.quantities import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not {error}") from error


@click.command("wait")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option("--any", "first", is_flag=True, help="Until the first of them has ended.")
@click.option("--progress", is_flag=True, help="When piped: a line on each change.")
@click.option(
    "--timeout", callback=_seconds, metavar="TIME", help="Give up after 90 (seconds), 10m, 2h."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list of the jobs, at the end.")
@click.pass_obj
def wait(
    session: Session,
    /,
    jobs: Sequence[str],
    first: bool,
    progress: bool,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Wait until jobs have ended.

    Without JOB: all that are open now. JOB is an id or a name, also of a folder that
    is still arriving. A job that is tried again is not over. A terminal shows a bar
    meanwhile.

    Exit code 0: all were FINISHED (with --any: the first one was); 1: one was not;
    124: the time is over; 3: no QM runs, and what is left cannot start. Running
    jobs go on without QM, and are waited for.
    """
    awaited = session.queue.wait(jobs)
    if not awaited.tally.total:
        tell("qm: nothing waits or runs")
    display = _display(progress, piped=as_json)
    try:
        code = until_over(awaited, display, first=first, timeout=timeout)
    finally:
        display.close()
    if as_json:
        print_json([_object(entry) for entry in (*awaited.ended, *awaited.left)])
    _tell_failures(awaited.ended)
    return code


def until_over(wait: Awaited, display: Display, *, first: bool, timeout: float | None) -> int:
    """Look until the jobs are over; returns the exit code. ``timeout`` is in seconds."""
    from qm.model import State
    from qm.view.awaited import PAUSE

    began = time.monotonic()
    stuck_since: float | None = began - _PATIENCE
    while True:
        elapsed = time.monotonic() - began
        tally = wait.tally
        display.show(tally, elapsed)
        if not tally.left or (first and wait.ended):
            decisive = wait.ended[:1] if first else wait.ended
            return 0 if all(entry.state == State.FINISHED for entry in decisive) else 1
        if timeout is not None and elapsed >= timeout:
            tell(f"qm: {_are(tally.left)} not over after {timeout:g} s")
            return TIMED_OUT
        if not wait.is_stuck:
            stuck_since = None
        elif stuck_since is None:
            stuck_since = time.monotonic()
        elif time.monotonic() - stuck_since >= _PATIENCE:
            tell(f"qm: no QM runs: {_are(tally.left)} not going to start; `qm start` starts one")
            return NOT_RUNNING
        rest = PAUSE if timeout is None else min(PAUSE, max(0.0, timeout - elapsed))
        time.sleep(rest)
        wait.look()


def _are(count: int) -> str:
    return "1 job is" if count == 1 else f"{count} jobs are"


def _tell_failures(ended: Sequence[Entry]) -> None:
    from qm.model import State
    from qm.names import shown

    failed = [entry for entry in ended if entry.state != State.FINISHED]
    for entry in failed[:_TOLD]:
        reason = f": {shown(entry.reason)}" if entry.reason else ""
        state = f" is {entry.state}" if entry.state else ""
        tell(f"qm: {entry.label}{state}{reason}")
    if len(failed) > _TOLD:
        tell(f"qm: and {len(failed) - _TOLD} more were not FINISHED")


def _object(entry: Entry) -> dict[str, object]:
    names = ("id", "name", "state", "reason", "exit_code", "signal")
    return {name: getattr(entry, name) or None for name in names} | {"exit_code": entry.exit_code}


def _display(progress: bool, *, piped: bool) -> Display:
    if sys.stderr.isatty() and (sys.stdout.isatty() or piped):
        from qm.cli.waitbar import Bar

        return Bar()
    return Lines(tell if piped else say) if progress else Silence()


class Silence:
    """For scripts: the exit code says it."""

    def show(self, tally: Tally, elapsed: float) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line whenever anything has changed."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last: Tally | None = None
        self._at_first = 0

    def show(self, tally: Tally, elapsed: float) -> None:
        """One line, if it is another one."""
        from qm.cli.waitbar import pace

        if self._last is None:
            self._at_first = tally.ended
        if tally != self._last:
            self._last = tally
            self._write(tally_text(tally, pace(tally, self._at_first, elapsed)))
            sys.stdout.flush()

    def close(self) -> None:
        """Nothing: each line stands."""


def tally_text(tally: Tally, left: float | None) -> str:
    """``3 of 8 done: 2 finished, 1 failed; 2 running, 3 waiting; 4:10 left``."""
    from qm.cli.columns import clock

    text = f"{tally.ended} of {tally.total} done: {tally.finished} finished, {tally.failed} failed"
    if tally.left:
        text += f"; {tally.running} running, {tally.waiting} waiting"
    return text if left is None else f"{text}; about {clock(max(1.0, left))} left"

"""Orders become jobs, one after the other, while the manager takes up the ones before."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from qm.cli.output import print_json, say, tell
from qm.errors import NotRunning, QMError

if TYPE_CHECKING:
    from qm.cli.reception import Answered, Reception
    from qm.cli.session import Session
    from qm.submit import Caller, Submission
    from qm.submit.orders import Clerk, Order
    from qm.submit.words import Target

MANY = 20
"""From so many jobs on, a terminal gets a progress bar and a summary."""

_STARTS_LATER = "it starts when QM runs (qm serve)"


class Desk:
    """Hands orders in, and says what became of each; ``code`` is the exit code.

    ``expected`` is how many there are to be.
    """

    def __init__(self, as_json: bool, expected: int) -> None:
        self.code = 0
        self.expected = expected
        self._as_json = as_json
        self._jobs: list[dict[str, Any]] = []
        self._submitted = 0
        self._problem: QMError | None = None

    def orders(self, clerk: Clerk, targets: Sequence[Target]) -> Iterator[Order | None]:
        """An order for each target, None for one that cannot be; why is told."""
        from qm.names import shown

        for target in targets:
            try:
                yield clerk.order(target)
            except (QMError, OSError) as error:
                self._complain(f"{shown(target.text)}: {_sentence(error)}")
                yield None

    def submit(
        self, session: Session, orders: Iterable[Order | None], *, move: bool, hold: bool
    ) -> None:
        """Stage and commit each; on Ctrl-C none is left half, and it says how many were done."""
        from qm.cli.reception import Reception

        reception = Reception(session.layout)
        try:
            with Bar(self.expected) as bar:
                self._hand_in(session, orders, reception, bar, move=move, hold=hold)
        except KeyboardInterrupt:
            self._hear(reception.rest(interrupted=True))
            self._report()
            tell(f"Interrupted: {self._submitted} of {self.expected} were submitted")
            raise
        self._report()

    def _hand_in(
        self,
        session: Session,
        orders: Iterable[Order | None],
        reception: Reception,
        bar: Bar,
        *,
        move: bool,
        hold: bool,
    ) -> None:
        from qm.control.client import who_asks
        from qm.submit import Caller, caller_environment

        caller = Caller(who_asks(), os.getcwd(), caller_environment(os.environ))
        for order in orders:
            if order is not None:
                try:
                    self._submit_one(session, order, caller, reception, move=move, hold=hold)
                except (QMError, OSError) as error:
                    self._complain(_sentence(error))
            bar.step()
            self._hear(reception.answered())
        bar.waits()
        self._hear(reception.rest())

    def _submit_one(
        self,
        session: Session,
        order: Order,
        caller: Caller,
        reception: Reception,
        *,
        move: bool,
        hold: bool,
    ) -> None:
        from dataclasses import replace

        from qm.submit.stage import commit, discard, stage

        caller = replace(caller, env={**caller.env, **order.variables})
        layout, sync = session.layout, session.config.sync
        staged = stage(
            layout, order.work, caller, move=move, hold=hold, sync=sync, changes=order.changes
        )
        submission = None
        try:
            with interrupts_wait():
                submission = commit(layout, staged, sync=sync)
                reception.add(submission)
                self._submitted += 1
        except BaseException:
            if submission is None:
                discard(staged)
            raise
        if submission.remark:
            self._complain(submission.remark, code=self.code)

    def _complain(self, text: str, code: int = 1) -> None:
        tell(f"qm: {text}")
        self.code = code

    def _hear(self, answers: Iterable[Answered]) -> None:
        """Say what became of the jobs of each batch that was answered."""
        for answer in answers:
            self._problem = answer.problem or self._problem
            for submission in answer.batch:
                job = _job_of(answer.known.get(submission.token), submission)
                self._jobs.append(job)
                if job["state"] == "REJECTED":
                    self.code = 1
                if not self._as_json:
                    self._say(job)

    def _summarises(self) -> bool:
        return self.expected >= MANY and sys.stdout.isatty()

    def _say(self, job: dict[str, Any]) -> None:
        from qm.cli.sentences import job_text
        from qm.names import shown

        if job["state"] == "REJECTED":
            who = job_text(job["id"], job["name"])
            tell(f"Refused {who}: {shown(job['reason'] or '')}")
        elif self._summarises():
            return
        elif job["id"] is None:
            later = self.expected == 1 and isinstance(self._problem, NotRunning)
            say(
                f"Dropped {shown(job['name'])} into QM_qJobs{f'; {_STARTS_LATER}' if later else ''}"
            )
        elif job["state"] == "HELD":
            who = job_text(job["id"], job["name"])
            say(f"Submitted {who}, held; `qm release {job['id']}` lets it start")
        else:
            say(f"Submitted {job_text(job['id'], job['name'])}")

    def _report(self) -> None:
        """What is said once, at the end."""
        if self._as_json:
            print_json(self._jobs)
            return
        if self._summarises():
            self._summarise()
        dropped = sum(job["id"] is None for job in self._jobs)
        if not dropped or self._problem is None:
            return
        if not isinstance(self._problem, NotRunning):
            tell(f"qm: {self._problem.message}. They lie in QM_qJobs, and start when QM sees them.")
        elif self.expected > 1:
            say("QM does not run: they start when it does (qm serve)")

    def _summarise(self) -> None:
        from qm.cli.sentences import job_text

        taken = [j for j in self._jobs if j["id"] is not None and j["state"] != "REJECTED"]
        if taken:
            first, last = (f"{job_text(j['id'], j['name'])}" for j in (taken[0], taken[-1]))
            say(f"Submitted {len(taken)} jobs, from {first} to {last}")
        dropped = sum(job["id"] is None for job in self._jobs)
        if dropped:
            say(f"Dropped {dropped} jobs into QM_qJobs")


def _sentence(error: QMError | OSError) -> str:
    if isinstance(error, QMError):
        return str(error)
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{where}{error.strerror or error}"


def _job_of(job: dict[str, Any] | None, submission: Submission) -> dict[str, Any]:
    if job is not None:
        return job
    return {"id": None, "name": submission.name, "state": "ARRIVING", "reason": None}


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Ctrl-C is heard at the end of this: a job that is committed is counted, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = []

    def remember(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if heard:
            raise KeyboardInterrupt


class Bar:
    """A progress bar on a terminal's stderr; silent elsewhere, and for few jobs."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._shown = total >= MANY and sys.stderr.isatty()
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
            from rich.progress import TimeRemainingColumn as Remaining

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._progress = Progress(
                *columns,
                Remaining(),
                console=Console(stderr=True),
                transient=True,
                # Lines for a pipe stay in the pipe.
                redirect_stdout=sys.stdout.isatty(),
            )
            self._task = self._progress.add_task("Submitting", total=self._total)
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def step(self) -> None:
        """One more job is submitted, or could not be."""
        if self._progress is not None:
            self._progress.advance(self._task)

    def waits(self) -> None:
        """All are submitted, and the manager has not answered for all of them."""
        if self._progress is not None:
            self._progress.update(self._task, description="Waiting for QM")

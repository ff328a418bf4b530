"""The queue that a command works on: that of this machine's QM_FOLDER, or another one's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from qm.cli.logs import LogWish
    from qm.cli.reception import Answered
    from qm.cli.session import Session
    from qm.errors import QMError
    from qm.jobinfo.limits import Limits
    from qm.submit import Submission
    from qm.submit.orders import Order
    from qm.view import Entry, Query, View
    from qm.view.awaited import Awaited

Answer = dict[str, Any]


class Committing(Protocol):
    """Takes orders, and makes jobs of them, as :class:`qm.cli.batch.Batch`."""

    def add(self, order: Order, hold: bool) -> None:
        """Stage one job; QMError or OSError where that is not possible."""

    def is_due(self) -> bool:
        """True where what is staged is to be committed now."""

    def commit(self) -> list[Submission | QMError]:
        """Commit what is staged: what became of each job."""

    def discard(self) -> None:
        """Take back what is staged and not committed."""


class Hearing(Protocol):
    """Tells what became of submissions, as :class:`qm.cli.reception.Reception`."""

    def add(self, submission: Submission) -> None:
        """Ask for this one, soon."""

    def answered(self) -> Iterator[Answered]:
        """What has been answered by now."""

    def rest(self, *, interrupted: bool = False) -> Iterator[Answered]:
        """Wait for the remaining answers."""


class Queue(Protocol):
    """What the commands about jobs need."""

    def view(self, since: str | None, query: Query) -> View:
        """As :func:`qm.view.load`."""

    def find(self, target: str) -> Entry:
        """As :func:`qm.view.find`."""

    def details(self, entry: Entry) -> Answer:
        """As :func:`qm.view.details.details`."""

    def progress(self) -> Callable[[Entry], str | None]:
        """What running jobs say of their progress."""

    def not_running(self) -> str:
        """A sentence for when no manager runs."""

    def ask(
        self, verb: str, target: str, *, timeout: float, data: Mapping[str, Any] | None = None
    ) -> Answer:
        """Have something done; returns when it has happened. ``timeout`` is in seconds."""

    def stop(self, target: str, grace: float | None) -> Answer:
        """Have a job ended; returns when it is gone. ``grace`` is in seconds."""

    def wait(self, targets: Sequence[str]) -> Awaited:
        """As :class:`qm.view.waiting.Wait`."""

    def show_log(self, target: str, wish: LogWish) -> int:
        """Write a log to stdout; returns the exit code."""

    def limits(self) -> Limits:
        """What a job can get there."""

    def home(self, here: str) -> str:
        """The folder that commands run in which are submitted from the folder ``here``."""

    def batch(self, *, many: bool, move: bool) -> Committing:
        """Takes orders, and commits them."""

    def reception(self) -> Hearing:
        """Tells what became of what was committed."""


class HereQueue:
    """The QM_FOLDER of this machine. What a command does not need is not imported."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layout = session.layout

    def view(self, since: str | None, query: Query) -> View:
        from qm.view import load

        return load(self._layout, since, query)

    def find(self, target: str) -> Entry:
        from qm.view import find

        return find(self._layout, target)

    def details(self, entry: Entry) -> Answer:
        from qm.view.details import details

        return details(self._layout, entry)

    def progress(self) -> Callable[[Entry], str | None]:
        from qm.cli.listing import progress_in

        return progress_in(self._layout)

    def not_running(self) -> str:
        import os

        root = self._layout.root
        if os.path.isdir(root):
            return f"no QM runs on {root}; `qm serve` starts one"
        return f"there is no folder {root}; `qm init` makes it"

    def ask(
        self, verb: str, target: str, *, timeout: float, data: Mapping[str, Any] | None = None
    ) -> Answer:
        from qm.control.client import ask
        from qm.view import target_of

        targets = (target_of(target),) if target else ()
        return ask(self._layout, verb, targets, timeout=timeout, data=data)

    def stop(self, target: str, grace: float | None) -> Answer:
        from qm.cli.stopping import stop
        from qm.view import target_of

        return stop(self._layout, target_of(target), grace, self._session.config.kill_grace)

    def wait(self, targets: Sequence[str]) -> Awaited:
        from qm.view.waiting import Wait

        return Wait(self._layout, targets)

    def show_log(self, target: str, wish: LogWish) -> int:
        from qm.cli.logs import show_log

        return show_log(self._layout, target, wish)

    def limits(self) -> Limits:
        from qm.resources import limits_of

        return limits_of(self._session.config)

    def home(self, here: str) -> str:
        return here

    def batch(self, *, many: bool, move: bool) -> Committing:
        from qm.cli.batch import Batch

        return Batch(self._layout, self._session.config.sync, many=many, move=move)

    def reception(self) -> Hearing:
        from qm.cli.reception import Reception

        return Reception(self._layout)

"""The queue of another machine, for the commands about jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qm.cli.output import tell
from qm.errors import QMError, Refused
from qm.jobinfo.limits import Limits
from qm.remote import Client, RemoteJobs, Server
from qm.view import Entry, Query, View
from qm.view.joblog import no_log

if TYPE_CHECKING:
    from qm.cli.logs import LogWish
    from qm.cli.sending import Sender
    from qm.view.awaited import Awaited

Answer = dict[str, Any]


class ElsewhereQueue:
    """As :class:`qm.cli.queue.HereQueue`, over HTTP."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._jobs = RemoteJobs(Client(server))
        self._sender: Sender | None = None

    def view(self, since: str | None, query: Query) -> View:
        """As :func:`qm.view.load`."""
        return self._jobs.view(since, query)

    def find(self, target: str) -> Entry:
        """As :func:`qm.view.find`."""
        return self._jobs.find(target)

    def details(self, entry: Entry) -> Answer:
        """As :func:`qm.view.details.details`."""
        return self._jobs.details(entry)

    def progress(self) -> Callable[[Entry], str | None]:
        """What running jobs said of their progress when they were listed."""
        from qm.cli.listing import progress_text

        def told(entry: Entry) -> str | None:
            found = self._jobs.progress(entry)
            return None if found is None else progress_text(*found)

        return told

    def not_running(self) -> str:
        """A sentence for when no manager runs there."""
        return f"no QM runs at {self._server.name}, only its page"

    def ask(
        self, verb: str, target: str, *, timeout: float, data: Mapping[str, Any] | None = None
    ) -> Answer:
        """Have something done there; returns when it has happened."""
        return self._jobs.ask(verb, target, data or {})

    def stop(self, target: str, grace: float | None) -> Answer:
        """Have a job ended; returns when it is gone."""
        return self._jobs.stop(target, grace)

    def wait(self, targets: Sequence[str]) -> Awaited:
        """As :class:`qm.view.waiting.Wait`."""
        from qm.remote.waiting import RemoteWait

        return RemoteWait(self._jobs, targets)

    def show_log(self, target: str, wish: LogWish) -> int:
        """Write a log to stdout; returns the exit code."""
        from qm.remote.logs import RemoteLog, follow

        if wish.stream is not None:
            raise Refused("from another machine only process.log can be read")
        entry = self.find(target)
        if entry.id is None:
            raise QMError(no_log(entry))
        earlier = wish.attempt is not None and wish.attempt != entry.attempt
        log = RemoteLog(self._jobs, entry, wish.attempt if earlier else None)
        if wish.lines is not None:
            log.skip_to_last(wish.lines)
        if wish.following and not earlier:
            follow(log, _write, lambda text: tell(f"qm: {text}"))
            return 0
        if not log.read(_write):
            tell(f"qm: {no_log(entry)}")
            return 1
        log.finish(_write)
        return 0

    def limits(self) -> Limits:
        """What a job can get there."""
        told = self._jobs.client.get("summary").json["limits"]
        return Limits(
            max_processors=told["processors"],
            max_memory=told["memory"],
            gpus=told["gpus"],
            names=tuple(told["job_files"]),
        )

    def home(self, here: str) -> str:
        """A command runs in its job folder: the folder of the caller is not there."""
        return "."

    def batch(self, *, many: bool, move: bool) -> Sender:
        """Uploads jobs, one after the other."""
        from qm.cli.sending import Sender

        if move:
            raise Refused("--move is for a QM on this machine")
        self._sender = Sender(self._jobs.client)
        return self._sender

    def reception(self) -> Sender:
        """The same: a job that was uploaded is known at once."""
        assert self._sender is not None
        return self._sender


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

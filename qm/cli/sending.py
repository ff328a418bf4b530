"""``qm submit`` to another machine: a job is uploaded, and then it is known at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qm.cli.reception import Answered
from qm.errors import NotRunning, QMError
from qm.remote import Client
from qm.remote.upload import Upload, upload
from qm.submit import Submission
from qm.submit.orders import Order


class Sender:
    """Both sides of a submission: it takes orders, and tells what became of them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sent: list[Upload] = []
        self._known: dict[str, dict[str, Any]] = {}
        self._committed: list[Submission] = []

    def add(self, order: Order | Submission, hold: bool = False) -> None:
        """Upload a job; of a submission nothing is left to ask."""
        if isinstance(order, Submission):
            self._committed.append(order)
        else:
            self._sent.append(upload(self._client, order, hold=hold))

    def is_due(self) -> bool:
        """What is uploaded becomes a job at once."""
        return bool(self._sent)

    def commit(self) -> list[Submission | QMError]:
        """Make jobs of what is uploaded."""
        sent, self._sent = self._sent, []
        return [self._commit(one) for one in sent]

    def _commit(self, one: Upload) -> Submission | QMError:
        try:
            job = one.commit()
        except QMError as error:
            one.cancel()
            return error
        known = ("id", "name", "state", "reason")
        self._known[one.id] = {name: job.get(name) for name in known}
        return Submission(one.id, str(job["name"]))

    def discard(self) -> None:
        """Take back what is uploaded and not committed."""
        sent, self._sent = self._sent, []
        for one in sent:
            one.cancel()

    def answered(self) -> Iterator[Answered]:
        """What has become a job by now."""
        batch, self._committed = self._committed, []
        for one in batch:
            job = self._known.pop(one.token)
            # Without an id nobody has looked at it: no manager runs there, or it is busy.
            problem = NotRunning("no QM runs there") if job["id"] is None else None
            yield Answered([one], {one.token: job}, problem)

    def rest(self, *, interrupted: bool = False) -> Iterator[Answered]:
        """The same: nothing is left to be waited for."""
        return self.answered()

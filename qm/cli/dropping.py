"""Orders become jobs, one after the other, while the manager takes up the ones before."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qm.cli.output import say, tell
from qm.errors import NotRunning, QMError

if TYPE_CHECKING:
    from qm.cli.bar import Bar
    from qm.cli.queue import Committing, Hearing, Queue
    from qm.cli.reception import Answered
    from qm.submit import Submission
    from qm.submit.orders import Clerk, Order
    from qm.submit.words import Target

MANY = 20
"""From so many jobs on, a terminal gets a progress bar and a summary."""

_STARTS_LATER = "it starts when QM runs (qm serve)"


class Desk:
    """Hands orders in, and says what became of each; ``code`` is the exit code.

    ``expected`` is how many there are to be.
    """

    def __init__(self, expected: int, *, as_json: bool) -> None:
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
        self, queue: Queue, orders: Iterable[Order | None], *, move: bool, hold: bool
    ) -> list[dict[str, Any]]:
        """Stage and commit each; returns what is known of each job, as ``--json`` has it.

        On Ctrl-C none is left half, and it says how many were submitted.
        """
        from qm.cli.bar import Bar

        batch = queue.batch(many=self.expected >= MANY, move=move)
        reception = queue.reception()
        try:
            with Bar(self.expected, MANY) as bar:
                for order in orders:
                    if order is None or not self._stage(batch, order, hold):
                        bar.step()
                    if batch.is_due():
                        self._commit(batch, reception, bar)
                    self._hear(reception.answered())
                self._commit(batch, reception, bar)
                bar.waits()
                self._hear(reception.rest())
        except KeyboardInterrupt:
            batch.discard()
            self._hear(reception.rest(interrupted=True))
            self._report()
            tell(f"Interrupted: {self._submitted} of {self.expected} were submitted")
            raise
        except BaseException:
            batch.discard()
            raise
        self._report()
        return self._jobs

    def _stage(self, batch: Committing, order: Order, hold: bool) -> bool:
        try:
            batch.add(order, hold)
        except (QMError, OSError) as error:
            self._complain(_sentence(error))
            return False
        return True

    def _commit(self, batch: Committing, reception: Hearing, bar: Bar) -> None:
        """Commit, count, and have the manager asked; tell what failed. Ctrl-C waits for that."""
        from qm.cli.interrupts import interrupts_wait

        with interrupts_wait():
            for one in batch.commit():
                bar.step()
                if isinstance(one, QMError):
                    self._complain(str(one))
                    continue
                self._submitted += 1
                reception.add(one)
                if one.remark:
                    self._complain(one.remark, code=self.code)

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
        from qm.names import shown

        if job["state"] == "REJECTED":
            who = _who(job)
            tell(f"Refused {who}: {shown(job['reason'] or '')}")
        elif self._summarises():
            return
        elif job["id"] is None:
            later = self.expected == 1 and isinstance(self._problem, NotRunning)
            say(
                f"Dropped {shown(job['name'])} into QM_qJobs{f'; {_STARTS_LATER}' if later else ''}"
            )
        elif job["state"] == "HELD":
            who = _who(job)
            say(f"Submitted {who}, held; `qm release {job['id']}` lets it start")
        else:
            say(f"Submitted {_who(job)}")

    def _report(self) -> None:
        """What is said once, at the end."""
        if self._summarises() and not self._as_json:
            self._summarise()
        dropped = sum(job["id"] is None for job in self._jobs)
        if not dropped or self._problem is None:
            return
        if not isinstance(self._problem, NotRunning):
            tell(f"qm: {self._problem.message}. They lie in QM_qJobs, and start when QM sees them.")
        elif self.expected > 1 and not self._as_json:
            say("QM does not run: they start when it does (qm serve)")

    def _summarise(self) -> None:

        taken = [j for j in self._jobs if j["id"] is not None and j["state"] != "REJECTED"]
        if taken:
            first, last = (_who(j) for j in (taken[0], taken[-1]))
            say(f"Submitted {len(taken)} jobs, from {first} to {last}")
        dropped = sum(job["id"] is None for job in self._jobs)
        if dropped:
            say(f"Dropped {dropped} jobs into QM_qJobs")


def _who(job: dict[str, Any]) -> str:
    from qm.names import shown

    return f"job {job['id']} ({shown(job['name'])})"


def _sentence(error: QMError | OSError) -> str:
    if isinstance(error, QMError):
        return str(error)
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{where}{error.strerror or error}"


def _job_of(job: dict[str, Any] | None, submission: Submission) -> dict[str, Any]:
    if job is not None:
        return job
    return {"id": None, "name": submission.name, "state": "ARRIVING", "reason": None}

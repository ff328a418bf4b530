"""Entries of QM_qJobs that are no waiting jobs, by name and by the job that they are."""

from __future__ import annotations

from dataclasses import dataclass

from qm.drops import Settling
from qm.model import Job, Reason


@dataclass(slots=True)
class Arrival:
    """An entry of QM_qJobs that is no waiting job: it settles, or is settled again."""

    name: str
    order: int
    """Order of arrival."""
    since: str
    settling: Settling
    job: Job | None = None
    """The job that it is, or that its id is kept for; :meth:`Arrivals.assign` gives it one."""
    recorded: bool = False
    """It was accepted before, and edited since."""
    busy: bool = False
    """A look, an acceptance or a refusal is under way."""
    again: bool = False
    """Something happened meanwhile: look once more."""
    due: float = 0.0
    reason: Reason | None = None


class Arrivals(dict[str, Arrival]):
    """By name. Items are set and deleted; no other method of a dictionary changes it."""

    def __init__(self) -> None:
        super().__init__()
        self._of_job: dict[int, str] = {}

    def __setitem__(self, name: str, arrival: Arrival) -> None:
        super().__setitem__(name, arrival)
        if arrival.job is not None:
            self._of_job[arrival.job.id] = name

    def __delitem__(self, name: str) -> None:
        job = self[name].job
        super().__delitem__(name)
        if job is not None and self._of_job.get(job.id) == name:
            del self._of_job[job.id]

    def assign(self, arrival: Arrival, job: Job) -> None:
        """The arrival is this job from now on."""
        arrival.job = job
        self._of_job[job.id] = arrival.name

    def of_job(self, job_id: int) -> Arrival | None:
        """The arrival that is this job, or that keeps its id; None where there is none."""
        name = self._of_job.get(job_id)
        return None if name is None else self[name]

    def recorded_job(self, job_id: int) -> Job | None:
        """The job of this id where it was accepted before, and settles again."""
        arrival = self.of_job(job_id)
        return None if arrival is None or not arrival.recorded else arrival.job

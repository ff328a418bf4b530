"""The log of a job, or of an earlier attempt of it, opened for reading."""

from __future__ import annotations

from dataclasses import dataclass

from qm.folders.layout import Layout
from qm.jobfiles import LOG, OWN
from qm.osops.browsing import PlainFile, open_file
from web.jobfolder import JobFolder, problem_of_file
from web.problem import Problem
from web.target import LARGEST_ID, Target, job_target

__all__ = ["LARGEST_ID", "JobLog", "open_log"]

_NO_LOG = "There is no log yet: the job has not been started."


@dataclass(frozen=True, slots=True)
class JobLog:
    """An open log; ``complete``: nothing more comes. The caller closes ``file``."""

    file: PlainFile
    complete: bool


def open_log(layout: Layout, job_id: int, run: int | None = None) -> JobLog:
    """The log of the current attempt, or of attempt ``run`` if that was put aside.

    NoSuchJob, or Problem 404 where there is none.
    """
    target = job_target(layout, job_id)
    with target.open() as folder:
        if run is not None:
            archived = _archived(folder, run)
            if archived is not None:
                return JobLog(archived, complete=True)
        return _current(folder, target)


def _current(folder: JobFolder, target: Target) -> JobLog:
    try:
        return JobLog(folder.file((LOG,)), target.ended)
    except Problem as problem:
        raise Problem(404, _NO_LOG) if problem.status == 404 else problem from None


def _archived(folder: JobFolder, run: int) -> PlainFile | None:
    try:
        with folder.top.sub(OWN) as own, own.sub(f"attempt-{run}") as archive:
            return open_file(archive, LOG)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise problem_of_file(error) from error

"""The ``after`` of a job: which jobs must end first, and how."""

from __future__ import annotations

import re

from qm.jobinfo.values import Unusable

CONDITIONS = ("afterok", "afterany", "afternotok")
"""The job before must have finished with code 0; have ended somehow; have failed."""

AFTER_FORMS = (
    "names or ids of jobs with a comma or a blank between them, each perhaps with "
    "afterok: (the default), afterany: or afternotok: in front, "
    "such as: prep, afterany:12:13"
)


def parse_after(text: str) -> tuple[str, ...]:
    """Each job as ``condition:job``: ``afterok:12:13`` gives two, ``prep`` is ``afterok:prep``.

    The order stays; what is said twice counts once. Raises Unusable.
    """
    entries = [entry for entry in re.split(r"[,\s]+", text) if entry]
    return tuple(dict.fromkeys(each for entry in entries for each in _entry(entry)))


def _entry(entry: str) -> list[str]:
    first, *jobs = entry.split(":")
    condition = first.lower()
    if not jobs and condition not in CONDITIONS:
        condition, jobs = CONDITIONS[0], [first]
    if condition not in CONDITIONS:
        raise Unusable(
            AFTER_FORMS, f'"{first}" is no condition. A name with a colon has to be given by id.'
        )
    # "?" is how Slurm says "one of these is enough", which QM cannot promise.
    if not jobs or not all(jobs) or "?" in entry:
        raise Unusable(AFTER_FORMS)
    return [f"{condition}:{job}" for job in jobs]


def batch_dependency(text: str) -> str:
    """The ``after`` for a dependency of Slurm or PBS, where every entry needs a condition.

    Raises Unusable for the others, such as ``singleton``, which must not pass
    for the name of a job.
    """
    if not text or not all(":" in entry for entry in text.split(",")):
        raise Unusable(
            "afterok:, afterany: or afternotok: with ids or names of jobs, "
            "such as afterok:12:13,afterany:14"
        )
    return text

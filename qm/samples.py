"""Where the sample jobs are, in a checkout and in an installed QM.

A wheel carries them as ``qm/sample_jobs`` (setup.py copies them there); in a
checkout, and so with an editable install, they are in ``sample_jobs`` beside
``qm``.
"""

from __future__ import annotations

from pathlib import Path

from qm.errors import QMError

_PACKAGE = Path(__file__).resolve().parent
_NAME = "sample_jobs"


def sample_jobs_folder() -> Path:
    """Return the folder that holds the sample jobs and their README.md.

    It may be read-only and is not for running jobs in: copy them from it.
    Raises QMError when this installation has none.
    """
    for folder in (_PACKAGE / _NAME, _PACKAGE.parent / _NAME):
        if (folder / "README.md").is_file():
            return folder
    raise QMError(
        f"This installation of QM has no sample jobs: there is no folder {_PACKAGE / _NAME}.",
        "Install QM again, or work from a checkout, where they are in sample_jobs.",
    )


def sample_names() -> tuple[str, ...]:
    """Return the names of all sample jobs, sorted."""
    return tuple(
        sorted(
            entry.name
            for entry in sample_jobs_folder().iterdir()
            if entry.is_dir() and not entry.name.startswith((".", "_"))
        )
    )


def sample_job(name: str) -> Path:
    """Return the folder of the sample job ``name``; raises QMError when there is none."""
    names = sample_names()
    if name not in names:
        raise QMError(
            f"There is no sample job {name!r}.", f"The sample jobs are: {', '.join(names)}."
        )
    return sample_jobs_folder() / name

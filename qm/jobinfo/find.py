"""Which file of a job folder is its info file, and what was perhaps meant to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def choose(present: Collection[str], names: Sequence[str]) -> str | None:
    """The first of ``names`` that is in ``present``, the names in the job folder; else None."""
    return next((name for name in names if name in present), None)


def missing(paths: Iterable[str], names: Sequence[str]) -> tuple[str, str]:
    """What to say of a folder without info file: a message, and a hint or nothing.

    ``paths`` are relative, divided by ``/``; a few levels are enough. The hint
    tells of a name in another case, with a suffix too many, or one folder deeper.
    """
    wanted = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    message = f"there is no {wanted} in the folder"
    folded = {name.lower(): name for name in names}
    deeper = None
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        if folder:
            deeper = deeper or (path if name in names else None)
            continue
        meant = folded.get(name.lower()) or folded.get(name.lower().rpartition(".")[0])
        if meant:
            return message, f"There is {name}: rename it to {meant}."
    if deeper:
        folder = deeper.rpartition("/")[0]
        return message, f"There is {deeper}: drop the folder {folder} itself."
    return message, ""

"""Values as Slurm writes them, to values as QM writes them.

The forms are those of sbatch(1). Each function raises ValueError, whose text
completes "expected ...".
"""

from __future__ import annotations

import re

TIME_FORMS = (
    "minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes or "
    "days-hours:minutes:seconds"
)
MEMORY_FORMS = "megabytes, or a number with K, M, G or T behind it"
BEGIN_FORMS = "a time such as 2030-01-31T08:00, 22:30 or now+1hour"
GPU_FORMS = "a number of GPUs, such as 1 or a100:1"
NODE_FORMS = "a number of nodes"

_TIME = re.compile(r"(?:([0-9]{1,9})-)?([0-9]{1,9})(?::([0-9]{1,9}))?(?::([0-9]{1,9}))?", re.ASCII)
_MEMORY = re.compile(r"([0-9]{1,12})([KMGT]?)B?", re.ASCII | re.IGNORECASE)
_NODES = re.compile(r"([0-9]{1,9})(?:-[0-9]{1,9})?", re.ASCII)
_GPUS = re.compile(r"(?:[A-Za-z][\w.-]*:)?([0-9]{1,9})", re.ASCII)
_GRES = re.compile(r"(?:gres[:/])?gpu(?::[A-Za-z][\w.-]*)?(?:[:=]([0-9]{1,9}))?", re.ASCII)
_NOW = re.compile(r"now(?:\+([0-9]{1,9})(?:(second|minute|hour|day|week)s?)?)?", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}


def slurm_seconds(text: str) -> int | None:
    """Seconds in a ``--time``, where a plain number is minutes.

    None for no limit: 0, UNLIMITED, INFINITE and -1.
    """
    if text.upper() in {"UNLIMITED", "INFINITE", "-1"}:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(TIME_FORMS)
    days, *fields = match.groups()
    values = [int(field or 0) for field in fields]
    if days is not None or fields[2] is not None:
        hours, minutes, seconds = values
    else:
        hours, minutes, seconds = 0, values[0], values[1]
    total = int(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds
    return total or None


def slurm_walltime(text: str) -> str | None:
    """The ``walltime`` for a ``--time``."""
    seconds = slurm_seconds(text)
    return None if seconds is None else str(seconds)


def slurm_signal(text: str) -> str:
    """The ``signal`` for a ``--signal``, without the letters for whom it is: all get it."""
    return re.sub(r"^[RB]*:", "", text)


def slurm_bytes(text: str) -> int:
    """Bytes in a ``--mem``, where a plain number is megabytes. 0 is all that there is."""
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise ValueError(MEMORY_FORMS)
    return int(match[1]) << (10 * (" KMGT".index(match[2].upper() or "M")))


def slurm_begin(text: str) -> str:
    """The ``begin`` for a ``--begin``."""
    match = _NOW.fullmatch(text.lower())
    if match:
        return f"+{int(match[1] or 0) * _SECONDS[match[2] or 'second']}"
    if not text or text.startswith("+"):
        raise ValueError(BEGIN_FORMS)
    return text


def slurm_nodes(text: str) -> int:
    """The least number of nodes in ``--nodes=2`` or ``--nodes=2-4``."""
    match = _NODES.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(NODE_FORMS)
    return int(match[1])


def slurm_gpus(text: str) -> int:
    """GPUs in ``--gpus=2``, ``--gpus=a100:2`` or ``--gpus=a100:1,v100:1``."""
    matches = [_GPUS.fullmatch(part) for part in text.split(",")]
    if not all(matches):
        raise ValueError(GPU_FORMS)
    return sum(int(match[1]) for match in matches if match)


def gres_gpus(text: str) -> int | None:
    """GPUs in ``--gres=gpu:2`` or ``--gres=gpu:a100:1,shard:2``; None where none is named."""
    parts = text.split(",")
    counts = [int(match[1] or 1) for part in parts if (match := _GRES.fullmatch(part))]
    if len(counts) < sum(part.startswith(("gpu", "gres:gpu", "gres/gpu")) for part in parts):
        raise ValueError("gpu:N or gpu:TYPE:N")
    return sum(counts) if counts else None


def negated(text: str) -> str:
    """The ``priority`` for a ``--nice``, which without a value is 100."""
    if not re.fullmatch(r"-?[0-9]{1,18}", text or "100", re.ASCII):
        raise ValueError("a whole number")
    return str(-int(text or "100"))

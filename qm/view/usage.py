"""What an attempt used over time, as its supervisor wrote it down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qm.jobdir import own_folder
from qm.osops import FolderHandle
from qm.usagefile import LIMIT, USAGE, Sample, Totals, decode_usage, totals_of


def usage_of(folder: str | None, attempt: int | None = None) -> tuple[Sample, ...]:
    """The samples of the job in ``folder``, or of an attempt that was put aside, oldest first.

    None where there is no such table, or something else lies in its place.
    """
    if folder is None:
        return ()
    try:
        with own_folder(folder) as own:
            if attempt is None:
                return _read(own)
            with own.sub(f"attempt-{attempt}") as archive:
                return _read(archive)
    except (OSError, ValueError):
        return ()


def totals_json(samples: Sequence[Sample]) -> dict[str, Any] | None:
    """What the samples come to, as ``--json`` has it; None where there are none."""
    totals: Totals | None = totals_of(samples)
    if totals is None:
        return None
    return {
        "samples": len(samples),
        "seconds": samples[-1].seconds,
        "mean_cores": round(totals.mean_cores, 3),
        "peak_cores": round(totals.peak_cores, 3),
        "mean_memory": totals.mean_memory,
        "peak_memory": totals.peak_memory,
        "peak_processes": totals.peak_processes,
    }


def _read(records: FolderHandle) -> tuple[Sample, ...]:
    data = records.read(USAGE, LIMIT + 1)
    return () if data is None else decode_usage(data)

"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path

import psutil

from qm.osops import file_system_type, sync_file

Description = dict[str, str | int | float | None]


def describe(where: Path) -> Description:
    """The machine, its load at this moment, and the file system of ``where``."""
    return {
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "cpus": os.cpu_count(),
        "memory_mb": round(psutil.virtual_memory().total / 1e6),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "file_system": file_system_type(str(where)),
        "sync_ms": round(_sync_seconds(where) * 1000, 3),
        "load_average": " ".join(f"{load:.2f}" for load in psutil.getloadavg()),
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def busy_percent(seconds: float) -> float:
    """How busy all processors are, by whatever runs, over so many seconds: 100 is all of them."""
    return psutil.cpu_percent(interval=seconds)


def _sync_seconds(where: Path, tries: int = 15) -> float:
    """The median time of bringing a small new file to disk: what one sync costs here."""
    taken = []
    file = where / "sync"
    for _ in range(tries):
        with file.open("wb") as target:
            target.write(b"x" * 400)
            target.flush()
            began = time.perf_counter()
            sync_file(target.fileno())
            taken.append(time.perf_counter() - began)
        file.unlink()
    return statistics.median(taken)

"""What answers cost, told so that a busy machine changes nothing: work done, and comparisons."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import psutil

from tests.web.served import Served


@dataclass
class Cost:
    """What the page's process did meanwhile."""

    cpu: float = 0.0
    """Seconds of processors."""
    read: int = 0
    """Bytes that it read, from the disk or from memory; 0 where the system does not count."""


@contextmanager
def cost_of(page: Served) -> Iterator[Cost]:
    """Filled in at the end of the block."""
    process, cost = psutil.Process(page.process.pid), Cost()
    before = _spent(process)
    yield cost
    after = _spent(process)
    cost.cpu, cost.read = after[0] - before[0], after[1] - before[1]


def _spent(process: psutil.Process) -> tuple[float, int]:
    times = process.cpu_times()
    count = getattr(process, "io_counters", None)
    return times.user + times.system, int(count().read_chars) if count is not None else 0


def seconds_of(deed: Callable[[], object]) -> float:
    """How long it took."""
    began = time.monotonic()
    deed()
    return time.monotonic() - began


def is_hardly_slower(times: Sequence[float], alone: Sequence[float]) -> bool:
    """True if ``times``, in seconds, are like those that were measured with nothing else going on.

    A tenth of a second more is allowed, and that the machine has become ten times
    slower; whoever waits for a thread that is held waits until the client gives up.
    """
    return median(times) <= 0.1 + 10 * median(alone)

"""``usage.csv``: what a job used over time, beside its records. Thin: a supervisor imports it.

Its first line names the columns and their units, and so the format: another
format would name others. Each line tells of the time since the line before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

USAGE = "usage.csv"
"""In the hidden folder of the job, and with an attempt that was put aside."""
LIMIT = 1 << 16
"""Bytes: a longer file is none of ours."""
MOST = 360
"""The most samples of one attempt; each time there are as many, two become one."""

_HEAD = "seconds,cores,bytes,processes"
_LONGEST = 1e10
_MOST_CORES = 1e6
_MOST_BYTES = 1 << 62
_MOST_PROCESSES = 10**9


class Sample(NamedTuple):
    """What the processes of a job used together in one stretch of time."""

    seconds: float
    """Its end, since the start of the script; it began where the sample before ended."""
    cores: float
    """Processors in use, on average."""
    memory: int
    """Bytes, the most that was seen."""
    processes: int
    """The most that were seen."""


class Totals(NamedTuple):
    """What the samples of an attempt come to."""

    mean_cores: float
    peak_cores: float
    mean_memory: int
    """Bytes."""
    peak_memory: int
    peak_processes: int


def encode_usage(samples: Sequence[Sample]) -> bytes:
    """The file with these samples."""
    lines = (f"{s.seconds:.1f},{s.cores:.3f},{s.memory},{s.processes}" for s in samples)
    return ("\n".join((_HEAD, *lines)) + "\n").encode("ascii")


def decode_usage(data: bytes) -> tuple[Sample, ...]:
    """The samples of a file; ValueError where it is not one that :func:`encode_usage` made.

    The job itself may have written there: nothing in it is believed that no job could use.
    """
    if len(data) > LIMIT:
        raise ValueError(f"more than {LIMIT} bytes")
    head, *lines, last = data.decode("ascii").split("\n")
    if head != _HEAD or last:
        raise ValueError("not a table of what a job used")
    samples: list[Sample] = []
    before = 0.0
    for line in lines:
        sample = _sample(line)
        if not before < sample.seconds <= _LONGEST:
            raise ValueError(f"not the time after {before}: {line}")
        before = sample.seconds
        samples.append(sample)
    return tuple(samples)


def halved(samples: Sequence[Sample]) -> list[Sample]:
    """Two samples become one; the time, the processor time and the peaks stay what they were.

    An odd last one stays as it is.
    """
    found: list[Sample] = []
    before = 0.0
    for first, second in zip(samples[::2], samples[1::2], strict=False):
        found.append(_joined(before, first, second))
        before = second.seconds
    return found + list(samples[len(found) * 2 :])


def totals_of(samples: Sequence[Sample]) -> Totals | None:
    """Means over the time, and peaks; None where there is no sample."""
    if not samples:
        return None
    spent = held = before = 0.0
    for sample in samples:
        length = sample.seconds - before
        spent += sample.cores * length
        held += sample.memory * length
        before = sample.seconds
    return Totals(
        mean_cores=spent / before,
        peak_cores=max(sample.cores for sample in samples),
        mean_memory=int(held / before),
        peak_memory=max(sample.memory for sample in samples),
        peak_processes=max(sample.processes for sample in samples),
    )


def _joined(begin: float, first: Sample, second: Sample) -> Sample:
    length = second.seconds - begin
    spent = first.cores * (first.seconds - begin)
    spent += second.cores * (second.seconds - first.seconds)
    return Sample(
        second.seconds,
        spent / length if length > 0 else second.cores,
        max(first.memory, second.memory),
        max(first.processes, second.processes),
    )


def _sample(line: str) -> Sample:
    seconds, cores, memory, processes = line.split(",")
    sample = Sample(float(seconds), float(cores), _whole(memory), _whole(processes))
    within = 0 <= sample.cores <= _MOST_CORES and sample.processes <= _MOST_PROCESSES
    if not within or sample.memory > _MOST_BYTES:
        raise ValueError(f"not what a job can use: {line}")
    return sample


def _whole(text: str) -> int:
    if not text.isdigit() or len(text) > 19:
        raise ValueError(f"not a number: {text[:40]}")
    return int(text)

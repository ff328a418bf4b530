"""What a restart means: the same reading of the same files. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reading(Enum):
    """What the files of a claimed job mean; DESIGN's restart table."""

    RUNS = "it runs"
    ENDED = "it ended while nobody looked"
    DIED = "its supervisor or the machine died"
    NOT_STARTED = "it was claimed and never started"
    FOREIGN = "another machine started it"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The facts about a claimed job that :func:`read_evidence` goes by."""

    locked: bool
    has_exit: bool
    has_start: bool
    claimed: bool
    claim_boot: str
    start_host: str
    boot: str
    host: str


def read_evidence(facts: Evidence) -> Reading:
    """The same reading of the same files, whoever reads and however often."""
    if facts.locked:
        return Reading.RUNS
    if facts.has_exit:
        return Reading.ENDED
    if facts.has_start:
        if facts.start_host not in ("", facts.host):
            return Reading.FOREIGN
        return Reading.DIED
    if facts.claimed and facts.claim_boot != facts.boot:
        # The start record may have been lost with the power: it may have run.
        return Reading.DIED
    return Reading.NOT_STARTED

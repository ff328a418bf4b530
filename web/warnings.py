"""What QM has complained of: lines of its log, and notices that did not arrive. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qm.names import shown

MOST = 20
_LONGEST = 500
_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} (WARNING|ERROR|CRITICAL) (.*)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Warned:
    """One line of the log; ``time`` is local, as it stands there."""

    time: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A notice that did not arrive; ``time`` is UTC."""

    time: str
    kind: str
    job: int
    detail: str


def warnings_in(lines: Sequence[str], most: int = MOST) -> list[Warned]:
    """The last warnings and errors of a log, the newest first; tracebacks are left out."""
    found = []
    for line in reversed(lines):
        match = _LINE.match(line)
        if match:
            found.append(Warned(match[1], match[2].lower(), _brief(match[3])))
            if len(found) == most:
                break
    return found


def failures_in(events: Iterable[Mapping[str, Any]], most: int = MOST) -> list[Failure]:
    """The last notices that did not arrive, the newest first; lines that people spoilt are not."""
    found = [
        Failure(str(event["time"]), shown(str(event["kind"])), job, _brief(str(event["detail"])))
        for event in events
        if event.get("ok") is False
        and {"time", "kind", "detail"} <= event.keys()
        and type(job := event.get("job")) is int
    ]
    return found[: -most - 1 : -1]


def _brief(text: str) -> str:
    whole = shown(text)
    return whole if len(whole) <= _LONGEST else f"{whole[:_LONGEST]} …"

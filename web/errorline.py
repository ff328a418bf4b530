"""The line of a log that most likely tells why a job failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 300
_OURS = ("Job started by QM at:", "Job finished at:", "QM: ")
# What interpreters and systems end with; then what programs print about themselves.
_RAISED = re.compile(r"\s{0,8}[\w.]{0,120}(?:Error|Exception|Interrupt|Fault)\b:?")
_TOLD = re.compile(
    r"\b(?:error|fatal|exception|panic|abort(?:ed|ing)?|segmentation fault|core dumped"
    r"|out of memory|not found|no such file|permission denied|cannot|can't|failed|killed)\b",
    re.IGNORECASE,
)


def error_line(lines: Iterable[str]) -> str:
    """The first line that ends a traceback or the like, else the first that tells of an error.

    Empty where no line does. QM's own lines do not count.
    """
    told = ""
    for line in lines:
        text = line[:_LONGEST]
        if text.startswith(_OURS):
            continue
        if _RAISED.match(text):
            return text.strip()
        if not told and _TOLD.search(text):
            told = text.strip()
    return told

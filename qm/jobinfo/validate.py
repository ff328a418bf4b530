"""The one validator: what a reader found, checked, to JobOptions and warnings."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from qm.errors import InfoError
from qm.jobinfo.items import Item, Reading, place, refuse_duplicates
from qm.jobinfo.keys import KEYS, Key
from qm.jobinfo.limits import Limits, fit
from qm.jobinfo.text import REPLACEMENT
from qm.model import JobInfo, JobOptions

_CLOSE = 0.8
"""How alike (0 to 1) a key must be to a known one to be taken for a slip."""

_MOST_COMPARED = 200
"""Foreign keys looked at for slips; a file may hold thousands, and time is bounded."""


def validate(
    file: str, reading: Reading, damaged: bool, limits: Limits, now: datetime | None
) -> JobInfo:
    """Check every known key of ``reading`` and leave the others to the script.

    ``damaged``: the file has bytes that are not in its encoding (U+FFFD now).
    ``now`` carries a zone and is needed by a ``begin`` without a date.
    Raises InfoError with the line at fault.
    """
    known = [each for each in reading.items if each.key in KEYS]
    refuse_duplicates(file, known)
    warnings = [*reading.warnings, *_slips(file, reading.items)]
    values: dict[str, Any] = {}
    for each in known:
        text = _clean(file, each, KEYS[each.key], damaged, warnings)
        values[each.key] = _value(file, each, text, limits, now, warnings)
    if "script" not in values:
        raise InfoError(
            file, None, "there is no script", "a line such as: script : python process.py"
        )
    values.setdefault("mem", limits.default_mem)
    values.setdefault("walltime", limits.default_walltime)
    return JobInfo(file, JobOptions(dialect=reading.dialect, **values), tuple(warnings))


def _value(
    file: str,
    item: Item,
    text: str,
    limits: Limits,
    now: datetime | None,
    warnings: list[str],
) -> object:
    try:
        fitted = fit(item.key, KEYS[item.key].parse(text), limits, now)
    except ValueError as error:
        hint = getattr(error, "hint", "") or _comment_hint(text)
        raise InfoError(file, item.line, item.shown, str(error), hint) from None
    if fitted.warning:
        warnings.append(place(file, item.line, fitted.warning))
    return fitted.value


def _comment_hint(text: str) -> str:
    """A hint where the value probably fails because of a comment behind it."""
    return "A comment needs a line of its own." if " #" in text or " ;" in text else ""


def _clean(file: str, item: Item, key: Key, damaged: bool, warnings: list[str]) -> str:
    """The text of a value without what no value may hold."""
    text = " ".join(item.value.split()) if key.description else item.value
    if damaged and REPLACEMENT in text:
        if not key.description:
            raise InfoError(
                file, item.line, f"{item.shown} is not UTF-8", "UTF-8 text", "Save it as UTF-8."
            )
        warnings.append(
            place(file, item.line, f"{key.name} is not UTF-8; what cannot be read shows as \ufffd")
        )
    for letter in text:
        if unicodedata.category(letter) == "Cc" and letter != "\t":
            raise InfoError(
                file,
                item.line,
                f"{item.shown} holds {_control(letter)}",
                "one line of plain text",
                "Put several commands into a script file." if key.name == "script" else "",
            )
    return text


def _control(letter: str) -> str:
    return "a line break" if letter in "\r\n" else f"the control character U+{ord(letter):04X}"


def _slips(file: str, items: Iterable[Item]) -> list[str]:
    """Warnings for keys that are not known but look as if they were meant to be."""
    longest = max(map(len, KEYS)) + 4
    foreign = [each for each in items if each.key not in KEYS and len(each.key) <= longest]
    warnings = []
    for each in foreign[:_MOST_COMPARED]:
        for meant in difflib.get_close_matches(each.key, KEYS, n=1, cutoff=_CLOSE):
            text = f"{each.shown} is left to the script; did you mean {meant}?"
            warnings.append(place(file, each.line, text))
    return warnings

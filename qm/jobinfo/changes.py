"""Changes of single keys beside the info file: by ``qm set``, or given to ``qm submit``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from qm.errors import InfoError
from qm.jobinfo.items import item, normalise
from qm.jobinfo.keys import KEYS
from qm.jobinfo.limits import Limits, fit
from qm.model import JobOptions

WHERE = "the change"
"""What a message says instead of a file's name."""


def normalised(changes: Mapping[str, str]) -> dict[str, str]:
    """``changes`` with the keys as the table has them; InfoError for an unknown key."""
    known: dict[str, str] = {}
    for name, text in changes.items():
        key = normalise(name)
        if key not in KEYS:
            meant = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"Did you mean {meant[0]}?" if meant else f"The keys are {', '.join(KEYS)}."
            raise InfoError(WHERE, None, f"there is no key {name!r}", hint=hint)
        known[key] = text.strip()
    return known


def apply_changes(
    options: JobOptions, changes: Mapping[str, str], limits: Limits, now: datetime | None
) -> tuple[JobOptions, tuple[str, ...]]:
    """``options`` with these keys as a person wants them, and warnings.

    The texts are read and checked as those of an info file are. ``now``
    carries a zone; a ``begin`` without a date needs it. Raises InfoError.
    """
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for key, text in normalised(changes).items():
        shown = item(key, text, 1).shown
        if "\n" in text or "\r" in text or "\0" in text:
            raise InfoError(WHERE, None, f"{shown} has more than one line", "one line of text")
        try:
            fitted = fit(key, KEYS[key].parse(text), limits, now)
        except ValueError as error:
            hint = getattr(error, "hint", "")
            raise InfoError(WHERE, None, shown, str(error), hint) from None
        if fitted.warning:
            warnings.append(fitted.warning)
        values[key] = fitted.value
    return replace(options, **values), tuple(warnings)

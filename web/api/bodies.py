"""What a program sends: one JSON object, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import bottle

from web.problem import Problem

Check = Callable[[Any], bool]


def read_object(members: Mapping[str, tuple[Check, str]]) -> dict[str, Any]:
    """The body of the request at hand; no body is an empty object.

    ``members`` are the names that it may have, each with a check and with what
    is expected. Problem 400 for what is no JSON object, 422 for an unknown member
    or a value that cannot be.
    """
    found = read_json()
    for name, value in found.items():
        if name not in members:
            known = ", ".join(members) or "none"
            raise Problem(422, f"There is no member {name!r}; known: {known}.")
        is_right, expected = members[name]
        if not is_right(value):
            raise Problem(422, f"{name} is {_shown(value)}; expected {expected}.")
    return found


def read_json() -> dict[str, Any]:
    """The body as a JSON object with any members; Problem 400 where it is none."""
    raw: bytes = bottle.request.body.read()
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"The body is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Problem(400, "The body is JSON, but no object.")
    return found


def is_bool(value: Any) -> bool:
    """True for true and false."""
    return isinstance(value, bool)


def is_text(value: Any) -> bool:
    """True for a text that is not too long for a sentence."""
    return isinstance(value, str) and len(value) <= 1000


def is_seconds(most: float) -> Check:
    """A check for seconds from 0 to ``most``."""
    return lambda value: is_number(value) and 0 <= value <= most


def is_number(value: Any) -> bool:
    """True for a number; JSON's true is none, though Python's is."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def one_of(*values: str) -> tuple[Check, str]:
    """A check for one of these texts, with what is expected."""
    return (lambda value: isinstance(value, str) and value in values), " or ".join(values)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

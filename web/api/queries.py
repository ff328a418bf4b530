"""The parameters of a list of jobs, and the cursor that goes from page to page."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from qm.model import State
from qm.view import Query
from qm.view.paging import SORTS, Mark, Wanted
from web.api.parameters import Parameters
from web.problem import Problem

MOST = 500
"""Jobs on one page."""
USUAL = 50
SHORT = 200
"""The most that ``brief`` can ask for."""
_NUMBERS = frozenset({"id", "priority"})
KNOWN = (
    *("state", "owner", "name", "target", "q", "since", "until"),
    *("sort", "limit", "cursor", "brief"),
)
"""The parameters; the first four may be given several times, and then one of them counts."""


def wanted_of(given: Parameters) -> Wanted:
    """What is to be listed; Problem 422 for a parameter that cannot be understood."""
    sort, reverse = _sort(given.one("sort") or "-id")
    query = Query(
        states=_states(given),
        owners=given.all("owner"),
        names=given.all("name"),
        targets=given.all("target"),
        until=_moment(given, "until"),
        sort=sort,
        reverse=reverse,
    )
    cursor = given.one("cursor")
    return Wanted(
        query=query,
        text=given.one("q") or "",
        since=_moment(given, "since"),
        size=given.number("limit", 1, MOST) or USUAL,
        after=None if cursor is None else read_cursor(cursor, sort),
    )


def brief_of(given: Parameters) -> int | None:
    """How many of each kind a short list is to have; None where a page is asked for.

    Problem 409 where it is asked for together with anything else.
    """
    brief = given.number("brief", 1, SHORT)
    if brief is not None and given.values.keys() - {"brief", "since"}:
        raise Problem(409, "brief goes with since only: a short list has its own order and size.")
    return brief


def cursor_text(mark: Mark) -> str:
    """A mark as part of an address."""
    raw = json.dumps(list(mark), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(text: str, sort: str) -> Mark:
    """The mark that :func:`cursor_text` has made for a list that is sorted so; Problem 404."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        part, value, name = json.loads(raw)
    except (ValueError, TypeError, RecursionError):
        raise _no_cursor() from None
    if not _is_mark(part, value, name, sort):
        raise _no_cursor()
    return Mark(part, value, name)


def _is_mark(part: object, value: object, name: object, sort: str) -> bool:
    if type(part) is not int or part not in (0, 1, 2):
        return False
    if part == 2:
        return _is_storable(value) and _is_storable(name)
    if type(name) is not int or not 0 <= name < 1 << 63:
        return False
    if part == 1:
        return value is None
    if sort in _NUMBERS:
        return type(value) is int and abs(value) < 1 << 63
    return _is_storable(value)


def _is_storable(text: object) -> bool:
    """True for a text that SQLite can keep: half a character it cannot."""
    return isinstance(text, str) and not any("\ud800" <= one <= "\udfff" for one in text)


def _no_cursor() -> Problem:
    return Problem(404, "There is no such page of this list.", "Begin without a cursor.")


def _states(given: Parameters) -> frozenset[str]:
    words = [word for value in given.all("state") for word in value.split(",")]
    wrong = [word for word in words if word not in set(State)]
    if wrong:
        raise Problem(422, f"{wrong[0]!r} is no state; the states are {', '.join(State)}.")
    return frozenset(words)


def _sort(text: str) -> tuple[str, bool]:
    column = text.removeprefix("-")
    if column not in SORTS:
        known = ", ".join(SORTS)
        raise Problem(422, f"sort is {text!r}; expected {known}, or one of them behind a -.")
    return column, text.startswith("-")


def _moment(given: Parameters, name: str) -> str | None:
    text = given.one(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(text)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    except (ValueError, OverflowError):
        expected = "a time with its zone, such as 2030-01-31T08:00:00Z"
        raise Problem(422, f"{name} is {text!r}; expected {expected}.") from None

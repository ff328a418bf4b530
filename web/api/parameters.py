"""The query string of an address, and what may stand in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import bottle

from web.problem import Problem

_LONGEST = 2000
"""Characters of one value."""
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Parameters:
    """Names with all of their values; every problem with them is one of status 422."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, known: Collection[str]) -> Parameters:
        """Those of the request at hand, of which only the ``known`` ones may be there."""
        try:
            pairs = parse_qsl(
                bottle.request.query_string,
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MOST,
            )
        except ValueError:
            raise Problem(422, "The address holds what is no UTF-8, or too much.") from None
        found: dict[str, tuple[str, ...]] = {}
        for name, value in pairs:
            if name not in known:
                raise Problem(422, f"There is no parameter {name!r}; known: {', '.join(known)}.")
            if "\0" in value or len(value) > _LONGEST:
                raise Problem(422, f"{name} is not a text of at most {_LONGEST} characters.")
            found[name] = (*found.get(name, ()), value)
        return cls(found)

    def all(self, name: str) -> tuple[str, ...]:
        """All values of one name."""
        return self.values.get(name, ())

    def one(self, name: str) -> str | None:
        """The value of a name that may come once."""
        values = self.all(name)
        if len(values) > 1:
            raise Problem(422, f"{name} is given {len(values)} times.")
        return values[0] if values else None

    def number(self, name: str, least: int, most: int) -> int | None:
        """A whole number within these bounds."""
        text = self.one(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise Problem(422, f"{name} is {text!r}; expected a number from {least} to {most}.")
        return int(text)

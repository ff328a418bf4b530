"""The SQL conditions that a query stands for."""

from __future__ import annotations

from collections.abc import Sequence

from qm.index import IndexReader
from qm.view.query import Query, has_wildcard, is_id, likeness


class Conditions:
    """What a row has to be like; all of it holds. ``index`` is taught to match wildcards."""

    def __init__(self, index: IndexReader, query: Query) -> None:
        self._index = index
        self._conditions: list[str] = []
        self.arguments: list[object] = []
        """The values for the question marks of :meth:`where`, behind those of its part."""
        if query.states:
            self._is_one_of("state", sorted(query.states))
        for column, patterns in (("owner", query.owners), ("name", query.names)):
            if patterns:
                self._is_like(column, patterns)
        if query.targets:
            self._is_target(query.targets)
        if query.until is not None:
            self.hold("coalesce(ended, submitted) <= ?", [query.until])

    def where(self, part: str) -> str:
        """The condition ``part``, and all of these."""
        return " AND ".join([part, *self._conditions])

    def hold(self, condition: str, arguments: Sequence[object]) -> None:
        """One more."""
        self._conditions.append(condition)
        self.arguments += arguments

    def _is_one_of(self, column: str, values: Sequence[str]) -> None:
        self.hold(f"{column} IN ({', '.join('?' * len(values))})", values)

    def _is_like(self, column: str, patterns: tuple[str, ...]) -> None:
        if any(map(has_wildcard, patterns)):
            self._index.teach(f"like_{column}", likeness(patterns))
            self.hold(f"like_{column}({column})", [])
        else:
            self._is_one_of(column, patterns)

    def _is_target(self, targets: tuple[str, ...]) -> None:
        ids = [int(target) for target in targets if is_id(target)]
        named = f"name IN ({', '.join('?' * len(targets))})"
        arguments: list[object] = [*targets]
        if any(map(has_wildcard, targets)):
            self._index.teach("is_target", likeness(targets))
            named, arguments = "is_target(name)", []
        self.hold(f"(id IN ({', '.join('?' * len(ids))}) OR {named})", [*ids, *arguments])

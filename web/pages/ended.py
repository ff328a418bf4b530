"""Pages of ended jobs and their counts, for the main page."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from qm.folders.layout import Layout
from qm.index import IndexReader, reading
from qm.view.ended import (
    EndedPage,
    EndedQuery,
    count_by_index,
    count_of,
    page_by_index,
    page_of,
)
from web.pages.filters import Filters
from web.pages.stamp import Stamp, stamp_of
from web.pages.standing import Standing

PAGE = 50
"""Ended jobs on one page."""
_SPARSE = 5000
"""Jobs with a text, up to which all are looked through for it, instead of the newest first."""
_KEPT = 64
_COUNT_EVERY = 1.0
"""Seconds for which counts may lag behind where jobs end all the time."""
_SOONEST = 0.05
_OWNERS = 200
_OWNERS_EVERY = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A page of ended jobs; ``counts`` are by state, of all that the other filters let through."""

    page: EndedPage
    counts: Mapping[str, int]
    today: Mapping[str, int]
    """Of everybody's jobs that ended since midnight, by state."""
    owners: tuple[str, ...]
    """All who have had jobs, those with most first."""
    newer_in: float = 0.0
    """Seconds after which they can be counted again, where jobs have ended since; else 0."""

    @property
    def is_empty(self) -> bool:
        """True where no job has ever ended."""
        return not self.owners


class EndedReader:
    """Reads pages from the index. For any thread."""

    def __init__(self, layout: Layout, clock: Callable[[], float] = time.monotonic) -> None:
        self._layout = layout
        self._clock = clock
        self._guard = threading.Lock()
        self._counts: OrderedDict[EndedQuery, tuple[Stamp, float, dict[str, int]]] = OrderedDict()
        self._owners: tuple[float, tuple[str, ...]] | None = None

    def read(self, standing: Standing, filters: Filters, now: float) -> Ended:
        """The page that the filters ask for; ``now`` is in seconds since the epoch."""
        query = filters.query(now)
        today = EndedQuery(since=Filters(since="today").query(now).since)
        if standing.ended is None:
            try:
                with reading(self._layout.index_file) as index, index.snapshot():
                    return self._by_index(index, filters, query, today)
            except sqlite3.Error:
                pass  # It was deleted just now: the next look reads the folders.
        entries = standing.ended or ()
        page = page_of(entries, query, PAGE, before=filters.before, after=filters.after)
        owners = tuple(sorted({entry.owner for entry in entries if entry.owner}))
        return Ended(page, count_of(entries, query), count_of(entries, today), owners)

    def _by_index(
        self, index: IndexReader, filters: Filters, query: EndedQuery, today: EndedQuery
    ) -> Ended:
        anyhow = replace(query, states=frozenset())
        counts = self._count(index, anyhow)
        page = page_by_index(
            index,
            self._layout,
            query,
            PAGE,
            before=filters.before,
            after=filters.after,
            sparse=sum(counts.values()) < _SPARSE,
        )
        return Ended(
            page=page,
            counts=counts,
            today=self._count(index, today),
            owners=self._all_owners(index, bool(page.entries)),
            newer_in=self._newer_in(anyhow, today),
        )

    def _newer_in(self, *queries: EndedQuery) -> float:
        stamp, now = stamp_of(self._layout.index_file), self._clock()
        with self._guard:
            found = [self._counts.get(query) for query in queries]
        old = [known[1] for known in found if known is not None and known[0] != stamp]
        return max(min(old) + _COUNT_EVERY - now, _SOONEST) if old else 0.0

    def _count(self, index: IndexReader, query: EndedQuery) -> dict[str, int]:
        stamp, now = stamp_of(self._layout.index_file), self._clock()
        with self._guard:
            known = self._counts.get(query)
            if known is not None and (known[0] == stamp or now - known[1] < _COUNT_EVERY):
                return known[2]
        counted = count_by_index(index, query)
        with self._guard:
            self._counts[query] = (stamp, now, counted)
            self._counts.move_to_end(query)
            while len(self._counts) > _KEPT:
                self._counts.popitem(last=False)
        return counted

    def _all_owners(self, index: IndexReader, any_ended: bool) -> tuple[str, ...]:
        now = self._clock()
        with self._guard:
            known = self._owners
        # Nobody yet is asked again at once: the first job has just ended.
        if known is not None and now - known[0] < _OWNERS_EVERY and (known[1] or not any_ended):
            return known[1]
        counts = index.count_by("owner", "ended IS NOT NULL")
        owners = tuple(sorted(counts, key=lambda owner: (-counts[owner], owner))[:_OWNERS])
        with self._guard:
            self._owners = (now, owners)
        return owners

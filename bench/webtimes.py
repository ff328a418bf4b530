"""How long the page's process takes for its pages, searches and counts with many ended jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from bench.filled import filled
from bench.series import Series
from bench.waiting import wait_seconds
from bench.webgate import Figure, Gated, Told
from bench.webplan import WebPlan
from bench.webserver import Page, Visitor, served
from qm.index import Index, Row, reading
from qm.model import State
from qm.times import utc_text
from qm.view.ended import Cursor, EndedQuery, count_by_index
from web.pages.filters import Filters

DAYS = 30.0
_COUNTS_KEPT = 1.05
"""Seconds after which the page counts again, where something has changed."""
_SEARCHED = ("simulation", "simulation_0", "777", "no job is called that", "%_!")
"""Parts of all names, of most, of some, of none; and what LIKE could take for wildcards."""


class Filled:
    """A QM_FOLDER with many ended jobs under a lock that stands for the manager; its page."""

    def __init__(self, page: Page, index: Index, root: Path, index_file: str) -> None:
        self.page = page
        self.root = root
        self.index_file = index_file
        self._index = index
        self._numbers = count(1)
        with reading(index_file) as reader:
            order = "ORDER BY ended DESC, id DESC LIMIT 1"
            (self._last,) = reader.rows("ended IS NOT NULL", (), order)
            self._ended = reader.count("ended IS NOT NULL")
            (self._deep,) = reader.rows(
                "ended IS NOT NULL", (), f"{order} OFFSET {self._ended * 999 // 1000}"
            )

    @property
    def deep(self) -> tuple[int, str]:
        """The number and the address of a page of ended jobs far down."""
        place = Cursor(self._deep.ended or "", self._deep.id)
        return self._ended * 999 // 1000 // 50 + 1, Filters(before=place).address()

    def change(self) -> None:
        """One more job ends: a row in the index and a line in the history."""
        number = self._last.id + 1000 + next(self._numbers)
        now = utc_text(time.time())
        row = self._last._replace(id=number, name=f"simulation_{number:06}", ended=now)
        with (self.root / ".qm" / "history.jsonl").open("a", encoding="utf-8") as history:
            history.write(json.dumps(_line(row)) + "\n")
        self._index.put(row)
        self._index.flush()

    def end_running(self) -> None:
        """End the jobs that seem to run."""
        with reading(self.index_file) as reader:
            for row in reader.rows("state = ?", (State.RUNNING.value,)):
                self._index.put(row._replace(state="FINISHED", ended=utc_text(time.time())))
        self._index.flush()


def _line(row: Row) -> dict[str, Any]:
    line = {name: getattr(row, name) for name in ("id", "attempt", "name", "state", "owner")}
    times = {name: getattr(row, name) for name in ("submitted", "started", "ended")}
    return {**line, **times, "format": 1, "nb_proc": row.nb_proc, "cpu_seconds": row.cpu_seconds}


@contextmanager
def filled_page(plan: WebPlan, name: str, *, idle: bool = False) -> Iterator[Filled]:
    """A new one, in a folder of this name. ``idle``: nothing runs or waits there."""
    base = plan.where / name
    base.mkdir()
    waiting = 0 if idle else plan.waiting
    with (
        filled(base / "QM", waiting, plan.ended, DAYS) as (layout, index),
        served(Path(layout.root)) as page,
    ):
        made = Filled(page, index, Path(layout.root), layout.index_file)
        if idle:
            made.end_running()
        yield made


def measure_pages(plan: WebPlan) -> list[Figure]:
    """Server time of the main page, at its beginning and far down, and with jobs that end."""
    with filled_page(plan, "pages") as made, made.page.visitor() as who:
        number, deep = made.deep
        for _ in range(3):
            who.ask("/QM"), who.ask(deep)
        first, last = [], []
        used = made.page.cpu()
        for _ in range(plan.requests):
            # In turn: what slows one slows the other.
            first.append(who.ask("/QM").whole)
            last.append(who.ask(deep).whole)
        used = (made.page.cpu() - used) / (2 * plan.requests)
        busy = _after_changes(made, plan.changed, lambda: who.ask("/QM").whole)
    many = f"{plan.ended:,} ended"
    return [
        Gated(_ms(f"main page, {many}", first), 25.0),
        Gated(_ms(f"page {number:,} of ended jobs", last), 25.0),
        Told(_ms("of these, processor time of the page's process", [used * 1e3])),
        Told(_ms("main page, after each end of a job", busy)),
    ]


def measure_search(plan: WebPlan) -> list[Figure]:
    """The slowest of several searches, each also just after a job has ended."""
    with filled_page(plan, "search") as made, made.page.visitor() as who:
        slowest: Series | None = None
        for text in _SEARCHED:
            address = Filters(text=text).address()
            who.ask(address)
            used = made.page.cpu()
            quiet = [who.ask(address).whole for _ in range(plan.changed)]
            busy = _after_changes(made, plan.changed // 2, partial(_time_of, who, address))
            used = (made.page.cpu() - used) / (len(quiet) + len(busy))
            found = _ms(f"search, worst of {len(_SEARCHED)}: “{text}”", [*quiet, *busy])
            if slowest is None or found.median > slowest.median:
                slowest, processor = found, used
    assert slowest is not None
    return [
        Gated(slowest, 100.0),
        Told(_ms("of this, processor time of the page's process", [processor * 1e3])),
    ]


def measure_counts(plan: WebPlan) -> list[Figure]:
    """Statistics per owner and counts by state, each after one more job has ended."""
    with filled_page(plan, "counts") as made, made.page.visitor() as who:
        began = who.ask("/api/v1/stats?by=owner").whole
        who.ask("/stats")
        owners = _after_changes(made, plan.changed, lambda: who.ask("/api/v1/stats?by=owner").whole)
        page = _after_changes(made, plan.changed // 2, lambda: who.ask("/stats").whole)
        states = [_counted(made) for _ in range(plan.requests)]
    return [
        Told(_ms("statistics per owner, the first time", [began])),
        Gated(_ms("statistics per owner, after each end of a job", owners), 20.0),
        Gated(_ms("statistics page, after each end of a job", page), 20.0),
        Gated(_ms(f"counts by state of {plan.ended:,}", states), 20.0),
    ]


def _counted(made: Filled) -> float:
    """What the main page asks the index for, where it has nothing that it may tell again."""
    began = time.perf_counter()
    with reading(made.index_file) as index, index.snapshot():
        count_by_index(index, EndedQuery())
    return (time.perf_counter() - began) * 1e3


def _time_of(who: Visitor, address: str) -> float:
    """Milliseconds until all of the answer is there."""
    return who.ask(address).whole


def _after_changes(made: Filled, times: int, ask: Callable[[], float]) -> list[float]:
    """What ``ask`` takes after a job has ended, when nothing that was kept may be told again."""
    found = []
    for _ in range(max(times, 1)):
        made.change()
        wait_seconds(_COUNTS_KEPT)
        found.append(ask())
    return found


def _ms(name: str, values: list[float]) -> Series:
    return Series(name, "ms", tuple(values))

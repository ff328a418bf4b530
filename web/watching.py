"""What has changed in QM_FOLDER: one thread that looks while anybody listens, cheaply."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time

from qm.control.managerlock import manager_runs
from qm.folders.layout import Layout
from qm.index import IndexReader, Row, reading
from qm.index.pulse import Pulse
from qm.model import ACTIVE_STATES, Place
from qm.view.entries import entry_of
from web.hub import Hub
from web.pace import PROGRESS, Pace
from web.running_logs import RunningLogs

log = logging.getLogger("qm.web")

PAUSE = 0.05
"""Seconds between two looks."""
QUEUE = "queue"
MANAGER = "manager"

_ALIVE_EVERY = 1.0
_ALL_LOGS_EVERY = 1.0
_AFTER_A_MISTAKE = 5.0
_ACTIVE = ", ".join(f"'{state.value}'" for state in sorted(ACTIVE_STATES))


def job_topic(job_id: int) -> str:
    """``job:7``."""
    return f"job:{job_id}"


class Watching:
    """Publishes what changes: ``queue``, ``progress``, ``job:<id>`` and ``manager``.

    ``queue``: a list of jobs may look different. ``job:7``: job 7 may, or its log
    has grown. ``progress``: figures of running jobs. ``manager``: it came or went.
    """

    def __init__(self, layout: Layout, hub: Hub) -> None:
        """While somebody listens to ``hub`` there is a thread that looks; else there is none."""
        self._layout = layout
        self._hub = hub
        self._lock = threading.Lock()
        self._looks = False
        hub.when_first_listens(self._begin)

    def _begin(self) -> None:
        with self._lock:
            if not self._looks:
                self._looks = True
                threading.Thread(target=self._run, name="qm-watch", daemon=True).start()

    def _is_over(self) -> bool:
        """True where nobody listens: whoever comes now begins anew."""
        with self._lock:
            self._looks = self._hub.listeners > 0
            return not self._looks

    def _run(self) -> None:
        look = Look(self._layout, self._hub)
        try:
            while not self._is_over():
                try:
                    look.once(time.monotonic(), time.time())
                except Exception:
                    # A bug: pages that miss an event are better than none that learns of any.
                    log.exception("looking for changes failed; going on")
                    time.sleep(_AFTER_A_MISTAKE)
                time.sleep(PAUSE)
        finally:
            look.close()


class Look:
    """What was seen last, and what has become different since then."""

    def __init__(self, layout: Layout, hub: Hub) -> None:
        self._layout = layout
        self._hub = hub
        self._pace = Pace()
        self._pulse = Pulse(layout.index_file)
        self._logs = RunningLogs(layout)
        self._active: dict[int, Row] = {}
        self._rows: dict[int, Row | None] = {}
        self._runs: bool | None = None
        self._places: tuple[int, ...] = ()
        self._alive_at = self._all_logs_at = float("-inf")

    def close(self) -> None:
        """Let go of the index."""
        self._pulse.close()

    def once(self, now: float, wall: float) -> None:
        """Look, and publish what is due. ``now`` only grows, ``wall`` is since the epoch."""
        wanted = self._hub.wanted()
        if now - self._alive_at >= _ALIVE_EVERY:
            self._alive_at = now
            self._look_for_manager()
        if self._pulse.has_changed():
            self._pace.add({QUEUE})
            self._look_at_index(wanted)
        self._look_at_logs(wanted, now, wall)
        topics, jobs = self._pace.due(now)
        if topics:
            self._hub.publish(topics, jobs)

    def _look_for_manager(self) -> None:
        runs = manager_runs(self._layout)
        if runs != self._runs:
            if self._runs is not None:
                self._pace.add({MANAGER, QUEUE})
            self._runs = runs
        if not runs:
            # Nobody keeps the index now: the folders tell.
            places = self._stamps()
            if places != self._places:
                self._pace.add({QUEUE})
            self._places = places

    def _stamps(self) -> tuple[int, ...]:
        found = []
        for place in Place:
            try:
                found.append(os.stat(self._layout.place(place)).st_mtime_ns)
            except OSError:
                found.append(0)
        return tuple(found)

    def _look_at_index(self, wanted: frozenset[str]) -> None:
        try:
            with reading(self._layout.index_file) as index, index.snapshot():
                self._compare(index, wanted)
        except sqlite3.Error:
            self._pulse.close()  # Being made anew: it is looked at again.

    def _compare(self, index: IndexReader, wanted: frozenset[str]) -> None:
        rows = index.rows(f"ended IS NULL AND state IN ({_ACTIVE})")
        active = {row.id: row for row in rows}
        moved = {
            job for job in self._active.keys() | active if self._active.get(job) != active.get(job)
        }
        self._pace.add(map(job_topic, moved))
        self._active = active
        self._logs.keep(active)
        asked = {int(name) for name in _ids(wanted)} - active.keys()
        known = {row.id: row for row in index.rows_of(asked)} if asked else {}
        for job in asked:
            row = known.get(job)
            if job in self._rows and self._rows[job] != row:
                self._pace.add({job_topic(job)})
        self._rows = {job: known.get(job) for job in asked} | dict(active)

    def _look_at_logs(self, wanted: frozenset[str], now: float, wall: float) -> None:
        everything = PROGRESS in wanted or "" in wanted
        all_due = everything and now - self._all_logs_at >= _ALL_LOGS_EVERY
        if all_due:
            self._all_logs_at = now
        for job, row in self._active.items():
            topic = job_topic(job)
            if not all_due and topic not in wanted:
                continue
            figures = self._logs.look(entry_of(row, self._layout), now, wall)
            if figures is not None:
                self._pace.add({topic, PROGRESS} if everything else {topic}, {str(job): figures})


def _ids(topics: frozenset[str]) -> list[str]:
    return [topic[4:] for topic in topics if topic.startswith("job:")]

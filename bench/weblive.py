"""How long it takes until a browser shows what has changed: real manager, page and Chromium."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from bench.gate import Pipe
from bench.queue import DONE, RUNNING, Queue, queue_in
from bench.series import Series
from bench.webbrowser import chromium, tab
from bench.webgate import Figure, Gated, Of
from bench.webplan import WebPlan
from bench.webserver import served
from bench.webwire import relayed

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SHOWN_LIMIT = 60.0
_EVENTS = "/api/v1/events"
_NOTE_ROWS = """(() => {
  window.qmShown = {};
  const note = () => {
    const now = performance.timeOrigin + performance.now();
    for (const list of ['running', 'ended']) {
      for (const link of document.querySelectorAll(`#${list} tr[data-key] .name`)) {
        const key = `${list} ${link.textContent}`;
        if (!(key in window.qmShown)) window.qmShown[key] = now;
      }
    }
  };
  new MutationObserver(() => requestAnimationFrame(note))
    .observe(document, {subtree: true, childList: true, characterData: true});
})();"""
"""Notes when each job was first in a list, at the frame in which it is drawn (ms, epoch)."""


class Jobs:
    """Jobs that run one after the other, each until it is told to end."""

    def __init__(self, queue: Queue, gate: Pipe, count: int) -> None:
        self._queue = queue
        self._gate = gate
        self._folders = queue.stage("live", count, gate.hold_script)
        queue.wait_rested()
        queue.move_in(self._folders)
        queue.wait_accepted(self._folders)
        queue.wait_running(self._folders[:1])

    def step(self, number: int) -> dict[str, float]:
        """Let job ``number`` end, and the next one start: when, by list and name (s, epoch)."""
        now, then = self._folders[number], self._folders[number + 1]
        self._gate.let_go(1)
        self._queue.wait_done([now])
        self._queue.wait_running([then])
        own = self._queue.root
        return {
            f"ended {now.name}": _written(own / DONE / now.name / ".qm" / "exit.json"),
            f"running {then.name}": _written(own / RUNNING / then.name / ".qm" / "start.json"),
        }

    def end(self) -> None:
        """Let all that is left end."""
        self._gate.let_go(len(self._folders))
        self._queue.wait_done(self._folders)


def _written(record: Path) -> float:
    return record.stat().st_mtime_ns / 1e9


def measure_live(plan: WebPlan) -> list[Figure]:
    """By the events, and where there are none."""
    events = _latencies(plan, "live", plan.changes, refused="")
    polling = _latencies(plan, "polling", plan.polls, refused=_EVENTS)
    return [
        Gated(Series("a job ends: on screen", "ms", tuple(events["ended"])), 250.0),
        Gated(Series("a job starts: on screen", "ms", tuple(events["running"])), 250.0),
        Gated(
            Series("the same by polling", "ms", (*polling["ended"], *polling["running"])),
            6000.0,
            Of.HIGHEST,
        ),
    ]


def _latencies(plan: WebPlan, name: str, changes: int, *, refused: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"ended": [], "running": []}
    pause = random.Random(7)
    base = plan.where / name
    with (
        queue_in(base, 1) as queue,
        Pipe(base) as gate,
        served(queue.root) as page,
        relayed(page.port, refused=refused) as relay,
        chromium() as browser,
    ):
        queue.start()
        jobs = Jobs(queue, gate, changes + 1)
        with tab(browser, relay.origin, _NOTE_ROWS) as view:
            view.goto("/QM")
            view.wait_for_function("() => 'running live000000' in qmShown")
            for number in range(changes):
                # At any moment of whatever goes round in steps, here or there.
                view.wait_for_timeout(1200 + 800 * pause.random())
                for key, at in jobs.step(number).items():
                    found[key.split()[0]].append(_shown(view, key) - at * 1e3)
        jobs.end()
    return found


def _shown(view: Page, key: str) -> float:
    view.wait_for_function("(key) => key in qmShown", arg=key, timeout=_SHOWN_LIMIT * 1000)
    return float(view.evaluate("(key) => qmShown[key]", key))

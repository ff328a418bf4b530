"""A log of a gigabyte, looked at and searched by a browser, and sent in a zip."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.queue import DONE, queue_in
from bench.series import Series
from bench.webbrowser import chromium, tab
from bench.webgate import Figure, Gated, Of, Told
from bench.webplan import MIB, WebPlan
from bench.webserver import Page, Visitor, served

_LINE = b"epoch %09d: loss 0.%04d, accuracy 0.%04d, 12.5 samples/s on cuda:0\n"
WORD = "needle in the haystack"
LAST = "the last line of all"
_LOOK_EVERY = 0.02
_NOTE_END = f"""(() => {{
  const note = () => {{
    const log = document.getElementById('log');
    if (log && log.textContent.includes('{LAST}')) {{
      requestAnimationFrame(() => requestAnimationFrame(() => {{
        if (window.qmEnd === undefined && log.getBoundingClientRect().height > 0) {{
          window.qmEnd = performance.now();
        }}
      }}));
    }} else requestAnimationFrame(note);
  }};
  note();
}})();"""
"""Notes after how many ms the end of the log has been drawn."""
_NOTE_FOUND = """() => {
  window.qmFound = undefined;
  const began = performance.now();
  const note = () => {
    const told = document.getElementById('log-count');
    const found = document.querySelector('#log mark');
    if (told.textContent === 'none so far') {
      // The time of one search was over: a person would ask once more.
      told.textContent = '…';
      document.getElementById('log-find').requestSubmit();
    }
    if (found) requestAnimationFrame(() => { window.qmFound = performance.now() - began; });
    else requestAnimationFrame(note);
  };
  document.querySelector('#log mark')?.replaceWith('');
  document.getElementById('log-find').requestSubmit();
  note();
}"""


@dataclass(frozen=True, slots=True)
class LargeLog:
    """A job that has ended, with a large log; its page."""

    page: Page
    job: int
    size: int


@contextmanager
def large_log(plan: WebPlan, name: str) -> Iterator[LargeLog]:
    """A job that a real manager has run; then its log is made large."""
    with queue_in(plan.where / name, 1) as queue:
        queue.start()
        folders = queue.stage("large", 1, "true")
        queue.wait_rested()
        queue.move_in(folders)
        queue.wait_done(folders)
        folder = queue.root / DONE / folders[0].name
        write_log(folder / "process.log", plan.log_bytes)
        job = int(json.loads((folder / ".qm" / "job.json").read_bytes())["id"])
        with served(queue.root) as page:
            yield LargeLog(page, job, plan.log_bytes)


def write_log(path: Path, size: int) -> None:
    """Lines up to ``size`` bytes; what is to be found stands in the last one but one."""
    end = f"\n{WORD}\n{LAST}\n".encode()
    block = b"".join(_LINE % (n, n % 9973, n % 9901) for n in range(MIB // len(_LINE % (0, 0, 0))))
    with path.open("wb") as log:
        left = size - len(end)
        while left > 0:
            left -= log.write(block[: min(left, len(block))])
        log.write(end)


def measure_log(plan: WebPlan) -> list[Figure]:
    """Open a log at its end, and find what stands at its end only."""
    opened, found, asked = [], [], []
    with large_log(plan, "log") as log, chromium() as browser:
        for _ in range(plan.rounds):
            with log.page.visitor() as who:
                asked.append(_find(who, log.job))
            with tab(browser, log.page.origin, _NOTE_END) as page:
                page.goto(f"/job/{log.job}")
                page.wait_for_function("() => window.qmEnd !== undefined")
                opened.append(float(page.evaluate("qmEnd")))
                page.fill("#log-q", WORD)
                page.evaluate(_NOTE_FOUND)
                page.wait_for_function("() => window.qmFound !== undefined")
                found.append(float(page.evaluate("qmFound")))
    size = f"log of {log.size // MIB:,} MiB"
    return [
        Gated(Series(f"{size}: open at its end, on screen", "ms", tuple(opened)), 300.0),
        Gated(Series(f"{size}: find at its end, first hit", "ms", tuple(asked)), 1000.0),
        Gated(Series(f"{size}: find at its end, on screen", "ms", tuple(found)), 1000.0),
    ]


def _find(who: Visitor, job: int) -> float:
    """Milliseconds until it is found; one whose time is over is gone on with, as the page does."""
    path = f"/api/v1/jobs/{job}/log/search?q={WORD.replace(' ', '+')}&limit=1"
    taken, start = 0.0, 0
    while True:
        answer = who.ask(f"{path}&from={start}")
        taken += answer.whole
        found = json.loads(answer.text)
        if [item["text"] for item in found["items"]] == [WORD]:
            return taken
        if not found["more"]:
            raise RuntimeError(f"the search has found {found['items']}")
        start = found["to"]


def measure_zip(plan: WebPlan) -> list[Figure]:
    """The first byte of a zip of that job, and by how much the page's process grows meanwhile."""
    first, whole, grown = [], [], []
    with large_log(plan, "zip") as log:
        path = f"/api/v1/jobs/{log.job}/archive"
        for _ in range(plan.rounds):
            with log.page.visitor() as who:
                first.append(who.ask(path, most=0).first)
        for _ in range(max(2, plan.rounds // 2)):
            with _Growth(log.page) as growth, log.page.visitor() as who:
                answer = who.ask(path)
            if answer.wire < log.size:
                raise RuntimeError(f"a zip of {answer.wire:,} bytes is not whole")
            grown.append(growth.most)
            whole.append(answer.whole / 1e3)
    size = f"zip of {log.size // MIB:,} MiB"
    return [
        Gated(Series(f"{size}: first byte", "ms", tuple(first)), 200.0),
        Gated(Series(f"{size}: growth of memory", "MiB", tuple(grown)), 64.0, Of.HIGHEST),
        Told(Series(f"{size}: all of it", "s", tuple(whole))),
    ]


class _Growth:
    """Looks at the memory of the page's process until it is left: ``most`` MiB above the start."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._begin = page.memory()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.most = 0.0

    def __enter__(self) -> _Growth:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            self.most = max(self.most, self._page.memory() - self._begin)

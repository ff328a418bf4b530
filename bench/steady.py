"""Minutes of steady load: what grows in the manager, its supervisors and its page."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from bench.ended import make_ended
from bench.plan import Plan
from bench.queue import LIMIT, Queue, queue_in
from bench.report import Section
from bench.steadyflow import Flow, ends_of
from bench.steadyreport import Came, Watched, section_of
from bench.tidying import Tidier
from bench.vitals import look
from bench.waiting import wait_for, wait_seconds
from bench.weblisteners import Listener
from bench.webserver import free_port, listens
from qm.folders.layout import Layout
from qm.history import read_history

DEFINITION = """
`qm serve` with its page, the times as they come. Drops at an even pace (folders just made, one
rename each), most of them `true`; of a hundred, one is held and released, one runs until it is
killed by a request, one is refused. A listener follows the page's event stream and asks for the
main page after each event, as a tab does that somebody sees; it comes anew every few minutes. As
many jobs as --ended says have ended before, and as many folders stay: of those that have ended the
oldest are removed as people do, with `rm`, for what the manager needs to compare folders with its
index grows with their number (--ended 0 begins with an empty QM_FOLDER and removes nothing).
While very many wait no more come, so that the load of a slow machine is steady, too.

The first fifth of the time is warm-up. After it, at even distances: resident memory, open handles
and threads of the manager, of the page, and of the supervisors (of each figure the highest). The
table has the lower quartiles of the first and of the last third of these samples: what a moment of
work takes and gives back does not count.

grows: memory, where the last third's quartile lies more than 1 MiB and more than 3 % above the
first's; handles and threads, where it lies more than 2 above it. Growth for each job is the growth
over the drops between the middles of both thirds: 1 MiB in ten minutes at 20 drops a second would
be 164 bytes. A run of less than three minutes is not judged: it sees little but the warming up.
Index and history grow on disk with each job, as they are meant to.
"""

_RATE = 20.0
_MOST_WAITING = 300
_WARM_UP = 0.2
_SAMPLES = 150
_FASTEST = 0.2
_FEWEST = 6
"""Samples, however slow the machine is."""
_LISTENS_FOR = 200.0
_PAGE_LIMIT = 60.0
_TELL_EVERY = 60.0


class Ear:
    """One listener at a time, at the page of ``port``, that comes anew from time to time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._before = 0
        self._listener = self._come()

    def _come(self) -> Listener:
        self._leaves_at = time.monotonic() + _LISTENS_FOR
        listener = Listener(self._port, "127.0.0.1", looks=True)
        listener.begin()
        return listener

    @property
    def events(self) -> int:
        """Heard so far."""
        return self._before + self._listener.events

    def step(self) -> None:
        """Leave and come anew, where it is time to."""
        if time.monotonic() >= self._leaves_at:
            self.end()
            self._before += self._listener.events
            self._listener = self._come()

    def end(self) -> None:
        """Leave."""
        self._listener.end()


def measure(plan: Plan) -> Section:
    """All of it."""
    port = free_port()
    with queue_in(plan.where / "steady", plan.slots, page_port=port) as queue:
        if plan.ended:
            make_ended(queue.root, plan.ended)
        queue.start()
        wait_for("the page answers", lambda: listens(port), _PAGE_LIMIT, 0.1)
        before = _on_disk(queue)
        flow = Flow(queue, _RATE, _MOST_WAITING)
        tidier = Tidier(queue.root, plan.ended)
        with _listening(port) as ear:
            steps = (flow.step, tidier.step, ear.step)
            watched = _watch(queue, flow, ear, steps, plan.minutes * 60)
        wait_for("all is asked for and answered", lambda: not flow.ask(), LIMIT, 0.05)
        queue.wait_idle()
        history = Layout(str(queue.root)).history_file
        wait_for("the history is complete", lambda: _is_told(history, flow.expected), LIMIT, 0.5)
        ends = ends_of(flow.expected, tidier.names(), read_history(history))
        queue.stop()
        grown = {name: size - before[name] for name, size in _on_disk(queue).items()}
    came = Came(len(flow.expected), flow.late, ends, grown)
    return section_of(DEFINITION, plan, _RATE, watched, came)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[Ear]:
    ear = Ear(port)
    try:
        yield ear
    finally:
        ear.end()


def _watch(
    queue: Queue, flow: Flow, ear: Ear, steps: Sequence[Callable[[], None]], seconds: float
) -> Watched:
    watched = Watched()
    warm_up = seconds * _WARM_UP
    every = max(_FASTEST, (seconds - warm_up) / _SAMPLES)
    began = time.monotonic()
    sample_at, tell_at = warm_up, _TELL_EVERY
    first = (0, 0.0)
    while (past := time.monotonic() - began) < seconds or len(watched.samples) < _FEWEST:
        for step in steps:
            step()
        if past >= sample_at:
            sample_at += every
            if not watched.samples:
                first = (len(flow.expected), past)
            watched.samples.append(look(queue))
            watched.heard.append(ear.events)
        if past >= tell_at:
            tell_at += _TELL_EVERY
            _tell(past, seconds, len(flow.expected))
        wait_seconds(0.005)
    watched.jobs, watched.seconds = len(flow.expected) - first[0], past - first[1]
    return watched


def _tell(past: float, seconds: float, jobs: int) -> None:
    minutes, all_of_them = past / 60, seconds / 60
    text = f"steady load: {minutes:.0f} of {all_of_them:.0f} minutes, {jobs:,} drops"
    print(text, file=sys.stderr, flush=True)


def _is_told(history: str, names: Iterable[str]) -> bool:
    """True if each of them has a line."""
    return {str(line["name"]) for line in read_history(history)}.issuperset(names)


def _on_disk(queue: Queue) -> dict[str, int]:
    """Bytes of what is meant to grow."""
    own = queue.root / ".qm"
    names = {"index": "index.sqlite3*", "history": "history.jsonl"}
    return {
        what: sum(path.stat().st_size for path in own.glob(pattern))
        for what, pattern in names.items()
    }

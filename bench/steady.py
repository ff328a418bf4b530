"""Minutes of steady load: what grows in the manager, its supervisors and its page."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.ended import make_ended
from bench.plan import Plan
from bench.queue import LIMIT, Queue, queue_in
from bench.report import Section
from bench.series import Series, shown
from bench.steadyflow import Ends, Flow, ends_of
from bench.tables import Table
from bench.tidying import Tidier
from bench.trend import Trend, trend_of
from bench.vitals import FIGURES, Figure, Vitals, look
from bench.waiting import wait_for, wait_seconds
from bench.weblisteners import Listener
from bench.webserver import free_port
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
table has the medians of the first and of the last third of these samples.

grows: memory, where the last third's median lies more than 1 MiB and more than 3 % above the
first's; handles and threads, where it lies more than 2 above it. Growth for each job is the growth
over the drops between the middles of both thirds: 1 MiB in ten minutes at 20 drops a second would
be 164 bytes. A run of less than three minutes is not judged: it sees little but the warming up.
Index and history grow on disk with each job, as they are meant to.
"""

_RATE = 20.0
_MOST_WAITING = 300
_WARM_UP = 0.2
_SHORTEST_JUDGED = 3.0
_SAMPLES = 150
_FASTEST = 0.2
_LISTENS_FOR = 200.0
_PAGE_LIMIT = 60.0
_TELL_EVERY = 60.0
_BETWEEN_MIDDLES = 2 / 3


@dataclass
class Watched:
    """What was seen after the warm-up."""

    samples: list[dict[str, Vitals]] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    """Events up to each sample."""
    jobs: int = 0
    """Drops from the first to the last sample."""
    seconds: float = 0.0

    def of(self, kind: str) -> list[Vitals]:
        """The samples of one kind of process."""
        return [sample[kind] for sample in self.samples if kind in sample]


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
        wait_for("the page answers", lambda: _answers(port), _PAGE_LIMIT, 0.1)
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
    return _section(plan, watched, flow, ends, grown)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


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
    first: tuple[int, float] | None = None
    while (past := time.monotonic() - began) < seconds:
        for step in steps:
            step()
        if past >= sample_at:
            sample_at += every
            first = first or (len(flow.expected), past)
            watched.samples.append(look(queue))
            watched.heard.append(ear.events)
        if past >= tell_at:
            tell_at += _TELL_EVERY
            _tell(past, seconds, len(flow.expected))
        wait_seconds(0.005)
    assert first is not None
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


def _section(
    plan: Plan, watched: Watched, flow: Flow, ends: Ends, grown: dict[str, int]
) -> Section:
    series: list[Series] = []
    rows, missed = [], [*ends.broken()]
    for kind in ("manager", "supervisor", "page"):
        seen = watched.of(kind)
        if len({pid for one in seen for pid in one.pids}) > 1 and kind != "supervisor":
            missed.append(f"{kind}: did not live through it")
        for place, figure in enumerate(FIGURES):
            one = Series(
                f"{kind}: {figure.name}", figure.unit, tuple(v.figures[place] for v in seen)
            )
            trend = trend_of(one.values)
            if trend.grows(figure.tolerance) and plan.minutes >= _SHORTEST_JUDGED:
                missed.append(f"{one.name} grows")
            rows.append((one.name, *_cells(figure, trend, watched.jobs)))
            series.append(one)
    if watched.heard[-1] <= watched.heard[2 * len(watched.heard) // 3]:
        missed.append("the listener heard nothing in the last third")
    heads = ("", "first third", "last third", "growth", "bytes a job", "grows")
    title = (
        f"{plan.minutes:g} minutes, {plan.ended:,} ended before, samples: {len(watched.samples)}"
    )
    tables = (
        Table(title, heads, tuple(rows)),
        Table("Processor time, % of a core", heads[:3], tuple(_processor(watched))),
        Table("What came", ("", ""), tuple(_counts(flow, watched, ends, grown))),
    )
    rate = Series("drops", "drops/s", (watched.jobs / watched.seconds,))
    disk = [
        Series(f"{what} on disk", "bytes/job", (size / len(flow.expected),))
        for what, size in grown.items()
    ]
    notes = [f"NOT as it has to be: {text}." for text in missed]
    return Section(
        "steady", DEFINITION, tables, (*series, rate, *disk), tuple(notes), tuple(missed)
    )


def _cells(figure: Figure, trend: Trend, jobs: int) -> tuple[str, ...]:
    each = ""
    if figure.unit == "MiB":
        each = shown(trend.growth * (1 << 20) / (jobs * _BETWEEN_MIDDLES))
    verdict = "YES" if trend.grows(figure.tolerance) else "no"
    unit = f" {figure.unit}" if figure.unit == "MiB" else ""
    return (
        f"{shown(trend.first)}{unit}",
        f"{shown(trend.last)}{unit}",
        f"{shown(trend.growth)}{unit}",
        each,
        verdict,
    )


def _processor(watched: Watched) -> Iterator[tuple[str, str, str]]:
    """Told without a verdict: it depends on what else runs."""
    every = watched.seconds / len(watched.samples)
    for kind in ("manager", "page"):
        used = [one.cpu for one in watched.of(kind)]
        third = len(used) // 3
        first, last = used[third - 1] - used[0], used[-1] - used[-third]
        per = 100 / (max(1, third - 1) * every)
        yield kind, shown(first * per), shown(last * per)


def _counts(
    flow: Flow, watched: Watched, ends: Ends, grown: dict[str, int]
) -> Iterator[tuple[str, str]]:
    count = len(flow.expected)
    yield "drops that ended as they had to", f"{ends.good:,} of {count:,}"
    yield "lost, doubled, ended wrongly", f"{ends.lost}, {ends.doubled}, {ends.wrong}"
    yield f"drops a second ({_RATE:g} asked)", shown(watched.jobs / watched.seconds)
    yield "drops left out, too many waited", f"{flow.late:,}"
    yield "events that the listener heard", f"{watched.heard[-1]:,}"
    for what, size in grown.items():
        yield f"{what} on disk, bytes a job", shown(size / count)

"""What the page costs and how fast it is: every figure that it has to reach, with its gate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from bench.machine import busy_percent
from bench.plan import Plan
from bench.report import Section
from bench.webbrowser import NoBrowserError
from bench.webgate import Figure, section_of
from bench.weblisteners import measure_listeners
from bench.weblive import measure_live
from bench.weblog import measure_log, measure_zip
from bench.webplan import WebPlan, web_plan
from bench.webtimes import measure_counts, measure_pages, measure_search
from bench.webvisit import measure_idle, measure_paint, measure_visit

DEFINITION = """
The page is served by `python -m web` as a process of its own, of a QM_FOLDER whose index and
history were filled without running jobs, under a lock that stands for the manager; with a real
manager and real jobs for what changes on screen, and for logs. Requests come from the same
machine, so that what is measured shares its processors with who measures.

Server time (pages, search, counts): from just before a request is sent, over a connection that is
kept, to its last byte. Pages and searches "after an end": a row of the index and a line of the
history are new, so that nothing that the page remembers may be told again. Bytes and requests: as
a relay between Chromium and the page counts them, heads and event stream included.

On screen: from the time of the record (exit.json, start.json) to the frame in which the row is
drawn. Idle: what the same relay sees, and every timer that the page's script sets. Log and zip: of
a job that a manager has run, with a log of which the system has every block in memory.
"""

_LOOK = 1.0


Measure = Callable[[WebPlan], list[Figure]]

FIGURES: Mapping[str, Measure] = {
    "pages": measure_pages,
    "search": measure_search,
    "counts": measure_counts,
    "visit": measure_visit,
    "paint": measure_paint,
    "live": measure_live,
    "listeners": measure_listeners,
    "log": measure_log,
    "zip": measure_zip,
    "idle": measure_idle,
}
"""By the names that ``--only`` takes."""


def measure(plan: Plan, only: Sequence[str] = ()) -> Section:
    """All figures, or those of these names."""
    sizes = web_plan(plan)
    figures: list[Figure] = []
    missing = []
    loads = []
    for name in only or FIGURES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        loads.append(busy_percent(_LOOK))
        try:
            figures += FIGURES[name](sizes)
        except NoBrowserError as error:
            missing.append(f"{name} could not be measured: {error}.")
        except Exception as error:
            # The other figures took minutes: they are told all the same.
            first = (str(error).strip() or "no more is known").splitlines()[0]
            missing.append(f"{name} could not be measured: {type(error).__name__}: {first}")
    low, high = min(loads), max(loads)
    title = f"The web page: {sizes.ended:,} ended jobs, {sizes.waiting} waiting"
    section = section_of(DEFINITION, title, figures, missing)
    return section.with_note(
        f"Before each figure, whatever else ran kept the processors {low:.0f} to {high:.0f} % busy."
    )

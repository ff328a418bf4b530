"""What a job used over time, on its page and in the interface for programs."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qm.usagefile import MOST, USAGE, Sample, encode_usage
from tests.live.harness import wait_for
from tests.web.browser import a_tab
from tests.web.jobs import Shown, shown_queue
from web.pages.usageview import usage_view
from web.plots import TALL, elapsed_plot, elapsed_ticks, with_room

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MIB = 1 << 20
NARROW = {"width": 390, "height": 800}
GROWS = """
import sys, time
taken = []
while not sys.stdin.read(0) and len(taken) < 600:
    taken.append(bytearray(b"1") * (1 << 20))
    time.sleep(0.1)
"""


def a_table(count: int = 20, length: float = 10.0) -> list[Sample]:
    """A job that gets busier and larger."""
    return [Sample(length * (n + 1), 0.1 * n, n * 16 * MIB, 1 + n % 3) for n in range(count)]


@settings(deadline=None)
@given(st.floats(0.1, 1e9))
def test_times_since_the_start_begin_with_nothing_and_are_few(length: float) -> None:
    ticks = elapsed_ticks(length)
    assert 1 <= len(ticks) <= 7 and ticks[0].label == "0"
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (5.4, ["0", "1 s", "2 s", "3 s", "4 s", "5 s"]),
        (60, ["0", "15 s", "30 s", "45 s", "60 s"]),
        (1000, ["0", "5 min", "10 min", "15 min"]),
        (9000, ["0", "30 min", "60 min", "90 min", "120 min", "150 min"]),
        (7 * 86400 - 1, ["0", "2 d", "4 d", "6 d"]),
    ],
)
def test_times_since_the_start_are_round(length: float, labels: list[str]) -> None:
    assert [tick.label for tick in elapsed_ticks(length)] == labels


@settings(deadline=None)
@given(st.floats(1e-6, 1e15))
def test_an_upper_edge_has_room_above_and_not_too_much(value: float) -> None:
    assert 1.04 * value <= with_room(value) <= 1.5 * value


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1e12)), max_size=50),
    st.none() | st.floats(0, 1e12),
)
def test_lines_and_levels_lie_within_the_plot(
    points: list[tuple[float, float]], level: float | None
) -> None:
    levels = [] if level is None else [("asked for", level)]
    plot = elapsed_plot(sorted(points), 100.0, levels)
    for line in plot.lines:
        for point in line.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 1000 and 0 <= y <= TALL
    assert all(0 <= one.y <= TALL for one in plot.levels)


def test_nothing_recorded_is_no_plot() -> None:
    assert usage_view((), cores_asked=1, memory_asked=None, elapsed=5.0) is None


def test_the_plots_are_told_in_words_as_well() -> None:
    view = usage_view(a_table(), cores_asked=2, memory_asked=512 * MIB, elapsed=None)
    assert view is not None
    assert view.cores_told == "0.95 on average, 1.90 at most; 2 asked for"
    assert view.memory_told == "152 MiB on average, 304 MiB at most; 512 MiB asked for"
    assert (view.memory_unit, view.memory.levels[0].label) == (" MiB", "asked for 512 MiB")
    assert len(view.rows) <= 12 and view.rows[-1].until == "3 min 20 s"
    assert view.rows[-1].memory == "304 MiB"


def test_what_is_not_known_yet_of_a_running_job_stays_free() -> None:
    view = usage_view(a_table(), cores_asked=1, memory_asked=None, elapsed=400.0)
    assert view is not None
    last = view.cores.lines[0].split()[-1]
    assert float(last.split(",")[0]) == pytest.approx(500)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One queue and its page for all tests here."""
    with shown_queue(tmp_path_factory.mktemp("job_usage"), Refresh_Rate="1") as opened:
        yield opened


def with_table(shown: Shown, name: str, samples: Sequence[Sample] | bytes) -> int:
    """An ended job beside whose records this lies; its id."""
    job, folder = shown.ended(name)
    data = samples if isinstance(samples, bytes) else encode_usage(samples)
    (folder / ".qm" / USAGE).write_bytes(data)
    return job


def section(shown: Shown, job: int, query: str = "") -> str:
    """The part of a job's page that tells of its resources."""
    answer = shown.visitor.ask(f"/job/{job}{query}")
    assert answer.status == 200, answer.text
    found = re.search(r'<section class="list" id="resources".*?</section>', answer.text, re.DOTALL)
    assert found is not None
    return found[0]


def usage(shown: Shown, job: int, query: str = "") -> dict[str, Any]:
    """The same for programs."""
    answer = shown.visitor.ask(f"/api/v1/jobs/{job}/usage{query}")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


@pytest.mark.live
def test_a_job_page_shows_what_it_used_over_time(shown: Shown) -> None:
    job = with_table(shown, "used", a_table())
    text = section(shown, job)
    assert "0.95 on average, 1.90 at most; 1 asked for" in text
    assert "304 MiB at most" in text and "asked for 1" in text
    for svg in re.findall(r'<svg class="series".*?</svg>\s*</svg>', text, re.DOTALL):
        ElementTree.fromstring(svg)
    assert len(re.findall(r"<polyline", text)) == 2
    assert 'aria-hidden="true"' in text and "The same as a table" in text


@pytest.mark.live
def test_a_job_without_samples_has_no_plot(shown: Shown) -> None:
    job, folder = shown.ended("short")
    assert not (folder / ".qm" / USAGE).exists()
    assert "<svg" not in section(shown, job) and "Asked for" in section(shown, job)
    assert usage(shown, job) == {"attempt": 1, "samples": [], "totals": None}


@pytest.mark.live
def test_a_full_table_makes_a_small_page(shown: Shown) -> None:
    job = with_table(shown, "full", a_table(MOST, 2048.0))
    assert len(section(shown, job)) < 32_000
    assert len(usage(shown, job)["samples"]) == MOST


HOSTILE = {
    "empty": b"",
    "garbage": b"<script>alert(1)</script>",
    "binary": bytes(range(256)) * 40,
    "huge": encode_usage(a_table(3)) + b"9.0,1.0,1,1\n" * 500_000,
    "markup": b"seconds,cores,bytes,processes\n1.0,<img src=x onerror=alert(1)>,1,1\n",
    "numbers": b"seconds,cores,bytes,processes\n1.0,1e999,1,1\n2.0,nan,1,1\n",
    "torn": encode_usage(a_table())[:-9],
}


@pytest.mark.live
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_table_is_not_shown(shown: Shown, kind: str) -> None:
    job = with_table(shown, f"hostile_{kind}", HOSTILE[kind])
    text = section(shown, job)
    assert "<svg" not in text and "alert" not in text
    assert usage(shown, job)["samples"] == []


@pytest.mark.live
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "link to a folder of records"])
def test_what_is_no_plain_file_is_not_opened(shown: Shown, kind: str) -> None:
    if sys.platform == "win32":
        pytest.skip("links and pipes as on POSIX")
    job, folder = shown.ended(kind.replace(" ", "_"))
    secret = shown.queue.folder.parent / "secret.csv"
    secret.write_bytes(encode_usage(a_table()))
    place = folder / ".qm" / USAGE
    if kind == "link":
        place.symlink_to(secret)
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        (folder / ".qm" / "attempt-0").symlink_to(secret.parent)
        assert shown.visitor.ask(f"/job/{job}?run=0").status == 200
        assert usage(shown, job, "?run=0")["samples"] == []
    assert "<svg" not in section(shown, job)
    assert usage(shown, job)["samples"] == []


@pytest.mark.live
def test_an_earlier_attempt_keeps_its_own_table(shown: Shown) -> None:
    job = with_table(shown, "twice", a_table())
    assert shown.queue.run("rerun", str(job)).returncode == 0
    wait_for("it runs again", lambda: shown.queue.record("twice", "job.json")["attempt"] == 2)
    shown.queue.wait_done("twice")
    assert "<svg" not in section(shown, job)
    assert "over time, of attempt 1" in section(shown, job, "?run=1")
    found = usage(shown, job, "?run=1")
    assert found["attempt"] == 1 and len(found["samples"]) == 20
    assert usage(shown, job, "?run=2")["samples"] == []
    for query, status in (("?run=3", 404), ("?run=x", 422), ("?x=1", 422)):
        assert shown.visitor.ask(f"/api/v1/jobs/{job}/usage{query}").status == status
    assert shown.visitor.ask("/api/v1/jobs/999999/usage").status == 404


@pytest.mark.live
def test_a_copy_of_a_job_does_not_bring_its_table_along(shown: Shown) -> None:
    with_table(shown, "copied", a_table())
    _, folder = shown.ended("copied")
    copy = shutil.copytree(folder, shown.queue.staging / "the_copy")
    shown.queue.move_in(copy)
    arrived = shown.queue.wait_done("the_copy")
    job = int(shown.queue.record("the_copy", "job.json")["id"])
    assert (arrived / ".qm.1" / USAGE).exists()
    assert usage(shown, job)["samples"] == [] and "<svg" not in section(shown, job)


@pytest.mark.live
def test_the_history_tells_what_each_run_used(shown: Shown) -> None:
    job, folder = shown.ended("again")
    record = folder / ".qm" / "exit.json"
    text = record.read_text(encoding="utf-8")
    record.write_text(re.sub(r'"peak_memory": \d+', '"peak_memory": 734003200', text))
    assert shown.queue.run("rerun", str(job)).returncode == 0
    wait_for("it runs again", lambda: shown.queue.record("again", "job.json")["attempt"] == 2)
    shown.queue.wait_done("again")
    page = shown.visitor.ask(f"/job/{job}").text
    row = page[page.index(f"/job/{job}?run=1") :].partition("</tr>")[0]
    assert "700 MiB" in row and "finished" in row


@pytest.mark.live
def test_details_tell_what_the_samples_come_to_and_keep_their_tag(shown: Shown) -> None:
    job, folder = shown.ended("summed")
    before = shown.visitor.ask(f"/api/v1/jobs/{job}")
    assert before.json["usage"] is None
    (folder / ".qm" / USAGE).write_bytes(encode_usage(a_table()))
    after = shown.visitor.ask(f"/api/v1/jobs/{job}")
    assert after.headers["etag"] == before.headers["etag"]
    totals = after.json["usage"]
    assert (totals["mean_cores"], totals["peak_cores"]) == (0.95, 1.9)
    assert totals["peak_memory"] == 19 * 16 * MIB
    told = shown.queue.run("show", str(job)).stdout
    assert "0.95 processors on average, 1.90 at most" in told
    assert "152 MiB of memory on average, 304 MiB at most" in told


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the script is for /bin/sh")
def test_the_plots_of_a_running_job_grow_in_place(
    browser: Browser, shown: Shown, tmp_path: Path
) -> None:
    program = tmp_path / "grows.py"
    program.write_text(GROWS, encoding="utf-8")
    shown.queue.drop("grows", f"exec {sys.executable} {program}", mem="1G")
    shown.queue.wait_running("grows")
    job = wait_for("it is a job", lambda: (shown.queue.row("grows") or {}).get("id"))
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto(f"/job/{job}")
        page.evaluate("window.same = true")
        page.wait_for_selector("#usage polyline", state="attached", timeout=60_000)
        line = "document.querySelectorAll('#usage polyline')[1].getAttribute('points')"
        first = len(str(page.evaluate(line)).split())
        page.locator("#resources summary").click()
        page.wait_for_function(f"() => {line}.split(' ').length > {first + 4}", timeout=60_000)
        assert page.evaluate("window.same")
        assert page.locator("#resources details[open] tbody tr").count() >= 3
        assert "asked for 1 GiB" in page.inner_text("#usage")
    assert shown.queue.run("kill", str(job)).returncode == 0


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_with_the_plots_and_a_phone_is_wide_enough(
    browser: Browser, shown: Shown, scheme: str
) -> None:
    job = with_table(shown, "looks", a_table(200, 700.0))
    for size in ({"width": 1280, "height": 900}, NARROW):
        with a_tab(browser, shown.page, shown.visitor, color_scheme=scheme, viewport=size) as tab:
            tab.page.goto(f"/job/{job}")
            tab.page.locator("#resources summary").click()
            assert tab.page.locator("#usage svg.series").first.is_visible()
            assert tab.axe() == []
            assert tab.overflow() <= 0


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the script is for /bin/sh")
def test_a_job_without_progress_tells_its_time_left_by_earlier_runs(shown: Shown) -> None:
    for name in ("habit", "habit.2", "habit.3"):
        shown.queue.drop(name, "sleep 15")
    for name in ("habit", "habit.2", "habit.3"):
        shown.queue.wait_done(name, timeout=60)
    shown.queue.drop("habit.4", "sleep 600")
    shown.queue.wait_running("habit.4")
    job = wait_for("it is a job", lambda: (shown.queue.row("habit.4") or {}).get("id"))
    for address in ("/QM", f"/job/{job}"):
        text = shown.visitor.ask(address).text
        assert 'title="by 3 earlier runs">~ ' in text, text
    past = shown.visitor.ask(f"/job/{job}").text.partition('id="h-history"')[2]
    assert all(f"({name})" in past for name in ("habit", "habit.2", "habit.3"))
    assert shown.queue.run("kill", str(job)).returncode == 0

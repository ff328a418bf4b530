"""The main page as it is sent: lists, filters, pages, and what is done by its forms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.dashboard.snapshot import Activity
from qm.model import END_STATES, State
from qm.progress import Progress
from qm.times import utc_text
from qm.view import Entry
from qm.view.ended import Cursor
from tests.live.harness import Queue, wait_for
from tests.web.filled import filled_page
from tests.web.jobs import Shown, shown_queue
from tests.web.served import Answer, Served, Visitor, page_of_empty_queue
from web.pages.cells import brief, running_row, short_size, starts_text
from web.pages.filters import Filters, read_filters, since_utc

live = pytest.mark.live
SLEEP = "sleep 300"
ENDED = 1000


def rows(text: str, part: str = "t-ended") -> list[str]:
    """The keys of the rows of one table."""
    start = text.index(f'id="{part}"')
    return re.findall(r'<tr data-key="([^"]*)"', text[start : text.index("</table>", start)])


def links(text: str, word: str) -> list[str]:
    """Where the links with this text lead."""
    return [unescape(found) for found in re.findall(rf'href="([^"]*)"[^>]*>{word}</a>', text)]


def chip(text: str, word: str) -> int:
    """The number on a chip."""
    found = re.search(rf">{word} <b>([\d,]+)</b></a>", text)
    assert found is not None, word
    return int(found[1].replace(",", ""))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of 1000 ended, 150 waiting and two running jobs of three owners."""
    with filled_page(tmp_path_factory.mktemp("full"), 150, ENDED) as (page, _):
        yield page


@live
def test_the_pages_show_every_ended_job_once(full: Served) -> None:
    address, seen, pages = "/QM", [], 0
    while address:
        text = full.ask(address).text
        seen += rows(text)
        pages += 1
        older = links(text, "Older")
        address = older[0] if older else ""
    assert pages == ENDED / 50
    assert [int(key) for key in seen] == sorted(range(1, ENDED + 1), reverse=True)


@live
def test_newer_leads_back_to_the_page_before(full: Served) -> None:
    first = full.ask("/QM").text
    second = full.ask(links(first, "Older")[0]).text
    third = full.ask(links(second, "Older")[0]).text
    assert rows(full.ask(links(third, "Newer")[0]).text) == rows(second)
    assert rows(full.ask(links(third, "Newest")[0]).text) == rows(first)
    assert not links(first, "Newer")


@live
def test_counts_follow_the_filters(full: Served) -> None:
    everything = full.ask("/QM").text
    assert (chip(everything, "All"), chip(everything, "Failed")) == (ENDED, ENDED // 10)
    annas = full.ask("/QM?owner=anna").text
    assert chip(annas, "All") == 333
    assert ">anna</td>" in annas
    assert ">bert</td>" not in annas
    failed = full.ask("/QM?owner=anna&state=failed").text
    assert chip(failed, "All") == 333
    assert f">{chip(failed, 'Failed')} jobs</span>" in failed
    assert chip(failed, "Failed") == 33
    assert rows(full.ask("/QM?q=simulation_000017").text) == ["17"]


@live
def test_a_filter_is_kept_by_the_links_of_the_page(full: Served) -> None:
    text = full.ask("/QM?owner=anna&q=simu&since=30d").text
    for word in ("Older", r"Failed <b>\d+</b>", "Mine"):
        for address in links(text, word):
            kept = dict(parse_qsl(urlsplit(address).query))
            assert (kept["q"], kept["since"]) == ("simu", "30d"), address


@live
def test_running_and_waiting_jobs_are_filtered_by_owner_and_text_too(full: Served) -> None:
    text = full.ask("/QM?q=simulation_001003").text
    assert "No running job matches." in text
    assert rows(text, "waiting") == ["1003"]
    assert "No ended job matches" in text
    assert links(text, "Clear filters") == ["/QM", "/QM"]


@live
def test_a_long_queue_is_cut_and_counted(full: Served) -> None:
    text = full.ask("/QM?state=failed").text
    assert len(rows(text, "waiting")) == 12
    assert "and 138 more that start later" in text
    (more,) = links(text, "Show more")
    text = full.ask(more).text
    assert len(rows(text, "waiting")) == 100
    assert "and 50 more that start later" in text
    assert links(text, "Show less") == ["/QM?state=failed"]
    assert len(rows(full.ask("/QM?q=simulation&queue=long").text, "waiting")) == 100


@live
def test_the_moving_part_is_sent_again_only_when_it_has_changed(full: Served) -> None:
    def settled() -> Answer | None:
        answer = full.ask("/parts/main?state=failed")
        again = full.ask("/parts/main?state=failed", **{"If-None-Match": answer.headers["etag"]})
        return again if again.status == 304 else None

    again = wait_for("a part that stays as it is", settled)
    assert again.body == b""
    other = full.ask("/parts/main", **{"If-None-Match": again.headers["etag"]})
    assert other.status == 200
    assert "<html" not in other.text


@live
@pytest.mark.parametrize(
    "query",
    ["state=nonsense", "since=yesterday-ish", "since=0001-01-01", "before=x~y", "before=~", "q="],
)
def test_what_cannot_be_understood_in_an_address_filters_nothing(full: Served, query: str) -> None:
    answer = full.ask(f"/QM?{query}")
    assert answer.status == 200
    assert chip(answer.text, "All") == ENDED


@live
@pytest.mark.parametrize("path", ["/QM?q=%ff%fe", "/QM?q=%00%22%3E", "/QM?owner=%25", "/ask/kill"])
def test_no_address_breaks_the_page(full: Served, path: str) -> None:
    assert full.ask(path).status in {200, 303, 400, 403, 404}


@live
def test_a_viewer_sees_why_nothing_can_be_done(full: Served) -> None:
    text = full.viewer().ask("/QM").text
    assert 'disabled title="Only an operator may do this: log in first"' in text
    assert "data-ask" not in text
    assert full.viewer().ask("/ask/rm?job=1").status == 403
    assert full.viewer().submit("/do/rm", job="1").status == 403


@live
def test_those_whom_the_configuration_lets_stop_jobs_can(tmp_path: Path) -> None:
    with filled_page(tmp_path, 1, 3, Licence_to_kill="yes") as (page, _):
        text = page.ask("/QM").text
        assert 'href="/ask/kill?job=4" data-ask' in text
        assert page.ask("/ask/kill?job=4").status == 200
        assert page.ask("/ask/rm?job=1").status == 403


@live
def test_a_first_visit_teaches(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        text = page.ask("/").text
        assert re.search(r"<details\s+open\s*>\s*<summary>What a job looks like", text)
        assert "[QMOptions]" in text
        assert str(page.folder / "QM_qJobs") in text


@live
def test_a_first_visitor_runs_a_sample_job(make_page: Callable[..., Shown]) -> None:
    shown = make_page()
    assert 'action="/do/demo"' in shown.visitor.ask("/QM").text
    assert shown.visitor.submit("/do/demo").status == 303
    assert (shown.queue.wait_done("progress") / "total.txt").exists()
    wait_for("no more teaching", lambda: "/do/demo" not in shown.visitor.ask("/QM").text)
    assert shown.page.anonymous().submit("/do/demo").status == 403


@live
def test_without_a_manager_ended_jobs_are_shown_from_the_folders(
    make_page: Callable[..., Shown],
) -> None:
    shown = make_page()
    shown.ended("one")
    shown.queue.stop()
    text = wait_for_page(shown.visitor, "QM is not running")
    assert rows(text) == ["1"]
    assert 'disabled title="QM is not running"' in text
    refused = shown.visitor.submit("/do/rerun", job="1")
    assert refused.status == 503
    assert "no QM runs on" in unescape(refused.text)


@pytest.fixture
def make_page(tmp_path: Path) -> Iterator[Callable[..., Shown]]:
    """A queue and its page, ended afterwards."""
    with ExitStack() as stack:
        yield lambda **web: stack.enter_context(shown_queue(tmp_path / "live", **web))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A queue and its page for tests with jobs of different names."""
    with shown_queue(tmp_path_factory.mktemp("shown")) as made:
        yield made


def wait_for_page(who: Visitor, words: str, address: str = "/QM") -> str:
    """The page once it has these words."""

    def found() -> str:
        text = who.ask(address).text
        return text if words in text else ""

    return str(wait_for(f"{words!r} on {address}", found))


def state_of(queue: Queue, job: int) -> str:
    """Where a job stands, as the command line tells."""
    return next((str(row["state"]) for row in queue.listed() if row["id"] == job), "")


def job_id(queue: Queue, name: str) -> int:
    """The id of the job of this name, once it is there."""
    row = wait_for(f"{name} is a job", lambda: (r := queue.row(name)) and r["id"] and r)
    return int(row["id"])


def do(who: Visitor, name: str, job: int, **more: str) -> Answer:
    """Send the form of the question about a job, as it stands there."""
    question = who.ask(f"/ask/{name}?job={job}&back=/QM?state=failed")
    assert question.status == 200, question.text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', question.text))
    assert fields["job"] == str(job)
    fields = {key: unescape(value) for key, value in fields.items()}
    return who.submit(f"/do/{name}", **{**fields, **more})


@live
def test_a_job_is_held_released_and_given_another_priority_by_forms(shown: Shown) -> None:
    queue, who = shown.queue, shown.visitor
    queue.drop("big", SLEEP, nb_proc=4)
    queue.wait_running("big")
    queue.drop("held", "true")
    job = job_id(queue, "held")
    wait_for("it waits", lambda: state_of(queue, job) == "QUEUED")
    answer = do(who, "hold", job)
    assert answer.status == 303
    assert answer.headers["location"] == f"/QM?state=failed&done=hold&job={job}"
    assert state_of(queue, job) == "HELD"
    assert f"Held job {job}." in who.ask(answer.headers["location"]).text
    assert do(who, "priority", job, priority="-7").status == 303
    assert next(row["priority"] for row in queue.listed() if row["id"] == job) == -7
    wrong = do(who, "priority", job, priority="high")
    assert wrong.status == 409
    assert 'the priority "high" is no whole number. 0 is usual.' in unescape(wrong.text)
    assert 'name="priority"' in wrong.text
    assert do(who, "release", job).status == 303
    assert state_of(queue, job) == "QUEUED"
    assert do(who, "kill", job).status == 303
    assert state_of(queue, job) == "CANCELLED"
    assert do(who, "kill", job_id(queue, "big")).status == 303
    queue.wait_done("big")


@live
def test_a_running_job_is_suspended_resumed_and_stopped(shown: Shown) -> None:
    queue, who = shown.queue, shown.visitor
    queue.drop("runs", f"echo 3 / 4; {SLEEP}")
    queue.wait_running("runs")
    job = job_id(queue, "runs")
    text = wait_for_page(who, "75 %", "/QM?q=runs")
    assert 'value="0.75"' in text
    assert do(who, "suspend", job).status == 303
    assert state_of(queue, job) == "SUSPENDED"
    assert who.ask(f"/ask/suspend?job={job}").status == 409
    assert do(who, "resume", job).status == 303
    question = who.ask(f"/ask/kill?job={job}")
    assert f"Stop job {job} (runs)?" in question.text
    assert "It has been RUNNING for" in question.text
    assert state_of(queue, job) == "RUNNING"
    assert do(who, "kill", job).status == 303
    assert state_of(queue, job) == "KILLED"


@live
def test_an_ended_job_is_run_again_deleted_and_restored(shown: Shown) -> None:
    who = shown.visitor
    job, _ = shown.ended("again")
    said = who.submit("/do/rerun", job=str(job))
    assert said.status == 303
    wait_for("its second end", lambda: state_of(shown.queue, job) == "FINISHED")
    shown.queue.wait_done("again")
    deleted = do(who, "rm", job)
    assert deleted.headers["location"] == f"/QM?done=rm&job={job}"
    text = who.ask(deleted.headers["location"]).text
    assert f"Deleted job {job}." in text
    assert 'action="/do/restore"' in text
    assert shown.queue.where("again") is None
    assert who.submit("/do/restore", job=str(job)).status == 303
    assert shown.queue.where("again") == "QM_dJobs"


@live
def test_a_script_gets_its_answers_as_json(shown: Shown) -> None:
    who = shown.visitor
    job, _ = shown.ended("scripted")
    wants = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    body = f"job={job}".encode()
    answer = who.ask("/do/rm", "POST", body, **wants)
    assert json.loads(answer.text) == {
        "said": f"Deleted job {job} (scripted).",
        "undo": str(job),
        "to": f"/QM?done=rm&job={job}",
    }
    again = who.ask("/do/rm", "POST", body, **wants)
    assert again.status == 404
    assert json.loads(again.text)["error"] == f"there is no job {job}"
    restored = who.ask("/do/restore", "POST", body, **wants)
    assert json.loads(restored.text)["said"] == "Restored scripted to QM_dJobs."
    wrong = who.ask("/do/hold", "POST", body, **wants)
    assert wrong.status == 409
    assert "is FINISHED: this is for jobs that wait" in json.loads(wrong.text)["error"]


@live
def test_the_queue_is_paused_and_started_again(shown: Shown) -> None:
    who = shown.visitor
    assert "Pause the queue?" in who.ask("/ask/drain?on=yes").text
    assert who.submit("/do/drain", on="yes").status == 303
    try:
        text = wait_for_page(who, "Nothing is started.")
        assert 'href="/ask/drain?on=no"' in text
        assert "Drain: set by" in text
    finally:
        assert who.submit("/do/drain", on="no").status == 303
    wait_for("no notice", lambda: "Nothing is started." not in who.ask("/QM").text)


@live
@pytest.mark.parametrize(
    "back", ["//evil.example", "/\\evil", "https:evil", "/QM\r\nX: y", "/QMx", "/job/1/../../x", ""]
)
def test_nobody_is_sent_elsewhere_afterwards(shown: Shown, back: str) -> None:
    job, _ = shown.ended("stays")
    answer = shown.visitor.submit("/do/rm", job=str(job), back=back)
    try:
        assert answer.headers["location"] == f"/QM?done=rm&job={job}"
    finally:
        shown.visitor.submit("/do/restore", job=str(job))


@live
def test_looking_at_a_question_changes_nothing(shown: Shown) -> None:
    job, folder = shown.ended("untouched")
    for name in ("rm", "rerun", "kill", "hold", "drain?on=yes&x"):
        shown.visitor.ask(f"/ask/{name}?job={job}", "GET")
        shown.visitor.ask(f"/ask/{name}?job={job}", "HEAD")
    assert folder.is_dir()
    assert state_of(shown.queue, job) == "FINISHED"


@live
def test_the_help_page_has_an_example_and_all_keys_of_a_job_file(full: Served) -> None:
    text = full.ask("/help").text
    for word in ("[QMOptions]", "walltime", "qm submit FOLDER", "<kbd>j</kbd>", "rejected"):
        assert word in text


FILTERS = st.builds(
    Filters,
    states=st.sets(st.sampled_from(sorted(END_STATES))).map(
        lambda some: tuple(state for state in State if state in some)
    ),
    owner=st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip),
    since=st.sampled_from(["", "today", "7d", "30d", "2026-02-28"]),
    long=st.booleans(),
    before=st.none() | st.builds(Cursor, st.just(utc_text(12.5)), st.integers(0, 10**17)),
)


@given(FILTERS)
def test_filters_are_read_from_the_address_that_they_write(filters: Filters) -> None:
    query = dict(parse_qsl(urlsplit(filters.address()).query, keep_blank_values=True))
    assert read_filters(query) == filters


@given(st.dictionaries(st.sampled_from(["state", "since", "before", "after", "q"]), st.text()))
def test_any_address_is_read(query: dict[str, str]) -> None:
    filters = read_filters(query)
    assert read_filters(dict(parse_qsl(urlsplit(filters.address()).query))) == filters
    filters.query(1.8e9)


def test_seven_days_are_today_and_the_six_before() -> None:
    noon = 1.8e9
    today, week = since_utc("today", noon), since_utc("7d", noon)
    assert today is not None
    assert week is not None
    assert week < today <= utc_text(noon)
    assert since_utc(week[:10], noon) is not None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.4, "0 s"), (59.9, "59 s"), (61, "1 min 01 s"), (660, "11 min")),
        *((7500, "2 h 05 min"), (86340, "23 h"), (270000, "3 d 3 h"), (-5, "0 s")),
    ],
)
def test_durations_are_brief(seconds: float, text: str) -> None:
    assert brief(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (900, "900 B"), (3_600_000, "3.4 MiB"), (80 << 30, "80 GiB"), (1000, "1.0 KiB")],
)
def test_sizes_are_brief(count: int, text: str) -> None:
    assert short_size(count) == text


def test_a_start_far_away_is_told_as_a_time_from_now() -> None:
    assert starts_text(utc_text(1000 + 90000), 1000.0) == "in 25 h"
    assert re.fullmatch(r"~ \d\d:\d\d", starts_text(utc_text(1000 + 90), 1000.0))
    assert starts_text(None, 0.0) == ""


def entry(**changes: object) -> Entry:
    """A running job."""
    known = {"id": 7, "name": "x", "state": "RUNNING", "place": "QM_Jobs", "attempt": 1}
    started = {"started": utc_text(1000.0)}
    values: dict[str, Any] = {**dict.fromkeys(Entry._fields), **known, **started, **changes}
    return Entry(**values)


@pytest.mark.parametrize(
    ("progress", "walltime", "left"),
    [
        (Progress(0.5, "50 / 100"), None, "~ 5 min"),
        (None, 600.0, "< 5 min"),
        (Progress(0.01, "1 / 100"), 900.0, "< 10 min"),
        (Progress(0.01, "1 / 100"), None, "4 – 8 h"),
        (None, None, "–"),
        (Progress(1.0, "10 / 10"), None, "~ 5 s"),
    ],
)
def test_the_time_left_is_rounded_and_says_how_sure_it_is(
    progress: Progress | None, walltime: float | None, left: str
) -> None:
    row = running_row(entry(walltime=walltime), Activity(progress), 1300.0, lambda name: "")
    assert row.left == left


def test_a_suspended_job_has_no_time_left() -> None:
    row = running_row(
        entry(state="SUSPENDED"), Activity(Progress(0.5, "1 / 2")), 1300.0, lambda n: ""
    )
    assert row.left == "–"
    assert [button.verb.name for button in row.buttons] == ["kill", "resume"]

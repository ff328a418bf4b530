"""Logs by the API of a page that is really served."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.harness import wait_for
from tests.web.cost import cost_of
from tests.web.jobs import Shown, shown_queue

pytestmark = pytest.mark.live

GIB = 1 << 30


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One queue and its page for all tests here."""
    with shown_queue(tmp_path_factory.mktemp("logs")) as opened:
        yield opened


def log_of(shown: Shown, name: str, data: bytes) -> str:
    """The address of the log of an ended job, in which ``data`` now stands."""
    job, folder = shown.ended(name)
    (folder / "process.log").write_bytes(data)
    return f"/api/v1/jobs/{job}/log"


def test_the_end_of_a_log_comes_in_whole_lines(shown: Shown) -> None:
    address = log_of(shown, "lines", b"one\ntwo\nthree\n")
    answer = shown.visitor.ask(f"{address}?tail=8")
    assert (answer.status, answer.text) == (200, "three\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    told = {name: answer.headers[f"x-log-{name}"] for name in ("start", "end", "size", "complete")}
    assert told == {"start": "8", "end": "14", "size": "14", "complete": "yes"}


def test_a_log_is_read_onward_and_backward(shown: Shown) -> None:
    text = "".join(f"line {number}\n" for number in range(1000))
    address = log_of(shown, "long", text.encode())
    answer = shown.visitor.ask(f"{address}?from=0&max=256")
    assert answer.text.endswith("\n") and text.startswith(answer.text)
    assert answer.headers["x-log-complete"] == "no"
    middle = answer.headers["x-log-end"]
    again = shown.visitor.ask(f"{address}?before={middle}&max=256")
    assert again.text == answer.text


@pytest.mark.parametrize(
    "query",
    [
        *("tail=0", "tail=x", "tail=-1", "max=1", "from=1&tail=2", "from=9999999999999999999"),
        *("before=1&from=2", "nothing=1", "from=1&from=2", "run=x", "tail=%ff", "max=2000000"),
    ],
)
def test_what_cannot_be_understood_is_refused(shown: Shown, query: str) -> None:
    address = log_of(shown, "refuses", b"x\n")
    assert shown.visitor.ask(f"{address}?{query}").status == 422


@pytest.mark.parametrize("query", ["", "q=", "q=a%0Ab", "q=a&limit=0", "q=a&from=x"])
def test_a_search_that_cannot_be_understood_is_refused(shown: Shown, query: str) -> None:
    address = log_of(shown, "refuses", b"x\n")
    assert shown.visitor.ask(f"{address}/search?{query}").status == 422


@pytest.mark.parametrize("job", ["999999", "0", "99999999999999999999999"])
def test_there_is_no_log_of_no_job(shown: Shown, job: str) -> None:
    for address in (f"/api/v1/jobs/{job}/log", f"/api/v1/jobs/{job}/log/search?q=a"):
        answer = shown.visitor.ask(address)
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_log_that_is_a_link_out_of_the_job_or_a_pipe_is_not_read(
    shown: Shown, tmp_path: Path
) -> None:
    job, folder = shown.ended("linked")
    log = folder / "process.log"
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    log.unlink()
    log.symlink_to(secret)
    assert shown.visitor.ask(f"/api/v1/jobs/{job}/log").status == 404
    log.unlink()
    if sys.platform != "win32":
        os.mkfifo(log)
    assert shown.visitor.ask(f"/api/v1/jobs/{job}/log").status == 404


def test_a_search_tells_how_many_there_are(shown: Shown) -> None:
    address = log_of(shown, "search", b"ok\nKeyError <b>\n" * 500)
    found = shown.visitor.ask(f"{address}/search?q=KeyError&limit=2").json
    assert (found["count"], found["more"]) == (500, False)
    assert found["items"][1] == {"byte": 19, "line": 4, "text": "KeyError <b>"}


def test_a_search_finds_other_letters_than_english_ones(shown: Shown) -> None:
    address = log_of(shown, "letters", "grün\nblau\n".encode())
    assert shown.visitor.ask(f"{address}/search?q=gr%C3%BCn").json["count"] == 1


def test_a_job_that_has_not_begun_has_no_log(shown: Shown) -> None:
    shown.queue.drop("waits", "true", hold="yes")
    job = wait_for("it is held", lambda: (shown.queue.row("waits") or {}).get("id"))
    answer = shown.visitor.ask(f"/api/v1/jobs/{job}/log")
    assert answer.status == 404 and "has not been started" in answer.json["detail"]


def test_a_log_is_followed_while_its_job_runs(shown: Shown) -> None:
    go = shown.queue.folder.parent / "go"
    script = f"echo begun; while [ ! -e {go} ]; do sleep 0.05; done; echo done"
    shown.queue.drop("follow", script)
    shown.queue.wait_running("follow")
    job = shown.queue.record("follow", "job.json")["id"]
    address = f"/api/v1/jobs/{job}/log"
    wait_for("it has begun", lambda: "begun" in shown.visitor.ask(address).text)
    first = shown.visitor.ask(address)
    assert first.headers["x-log-complete"] == "no"
    go.touch()
    shown.queue.wait_done("follow")
    rest = wait_for(
        "the rest comes",
        lambda: shown.visitor.ask(f"{address}?from={first.headers['x-log-end']}").text,
    )
    assert rest.startswith("done\n")


def test_the_log_of_an_earlier_attempt_is_there(shown: Shown) -> None:
    job, folder = shown.ended("again")
    (folder / "process.log").write_bytes(b"the first one\n")
    assert shown.queue.run("rerun", str(job)).returncode == 0
    wait_for("it has run again", lambda: shown.queue.record("again", "job.json")["attempt"] == 2)
    shown.queue.wait_done("again")
    address = f"/api/v1/jobs/{job}/log"
    earlier = shown.visitor.ask(f"{address}?run=1")
    assert (earlier.text, earlier.headers["x-log-complete"]) == ("the first one\n", "yes")
    assert "the first one" not in shown.visitor.ask(f"{address}?run=2").text


def test_a_gigabyte_is_opened_at_its_end_and_searched_in_time(shown: Shown) -> None:
    address = log_of(shown, "large", b"")
    _, folder = shown.ended("large")
    with (folder / "process.log").open("r+b") as log:
        log.seek(GIB - 12)
        log.write(b"\nneedle here")
    with cost_of(shown.page) as opened:
        assert shown.visitor.ask(f"{address}?tail=4096").text == "needle here"
    assert opened.read < GIB / 100
    with cost_of(shown.page) as searched:
        found = shown.visitor.ask(f"{address}/search?q=needle&limit=1").json
    assert searched.cpu < 4
    if found["more"]:  # A slow or busy machine says so, and how far it came.
        assert found["to"] > 0
    else:
        assert [item["byte"] for item in found["items"]] == [GIB - 11]

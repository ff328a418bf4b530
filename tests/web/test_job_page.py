"""The page of one job, as it is served."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from tests.live.harness import wait_for
from tests.web.cost import cost_of
from tests.web.jobs import Shown, shown_queue
from tests.web.served import is_our_picture
from web.errorline import error_line

pytestmark = pytest.mark.live

GIB = 1 << 30
NASTY = "<img src=x onerror=alert(1)> \"'>"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One queue and its page for all tests here."""
    with shown_queue(tmp_path_factory.mktemp("job_page")) as opened:
        yield opened


class Elements(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of this kind."""
        return [attributes for name, attributes in self.found if name == tag]


def page_of(shown: Shown, job: int, query: str = "") -> Elements:
    """The page of a job."""
    answer = shown.visitor.ask(f"/job/{job}{query}")
    assert answer.status == 200, answer.text
    return Elements(answer.text)


def waiting_id(shown: Shown, name: str) -> int:
    """The id of a job, once it is one."""
    return int(wait_for(f"{name} is a job", lambda: (shown.queue.row(name) or {}).get("id")))


def test_a_job_that_ended_tells_how_and_shows_its_log_first(shown: Shown) -> None:
    shown.queue.drop("breaks", f"{sys.executable} -c \"raise KeyError('sw')\"")
    shown.queue.wait_done("breaks")
    job = waiting_id(shown, "breaks")
    page = page_of(shown, job)
    assert "It failed." in page.text and "Its exit code is 1." in page.text
    assert page.text.index("KeyError: 'sw'") < page.text.index("Traceback")
    assert page.text.index("Traceback") < page.text.index("Resources")
    assert f"{sys.executable} -c" in page.text
    addresses = {one.get("href") for one in page.all("a")}
    expected = {f"/job/{job}/files", f"/job/{job}/archive.zip", f"/ask/rerun?job={job}"}
    assert expected <= addresses


def test_a_job_that_waits_tells_why(shown: Shown) -> None:
    shown.queue.drop("held", "true", hold="yes", priority=3, mem="100M")
    job = waiting_id(shown, "held")
    page = page_of(shown, job)
    assert "It waits:" in page.text
    assert "There is no log yet" in page.text
    assert "priority" in page.text and "100 MiB" in page.text
    assert f"/ask/release?job={job}" in {one.get("href") for one in page.all("a")}


def test_a_job_that_runs_shows_its_progress(shown: Shown) -> None:
    go = shown.queue.folder.parent / "go"
    shown.queue.drop("runs", f"echo 3 / 4; while [ ! -e {go} ]; do sleep 0.05; done")
    shown.queue.wait_running("runs")
    job = waiting_id(shown, "runs")
    found = wait_for(
        "progress is shown",
        lambda: [p for p in page_of(shown, job).all("progress") if p["value"] == "0.75"],
    )
    assert found
    page = page_of(shown, job)
    assert "75 %" in page.text and "3 / 4" in page.text and "Elapsed" in page.text
    go.touch()
    shown.queue.wait_done("runs")


def test_what_a_job_sets_as_a_secret_is_hidden(shown: Shown) -> None:
    shown.queue.drop("secret", "true", env="API_TOKEN=hush1234 COLOUR=blue", hold="yes")
    text = page_of(shown, waiting_id(shown, "secret")).text
    table = text[text.index("Environment that the job sets") :].partition("proc_config.cfg")[0]
    assert "(hidden)" in table and "blue" in table
    assert "hush1234" not in table


def test_a_name_leads_to_its_newest_job(shown: Shown) -> None:
    job, _ = shown.ended("called")
    answer = shown.visitor.ask("/job/called")
    assert (answer.status, answer.headers["location"]) == (303, f"/job/{job}")


@pytest.mark.parametrize("name", ["nobody", "999999", "-1", "99999999999999999999999", "a%00b"])
def test_no_job_is_told_so(shown: Shown, name: str) -> None:
    assert shown.visitor.ask(f"/job/{name}").status == 404


def test_the_part_of_a_job_that_is_gone_says_so(shown: Shown) -> None:
    answer = shown.visitor.ask("/parts/job/999999")
    assert answer.status == 200 and "is not here any more" in answer.text


def test_the_moving_part_is_not_sent_twice(shown: Shown) -> None:
    job, _ = shown.ended("still")
    first = shown.visitor.ask(f"/parts/job/{job}")
    again = shown.visitor.ask(f"/parts/job/{job}", **{"If-None-Match": first.headers["etag"]})
    assert (first.status, again.status, again.body) == (200, 304, b"")


def test_a_viewer_sees_buttons_that_say_why_they_are_off(shown: Shown) -> None:
    job, _ = shown.ended("looked_at")
    text = shown.page.viewer().ask(f"/job/{job}").text
    off = [one for one in Elements(text).all("button") if "disabled" in one]
    assert off and all("Only an operator" in (one["title"] or "") for one in off)


def test_an_earlier_attempt_is_listed_and_its_log_shown(shown: Shown) -> None:
    job, folder = shown.ended("twice")
    (folder / "process.log").write_bytes(b"first words\n")
    assert shown.queue.run("rerun", str(job)).returncode == 0
    wait_for("it runs again", lambda: shown.queue.record("twice", "job.json")["attempt"] == 2)
    shown.queue.wait_done("twice")
    assert f"/job/{job}?run=1" in {one.get("href") for one in page_of(shown, job).all("a")}
    assert "first words" in page_of(shown, job, "?run=1").text
    assert shown.visitor.ask(f"/job/{job}?run=x").status == 404


def test_markup_in_name_info_owner_and_log_is_only_text(shown: Shown) -> None:
    name = NASTY.replace("/", "")
    shown.queue.drop(name, "exit 3", info=NASTY)
    folder = shown.queue.wait_done(name)
    (folder / "process.log").write_text(f"Error: {NASTY}\n{NASTY}", encoding="utf-8")
    job = waiting_id(shown, name)
    for address in (f"/job/{job}", f"/parts/job/{job}"):
        page = Elements(shown.visitor.ask(address).text)
        assert [one for one in page.all("img") if not is_our_picture(one["src"])] == []
        assert page.text.count("<img src=x onerror=alert(1)>") >= 2
        assert not [name for _, one in page.found for name in one if name.startswith("on")]


def test_addresses_that_run_scripts_are_no_links(shown: Shown) -> None:
    shown.queue.drop("links", "exit 0", info="javascript:alert(1)")
    folder = shown.queue.wait_done("links")
    (folder / "process.log").write_text("data:text/html,<b>x javascript:alert(1)\n")
    page = page_of(shown, waiting_id(shown, "links"))
    wrong = [one for one in page.all("a") if not (one["href"] or "").startswith(("/", "#"))]
    assert wrong == []


def test_a_hostile_log_is_shown_harmless_and_soon(shown: Shown) -> None:
    job, folder = shown.ended("hostile")
    hostile = (
        b"\x1b]8;;http://evil/\x07link\x1b]8;;\x07 \x1b]52;c;aGk=\x07\x1b[5Aup \x9b2J\xc2\x9b2J"
    )
    hostile += b"\x1b[31mred\x1b[0m\n" + b"x" * 10_000_000 + b"\nlast\n"
    (folder / "process.log").write_bytes(hostile)
    with cost_of(shown.page) as cost:
        text = shown.visitor.ask(f"/job/{job}").text
    assert cost.cpu < 2
    assert len(text) < 400_000 and "last" in text
    (folder / "process.log").write_bytes(hostile[:100])
    text = shown.visitor.ask(f"/job/{job}").text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert "evil" not in text
    assert re.search(r'<span class="f1">red\s', text)


def test_a_page_with_a_gigabyte_of_log_is_made_at_once(shown: Shown) -> None:
    job, folder = shown.ended("giant")
    with (folder / "process.log").open("r+b") as log:
        log.seek(GIB - 10)
        log.write(b"\nthe end\n")
    shown.visitor.ask(f"/job/{job}")
    with cost_of(shown.page) as cost:
        text = shown.visitor.ask(f"/job/{job}").text
    assert "the end" in text and cost.read < GIB / 100 and cost.cpu < 2


def test_the_page_has_nothing_inline(shown: Shown) -> None:
    job, _ = shown.ended("inline")
    page = page_of(shown, job)
    assert all(one.get("src") for one in page.all("script"))
    assert page.all("style") == []
    assert not [one for _, one in page.found if "style" in one]


def test_where_details_are_off_a_viewer_sees_no_log(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with shown_queue(tmp_path_factory.mktemp("private"), Display_details="no") as private:
        job, folder = private.ended("private")
        (folder / "process.log").write_bytes(b"hidden words\n")
        viewer = private.page.viewer()
        assert "hidden words" not in viewer.ask(f"/job/{job}").text
        assert viewer.ask(f"/api/v1/jobs/{job}/log").status == 403
        assert "hidden words" in private.visitor.ask(f"/job/{job}").text


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["fine", "ValueError: bad", "error later"], "ValueError: bad"),
        (["a: command not found", "ok"], "a: command not found"),
        (
            ["first error", "  numpy.linalg.LinAlgError: singular"],
            "numpy.linalg.LinAlgError: singular",
        ),
        (["all is well", "Job finished at: x with failed"], ""),
    ],
)
def test_the_line_that_tells_why_is_found(lines: list[str], expected: str) -> None:
    assert error_line(lines) == expected

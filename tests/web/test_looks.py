"""The page in a real browser: it moves without disturbing anybody, fits, and can be used by all."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qm.index import reading
from qm.times import utc_text
from tests.live.harness import wait_for
from tests.web.browser import a_tab
from tests.web.filled import filled_page
from tests.web.jobs import Shown, shown_queue
from tests.web.served import free_port, page_of_empty_queue, served, write_config
from web.static_files import FOLDER as STATIC

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]

NARROW = {"width": 390, "height": 800}
WIDE = {"width": 1280, "height": 900}
COUNTS = "for i in $(seq 1 4000); do echo step $i / 4000; sleep 0.1; done"
SLEEP = "sleep 300"
GZIPPED_LIMIT = 14 * 1024


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A queue with a job of each kind, and its page that looks again each second."""
    with shown_queue(tmp_path_factory.mktemp("looks"), Refresh_Rate="1") as made:
        queue = made.queue
        queue.drop("fails", "echo no such file; exit 3", info="<b>not bold</b>")
        queue.wait_done("fails")
        made.ended("fine")
        queue.drop("counts", COUNTS, nb_proc=2, info="a series")
        queue.drop("sleeps", SLEEP, nb_proc=1, walltime="2h")
        queue.wait_running("counts")
        queue.wait_running("sleeps")
        queue.drop("waits", SLEEP, nb_proc=3)
        queue.drop("on-hold", "true", hold="yes")
        wait_for("they wait", lambda: len(list_open(made)) == 4)
        yield made
        queue.run("kill", "counts", "sleeps", "waits", "on-hold", "--grace", "0")


def list_open(made: Shown) -> list[str]:
    return [row["name"] for row in made.queue.listed() if not row["ended"] and row["id"]]


def row_of(page: Page, name: str) -> str:
    """The selector of a job's row."""
    return f'tr[data-key]:has(.name:text-is("{name}"))'


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/QM", "/QM?state=failed", "/help", "/ask/kill?job=3"])
def test_axe_finds_no_fault(browser: Browser, shown: Shown, scheme: str, address: str) -> None:
    with a_tab(browser, shown.page, shown.visitor, color_scheme=scheme) as tab:
        tab.page.goto(address)
        assert tab.axe() == []


@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark"}])
def test_the_other_pages_have_no_fault_and_fit_a_phone(
    browser: Browser, shown: Shown, look: dict[str, Any]
) -> None:
    with a_tab(browser, shown.page, shown.visitor, viewport=NARROW, **look) as tab:
        for address in ("/system", "/stats", "/timeline", "/login", "/QM_dJobs/gone/", "/nothing"):
            tab.page.goto(address)
            assert (address, tab.axe(), tab.overflow()) == (address, [], 0)
        tab.complaints[:] = [said for said in tab.complaints if "404" not in said]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_a_dialog_and_on_a_phone(
    browser: Browser, shown: Shown, scheme: str
) -> None:
    with a_tab(browser, shown.page, shown.visitor, color_scheme=scheme, viewport=NARROW) as tab:
        tab.page.goto("/QM")
        tab.page.locator(row_of(tab.page, "sleeps")).get_by_role("link", name="Stop").click()
        tab.page.get_by_role("dialog").wait_for()
        assert tab.axe() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_without_a_manager(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    with (
        page_of_empty_queue(tmp_path) as empty,
        a_tab(browser, empty, color_scheme=scheme) as tab,
    ):
        tab.page.goto("/QM")
        assert tab.axe() == []


@pytest.mark.parametrize("address", ["/QM", "/help", "/login", "/ask/priority?job=5", "/nothing"])
def test_nothing_is_wider_than_a_phone(browser: Browser, shown: Shown, address: str) -> None:
    with a_tab(browser, shown.page, shown.visitor, viewport=NARROW) as tab:
        tab.page.goto(address)
        assert tab.overflow() <= 0
        tab.complaints[:] = [said for said in tab.complaints if "404" not in said]


def test_a_phone_shows_a_long_name_and_a_long_reason_within_its_width(
    browser: Browser, tmp_path: Path
) -> None:
    with filled_page(tmp_path, 3, 20) as (filled, index):
        with reading(str(filled.folder / ".qm" / "index.sqlite3")) as reader:
            (row,) = reader.rows("id = 5")
        index.put(row._replace(name="n" * 200, reason=f"ExitCode: {'x' * 300}", info="i" * 400))
        index.flush()
        with a_tab(browser, filled, viewport=NARROW) as tab:
            tab.page.goto("/QM")
            tab.page.get_by_text("n" * 200).wait_for()
            assert tab.overflow() <= 0
            tab.page.set_viewport_size({"width": 1280, "height": 900})
            assert tab.overflow() <= 0


def test_progress_moves_in_place(browser: Browser, shown: Shown) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM")
        row = page.locator(row_of(page, "counts"))
        row.evaluate("row => { row.marked = true; }")
        link = row.locator(".name")
        link.focus()
        before = row.locator("progress").evaluate("bar => bar.value")
        page.evaluate("scrollTo(0, 120)")
        page.wait_for_function(
            "([before]) => [...document.querySelectorAll('tr .name')]"
            ".find((a) => a.textContent === 'counts').closest('tr')"
            ".querySelector('progress').value > before",
            arg=[before],
        )
        assert row.evaluate("row => row.marked") is True
        assert link.evaluate("link => link === document.activeElement") is True
        assert page.evaluate("scrollY") == 120
        assert re.fullmatch(r"\(\d running\) QM", page.title())
        assert (page.locator("#icon").get_attribute("href") or "").startswith("data:image/svg")


def test_an_ended_job_waits_behind_a_button_while_somebody_reads(
    browser: Browser, shown: Shown
) -> None:
    with a_tab(browser, shown.page, shown.visitor, viewport=WIDE) as tab:
        page = tab.page
        page.goto("/QM")
        page.locator("#t-ended tbody").hover()
        first = page.locator("#t-ended .name").first.text_content()
        run_one(shown, "newly")
        button = page.locator("#past [data-new]")
        button.wait_for()
        assert button.text_content() == "1 new"
        assert page.locator("#t-ended .name").first.text_content() == first
        button.click()
        page.locator("#t-ended").get_by_role("link", name="newly", exact=True).wait_for()
        assert button.is_hidden()
        assert page.locator("#t-ended .name").first.text_content() == "newly"


def run_one(shown: Shown, name: str) -> None:
    """One job that ends at once, with the processors that are free or by priority."""
    shown.queue.drop(name, "no such program", nb_proc=0)
    shown.queue.wait_lost(name)


def test_what_is_selected_and_typed_stays(browser: Browser, shown: Shown) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM")
        page.locator("#q").fill("half a wo")
        page.locator("#t-ended td.job").first.evaluate(
            "cell => getSelection().selectAllChildren(cell)"
        )
        chosen = page.evaluate("getSelection().toString()")
        run_one(shown, "meanwhile")
        page.locator("#past [data-new]").wait_for()
        assert page.evaluate("getSelection().toString()") == chosen != ""
        assert page.locator("#q").input_value() == "half a wo"


def test_a_dialog_stays_open_while_the_page_moves_on_and_does_what_it_says(
    browser: Browser, shown: Shown
) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM")
        page.locator(row_of(page, "waits")).get_by_role("link", name="Hold waits").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("heading", name=re.compile(r"Hold job \d+ \(waits\)\?")).wait_for()
        run_one(shown, "behind-it")
        page.locator("#chips").get_by_text("Rejected").wait_for()
        assert dialog.is_visible()
        dialog.get_by_role("button", name="Hold").click()
        page.get_by_text(re.compile(r"Held job \d+ \(waits\)\.")).wait_for()
        assert dialog.is_hidden()
        page.locator(row_of(page, "waits")).locator(".state.held").wait_for()
        # Straight on, by the same row.
        page.locator(row_of(page, "waits")).get_by_role("link", name="Release waits").click()
        dialog.get_by_role("button", name="Release").click()
        page.locator(row_of(page, "waits")).locator(".state.queued").wait_for()
        assert page.url.endswith("/QM")


def test_a_refusal_is_told_in_the_dialog(browser: Browser, shown: Shown) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM")
        row = page.locator(row_of(page, "on-hold"))
        row.locator("summary").click()
        row.get_by_role("link", name="Priority on-hold").click()
        field = page.get_by_role("dialog").get_by_label("Priority")
        field.evaluate("field => { field.type = 'text'; field.value = 'high'; }")
        page.get_by_role("dialog").get_by_role("button", name="Set priority").click()
        page.get_by_role("alert").get_by_text("is no whole number").wait_for()
        page.keyboard.press("Escape")
        assert page.get_by_role("dialog").is_hidden()
        tab.complaints[:] = [said for said in tab.complaints if "409" not in said]


def test_a_deleted_job_comes_back_by_undo(browser: Browser, shown: Shown) -> None:
    shown.ended("deleted")
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM?q=deleted")
        row = page.locator(row_of(page, "deleted"))
        row.locator("summary").click()
        row.get_by_role("link", name="Delete deleted").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.get_by_text("No ended job matches").wait_for()
        page.get_by_role("button", name="Undo").click()
        row.wait_for()
        assert shown.queue.where("deleted") == "QM_dJobs"


def test_keys_do_what_the_help_page_says(browser: Browser, shown: Shown) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        first = page.locator("tr[data-key] .name").first
        assert first.evaluate("link => link === document.activeElement")
        page.keyboard.press("s")
        page.get_by_role("dialog").get_by_role("heading", name="Stop job").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("jsk")
        assert page.locator("#q").input_value() == "jsk"
        page.keyboard.press("Enter")
        page.get_by_text("No ended job matches “jsk”").wait_for()
        assert page.url.endswith("/QM?q=jsk")
        page.go_back()
        page.locator(row_of(page, "fails")).wait_for()
        assert page.locator("#q").input_value() == ""
        page.locator("h1").first.focus()
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("?")
        page.get_by_role("heading", name="What a job file can say").wait_for()


def test_filters_work_without_a_new_page_and_by_their_address(
    browser: Browser, shown: Shown
) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM")
        page.evaluate("window.same = true")
        page.locator("#chips").get_by_text("Failed").click()
        page.wait_for_url("**/QM?state=failed")
        page.locator("#t-ended .finished").first.wait_for(state="detached")
        page.locator("#since").select_option("today")
        page.wait_for_url("**/QM?since=today&state=failed")
        assert page.evaluate("window.same") is True
        page.reload()
        assert page.locator("#since").input_value() == "today"
        assert page.locator("#chips [aria-current]").inner_text().startswith("Failed")


def test_everything_can_be_read_and_done_without_scripts(
    browser: Browser, shown: Shown, tmp_path: Path
) -> None:
    port = free_port()
    # The page comes anew by itself, and what is open or typed then is lost: here not so often.
    config = write_config(tmp_path / "QMserv.cfg", shown.queue.folder, port, Refresh_Rate="60")
    with (
        served(shown.queue.folder, config, port) as calm,
        a_tab(browser, calm, calm.operator(), java_script_enabled=False) as tab,
    ):
        page = tab.page
        page.goto("/QM?state=failed")
        row = page.locator(row_of(page, "on-hold"))
        row.locator("summary").click()
        row.get_by_role("link", name="Priority on-hold").click()
        page.get_by_label("Priority").fill("3")
        page.get_by_role("button", name="Set priority").click()
        page.wait_for_url("**done=priority**")
        page.get_by_text("Changed the priority of job").wait_for()
        page.locator("#q").fill("fine")
        page.get_by_role("button", name="Search").click()
        assert "q=fine" in page.url


def test_a_page_that_lost_its_server_says_how_old_it_is_and_recovers(
    browser: Browser, shown: Shown
) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto("/QM")
        page.context.set_offline(True)
        page.locator("#age").get_by_text("Not connected; this is").wait_for(timeout=30000)
        page.context.set_offline(False)
        page.locator("html:not(.offline)").wait_for(timeout=70000, state="attached")
        tab.complaints.clear()


def test_the_manager_going_and_coming_back_is_seen(browser: Browser, tmp_path: Path) -> None:
    with (
        shown_queue(tmp_path, Refresh_Rate="1") as made,
        a_tab(browser, made.page, made.visitor) as tab,
    ):
        page = tab.page
        page.goto("/QM")
        page.get_by_text("Nothing runs.").wait_for()
        made.queue.kill_manager()
        page.get_by_role("alert").get_by_text("QM is not running.").wait_for()
        assert page.title() == "QM is not running"
        made.queue.start()
        page.get_by_role("alert").wait_for(state="detached")
        assert page.title() == "QM"


def test_the_theme_is_kept(browser: Browser, shown: Shown) -> None:
    with a_tab(browser, shown.page, shown.visitor, color_scheme="light") as tab:
        page = tab.page
        page.goto("/help")
        colour = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(colour)
        theme = page.locator("#theme")
        theme.click()
        theme.click()
        assert theme.text_content() == "Theme: dark"
        dark = page.evaluate(colour)
        assert dark != light
        page.goto("/QM")
        assert page.evaluate(colour) == dark


def wait_in(page: Page, fact: Callable[[], bool]) -> None:
    """Wait for a fact that the browser's events make true: they are heard in its waits only."""
    until = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < until
        page.wait_for_timeout(50)


def test_a_hidden_tab_asks_for_nothing(browser: Browser, shown: Shown) -> None:
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        asked: list[float] = []
        page.on(
            "request",
            lambda request: asked.append(time.monotonic()) if "/parts/" in request.url else None,
        )
        page.goto("/QM")
        wait_in(page, lambda: len(asked) > 1)
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {get: () => true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        page.wait_for_timeout(500)  # What was asked before may still come.
        before = len(asked)
        page.wait_for_timeout(4000)
        assert len(asked) == before
        page.evaluate(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
        )
        wait_in(page, lambda: len(asked) > before)


def test_an_idle_page_asks_for_nothing_but_events(browser: Browser, tmp_path: Path) -> None:
    with (
        shown_queue(tmp_path, Refresh_Rate="1") as made,
        a_tab(browser, made.page, made.visitor) as tab,
    ):
        page = tab.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/QM")
        page.wait_for_timeout(4000)
        asked.clear()
        page.wait_for_timeout(6000)
        assert asked == []
        made.ended("one")
        page.locator(row_of(page, "one")).wait_for()


def test_style_and_script_are_small() -> None:
    total = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in ("qm.css", "qm.js"))
    assert total < GZIPPED_LIMIT


def test_times_that_are_shown_are_those_of_records(browser: Browser, shown: Shown) -> None:
    ended = next(row["ended"] for row in shown.queue.listed() if row["name"] == "fine")
    with a_tab(browser, shown.page, shown.visitor) as tab:
        tab.page.goto("/QM?q=fine")
        cell = tab.page.locator('#t-ended td[data-l="ended"]')
        title = cell.get_attribute("title") or ""
    local = time.strptime(title[:19], "%Y-%m-%dT%H:%M:%S")
    assert utc_text(time.mktime(local))[:19] == ended[:19]

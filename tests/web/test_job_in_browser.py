"""The page of a job in a real browser: its log is followed, searched, and can do no harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.live.harness import wait_for
from tests.web.browser import a_tab
from tests.web.jobs import Shown, shown_queue
from web.logview import LogView

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

pytestmark = [pytest.mark.live, pytest.mark.slow]

NARROW: ViewportSize = {"width": 390, "height": 800}
HOSTILE = [
    "a\x1b[1;31mred\x1b[0m b\n",
    "10 %\r20 %\r\x1b[K30 %\r\ndone\r\n",
    "a\x1b]8;;javascript:alert(1)\x07text\x1b]8;;\x07b\x1b]52;c;aGFoYQ==\x1b\\c\x1b]0;t\nd",
    "a\x1b[2Ab\x9b5;5Hc\x1b[2Jd\x1bcf\x08\x07g\u202eexe \x1b[38;5;196mx\x1b[48;2;1;2;3my\n",
    "<img src=x onerror=alert(1)>\n\x1b[3",
    "\x1b[22;4;97;104mfoo\x1b[24mbar\x1b[7;9m\U0001f600" + "\U0001f600" * 10_100 + "\nend",
    "x" * 10_050 + "\r" + "y" * 10_001,
    "\x1bPq#0~~\x1b\\after\x90more\x9cshown\x1b",
]
PIECES = """(texts) => texts.map((text) => {
  const view = new QMLogView();
  const all = [...text];
  const found = [];
  for (let at = 0; at < all.length; at += 7) {
    found.push(...view.feed(all.slice(at, at + 7).join('')));
  }
  return [found.concat(view.openLine()).map(([words, look]) => [words, look]), view.classes];
})"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """One queue and its page for all tests here."""
    with shown_queue(tmp_path_factory.mktemp("job_browser"), Refresh_Rate="1") as opened:
        yield opened


def logged(page: Page) -> str:
    """The text of the log as it stands on the page."""
    return str(page.evaluate("document.getElementById('log').textContent"))


def wait_for_log(page: Page, words: str) -> None:
    """Wait until these words stand in the log."""
    wait_for(f"the log has {words}", lambda: words in logged(page))


def letters(spans: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each letter and how it looks; a line feed looks like anything."""
    return [(letter, "" if letter == "\n" else look) for words, look in spans for letter in words]


def test_a_running_job_is_followed_without_loading_the_page_again(
    browser: Browser, shown: Shown
) -> None:
    folder = shown.queue.folder.parent
    script = (
        f"for i in 1 2 3 4; do echo step $i / 4; "
        f"while [ ! -e {folder}/go$i ]; do sleep 0.02; done; done; echo all done"
    )
    shown.queue.drop("live", script)
    shown.queue.wait_running("live")
    job = wait_for("it is a job", lambda: (shown.queue.row("live") or {}).get("id"))
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto(f"/job/{job}")
        page.evaluate("window.same = true")
        for step in (1, 2, 3, 4):
            wait_for_log(page, f"step {step} / 4")
            page.wait_for_selector(f'#jobbar progress[value="{step / 4}"]')
            (folder / f"go{step}").touch()
        page.wait_for_selector("#top .state.finished")
        wait_for_log(page, "Job finished at")
        assert logged(page).count("step 2 / 4") == 1
        assert page.evaluate("window.same")
        assert page.title().startswith("live finished")


def test_a_hostile_log_does_nothing_in_a_browser(browser: Browser, shown: Shown) -> None:
    job, folder = shown.ended("hostile")
    (folder / "process.log").write_text("".join(HOSTILE), encoding="utf-8")
    with a_tab(browser, shown.page, shown.visitor) as tab:
        tab.page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
        tab.page.goto(f"/job/{job}")
        assert "<img src=x onerror=alert(1)>" in logged(tab.page)
        assert tab.page.locator("#log img, #log a").count() == 0
        assert "javascript:" not in tab.page.content()


def test_browser_and_server_show_a_log_alike(browser: Browser, shown: Shown) -> None:
    job, _ = shown.ended("alike")
    with a_tab(browser, shown.page, shown.visitor) as tab:
        tab.page.goto(f"/job/{job}")
        found = tab.page.evaluate(PIECES, HOSTILE)
    for text, (spans, classes) in zip(HOSTILE, found, strict=True):
        view = LogView()
        expected = [*view.feed(text), *view.open_line()]
        assert letters(spans) == letters(list(expected)), json.dumps(text[:80])
        assert classes == view.style.classes


def test_earlier_lines_come_by_scrolling_up(browser: Browser, shown: Shown) -> None:
    job, folder = shown.ended("long")
    lines = "".join(f"line {number} of the log\n" for number in range(20_000))
    (folder / "process.log").write_text(lines, encoding="utf-8")
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto(f"/job/{job}")
        assert "line 19999 of" in logged(page) and "line 10000 of" not in logged(page)

        def scrolled() -> bool:
            # A browser that draws no frame in between would tell of no scrolling.
            page.evaluate(
                "() => { const log = document.getElementById('log'); log.scrollTop = 0; }"
            )
            page.wait_for_timeout(100)
            page.evaluate("document.getElementById('log').dispatchEvent(new Event('scroll'))")
            return logged(page).startswith("line 0 of")

        wait_for("the first line is there", scrolled)
        assert logged(page) == lines


def test_find_goes_from_place_to_place_with_a_true_count(browser: Browser, shown: Shown) -> None:
    job, folder = shown.ended("finds")
    lines = [f"line {number}{' needle' * (number % 5000 == 0)}\n" for number in range(20_000)]
    (folder / "process.log").write_text("".join(lines), encoding="utf-8")
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto(f"/job/{job}")
        page.fill("#log-q", "needle")
        line = "document.querySelector('#log mark')?.previousSibling.data"
        for number, count in ((0, 1), (5000, 2), (10_000, 3)):
            page.press("#log-q", "Enter")
            page.wait_for_function(
                "(text) => document.getElementById('log-count').textContent === text",
                arg=f"{count} of 4",
            )
            page.wait_for_function(f"() => {line}?.endsWith('line {number} ')")
        assert page.locator("#log mark").inner_text() == "needle"
        page.locator("#h-log").click()
        page.keyboard.press("N")
        told = "document.getElementById('log-count').textContent"
        page.wait_for_function(f"() => {told} === '2 of 4'")


def test_a_job_is_run_again_and_its_new_log_shown(browser: Browser, shown: Shown) -> None:
    shown.queue.drop("again", "echo attempt $QM_ATTEMPT of it")
    shown.queue.wait_done("again")
    job = wait_for("it is a job", lambda: (shown.queue.row("again") or {}).get("id"))
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto(f"/job/{job}")
        page.click("#dobar >> text=Run again")
        page.click("dialog >> button[type=submit]")
        page.wait_for_selector(f'a[href="/job/{job}?run=1"]')
        page.wait_for_selector('#top[data-attempt="2"] .state.finished')
        wait_for_log(page, "Job finished")
        assert logged(page).count("Job started by QM") == 1


def test_a_log_is_followed_on_when_the_window_gets_another_size(
    browser: Browser, shown: Shown
) -> None:
    go = shown.queue.folder.parent / "go-turned"
    words = ",".join(map(str, range(60)))
    lines = f"for i in $(seq 300); do echo line $i {words}; done"
    shown.queue.drop("turned", f"{lines}; while [ ! -e {go} ]; do sleep 0.02; done; echo the end")
    shown.queue.wait_running("turned")
    job = wait_for("it is a job", lambda: (shown.queue.row("turned") or {}).get("id"))
    rest = "(({scrollHeight, scrollTop, clientHeight}) => scrollHeight - scrollTop - clientHeight)"
    at_end = f"() => {rest}(document.getElementById('log')) < 24"
    with a_tab(browser, shown.page, shown.visitor) as tab:
        page = tab.page
        page.goto(f"/job/{job}")
        wait_for_log(page, "line 300")
        page.wait_for_function(at_end)
        page.set_viewport_size(NARROW)
        page.wait_for_function(at_end)
        go.touch()
        wait_for_log(page, "Job finished at")
        page.wait_for_function(at_end)
        assert page.locator("#log-follow").is_checked()
        page.locator("#log").focus()
        page.keyboard.press("PageUp")
        page.wait_for_function("() => !document.getElementById('log-follow').checked")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_and_a_phone_is_wide_enough(
    browser: Browser, shown: Shown, scheme: str
) -> None:
    job, folder = shown.ended("looks")
    text = "".join(f"\x1b[{30 + n}mcolour {n}\x1b[{90 + n}m bright\x1b[0m\n" for n in range(8))
    (folder / "process.log").write_text(text + "x" * 500, encoding="utf-8")
    for size in ({"width": 1280, "height": 900}, NARROW):
        with a_tab(browser, shown.page, shown.visitor, color_scheme=scheme, viewport=size) as tab:
            tab.page.goto(f"/job/{job}")
            assert tab.axe() == []
            assert tab.overflow() <= 0


def test_without_scripts_the_end_of_the_log_is_there(browser: Browser, shown: Shown) -> None:
    job, folder = shown.ended("plain")
    (folder / "process.log").write_text("plain words\n", encoding="utf-8")
    with a_tab(browser, shown.page, shown.visitor, java_script_enabled=False) as tab:
        tab.page.goto(f"/job/{job}")
        assert "plain words" in tab.page.inner_text("#log")
        assert not tab.page.is_visible("#log-find")

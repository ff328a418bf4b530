"""The manager or the page's process is killed while somebody looks: told, and then healed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.harness import wait_for
from tests.web.browser import AXE, a_person
from tests.web.whole import Whole, apart, whole

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]

COUNTS = "for i in $(seq 1 3000); do echo step $i / 3000; sleep 0.2; done"
HALF_A_WORD = "half a wo"
BAR = "row => row.querySelector('progress').value"


def counting(qm: Whole, page: Page) -> Locator:
    """The row of a job that tells its progress, as the page shows it by now."""
    qm.queue.drop("counts", COUNTS, nb_proc=1)
    row = page.locator("#running tr[data-key]").filter(has_text="counts")
    row.locator("progress").wait_for()
    return row


def goes_on(page: Page, row: Locator) -> None:
    """The bar on the screen grows, without a new page, and nothing that was typed is lost."""
    before = row.evaluate(BAR)
    wait_for("the bar has grown", lambda: row.evaluate(BAR) > before, 60)
    assert page.evaluate("window.same")
    assert page.locator("#q").input_value() == HALF_A_WORD
    assert page.locator("#q").evaluate("field => field === document.activeElement")


def colour_of(alarm: Locator) -> str:
    return str(alarm.locator("strong").evaluate("word => getComputedStyle(word).color"))


def is_red(colour: str) -> bool:
    red, green, blue = (int(part) for part in colour[4:-1].split(","))
    return red > 1.5 * max(green, blue)


def test_a_manager_that_is_killed_and_back_under_a_page_of_its_own_process(
    browser: Browser, tmp_path: Path
) -> None:
    with apart(tmp_path, Refresh_Rate="1") as qm, a_person(browser, qm.login_link()) as page:
        row = counting(qm, page)
        page.locator("#q").press_sequentially(HALF_A_WORD)
        qm.queue.kill_manager()
        down = page.locator("#down")
        down.get_by_text("QM is not running.").wait_for()
        assert f'qm --folder "{qm.queue.folder}" serve' in down.inner_text()
        assert is_red(colour_of(down)) and page.title() == "QM is not running"
        qm.queue.serve_with(qm.config)
        down.wait_for(state="detached")
        goes_on(page, row)


def test_qm_serve_is_killed_with_its_page_and_back(browser: Browser, tmp_path: Path) -> None:
    with whole(tmp_path, Refresh_Rate="1") as qm, a_person(browser, qm.login_link()) as page:
        row = counting(qm, page)
        page.locator("#q").press_sequentially(HALF_A_WORD)
        cut = page.locator("#cut")
        assert cut.is_hidden()
        qm.kill_manager()
        cut.get_by_text("QM does not answer.").wait_for()
        assert f'qm --folder "{qm.queue.folder}" serve' in cut.inner_text()
        assert is_red(colour_of(cut))
        page.locator("#age").get_by_text("Not connected; this is").wait_for()
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate("axe.run().then((found) => found.violations)") == []
        qm.serve()
        cut.wait_for(state="hidden")
        page.locator("#age").wait_for(state="hidden")
        goes_on(page, row)


def test_a_page_whose_process_is_killed_says_so_and_recovers(
    browser: Browser, tmp_path: Path
) -> None:
    with whole(tmp_path, Refresh_Rate="1") as qm, a_person(browser, qm.login_link()) as page:
        row = counting(qm, page)
        row.get_by_role("link", name="counts", exact=True).click()
        page.locator("#log").get_by_text("step 2 / 3000").wait_for()
        page.evaluate("window.same = true")
        page.locator("#log-q").press_sequentially(HALF_A_WORD)
        qm.kill_page()
        page.locator("#cut").get_by_text("QM does not answer.").wait_for()
        wait_for("the page is back", qm.answers, 60)
        page.locator("#cut").wait_for(state="hidden")
        page.locator("#age").wait_for(state="hidden")
        lines = page.locator("#log").inner_text().count("step ")
        wait_for(
            "the log goes on", lambda: page.locator("#log").inner_text().count("step ") > lines, 60
        )
        written = qm.queue.process_log("counts").split()
        seen = page.locator("#log").inner_text().split()
        assert seen == written[: len(seen)]
        assert page.evaluate("window.same")
        assert page.locator("#log-q").input_value() == HALF_A_WORD

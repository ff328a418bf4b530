"""A person's day with QM's page in a real browser, by what one clicks and sees."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.browser import a_person, drop_from_desktop
from tests.web.test_files_browser import WIDTH, png
from tests.web.whole import Whole, whole

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]

STEPS = 5
WORK = f"""
import base64, os, pathlib, time

for step in range(1, {STEPS + 1}):
    print("fitting", step, "/", {STEPS}, flush=True)
    while not os.path.exists(f"go-{{os.environ['QM_ATTEMPT']}}-{{step}}"):
        time.sleep(0.02)
pathlib.Path("plot.png").write_bytes(base64.b64decode({base64.b64encode(png())!r}))
pathlib.Path("report.html").write_text("<h1>All fitted</h1><img src=plot.png alt=fit>")
print("report written")
"""
"""Goes on when somebody lays the file of a step into its folder, so that no test is in a hurry."""


@pytest.fixture
def qm(tmp_path: Path) -> Iterator[Whole]:
    with whole(tmp_path, Refresh_Rate="1") as made:
        yield made


@pytest.fixture
def page(browser: Browser, qm: Whole) -> Iterator[Page]:
    """The main page, opened by the link that `qm web login` prints."""
    with a_person(browser, qm.login_link()) as opened:
        yield opened


def job_folder(base: Path, name: str) -> Path:
    folder = base / "desktop" / name
    folder.mkdir(parents=True)
    (folder / "work.py").write_text(WORK, encoding="utf-8")
    info = "[QMOptions]\ninfo : five fits\nscript : python work.py\nnb_proc : 1\n"
    (folder / "proc_config.cfg").write_text(info, encoding="utf-8")
    return folder


def go_on(qm: Whole, name: str, step: int, attempt: int = 1) -> None:
    (qm.queue.path(name) / f"go-{attempt}-{step}").touch()


def row_of(page: Page, within: str, name: str) -> Locator:
    return page.locator(f"{within} tr[data-key]").filter(has=page.get_by_role("link", name=name))


def drop(page: Page, folder: Path) -> None:
    """From the desktop onto the page, and Send."""
    drop_from_desktop(page, folder)
    zone = page.locator("#drop")
    zone.get_by_text("proc_config.cfg found").wait_for()
    zone.get_by_role("button", name="Send", exact=True).click()
    zone.get_by_role("link", name=folder.name).wait_for()


def confirm(page: Page, button: str, question: str) -> None:
    """Click a button, read what it asks, and say yes."""
    page.locator("#dobar").get_by_role("link", name=button).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("heading", name=question).wait_for()
    dialog.get_by_role("button", name=button).click()
    dialog.wait_for(state="hidden")


def test_a_dropped_folder_runs_is_followed_read_run_again_and_stopped(
    qm: Whole, page: Page, tmp_path: Path
) -> None:
    drop(page, job_folder(tmp_path, "fits"))
    row = row_of(page, "#running", "fits")
    for step in (1, 2):
        row.get_by_text(f"{step} / {STEPS}").wait_for()
        row.locator(f'progress[value="{step / STEPS}"]').wait_for()
        go_on(qm, "fits", step)
    row.get_by_text(f"3 / {STEPS}").wait_for()
    assert page.evaluate("window.same")

    row.get_by_role("link", name="fits", exact=True).click()
    page.evaluate("window.same = true")
    log = page.locator("#log")
    for step in (3, 4, 5):
        log.get_by_text(f"fitting {step} / {STEPS}").wait_for()
        page.locator(f'#jobbar progress[value="{step / STEPS}"]').wait_for()
        go_on(qm, "fits", step)
    page.locator("#top .state.finished").wait_for()
    log.get_by_text("report written").wait_for()
    log.get_by_text("Job finished at").wait_for()
    assert page.evaluate("window.same")

    page.get_by_role("link", name="All files of the job").click()
    page.get_by_role("link", name="report.html").click()
    page.get_by_role("heading", name="All fitted").wait_for()
    assert "/s/" in page.url
    assert page.evaluate("document.images[0].naturalWidth") == WIDTH
    page.go_back()
    page.go_back()

    confirm(page, "Run again", r"Run job 1 (fits) again?")
    page.locator("#top .state.running").wait_for()
    # The log of the run before makes room for the new one.
    log.get_by_text("report written").wait_for(state="detached")
    log.get_by_text(f"fitting 1 / {STEPS}").wait_for()

    confirm(page, "Stop", r"Stop job 1 (fits)?")
    page.locator("#top .state.killed").wait_for()
    page.locator("#story").get_by_text("It was stopped.").wait_for()
    page.get_by_role("link", name="← Jobs").click()
    row_of(page, "#ended", "fits").locator(".state.killed").wait_for()

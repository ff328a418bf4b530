"""Ten tabs at once, and ten browsers: each is told of changes, and none is left over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.live.harness import wait_for
from tests.web.browser import a_person
from tests.web.whole import Whole, whole

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.live, pytest.mark.slow]

TABS = 10
PER_SESSION = 4


@pytest.fixture(scope="module")
def qm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    # Whoever is told of a change looks at once; who is not would look an hour later.
    with whole(tmp_path_factory.mktemp("tabs"), Refresh_Rate="3600") as made:
        yield made


def all_show(pages: list[Page], name: str) -> None:
    """Each of these pages shows a job of this name that has ended."""
    for page in pages:
        row = page.locator("#ended tr[data-key]").filter(has_text=name)
        row.locator(".state.finished").wait_for()


def all_show_a_change(qm: Whole, pages: list[Page], name: str) -> None:
    """A job is dropped and ends: all pages show it, none was loaded again."""
    qm.queue.drop(name, "echo done")
    all_show(pages, name)
    for page in pages:
        assert page.evaluate("window.same")


def all_get_an_answer(pages: list[Page]) -> None:
    """Each page's own requests come through: no stream takes their connections away."""
    for page in pages:
        asked = "fetch('/api/v1/summary', {cache: 'no-store'}).then((answer) => answer.status)"
        assert page.evaluate(asked) == 200


def wait_for_streams(qm: Whole, count: int) -> None:
    wait_for(f"{count} follow the events", lambda: qm.streams() == count, 60)


@contextmanager
def tabs(browser: Browser, qm: Whole, count: int) -> Iterator[list[Page]]:
    """Tabs of one browser, each with the main page."""
    with a_person(browser, qm.login_link()) as first:
        pages = [first, *(first.context.new_page() for _ in range(count - 1))]
        for page in pages[1:]:
            page.goto(f"{qm.page.origin}/QM")
            page.evaluate("window.same = true")
        yield pages


def test_ten_tabs_of_a_browser_share_one_stream_and_leave_none(browser: Browser, qm: Whole) -> None:
    with tabs(browser, qm, TABS) as pages:
        wait_for_streams(qm, 1)
        all_show_a_change(qm, pages, "seen by ten")
        all_get_an_answer(pages)
        assert qm.streams() == 1
        for page in pages[:-1]:
            page.close()
        all_show_a_change(qm, pages[-1:], "seen by the last")
        assert qm.streams() == 1
        pages[-1].close()
        wait_for_streams(qm, 0)


def test_ten_browsers_have_a_stream_each_and_leave_none(browser: Browser, qm: Whole) -> None:
    with ExitStack() as stack:
        pages = [stack.enter_context(a_person(browser, qm.login_link())) for _ in range(TABS)]
        wait_for_streams(qm, TABS)
        all_show_a_change(qm, pages, "seen by ten browsers")
        all_get_an_answer(pages)
    wait_for_streams(qm, 0)


def test_browsers_beyond_a_sessions_places_look_every_few_seconds(
    browser: Browser, qm: Whole
) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(a_person(browser, qm.login_link()))
        state = first.context.storage_state()
        home = f"{qm.page.origin}/QM"
        rest = [
            stack.enter_context(a_person(browser, home, storage_state=state))
            for _ in range(PER_SESSION + 1)
        ]
        wait_for_streams(qm, PER_SESSION)
        pages = [first, *rest]

        def polling() -> int:
            return sum(page.locator("#age").is_visible() for page in pages)

        wait_for("two of six say so", lambda: polling() == 2, 60)
        all_show_a_change(qm, pages, "seen by six")
    wait_for_streams(qm, 0)

"""A real Chromium, where there is one: pages as people see and use them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.served import Served, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

AXE = Path(__file__).resolve().parents[1] / "data" / "axe.min.js"
_FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")
_RUN_AXE = """async () => {
  const found = await axe.run(document, {resultTypes: ['violations']});
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((n) => n.html).join(' | ')}`);
}"""


def chromium() -> str:
    """The program; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no Chromium on this machine")
    return found


@contextmanager
def a_browser(*flags: str) -> Iterator[Browser]:
    """A browser without a window, with these ``flags`` as well; closed afterwards."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = chromium()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """A page in a browser, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(wide))

    def axe(self) -> list[str]:
        """What axe-core finds wrong for people who cannot see, or not well."""
        # By evaluate, and not by a script element: that one the page's policy forbids.
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.page.evaluate(_RUN_AXE)
        return found


@contextmanager
def a_tab(
    browser: Browser, served: Served, visitor: Visitor | None = None, **options: Any
) -> Iterator[Tab]:
    """A tab of its own profile, logged in as ``visitor``.

    What the page logs, and each request that fails, fails the test in the end.
    """
    context: BrowserContext = browser.new_context(**{"base_url": served.origin, **options})
    context.set_default_timeout(15000)
    try:
        if visitor is not None and "Cookie" in visitor.headers:
            name, _, value = visitor.headers["Cookie"].partition("=")
            context.add_cookies([{"name": name, "value": value, "url": served.origin}])
        tab = Tab(context.new_page())
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on(
            "console",
            lambda said: (
                tab.complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        yield tab
        assert tab.complaints == []
    finally:
        context.close()


@contextmanager
def a_person(browser: Browser, login_link: str, **options: Any) -> Iterator[Page]:
    """A tab of its own profile that was opened by such a link; it may complain.

    ``window.same`` is true in it until the page is loaded again.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        page.goto(login_link)
        page.evaluate("window.same = true")
        yield page
    finally:
        context.close()


def drop_from_desktop(page: Page, files: Path, onto: str = "#drop") -> None:
    """Drag a file or folder of this machine onto an element, as from the desktop."""
    box = page.locator(onto).bounding_box()
    assert box is not None
    data = {"items": [], "files": [str(files)], "dragOperationsMask": 1}
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})
    devtools.detach()

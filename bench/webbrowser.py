"""A real Chromium without a window, and what it tells of a visit."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE = 60_000.0
"""Milliseconds."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
)
_PAINT = "performance.getEntriesByName('first-contentful-paint').map((one) => one.startTime)[0]"

NOTE_TIMERS = """(() => {
  window.qmTimers = [];
  for (const name of ['setTimeout', 'setInterval']) {
    const original = window[name];
    window[name] = (act, delay, ...rest) => {
      window.qmTimers.push({at: Date.now(), delay: Number(delay) || 0, name});
      return original.call(window, act, delay, ...rest);
    };
  }
})();"""
"""Notes every timer that the page sets."""

HIDE = """() => {
  Object.defineProperty(document, 'hidden', {get: () => true, configurable: true});
  Object.defineProperty(document, 'visibilityState', {get: () => 'hidden', configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
"""A browser without a window shows each tab: this is what another tab in front would do."""


class NoBrowserError(RuntimeError):
    """There is none to measure with."""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed afterwards; NoBrowserError where there is none on this machine."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowserError("playwright is not installed (`pip install playwright`)") from None
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise NoBrowserError("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def tab(browser: Browser, origin: str, script: str = "") -> Iterator[Page]:
    """A tab of a profile of its own: nothing is known to it. ``script`` runs before all others."""
    context: Any = browser.new_context(base_url=origin, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    try:
        if script:
            context.add_init_script(script)
        yield context.new_page()
    finally:
        context.close()


def first_paint(page: Page) -> float:
    """Milliseconds from the start of the navigation to the first contentful paint."""
    page.wait_for_function(f"() => {_PAINT} !== undefined")
    return float(page.evaluate(_PAINT))


def elements(page: Page) -> int:
    """How many elements the document has."""
    return int(page.evaluate("document.querySelectorAll('*').length"))

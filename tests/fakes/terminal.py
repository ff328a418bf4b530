"""A person at the dashboard: presses keys, and waits for what the screen shows."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from qm.dashboard.app import Dashboard

Steps = Callable[["Terminal"], Awaitable[None]]


class Terminal:
    """One session at a running dashboard."""

    def __init__(self, app: Dashboard, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    def text(self) -> str:
        """What the screen shows."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)

    async def press(self, *keys: str) -> None:
        """One key after the other."""
        await self.pilot.press(*keys)

    async def wait_for(self, fact: Callable[[], bool], what: str = "") -> None:
        """Wait until this holds; fails with the screen."""
        until = time.monotonic() + 15
        while not fact():
            assert time.monotonic() < until, f"{what or fact}\n{self.text()}"
            await self.pilot.pause(0.02)

    async def sees(self, *texts: str) -> None:
        """Wait until all of them stand on the screen."""
        for text in texts:
            await self.wait_for(self._shows(text), text)

    def _shows(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.text()

    async def told(self, text: str) -> None:
        """Wait for a message that says this."""

        def is_told() -> bool:
            return any(text in message.message for message in self.app._notifications)

        await self.wait_for(is_told, text)

    @property
    def selected(self) -> str:
        """The name of the selected job."""
        entry = self.app.board.selected
        return "" if entry is None else entry.name

    async def select(self, name: str) -> None:
        """Go down to this job."""
        await self.wait_for(lambda: self.selected != "", "a row is selected")
        for _ in range(50):
            if self.selected == name:
                return
            last = self.selected
            await self.press("down")
            if self.selected == last:
                await self.press("tab")
        raise AssertionError(f"{name} is not there\n{self.text()}")


def sit_at(app: Dashboard, steps: Steps, size: tuple[int, int] = (80, 24)) -> None:
    """Run the dashboard, and these steps; it leaves no thread behind that looks."""

    async def session() -> None:
        async with app.run_test(size=size) as pilot:
            await steps(Terminal(app, pilot))

    asyncio.run(session())
    assert not [thread for thread in threading.enumerate() if thread.name == "looker"]

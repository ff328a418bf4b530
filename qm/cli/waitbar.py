"""The live bar of ``qm wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qm.view.awaited import Tally

_REFRESH = 0.5
"""Seconds between two pictures while nothing has changed."""


def pace(tally: Tally, at_first: int, elapsed: float) -> float | None:
    """Seconds until the rest has ended as well, if it goes on as it went.

    ``at_first`` had ended before anybody waited. None where nothing has ended since.
    """
    since = tally.ended - at_first
    return tally.left * elapsed / since if since > 0 and tally.left else None


class Bar:
    """One line of a terminal, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f} done"),
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            console=Console(stderr=True, highlight=False),
            auto_refresh=False,
            expand=True,
        )
        self._task = self._progress.add_task("", total=0)
        self._last: Tally | None = None
        self._shown = 0.0
        self._at_first = 0

    def show(self, tally: Tally, elapsed: float) -> None:
        """A new picture, if there is anything new or the clock has moved on."""
        if self._last is None:
            self._at_first = tally.ended
        elif tally == self._last and elapsed - self._shown < _REFRESH:
            return
        self._last, self._shown = tally, elapsed
        self._progress.update(
            self._task,
            total=tally.total,
            completed=tally.ended,
            description=self._text(tally, elapsed),
        )
        self._progress.start()
        self._progress.refresh()

    def close(self) -> None:
        """Leave the last picture standing."""
        self._progress.stop()

    def _text(self, tally: Tally, elapsed: float) -> str:
        from qm.cli.columns import clock

        parts = [f"[red]{tally.failed} failed[/]" if tally.failed else "0 failed"]
        if tally.left:
            parts = [f"[green]{tally.running} running[/]", *parts, f"{tally.waiting} waiting"]
        left = pace(tally, self._at_first, elapsed)
        if left is not None:
            parts.append(f"{clock(max(1.0, left))} left")
        else:
            parts.append(f"{clock(elapsed)} so far" if tally.left else f"in {clock(elapsed)}")
        return ", ".join(parts)

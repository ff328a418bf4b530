"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from typing import Any


class Bar:
    """A progress bar on stderr where that is a terminal, from ``many`` jobs on; else silent."""

    def __init__(self, total: int, many: int) -> None:
        self._total = total
        self._shown = total >= many and sys.stderr.isatty()
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
            from rich.progress import TimeRemainingColumn as Remaining

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._progress = Progress(
                *columns,
                Remaining(),
                console=Console(stderr=True),
                transient=True,
                # Lines for a pipe stay in the pipe.
                redirect_stdout=sys.stdout.isatty(),
            )
            self._task = self._progress.add_task("Submitting", total=self._total)
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def step(self) -> None:
        """One more job is submitted, or could not be."""
        if self._progress is not None:
            self._progress.advance(self._task)

    def waits(self) -> None:
        """All are submitted, and the manager has not answered for all of them."""
        if self._progress is not None:
            self._progress.update(self._task, description="Waiting for QM")

"""A progress bar for long work: on a terminal, beside the output, gone when the work is done."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

_WORTH_IT = 20
"""Steps of work that are worth a bar."""


@contextlib.contextmanager
def meter(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far ``what`` is; the value is called with the number of steps just done.

    Nothing is shown for little work, or where stderr is no terminal.
    """
    if total < _WORTH_IT or not sys.stderr.isatty():
        yield lambda steps: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)

"""Waiting on facts, never longer than a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial


class TookTooLongError(RuntimeError):
    """A fact that did not come true in time."""


def wait_for(what: str, fact: Callable[[], bool], limit: float, step: float = 0.002) -> None:
    """Wait until ``fact()`` is true, looking every ``step`` seconds.

    Raises TookTooLongError after ``limit`` seconds.
    """
    until = time.monotonic() + limit
    while not fact():
        if time.monotonic() > until:
            raise TookTooLongError(f"not within {limit:g} s: {what}")
        time.sleep(step)


def wait_for_each(
    what: str, names: Iterable[str], fact: Callable[[str], bool], limit: float, step: float = 0.01
) -> None:
    """Wait until ``fact(name)`` was true for each of the names, one after the other."""
    until = time.monotonic() + limit
    for name in names:
        left = max(0.0, until - time.monotonic())
        wait_for(f"{what}: {name}", partial(fact, name), left, step)


def wait_seconds(seconds: float) -> None:
    """Let time pass: what is measured, or waited for, is the passing itself."""
    time.sleep(seconds)

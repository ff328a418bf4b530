"""System calls that fail, or in which the manager is killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CALLS = ("rename", "mkdir", "unlink", "fsync", "write", "ftruncate", "chmod")
MOST = 400
"""More system calls than any way has."""


class Crash(BaseException):
    """The manager is killed; nothing catches it but the test."""


class Murderer:
    """Kills at the given system call; before it, or in the middle of a write."""

    def __init__(self, at: int) -> None:
        self.left = at

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                if name == "write":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise Crash
            if self.left < 0:
                raise Crash  # It is dead: a clean-up on the way out does not happen.
            return real(*arguments, **options)

        return call


@contextmanager
def with_trouble(trouble: Murderer) -> Iterator[Murderer]:
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, trouble.wrap(name, getattr(os, name)))
        yield trouble


class FullDisk(Murderer):
    """From the given system call on nothing can be written, until there is room again."""

    def __init__(self, at: int, calls: int, fails: tuple[str, ...] = ("write", "mkdir")) -> None:
        super().__init__(at)
        self.calls = calls
        self.fails = fails

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if -self.calls < self.left <= 0 and name in self.fails:
                if name == "write":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise OSError(28, os.strerror(28))
            return real(*arguments, **options)

        return call

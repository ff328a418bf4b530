"""``open`` and ``mmap`` of the simulation, for the one module that reads so: `qm.history`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.simulate.system_calls import SystemCalls


class WholeFiles:
    """What stands in for ``open(path, "rb")`` and for the module ``mmap``."""

    ACCESS_READ = 0

    def __init__(self, calls: SystemCalls) -> None:
        self._calls = calls

    def open(self, path: str, mode: str) -> Any:
        """The whole file, as an object in memory."""
        assert mode == "rb"
        return _Whole(self._calls, path)

    @contextmanager
    def mmap(self, fileno: int, length: int, access: int) -> Iterator[bytes]:
        """The file's bytes: they can be searched as a map can."""
        yield bytes(self._calls.node(fileno).data or b"")


class _Whole:
    def __init__(self, calls: SystemCalls, path: str) -> None:
        self._calls = calls
        self._fd = calls.open(path, os.O_RDONLY)

    def __enter__(self) -> _Whole:
        return self

    def __exit__(self, *error: object) -> None:
        self._calls.close(self._fd)

    def fileno(self) -> int:
        return self._fd

    def seek(self, at: int) -> None:
        self._calls.lseek(self._fd, at, os.SEEK_SET)

    def readlines(self) -> list[bytes]:
        return self._calls.read(self._fd, 1 << 40).splitlines(keepends=True)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readlines())

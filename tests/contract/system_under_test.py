"""Where the contract tests run: marks for what a system lacks, and runs of other processes."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ON_WINDOWS = sys.platform == "win32"


def _under_wine() -> bool:
    if sys.platform != "win32":
        return False
    return hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")


UNDER_WINE = _under_wine()


def posix_only(reason: str) -> pytest.MarkDecorator:
    """Windows has no such thing: the test fails there."""
    return pytest.mark.xfail(ON_WINDOWS, reason=f"Windows: {reason}", strict=True)


def windows_only(reason: str) -> pytest.MarkDecorator:
    """Only Windows gives that: the test fails elsewhere."""
    return pytest.mark.xfail(not ON_WINDOWS, reason=f"POSIX: {reason}", strict=True)


def not_in_wine(reason: str) -> pytest.MarkDecorator:
    """Windows does it, Wine does not: the test fails there."""
    return pytest.mark.xfail(UNDER_WINE, reason=f"Wine: {reason}", strict=True)


def python(*arguments: str) -> subprocess.Popen[bytes]:
    """Another Python, with pipes, that finds QM and these tests; the caller ends it."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and close its pipes."""
    process.kill()
    process.communicate()


def wait_until(what: Callable[[], object], *, within: float = 15.0) -> None:
    """Wait until ``what()`` is true; fails with what it was last."""
    until = time.monotonic() + within
    last = what()
    while not last:
        assert time.monotonic() < until, f"still {last!r} after {within} s"
        time.sleep(0.02)
        last = what()

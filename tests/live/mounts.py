"""Small disks, mounts and locked folders of a test's own, which are gone after it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path

import pytest


class Disk:
    """A small file system, and a file that fills it to the last byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ballast = path / "ballast"

    def fill(self) -> None:
        """Leave no space at all."""
        with open(self.ballast, "ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                with pytest.raises(OSError, match="No space left"):
                    _write_for_ever(file, size)

    def free(self) -> None:
        """Make room again."""
        self.ballast.unlink()


def _write_for_ever(file: RawIOBase, size: int) -> None:
    while True:
        file.write(b"x" * size)


@contextlib.contextmanager
def mounted(target: Path, *arguments: str) -> Iterator[Path]:
    """Mount something at ``target`` as ``mount`` is told; unmounted at the end, whatever happens.

    Skips, loudly, where this user may not.
    """
    if sys.platform == "win32" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("SKIPPED: only root can mount")
    target.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *arguments, target], capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        pytest.skip(f"SKIPPED: mount is not possible here: {done.stderr.strip()}")
    try:
        yield target
    finally:
        unmount(target)


def unmount(target: Path) -> None:
    """Take it away even while it is used; harmless where it is gone already."""
    subprocess.run(["umount", "-l", target], capture_output=True, timeout=30)


@contextlib.contextmanager
def small_disk(path: Path, options: str = "size=4m") -> Iterator[Disk]:
    """A tmpfs at ``path``."""
    with mounted(path, "-t", "tmpfs", "-o", options, "tmpfs"):
        yield Disk(path)


@contextlib.contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Nobody, root included, may change this file or folder meanwhile."""
    done = subprocess.run(["chattr", "+i", path], capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        pytest.skip(f"SKIPPED: chattr is not possible here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True, timeout=30)

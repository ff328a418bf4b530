"""``qm logs``: which log is meant, and showing it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from qm.cli.output import tell
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.jobdir import read_records
from qm.jobfiles import LOG
from qm.view import Entry, find, locate
from qm.view.follow import follow
from qm.view.joblog import LogReader, archived, earlier_attempts, no_log


@dataclass(frozen=True, slots=True)
class LogWish:
    """What is to be shown of a job's logs."""

    following: bool
    lines: int | None
    """Only the last ones; None: everything."""
    attempt: int | None
    """None: the latest one."""
    stream: str | None
    """``stdout`` or ``stderr`` where the job has a file of its own for it; None: process.log."""


def show_log(layout: Layout, job: str, wish: LogWish) -> int:
    """Write a job's log to stdout; exit code 1 where there is none. QMError as :func:`find`."""
    entry = find(layout, job)
    reader = LogReader(layout, entry, _file_of(layout, entry, wish))
    if wish.lines is not None:
        reader.skip_to_last(wish.lines)
    if wish.following and reader.file != archived(wish.attempt or 0):
        follow(reader, _write, lambda text: tell(f"qm: {text}"))
        return 0
    if not reader.read(_write):
        tell(f"qm: {no_log(entry)}")
        return 1
    reader.finish(_write)
    return 0


def _file_of(layout: Layout, entry: Entry, wish: LogWish) -> str:
    if wish.attempt is not None and wish.stream is not None:
        raise QMError("only process.log is kept of earlier attempts", "Leave out --attempt.")
    if wish.stream is not None:
        return _own_file(layout, entry, wish.stream)
    return LOG if wish.attempt is None else _of_attempt(layout, entry, wish.attempt)


def _of_attempt(layout: Layout, entry: Entry, attempt: int) -> str:
    earlier = earlier_attempts(locate(layout, entry))
    if attempt in earlier:
        return archived(attempt)
    if attempt == entry.attempt and attempt:
        return LOG
    known = ", ".join(str(number) for number in sorted({*earlier, entry.attempt} - {0}))
    raise QMError(
        f"{entry.label} has no attempt {attempt}",
        f"It has had these: {known}." if known else "It has not been started yet.",
    )


def _own_file(layout: Layout, entry: Entry, stream: str) -> str:
    folder = locate(layout, entry)
    try:
        job = None if folder is None else read_records(folder, os.path.basename(folder)).job
    except OSError:
        job = None
    file = None if job is None else getattr(job.options, stream)
    if file is None:
        raise QMError(
            f"{entry.label} has no file of its own for {stream}",
            "What it prints is in process.log, which `qm logs` shows.",
        )
    return str(file)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

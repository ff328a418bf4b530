"""``history.jsonl``: one line for each ended attempt, appended, never changed."""

from __future__ import annotations

import json
import mmap
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from qm.model import Job
from qm.osops import sync_file, write_all
from qm.records import FORMAT, outcome_record

_TAIL = 4 << 20
_REMEMBERED = 10_000
_VANISHED = b'"vanished": true'
_NUMBERS = ("id", "attempt")
_TEXTS = ("name", "state")


class History:
    """Appends lines; at the start it knows which attempts stand in the last 4 MiB."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._recent = dict.fromkeys(
            (line.get("id"), line.get("attempt"), line.get("state"), bool(line.get("vanished")))
            for line in _tail(path)
        )

    @property
    def highest_id(self) -> int:
        """The highest id among the latest lines; 0 where there are none."""
        return max((key[0] for key in self._recent if isinstance(key[0], int)), default=0)

    def unknown(self, jobs: list[Job], *, vanished: bool = False) -> list[Job]:
        """Those of these ended attempts for which there is no line yet."""
        with self._lock:
            return self._unknown(jobs, vanished)

    def _unknown(self, jobs: list[Job], vanished: bool) -> list[Job]:
        return [job for job in jobs if _key(job, vanished) not in self._recent]

    def append(self, jobs: list[Job], *, vanished: bool = False) -> None:
        """Write a line for each ended job; one that stands there from before a crash is not
        written twice. ``vanished``: its folder was taken away, so that only this line is left;
        it may stand after an ordinary line of the same attempt. OSError where the disk is
        full: then nothing is written.
        """
        with self._lock:
            new = self._unknown(jobs, vanished)
            if not new:
                return
            text = "".join(json.dumps(_line(job, vanished)) + "\n" for job in new)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            fd = os.open(self._path, flags | getattr(os, "O_BINARY", 0), 0o666)
            try:
                before = os.fstat(fd).st_size
                try:
                    # A power cut may have left half a line: it shall not spoil ours.
                    write_all(fd, (b"" if _complete(fd, before) else b"\n") + text.encode())
                except OSError:
                    os.ftruncate(fd, before)
                    raise
            finally:
                os.close(fd)
            self._recent |= dict.fromkeys(_key(job, vanished) for job in new)
            while len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]

    def sync(self) -> None:
        """Bring what was appended to disk."""
        if os.path.exists(self._path):
            fd = os.open(self._path, os.O_RDWR)
            try:
                sync_file(fd)
            finally:
                os.close(fd)


def _complete(fd: int, size: int) -> bool:
    if size == 0:
        return True
    os.lseek(fd, size - 1, os.SEEK_SET)
    return os.read(fd, 1) == b"\n"


def _key(job: Job, vanished: bool) -> tuple[int, int, str, bool]:
    """With the state: a job that was put back may be cancelled before its next attempt."""
    return job.id, job.attempt, str(job.state), vanished


def _line(job: Job, vanished: bool) -> dict[str, Any]:
    assert job.outcome is not None
    return {
        "format": FORMAT,
        "id": job.id,
        "attempt": job.attempt,
        "name": job.name,
        "state": str(job.state),
        **outcome_record(job.outcome),
        "reason": None if job.reason is None else str(job.reason),
        "owner": job.owner,
        "nb_proc": job.options.nb_proc,
        "nb_gpu": job.options.nb_gpu,
        "priority": job.options.priority,
        "info": job.options.info,
        "submitted": job.submitted,
        "arrival": job.arrival,
        "vanished": vanished,
    }


def read_history(path: str) -> Iterator[dict[str, Any]]:
    """Every line that can be understood, oldest first; none where there is no file."""
    try:
        with open(path, "rb") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return
    yield from _lines(lines)


def last_attempts(path: str) -> dict[int, int]:
    """The attempt of the last line of each job, by its id; empty where there is no file."""
    try:
        with open(path, "rb") as file:
            return {line["id"]: line["attempt"] for line in _lines(file)}
    except FileNotFoundError:
        return {}


def last_of(path: str, *, id: int | None = None, name: str | None = None) -> dict[str, Any] | None:
    """The last line of the job of this id, or of the newest job of this name; None: no such.

    Searched from the end without reading every line: a history may be long.
    """
    wanted = f'"id": {id},' if id is not None else f'"name": {json.dumps(name)},'
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                return _last_with(text, wanted.encode())
    except FileNotFoundError:
        return None


def vanished_in(path: str) -> Iterator[dict[str, Any]]:
    """The lines of jobs whose folders were taken away, oldest first; others are not parsed."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                at = text.find(_VANISHED)
                while at >= 0:
                    end = text.find(b"\n", at)
                    end = end if end >= 0 else len(text)
                    yield from _lines([text[text.rfind(b"\n", 0, at) + 1 : end]])
                    at = text.find(_VANISHED, end)
    except FileNotFoundError:
        return


def _last_with(text: mmap.mmap, wanted: bytes) -> dict[str, Any] | None:
    at = text.rfind(wanted)
    while at >= 0:
        start = text.rfind(b"\n", 0, at) + 1
        end = text.find(b"\n", at)
        # Inside a text the quotes would be escaped: what was found is the key itself.
        for record in _lines([text[start : end if end >= 0 else len(text)]]):
            return record
        at = text.rfind(wanted, 0, start)
    return None


def _tail(path: str) -> Iterator[dict[str, Any]]:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            lines = file.readlines()
    except FileNotFoundError:
        return
    yield from _lines(lines)


def _lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and _is_line(record):
            yield record


def _is_line(record: dict[str, Any]) -> bool:
    """Whether it tells of an end: those parts that everybody counts on are of their kind."""
    numbers = all(isinstance(record.get(name), int) for name in _NUMBERS)
    return numbers and all(isinstance(record.get(name, ""), str) for name in _TEXTS)

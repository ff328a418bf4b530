"""What the tests of bad drops share: what a folder holds, and what became of it."""

from __future__ import annotations

import itertools
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.harness import Queue, wait_for

_NUMBERS = itertools.count(1)
_READ_AT_MOST = 1 << 20

Held = dict[str, tuple[object, ...]]


def cfg(*lines: str, script: str = "true") -> bytes:
    """An info file."""
    return "\n".join(["[QMOptions]", f"script : {script}", *lines, ""]).encode()


@dataclass(frozen=True)
class Drop:
    """A folder to be dropped, and what is to be found in its process.log, line by line."""

    row: str
    files: Mapping[str, bytes]
    says: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    before: Held = field(default_factory=dict)

    def make(self, queue: Queue) -> Path:
        """Make the folder beside the queue, and note what is in it."""
        folder = queue.staging / self.row
        folder.mkdir()
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        for name, target in self.links.items():
            (folder / name).symlink_to(target)
        self.before.update(contents(folder))
        return folder


def contents(folder: Path) -> Held:
    """Everything in a job folder but what QM adds: kinds, modes, sizes, targets, bytes."""
    held: Held = {}
    for path, folders, files in os.walk(folder):
        if Path(path) == folder:
            folders[:] = [name for name in folders if name != ".qm"]
            files = [name for name in files if name != "process.log"]
        for name in (*folders, *files):
            inner = Path(path) / name
            held[os.path.relpath(inner, folder)] = _described(inner)
    return held


def _described(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return ("link", os.readlink(path))
    kind = stat.S_IFMT(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _READ_AT_MOST:
        return (kind, stat.S_IMODE(status.st_mode), status.st_size * stat.S_ISREG(status.st_mode))
    return (kind, stat.S_IMODE(status.st_mode), path.read_bytes())


def still_there(before: Held, folder: Path) -> bool:
    """Whether everything that was dropped is in the folder, unchanged; more may be."""
    return before.items() <= contents(folder).items()


def refused(queue: Queue, name: str, word: str, *says: str, timeout: float = 20) -> Path:
    """Wait until the drop lies in QM_lost+found with this reason; returns the folder.

    The reason is in its end record, and said in its process.log.
    """
    folder = queue.wait_lost(name, timeout)
    end = json.loads((folder / ".qm" / "end.json").read_bytes())
    assert end["state"] == "REJECTED", end
    assert end["reason"].startswith(f"{word}: "), end
    log = queue.process_log(name)
    assert log.startswith("Job refused by QM at: "), log
    for text in says:
        assert text in log, (text, log)
    return folder


def finished(queue: Queue, name: str, timeout: float = 20) -> list[str]:
    """Wait until the job has ended with code 0; returns the lines of its log between
    QM's first and last one."""
    queue.wait_done(name, timeout)
    lines = queue.process_log(name).splitlines()
    assert lines[-1].endswith(" with code 0"), lines
    return lines[1:-1]


def waits(queue: Queue, name: str, *says: str, timeout: float = 20) -> dict[str, object]:
    """Wait until ``qm list`` shows the drop as arriving, with all of this in its reason."""

    def shown() -> dict[str, object] | None:
        row = queue.row(name)
        if row is None or row["state"] != "ARRIVING":
            return None
        return row if all(text in str(row["reason"]) for text in says) else None

    row: dict[str, object] = wait_for(f"{name} waits: {says}", shown, timeout)
    return row


def still_works(queue: Queue) -> None:
    """The manager is alive, nothing in it broke, and it runs an ordinary job."""
    name = f"ordinary{next(_NUMBERS)}"
    queue.drop(name, "echo as ever")
    assert finished(queue, name) == ["as ever"]
    assert queue.process is not None and queue.process.poll() is None
    assert "Traceback" not in queue.log_text(), queue.log_text()

"""What one look over a drop sees, and how it is added up; the same on every system."""

from __future__ import annotations

import fnmatch
import heapq
import re
import stat
from dataclasses import dataclass

READY_FILE = ".qm-ready"
HOLD_FILE = ".qm-hold"

_OWN = re.compile(r"\.qm(\.\d+)?$|process\.log(\.\d+)?$")
_JUNK_NAMES = frozenset(
    {
        ".ds_store",
        "thumbs.db",
        "desktop.ini",
        "@eadir",
        "system volume information",
        "lost+found",
        ".stfolder",
        ".stversions",
        "#recycle",
        "$recycle.bin",
        ".spotlight-v100",
        ".fseventsd",
        ".trashes",
        "__macosx",
    }
)
_JUNK_PATTERNS = ("._*", "~$*", ".trash-*", ".nfs????????*", ".fuse_hidden*")
_PARTIAL_PATTERNS = (
    ".~tmp~",
    ".rsync-partial",
    "*.filepart",
    "*.part",
    "*.partial",
    "*.crdownload",
    "*.download",
    "*.aria2",
    ".syncthing.*.tmp",
    "~syncthing~*.tmp",
    "*.icloud",
)
_PARTIAL = re.compile("|".join(fnmatch.translate(pattern) for pattern in _PARTIAL_PATTERNS), re.I)
_RSYNC_LIKE = re.compile(r"\..+\.[A-Za-z0-9]{6}$")
_NEWEST = 1000
_NAMES = 1000
_MASK = (1 << 64) - 1


def is_junk(name: str) -> bool:
    """True for what desktops, shares and sync programs leave lying about."""
    lower = name.lower()
    return lower in _JUNK_NAMES or any(fnmatch.fnmatchcase(lower, p) for p in _JUNK_PATTERNS)


def is_own(name: str) -> bool:
    """True for what QM keeps in a job folder: records and logs, and ones set aside."""
    return _OWN.match(name) is not None


@dataclass(frozen=True, slots=True)
class Scan:
    """One look over a job folder, links not followed, QM's own names left out."""

    files: int
    size: int
    """Bytes in regular files."""
    entries: int
    newest_change: int
    """The newest inner ctime in ns since the epoch; in an empty folder, its own mtime."""
    fingerprint: int
    """Over path, type and mode, and inode of everything inside; size, mtime and ctime
    of all but folders."""
    content_fingerprint: int
    """The same without ctime: indexers and backup programs change only that."""
    partial: str | None
    """A name that copy programs give to a file they are still writing."""
    maybe_partial: str | None
    """A name as rsync makes it, but that others use as well."""
    writer: str | None
    """A file that somebody has open for writing."""
    ready: bytes | None
    """The text of ``.qm-ready`` (at most 1 KiB), where there is one."""
    hold: bool
    names: tuple[str, ...]
    """The names at the top, at most 1000 of them."""
    unreadable: str | None
    """A folder inside that could not be listed, with the reason."""
    fs_now: int
    """The file system's own clock in ns at the time of the look."""
    seconds: float
    """How long the look took."""


class Tally:
    """Adds up what a walker meets; keeps no memory per file beyond the newest ones."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.entries = 0
        self.newest_change = 0
        self.fingerprint = 0
        self.content_fingerprint = 0
        self.partial: str | None = None
        self.maybe_partial: str | None = None
        self.hold = False
        self.has_ready = False
        self.names: list[str] = []
        self.unreadable: str | None = None
        self._newest: list[tuple[int, str]] = []

    def wants(self, name: str, top: bool) -> bool:
        """Whether the walker shall look at this entry (and into it) at all."""
        if top:
            if is_own(name):
                return False
            if name == READY_FILE:
                self.has_ready = True
                return False
            if name == HOLD_FILE:
                self.hold = True
                return False
        return not is_junk(name)

    def add(self, path: str, name: str, top: bool, status: tuple[int, int, int, int, int]) -> None:
        """Count one entry; ``status`` is (mode, size, mtime ns, ctime ns, inode)."""
        mode, size, mtime, ctime, inode = status
        self.entries += 1
        if top and len(self.names) < _NAMES:
            self.names.append(name)
        if stat.S_ISDIR(mode):
            # What comes into a folder shows by itself, and junk shall not show: the folder's
            # times count only where something else set them, such as a rename or `cp -a`.
            self.note_change(ctime if ctime != mtime else 0)
            size = mtime = ctime = 0
        content = hash((path, mode, size, mtime, inode))
        # A sum, not xor: two equal terms must not cancel each other.
        self.content_fingerprint = (self.content_fingerprint + content) & _MASK
        self.fingerprint = (self.fingerprint + hash((content, ctime))) & _MASK
        self.note_change(ctime)
        if stat.S_ISREG(mode):
            self.files += 1
            self.bytes += size
            newest = (ctime, path)
            if len(self._newest) < _NEWEST:
                heapq.heappush(self._newest, newest)
            elif newest > self._newest[0]:
                heapq.heapreplace(self._newest, newest)
        if self.partial is None and _PARTIAL.match(name):
            self.partial = path
        elif self.maybe_partial is None and name[0] == "." and _RSYNC_LIKE.match(name):
            self.maybe_partial = path

    def note_change(self, when: int) -> None:
        """Something was changed then, in ns since the epoch; walkers tell the time of a
        folder that holds nothing, as no entry does."""
        self.newest_change = max(self.newest_change, when)

    def cannot_list(self, path: str, why: str) -> None:
        """Note a folder that could not be looked into."""
        if self.unreadable is None:
            self.unreadable = f"{path or 'the folder'}: {why}"

    def newest_files(self) -> list[str]:
        """Paths of the most recently changed files, newest first, at most 1000."""
        return [path for _, path in sorted(self._newest, reverse=True)]

    def result(
        self,
        top_mtime: int,
        ready: bytes | None,
        writer: str | None,
        fs_now: int,
        seconds: float,
    ) -> Scan:
        """The finished look."""
        return Scan(
            files=self.files,
            size=self.bytes,
            entries=self.entries,
            newest_change=self.newest_change if self.entries else top_mtime,
            fingerprint=self.fingerprint,
            content_fingerprint=self.content_fingerprint,
            partial=self.partial,
            maybe_partial=self.maybe_partial,
            writer=writer,
            ready=ready,
            hold=self.hold,
            names=tuple(sorted(self.names)),
            unreadable=self.unreadable,
            fs_now=fs_now,
            seconds=seconds,
        )

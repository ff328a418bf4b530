"""Where everything lies below QM_FOLDER, and which names are free."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from qm.identity import Identity
from qm.jobdir import STAGED
from qm.model import Place
from qm.osops import identity_of, rename_folder

_NAME_BYTES = 255
_STAGED_ANSWER = re.compile(r"\..+\.answer\.\d+\.new")


@dataclass(frozen=True)
class Layout:
    """Paths below one QM_FOLDER."""

    root: str
    _next_suffix: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)

    @property
    def own(self) -> str:
        """QM's own folder, ``.qm``."""
        return os.path.join(self.root, ".qm")

    @property
    def state_file(self) -> str:
        """Next id and limits."""
        return os.path.join(self.own, "state.json")

    @property
    def history_file(self) -> str:
        """One line for each ended attempt."""
        return os.path.join(self.own, "history.jsonl")

    @property
    def index_file(self) -> str:
        """The index, which may be deleted at any time."""
        return os.path.join(self.own, "index.sqlite3")

    @property
    def intents(self) -> str:
        """Renames that are decided and may not have happened yet."""
        return os.path.join(self.own, "intents")

    @property
    def requests(self) -> str:
        """What the command line asks of the manager."""
        return os.path.join(self.own, "requests")

    @property
    def trash(self) -> str:
        """What a person deleted."""
        return os.path.join(self.own, "trash")

    @property
    def notices(self) -> str:
        """What is to be told and has not arrived yet."""
        return os.path.join(self.own, "notices")

    @property
    def events_file(self) -> str:
        """What became of notices, one line each."""
        return os.path.join(self.own, "events.jsonl")

    @property
    def shims(self) -> str:
        """Last on every job's PATH: ``python`` where only ``python3`` is installed."""
        return os.path.join(self.own, "bin")

    def place(self, place: Place) -> str:
        """The path of one of the four folders."""
        return os.path.join(self.root, place.value)

    def path(self, place: Place, name: str) -> str:
        """The path of a job folder."""
        return os.path.join(self.root, place.value, name)

    def create(self) -> None:
        """Make what is missing."""
        for place in Place:
            os.makedirs(self.place(place), exist_ok=True)
        os.makedirs(self.own, exist_ok=True)
        self.create_own()

    def create_own(self) -> None:
        """Make what is missing in ``.qm``, which is there. OSError where that is not possible."""
        for path in (self.intents, self.requests, self.trash, self.notices, self.shims):
            if not os.path.isdir(path):
                os.mkdir(path)

    def sweep(self) -> None:
        """Remove records that a crash left half-written. Only for who holds the manager's lock."""
        for folder in (self.own, self.intents):
            for name in os.listdir(folder):
                if STAGED.fullmatch(name):
                    os.unlink(os.path.join(folder, name))
        # Requests are written by others, at this moment perhaps.
        for name in os.listdir(self.requests):
            if _STAGED_ANSWER.fullmatch(name):
                os.unlink(os.path.join(self.requests, name))

    def free_name(self, folder: str, name: str) -> str:
        """``name`` where it is free in ``folder``, else ``name.2``, ``name.3``, …

        A file system that does not tell cases apart answers for another case
        as well. Where the last one given is known, the search goes on there.
        """
        if not os.path.lexists(os.path.join(folder, name)):
            return name
        number = self._next_suffix.get((folder, name), 2)
        while True:
            candidate = suffixed(name, f".{number}")
            if not os.path.lexists(os.path.join(folder, candidate)):
                self._next_suffix[folder, name] = number
                return candidate
            number += 1

    def move(self, source: str, to: Place, name: str) -> str:
        """Move a folder into one of the four by one rename; returns its path there.

        Raises FileExistsError where ``name`` is taken, FileNotFoundError where the
        folder is gone. One of the four that a person removed, or renamed to keep
        what is in it, is made again.
        """
        target = self.path(to, name)
        try:
            rename_folder(source, target)
        except FileNotFoundError:
            if not os.path.lexists(source) or os.path.lexists(self.place(to)):
                raise
            os.mkdir(self.place(to))
            rename_folder(source, target)
        return target

    def find(self, identity: Identity, name: str, first: Place) -> tuple[Place, str] | None:
        """Where the folder of this identity lies now, whatever people did to it.

        Looks under its last known name first, then through all four folders.
        OSError where one of them cannot be listed: it may lie there. One that a
        person removed holds nothing.
        """
        try:
            if identity_of(self.path(first, name)).same_folder(identity):
                return first, name
        except OSError:
            pass
        for place in (first, *(p for p in Place if p is not first)):
            for entry in self._entries(place):
                if entry.inode() == identity.inode:
                    try:
                        if identity_of(entry.path).same_folder(identity):
                            return place, entry.name
                    except OSError:
                        continue
        return None

    def _entries(self, place: Place) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.place(place)) as entries:
                yield from entries
        except FileNotFoundError:
            # Removed; or all of QM_FOLDER is out of reach, unmounted perhaps.
            os.lstat(self.own)


def suffixed(name: str, suffix: str) -> str:
    """``name`` with ``suffix``, cut by bytes so that the file system can hold it."""
    room = _NAME_BYTES - len(os.fsencode(suffix))
    raw = os.fsencode(name)
    if len(raw) <= room:
        return name + suffix
    # Cut between characters; a name that is no UTF-8 is cut anywhere.
    cut = raw[:room].decode("utf-8", "ignore") or os.fsdecode(raw[:room])
    return cut + suffix

"""What is in QM_qJobs: a listing is the truth, an event only says where to look."""

from __future__ import annotations

import contextlib
import os
import stat
from collections import deque

from qm.core.events import Appeared, Frozen, Gone, Present, Renamed
from qm.faults import fault_of
from qm.folders.layout import Layout
from qm.model import Place, Reason
from qm.osops.scanning import is_junk
from qm.watch import Hint

_SOON = 1.0

Seen = Appeared | Gone | Renamed | Frozen


class Lister:
    """Remembers the last listing and tells what differs. One thread uses it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._path = layout.place(Place.WAITING)
        self._known: dict[str, int] = {}
        self._hidden: dict[int, str] = {}
        self._hidden_gone: deque[float] = deque(maxlen=1000)
        self._was_hidden: dict[int, str] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._own = _stamp_of(layout.own)
        self._frozen = False

    def changed(self) -> bool:
        """True if QM_qJobs looks different from the last listing, by one stat."""
        return self._now() != self._stamp

    def _now(self) -> tuple[int, int, int] | None:
        try:
            status = os.lstat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_mtime_ns

    def look(self) -> list[Seen]:
        """List the folder; while it cannot be listed, nothing is declared gone."""
        stamp = self._now()
        why = self._unusable()
        if why is not None:
            self._stamp = None
            self._frozen = True
            return [Frozen(Reason("FolderGone", why))]
        try:
            found = self._list()
        except OSError as error:
            self._frozen = True
            gone = Reason("FolderGone", f"QM_qJobs cannot be listed: {error.strerror}")
            return [Frozen(fault_of(error, self._layout.root) or gone)]
        # Stamped before the listing: a change during it is seen by the next look.
        self._stamp = stamp
        events = self._differences(found)
        self._known = found
        if self._frozen:
            self._frozen = False
            events.append(Frozen(None))
        return events

    def _unusable(self) -> str | None:
        if _stamp_of(self._layout.own) != self._own:
            return f"{self._layout.root} is not the folder that it was (unmounted, or moved?)"
        try:
            mode = os.lstat(self._path).st_mode
        except OSError:
            return "QM_qJobs is not there"
        return None if stat.S_ISDIR(mode) else "QM_qJobs is a link or a file, not a folder"

    def present(self) -> Present:
        """The names of the last listing, and those that came since."""
        return Present(frozenset(self._known))

    def forget(self, name: str) -> None:
        """It was moved away by us: if it comes again, it is new. Any thread may call this."""
        self._known.pop(name, None)

    def mend(self) -> None:
        """Make QM_qJobs again where a person removed it and the rest is still there."""
        if _stamp_of(self._layout.own) == self._own and not os.path.lexists(self._path):
            os.makedirs(self._path, exist_ok=True)

    def mend_own(self) -> None:
        """Make again what a person removed of QM's own folders, for requests among others."""
        if _stamp_of(self._layout.own) == self._own:
            with contextlib.suppress(OSError):
                self._layout.create_own()

    def _list(self) -> dict[str, int]:
        found: dict[str, int] = {}
        hidden: dict[int, str] = {}
        with os.scandir(self._path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    hidden[entry.inode()] = entry.name
                elif not is_junk(entry.name):
                    found[entry.name] = entry.inode()
        self._was_hidden = self._hidden
        self._hidden = hidden
        return found

    def _differences(self, found: dict[str, int]) -> list[Seen]:
        known = self._known
        appeared = [name for name, inode in found.items() if known.get(name) != inode]
        gone = {known[name]: name for name in known if name not in found}
        events: list[Seen] = []
        for name in sorted(appeared, key=self._arrival) if len(appeared) > 1 else appeared:
            inode = found[name]
            before = gone.pop(inode, None)
            if before is not None:
                events.append(Renamed(before, name))
            else:
                events.append(Appeared(name, committed=inode in self._was_hidden))
        # Gone ones first: a name that was given to another folder is free then.
        return [*(Gone(name) for name in gone.values()), *events]

    def _arrival(self, name: str) -> tuple[int, str]:
        """Of several at once: in the order in which they were moved or made here."""
        try:
            return os.lstat(os.path.join(self._path, name)).st_ctime_ns, name
        except OSError:
            return 0, name

    def hint(self, hint: Hint, now: float) -> list[Seen]:
        """An event named an entry: look at it alone, however long the queue is.

        ``now`` is monotonic. Linux is not asked for the old names of renames.
        A dot-name that came and is gone already when we look was, most
        likely, given to the next entry that comes by a rename.
        """
        name = hint.name
        try:
            inode = os.lstat(os.path.join(self._path, name)).st_ino
        except OSError:
            if name.startswith(".") and not hint.renamed:
                self._hidden_gone.append(now)
            return []
        if name.startswith("."):
            self._hidden[inode] = name
            return []
        if is_junk(name):
            return []
        committed = hint.renamed and self._was_dot_name(hint, inode, now)
        if self._known.get(name) == inode and not committed:
            return []
        self._known[name] = inode
        return [Appeared(name, committed)]

    def _was_dot_name(self, hint: Hint, inode: int, now: float) -> bool:
        if hint.before or inode in self._hidden:
            return hint.before.startswith(".") or inode in self._hidden
        while self._hidden_gone and now - self._hidden_gone[0] > _SOON:
            self._hidden_gone.popleft()
        if not self._hidden_gone:
            return False
        self._hidden_gone.popleft()
        return True


def _stamp_of(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino

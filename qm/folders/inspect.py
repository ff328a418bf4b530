"""One look at an entry of QM_qJobs: what it is, what it holds, what its records say."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from qm.errors import InfoError
from qm.folders.layout import Layout
from qm.identity import Identity
from qm.inspection import Inspection, Kind, Usable
from qm.jobdir import read_records
from qm.jobinfo.command import script_files, with_interpreter
from qm.jobinfo.find import choose, missing
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import Place
from qm.osops import FolderHandle, NotAPlainFile
from qm.osops.owner import owner_name
from qm.osops.scanning import FsClock, scan_folder

_INFO_LIMIT = 65536
_DEEPER = 20


@dataclass(frozen=True, slots=True)
class Inspector:
    """Looks at entries of QM_qJobs."""

    layout: Layout
    limits: Limits
    clock: FsClock | None

    def inspect(self, name: str, *, known: bool) -> Inspection:
        """Look at one entry. Where ``known`` is set, and its own records say that it
        is an accepted job, nothing more is looked at.
        """
        path = self.layout.path(Place.WAITING, name)
        try:
            status = os.lstat(path)
        except OSError:
            return Inspection(name, Kind.GONE)
        kind = _kind(status)
        if kind is not Kind.FOLDER:
            return Inspection(name, kind, Identity(status.st_dev, status.st_ino))
        owner = owner_name(status)
        try:
            records = read_records(path, name)
            accepted = records.is_ours and not records.ended
            if known and accepted:
                return Inspection(name, kind, records.identity, owner, records)
            scan = scan_folder(path, self.clock, look_for_writers=True)
        except FileNotFoundError:
            return Inspection(name, Kind.GONE)
        except OSError as error:
            identity = Identity(status.st_dev, status.st_ino)
            return Inspection(name, kind, identity, owner, problem=error.strerror or str(error))
        found, none_found = self.find_info(path, scan.names)
        return Inspection(name, kind, records.identity, owner, records, scan, found, none_found)

    def find_info(
        self, path: str, names: tuple[str, ...]
    ) -> tuple[Usable | InfoError | None, tuple[str, str]]:
        """Read the preferred info file of the folder at ``path`` whose top holds ``names``."""
        file = choose(names, self.limits.names)
        if file is None:
            return None, missing([*names, *_deeper(path, names)], self.limits.names)
        with FolderHandle.open(path) as folder:
            try:
                data = folder.read(file, _INFO_LIMIT + 1)
            except NotAPlainFile:
                wrong = "a link, a pipe or a folder"
                return InfoError(file, None, wrong, "a plain file"), ("", "")
            except OSError as error:
                return InfoError(file, None, f"cannot be read: {error.strerror}"), ("", "")
            if data is None:
                return None, missing(names, self.limits.names)
            try:
                info = read_info(file, data, self.limits, datetime.now(UTC))
            except InfoError as error:
                return error, ("", "")
            lacking = tuple(
                script
                for script in script_files(info.options.script)
                if not _is_there(path, script)
            )
            return Usable(info, lacking), ("", "")


def _is_there(path: str, script: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(os.path.join(path, script)).st_mode)
    except OSError:
        return False


def _kind(status: os.stat_result) -> Kind:
    if stat.S_ISDIR(status.st_mode):
        return Kind.FOLDER
    if stat.S_ISREG(status.st_mode):
        return Kind.FILE
    return Kind.LINK if stat.S_ISLNK(status.st_mode) else Kind.SPECIAL


def _deeper(path: str, names: tuple[str, ...]) -> Iterator[str]:
    for name in names[:_DEEPER]:
        inner = os.path.join(path, name)
        if os.path.isdir(inner) and not os.path.islink(inner):
            try:
                yield from (f"{name}/{file}" for file in os.listdir(inner)[:1000])
            except OSError:
                continue


def command_of(path: str, command: str) -> tuple[str, str | None]:
    """The command line to run, with the interpreter that a file without x-bit needs.

    Returns the command and a note for the log, or None.
    """
    files = script_files(command)
    if not files or not command.startswith(files[0]):
        return command, None
    script = os.path.join(path, files[0])
    try:
        with FolderHandle.open(path) as folder:
            head = folder.read(os.path.normpath(files[0]), 256) or b""
        return with_interpreter(command, head, os.access(script, os.X_OK))
    except OSError:
        return command, None

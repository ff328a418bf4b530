"""One look at an entry of QM_qJobs: what it is, what it holds, what its records say."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from qm.errors import InfoError
from qm.faults import fault_of
from qm.folders.layout import Layout
from qm.identity import Identity
from qm.inspection import Inspection, Kind, Usable
from qm.jobdir import Records, records_of
from qm.jobinfo.command import script_files, with_interpreter
from qm.jobinfo.find import choose, missing
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.jobinfo.text import READ_AT_MOST
from qm.model import Place
from qm.osops import FolderHandle, NotAPlainFile
from qm.osops.owner import owner_name
from qm.osops.scanning import FsClock, scan_open
from qm.osops.shortage import is_passing

_DEEPER = 20


@dataclass(slots=True)
class Inspector:
    """Looks at entries of QM_qJobs. The ``limits`` may be others after the configuration
    was read again."""

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
            with FolderHandle.open(path) as folder:
                return self._look_into(folder, name, owner, known=known)
        except FileNotFoundError:
            return Inspection(name, Kind.GONE)
        except OSError as error:
            identity = Identity(status.st_dev, status.st_ino)
            return Inspection(
                name,
                kind,
                identity,
                owner,
                problem=error.strerror or str(error),
                fault=fault_of(error, self.layout.root),
            )

    def _look_into(self, folder: FolderHandle, name: str, owner: str, *, known: bool) -> Inspection:
        records = records_of(folder, name)
        if known and records.is_ours and not records.ended:
            return Inspection(name, Kind.FOLDER, records.identity, owner, records)
        scan = scan_open(folder, self.clock, look_for_writers=True)
        found, none_found = self.find_info(folder, scan.names, _set_beside(records))
        return Inspection(
            name, Kind.FOLDER, records.identity, owner, records, scan, found, none_found
        )

    def find_info(
        self,
        folder: FolderHandle,
        names: tuple[str, ...],
        changes: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Usable | InfoError | None, tuple[str, str]]:
        """Read the preferred info file of a folder whose top holds ``names``.

        ``changes`` are what a person has set beside the file: they win over it.
        Returns what it says, or what is wrong with it; where there is none,
        None, and what to say of that: a message and a hint.
        """
        file = choose(names, self.limits.names)
        if file is None:
            return None, missing([*names, *_deeper(folder.path, names)], self.limits.names)
        try:
            data = folder.read(file, READ_AT_MOST + 1)
        except NotAPlainFile:
            return InfoError(file, None, "a link, a pipe or a folder", "a plain file"), ("", "")
        except OSError as error:
            if is_passing(error):
                raise
            return InfoError(file, None, f"cannot be read: {error.strerror}"), ("", "")
        if data is None:
            return None, missing(names, self.limits.names)
        try:
            info = read_info(file, data, self.limits, datetime.now(UTC))
        except InfoError as error:
            return error, ("", "")
        scripts = script_files(changes.get("script") or info.options.script)
        runs_in = os.path.join(folder.path, changes.get("cwd") or info.options.cwd or "")
        lacking = tuple(script for script in scripts if not _is_there(runs_in, script))
        return Usable(info, lacking), ("", "")


def _set_beside(records: Records) -> dict[str, str]:
    """Keys and values by ``qm set`` or by options of ``qm submit``."""
    if records.job is not None and records.job.changes:
        return dict(records.job.changes)
    given = records.submit.get("changes") if records.submit is not None else None
    if not isinstance(given, dict):
        return {}
    return {key: text for key, text in given.items() if isinstance(text, str)}


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

    Returns the command and a note for the log, or None. OSError where the script
    cannot be read just now.
    """
    files = script_files(command)
    if not files or not command.startswith(files[0]):
        return command, None
    script = os.path.join(path, files[0])
    try:
        with FolderHandle.open(path) as folder:
            head = folder.read(os.path.normpath(files[0]), 256) or b""
        return with_interpreter(command, head, os.access(script, os.X_OK))
    except OSError as error:
        if is_passing(error):
            raise
        return command, None

"""A zip that somebody sent: looked over as a whole first, then unpacked by hand.

What ``extractall`` would mend (``..``, absolute paths, links) is refused here.
Nothing is taken on trust: a directory may lie about sizes and their number.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from qm.osops.scanning import is_junk
from web.problem import Problem
from web.uploads.incoming import Incoming, Piece
from web.uploads.names import fault_of_path, one_top_folder, quoted
from web.uploads.plan import MOST_FILES, File, Plan, check_size, faults_of, too_many, unusable

LARGEST_RATIO = 200
"""Unpacked to packed: text has 3 to 20, a bomb a thousand and more."""
_NEVER_A_BOMB = 16 << 20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UNIX = 3
_KINDS = frozenset({0, stat.S_IFREG, stat.S_IFDIR})
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)

_LARGEST_DIRECTORY = 16 << 20
_TAIL = (1 << 16) + 22 + 20
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a zip holds: the plan of its job, the entry of each file, and names left out."""

    plan: Plan
    entries: Sequence[tuple[zipfile.ZipInfo, File]]
    left_out: tuple[str, ...]


@contextlib.contextmanager
def opened_zip(path: str) -> Iterator[zipfile.ZipFile]:
    """The zip at ``path``; Problem 422 where it is none or broken, also later on, 413 where
    it has too many entries.
    """
    with open(path, "rb") as file:
        try:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                yield archive
        except _BROKEN as error:
            raise Problem(422, f"The zip is broken: {error}.", "Pack it again.") from error


def look_over(archive: zipfile.ZipFile, name: str, packed: int, most: int) -> Contents:
    """What is in it, for a job called ``name``; ``packed`` is the size of the zip in bytes.

    Problem 422 for entries that cannot be, 413 where they would make more than
    ``most`` bytes. Nothing is unpacked.
    """
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise too_many(len(entries))
    faults = [fault for entry in entries for fault in _faults(entry)]
    if faults:
        raise unusable(faults)
    wanted, left_out = [], []
    for entry in entries:
        path = unicodedata.normalize("NFC", entry.orig_filename)
        junk = any(is_junk(part) for part in path.split("/") if part)
        if junk:
            left_out.append(path)
        else:
            wanted.append((entry, path))
    contents = _contents(name, wanted, tuple(left_out))
    _check(contents.plan, packed, most)
    return contents


def unpack(archive: zipfile.ZipFile, contents: Contents, job: Incoming) -> None:
    """Write the files into the empty folder of the job; raises as :meth:`Incoming.receive`,
    and BadZipFile where an entry is not what the directory says.
    """
    for folder in contents.plan.folders:
        job.make_folder(folder)
    for entry, file in contents.entries:
        with archive.open(entry) as source:
            job.receive(file, Piece(0, file.size, _reader(source, file)))
            if source.read(1):
                raise zipfile.BadZipFile(f"{file.path} is longer than the zip says")


def _reader(source: IO[bytes], file: File) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        data = source.read(size)
        if not data:
            raise zipfile.BadZipFile(f"{file.path} is shorter than the zip says")
        return data

    return read


def _contents(
    name: str, wanted: Sequence[tuple[zipfile.ZipInfo, str]], left_out: tuple[str, ...]
) -> Contents:
    """One folder at the top of all is the job's folder."""
    top = one_top_folder([path for _, path in wanted])
    # What is no name at all is not taken off: it has to be seen, and refused.
    prefix = f"{top}/" if top is not None and fault_of_path(top) is None else ""
    files, folders = [], []
    for entry, whole in wanted:
        path = whole.removeprefix(prefix)
        if entry.is_dir():
            if path:
                folders.append(path.removesuffix("/"))
        else:
            files.append((entry, File(path, entry.file_size, executable=_is_executable(entry))))
    plan = Plan(name, tuple(file for _, file in files), tuple(folders))
    return Contents(plan, files, left_out)


def _check(plan: Plan, packed: int, most: int) -> None:
    faults = list(faults_of(plan))
    if faults:
        raise unusable(faults)
    if not plan.files:
        raise Problem(422, "There is no file in the zip.")
    check_size(plan.size, most)
    if plan.size > max(_NEVER_A_BOMB, LARGEST_RATIO * packed):
        raise Problem(
            413,
            f"{packed} bytes would become {plan.size}: such zips fill disks.",
            "Send the folder itself.",
        )


def _faults(entry: zipfile.ZipInfo) -> Iterator[str]:
    name = quoted(entry.orig_filename)
    if stat.S_IFMT(entry.external_attr >> 16) not in _KINDS:
        yield f"{name} is a link or a device."
    if entry.flag_bits & _ENCRYPTED:
        yield f"{name} is encrypted."
    if entry.compress_type not in _METHODS:
        yield f"{name} is packed in a way that not every system can unpack."


def _is_executable(entry: zipfile.ZipInfo) -> bool:
    return entry.create_system == _UNIX and bool((entry.external_attr >> 16) & stat.S_IXUSR)


def _check_directory(file: IO[bytes]) -> None:
    """Raises Problem 413 for a directory that would take long to read, by what its end says.

    APPNOTE.TXT of PKWARE, 4.3.14 to 4.3.16.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise zipfile.BadZipFile("it has no directory at its end")
    _, _, _, _, count, length, _, _ = _END.unpack_from(tail, at)
    if at >= _LOCATOR.size:
        mark, _, where, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
        if mark == b"PK\x06\x07" and where <= size - _END_64.size:
            file.seek(where)
            found = _END_64.unpack(file.read(_END_64.size))
            if found[0] == b"PK\x06\x06":
                count, length = found[7], found[8]
    if count > MOST_FILES:
        raise too_many(count)
    if length > _LARGEST_DIRECTORY:
        raise zipfile.BadZipFile("its directory is too large")

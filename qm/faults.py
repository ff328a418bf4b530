"""Faults of the machine that hold up all jobs and pass by themselves, said with numbers."""

from __future__ import annotations

import errno
import os

from qm.model import Reason
from qm.osops.limits import file_limit
from qm.osops.shortage import is_passing, room_of
from qm.quantities import format_size

LEAST_ROOM = 256 << 10
"""Bytes that QM leaves free for the records of jobs that run: below that it starts none."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def fault_of(error: OSError, folder: str) -> Reason | None:
    """What is wrong with the machine, if that is why QM cannot write in ``folder``; None where
    the fault is of the file itself.
    """
    if error.errno in _FULL:
        return disk_fault(folder) or Reason(
            "DiskFull", f"QM cannot write in {folder}: {error.strerror}"
        )
    if error.errno == errno.EROFS:
        return _read_only(folder)
    if error.errno == errno.EMFILE:
        return Reason("OpenFiles", f"QM has all {file_limit()} files open that it may (ulimit -n)")
    if is_passing(error):
        return Reason("Machine", f"{error.strerror}, says the system")
    return None


def disk_fault(folder: str) -> Reason | None:
    """What keeps QM from writing on the disk of ``folder`` just now; None where nothing does."""
    try:
        room = room_of(folder)
    except OSError:
        return None
    if room.read_only:
        return _read_only(folder)
    if room.size and room.free < LEAST_ROOM:
        text = f"{format_size(room.free)} of {format_size(room.size)} free on the disk of {folder}"
        return Reason("DiskFull", f"{text}; QM leaves {format_size(LEAST_ROOM)} to running jobs")
    if room.files == 0:
        return Reason("DiskFull", f"the disk of {folder} can hold no more files (inodes)")
    return None


def closed_fault(*folders: str) -> Reason | None:
    """The first of these folders that QM may not write into; None where it may, or they are not
    there.
    """
    for folder in folders:
        if os.path.isdir(folder) and not os.access(folder, os.W_OK):
            return Reason("Forbidden", f"QM may not write into {folder}")
    return None


def apart_fault(first: str, second: str) -> Reason | None:
    """Two of the four folders on two disks, one of them mounted while QM runs; None where they
    are on one, or not there.
    """
    try:
        if os.stat(first).st_dev == os.stat(second).st_dev:
            return None
    except OSError:
        return None
    names = " and ".join(os.path.basename(folder) for folder in (first, second))
    return Reason("Apart", f"{names} are not on one file system any more: unmount what lies there")


def _read_only(folder: str) -> Reason:
    return Reason("ReadOnly", f"the disk of {folder} can only be read, not written")

"""What one look at an entry of QM_qJobs found. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from qm.errors import InfoError
from qm.identity import Identity
from qm.jobdir import Records
from qm.model import JobInfo, Reason
from qm.osops.scanning import Scan


class Kind(Enum):
    """What an entry of QM_qJobs is."""

    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    SPECIAL = "special file"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Usable:
    """An info file that can be used, and the script files that are not there (yet)."""

    info: JobInfo
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one look found; None where that was not looked at or is not there."""

    name: str
    kind: Kind
    identity: Identity | None = None
    owner: str = ""
    records: Records | None = None
    scan: Scan | None = None
    found: Usable | InfoError | None = None
    """The info file, or what is wrong with it; None while there is none."""
    none_found: tuple[str, str] = ("", "")
    """Where there is no info file: a message and a hint."""
    unfinished: bool = False
    """Its attempt has ended, and no line in the history tells so: nobody has put it back."""
    problem: str | None = None
    """Why the folder could not be looked at, for a person."""
    fault: Reason | None = None
    """Where that is a fault of the machine: it says nothing about the folder."""

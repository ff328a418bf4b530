"""What is to come: the name of a job and its files, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qm.quantities import format_size
from web.problem import Problem
from web.uploads.names import Tree, fault_of_job_name, fault_of_path, quoted

MOST_FILES = 10_000
_MOST_FAULTS = 10
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 1 << 62
_MEMBERS = frozenset({"name", "files", "folders", "archive"})
_OF_A_FILE = frozenset({"path", "size", "sha256", "executable"})


@dataclass(frozen=True, slots=True)
class File:
    """One file to come; ``size`` is in bytes, ``sha256`` in hexadecimal digits."""

    path: str
    size: int
    sha256: str | None = None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A job to come: its files and the folders that are empty, or one zip of ``archive`` bytes."""

    name: str
    files: tuple[File, ...] = ()
    folders: tuple[str, ...] = ()
    archive: int | None = None

    @property
    def size(self) -> int:
        """Bytes to come."""
        return sum(file.size for file in self.files) if self.archive is None else self.archive

    def as_data(self) -> dict[str, Any]:
        """What :func:`plan_of` reads back."""
        data: dict[str, Any] = {"name": self.name}
        if self.archive is not None:
            return {**data, "archive": self.archive}
        return {**data, "files": [_as_data(f) for f in self.files], "folders": list(self.folders)}


def plan_of(data: Mapping[str, Any]) -> Plan:
    """The plan of a JSON object; Problem 422 where it is none. Its names are not checked yet."""
    _only(data, _MEMBERS, "an upload")
    name, archive = data.get("name"), data.get("archive")
    if not isinstance(name, str) or not name:
        raise Problem(422, "name is missing: the name of the job.")
    files, folders = data.get("files"), data.get("folders", [])
    if archive is not None:
        if files is not None or folders:
            raise Problem(422, "An upload is of files, or of one archive.")
        if _size(archive, "archive") == 0:
            raise Problem(422, "The zip is empty.")
        return Plan(name, archive=archive)
    if not isinstance(files, list) or not isinstance(folders, list):
        raise Problem(422, "files is missing: a list of {path, size}.")
    if len(files) + len(folders) > MOST_FILES:
        raise too_many(len(files) + len(folders))
    if not all(isinstance(folder, str) for folder in folders):
        raise Problem(422, "folders is not a list of paths.")
    return Plan(name, tuple(map(_file, files)), tuple(folders))


def check_plan(plan: Plan, most: int) -> None:
    """Raises Problem 422 for names that cannot be, 413 for more than ``most`` bytes."""
    faults = list(faults_of(plan))
    if faults:
        raise unusable(faults)
    check_size(plan.size, most)


def faults_of(plan: Plan) -> Iterator[str]:
    """A sentence for each name that cannot be."""
    fault = fault_of_job_name(plan.name)
    if fault is not None:
        yield f"The name {quoted(plan.name)} {fault}."
    tree = Tree()
    paths = [(file.path, True) for file in plan.files]
    paths += [(folder, False) for folder in plan.folders]
    for path, is_file in paths:
        fault = fault_of_path(path) or tree.add(path, is_file=is_file)
        if fault is not None:
            yield f"{quoted(path)} {fault}."


def check_size(size: int, most: int) -> None:
    """Raises Problem 413 for more than ``most`` bytes, the option Upload_limit."""
    if size > most:
        raise Problem(
            413,
            f"These are {format_size(size)}; the page takes {format_size(most)} at most.",
            "Copy the folder into QM_qJobs, or raise Upload_limit in QMserv.cfg.",
        )


def too_many(count: int) -> Problem:
    """The answer to more files than the page takes."""
    return Problem(
        413,
        f"These are {count} files and folders; the page takes {MOST_FILES} at most.",
        "Pack them, or copy the folder into QM_qJobs.",
    )


def unusable(faults: Sequence[str]) -> Problem:
    """The answer to names that cannot be."""
    rest = len(faults) - _MOST_FAULTS
    told = " ".join(faults[:_MOST_FAULTS])
    return Problem(422, f"{told} And {rest} more." if rest > 0 else told, "Rename them.")


def _file(data: Any) -> File:
    if not isinstance(data, dict):
        raise Problem(422, "A file is {path, size}.")
    _only(data, _OF_A_FILE, "a file")
    path, sha256, executable = data.get("path"), data.get("sha256"), data.get("executable", False)
    if not isinstance(path, str):
        raise Problem(422, "A file has no path.")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise Problem(422, f"{quoted(path)}: sha256 is not 64 hexadecimal digits in lower case.")
    if not isinstance(executable, bool):
        raise Problem(422, f"{quoted(path)}: executable is not true or false.")
    return File(path, _size(data.get("size"), f"{quoted(path)}: size"), sha256, executable)


def _size(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise Problem(422, f"{what} is not a number of bytes.")
    return value


def _only(data: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    unknown = sorted(set(data) - known)
    if unknown:
        raise Problem(
            422, f"{what} has no {quoted(unknown[0])}; known: {', '.join(sorted(known))}."
        )


def _as_data(file: File) -> dict[str, Any]:
    data: dict[str, Any] = {"path": file.path, "size": file.size}
    if file.sha256 is not None:
        data["sha256"] = file.sha256
    return {**data, "executable": True} if file.executable else data

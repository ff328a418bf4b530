"""What is written and run to install or remove a service: shown first, or carried out."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qm.errors import QMError
from qm.osops import FolderHandle
from qm.osops.logon import RUN_KEY, delete_run_value, set_run_value

_PATIENCE = 120.0
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """A folder that has to be there."""

    path: str


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A text file with all of its content."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """A file that is there no longer."""

    path: str


@dataclass(frozen=True, slots=True)
class SetRunValue:
    """A command line that Windows starts at each logon."""

    name: str
    command: str


@dataclass(frozen=True, slots=True)
class DeleteRunValue:
    """One that it starts no longer."""

    name: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command; one that ``may_fail`` only clears the way.

    One that fails is tried again for ``patience`` seconds.
    """

    command: tuple[str, ...]
    may_fail: bool = False
    patience: float = 0.0


Step = MakeFolder | WriteFile | RemoveFile | SetRunValue | DeleteRunValue | Run


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said on both of its streams."""

    code: int
    said: str


def run(command: Sequence[str]) -> Done:
    """Run a command of the system's to its end. Raises QMError where it cannot be run."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise QMError(f"{shlex.join(command)} did not end within {_PATIENCE:g} s") from None
    except OSError as error:
        raise QMError(f"{command[0]} cannot be run: {error.strerror}") from error
    return Done(done.returncode, done.stdout.strip())


def carry_out(steps: Iterable[Step]) -> None:
    """Take the steps in their order. Raises QMError at the first one that fails."""
    for step in steps:
        try:
            _take(step)
        except OSError as error:
            raise QMError(f"{_object_of(step)}: {error.strerror or error}") from error


def _take(step: Step) -> None:
    match step:
        case MakeFolder(path):
            os.makedirs(path, exist_ok=True)
        case WriteFile(path, text):
            _write(path, text)
        case RemoveFile(path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        case SetRunValue(name, command):
            set_run_value(name, command)
        case DeleteRunValue(name):
            delete_run_value(name)
        case Run():
            _run(step)


def _run(step: Run) -> None:
    until = time.monotonic() + step.patience
    while (done := run(step.command)).code and not step.may_fail:
        if time.monotonic() >= until:
            raise QMError(f"{shlex.join(step.command)} ended with code {done.code}", done.said)
        time.sleep(_PAUSE)


def _write(path: str, text: str) -> None:
    """All of the file or nothing: a service manager may read it at any moment."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        strange = error.object[error.start : error.end]
        raise QMError(
            f"{path} cannot name a path with {strange!a} in it",
            "Service managers read UTF-8 only: rename that folder or file.",
        ) from None
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    with FolderHandle.open(folder) as handle:
        handle.write(name, data, sync=True)


def _object_of(step: Step) -> str:
    match step:
        case MakeFolder(path) | WriteFile(path) | RemoveFile(path):
            return path
        case SetRunValue(name) | DeleteRunValue(name):
            return f"the value {name} of the registry"
        case Run(words):
            return words[0]


def read_text(path: str) -> str | None:
    """The text of a file; None where there is none. Raises QMError where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise QMError(f"{path} cannot be read: {error.strerror}") from error


def describe(steps: Iterable[Step]) -> list[str]:
    """The steps as lines that a person can read, and take by hand."""
    return [line for step in steps for line in _lines(step)]


def _lines(step: Step) -> list[str]:
    match step:
        case MakeFolder(path):
            return [f"# make the folder {path}"]
        case WriteFile(path, text):
            return [f"# write {path}:", *text.splitlines(), ""]
        case RemoveFile(path):
            return [f"# remove {path}"]
        case SetRunValue(name, command):
            return [f"# set the value {name} of HKEY_CURRENT_USER\\{RUN_KEY} to:", command]
        case DeleteRunValue(name):
            return [f"# delete the value {name} of HKEY_CURRENT_USER\\{RUN_KEY}"]
        case Run(words, may_fail):
            note = " (it may fail)" if may_fail else ""
            return [f"# run{note}:", shlex.join(words)]

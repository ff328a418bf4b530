"""Processes in the background, and what a logon starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from qm.osops.background import spawn_detached
from qm.osops.logon import (
    delete_run_value,
    run_value,
    set_run_value,
    system_name,
    user_number,
    windowless_python,
)
from tests.contract.system_under_test import ON_WINDOWS, python, wait_until, windows_only

VALUE = f"QM test {os.getpid()}"
LAUNCHER = """
import sys
from qm.osops.background import spawn_detached
process = spawn_detached([sys.executable, *sys.argv[2:]], sys.argv[1])
print(process.pid, flush=True)
process.returncode = 0  # It is left to itself.
"""
CHILD = """
import os, sys, time
print("from the background", flush=True)
print(os.getcwd(), file=sys.stderr, flush=True)
open(sys.argv[1], "w").close()
while os.path.exists(sys.argv[1]):
    time.sleep(0.02)
open(sys.argv[2], "w").close()
"""


@pytest.fixture
def value() -> Iterator[str]:
    """The name of a value of the registry that is not there before and after."""
    yield VALUE
    if ON_WINDOWS:
        delete_run_value(VALUE)


def test_a_detached_process_outlives_who_started_it(tmp_path: Path) -> None:
    output, there, gone = (tmp_path / name for name in ("console.log", "there", "gone"))
    output.write_text("earlier\n", encoding="utf-8")
    arguments = ["-c", CHILD, str(there), str(gone)]
    launcher = python("-c", LAUNCHER, str(output), *arguments)
    said, _ = launcher.communicate(timeout=60)
    # The pipe is at its end although the child lives: it has none of our streams.
    assert launcher.returncode == 0, said
    wait_until(there.exists)
    lines = output.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["earlier", "from the background"]
    wait_until(lambda: len(output.read_text(encoding="utf-8").splitlines()) == 3)
    folder = output.read_text(encoding="utf-8").splitlines()[2]
    assert os.path.dirname(folder) == folder
    there.unlink()
    wait_until(gone.exists)
    pid = int(said.split()[0])
    wait_until(lambda: _is_gone(pid))


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        spawn_detached([str(tmp_path / "nothing")], str(tmp_path / "console.log"))


def test_the_system_has_a_name() -> None:
    expected = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    assert system_name() == expected and user_number() >= 0


def test_the_windowless_interpreter_is_there() -> None:
    assert os.path.isfile(windowless_python())
    assert ON_WINDOWS or windowless_python() == sys.executable


@windows_only("there is no registry")
def test_a_logon_entry_is_set_read_replaced_and_deleted(value: str) -> None:
    assert run_value(value) is None
    set_run_value(value, '"C:\\Program Files\\é\\pythonw.exe" -m qm start')
    assert run_value(value) == '"C:\\Program Files\\é\\pythonw.exe" -m qm start'
    set_run_value(value, "other")
    assert run_value(value) == "other"
    delete_run_value(value)
    delete_run_value(value)
    assert run_value(value) is None


def test_elsewhere_the_registry_is_empty_and_cannot_be_written(value: str) -> None:
    assert run_value(value) is None
    if not ON_WINDOWS:
        with pytest.raises(OSError, match="only Windows has a registry"):
            set_run_value(value, "x")
        with pytest.raises(OSError, match="only Windows has a registry"):
            delete_run_value(value)

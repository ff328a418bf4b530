"""A command of the user's own that is told."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from qm.notify import Event
from qm.notify.channel import Undelivered
from qm.notify.command import Command
from qm.notify.notice import payload
from tests.fakes.notices import a_notice
from tests.live.harness import wait_for

TELL = """\
import json, os, sys
with open("told.json", "w") as file:
    json.dump({"stdin": sys.stdin.read(), "environ": dict(os.environ)}, file)
print("told", os.environ["QM_JOB_NAME"])
"""


def a_command(folder: Path, code: str, longest: float = 60.0) -> Command:
    """A command that runs this Python code in ``folder``."""
    (folder / "hook.py").write_text(code, "utf-8")
    line = f'"{sys.executable}" hook.py'
    return Command(line, str(folder), "lab", longest)


def fault_of(command: Command) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        command.deliver(a_notice(), None)
    return caught.value


def test_a_command_gets_the_notice_on_its_input_and_the_job_in_its_environment(
    tmp_path: Path,
) -> None:
    detail = a_command(tmp_path, TELL).deliver(a_notice(name='it\'s; "x"'), "/now/here")
    told = json.loads((tmp_path / "told.json").read_text())
    assert json.loads(told["stdin"]) == payload(a_notice(name='it\'s; "x"'), "/now/here", "lab")
    environ = told["environ"]
    assert {name: environ[name] for name in environ if name.startswith("QM_JOB_")} == {
        "QM_JOB_ID": "7",
        "QM_JOB_NAME": 'it\'s; "x"',
        "QM_JOB_STATE": "FAILED",
        "QM_JOB_DIR": "/now/here",
        "QM_JOB_TOKEN": environ["QM_JOB_TOKEN"],
    }
    assert environ["QM_EVENT"] == Event.ENDED
    assert detail == 'it ran; it said: told it\'s; "x"'


def test_the_line_is_the_shells(tmp_path: Path) -> None:
    command = Command(f'cd . && "{sys.executable}" -c "print(6*7)"', str(tmp_path), "lab")
    assert command.deliver(a_notice(), None) == "it ran; it said: 42"


def test_a_command_that_fails_is_told_with_its_code_and_last_words(tmp_path: Path) -> None:
    fault = fault_of(a_command(tmp_path, "import sys; print('a' * 5000); sys.exit('no network')"))
    assert fault.detail.startswith("it ended with exit code 1; it said: ")
    assert fault.detail.endswith("no network")
    assert len(fault.detail) < 600
    assert fault.down and not fault.final


def test_a_command_that_does_not_read_its_input_is_no_fault(tmp_path: Path) -> None:
    assert a_command(tmp_path, "").deliver(a_notice(owner="x" * 1_000_000), None) == "it ran"


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    fault = fault_of(Command("true", str(tmp_path / "gone"), "lab"))
    assert "cannot be run" in fault.detail and fault.down


FORKS = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
open("pids", "w").write(f"{os.getpid()} {child.pid} ")
time.sleep(600)
"""


def pids_in(folder: Path) -> list[int]:
    file = folder / "pids"
    wait_for("the command runs", lambda: file.exists() and file.read_text().endswith(" "))
    return [int(pid) for pid in file.read_text().split()]


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    fault = fault_of(a_command(tmp_path, FORKS, longest=1.5))
    assert "took longer than 1.5 s and was ended" in fault.detail
    first, second = pids_in(tmp_path)
    assert wait_for("both are gone", lambda: is_gone(first) and is_gone(second))


def test_a_command_is_ended_when_qm_stops(tmp_path: Path) -> None:
    command = a_command(tmp_path, FORKS)
    faults: list[Undelivered] = []
    thread = threading.Thread(target=lambda: faults.append(fault_of(command)))
    thread.start()
    pids = pids_in(tmp_path)
    command.cut()
    thread.join(15)
    assert len(faults) == 1 and "when QM stopped" in faults[0].detail
    assert wait_for("both are gone", lambda: all(map(is_gone, pids)))


def test_what_a_command_leaves_running_on_purpose_does_not_keep_it_waiting(tmp_path: Path) -> None:
    code = FORKS.replace("time.sleep(600)\n", "")
    start = time.monotonic()
    assert a_command(tmp_path, code).deliver(a_notice(), None) == "it ran"
    assert time.monotonic() - start < 30
    _, left = pids_in(tmp_path)
    assert not is_gone(left)
    psutil.Process(left).kill()


def test_a_command_that_floods_is_ended(tmp_path: Path) -> None:
    fault = fault_of(a_command(tmp_path, "while True: print('x' * 1000)"))
    assert "more than 1 MiB" in fault.detail

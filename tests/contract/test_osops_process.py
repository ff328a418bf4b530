"""Scripts, their trees of processes, and orders: the same contract on every system."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from qm.osops import (
    boot_id,
    carriers,
    descendants,
    end_carriers,
    signal_name,
    started_at,
    wait_for_end,
)
from tests.contract.system_under_test import (
    end,
    not_in_wine,
    posix_only,
    python,
    wait_until,
    windows_only,
)

SLEEP = "import time; time.sleep(120)"
FAMILY = """
import subprocess, sys, time
code = "import time; time.sleep(120)"
if sys.platform == "win32":
    away = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    away = {"start_new_session": True}
nothing = subprocess.DEVNULL
near = subprocess.Popen([sys.executable, "-c", code])
far = subprocess.Popen(
    [sys.executable, "-c", code], stdin=nothing, stdout=nothing, stderr=nothing, **away
)
print(near.pid, far.pid, flush=True)
time.sleep(STAY)
"""


class Run:
    """A script under a small supervisor in another process."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self._said: queue.Queue[bytes] = queue.Queue()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line)
        self._said.put(b"")

    def told(self, *, within: float = 60.0) -> Any:
        """The next thing that the supervisor tells."""
        line = self._said.get(timeout=within)
        try:
            return json.loads(line)
        except ValueError:
            while line and (more := self._said.get(timeout=within)):
                line += more
            pytest.fail(f"the supervisor said {line.decode(errors='replace')}")

    def close(self) -> None:
        """End the supervisor."""
        self.process.kill()
        self._listener.join()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def order(self, line: str) -> None:
        """Send one line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def log(self) -> str:
        """What the script has printed so far."""
        return (self.folder / "process.log").read_text(encoding="utf-8")


Start = Callable[..., AbstractContextManager[Run]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    folder = tmp_path / "job folder"
    folder.mkdir()

    @contextmanager
    def run(command: str, *cwd: str) -> Iterator[Run]:
        process = python("-m", "tests.contract.script_runner", str(folder), command, *cwd)
        supervised = Run(process, folder)
        try:
            yield supervised
        finally:
            supervised.close()

    return run


def python_command(folder: Path, code: str) -> str:
    (folder / "program.py").write_text(code, encoding="utf-8")
    return f'"{sys.executable}" program.py'


@pytest.mark.parametrize("code", [0, 7, 255])
def test_the_exit_code_of_a_script_is_told(start: Start, code: int) -> None:
    with start(f"exit {code}") as run:
        assert run.told()["pid"] > 0
        facts = run.told()
    assert (facts["exit_code"], facts["signal"], facts["survivors"]) == (code, None, [])


def test_a_script_runs_in_its_folder_and_its_output_goes_to_the_log(
    start: Start, tmp_path: Path
) -> None:
    code = "import os, sys; print(os.getcwd(), flush=True); print('oops', file=sys.stderr)"
    command = python_command(tmp_path / "job folder", code)
    with start(f"{command} && echo done") as run:
        run.told()
        assert run.told()["exit_code"] == 0
        lines = run.log().split("\n")
    where, oops, done, *_ = (line.strip() for line in lines)
    assert os.path.samefile(where, tmp_path / "job folder")
    assert (oops, done) == ("oops", "done")


def test_a_script_runs_in_the_folder_that_is_asked_for(start: Start, tmp_path: Path) -> None:
    (tmp_path / "job folder" / "inner").mkdir()
    (tmp_path / "job folder" / "inner" / "program.py").write_text("print('in')", encoding="utf-8")
    with start(f'"{sys.executable}" program.py', "inner") as run:
        run.told()
        assert run.told()["exit_code"] == 0
        assert run.log().strip() == "in"


def test_a_script_cannot_start_in_a_folder_that_is_not_there(start: Start) -> None:
    with start("exit 0", "absent") as run:
        assert "absent" in run.told()["refused"]


def test_a_script_has_the_environment_it_was_given_and_nothing_to_read(
    start: Start, tmp_path: Path
) -> None:
    code = "import os, sys; print(os.environ['GREETING'], repr(sys.stdin.read()))"
    with start(python_command(tmp_path / "job folder", code)) as run:
        run.told()
        assert run.told()["exit_code"] == 0
        assert run.log().strip() == "good day ''"


def test_a_command_that_does_not_exist_fails_with_a_word_in_the_log(start: Start) -> None:
    with start("no-such-program-anywhere") as run:
        run.told()
        assert run.told()["exit_code"] in {1, 127, 9009}
        assert "no-such-program-anywhere" in run.log()


@posix_only("cmd.exe runs one line")
def test_a_command_of_two_lines_is_run_whole(start: Start) -> None:
    with start("echo one\necho two") as run:
        run.told()
        assert run.told()["exit_code"] == 0
        assert run.log().split() == ["one", "two"]


@windows_only("the shell there runs any number of lines")
def test_a_command_of_two_lines_is_refused_with_a_word(start: Start) -> None:
    with start("echo one\necho two") as run:
        assert ".bat" in run.told()["refused"]


@posix_only("there are no signals")
def test_the_signal_that_ended_a_script_is_told(start: Start) -> None:
    with start("kill -9 $$") as run:
        run.told()
        facts = run.told()
    assert (facts["exit_code"], facts["signal"]) == (None, "SIGKILL")


@windows_only("no exit code stands for a signal")
def test_an_end_by_control_break_is_told_as_a_signal(start: Start) -> None:
    with start("exit -1073741510") as run:
        run.told()
        facts = run.told()
    assert (facts["exit_code"], facts["signal"]) == (None, "SIGBREAK")


def test_the_whole_tree_ends_with_end_now(start: Start, tmp_path: Path) -> None:
    command = python_command(tmp_path / "job folder", FAMILY.replace("STAY", "120"))
    with start(command) as run:
        script = run.told()
        wait_until(lambda: run.log().strip())
        family = [script["pid"], *map(int, run.log().split())]
        assert all(started_at(pid) for pid in family)
        assert set(family) <= set(descendants(run.process.pid))
        run.order("end")
        assert run.told() == {"left": []}
        facts = run.told()
        assert (facts["exit_code"], facts["signal"]) == (None, "SIGKILL")
        assert not any(started_at(pid) for pid in family)
        assert carriers(script["token"]) == []


def test_what_a_script_leaves_behind_is_told_and_ended(start: Start, tmp_path: Path) -> None:
    command = python_command(tmp_path / "job folder", FAMILY.replace("STAY", "0"))
    with start(command) as run:
        run.told()
        facts = run.told()
        left = set(map(int, run.log().split()))
        assert facts["exit_code"] == 0
        assert left <= set(facts["survivors"])
        run.process.wait(30)
    assert not any(started_at(pid) for pid in left)


@not_in_wine("Ctrl+Break never arrives")
def test_a_script_that_is_asked_to_end_ends_by_itself(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", f"print('up', flush=True); {SLEEP}")) as run:
        run.told()
        wait_until(lambda: run.log().strip())
        run.order("ask")
        told = run.told(within=8)
        assert told["signal"] in {"SIGTERM", "SIGBREAK"} or told["exit_code"]


def test_asking_a_script_to_end_does_the_supervisor_no_harm(start: Start) -> None:
    with start(f'"{sys.executable}" -c "{SLEEP}"') as run:
        run.told()
        run.order("ask")
        run.order("end")
        told = run.told()
        if "left" in told:
            assert told["left"] == []
            told = run.told()
        assert told["exit_code"] or told["signal"]


def test_the_memory_of_the_whole_tree_is_told(start: Start, tmp_path: Path) -> None:
    code = "x = bytearray(b'1') * 60_000_000; print('up', flush=True); input()"
    code = f"import subprocess, sys, time\n{code.replace('input()', 'time.sleep(120)')}"
    with start(python_command(tmp_path / "job folder", code)) as run:
        run.told()
        wait_until(lambda: run.log().strip())
        run.order("sample")
        assert 60_000_000 < run.told()["peak_memory"] < 600_000_000
        run.order("end")
        run.told()
        assert run.told()["peak_memory"] > 60_000_000


BUSY = """
import subprocess, sys
child = "print('up', flush=True)\\nwhile True: pass"
subprocess.run([sys.executable, "-c", child])
"""


@not_in_wine("its Job Objects count neither time nor memory")
def test_the_use_of_a_whole_tree_is_told_and_its_time_never_falls(
    start: Start, tmp_path: Path
) -> None:
    with start(python_command(tmp_path / "job folder", BUSY)) as run:
        run.told()
        wait_until(lambda: run.log().strip())

        def use() -> dict[str, float]:
            run.order("usage")
            found: dict[str, float] = run.told()
            return found

        first = use()
        assert 2 <= first["processes"] <= 4 and first["memory"] > 5_000_000
        wait_until(lambda: use()["cpu_seconds"] > first["cpu_seconds"] + 0.2)
        last = use()
        run.order("end")
        run.told()
        facts = run.told()
    end = facts["in_the_end"]
    assert (end["processes"], end["memory"]) == (0, 0)
    assert end["cpu_seconds"] >= last["cpu_seconds"] > first["cpu_seconds"]


@not_in_wine("its Job Objects count neither time nor memory")
def test_cpu_time_and_memory_of_a_short_script_are_told(start: Start, tmp_path: Path) -> None:
    code = "x = bytearray(b'1') * 60_000_000; sum(i * i for i in range(2_000_000))"
    with start(python_command(tmp_path / "job folder", code)) as run:
        run.told()
        facts = run.told()
    assert 0.02 < facts["cpu_seconds"] < 60
    assert facts["peak_memory"] > 60_000_000


COUNTING = """
import subprocess, sys
code = "import time; [(print(i, flush=True), time.sleep(0.01)) for i in range(9999)]"
subprocess.run([sys.executable, "-c", code])
"""
DEAF = """
import signal, sys, time
signal.signal(signal.SIGBREAK if sys.platform == "win32" else signal.SIGTERM, signal.SIG_IGN)
while True:
    print("x", flush=True)
    time.sleep(0.01)
"""


def wait_for_growth(run: Run, seen: int, *, within: float) -> bool:
    """True once the log is longer than it was seen; False if it is not in that time."""
    until = time.monotonic() + within
    while len(run.log()) <= seen and time.monotonic() < until:
        time.sleep(0.02)
    return len(run.log()) > seen


def test_a_suspended_tree_stands_still_until_it_is_resumed(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", COUNTING)) as run:
        run.told()
        assert wait_for_growth(run, 5, within=15)
        for _ in range(2):
            run.order("suspend")
            assert run.told() == {"suspended": True}
            seen = len(run.log())
            assert wait_for_growth(run, seen, within=0.5) is False
            run.order("resume")
            assert run.told() == {"suspended": False}
            assert wait_for_growth(run, seen, within=15)
        run.order("end")
        assert run.told() == {"left": []}


def test_a_suspended_tree_can_be_ended(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", FAMILY.replace("STAY", "120"))) as run:
        script = run.told()
        wait_until(lambda: run.log().strip())
        family = [script["pid"], *map(int, run.log().split())]
        run.order("suspend")
        assert run.told() == {"suspended": True}
        run.order("end")
        assert run.told() == {"left": []}
        assert not any(started_at(pid) for pid in family)


def test_a_suspended_script_that_is_asked_to_end_goes_on(start: Start, tmp_path: Path) -> None:
    command = python_command(tmp_path / "job folder", DEAF)
    if sys.platform != "win32":
        # A shell of its own would end by the question, and so the script.
        command = f"exec {command}"
    with start(command) as run:
        run.told()
        assert wait_for_growth(run, 5, within=15)
        run.order("suspend")
        assert run.told() == {"suspended": True}
        seen = len(run.log())
        run.order("ask")
        assert wait_for_growth(run, seen, within=15)
        run.order("end")
        assert run.told() == {"left": []}


TELL = """
import subprocess, sys
code = (
    "import psutil; me = psutil.Process();"
    "print(me.cpu_affinity() if hasattr(me, 'cpu_affinity') else [0], int(me.nice()))"
)
subprocess.run([sys.executable, "-c", code])
"""


def test_what_a_script_starts_stays_on_its_processors(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", TELL), ".", "0", "0") as run:
        run.told()
        assert run.told()["exit_code"] == 0
        assert run.log().split()[0] == "[0]"


NICE_12 = 0x4000 if sys.platform == "win32" else 12
"""On Windows BELOW_NORMAL_PRIORITY_CLASS."""


def test_a_script_is_lowered_and_its_supervisor_is_not(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", SLEEP), ".", "0", "12") as run:
        pid = run.told()["pid"]
        assert int(psutil.Process(pid).nice()) == NICE_12
        assert psutil.Process(run.process.pid).nice() == psutil.Process().nice()


@not_in_wine("priority is not inherited")
def test_what_a_script_starts_is_as_low_as_it(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", TELL), ".", "0", "12") as run:
        run.told()
        assert run.told()["exit_code"] == 0
        assert run.log().split()[1] == str(NICE_12)


def test_an_order_arrives_while_the_script_runs(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", SLEEP)) as run:
        run.told()
        began = time.monotonic()
        run.order("one")
        assert run.told() == {"line": "one"}
        run.order("two\nthree")
        assert [run.told(), run.told()] == [{"line": "two"}, {"line": "three"}]
        # The supervisor waits 60 s for a line.
        assert time.monotonic() - began < 30
        run.order("end")
        assert run.told() == {"left": []}


def test_the_end_of_a_script_ends_the_wait_for_orders(start: Start, tmp_path: Path) -> None:
    code = "import time; time.sleep(0.5)"
    with start(python_command(tmp_path / "job folder", code)) as run:
        run.told()
        began = time.monotonic()
        assert run.told()["exit_code"] == 0
        assert time.monotonic() - began < 30


def test_the_end_of_orders_is_told(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", SLEEP)) as run:
        run.told()
        assert run.process.stdin is not None
        run.process.stdin.close()
        run.process.stdin = None
        assert run.told()["signal"] == "SIGKILL"


def test_a_script_whose_supervisor_was_killed_is_found_by_its_token(
    start: Start, tmp_path: Path
) -> None:
    with start(python_command(tmp_path / "job folder", FAMILY.replace("STAY", "120"))) as run:
        token = run.told()["token"]
        wait_until(lambda: run.log().strip())
        family = list(map(int, run.log().split()))
        assert set(family) <= set(carriers(token))
        run.process.kill()
        run.process.wait()
        assert end_carriers(token, patience=20) == []
        assert not any(started_at(pid) for pid in family)


@windows_only("scripts live on without their supervisor; the manager ends them by their token")
def test_a_script_ends_with_its_supervisor(start: Start, tmp_path: Path) -> None:
    with start(python_command(tmp_path / "job folder", FAMILY.replace("STAY", "120"))) as run:
        token = run.told()["token"]
        wait_until(lambda: run.log().strip())
        family = list(map(int, run.log().split()))
        run.process.kill()
        run.process.wait()
        try:
            wait_until(lambda: not any(started_at(pid) for pid in family), within=3)
        finally:
            end_carriers(token, patience=20)


def test_the_end_of_a_process_that_is_no_child_is_waited_for() -> None:
    process = python("-c", "import sys; sys.stdin.read()")
    ended = threading.Event()

    def wait() -> None:
        wait_for_end(process.pid)
        ended.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    try:
        assert not ended.wait(0.3)
        assert process.stdin is not None
        process.stdin.close()
        assert ended.wait(20)
    finally:
        process.stdin = None
        end(process)
        waiter.join(20)
    wait_for_end(process.pid)


def test_a_process_that_is_gone_did_not_start() -> None:
    began = started_at(os.getpid())
    assert began is not None
    assert 0 <= time.time() - began < 24 * 3600
    process = python("-c", "")
    process.communicate()
    assert started_at(process.pid) is None


def test_two_processes_of_one_boot_agree_on_its_name() -> None:
    process = python("-c", "from qm.osops import boot_id; print(boot_id())")
    output, _ = process.communicate()
    assert output.decode().strip() == boot_id()
    assert boot_id()


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert signal_name(15) == "SIGTERM"
    assert signal_name(99) == "SIG99"

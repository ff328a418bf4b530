"""QM in the background, from outside: start, stop, restart, reload, and what outlives them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fakes.programs import Programs
from tests.live.background import SERVES, Background, sleeps
from tests.live.harness import is_gone, wait_for
from tests.web.served import answers

pytestmark = pytest.mark.live


@pytest.fixture
def qm(tmp_path: Path) -> Iterator[Background]:
    """Nothing is started yet; whatever was is ended afterwards."""
    made = Background(tmp_path)
    yield made
    left = made.end()
    assert not left, f"processes outlived the test: {left}"


def running_since(qm: Background, name: str) -> float:
    """When the job's script was started, as its record says."""
    record = json.loads((qm.queue.wait_running(name) / ".qm" / "start.json").read_bytes())
    return float(psutil.Process(record["supervisor"]).create_time())


def test_start_puts_qm_into_the_background_and_says_where_it_is(qm: Background) -> None:
    said = qm.run("start")
    pid = qm.pid_in(said.stdout)
    assert said.returncode == 0 and said.stderr == ""
    found = SERVES.fullmatch(said.stdout)
    assert found is not None and found[3] == f"http://localhost:{qm.port}/" and answers(qm.port)
    assert found[4] == str(qm.log) and f"QM serves {qm.folder}" in qm.log_text()
    manager = psutil.Process(pid)
    assert manager.cwd() == os.path.abspath(os.sep)
    if sys.platform != "win32":
        assert os.getsid(pid) == pid and manager.terminal() is None
    qm.queue.drop("a", "echo hello")
    qm.queue.wait_done("a")


def test_starting_twice_is_no_mistake(qm: Background) -> None:
    pid = qm.start()
    said = qm.run("start")
    assert said.returncode == 0
    assert said.stdout == (
        f"QM serves {qm.folder} already (process {pid} on {socket.gethostname()}).\n"
    )
    assert qm.managers() == [pid]


@pytest.mark.parametrize("count", [2, 4])
def test_of_several_starts_at_once_one_wins_and_all_say_the_truth(
    qm: Background, count: int
) -> None:
    starts = [qm.begin("start", "--no-web") for _ in range(count)]
    said = [start.communicate(timeout=90) for start in starts]
    assert [start.returncode for start in starts] == [0] * count, said
    winners = [out for out, _ in said if SERVES.fullmatch(out)]
    assert len(winners) == 1, said
    pid = qm.pid_in(winners[0])
    losers = [out for out, _ in said if out not in winners]
    assert all(f"already (process {pid} on " in out for out in losers), said
    wait_for("only one is left", lambda: qm.managers() == [pid])


def test_a_manager_that_was_killed_is_replaced_at_once(qm: Background) -> None:
    first = qm.start()
    qm.queue.drop("a", sleeps())
    began = running_since(qm, "a")
    psutil.Process(first).kill()
    second = qm.start()
    assert second != first and running_since(qm, "a") == began
    assert qm.run("kill", "a").returncode == 0


def test_a_start_that_fails_tells_why(qm: Background) -> None:
    (qm.folder / ".qm").mkdir()
    (qm.folder / ".qm" / "state.json").write_text("{torn", encoding="utf-8")
    said = qm.run("start", "--no-web")
    assert (said.returncode, said.stdout) == (1, "")
    assert "qm: QM did not start; it ended with code 1. It said:" in said.stderr
    assert "state.json cannot be understood" in said.stderr
    assert "state.json cannot be understood" in qm.log_text()
    assert qm.managers() == []


def test_a_configuration_that_is_wrong_starts_nothing(qm: Background) -> None:
    qm.configure(Settle="soon")
    said = qm.run("start")
    assert said.returncode == 2 and "Settle" in said.stderr and qm.managers() == []


def test_a_folder_that_cannot_be_made_is_told(qm: Background) -> None:
    qm.folder.rmdir()
    qm.folder.write_text("a file", encoding="utf-8")
    said = qm.run("start")
    assert said.returncode == 1 and "cannot be started in the background" in said.stderr
    qm.folder.unlink()
    qm.folder.mkdir()


def test_a_page_that_cannot_be_shown_is_told_and_qm_serves(qm: Background) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", qm.port))
        other.listen()
        said = qm.run("start")
    qm.pid_in(said.stdout)
    assert said.returncode == 0 and "its page" not in said.stdout
    assert "goes on without its web page" in said.stderr


def test_qm_ends_by_itself_when_it_has_nothing_to_do(qm: Background) -> None:
    pid = qm.start("--idle-exit", "0.5")
    qm.queue.drop("a", sleeps(1))
    qm.queue.wait_done("a")
    wait_for("QM has ended", lambda: is_gone(pid))
    assert qm.run("status").returncode == 3


def test_jobs_run_on_when_qm_stops_and_the_next_one_collects_their_ends(qm: Background) -> None:
    pid = qm.start()
    qm.queue.drop("a", "while [ ! -e go ]; do sleep 0.05; done; exit 3")
    folder = qm.queue.wait_running("a")
    said = qm.run("stop")
    assert (said.returncode, said.stdout) == (0, f"QM on {qm.folder} has stopped.\n"), said.stderr
    qm.wait_gone(pid)
    assert qm.run("status").returncode == 3
    (folder / "go").touch()
    wait_for("its end is recorded", (folder / ".qm" / "exit.json").exists)
    qm.start()
    qm.queue.wait_done("a")
    assert qm.queue.record("a", "exit.json")["exit_code"] == 3


def test_stopping_where_nothing_runs_is_no_mistake(qm: Background) -> None:
    said = qm.run("stop")
    assert (said.returncode, said.stdout) == (0, f"No QM runs on {qm.folder}.\n")
    assert qm.run("stop", "--wait", "--kill").returncode == 2


def test_stop_wait_names_who_is_waited_for_and_starts_nothing_new(qm: Background) -> None:
    pid = qm.start()
    qm.queue.drop("a", "while [ ! -e go ]; do sleep 0.05; done")
    folder = qm.queue.wait_running("a")
    stop = qm.begin("stop", "--wait")
    assert stop.stderr is not None
    assert stop.stderr.readline() == "Waits for job 1 (a)\n"
    qm.queue.drop("b")
    wait_for("b is accepted", lambda: (qm.queue.row("b") or {}).get("state") == "QUEUED")
    (folder / "go").touch()
    out, _ = stop.communicate(timeout=60)
    assert (stop.returncode, out) == (0, f"QM on {qm.folder} has stopped.\n")
    qm.wait_gone(pid)
    assert qm.queue.where("b") == "QM_qJobs"


def test_ctrl_c_takes_stop_wait_back(qm: Background) -> None:
    pid = qm.start()
    qm.queue.drop("a", sleeps())
    qm.queue.wait_running("a")
    stop = qm.begin("stop", "--wait")
    assert stop.stderr is not None
    assert stop.stderr.readline() == "Waits for job 1 (a)\n"
    stop.send_signal(signal.SIGINT)
    _, err = stop.communicate(timeout=60)
    assert stop.returncode == 130 and "Taken back: QM goes on." in err
    qm.queue.drop("b")
    qm.queue.wait_done("b")
    assert qm.managers() == [pid]


def test_stop_wait_gives_up_after_its_timeout(qm: Background) -> None:
    pid = qm.start()
    qm.queue.drop("a", sleeps())
    qm.queue.wait_running("a")
    said = qm.run("stop", "--wait", "--timeout", "1")
    assert said.returncode == 1 and "did not answer within 1 s" in said.stderr
    qm.queue.drop("b")
    qm.queue.wait_done("b")
    assert qm.managers() == [pid]


def test_stop_kill_ends_the_jobs_first(qm: Background) -> None:
    pid = qm.start()
    for name in ("a", "b"):
        qm.queue.drop(name, sleeps())
        qm.queue.wait_running(name)
    qm.queue.drop("c")
    said = qm.run("stop", "--kill")
    assert said.returncode == 0, said.stderr
    qm.wait_gone(pid)
    states = {row["name"]: row["state"] for row in qm.queue.listed()}
    assert (states["a"], states["b"]) == ("KILLED", "KILLED")
    assert qm.queue.tree()["QM_Jobs"] == [] and qm.queue.where("c") == "QM_qJobs"


def test_a_manager_on_a_terminal_is_stopped_as_well(qm: Background) -> None:
    qm.queue.start()
    assert qm.queue.process is not None
    assert qm.run("stop").returncode == 0
    assert qm.queue.process.wait(30) == 0


def test_restart_is_another_process_and_the_same_jobs(qm: Background) -> None:
    first = qm.start()
    qm.queue.drop("a", sleeps())
    began = running_since(qm, "a")
    said = qm.run("restart", "--no-web")
    assert said.returncode == 0, said.stderr
    second = qm.pid_in(said.stdout)
    qm.wait_gone(first)
    assert second != first
    assert qm.queue.where("a") == "QM_Jobs" and running_since(qm, "a") == began


def test_restart_starts_where_nothing_runs(qm: Background) -> None:
    said = qm.run("restart", "--no-web")
    assert qm.managers() == [qm.pid_in(said.stdout)]


def test_restart_with_a_wrong_configuration_stops_nothing(qm: Background) -> None:
    pid = qm.start()
    qm.configure(Settle="soon")
    said = qm.run("restart", "--no-web")
    assert said.returncode == 2 and "Settle" in said.stderr
    assert not is_gone(pid) and qm.managers() == [pid]
    qm.configure()


def test_reload_tells_what_changed(qm: Background) -> None:
    pid = qm.start()
    said = qm.run("reload")
    assert (said.returncode, said.stdout) == (0, "Nothing has changed.\n"), said.stderr
    qm.configure(MaxNbProcessors="3")
    said = qm.run("reload")
    assert said.returncode == 0, said.stderr
    assert "MaxNbProcessors is 3 now; it was 2." in said.stdout
    assert qm.status()["processors"] == 3 and qm.managers() == [pid]
    assert json.loads(qm.run("reload", "--json").stdout)["changed"] == []


def test_reload_of_a_wrong_configuration_changes_nothing(qm: Background) -> None:
    qm.start()
    qm.configure(MaxNbProcessors="many")
    command = [sys.executable, "-m", "qm", "--folder", str(qm.folder), "reload"]
    environment = {k: v for k, v in qm.queue.environment.items() if k != "QM_CONFIG"}
    said = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        cwd=qm.queue.staging,
        timeout=60,
        check=False,
    )
    assert said.returncode != 0 and "MaxNbProcessors" in said.stderr
    qm.configure()
    assert qm.run("reload").stdout == "Nothing has changed.\n"


def test_the_commands_that_need_a_manager_say_that_there_is_none(qm: Background) -> None:
    said = qm.run("reload")
    assert said.returncode == 3 and "no QM runs on" in said.stderr


def test_the_worker_is_qm_in_the_background(qm: Background) -> None:
    assert qm.run("worker", "status").returncode == 3
    pid = qm.pid_in(qm.run("worker", "start", "--no-web").stdout)
    assert json.loads(qm.run("worker", "status", "--json").stdout)["pid"] == pid
    assert qm.run("worker", "reload").stdout == "Nothing has changed.\n"
    second = qm.pid_in(qm.run("worker", "restart", "--no-web").stdout)
    assert second != pid and qm.run("worker", "stop").returncode == 0
    qm.wait_gone(second)


def test_an_installed_service_is_what_start_starts(qm: Background, tmp_path: Path) -> None:
    programs = Programs(tmp_path / "bin")
    programs.add("systemctl")
    path = f"{programs.folder}{os.pathsep}{os.environ['PATH']}"
    qm.queue.environment.update(PATH=path, XDG_CONFIG_HOME=str(tmp_path / "config"))
    qm.start()
    assert qm.run("service", "install").returncode == 0
    assert qm.run("stop").returncode == 0
    unit = (tmp_path / "config/systemd/user/qm.service").read_text(encoding="utf-8")
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(command.removeprefix("ExecStart="))
    programs.does("systemctl --user start qm.service", f"{shlex.join(words)} >/dev/null 2>&1 &")
    said = qm.run("start")
    assert said.returncode == 0, said.stderr
    pid = qm.pid_in(said.stdout)
    assert psutil.Process(pid).cmdline()[1:] == words[1:]
    assert programs.calls()[-1] == "systemctl --user start qm.service"
    programs.answer("systemctl --user start qm.service", 1, "Failed to connect to bus")
    assert qm.run("stop").returncode == 0
    said = qm.run("start", "--timeout", "30")
    qm.pid_in(said.stdout)
    assert "Failed to connect to bus" in said.stderr and "without the service" in said.stderr

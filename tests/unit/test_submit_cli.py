"""``qm submit`` without a manager: what is staged, and what is said."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from qm.errors import QMError
from qm.model import Place
from tests.fakes.commands import Command, quiet_command


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return quiet_command(tmp_path, capsys, monkeypatch)


def folder_of(command: Command, name: str) -> Path:
    return Path(command.layout.path(Place.WAITING, name))


def waiting(command: Command) -> list[str]:
    return sorted(os.listdir(command.layout.place(Place.WAITING)))


def submission(command: Command, name: str) -> dict[str, Any]:
    record = (folder_of(command, name) / ".qm" / "submit.json").read_bytes()
    loaded: dict[str, Any] = json.loads(record)
    return loaded


def job(folder: Path, script: str = "true", **options: object) -> Path:
    folder.mkdir()
    lines = ["[QMOptions]", f"script : {script}", *(f"{k} : {v}" for k, v in options.items())]
    (folder / "proc_config.cfg").write_text("\n".join([*lines, ""]), "utf-8")
    return folder


def test_a_command_is_staged_with_its_folder_and_its_options(
    command: Command, tmp_path: Path
) -> None:
    said = command("submit", "-n", "1", "--env", "A=b c", "python -c 'print(100 % 7)'")
    assert (said.code, said.out) == (
        0,
        "Dropped python into QM_qJobs; it starts when QM runs (qm serve)\n",
    )
    assert (folder_of(command, "python") / "proc_config.cfg").read_text("utf-8") == (
        f"[QMOptions]\nscript : python -c 'print(100 % 7)'\ncwd : {tmp_path}\n"
        "nb_proc : 1\nenv : A='b c'\n"
    )
    assert submission(command, "python")["changes"] == {}


def test_paths_of_a_command_begin_in_the_callers_folder(command: Command, tmp_path: Path) -> None:
    command("submit", "--stdout", "out.txt", "--cwd", "sub", "--name", "x", "--", "echo", "a b")
    info = (folder_of(command, "x") / "proc_config.cfg").read_text("utf-8")
    assert f"script : echo 'a b'\ncwd : {tmp_path}/sub\n" in info
    assert f"stdout : {tmp_path}/out.txt\n" in info


def test_options_for_a_folder_win_beside_its_info_file(command: Command, tmp_path: Path) -> None:
    job(tmp_path / "a", nb_proc=1, env="A=1 B=2")
    said = command("submit", "a", "-p", "7", "--env", "B=3", "--set", "Retry-On=75,137")
    assert said.code == 0, said.err
    changes = submission(command, "a")["changes"]
    assert changes == {"priority": "7", "retry_on": "75,137", "env": "A=1 B=3"}
    assert "priority" not in (folder_of(command, "a") / "proc_config.cfg").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nb-proc", "four", "a"], '--nb-proc: nb_proc = "four"; expected a whole number'),
        (["--set", "nb_prok=2", "a"], "Did you mean nb_proc?"),
        (["--set", "nb_proc", "a"], "write --set KEY=VALUE"),
        (["--set", "nb_proc=1", "-n", "2", "a"], "nb_proc is given twice"),
        (["--env", "NO_SUCH_VARIABLE", "a"], "write NO_SUCH_VARIABLE=VALUE"),
        (["python", "train.py"], 'qm submit "python train.py"'),
        (["make", "--jobs", "3"], "qm submit -- …"),
        (["--each", "t.csv", "a", "a"], "one template"),
        (["--each", "t.csv", "--move", "a"], "one template"),
        (["--fill", "*.txt", "a"], "--fill goes with --each"),
        (["--move", "sleep 1"], "--move is for"),
        (["-", "-"], "only once"),
        ([], "name a folder, a script or a command"),
        (["--set", "script=x", "sleep 1"], "the command is the script"),
        (["program"], "is a program or data"),
        (["train.py"], 'qm submit "python train.py"'),
    ],
)
def test_what_cannot_be_submitted_is_told_and_nothing_is_staged(
    command: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    job(tmp_path / "a")
    (tmp_path / "program").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "train.py").write_text("print(1)\n", "utf-8")
    (tmp_path / "t.csv").write_text("x\n1\n", "utf-8")
    said = command("submit", *arguments)
    assert said.code in {1, 2} and message in said.err
    assert waiting(command) == []


def test_a_script_from_a_pipe_runs_where_it_was_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"#!/bin/bash\n#QM nb_proc : 1\necho hello\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), encoding="utf-8"))
    assert command("submit", "-").code == 0
    assert (folder_of(command, "stdin") / "job.sh").read_bytes() == text
    changes = submission(command, "stdin")["changes"]
    assert changes == {"cwd": str(tmp_path), "script": '/bin/bash "$QM_JOB_DIR/job.sh"'}


def test_nothing_from_a_pipe_is_no_job(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b""), encoding="utf-8"))
    said = command("submit", "-")
    assert said.code == 1 and "is empty" in said.err and waiting(command) == []


def test_a_dry_run_says_what_would_be_submitted_and_does_nothing(
    command: Command, tmp_path: Path
) -> None:
    job(tmp_path / "a", "python -c pass", nb_proc=99, walltime="90")
    said = command("submit", "--dry-run", "a", "sleep 5", "--mem", "20M", "--after", "prep")
    assert said.code == 0 and waiting(command) == []
    lines = said.out.splitlines()
    assert lines[0].split() == ["NAME", "NEEDS", "COMMAND"]
    assert lines[1].startswith("a ") and "1 min 30 s" in lines[1]
    assert "20 MiB" in lines[1]
    assert lines[2].startswith("sleep ") and "after prep" in lines[2] and "sleep 5" in lines[2]
    assert lines[3].startswith("note: a: ") and "lowered" in lines[3]
    found = command.json("submit", "--dry-run", "sleep 5")
    assert (found[0]["name"], found[0]["command"], found[0]["ok"]) == ("sleep", "sleep 5", True)


def test_a_sweep_is_checked_as_a_whole(command: Command, tmp_path: Path) -> None:
    job(tmp_path / "a", "true {x}", nb_proc="{n}")
    (tmp_path / "t.csv").write_text("x,n\n1,1\n2,none\n", "utf-8")
    said = command("submit", "--each", "t.csv", "a")
    assert said.code == 1 and "t.csv line 3: row 2: proc_config.cfg line 3" in said.err
    assert waiting(command) == []
    (tmp_path / "t.csv").write_text("x;n\n1;1\n$(x);1\n", "utf-8")
    said = command("submit", "--each", "t.csv", "a", "--hold")
    assert said.out == (
        "Dropped a-1 into QM_qJobs\nDropped a-2 into QM_qJobs\n"
        "QM does not run: they start when it does (qm serve)\n"
    )
    assert "script : true '$(x)'" in (folder_of(command, "a-2") / "proc_config.cfg").read_text()
    record = submission(command, "a-2")
    assert (record["env"]["QM_ROW"], record["env"]["QM_SWEEP_X"]) == ("2", "$(x)")
    assert record["hold"] is True


def test_many_are_submitted_and_bad_ones_do_not_stop_them(command: Command, tmp_path: Path) -> None:
    for number in range(30):
        job(tmp_path / f"j{number:02}", "true", nb_proc="x" if number == 7 else 1)
    said = command("submit", "j*")
    assert said.code == 1 and said.err.startswith("qm: j07: proc_config.cfg line 3")
    assert waiting(command) == [f"j{n:02}" for n in range(30) if n != 7]
    assert said.out.count("Dropped j") == 29 and said.out.count("QM does not run") == 1


@pytest.mark.parametrize("count", [3, 150])
def test_a_job_that_cannot_be_committed_is_told_and_the_others_are_submitted(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    from qm.submit import stage

    for number in range(count):
        job(tmp_path / f"j{number:03}")
    commit = stage._commit

    def fail(layout: Any, staging: str, wanted: str) -> str:
        if wanted == "j001":
            raise QMError("no room")
        return commit(layout, staging, wanted)

    monkeypatch.setattr(stage, "_commit", fail)
    (tmp_path / "QMserv.cfg").write_text("[QMServer]\nSync = yes\n", "utf-8")
    said = command("submit", "j*")
    assert (said.code, said.err) == (1, "qm: no room\n")
    assert waiting(command) == [f"j{n:03}" for n in range(count) if n != 1]


def test_without_a_disk_to_sync_to_nothing_is_left_half(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("qm.cli.batch.syncs_in_bulk", lambda: True)
    monkeypatch.setattr("qm.cli.batch.sync_file_system", fail)
    (tmp_path / "QMserv.cfg").write_text("[QMServer]\nSync = yes\n", "utf-8")
    for number in range(20):
        job(tmp_path / f"j{number:02}")
    said = command("submit", "j*")
    assert said.code == 1 and said.err.count("cannot sync j") == 20
    assert waiting(command) == []


def test_a_manager_that_does_not_answer_is_told_once(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def silent(*arguments: Any, **options: Any) -> None:
        asked.append(arguments)
        raise QMError("QM did not answer within 60 s")

    monkeypatch.setattr("qm.cli.reception.ask", silent)
    for number in range(250):
        job(tmp_path / f"j{number:03}")
    said = command("submit", "j*")
    assert said.code == 0 and len(asked) == 1
    assert said.out.count("Dropped j") == 250
    assert said.err == (
        "qm: QM did not answer within 60 s. They lie in QM_qJobs, and start when QM sees them.\n"
    )


INTERRUPTED = """
import os, signal, sys
from qm.cli import batch
from qm.cli.main import run
from qm.submit import stage
batch._LONGEST = 1e9
real, calls = stage.{step}, []
def step(*given, **named):
    calls.append(1)
    if len(calls) == {at}:
        signal.raise_signal(signal.SIGINT)
    return real(*given, **named)
stage.{step} = step
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(("step", "at", "done"), [("seal", 130, 100), ("_commit", 120, 130)])
def test_an_interrupt_says_how_many_were_submitted_and_leaves_nothing_half(
    command: Command, tmp_path: Path, step: str, at: int, done: int
) -> None:
    for number in range(130):
        job(tmp_path / f"j{number:03}")
    code = INTERRUPTED.format(step=step, at=at)
    line = [sys.executable, "-c", code, "--folder", command.layout.root, "submit", "j*"]
    said = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert said.returncode == 130, said.stderr
    found = waiting(command)
    assert all(name.startswith("j") for name in found) and len(found) == done
    assert f"Interrupted: {done} of 130 were submitted\n" in said.stderr
    assert said.stdout.count("Dropped j") == done


def test_an_interrupt_waits_for_what_must_not_be_cut() -> None:
    from qm.cli.interrupts import interrupts_wait

    steps = []

    def work() -> None:
        with interrupts_wait():
            signal.raise_signal(signal.SIGINT)
            steps.append("whole")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["whole"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_the_manager_is_asked_in_batches_while_more_is_submitted(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []

    def answer(layout: Any, verb: str, tokens: tuple[str, ...], timeout: float) -> dict[str, Any]:
        first = sum(batches) + 1
        batches.append(len(tokens))
        jobs = [name for name in waiting(command) if not name.startswith(".")]
        names = {submission(command, name)["token"]: name for name in jobs}
        return {
            "submissions": {
                token: {"id": first + n, "name": names[token], "state": "QUEUED", "reason": None}
                for n, token in enumerate(tokens)
            }
        }

    monkeypatch.setattr("qm.cli.batch._LONGEST", 1e9)
    monkeypatch.setattr("qm.cli.reception.ask", answer)
    monkeypatch.setattr("qm.cli.reception._BATCH_TIME", 1e9)
    for number in range(230):
        job(tmp_path / f"j{number:03}")
    said = command("submit", "j*")
    assert said.out == "".join(f"Submitted job {n + 1} (j{n:03})\n" for n in range(230))
    assert batches == [100, 100, 30]


def test_an_interrupted_wait_for_answers_is_short(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qm.cli.reception import Reception
    from qm.submit import Submission

    release = threading.Event()

    def silent(*_: Any, **__: Any) -> dict[str, Any]:
        release.wait(30)
        return {"submissions": {}}

    monkeypatch.setattr("qm.cli.reception.ask", silent)
    monkeypatch.setattr("qm.cli.reception._AFTER_INTERRUPT", 0.05)
    reception = Reception(command.layout)
    reception.add(Submission("token", "a"))
    try:
        assert list(reception.rest(interrupted=True)) == []
    finally:
        release.set()
    thread = reception._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()

"""The command line where no manager runs: what it says, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qm import __version__
from qm.cli.main import COMMANDS, qm, run
from qm.folders.layout import Layout
from qm.jobdir import own_folder, read_records, write_job
from qm.model import Job, JobOptions, Place
from qm.osops import identity_of
from qm.records import Claim, encode
from qm.samples import sample_job
from tests.fakes.commands import Command, Said, quiet_command


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return quiet_command(tmp_path, capsys, monkeypatch)


def running_job(layout: Layout, name: str = "a", job_id: int = 7) -> Path:
    """A job that was started, with the records of its claim."""
    folder = Path(layout.path(Place.RUNNING, name))
    folder.mkdir()
    job = Job(
        id=job_id,
        name=name,
        identity=identity_of(str(folder)),
        options=JobOptions(script="python x.py", walltime=90.0, mem=1 << 30, env=(("A", "b c"),)),
        info_file="proc_config.cfg",
        owner="anna",
        arrival=1,
        submitted="2026-01-01T00:00:00.000Z",
        attempt=1,
        token="t",
        notes=("nb_proc lowered",),
    )
    with own_folder(str(folder), create=True) as own:
        write_job(own, job, Claim("boot", claimed=True))
    return folder


def end(folder: Path, *, signal: str | None = None, reason: str | None = None) -> None:
    exit_record = {
        "attempt": 1,
        "exit_code": None if signal else 0,
        "signal": signal,
        "reason": reason,
        "started": "2026-01-01T00:00:01.000Z",
        "ended": "2026-01-01T00:00:04.500Z",
        "cpu_seconds": 1.25,
        "peak_memory": 2048,
    }
    with own_folder(str(folder)) as own:
        own.write("exit.json", encode(exit_record))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, command: Command) -> None:
    said = command(name, "--help")
    assert said.code == 0 and said.out.startswith(f"Usage: qm {name}")
    assert "..." not in command("--help").out.split(f"\n  {name} ")[1].split("\n")[0]


def test_the_version_is_told(command: Command) -> None:
    assert command("--version").out.strip() == f"qm, version {__version__}"


@pytest.mark.parametrize("arguments", [("nonsense",), ("show",), ("list", "--nonsense"), ("rm",)])
def test_a_wrong_command_line_ends_with_2_and_says_how_it_goes(
    command: Command, arguments: tuple[str, ...]
) -> None:
    said = command(*arguments)
    assert (said.code, said.out) == (2, "") and "Usage: qm" in said.err


def test_an_error_is_a_sentence_and_a_traceback_only_with_v(command: Command) -> None:
    said = command("show", "nobody")
    assert said.code == 1 and said.out == ""
    assert said.err.startswith("qm: there is no job nobody\n  `qm list --all`")
    assert "Traceback" in Said(run(["-v", "show", "x"]), *command._capture.readouterr()).err


def test_a_mistake_in_the_configuration_ends_with_2_and_names_the_line(command: Command) -> None:
    Path("QMserv.cfg").write_text("[QMServer]\nSettle = soon\n", encoding="utf-8")
    said = command("list")
    assert said.code == 2 and "QMserv.cfg line 2: Settle" in said.err
    assert "Traceback" not in said.err


def test_an_error_of_the_system_is_no_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "there")

    monkeypatch.setattr("qm.view.load", fail)
    said = command("list")
    assert (said.code, said.err) == (1, "qm: there: Permission denied\n")


def test_what_nobody_foresaw_is_no_traceback_either(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("qm.view.load", fail)
    said = command("list")
    assert said.code == 1 and said.err.startswith("qm: RuntimeError: surprise\n")


def test_status_ends_with_3_where_no_manager_runs(command: Command) -> None:
    said = command("status")
    assert (said.code, said.out.startswith("No QM runs on ")) == (3, True)
    assert command.json("status")["running"] is False


def test_init_makes_the_folders_and_an_example_that_names_this_folder(command: Command) -> None:
    said = command("--folder", str(Path("new").absolute()), "init")
    assert said.code == 0
    assert {place.value for place in Place} <= set(os.listdir("new"))
    example = Path("new/QMserv.cfg.example").read_text(encoding="utf-8")
    assert f"QM_FOLDER : {Path('new').absolute()}\n" in example
    Path("new/QMserv.cfg.example").write_text("mine", encoding="utf-8")
    assert command("--folder", str(Path("new").absolute()), "init").code == 0
    assert Path("new/QMserv.cfg.example").read_text(encoding="utf-8") == "mine"


def test_a_list_is_aligned_text_when_it_is_piped(command: Command) -> None:
    end(running_job(command.layout), signal="SIGTERM", reason="User: killed by anna")
    Path(command.layout.path(Place.WAITING, "drop \x1b[2J")).mkdir()
    said = command("list", "--all")
    lines = said.out.splitlines()
    assert lines[0].split() == "ID STATE NAME NB_PROC PRIORITY OWNER TIME REASON".split()
    assert lines[1].split()[:4] == ["7", "KILLED", "a", "1"]
    assert lines[1].endswith("3 s   User: killed by anna")
    assert "drop \\x1b[2J" in lines[2] and "\x1b" not in said.out
    assert lines[1].index("KILLED") == lines[2].index("ARRIVING") == lines[0].index("STATE")
    assert "no QM runs on" in said.err


def test_a_list_shows_what_ended_within_a_day_and_all_of_it_with_all(command: Command) -> None:
    end(running_job(command.layout))
    assert command.json("list") == []
    assert [job["state"] for job in command.json("list", "--all")] == ["FINISHED"]


def test_a_list_of_a_folder_that_is_not_there_says_so(command: Command) -> None:
    said = command("--folder", "nowhere", "list")
    assert said.code == 0 and "`qm init` makes it" in said.err


def test_watch_is_for_a_terminal(command: Command) -> None:
    assert command("list", "--watch").code == 2
    assert command("list", "--watch", "--json").code == 2


def test_show_tells_everything(command: Command) -> None:
    folder = running_job(command.layout)
    (folder / "process.log").write_text("x", encoding="utf-8")
    (folder / ".qm" / "attempt-1").mkdir()
    said = command("show", "a")
    pairs = dict(line.split("  ", 1) for line in said.out.splitlines())
    shown = {name.strip(): value.strip() for name, value in pairs.items()}
    assert (
        shown.items()
        >= {
            "id": "7",
            "state": "RUNNING (R)",
            "folder": str(folder),
            "log": str(folder / "process.log"),
            "earlier": str(folder / ".qm" / "attempt-1"),
            "script": "python x.py",
            "walltime": "1 min 30 s",
            "mem": "1 GiB",
            "env": "A=b c",
            "notes": "nb_proc lowered",
        }.items()
    )
    found = command.json("show", "7")
    assert (found["options"]["script"], found["id"]) == ("python x.py", 7)


def test_why_is_one_sentence(command: Command) -> None:
    folder = running_job(command.layout)
    assert command("why", "7").out.startswith("job 7 (a) is RUNNING for ")
    end(folder, signal="SIGTERM", reason="TimeLimit: ran longer than 5 s")
    said = command("why", "a")
    assert said.out.startswith("job 7 (a) is KILLED, since 2026-01-01T")
    assert said.out.endswith(": TimeLimit: ran longer than 5 s\n") and said.out.count("\n") == 1
    Path(command.layout.path(Place.WAITING, "drop")).mkdir()
    assert command("why", "drop").out == (
        "drop is ARRIVING: NotRunning: no QM runs here; qm serve starts one\n"
    )


def test_logs_shows_the_log_or_says_that_there_is_none(command: Command) -> None:
    folder = running_job(command.layout)
    said = command("logs", "a")
    assert (said.code, said.out) == (1, "")
    assert said.err == "qm: job 7 (a) has no log, it is RUNNING\n"
    (folder / "process.log").write_bytes(b"one\ntwo\nthree \xff\n")
    assert command("logs", "a").out == "one\ntwo\nthree \N{REPLACEMENT CHARACTER}\n"
    assert command("logs", "-n", "2", "7").out.startswith("two\n")


@pytest.mark.parametrize("verb", ["hold", "release", "rm"])
def test_what_needs_a_manager_says_that_none_runs(command: Command, verb: str) -> None:
    running_job(command.layout)
    said = command(verb, "a")
    assert said.code == 3 and said.err.startswith("qm: no QM runs on ")


def test_a_waiting_drop_cannot_be_killed_without_a_manager(command: Command) -> None:
    Path(command.layout.path(Place.WAITING, "drop")).mkdir()
    assert command("kill", "drop").code == 3


def test_an_unknown_job_cannot_be_killed(command: Command) -> None:
    said = command("kill", "99", "nobody")
    assert said.code == 1
    assert said.err.count("there is no job") == 2


def test_a_job_that_has_ended_cannot_be_killed(command: Command) -> None:
    end(running_job(command.layout))
    said = command("kill", "a")
    assert (said.code, said.err) == (1, "qm: job 7 (a) had ended already: FINISHED\n")


def test_a_job_that_no_process_runs_is_left_to_the_manager_to_judge(command: Command) -> None:
    running_job(command.layout)
    said = command("kill", "a")
    assert said.code == 1 and "no process runs job 7 (a) any more" in said.err


OBEYING = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from qm.osops import FolderHandle
from tests.unit.test_cli_commands import end, wait_for_file
own = Path(sys.argv[1]) / ".qm"
with FolderHandle.open(str(own)) as handle:
    lock = handle.lock("lock")
    (own / "locked").touch()
    wait_for_file(own / "kill")
    end(Path(sys.argv[1]), signal="SIGTERM", reason="User: killed")
"""


def wait_for_file(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not come"
        time.sleep(0.01)


def test_without_a_manager_kill_marks_the_job_and_waits_for_its_supervisor(
    command: Command,
) -> None:
    folder = running_job(command.layout)
    root = str(Path(__file__).parents[2])
    with subprocess.Popen([sys.executable, "-c", OBEYING, str(folder), root]) as supervisor:
        wait_for_file(folder / ".qm" / "locked")
        said = command("kill", "a", "--grace", "3")
        assert supervisor.wait(10) == 0
    assert said == Said(0, "Killed job 7 (a)\n", "")
    mark = json.loads((folder / ".qm" / "kill").read_bytes())
    assert (mark["attempt"], mark["token"], mark["grace"]) == (1, "t", 3.0)


def test_without_a_manager_a_submission_is_a_drop(command: Command) -> None:
    said = command("submit", str(sample_job("hello_cfg")), "--name", "mine")
    assert said.code == 0
    assert said.out == "Dropped mine into QM_qJobs; it starts when QM runs (qm serve)\n"
    folder = command.layout.path(Place.WAITING, "mine")
    assert read_records(folder, "mine").submit is not None
    assert command.json("submit", str(sample_job("hello_cfg")))[0]["name"] == "hello_cfg"


def test_what_qm_would_refuse_is_not_submitted_unless_forced(command: Command) -> None:
    refused = str(sample_job("refused"))
    said = command("submit", refused, str(sample_job("hello_cfg")))
    assert said.code == 1 and "line 6: nb_proc" in said.err
    assert os.listdir(command.layout.place(Place.WAITING)) == ["hello_cfg"]
    assert command("submit", "--force", refused).code == 0


def test_a_name_is_for_one_submission(command: Command) -> None:
    assert command("submit", "a", "b", "--name", "x").code == 2


def test_check_says_what_qm_would_say_and_changes_nothing(command: Command) -> None:
    said = command("check", str(sample_job("hello_cfg")))
    assert said.code == 0 and said.out.startswith("OK: QM would take ")
    said = command("check", str(sample_job("refused")))
    assert said.code == 1 and 'nb_proc = "four"' in said.err
    assert command.json("check", str(sample_job("refused")))["reason"].startswith("BadInfo: ")
    assert os.listdir(command.layout.place(Place.WAITING)) == []


def test_doctor_finds_what_is_wrong(command: Command) -> None:
    assert command("doctor").code == 0
    layout = command.layout
    Path(layout.path(Place.RUNNING, "stranger")).mkdir()
    old = Path(layout.path(Place.WAITING, ".incoming-old"))
    old.mkdir()
    os.utime(old, (1, 1))
    (running_job(layout) / ".qm" / "exit.json").write_text("torn", encoding="utf-8")
    Path(layout.state_file).write_text("torn", encoding="utf-8")
    said = command("doctor")
    assert said.code == 1
    for grade, words in (
        ("warning", "no manager runs"),
        ("warning", "stranger in QM_Jobs is no job"),
        ("warning", ".incoming-old in QM_qJobs is older than 7 days"),
        ("warning", "QM_Jobs/a: exit.json"),
        ("problem", "state.json cannot be understood"),
    ):
        assert any(
            line.startswith(f"{grade}:") and words in line for line in said.out.splitlines()
        ), words


def test_doctor_says_what_to_do_where_there_are_no_folders(command: Command) -> None:
    found = command.json("--folder", "nowhere", "doctor")
    assert [f["advice"] for f in found if f["grade"] == "problem"] == [
        "`qm init` makes what is missing."
    ]


def test_a_demo_of_an_unknown_sample_names_the_known_ones(command: Command) -> None:
    said = command("demo", "nonsense")
    assert said.code == 1 and "hello_cfg" in said.err


def test_the_table_of_commands_is_complete_and_each_of_them_is_there() -> None:
    import click

    context = click.Context(qm)
    assert qm.list_commands(context) == list(COMMANDS)
    for name in COMMANDS:
        found = qm.get_command(context, name)
        assert found is not None and found.name == name


HEAVY = ("rich", "psutil", "watchdog", "bottle", "platformdirs", "qm.daemon", "qm.jobinfo")


def test_a_piped_list_imports_no_more_than_it_needs(command: Command) -> None:
    program = (
        "import sys; from qm.cli.main import run; run(sys.argv[1:]);"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    config = str(Path("QMserv.cfg").absolute())
    found = subprocess.run(
        [sys.executable, "-c", program, "--config", config, "list", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "QM_FOLDER": command.layout.root},
        timeout=30,
        check=True,
    )
    assert (found.stdout, found.stderr.strip()) == ("[]\n", "[]")


def test_a_reader_that_has_seen_enough_is_no_error(command: Command) -> None:
    for number in range(300):
        Path(command.layout.path(Place.WAITING, f"{'x' * 200}{number}")).mkdir()
    qm_list = [sys.executable, "-m", "qm", "--folder", command.layout.root, "list", "--json"]
    with subprocess.Popen(qm_list, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None and listing.stderr is not None
        listing.stdout.read(10)
        listing.stdout.close()
        assert listing.stderr.read() == b""
        assert listing.wait(30) == 1

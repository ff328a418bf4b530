"""What qm doctor tells of the queue itself; and what qm clean says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from qm.checkup import complaints
from qm.folders.layout import Layout
from qm.index import ArrivalRow
from qm.model import Drain, Place, Reason, State, Steering
from qm.statefile import StateFile
from qm.times import utc_text
from qm.view import Entry
from qm.view.entries import arriving
from tests.fakes.commands import Command, Said, lay_job, quiet_command
from tests.unit.test_acting_trash import trash


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return quiet_command(tmp_path, capsys, monkeypatch)


def told(command: Command, words: str) -> dict[str, Any]:
    """The one finding with these words."""
    found = [finding for finding in command.json("doctor") if words in finding["text"]]
    assert len(found) == 1, found
    return dict(found[0])


def silent(command: Command, words: str) -> bool:
    return all(words not in finding["text"] for finding in command.json("doctor"))


def entry(job_id: int, state: State, reason: Reason) -> Entry:
    """A line of the list, as a running manager's index gives it."""
    line = arriving(ArrivalRow(f"job{job_id}", str(reason), ""), Layout("QM"))
    return line._replace(id=job_id, state=state.value)


def show(monkeypatch: pytest.MonkeyPatch, *entries: Entry) -> None:
    from qm.view import View

    monkeypatch.setattr(complaints, "load", lambda layout, since: View(entries, True))


def test_a_job_that_waits_for_a_name_that_never_came_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    vain = Reason("Dependency", "after prep: no such job yet")
    fine = Reason("Dependency", "after prep (7, RUNNING)")
    show(monkeypatch, entry(8, State.QUEUED, vain), entry(9, State.QUEUED, fine))
    finding = told(command, "waits for a job that is not there")
    assert finding["grade"] == "warning"
    assert finding["text"].startswith("job 8 (job8) waits for a job that is not there: after prep")
    assert "`qm set 8 after=`" in finding["advice"]


def test_jobs_that_the_brake_holds_are_told_together(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = Reason("Brake", "5 jobs of sh failed within 10 s of their start (1, 2)")
    by_hand = Reason("User", "held by anna")
    held = [entry(number, State.HELD, why) for number in range(1, 13)]
    show(monkeypatch, *held, entry(20, State.HELD, by_hand))
    finding = told(command, "held by the brake")
    assert finding["text"].startswith("job 1 (job1), job 2 (job2)")
    assert "job 10 (job10) and 2 more are held by the brake: 5 jobs of sh" in finding["text"]
    assert "qm release" in finding["advice"]


def steer(command: Command, steering: Steering) -> None:
    StateFile(command.layout.own, "boot", sync=False).steer(steering)


@pytest.mark.parametrize(("hours", "is_told"), [(0.5, False), (25.5, True)])
def test_a_drain_that_may_be_forgotten_is_told(
    command: Command, hours: float, is_told: bool
) -> None:
    steer(command, Steering(drain=Drain(utc_text(time.time() - hours * 3600), "bob")))
    assert silent(command, "turned drain on") is not is_told
    if is_told:
        text = told(command, "turned drain on")["text"]
        assert text == "nothing is started: bob turned drain on 1 d 1 h 30 min ago"


def test_limits_below_the_configuration_are_told(command: Command) -> None:
    Path("QMserv.cfg").write_text(
        "[QMServer]\nMaxNbProcessors = 8\nMaxMemory = 4G\n", encoding="utf-8"
    )
    steer(command, Steering(processors=8, memory=4 << 30))
    assert silent(command, "of the 8") and silent(command, "GiB memory")
    steer(command, Steering(processors=2, memory=1 << 30))
    finding = told(command, "QM uses 2 of the 8 configured processors")
    assert finding["advice"] == "`qm limit processors=default` takes that back."
    assert told(command, "QM uses 1 GiB of 4 GiB memory")["grade"] == "warning"


def test_a_trash_that_is_large_or_old_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    trash(command.layout, 1, "young", days=10, size=5000)
    assert silent(command, "in the trash")
    trash(command.layout, 2, "old", days=100)
    assert told(command, "in the trash")["text"] == "1 job lies in the trash for more than 90 days"
    monkeypatch.setattr(complaints, "_MUCH_TRASH", 1000)
    assert "lie in the trash" in told(command, "KiB")["text"]


def test_notices_that_cannot_be_delivered_are_told_until_one_is(command: Command) -> None:
    def note(*events: dict[str, Any]) -> None:
        lines = [json.dumps(event) for event in events]
        text = "\n".join(["no JSON", "[]", *lines]) + "\n"
        Path(command.layout.own, "events.jsonl").write_text(text, encoding="utf-8")

    good = {"kind": "mail", "ok": True, "detail": ""}
    bad = {"kind": "mail", "ok": False, "detail": "connection refused"}
    hook = {"kind": "webhook", "ok": False, "detail": "404"}
    note(bad, good, {"no": "event"})
    assert silent(command, "could not be delivered")
    note(good, bad, bad, hook)
    text = told(command, "of kind mail")["text"]
    assert text == "the last 2 of kind mail could not be delivered: connection refused"
    assert told(command, "of kind webhook")["text"].startswith("the last of kind webhook")


def test_mail_that_cannot_go_is_told_before_any_is_sent(command: Command) -> None:
    Path("QMserv.cfg").write_text(
        "[QMServer]\nMailActive = yes\n[Mail]\nUser = me\n", encoding="utf-8"
    )
    assert told(command, "no Password_file")["grade"] == "warning"


def test_what_the_system_cannot_enforce_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("QMserv.cfg").write_text("[QMServer]\nMaxNbProcessors = 2\n", encoding="utf-8")
    monkeypatch.setattr("qm.osops.affinity.machine_cpus", lambda: [0, 1])
    monkeypatch.setattr(psutil.Process, "cpu_affinity", print, raising=False)
    assert silent(command, "share a processor") and silent(command, "not enforced")
    monkeypatch.setattr("qm.osops.affinity.machine_cpus", lambda: [0])
    assert "some share a processor" in told(command, "QM may use 1 processors")["text"]
    monkeypatch.delattr(psutil.Process, "cpu_affinity")
    assert told(command, "not enforced")["grade"] == "warning"
    Path("QMserv.cfg").write_text("[QMServer]\nEnforce = memory\n", encoding="utf-8")
    assert silent(command, "not enforced")


def program(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    suffix = ".bat" if sys.platform == "win32" else ""
    (folder / f"{name}{suffix}").touch(mode=0o755)


@pytest.mark.parametrize(
    ("order", "grade", "words"),
    [
        (("ours", "cluster"), "warning", "hides another queue's"),
        (("cluster", "ours"), "ok", "is another queue's"),
        (("cluster",), "ok", "is another queue's"),
        (("ours",), None, ""),
    ],
)
def test_programs_of_another_queue_with_the_same_name_are_told(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[str, ...],
    grade: str | None,
    words: str,
) -> None:
    for name in ("ours", "cluster"):
        program(tmp_path / name, "qsub")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path / "ours"))
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in order))
    if grade is None:
        assert silent(command, "qsub")
    else:
        finding = told(command, "qsub is")
        assert finding["grade"] == grade and words in finding["text"]


def test_doctor_changes_nothing_and_has_no_complaint_about_a_quiet_queue(command: Command) -> None:
    lay_job(command.layout, 1, "a", State.FINISHED)
    before = sorted(os.walk(command.layout.root))
    assert all(f["grade"] != "problem" for f in command.json("doctor"))
    assert sorted(os.walk(command.layout.root)) == before


# qm clean


@pytest.fixture
def left(command: Command) -> Iterator[subprocess.Popen[bytes]]:
    """A process that job 7, which has ended, left behind."""
    lay_job(command.layout, 7, "a", State.FINISHED, token="t-of-clean")
    env = {**os.environ, "QM_JOB_TOKEN": "t-of-clean", "QM_JOB_ID": "7"}
    sleep = "import time; print(flush=True); time.sleep(100)"
    with subprocess.Popen(
        [sys.executable, "-c", sleep], env=env, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_clean_shows_what_is_left_and_touches_nothing(
    command: Command, left: subprocess.Popen[bytes]
) -> None:
    said = command("clean")
    lines = said.out.splitlines()
    assert (said.code, lines[0].split()) == (0, ["PID", "JOB", "SINCE", "COMMAND"])
    assert len(lines) == 2 and lines[1].startswith(f"{left.pid}  job 7 (a)")
    assert said.err == "`qm clean --force` ends them.\n"
    (found,) = command.json("clean")
    assert (found["pid"], found["job"], found["ended"]) == (left.pid, 7, False)
    assert left.poll() is None


def test_clean_by_force_ends_it(command: Command, left: subprocess.Popen[bytes]) -> None:
    (found,) = command.json("clean", "--force")
    assert found["ended"] is True and left.wait(10) != 0
    assert command("clean") == Said(0, "", "No process of an ended job is left.\n")
    assert command("clean", "--force").code == 0


def test_clean_says_what_it_ended(command: Command, left: subprocess.Popen[bytes]) -> None:
    said = command("clean", "--force", "--grace", "5")
    assert said == Said(0, f"Ended process {left.pid} of job 7 (a)\n", "")


def test_clean_that_fails_says_so(
    command: Command, left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qm.cleaning.end_leftovers", lambda found, grace: [left.pid])
    assert command("clean", "--force") == Said(1, "", f"qm: process {left.pid} cannot be ended\n")


def test_clean_leaves_a_running_job_alone(command: Command, left: subprocess.Popen[bytes]) -> None:
    done = Path(command.layout.path(Place.DONE, "a"))
    (done / ".qm" / "exit.json").unlink()
    done.rename(Path(command.layout.path(Place.RUNNING, "a")))
    assert command("clean", "--force") == Said(0, "", "No process of an ended job is left.\n")
    assert left.poll() is None

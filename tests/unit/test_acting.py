"""Commands that act, against a manager that is played: sentences, exit codes, JSON, requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qm.control.requests import Request
from qm.errors import QMError
from qm.model import Place, State
from tests.fakes.commands import Command, Said, lay_job, quiet_command
from tests.fakes.manager import Answering, FakeManager

NAMES = {"7": "a", "8": "b"}


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    return quiet_command(tmp_path, capsys, monkeypatch)


def turns(state: str) -> Answering:
    """Answers with the job as it is after what was asked; job 9 is unknown."""

    def answer(request: Request) -> dict[str, Any]:
        (target,) = request.targets
        if target not in NAMES:
            raise QMError(f"there is no job {target}", "`qm list --all` shows all jobs.")
        return {"id": int(target), "name": NAMES[target], "state": state}

    return answer


@pytest.mark.parametrize(
    ("verb", "state", "done"),
    [
        ("hold", "HELD", "Held {}"),
        ("release", "QUEUED", "Released {}"),
        ("suspend", "SUSPENDED", "Suspended {}"),
        ("resume", "RUNNING", "Resumed {}"),
        ("rerun", "QUEUED", "Queued {} again"),
        ("kill", "KILLED", "Killed {}"),
        ("kill", "CANCELLED", "Cancelled {}"),
    ],
)
def test_several_jobs_are_asked_for_and_told_in_their_order(
    command: Command, verb: str, state: str, done: str
) -> None:
    with FakeManager(command.layout, **{verb: turns(state)}) as manager:
        said = command(verb, "8", "7")
        assert said == Said(0, f"{done}\n{done}\n".format("job 8 (b)", "job 7 (a)"), "")
        assert sorted(manager.asked_for(verb)) == [("7",), ("8",)]
        assert command.json(verb, "7") == [{"id": 7, "name": "a", "state": state}]


@pytest.mark.parametrize("verb", ["hold", "release", "suspend", "resume", "rerun"])
def test_one_that_fails_is_told_and_the_others_happen(command: Command, verb: str) -> None:
    with FakeManager(command.layout, **{verb: turns("QUEUED")}):
        said = command(verb, "9", "7")
    assert said.code == 1 and said.out.count("job 7 (a)") == 1
    assert said.err == "qm: there is no job 9\n  `qm list --all` shows all jobs.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("rerun", "7"),
        ("suspend", "7"),
        ("resume", "7"),
        ("set", "7", "priority=5"),
        ("priority", "7", "5"),
        ("drain", "on"),
        ("limit", "processors=2"),
        ("restore", "7"),
        ("purge", "--all", "--yes"),
    ],
)
def test_without_a_manager_it_ends_with_3(command: Command, arguments: tuple[str, ...]) -> None:
    said = command(*arguments)
    assert (said.code, said.out) == (3, "") and said.err.startswith("qm: no QM runs on ")


def test_a_job_that_ended_by_itself_before_the_kill_is_told_as_such(command: Command) -> None:
    with FakeManager(command.layout, kill=turns("FINISHED")):
        said = command("kill", "7")
    assert (said.code, said.err) == (1, "qm: job 7 (a) had ended already: FINISHED\n")


def test_a_reason_goes_with_a_hold(command: Command) -> None:
    with FakeManager(command.layout, hold=turns("HELD"), release=turns("QUEUED")) as manager:
        command("hold", "7", "--reason", "the disk is full")
        command("release", "7")
        assert [dict(request.data) for request in manager.asked] == [
            {"reason": "the disk is full"},
            {},
        ]


def test_a_rerun_on_hold_is_held_even_by_a_manager_that_cannot_do_both(command: Command) -> None:
    with FakeManager(command.layout, rerun=turns("QUEUED"), hold=turns("HELD")) as manager:
        said = command("rerun", "--hold", "7")
        assert said.out == "Queued job 7 (a) again, held; `qm release 7` lets it start\n"
        assert [request.verb for request in manager.asked] == ["rerun", "hold"]
    with FakeManager(command.layout, rerun=turns("HELD")) as manager:
        assert command("rerun", "--hold", "7").code == 0
        assert [dict(request.data) for request in manager.asked] == [{"hold": True}]


def test_a_refused_job_that_is_read_again_has_no_id_yet(command: Command) -> None:
    def arrives(request: Request) -> dict[str, Any]:
        return {"id": None, "name": "a", "state": "ARRIVING"}

    with FakeManager(command.layout, rerun=arrives):
        said = command("rerun", "7")
    assert said == Said(0, "Put a into QM_qJobs again; it is read as a new job\n", "")


def test_hundreds_of_jobs_are_asked_for_with_a_bounded_number_of_threads(command: Command) -> None:
    import threading

    def held(request: Request) -> dict[str, Any]:
        most.append(threading.active_count())
        return {"id": int(request.targets[0]), "name": "x", "state": "HELD"}

    most: list[int] = []
    numbers = [str(number) for number in range(1, 301)]
    with FakeManager(command.layout, hold=held):
        said = command("hold", *numbers)
    assert said.out.splitlines() == [f"Held job {number} (x)" for number in numbers]
    assert max(most) < 100


# Changes.


def changed(request: Request) -> dict[str, Any]:
    old = {"priority": "0", "walltime": ""}
    changes = request.data["changes"]
    told = {key: [old.get(key, ""), value] for key, value in changes.items()}
    return {**turns("QUEUED")(request), "changed": told}


def test_keys_are_set_and_told_as_old_and_new(command: Command) -> None:
    with FakeManager(command.layout, set=changed) as manager:
        said = command("set", "7", "8", "priority=5", "walltime=2h")
        lines = [
            f"Changed {job}: priority 0 -> 5, walltime none -> 2h"
            for job in ("job 7 (a)", "job 8 (b)")
        ]
        assert said == Said(0, "\n".join(lines) + "\n", "")
        assert manager.asked[0].data == {"changes": {"priority": "5", "walltime": "2h"}}
        assert command.json("set", "7", "priority=5")[0]["changed"] == {"priority": ["0", "5"]}


def test_an_empty_value_takes_a_change_back(command: Command) -> None:
    with FakeManager(command.layout, set=changed):
        assert command("set", "7", "priority=").out == "Changed job 7 (a): priority 0 -> none\n"


def test_a_value_may_have_equal_signs_and_spaces(command: Command) -> None:
    with FakeManager(command.layout, set=changed) as manager:
        command("set", "7", "env=A=1 B=2")
        assert manager.asked[0].data == {"changes": {"env": "A=1 B=2"}}


def test_an_unknown_key_is_told_once_with_the_one_that_may_be_meant(command: Command) -> None:
    with FakeManager(command.layout, set=changed) as manager:
        said = command("set", "7", "8", "priorty=5")
        assert said.code == 1 and said.err.count("priorty") == 1
        assert "Did you mean priority?" in said.err and manager.asked == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "7"), "Say what to change"),
        (("set", "priority=5"), "Missing argument 'JOB...'"),
        (("set", "priority=5", "7"), "name the jobs first"),
        (("set", "7", "priority=5", "Priority=6"), "priority is given twice"),
        (("priority",), "Missing argument 'VALUE'"),
        (("priority", "5"), "Missing argument 'JOB...'"),
        (("priority", "7", "--wrong"), "No such option"),
        (("restore",), "Missing argument 'JOB...'"),
        (("restore", "--list", "7"), "name no JOB"),
        (("purge",), "Say which jobs"),
        (("purge", "--trash", "--all"), "--trash goes with"),
        (("purge", "--state", "RUNNING"), "Only jobs that have ended"),
        (("purge", "--older-than", "soon"), "expected"),
        (("drain", "maybe"), "'maybe'"),
        (("limit", "processors"), "processors=..."),
        (("limit", "memry=5"), "memory=..."),
        (("limit", "processors=0"), "expected more than 0"),
        (("limit", "processors=1.5"), "expected more than 0"),
        (("limit", "memory=much"), "memory=much: expected"),
        (("limit", "processors=1", "processors=2"), "given twice"),
    ],
)
def test_what_cannot_be_meant_is_explained_before_anything_is_asked(
    command: Command, arguments: tuple[str, ...], words: str
) -> None:
    said = command(*arguments)
    assert (said.code, said.out) == (2, "") and words in said.err


@pytest.mark.parametrize("value", ["5", "-5"])
def test_priority_is_set_in_short(command: Command, value: str) -> None:
    with FakeManager(command.layout, set=changed) as manager:
        said = command("priority", "7", "8", value)
        assert said.out.splitlines()[0] == f"Changed job 7 (a): priority 0 -> {value}"
        assert manager.asked[0].data == {"changes": {"priority": value}}


# Drain and limits.


def test_drain_is_asked_for_turned_on_and_off(command: Command) -> None:
    def answer(request: Request) -> dict[str, Any]:
        on = request.data.get("on", True)
        since = "2026-01-01T00:00:00.000Z" if on else None
        return {"drain": on, "since": since, "who": "anna" if on else None}

    with FakeManager(command.layout, drain=answer) as manager:
        said = command("drain")
        assert said.out.startswith("Drain is on, since 202")
        assert said.out.endswith(", by anna: nothing is started; `qm drain off` ends it\n")
        assert command("drain", "off").out == "Drain is off: jobs are started\n"
        assert command.json("drain", "on")["drain"] is True
        assert [dict(one.data) for one in manager.asked] == [{}, {"on": False}, {"on": True}]


def test_limits_are_told_and_changed(command: Command) -> None:
    configured = {"processors": 8, "memory": None}
    now: dict[str, Any] = dict(configured)

    def answer(request: Request) -> dict[str, Any]:
        for name, value in request.data.items():
            now[name] = configured[name] if value is None else value
        return {**now, "configured": configured}

    with FakeManager(command.layout, limit=answer) as manager:
        assert command("limit").out == (
            "processors  8 (as configured)\nmemory      no limit (as configured)\n"
        )
        said = command("limit", "processors=4", "memory=2G")
        assert said.out == (
            "processors  4 (configured: 8)\nmemory      2 GiB (configured: no limit)\n"
        )
        assert command.json("limit", "processors=default")["processors"] == 8
        assert [dict(one.data) for one in manager.asked] == [
            {},
            {"processors": 4, "memory": 2 << 30},
            {"processors": None},
        ]


# Jobs that are chosen by options.


@pytest.fixture
def jobs(command: Command) -> Command:
    """Two that wait, one that is held, one that runs, two that have ended."""
    layout = command.layout
    lay_job(layout, 1, "run-1", State.QUEUED)
    lay_job(layout, 2, "run-2", State.QUEUED, owner="bob")
    lay_job(layout, 3, "held", State.HELD)
    lay_job(layout, 4, "busy", State.RUNNING)
    lay_job(layout, 5, "good", State.FINISHED)
    lay_job(layout, 6, "bad", State.FAILED)
    Path(layout.path(Place.WAITING, "arriving")).mkdir()
    return command


def any_job(state: str) -> Answering:
    return lambda request: {"id": int(request.targets[0]), "name": "x", "state": state}


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("kill", "--all"), ["1", "2", "3", "4"]),
        (("kill", "--state", "QUEUED"), ["1", "2"]),
        (("kill", "--state", "held,R"), ["3", "4"]),
        (("kill", "--state", "Q", "--state", "U"), ["1", "2", "3"]),
        (("kill", "--name", "run-*"), ["1", "2"]),
        (("kill", "--name", "run-*", "--owner", "bob"), ["2"]),
        (("kill", "--owner", "anna"), ["1", "3", "4"]),
        (("kill", "--name", "held", "--name", "bus[xy]"), ["3", "4"]),
        (("hold", "--all"), ["1", "2"]),
        (("release", "--all"), ["3"]),
        (("suspend", "--all"), ["4"]),
        (("rerun", "--all"), ["5", "6"]),
        (("rerun", "--state", "FAILED"), ["6"]),
        (("set", "--all", "priority=5"), ["1", "2", "3"]),
        (("priority", "--name", "run-?", "5"), ["1", "2"]),
        (("resume", "--all"), []),
    ],
)
def test_jobs_are_chosen_by_what_they_are(
    jobs: Command, arguments: tuple[str, ...], ids: list[str]
) -> None:
    verb = "set" if arguments[0] == "priority" else arguments[0]
    state = "KILLED" if verb == "kill" else "HELD"
    answer: Answering = lambda r: {**any_job(state)(r), "changed": {}}  # noqa: E731
    with FakeManager(jobs.layout, **{verb: answer}) as manager:
        said = jobs(*arguments, "--yes")
        assert said.code == 0
        assert sorted(target for (target,) in manager.asked_for(verb)) == ids
    assert len(said.out.splitlines()) == len(ids)


def test_me_is_who_asks(jobs: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qm.control.client.who_asks", lambda: "bob")
    with FakeManager(jobs.layout, hold=any_job("HELD")) as manager:
        jobs("hold", "--owner", "me")
        assert manager.asked_for("hold") == [("2",)]


def test_nothing_chosen_is_no_error(jobs: Command) -> None:
    assert jobs("kill", "--name", "nothing*") == Said(0, "", "qm: there is no job to kill\n")
    assert jobs.json("kill", "--name", "nothing*") == []


def test_jobs_are_named_or_chosen_and_not_both(jobs: Command) -> None:
    said = jobs("kill", "4", "--all")
    assert said.code == 2 and "not both" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("kill", "--state", "FINISHED"), "kill is for jobs that are QUEUED, HELD, RUNNING"),
        (("hold", "--state", "RUNNING"), "hold is for jobs that are QUEUED; not RUNNING"),
        (("kill", "--state", "SLEEPING"), "'SLEEPING' is not a state"),
    ],
)
def test_a_state_in_which_it_cannot_be_done_is_told(
    jobs: Command, arguments: tuple[str, ...], words: str
) -> None:
    said = jobs(*arguments)
    assert said.code == 2 and words in said.err


def test_what_waits_is_cancelled_before_what_runs_is_killed(jobs: Command) -> None:
    from qm.cli.selecting import OPEN, Selection, chosen
    from qm.cli.session import Session

    session = Session(None, Path(jobs.layout.root))
    selection = Selection(everything=True, yes=True)
    assert chosen(session, (), selection, "kill", OPEN) == ["1", "2", "3", "4"]
    lay_job(jobs.layout, 9, "late", State.QUEUED)
    assert chosen(session, (), selection, "kill", OPEN) == ["1", "2", "3", "9", "4"]


Answer = Callable[[str], None]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """A person at a terminal, who answers every question so."""
    import io

    def answers(text: str) -> None:
        keyboard = io.StringIO(text + "\n")
        monkeypatch.setattr(keyboard, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", keyboard)

    return answers


def test_several_chosen_jobs_are_confirmed_first(jobs: Command, person: Answer) -> None:
    with FakeManager(jobs.layout, kill=any_job("CANCELLED")) as manager:
        person("n")
        said = jobs("kill", "--state", "QUEUED")
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("  job 1 (run-1), QUEUED\n  job 2 (run-2), QUEUED\n")
        assert "Kill these 2 jobs? [y/N]" in said.err and said.err.endswith("nothing was done\n")
        assert manager.asked == []
        person("y")
        assert jobs("kill", "--state", "QUEUED").code == 0
        assert len(manager.asked) == 2


def test_a_single_chosen_job_is_not_asked_about(jobs: Command) -> None:
    with FakeManager(jobs.layout, kill=any_job("KILLED")):
        assert jobs("kill", "--state", "RUNNING").code == 0


def test_without_a_terminal_several_need_a_yes_in_advance(jobs: Command) -> None:
    with FakeManager(jobs.layout, kill=any_job("KILLED")) as manager:
        said = jobs("kill", "--all")
        assert said.code == 1 and "--yes answers in advance" in said.err
        assert manager.asked == []

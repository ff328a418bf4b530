"""At each crash point a real process is killed and started again: every promise holds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.promises import starts_in
from qm.crashpoints import NOTE_VARIABLE, POINTS, VARIABLE
from qm.index import reading
from tests.live.crashing import PATIENCE, CrashingQueue
from tests.live.harness import wait_for
from tests.live.zygote import Zygote

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

FAIL_ONCE = "[ -e tried ] || { touch tried; exit 3; }"
WAIT_FOR_GO = "while [ ! -e go ]; do sleep 0.02; done"


def jobs_that_end(queue: CrashingQueue) -> None:
    """Well, with a second try, not well, and for want of another one; one brings records along."""
    queue.give("child", "ABORTED", after="afterok:bad")
    queue.wait("child is a job", lambda: queue.has("child", ".qm/job.json"))
    old = queue.job("brought", "true")
    (old / ".qm").mkdir()
    (old / ".qm" / "job.json").write_text("{}")
    (old / "process.log").write_text("of another queue\n")
    queue.states["brought"] = "FINISHED"
    queue.move_in(old)
    queue.give("once", "FINISHED")
    queue.give("flaky", "FINISHED", FAIL_ONCE, retries=1)
    queue.give("bad", "FAILED", "exit 4")
    queue.give("refused", "REJECTED", nb_proc="four")


def requests(queue: CrashingQueue) -> None:
    """Suspended, resumed, held, released, cancelled, killed."""
    queue.give("held", "CANCELLED", hold="yes")
    queue.give("long", "KILLED", "sleep 60", nb_proc=2)
    queue.wait("long runs", lambda: queue.has("long", ".qm/start.json"))
    queue.give("waits", "FINISHED")
    queue.wait("waits is a job", lambda: queue.has("waits", ".qm/job.json"))
    for verb, name in (
        ("suspend", "long"),
        ("resume", "long"),
        ("hold", "waits"),
        ("release", "waits"),
        ("kill", "held"),
        ("kill", "long"),
    ):
        queue.ask(verb, name)


def jobs_that_come_back(queue: CrashingQueue) -> None:
    """Run again, put back by hand, removed, restored, refused once more."""
    queue.give("once", "FINISHED")
    queue.give("bad", "FAILED", "exit 4")
    queue.give("refused", "REJECTED", nb_proc="four")
    queue.wait_end("once", "bad", "refused")
    queue.ask("rerun", "once")
    queue.wait_end("once")
    queue.ask("rm", "once")
    queue.ask("restore", "once")
    done = queue.folder / "QM_dJobs"
    os.rename(done / "bad", queue.folder / "QM_qJobs" / "bad")
    queue.wait("bad is a new job", lambda: queue.has("bad", ".qm.1"))
    queue.ask("rerun", "refused")
    queue.settle()
    once = [
        start
        for start in starts_in(queue.notes)
        if start.id == queue.record("once", "job.json")["id"]
    ]
    assert len(once) == 2, "asked once, it ran again once"


def told_by_command(queue: CrashingQueue) -> None:
    """A job whose end somebody is told by a command."""
    queue.give("once", "FINISHED")
    queue.wait("somebody is told", (queue.folder.parent / "told").exists)


def index_deleted(queue: CrashingQueue) -> None:
    """The index goes while jobs come and go."""
    queue.give("once", "FINISHED")
    queue.wait_end("once")
    for suffix in ("", "-wal", "-shm"):
        (queue.folder / ".qm" / f"index.sqlite3{suffix}").unlink(missing_ok=True)
    queue.give("bad", "FAILED", "exit 4")


def folder_deleted(queue: CrashingQueue) -> None:
    """A person deletes the folder of a running job."""
    end = queue.folder.parent / "end"
    queue.drop("doomed", f"while [ ! -e {end} ]; do sleep 0.02; done")
    shutil.rmtree(queue.wait_running("doomed"))
    end.touch()
    queue.give("once", "FINISHED")

    def vanished() -> bool:
        with reading(queue.layout.index_file) as index:
            return [row.place for row in index.rows("name='doomed' AND ended IS NOT NULL")] == [
                None
            ]

    queue.wait("its end is known", vanished)


def a_second_crash(queue: CrashingQueue) -> None:
    """The manager dies with an end half done and a job running, and then where it recovers."""
    queue.give("running", "FINISHED", WAIT_FOR_GO)
    queue.give("held", "CANCELLED", hold="yes")
    queue.wait("running runs", lambda: queue.has("running", ".qm/start.json"))
    queue.wait("held is a job", lambda: queue.has("held", ".qm/job.json"))
    queue.ask("kill", "held", fetch=False)
    wait_for("it died", queue.died, PATIENCE)


def stopped_while_claiming(queue: CrashingQueue) -> None:
    """The manager is told to end when it has claimed what no supervisor has yet."""
    for round_ in range(20):
        for number in range(6):
            queue.give(f"job{round_}.{number}", "FINISHED")
        wait_for("one is claimed", lambda: os.listdir(queue.folder / "QM_Jobs"), PATIENCE)
        assert queue.process is not None
        queue.process.send_signal(signal.SIGTERM)
        queue.process.wait(PATIENCE)
        if queue.died():
            break
        queue.start_armed("stop.put_back")
    queue.process = None
    queue.start()


class Case(NamedTuple):
    """Where the manager is to die, and what it has to do there."""

    at: str
    work: Callable[[CrashingQueue], None]


def cases(work: Callable[[CrashingQueue], None], points: str) -> list[Case]:
    return [Case(point, work) for point in points.split()]


OF_THE_MANAGER = [
    *cases(
        jobs_that_end,
        """
        record.staged@state.json record.staged@job.json record.staged@job.json:3
        record.staged@end.json
        state.saved accept.set_aside@brought accept.recorded accept.recorded@child bind.recorded
        claim.looked claim.renamed claim.looked_again claim.recorded claim.synced
        start.chosen start.sent finish.remembered finish.indexed finish.moved finish.noticed
        close.intended@child close.recorded@child close.ended@child close.logged@child
        close.remembered@child close.moved@child close.forgotten@child
        close.intended@refused close.recorded@refused close.ended@refused close.moved@refused
        requeue.remembered requeue.fencing requeue.fenced requeue.archived requeue.moved
        requeue.done archive.records_moved index.writing:4 index.committed:4
        """,
    ),
    *cases(
        requests,
        """
        accept.held mark.held mark.held:2 mark.killed mark.paused mark.paused:2
        request.read@suspend request.read@hold request.read@kill
        request.done request.done:4 request.done:6 request.answered:4 request.removed:4
        record.staged@.answer record.staged@kill
        """,
    ),
    *cases(
        jobs_that_come_back,
        """
        request.read@rerun request.done:1 request.done:2 request.done:3 request.done:4
        requeue.unlisted requeue.fencing requeue.fenced requeue.archived requeue.moved
        archive.records_moved requeue.done remove.recorded remove.moved restore.moved
        restore.forgotten redrop.moved
        """,
    ),
    *cases(index_deleted, "index.removed index.begun"),
    *cases(folder_deleted, "finish.vanished"),
    *cases(told_by_command, "notice.written notice.delivered notice.removed"),
]
IN_RECOVERY = """
    recovery.swept recovery.cleared recovery.intent_read recovery.intent_done
    recovery.intents_done recovery.probed close.remembered
""".split()
OF_SUPERVISORS = """
    supervisor.told supervisor.locked supervisor.log_opened supervisor.reserved
    record.staged@start.json supervisor.start_recorded supervisor.script_started
    supervisor.script_ended supervisor.footer_written record.filled
    supervisor.exit_recorded supervisor.lock_freed
""".split()
FROM, UNTIL = "supervisor.start_recorded", "record.filled"
"""A supervisor that dies between these two leaves a start without an end."""
OF_CLIENTS = ["client.asked", "client.answer_read"]


def name_of(at: str) -> str:
    """The point in ``claim.renamed@seven:2``."""
    return at.partition(":")[0].partition("@")[0]


def test_every_point_has_its_crash() -> None:
    tried = [case.at for case in OF_THE_MANAGER]
    tried += [*IN_RECOVERY, *OF_SUPERVISORS, *OF_CLIENTS, "stop.put_back"]
    assert {name_of(at) for at in tried} == set(POINTS)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    one = Zygote()
    yield one
    one.end()


@pytest.fixture
def make_crashing(tmp_path: Path, zygote: Zygote) -> Iterator[Callable[..., CrashingQueue]]:
    """Make a queue, with options; it is ended after the test."""
    made: list[CrashingQueue] = []

    def make(**options: object) -> CrashingQueue:
        made.append(CrashingQueue(tmp_path / "QM", zygote, **options))
        return made[-1]

    yield make
    left = [pid for queue in made for pid in queue.end_everything()]
    assert not left, f"processes outlived the test: {left}"


@pytest.mark.parametrize("case", OF_THE_MANAGER, ids=lambda case: f"{case.work.__name__}-{case.at}")
def test_a_manager_that_dies_loses_and_doubles_nothing(
    make_crashing: Callable[..., CrashingQueue], case: Case
) -> None:
    options = {}
    if case.work is told_by_command or case.at == "finish.noticed":
        options["Notify_command"] = 'echo "$QM_JOB_ID $QM_JOB_STATE" >> "$HOME/told"'
    queue = make_crashing(**options)
    queue.start_armed(case.at)
    case.work(queue)
    queue.wait("it died by its point", queue.died)
    queue.settle()
    queue.examine()


@pytest.mark.parametrize("at", IN_RECOVERY)
def test_a_manager_that_dies_while_it_recovers_loses_and_doubles_nothing(
    make_crashing: Callable[..., CrashingQueue], at: str
) -> None:
    queue = make_crashing()
    queue.start_armed("close.ended", note="first")
    a_second_crash(queue)
    queue.start_armed(at)
    queue.wait("it died by its point", queue.died)
    (queue.path("running") / "go").touch()
    queue.settle()
    queue.examine()


def test_a_manager_that_dies_while_it_ends_loses_and_doubles_nothing(
    make_crashing: Callable[..., CrashingQueue],
) -> None:
    queue = make_crashing(MaxNbProcessors="6")
    queue.start_armed("stop.put_back")
    stopped_while_claiming(queue)
    queue.settle()
    queue.examine()


@pytest.mark.parametrize("also_the_manager", [False, True], ids=["alone", "both"])
@pytest.mark.parametrize("at", OF_SUPERVISORS)
def test_a_supervisor_that_dies_leaves_a_lost_job_or_one_that_runs_once(
    make_crashing: Callable[..., CrashingQueue], at: str, also_the_manager: bool
) -> None:
    lost = OF_SUPERVISORS.index(FROM) <= OF_SUPERVISORS.index(at) <= OF_SUPERVISORS.index(UNTIL)
    queue = make_crashing()
    name, options = ("again", {"rerunnable": "yes"}) if also_the_manager else ("once", {})
    where = at if "@" in at else f"{at}@{name}"
    queue.start_armed(where)
    # What is not lost runs, or runs again, to its end.
    state = "LOST" if lost and not also_the_manager else "FINISHED"
    queue.give(name, state, "true", **options)
    wait_for("it died by its point", queue.died, PATIENCE)
    if also_the_manager:
        queue.kill_manager()
        queue.start()
    queue.give("other", "FINISHED")
    queue.settle()
    queue.examine()


@pytest.mark.parametrize("at", OF_CLIENTS)
def test_what_a_client_has_asked_happens_once_though_it_dies(
    make_crashing: Callable[..., CrashingQueue], at: str
) -> None:
    queue = make_crashing()
    queue.start()
    queue.give("long", "KILLED", "sleep 60")
    queue.wait("long runs", lambda: queue.has("long", ".qm/start.json"))
    armed = {VARIABLE: at, NOTE_VARIABLE: str(queue.crash)}
    client = subprocess.run(
        queue.command("kill", "long"), env={**queue.environment, **armed}, timeout=PATIENCE
    )
    assert client.returncode == -signal.SIGKILL and queue.died()
    queue.settle()
    (answer,) = wait_for("the answer", lambda: list(queue.folder.glob(".qm/requests/*.answer")))
    answer.unlink()  # Nobody fetches it; QM would within an hour.
    queue.examine()

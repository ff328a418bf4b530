"""A crash at every system call of a job's way: nothing is lost, nothing is started twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qm.model import Place
from tests.fakes.site import Scripts, Site
from tests.fakes.trouble import MOST, Crash, FullDisk, Murderer, with_trouble


def run_job(site: Site) -> None:
    site.run()


def cancel_job(site: Site) -> None:
    site.run(lambda: bool(site.core.state.jobs))
    site.ask("kill", "job")
    site.run()


def refuse_drop(site: Site) -> None:
    (Path(site.layout.place(Place.WAITING)) / "job" / "proc_config.cfg").unlink()
    site.run()


def fail_to_launch(site: Site) -> None:
    site.scripts.fail_to_launch = 2
    site.run()


def run_again(site: Site) -> None:
    """A person puts a job back that has ended."""
    site.run()
    folder = Path(site.layout.place(Place.DONE)) / "job"
    if folder.exists():
        with pytest.MonkeyPatch.context() as patch:
            patch.undo()
            shutil.move(folder, site.layout.path(Place.WAITING, "job"))
    site.recover()
    site.run()


def one_place(site: Site) -> str:
    """The one folder that holds the job; a name that was given twice would show."""
    ((place, names),) = site.where().items()
    jobs = [name for name in names if not name.endswith(".reason.txt")]
    assert jobs == ["job"], f"{place} holds {names}"
    return place


@pytest.mark.parametrize(
    ("way", "ends"),
    [
        (run_job, {"QM_dJobs"}),
        (cancel_job, {"QM_lost+found"}),
        (refuse_drop, {"QM_lost+found"}),
        (fail_to_launch, {"QM_dJobs"}),
        (run_again, {"QM_dJobs"}),
    ],
)
def test_a_crash_at_any_system_call_loses_nothing_and_starts_nothing_twice(
    tmp_path: Path, way: Callable[[Site], None], ends: set[str]
) -> None:
    for number in range(1, MOST):
        root = tmp_path / str(number)
        scripts = Scripts()
        site = Site(root, scripts)
        site.recover()
        site.drop("job")
        crashed = False
        with with_trouble(Murderer(number)):
            try:
                way(site)
            except Crash:
                crashed = True
        site.close()
        one_place(site)
        after = Site(root, scripts)
        after.recover()
        after.run()
        where = one_place(after)
        verify(after, where, ends, crashed, f"killed at call {number} of {way.__name__}")
        after.close()
        if not crashed:
            assert number > 10, f"{way.__name__} makes no system calls"
            return
    raise AssertionError(f"{way.__name__} makes more than {MOST} system calls")


def verify(site: Site, where: str, ends: set[str], crashed: bool, when: str) -> None:
    starts = site.scripts.starts
    assert all(count == 1 for count in starts.values()), f"started twice: {starts}, {when}"
    told = site.told()
    assert len({(job_id, attempt) for job_id, attempt, _ in told}) == len(told), (told, when)
    left = [name for name in os.listdir(site.layout.intents) if not name.startswith(".")]
    assert left == [], when
    if where in ends:
        assert told, when
        return
    # The script may have run until the crash, so it is not run again; or it was never cancelled.
    assert crashed, when
    if where == "QM_lost+found":
        reason = site.reason_of(Place.LOST, "job")
        assert reason is not None and reason.word == "SupervisorDied", (reason, when)
    assert starts, when


@pytest.mark.parametrize("number", range(1, 60, 3))
def test_a_power_cut_during_a_claim_runs_no_attempt_twice(tmp_path: Path, number: int) -> None:
    """After another boot, what was claimed may have run: it is lost, not run again."""
    scripts = Scripts()
    site = Site(tmp_path, scripts)
    site.recover()
    site.drop("job")
    with with_trouble(Murderer(number)):
        try:
            site.run()
        except Crash:
            site.close()
    after = Site(tmp_path, scripts, boot="another boot")
    after.recover()
    after.run()
    after.close()
    assert one_place(after) in ("QM_dJobs", "QM_lost+found")
    assert sum(scripts.starts.values()) <= 1


@pytest.mark.parametrize("way", [run_job, cancel_job, refuse_drop, fail_to_launch])
@pytest.mark.parametrize("calls", [1, 40])
def test_a_disk_that_is_full_at_any_moment_loses_nothing_and_the_job_goes_on_afterwards(
    tmp_path: Path, way: Callable[[Site], None], calls: int
) -> None:
    for number in range(1, MOST):
        root = tmp_path / str(number)
        site = Site(root)
        site.recover()
        site.drop("job")
        with with_trouble(FullDisk(number, calls)) as disk:
            way(site)
        where = one_place(site)
        assert where in ("QM_dJobs", "QM_lost+found"), f"{way.__name__}, full at call {number}"
        assert sum(site.scripts.starts.values()) <= 1
        assert {job_id for job_id, _, _ in site.told()} == {1}
        site.close()
        if disk.left > 0:
            return
    raise AssertionError(f"{way.__name__} makes more than {MOST} system calls")


def test_a_sync_that_fails_is_told_as_an_event_and_loses_nothing(tmp_path: Path) -> None:
    """A quota, a network share: the room is asked for when the data goes to the disk."""
    for number in range(1, MOST):
        site = Site(tmp_path / str(number))
        site.recover()
        site.drop("job")
        with with_trouble(FullDisk(number, 3, ("fsync",))) as disk:
            site.run()
        site.close()
        assert one_place(site) == "QM_dJobs"
        if disk.left > 0:
            return
    raise AssertionError("no end of system calls")


def test_a_job_that_was_cancelled_on_a_full_disk_does_not_run_after_a_restart(
    tmp_path: Path,
) -> None:
    for number in range(1, MOST):
        root = tmp_path / str(number)
        site = Site(root)
        site.recover()
        site.drop("job")
        with with_trouble(FullDisk(number, 10_000)) as disk:
            site.run(lambda: bool(site.core.state.jobs) or site.mono > 200)  # noqa: B023
            # A drop that could not be accepted yet is nobody's job: it may become one later.
            accepted = bool(site.core.state.jobs)
            site.ask("kill", "job")
            site.run(lambda: site.mono > 400)  # noqa: B023
        site.close()
        after = Site(root, site.scripts)
        after.recover()
        after.run()
        after.close()
        one_place(after)
        ids = {job_id for job_id, _ in site.scripts.starts}
        again = f"cancelled, and run again as another job: full at call {number}"
        assert not accepted or ids <= {1}, again
        if disk.left > 0:
            return
    raise AssertionError("no end of system calls")

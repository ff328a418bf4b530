"""A crash, or a full disk, at every system call of a retry, a rerun, an abort, a set, a drain
and a suspension: no job is lost or doubled, no attempt is run twice, an outcome is final."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from qm.jobdir import read_records
from qm.model import Place
from tests.fakes.site import Scripts, Site
from tests.fakes.trouble import MOST, Crash, FullDisk, Murderer, with_trouble

DONE, LOST, WAITING = "QM_dJobs", "QM_lost+found", "QM_qJobs"
INFO = "[QMOptions]\nscript : true\n"


def nothing(site: Site) -> None:
    """Nothing comes before the trouble."""


def run(site: Site) -> None:
    site.run()


@dataclass(frozen=True)
class Way:
    """What happens before the trouble, what under it, and what must be true in the end."""

    before: Callable[[Site], None]
    act: Callable[[Site], None]
    check: Callable[[Site, str], None]
    info: str = INFO


def place_of(site: Site, name: str = "job") -> str:
    """The one folder that holds the job."""
    places = [place for place, names in site.where().items() if name in names]
    assert len(places) == 1, f"{name} is in {places}: {site.where()}"
    return places[0]


def reason(site: Site, name: str = "job") -> str:
    where = Place(place_of(site, name))
    return str(site.reason_of(where, name))


def started(site: Site) -> dict[tuple[int, int], int]:
    return dict(site.scripts.starts)


def ends(site: Site) -> list[str]:
    """The states that the history tells, all of one job."""
    assert len({job_id for job_id, _, _ in site.told()}) == 1, site.told()
    return [state for _, _, state in site.told()]


def archived(site: Site) -> int:
    """How many earlier attempts have left their end in the folder."""
    own = Path(site.layout.path(Place(place_of(site)), "job")) / ".qm"
    return len(list(own.glob("attempt-*/exit.json")))


def is_lost(site: Site, name: str = "job") -> bool:
    """Its script may have been started when the manager was killed: nobody knows."""
    return place_of(site, name) == LOST and "SupervisorDied" in reason(site, name)


# A failed attempt that is tried again.


def first_attempt_fails(site: Site) -> None:
    site.scripts.codes["job"] = [1]


def tried_again(site: Site, when: str) -> None:
    if is_lost(site):
        return
    assert place_of(site) == DONE, when
    assert len(started(site)) == 2 and ends(site) == ["FAILED", "FINISHED"], when
    assert archived(site) == 1, when


def kill_during_the_delay(site: Site) -> None:
    site.run(lambda: any(job.failures for job in site.core.state.jobs.values()))
    site.ask("kill", "job")
    site.run()


def cancelled_or_tried(site: Site, when: str) -> None:
    """The request is gone with the manager; but once it is cancelled it stays so."""
    if is_lost(site):
        return
    if place_of(site) == LOST:
        assert len(started(site)) == 1 and ends(site) == ["FAILED", "CANCELLED"], when
    else:
        tried_again(site, when)


# Ended jobs that run again.


def run_to_the_end(site: Site) -> None:
    site.run()
    assert place_of(site) == DONE


def cancel_first(site: Site) -> None:
    site.run(lambda: bool(site.core.state.jobs))
    site.ask("kill", "job")
    site.run()
    assert place_of(site) == LOST


def rerun(site: Site) -> None:
    site.ask("rerun", "job")
    site.run()


def ran_once_or_twice(site: Site, when: str) -> None:
    if is_lost(site):
        return
    assert place_of(site) == DONE, when
    twice = len(started(site)) == 2
    assert ends(site) == ["FINISHED"] * len(started(site)), when
    assert archived(site) == twice, when
    answer = site.answers.get("rerun")
    assert answer is None or not answer.ok or twice, f"answered, and not run: {when}"


def cancelled_or_run(site: Site, when: str) -> None:
    if is_lost(site):
        return
    if place_of(site) == LOST:
        assert started(site) == {} and "User" in reason(site), when
        return
    assert place_of(site) == DONE and len(started(site)) == 1, when
    assert ends(site) == ["CANCELLED", "FINISHED"], when


def run_and_drain(site: Site) -> None:
    run_to_the_end(site)
    site.ask("drain", on=True)
    site.run()


def rerun_and_cancel(site: Site) -> None:
    rerun(site)
    site.ask("kill", "job")
    site.run()


def never_run_again(site: Site, when: str) -> None:
    assert started(site) == {(1, 1): 1}, when
    assert ends(site) == ["FINISHED", "CANCELLED"][: 1 + (place_of(site) == LOST)], when


# A child that is aborted.


def with_a_child(site: Site) -> None:
    site.drop("child", f"{INFO}after : job\n")
    site.scripts.codes["job"] = [1]


def child_aborted(site: Site, when: str) -> None:
    assert place_of(site, "child") == LOST, (site.where(), when)
    assert "ABORTED" in {state for _, _, state in site.told()}, when
    assert len(started(site)) <= 1, when
    assert "job" in reason(site, "child") and "it was to end as FINISHED" in reason(site, "child")


# Other options for a waiting job; a drain.


def drained(site: Site) -> None:
    site.ask("drain", on=True)
    site.run()
    assert place_of(site) == WAITING


def set_priority(site: Site) -> None:
    site.ask("set", "job", changes={"priority": "7"})
    site.run()


def set_or_not(site: Site, when: str) -> None:
    assert place_of(site) == WAITING and started(site) == {}, when
    records = read_records(site.layout.path(Place.WAITING, "job"), "job")
    assert records.job is not None and records.job.id == 1, when
    assert records.job.changes in ((), (("priority", "7"),)), when
    assert records.job.options.priority == (7 if records.job.changes else 0), when
    answer = site.answers.get("set")
    assert answer is None or not answer.ok or records.job.changes, f"answered, not set: {when}"


def drain(site: Site) -> None:
    site.ask("drain", on=True)
    site.run()


def drained_or_not(site: Site, when: str) -> None:
    kept = site.state_file.load()
    answer = site.answers.get("drain")
    assert answer is None or not answer.ok or kept.steering.drain is not None, when
    assert kept.next_id == 2 or kept.reserved > 1, when
    assert started(site) == {(1, 1): 1} and place_of(site) == DONE, when


# A job that is suspended.


def started_and_hanging(site: Site) -> None:
    site.scripts.hang = True
    site.run(lambda: bool(site.running))


def suspend(site: Site) -> None:
    site.ask("suspend", "job")
    site.run()


def suspended_and_ended(site: Site, when: str) -> None:
    assert place_of(site) == DONE and started(site) == {(1, 1): 1}, when
    assert site.told() == [(1, 1, "FINISHED")], when


WAYS = {
    "a retry": Way(first_attempt_fails, run, tried_again, f"{INFO}retries : 1\n"),
    "a kill during the delay of a retry": Way(
        first_attempt_fails,
        kill_during_the_delay,
        cancelled_or_tried,
        f"{INFO}retries : 1\nretry_delay : 60\n",
    ),
    "a rerun of a finished job": Way(run_to_the_end, rerun, ran_once_or_twice),
    "a rerun of a cancelled job": Way(cancel_first, rerun, cancelled_or_run),
    "a rerun that is cancelled": Way(run_and_drain, rerun_and_cancel, never_run_again),
    "an aborted child": Way(with_a_child, run, child_aborted),
    "a change of options": Way(drained, set_priority, set_or_not),
    "a drain": Way(run_to_the_end, drain, drained_or_not),
    "a suspension": Way(started_and_hanging, suspend, suspended_and_ended),
}


def a_site(root: Path, way: Way) -> Site:
    site = Site(root, Scripts())
    site.recover()
    site.drop("job", way.info)
    way.before(site)
    return site


def end_scripts(site: Site) -> None:
    """What hangs comes to its end, whether a manager looks or not."""
    for job in site.running.values():
        site.events.append(site.end_script(job, site.layout.path(Place.RUNNING, "job")))


def restarted(site: Site) -> Site:
    """Another manager, after the first one has left or was killed."""
    site.close()
    scripts = Scripts(site.scripts.starts, codes=site.scripts.codes)
    after = Site(site.root, scripts, answers=site.answers)
    after.recover()
    after.run()
    return after


def check(site: Site, way: Way, when: str) -> Site:
    """The end is as asked, and a further restart changes nothing about it."""
    assert all(count == 1 for count in started(site).values()), f"{started(site)}, {when}"
    told = site.told()
    assert len(set(told)) == len(told), f"told twice: {told}, {when}"
    left = [name for name in os.listdir(site.layout.intents) if not name.startswith(".")]
    assert left == [], when
    way.check(site, when)
    where = site.where()
    again = restarted(site)
    assert again.where() == where and again.told() == told, f"a restart runs it again: {when}"
    return again


@pytest.mark.parametrize("name", WAYS)
def test_a_crash_at_any_system_call_loses_nothing_and_runs_nothing_twice(
    tmp_path: Path, name: str
) -> None:
    way = WAYS[name]
    for number in range(1, MOST):
        site = a_site(tmp_path / str(number), way)
        crashed = False
        with with_trouble(Murderer(number)):
            try:
                way.act(site)
            except Crash:
                crashed = True
        end_scripts(site)
        place_of(site)
        after = restarted(site)
        check(after, way, f"{name}, killed at call {number}").close()
        if not crashed:
            assert number > 2, f"{name} makes no system calls"
            return
    raise AssertionError(f"{name} makes more than {MOST} system calls")


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("calls", [1, 40])
def test_a_disk_that_is_full_at_any_moment_loses_nothing(
    tmp_path: Path, name: str, calls: int
) -> None:
    way = WAYS[name]
    for number in range(1, MOST):
        site = a_site(tmp_path / str(number), way)
        with with_trouble(FullDisk(number, calls)) as disk:
            way.act(site)
        end_scripts(site)
        site.run()
        check(site, way, f"{name}, full at call {number}").close()
        if disk.left > 0:
            return
    raise AssertionError(f"{name} makes more than {MOST} system calls")

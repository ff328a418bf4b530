"""Folders that people moved, hid or emptied while their jobs were on their way."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.effects.accept import record
from qm.effects.claim import probe, take_back
from qm.folders.layout import Layout
from qm.jobdir import own_folder, read_records, write_end, write_job
from qm.model import Dependency, Job, Outcome, Place, Reason, State
from qm.osops import identity_of
from qm.records import Claim, End
from tests.fakes.jobs import a_job_folder
from tests.fakes.site import Scripts, Site


def a_running_job(tmp_path: Path) -> tuple[Site, Job]:
    site = Site(tmp_path, Scripts(hang=True))
    site.recover()
    site.drop("job")
    site.run(lambda: bool(site.running))
    (job,) = site.running.values()
    return site, job


def move(site: Site, source: Place, to: Place) -> str:
    path = site.layout.path(to, "job")
    shutil.move(site.layout.path(source, "job"), path)
    return path


def after_a_crash(site: Site) -> Site:
    site.close()
    after = Site(site.root, Scripts(site.scripts.starts))
    after.recover()
    after.run()
    return after


def test_a_running_job_that_was_moved_into_the_queue_and_ended_unseen_does_not_run_again(
    tmp_path: Path,
) -> None:
    site, job = a_running_job(tmp_path)
    site.end_script(job, move(site, Place.RUNNING, Place.WAITING))
    after = after_a_crash(site)
    assert after.where() == {"QM_dJobs": ["job"]}
    assert after.told() == [(1, 1, "FINISHED")]
    assert dict(after.scripts.starts) == {(1, 1): 1}
    after.close()


def test_a_job_that_is_put_back_while_no_manager_runs_runs_again_as_another(
    tmp_path: Path,
) -> None:
    site, job = a_running_job(tmp_path)
    site.events.append(site.end_script(job, site.layout.path(Place.RUNNING, "job")))
    site.run()
    move(site, Place.DONE, Place.WAITING)
    after = after_a_crash(site)
    assert after.where() == {"QM_dJobs": ["job"]}
    assert after.told() == [(1, 1, "FINISHED"), (2, 1, "FINISHED")]
    after.close()


def test_a_running_job_that_was_moved_into_the_queue_is_no_new_drop_when_its_end_comes(
    tmp_path: Path,
) -> None:
    site, job = a_running_job(tmp_path)
    ended = site.end_script(job, move(site, Place.RUNNING, Place.WAITING))
    site.events.append(ev.Appeared("job"))
    site.run()
    site.events.append(ended)
    site.run()
    assert site.where() == {"QM_dJobs": ["job"]}
    assert dict(site.scripts.starts) == {(1, 1): 1}
    site.close()


# A folder that cannot be listed is not one without the job.


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(str(tmp_path))
    layout.create()
    return layout


def hide(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    scandir = os.scandir

    def refused(path: str) -> object:
        if path == hidden:
            raise PermissionError(13, os.strerror(13))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)


def test_a_folder_that_cannot_be_listed_makes_no_job_vanish(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job_folder(Path(layout.path(Place.LOST, "job")), token="t")
    assert layout.find(job.identity, "other", Place.RUNNING) == (Place.LOST, "job")
    hide(monkeypatch, layout.place(Place.LOST))
    with pytest.raises(PermissionError):
        layout.find(job.identity, "other", Place.RUNNING)
    with pytest.raises(PermissionError):
        probe(layout, act.Probe(job, Place.RUNNING))


def test_one_of_the_four_that_was_removed_holds_nothing(layout: Layout) -> None:
    job = a_job_folder(Path(layout.path(Place.WAITING, "job")))
    shutil.rmtree(layout.place(Place.WAITING))
    assert layout.find(job.identity, "job", Place.WAITING) is None


def test_when_all_of_it_is_out_of_reach_nothing_has_vanished(layout: Layout) -> None:
    job = a_job_folder(Path(layout.path(Place.WAITING, "job")))
    os.rename(layout.root, layout.root + ".unmounted")
    with pytest.raises(FileNotFoundError):
        layout.find(job.identity, "job", Place.WAITING)


def test_an_end_is_tried_again_while_its_folder_cannot_be_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, job = a_running_job(tmp_path)
    ended = site.end_script(job, move(site, Place.RUNNING, Place.LOST))
    with monkeypatch.context() as patch:
        hide(patch, site.layout.place(Place.LOST))
        site.events.append(ended)
        site.run(lambda: site.mono > 60)
    assert site.where() == {"QM_lost+found": ["job"]}
    site.run()
    assert site.where() == {"QM_dJobs": ["job"]}
    site.close()


def test_a_failed_attempt_is_tried_again_though_its_script_removed_the_records(
    layout: Layout,
) -> None:
    job = a_job_folder(Path(layout.path(Place.RUNNING, "job")), attempt=1, token="t")
    ended = act.Requeue(job, Place.RUNNING, ended=job)
    done = take_back(layout, ended, "boot", "new", sync=False)
    assert done == ev.Requeued(job.id, "job", None)
    records = read_records(layout.path(Place.WAITING, "job"), "job")
    assert records.job is not None and records.job.token == "new"
    assert records.is_ours and identity_of(layout.path(Place.WAITING, "job")) == job.identity


def test_a_job_without_records_that_may_still_run_is_not_taken_back(layout: Layout) -> None:
    job = a_job_folder(Path(layout.path(Place.RUNNING, "job")), attempt=1, token="t")
    with pytest.raises(FileNotFoundError):
        take_back(layout, act.Requeue(job, Place.RUNNING), "boot", "new", sync=False)


def test_a_row_of_a_job_that_runs_again_is_gone_before_its_record_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a crash would leave an old row that nobody holds against the folder."""
    site, job = a_running_job(tmp_path)
    site.events.append(site.end_script(job, site.layout.path(Place.RUNNING, "job")))
    site.run()
    steps: list[str] = []
    monkeypatch.setattr(type(site.finisher.index), "remove", lambda *_: steps.append("row"))
    monkeypatch.setattr("qm.reactor.effects.take_back", lambda *_, **__: steps.append("record"))
    site.leaves._requeue(act.Requeue(job, Place.DONE))
    assert steps == ["row", "record"]
    site.close()


# A record that is written again, since its job is bound to others now.


def a_waiting_job(layout: Layout) -> Job:
    job = a_job_folder(Path(layout.path(Place.WAITING, "job")), options={"after": ("afterok:x",)})
    with own_folder(layout.path(Place.WAITING, "job"), create=True) as own:
        write_job(own, job, Claim("boot", claimed=False))
    return job


def on_disk(layout: Layout) -> Job:
    job = read_records(layout.path(Place.WAITING, "job"), "job").job
    assert job is not None
    return job


BOUND = (Dependency("afterok", "x", 3),)


def test_a_job_that_is_bound_to_another_says_so_on_disk(layout: Layout) -> None:
    job = replace(a_waiting_job(layout), depends=BOUND)
    record(layout, replace(job, reason=Reason("Dependency", "after x")), "boot", sync=True)
    assert on_disk(layout) == job


def test_a_record_that_was_changed_meanwhile_is_left_as_it_is(layout: Layout) -> None:
    job = a_waiting_job(layout)
    changed = replace(job, changes=(("priority", "5"),))
    with own_folder(layout.path(Place.WAITING, "job")) as own:
        write_job(own, changed, Claim("boot", claimed=False))
    record(layout, replace(job, depends=BOUND), "boot", sync=True)
    assert on_disk(layout) == changed


def test_a_record_of_a_job_that_has_ended_meanwhile_is_left_as_it_is(layout: Layout) -> None:
    job = a_waiting_job(layout)
    with own_folder(layout.path(Place.WAITING, "job")) as own:
        outcome = Outcome("2026-01-01T00:00:00.000Z", reason=Reason("User", "cancelled"))
        write_end(own, End(0, State.CANCELLED, outcome), sync=False)
    record(layout, replace(job, depends=BOUND), "boot", sync=True)
    assert on_disk(layout) == job

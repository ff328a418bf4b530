"""Waiting for jobs: what has become of them, with a manager, without one, and between."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qm.cli.waitbar import Bar, pace
from qm.cli.waiting import Lines, Silence, tally_text, until_over
from qm.errors import NoSuchJob
from qm.folders.layout import Layout
from qm.index import ArrivalRow, Index, remove_index
from qm.jobdir import own_folder, write_job
from qm.model import Job, JobOptions, Place, State
from qm.osops import identity_of
from qm.records import Claim, encode
from qm.times import utc_text
from qm.view.awaited import Tally
from qm.view.waiting import Wait
from tests.fakes.shown import NOW, a_row, managed, put, tell_facts

ENDED = utc_text(NOW + 60)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "QM"))


@pytest.fixture
def index(layout: Layout) -> Iterator[Index]:
    with managed(layout) as made:
        yield made


def end(index: Index, job: int, state: State = State.FINISHED, **values: object) -> None:
    put(index, a_row(job, state, ended=ENDED, started=utc_text(NOW), **values))


def wait_until_seen(wait: Wait, timeout: float = 10.0) -> None:
    """Look until something is new; fails with what was seen last."""
    until = time.monotonic() + timeout
    while not wait.look():
        assert time.monotonic() < until, wait.tally
        time.sleep(0.01)


def over(wait: Wait, *, first: bool = False, timeout: float | None = 10.0) -> int:
    return until_over(wait, Silence(), first=first, timeout=timeout)


def test_jobs_are_waited_for_by_id_and_by_name(layout: Layout, index: Index) -> None:
    put(index, a_row(1, State.RUNNING), a_row(2), a_row(3))
    wait = Wait(layout, ["1", "job2"])
    assert wait.tally == Tally(total=2, finished=0, failed=0, running=1)
    end(index, 1)
    wait_until_seen(wait)
    assert wait.tally == Tally(2, 1, 0, 0)
    end(index, 2, State.FAILED, reason="ExitCode: 3")
    assert over(wait) == 1
    assert [(entry.id, entry.reason) for entry in wait.ended] == [(1, None), (2, "ExitCode: 3")]


def test_without_names_all_that_are_open_now_are_meant(layout: Layout, index: Index) -> None:
    put(index, a_row(1, State.RUNNING), a_row(2, State.HELD), a_row(3))
    end(index, 4)
    index.put_arrival("drop", ArrivalRow("drop", "Settling: x", utc_text(NOW)))
    index.flush()
    wait = Wait(layout, [])
    put(index, a_row(5))
    assert (wait.tally.total, wait.tally.waiting) == (4, 3)


def test_jobs_that_ended_long_ago_count(layout: Layout, index: Index) -> None:
    end(index, 1)
    end(index, 2, State.KILLED)
    assert over(Wait(layout, ["1"])) == 0
    assert over(Wait(layout, ["1", "2"])) == 1
    assert over(Wait(layout, [])) == 0


def test_an_unknown_job_is_told(layout: Layout, index: Index) -> None:
    with pytest.raises(NoSuchJob, match="there is no job nobody"):
        Wait(layout, ["nobody"])


def test_with_any_the_first_that_ends_decides(layout: Layout, index: Index) -> None:
    put(index, a_row(1, State.RUNNING), a_row(2, State.RUNNING))
    wait = Wait(layout, ["1", "2"])
    end(index, 2)
    assert over(wait, first=True) == 0
    assert wait.tally.left == 1


def test_the_time_that_may_pass_ends_it(
    layout: Layout, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    put(index, a_row(1))
    assert over(Wait(layout, ["1"]), timeout=0.1) == 124
    assert "1 job is not over after 0.1 s" in capsys.readouterr().err


def test_a_job_that_is_tried_again_is_not_over(layout: Layout, index: Index) -> None:
    put(index, a_row(1, State.RUNNING, attempt=1))
    wait = Wait(layout, ["1"])
    put(index, a_row(1, State.QUEUED, attempt=1, reason="Retry: again in 5 s"))
    wait_until_seen(wait)
    assert (wait.tally.left, wait.tally.running) == (1, 0)
    end(index, 1, attempt=2)
    assert over(wait) == 0


def test_a_drop_is_waited_for_by_its_name_until_its_job_has_ended(
    layout: Layout, index: Index
) -> None:
    end(index, 1, State.FAILED, name="a")
    index.put_arrival("a", ArrivalRow("a", "Settling: x", utc_text(NOW)))
    index.flush()
    wait = Wait(layout, ["a"])
    assert (wait.tally.left, wait.tally.waiting) == (1, 1)
    index.put_arrival("a", None)
    put(index, a_row(2, State.RUNNING, name="a"))
    wait_until_seen(wait)
    assert wait.tally.running == 1
    end(index, 2, name="a")
    assert over(wait) == 0
    assert [entry.id for entry in wait.ended] == [2]


def test_a_drop_that_the_index_does_not_know_yet_is_meant_before_an_old_job(
    layout: Layout, index: Index
) -> None:
    end(index, 1, name="a")
    Path(layout.path(Place.WAITING, "a")).mkdir()
    wait = Wait(layout, ["a"])
    assert wait.tally.left == 1
    assert Wait(layout, ["1"]).tally.left == 0


def test_a_drop_that_is_taken_away_is_over_and_not_finished(layout: Layout, index: Index) -> None:
    drop = Path(layout.path(Place.WAITING, "a"))
    drop.mkdir()
    index.put_arrival("a", ArrivalRow("a", "Settling: x", utc_text(NOW)))
    index.flush()
    wait = Wait(layout, ["a"])
    drop.rmdir()
    index.put_arrival("a", None)
    index.flush()
    assert over(wait) == 1
    assert (wait.ended[0].state, wait.ended[0].reason) == (
        "",
        "Removed: its folder was taken away",
    )


def test_a_job_that_is_removed_meanwhile_ended_as_the_history_says(
    layout: Layout, index: Index
) -> None:
    put(index, a_row(1, State.RUNNING), a_row(2))
    wait = Wait(layout, [])
    line = {"id": 1, "attempt": 1, "state": "FINISHED", "reason": None, "ended": ENDED}
    Path(layout.history_file).write_text(json.dumps(line) + "\n", encoding="utf-8")
    index.remove(1)
    index.remove(2)
    index.flush()
    wait_until_seen(wait)
    assert sorted((entry.id, entry.state) for entry in wait.ended) == [(1, "FINISHED"), (2, "")]
    assert over(wait) == 1


def test_a_job_that_was_removed_long_ago_counts_as_the_history_tells(
    layout: Layout, index: Index
) -> None:
    lines = [
        {"id": n, "attempt": 1, "name": "a", "state": state, "reason": None, "ended": ENDED}
        for n, state in ((1, "FINISHED"), (2, "FAILED"))
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    Path(layout.history_file).write_text(text, encoding="utf-8")
    assert [over(Wait(layout, [target])) for target in ("1", "2", "a")] == [0, 1, 1]
    with pytest.raises(NoSuchJob):
        Wait(layout, ["3"])


def test_jobs_are_not_taken_for_removed_while_the_index_is_made_anew(
    layout: Layout, index: Index
) -> None:
    folder = Path(layout.path(Place.RUNNING, "job1"))
    folder.mkdir()
    row = a_row(1, State.RUNNING, inode=folder.stat().st_ino)
    put(index, row)
    wait = Wait(layout, ["1"])
    remove_index(layout.index_file)
    index.make_anew()
    assert not wait.look()
    index.put_fact("obstacle", "Starting: QM has just started")
    index.flush()
    wait.look()
    tell_facts(index)
    wait.look()
    assert wait.tally == Tally(1, 0, 0, 1)
    end(index, 1)
    assert over(wait) == 0


def a_running_job(layout: Layout, name: str, job_id: int) -> Path:
    """A folder in QM_Jobs with the records of a job that was started."""
    folder = Path(layout.path(Place.RUNNING, name))
    folder.mkdir()
    job = Job(
        id=job_id,
        name=name,
        identity=identity_of(str(folder)),
        options=JobOptions(script="true"),
        info_file="proc_config.cfg",
        owner="anna",
        arrival=job_id,
        submitted=utc_text(NOW),
        attempt=1,
        token="t",
    )
    with own_folder(str(folder), create=True) as own:
        write_job(own, job, Claim("boot", claimed=True))
    return folder


def write_exit(folder: Path, code: int) -> None:
    record = {
        "attempt": 1,
        "exit_code": code,
        "signal": None,
        "reason": None,
        "started": utc_text(NOW),
        "ended": ENDED,
    }
    with own_folder(str(folder)) as own:
        own.write("exit.json", encode(record))


def test_without_a_manager_running_jobs_are_waited_for_and_nothing_else(
    layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    layout.create()
    folder = a_running_job(layout, "runs", 1)
    Path(layout.path(Place.WAITING, "drop")).mkdir()
    wait = Wait(layout, ["runs", "drop"])
    assert (wait.is_stuck, wait.tally.running) == (False, 1)
    write_exit(folder, 0)
    wait_until_seen(wait)
    assert wait.is_stuck
    assert over(Wait(layout, ["drop"])) == 3
    assert "no QM runs: 1 job is not going to start" in capsys.readouterr().err
    assert over(Wait(layout, ["runs"])) == 0


def test_a_manager_that_ends_takes_no_running_job_along(layout: Layout) -> None:
    with managed(layout) as index:
        folder = a_running_job(layout, "job1", 1)
        put(index, a_row(1, State.RUNNING, inode=os.stat(folder).st_ino))
        wait = Wait(layout, ["1"])
    write_exit(folder, 1)
    assert over(wait) == 1
    assert wait.ended[0].state == "FAILED"


def test_a_folder_that_is_gone_with_its_job_is_taken_away(layout: Layout) -> None:
    layout.create()
    folder = a_running_job(layout, "runs", 1)
    wait = Wait(layout, ["runs"])
    shutil.rmtree(folder)
    assert over(wait) == 1 and wait.ended[0].state == ""


def test_nothing_is_read_while_nothing_has_changed(
    layout: Layout, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(index, *(a_row(number) for number in range(1, 500)))
    wait = Wait(layout, [])
    wait.look()
    reads: list[str] = []
    monkeypatch.setattr("qm.view.waiting.reading", reads.append)
    for _ in range(20):
        assert not wait.look()
    assert reads == []


def test_progress_is_a_line_on_each_change_and_tells_the_time_left() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    for tally, elapsed in (
        (Tally(4, 1, 0, 1), 0.0),
        (Tally(4, 1, 0, 1), 5.0),
        (Tally(4, 1, 1, 1), 10.0),
        (Tally(4, 2, 2, 0), 30.0),
    ):
        lines.show(tally, elapsed)
    assert said == [
        "1 of 4 done: 1 finished, 0 failed; 1 running, 2 waiting",
        "2 of 4 done: 1 finished, 1 failed; 1 running, 1 waiting; about 20 s left",
        "4 of 4 done: 2 finished, 2 failed",
    ]


def test_the_time_left_is_a_guess_only_where_something_has_ended_since() -> None:
    assert pace(Tally(10, 5, 0, 1), 5, 60.0) is None
    assert pace(Tally(10, 6, 0, 1), 5, 60.0) == 240.0
    assert pace(Tally(10, 10, 0, 0), 5, 60.0) is None
    assert tally_text(Tally(0, 0, 0, 0), None) == "0 of 0 done: 0 finished, 0 failed"


def test_the_bar_shows_counts_and_leaves_the_last_picture_standing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = Bar()
    bar.show(Tally(4, 1, 0, 2), 0.0)
    bar.show(Tally(4, 2, 1, 1), 30.0)
    bar.show(Tally(4, 2, 1, 1), 30.1)
    bar.show(Tally(4, 3, 1, 0), 45.0)
    bar.close()
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines()[-1].startswith("4/4 done ")
    assert said.err.rstrip().endswith("1 failed, in 45 s")
    Bar().close()

"""The rules of a queue on one machine, one by one: skip, hold, release, dependencies, aborts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.harness import Queue, wait_for

pytestmark = pytest.mark.live


def gate(queue: Queue, name: str) -> tuple[str, Path]:
    """A script that runs until the test opens its gate, and the gate."""
    opened = queue.folder.parent / f"{name}.open"
    return f"while [ ! -e {opened} ]; do sleep 0.02; done", opened


def queued(queue: Queue, name: str) -> dict[str, Any]:
    """The row of a waiting job, once it is accepted."""

    def accepted() -> dict[str, Any] | None:
        row = queue.row(name)
        return row if row is not None and row["id"] is not None else None

    row: dict[str, Any] = wait_for(f"{name} is accepted", accepted)
    return row


def reason_of(queue: Queue, name: str, word: str) -> str:
    """The reason of a waiting job, once it is this one."""

    def told() -> str | None:
        row = queue.row(name)
        reason = str(row["reason"]) if row is not None else ""
        return reason if reason.startswith(word) else None

    return str(wait_for(f"{name} waits: {word}", told))


def end_of(queue: Queue, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((queue.path(name) / ".qm" / "end.json").read_bytes())
    return record


def test_a_job_that_does_not_fit_is_skipped_and_says_what_it_lacks(queue: Queue) -> None:
    script, opened = gate(queue, "first")
    queue.drop("first", script)
    queue.wait_running("first")
    queue.drop("wide", "true", nb_proc=2)
    told = reason_of(queue, "wide", "Resources")
    assert told == "Resources: needs 2 processors, 1 free (1 holds 1)"
    queue.drop("narrow", "true", walltime=5)
    queue.wait_done("narrow")
    assert queue.where("wide") == "QM_qJobs"
    opened.touch()
    queue.wait_done("wide")


def test_a_held_job_waits_until_it_is_released(queue: Queue) -> None:
    queue.drop("later", "true", hold="yes")
    assert reason_of(queue, "later", "User") == "User: proc_config.cfg says hold"
    queue.drop("other", "true")
    queue.wait_done("other")
    assert queue.where("later") == "QM_qJobs"
    assert queue.run("release", "later").returncode == 0
    queue.wait_done("later")


def test_a_job_starts_when_the_one_before_it_has_finished(queue: Queue) -> None:
    script, opened = gate(queue, "prep")
    queue.drop("prep", script + "; echo made > ../../made")
    queue.wait_running("prep")
    queue.drop("child", "cat ../../made", after="prep")
    assert reason_of(queue, "child", "Dependency") == "Dependency: after prep (1, RUNNING)"
    opened.touch()
    queue.wait_done("child")
    assert "made" in queue.process_log("child")


def test_a_failure_aborts_the_whole_subtree_with_the_root_cause(queue: Queue) -> None:
    script, opened = gate(queue, "prep")
    queue.drop("prep", script + "; exit 3")
    queue.wait_running("prep")
    queue.drop("left", "true", after="prep")
    queue.drop("right", "true", after="afterok:prep", hold="yes")
    queued(queue, "left")
    queued(queue, "right")
    queue.drop("leaf", "true", after="left")
    queue.drop("cleanup", "true", after="afternotok:prep")
    queue.drop("always", "true", after="afterany:left")
    for name in ("leaf", "cleanup", "always"):
        queued(queue, name)
    opened.touch()
    for name in ("left", "right", "leaf"):
        queue.wait_lost(name)
        end = end_of(queue, name)
        assert end["state"] == "ABORTED"
        assert "prep (1) ended as FAILED (ExitCode: 3)" in end["reason"]
        assert "prep (1) ended as FAILED" in queue.process_log(name)
    queue.wait_done("cleanup")
    queue.wait_done("always")


def test_a_late_child_of_a_job_that_failed_is_aborted_as_well(queue: Queue) -> None:
    queue.drop("prep", "exit 3")
    queue.wait_done("prep")
    queue.drop("late", "true", after="prep")
    queue.wait_lost("late")
    assert "prep (1) ended as FAILED (ExitCode: 3)" in end_of(queue, "late")["reason"]
    queue.drop("later", "true", after="late")
    queue.wait_lost("later")
    assert "root cause: prep (1) ended as FAILED" in end_of(queue, "later")["reason"]


def test_a_late_child_of_a_job_that_finished_starts(queue: Queue) -> None:
    queue.drop("prep", "true")
    queue.wait_done("prep")
    queue.drop("late", "true", after="afterok:1")
    queue.wait_done("late")


def test_a_late_child_of_a_removed_job_knows_its_end_by_the_history(queue: Queue) -> None:
    queue.drop("prep", "exit 4")
    queue.wait_done("prep")
    assert queue.run("rm", "prep").returncode == 0
    queue.drop("late", "true", after="prep")
    queue.wait_lost("late")
    assert "ExitCode: 4" in end_of(queue, "late")["reason"]


def test_refused_cancelled_and_lost_jobs_abort_those_after_them(queue: Queue) -> None:
    queue.drop("bad", "true", nb_proc="four")
    queue.wait_lost("bad")
    queue.drop("after-bad", "true", after="bad")
    queue.wait_lost("after-bad")
    assert "REJECTED" in end_of(queue, "after-bad")["reason"]
    queue.drop("held", "true", hold="yes")
    queued(queue, "held")
    queue.drop("after-held", "true", after="held")
    queued(queue, "after-held")
    assert queue.run("kill", "held").returncode == 0
    queue.wait_lost("after-held")
    assert "CANCELLED" in end_of(queue, "after-held")["reason"]


def test_a_name_that_never_comes_waits_with_a_reason_and_is_told_by_doctor(queue: Queue) -> None:
    queue.drop("orphan", "true", after="nobody")
    assert reason_of(queue, "orphan", "Dep") == "Dependency: after nobody: no such job yet"
    assert "nobody" in queue.run("doctor").stdout
    queue.drop("nobody", "true")
    queue.wait_done("nobody")
    queue.wait_done("orphan")


def test_a_ring_of_dependencies_is_found_named_and_refused(queue: Queue) -> None:
    queue.drop("a", "true", after="c")
    queued(queue, "a")
    queue.drop("b", "true", after="a")
    queued(queue, "b")
    queue.drop("c", "true", after="b")
    queue.wait_lost("c")
    assert "a cycle: c after b after a after c" in queue.process_log("c")
    # The others of the ring could never start: they go with it, and say why.
    for name in ("a", "b"):
        queue.wait_lost(name)
        assert "a cycle: c after b after a after c" in queue.process_log(name)


def test_dependencies_outlive_the_manager(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue().start()
    script, opened = gate(queue, "prep")
    queue.drop("prep", script + "; exit 5")
    queue.wait_running("prep")
    queue.drop("child", "true", after="prep")
    queued(queue, "child")
    queue.kill_manager()
    opened.touch()
    wait_for("prep has ended", (queue.folder / "QM_Jobs/prep/.qm/exit.json").exists)
    queue.start()
    queue.wait_lost("child")
    assert "ExitCode: 5" in end_of(queue, "child")["reason"]


def test_a_child_waits_for_the_next_try_of_its_parent(queue: Queue) -> None:
    seen = queue.folder.parent / "tries"
    queue.drop("prep", f"echo x >> {seen}; test $(wc -l < {seen}) -ge 3", retries=2)
    queue.drop("child", "true", after="prep")
    queue.wait_done("child")
    assert seen.read_text() == "x\n" * 3
    assert os.path.isdir(queue.path("prep") / ".qm" / "attempt-2")

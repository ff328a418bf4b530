"""Retries, times, options set by hand, the brake, and what jobs are given."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.live.harness import Queue, wait_for
from tests.live.test_dependencies import gate, queued, reason_of

pytestmark = pytest.mark.live


def history(queue: Queue) -> list[dict[str, Any]]:
    lines = (queue.folder / ".qm" / "history.jsonl").read_text(encoding="ascii").splitlines()
    return [json.loads(line) for line in lines]


def test_a_job_that_fails_is_tried_again_and_each_try_is_kept(queue: Queue) -> None:
    queue.drop("flaky", "echo try $QM_ATTEMPT; test $QM_ATTEMPT -eq 3", retries=3)
    folder = queue.wait_done("flaky")
    assert "try 3" in queue.process_log("flaky")
    for attempt in (1, 2):
        kept = folder / ".qm" / f"attempt-{attempt}"
        assert f"try {attempt}" in (kept / "process.log").read_text()
        assert json.loads((kept / "exit.json").read_bytes())["exit_code"] == 1
    ends = [(line["attempt"], line["state"]) for line in history(queue)]
    assert ends == [(1, "FAILED"), (2, "FAILED"), (3, "FINISHED")]


def test_only_the_named_exit_codes_are_tried_again(queue: Queue) -> None:
    queue.drop("final", "exit 2", retries=5, retry_on="75, 76")
    queue.wait_done("final")
    assert not (queue.path("final") / ".qm" / "attempt-1").exists()
    queue.drop("again", "test $QM_ATTEMPT -eq 2 || exit 75", retries=5, retry_on="75, 76")
    queue.wait_done("again")
    row = queue.row("again")
    assert row is not None and (row["state"], row["attempt"]) == ("FINISHED", 2)


def test_the_pause_before_another_try_is_kept_and_told(queue: Queue) -> None:
    queue.drop("slowly", "test $QM_ATTEMPT -eq 2", retries=1, retry_delay=1.5)
    told = reason_of(queue, "slowly", "Retry")
    assert told.startswith("Retry: attempt 2 of 2 at 20")
    queue.wait_done("slowly")
    first, second = history(queue)
    started = datetime.fromisoformat(second["started"])
    assert (started - datetime.fromisoformat(first["ended"])).total_seconds() >= 1.4


def test_a_job_does_not_begin_before_its_time(queue: Queue) -> None:
    begin = datetime.fromtimestamp(time.time() + 2.5, UTC)
    queue.drop("later", "true", begin=begin.isoformat())
    assert reason_of(queue, "later", "BeginTime").startswith("BeginTime: not before 20")
    queue.wait_done("later")
    started = datetime.fromisoformat(history(queue)[0]["started"])
    assert started >= begin.replace(microsecond=0)


def test_options_of_a_waiting_job_are_set_and_kept_over_a_restart(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaxNbProcessors="1").start()
    script, opened = gate(queue, "first")
    queue.drop("first", script)
    queue.wait_running("first")
    for name in ("low", "high"):
        queue.drop(name, "true")
        queued(queue, name)
    done = queue.run("set", "high", "priority=5", "walltime=2h")
    assert done.returncode == 0, done.stderr
    queue.kill_manager()
    queue.start()
    row = queue.row("high")
    assert row is not None and (row["priority"], row["walltime"]) == (5, 7200)
    opened.touch()
    queue.wait_done("low")
    order = [line["name"] for line in history(queue)]
    assert order == ["first", "high", "low"]


def test_a_change_stays_when_the_info_file_is_edited(queue: Queue) -> None:
    queue.drop("job", "true", hold="yes")
    queued(queue, "job")
    assert queue.run("set", "job", "priority=5").returncode == 0
    info = queue.path("job") / "proc_config.cfg"
    info.write_text("[QMOptions]\nscript : echo edited\nhold : yes\n", encoding="ascii")
    assert queue.run("release", "job").returncode == 0
    queue.wait_done("job")
    assert "edited" in queue.process_log("job")
    assert history(queue)[0]["priority"] == 5


def test_a_ring_cannot_be_set(queue: Queue) -> None:
    queue.drop("a", "true", hold="yes")
    queued(queue, "a")
    queue.drop("b", "true", after="a")
    queued(queue, "b")
    refused = queue.run("set", "a", "after=b")
    assert refused.returncode == 1
    assert "cycle: a after b after a" in refused.stderr


def test_memory_is_counted_and_told(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(MaxMemory="1G", Enforce="none").start()
    script, opened = gate(queue, "big")
    queue.drop("big", script, mem="800M")
    queue.wait_running("big")
    queue.drop("other", "true", mem="300M")
    told = reason_of(queue, "other", "Resources")
    assert "needs 300 MiB of memory" in told and "224 MiB free" in told
    opened.touch()
    queue.wait_done("other")


def test_gpus_are_given_out_by_index(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue(NbGPUs="2").start()
    one, opened_one = gate(queue, "one")
    two, opened_two = gate(queue, "two")
    queue.drop("one", f"echo gpus=$CUDA_VISIBLE_DEVICES; {one}", nb_gpu=1)
    queue.drop("two", f"echo gpus=$CUDA_VISIBLE_DEVICES; {two}", nb_gpu=1)
    for name in ("one", "two"):
        queue.wait_running(name)
    assert {tuple(queue.record(name, "start.json")["gpus"]) for name in ("one", "two")} == {
        (0,),
        (1,),
    }
    opened_one.touch()
    opened_two.touch()
    shown = set()
    for name in ("one", "two"):
        queue.wait_done(name)
        shown |= {line for line in queue.process_log(name).splitlines() if "gpus=" in line}
    assert shown == {"gpus=0", "gpus=1"}
    queue.drop("none", "echo gpus=$CUDA_VISIBLE_DEVICES.")
    queue.wait_done("none")
    assert "gpus=." in queue.process_log("none"), "a job that asked for none sees none"


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two processors")
def test_two_jobs_run_on_different_processors(queue: Queue) -> None:
    look = "python3 -c 'import os; print(\"cpus\", sorted(os.sched_getaffinity(0)))'"
    gates = [gate(queue, name) for name in ("one", "two")]
    for name, (script, _) in zip(("one", "two"), gates, strict=True):
        queue.drop(name, f"{look}; {script}")
    for name in ("one", "two"):
        queue.wait_running(name)
    for _, opened in gates:
        opened.touch()
    seen = set()
    for name in ("one", "two"):
        queue.wait_done(name)
        (line,) = [one for one in queue.process_log(name).splitlines() if one.startswith("cpus")]
        seen.add(line)
    assert len(seen) == 2 and all("," not in line for line in seen), seen


def test_a_job_that_takes_more_memory_than_it_asked_for_is_killed_with_the_figures(
    queue: Queue,
) -> None:
    eat = "import time; data = bytearray(500 << 20); data[::4096] = b'x' * len(data[::4096])"
    queue.drop(
        "greedy", f"exec python3 -c '{eat}; time.sleep(60)'".replace("'x'", '"x"'), mem="200M"
    )
    queue.wait_done("greedy", timeout=30)
    row = queue.row("greedy")
    assert row is not None and row["state"] == "KILLED"
    assert str(row["reason"]).startswith("MemoryLimit: used ") and "200 MiB" in row["reason"]


def test_a_script_whose_jobs_fail_one_after_the_other_is_braked(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue(MaxNbProcessors="1", Brake="3").start()
    script, opened = gate(queue, "first")
    queue.drop("first", script)
    queue.wait_running("first")
    for number in range(6):
        queue.drop(f"run{number}", f"sh broken.sh {number}")
        (queue.folder / "QM_qJobs" / f"run{number}" / "broken.sh").write_text("exit 9\n")
    for number in range(6):
        queued(queue, f"run{number}")
    opened.touch()
    for number in range(3):
        queue.wait_done(f"run{number}")
    for number in range(3, 6):
        told = reason_of(queue, f"run{number}", "Brake")
        assert "3 jobs of sh broken.sh failed within 10 s of their start" in told
    queue.drop("late", "sh broken.sh 9")
    (queue.folder / "QM_qJobs" / "late" / "broken.sh").write_text("exit 9\n")
    reason_of(queue, "late", "Brake")
    queue.drop("other", "true")
    queue.wait_done("other")
    assert "held:" in queue.log_text()
    assert queue.run("release", "run4").returncode == 0
    queue.wait_done("run4")


def test_nothing_starts_outside_the_active_hours(make_queue: Callable[..., Queue]) -> None:
    now = datetime.now().astimezone()
    past = (now.hour - 3) % 24
    hours = f"{past:02d}:00-{past:02d}:30"
    queue = make_queue(Active_hours=hours).start()
    queue.drop("job", "true")
    told = reason_of(queue, "job", "ActiveHours")
    assert f"Active_hours: {hours}" in told and "jobs start from" in told
    config = queue.config.read_text()
    queue.config.write_text(config.replace(hours, "always"))
    answer = queue.run("reload")
    assert answer.returncode == 0 and "Active_hours" in answer.stdout, answer
    queue.wait_done("job")


def test_a_job_that_stands_still_uses_nothing_and_goes_on(queue: Queue) -> None:
    queue.drop("ticker", "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo tick; sleep 0.05; done")
    log = queue.wait_running("ticker") / "process.log"
    wait_for("it ticks", lambda: log.read_text().count("tick") > 3)
    done = queue.run("suspend", "ticker")
    assert done.returncode == 0, done.stderr
    still = log.read_text().count("tick")
    row = queue.row("ticker")
    assert row is not None and row["state"] == "SUSPENDED"
    queue.drop("other", "true")
    queue.wait_done("other")
    assert log.read_text().count("tick") == still
    assert queue.run("resume", "ticker").returncode == 0
    queue.wait_done("ticker")
    assert queue.process_log("ticker").count("tick") == 40


def test_a_suspended_job_stays_so_over_a_restart_and_can_be_killed(
    make_queue: Callable[..., Queue],
) -> None:
    queue = make_queue().start()

    def started(name: str) -> Any:
        return (queue.row(name) or {})["started"]

    for name in ("one", "two"):
        queue.drop(name, "exec sleep 60")
        queue.wait_running(name)
        wait_for(f"{name} is shown running", partial(started, name))
        assert queue.run("suspend", name).returncode == 0
    queue.kill_manager()
    queue.start()

    def state(name: str) -> Any:
        return (queue.row(name) or {})["state"]

    wait_for("both stand still", lambda: {state("one"), state("two")} == {"SUSPENDED"})
    assert queue.run("kill", "one").returncode == 0
    assert state("one") == "KILLED"
    assert queue.run("resume", "two").returncode == 0
    assert state("two") == "RUNNING"
    assert queue.run("kill", "two").returncode == 0


def test_an_ended_job_runs_again_under_its_id(queue: Queue) -> None:
    marker = queue.folder.parent / "mended"
    queue.drop("job", f"test -e {marker}")
    queue.wait_done("job")
    marker.touch()
    done = queue.run("rerun", "job")
    assert done.returncode == 0, done.stderr

    def finished() -> bool:
        row = queue.row("job")
        return row is not None and row["state"] == "FINISHED"

    wait_for("it has finished", finished)
    row = queue.row("job")
    assert row is not None and (row["id"], row["attempt"]) == (1, 2)
    assert [line["state"] for line in history(queue)] == ["FAILED", "FINISHED"]
    assert (queue.path("job") / ".qm" / "attempt-1" / "process.log").exists()


def test_a_cancelled_job_can_be_run_after_all(queue: Queue) -> None:
    queue.drop("job", "true", hold="yes")
    queued(queue, "job")
    assert queue.run("kill", "job").returncode == 0
    queue.wait_lost("job")
    assert queue.run("rerun", "job").returncode == 0
    queue.wait_done("job")
    assert queue.row("job") is not None


def test_limits_hold_at_once_and_over_a_restart(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue().start()
    assert queue.run("limit", "processors=1").returncode == 0
    script, opened = gate(queue, "one")
    queue.drop("one", script)
    queue.wait_running("one")
    queue.drop("two", "true")
    assert "0 free" in reason_of(queue, "two", "Resources")
    queue.kill_manager()
    queue.start()
    assert "0 free" in reason_of(queue, "two", "Resources")
    assert queue.run("limit", "processors=default").returncode == 0
    queue.wait_done("two")
    opened.touch()


def test_drain_starts_nothing_new_and_is_kept(make_queue: Callable[..., Queue]) -> None:
    queue = make_queue().start()
    assert queue.run("drain", "on").returncode == 0
    queue.drop("job", "true")
    assert "qm drain off" in reason_of(queue, "job", "Drain")
    queue.kill_manager()
    queue.start()
    reason_of(queue, "job", "Drain")
    assert queue.run("drain", "off").returncode == 0
    queue.wait_done("job")

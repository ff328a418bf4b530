"""Processors and GPUs with numbers: each is one job's at a time, over restarts as well."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from qm.core import events as ev
from qm.core.pool import Pool
from qm.model import State
from tests.fakes.bench import Bench, a_start, an_outcome, claimed_records


def a_bench(**changes: object) -> Bench:
    return Bench(processors=4, more={"cpus": (4, 2, 6, 0), "gpus": (0, 1)}, **changes)  # type: ignore[arg-type]


def test_jobs_have_distinct_processors_in_the_order_of_the_machine() -> None:
    bench = a_bench()
    one, two = bench.start("a", nb_proc=2), bench.start("b")
    assert (one.cpus, two.cpus) == ((4, 2), (6,))
    bench.end(one)
    assert bench.start("c", nb_proc=3).cpus == (4, 2, 0)


def test_jobs_have_distinct_gpus() -> None:
    bench = a_bench()
    one, two = bench.start("a", nb_gpu=1), bench.start("b", nb_gpu=1)
    assert (one.gpus, two.gpus) == ((0,), (1,))
    bench.queue("c", nb_gpu=1)
    assert bench.plan() == []
    bench.end(one)
    assert bench.claim().job.gpus == (0,)


def test_what_was_given_to_running_jobs_is_known_after_a_restart() -> None:
    bench = a_bench()
    job = bench.start("a", nb_proc=2, nb_gpu=1)
    after = a_bench(starting=True)
    records = claimed_records(replace(job, state=State.QUEUED), start=a_start(job))
    after.probed(job, records, locked=True)
    after.tell(ev.Found())
    assert after.state.runs[job.id].job.cpus == job.cpus == (4, 2)
    other = after.start("b", nb_proc=2, nb_gpu=1)
    assert (other.cpus, other.gpus) == ((6, 0), (1,))
    after.end(job)
    assert after.start("c", nb_proc=2).cpus == (4, 2)


def test_a_claim_that_comes_to_nothing_gives_back_what_it_had() -> None:
    bench = a_bench()
    bench.queue("a", nb_proc=4, nb_gpu=2)
    claim = bench.claim()
    bench.tell(ev.Changed(claim.job.id, "a"))
    assert (len(bench.state.cpus), len(bench.state.gpus)) == (4, 2)
    assert bench.start("b", nb_proc=4).cpus == (4, 2, 6, 0)


def test_a_job_that_is_put_back_has_no_processors_while_it_waits() -> None:
    bench = a_bench()
    bench.queue("a", nb_gpu=1, retries=1)
    job = bench.run_next()
    bench.fail(job)
    bench.tell(ev.Requeued(job.id, "a", None))
    waiting = bench.state.jobs[job.id]
    assert (waiting.cpus, waiting.gpus) == ((), ())


def test_with_more_jobs_than_processors_nobody_is_pinned() -> None:
    bench = Bench(processors=4, more={"cpus": (0, 1)})
    assert bench.start("a", nb_proc=2).cpus == (0, 1)
    assert bench.start("b", nb_proc=2).cpus == ()


def test_one_that_runs_although_it_was_given_up_keeps_its_processors_from_a_third() -> None:
    bench = a_bench()
    given_up = bench.start("a")
    assert given_up.cpus == (4,) and given_up.token is not None
    bench.tell(ev.LaunchFailed(given_up.id, given_up.token, "no shell"))
    successor = bench.start("b")
    assert successor.cpus == (4,)
    core = bench.core
    core.handle(ev.StillLocked(given_up.id), bench.now)
    core.handle(ev.Ended(successor.id, successor.token or "", an_outcome()), bench.now)
    assert bench.start("c").cpus == (2,), "processor 4 is the first one's still"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40))
def test_no_number_is_given_twice_whatever_is_taken_and_given_back(
    steps: list[tuple[bool, int]],
) -> None:
    pool = Pool(range(8))
    given: list[tuple[int, ...]] = []
    for take, count in steps:
        if take:
            taken = pool.take(count)
            assert len(taken) in (0, count)
            pool.claim(taken)
            given.append(taken)
        elif given:
            pool.give_back(given.pop(count % len(given)))
        out = [number for numbers in given for number in numbers]
        assert len(out) == len(set(out)) and len(pool) == 8 - len(out)

"""The planner's rules, one by one."""

from __future__ import annotations

import pytest

from qm.planner import Capacity, Needs, Planner
from qm.planner.jobs import begun
from tests.fakes.planning import GB, planner_of, runs, waits

EIGHT = Capacity(8)
HOUR = 3600.0


def test_the_first_in_order_of_arrival_starts_first() -> None:
    assert planner_of(EIGHT, [waits(2), waits(1), waits(3)]).next(0) == 1


def test_a_higher_priority_comes_before_an_earlier_arrival() -> None:
    jobs = [waits(1), waits(2, priority=5), waits(3, priority=5), waits(4, priority=-1)]
    planner = planner_of(EIGHT, jobs)
    started = []
    while (job_id := planner.next(0)) is not None:
        planner.remove(job_id)
        started.append(job_id)
    assert started == [2, 3, 1, 4]


def test_nothing_starts_where_nothing_waits() -> None:
    assert planner_of(EIGHT).next(0) is None


@pytest.mark.parametrize(
    ("needs", "room"),
    [
        (Needs(4, 0, 0), True),
        (Needs(5, 0, 0), False),
        (Needs(1, 4 * GB, 1), True),
        (Needs(1, 4 * GB + 1, 0), False),
        (Needs(1, 0, 2), False),
    ],
)
def test_a_job_fits_only_if_processors_memory_and_gpus_are_free(needs: Needs, room: bool) -> None:
    planner = Planner(Capacity(8, 8 * GB, 2), None)
    planner.started(runs(1, 4, memory=4 * GB, gpus=1))
    planner.add(waits(2)._replace(needs=needs))
    assert planner.next(0) == (2 if room else None)


def test_memory_that_is_not_counted_stops_nobody() -> None:
    running = [runs(1, memory=100 * GB)]
    assert planner_of(Capacity(8, None), [waits(2, memory=GB)], running).next(0) == 2


def test_what_an_ended_job_held_is_free() -> None:
    planner = planner_of(EIGHT, [waits(2, 5)], [runs(1, 4)])
    assert planner.next(0) is None
    planner.ended(1)
    planner.ended(1)
    assert planner.next(0) == 2


def test_one_that_does_not_fit_is_skipped() -> None:
    assert planner_of(EIGHT, [waits(2, 6), waits(3, 2)], [runs(1, 4)]).next(0) == 3


def test_blocking_runs_one_job_at_a_time() -> None:
    planner = planner_of(Capacity(8, blocking=True), [waits(2), waits(3)], [runs(1)])
    assert planner.next(0) is None
    planner.ended(1)
    assert planner.next(0) == 2


def test_a_job_that_asks_for_more_than_there_is_takes_the_whole_machine() -> None:
    planner = planner_of(Capacity(4, GB, 1), [waits(2, 99, memory=9 * GB, gpus=3)])
    assert planner.next(0) == 2
    planner.started(begun(waits(2, 99, memory=9 * GB, gpus=3), 0))
    planner.remove(2)
    planner.add(waits(3))
    assert planner.next(0) is None


def test_with_lower_limits_nothing_starts_until_it_fits() -> None:
    planner = planner_of(EIGHT, [waits(4)], [runs(1, 3), runs(2, 3), runs(3, 1)])
    assert planner.next(0) == 4
    planner.set_capacity(Capacity(4))
    assert planner.next(0) is None
    planner.ended(1)
    assert planner.next(0) is None
    planner.ended(2)
    assert planner.next(0) == 4


def test_with_higher_limits_more_fits() -> None:
    planner = planner_of(Capacity(4), [waits(2, 3)], [runs(1, 2)])
    assert planner.next(0) is None
    planner.set_capacity(EIGHT)
    assert planner.next(0) == 2


def test_with_lower_limits_a_large_job_takes_what_there_is_now() -> None:
    planner = planner_of(EIGHT, [waits(1, 6), waits(2, 2)])
    planner.set_capacity(Capacity(4))
    assert planner.next(0) == 1
    planner.set_capacity(EIGHT)
    planner.started(runs(3, 4))
    assert planner.next(0) == 2


def test_a_job_that_comes_back_takes_the_place_that_it_has_now() -> None:
    planner = planner_of(EIGHT, [waits(1), waits(2)])
    planner.add(waits(1, priority=-1))
    assert (planner.next(0), len(planner)) == (2, 2)
    planner.remove(2)
    planner.remove(2)
    assert (planner.next(0), len(planner), 1 in planner, 2 in planner) == (1, 1, True, False)


def test_a_job_that_starts_twice_holds_once() -> None:
    planner = planner_of(EIGHT, [waits(2, 4)], [runs(1, 4)])
    planner.started(runs(1, 4, started=0.5))
    assert planner.next(0) == 2


# The first job does not fit, and enough running jobs have walltimes.


def test_one_that_ends_before_the_first_job_can_start_may_overtake_it() -> None:
    running = [runs(1, 6, ends=HOUR)]
    for walltime, chosen in ((HOUR, 3), (HOUR + 1, None), (None, None)):
        waiting = [waits(2, 8), waits(3, walltime=walltime)]
        assert planner_of(EIGHT, waiting, running).next(0) == chosen, walltime


def test_the_time_that_is_left_counts() -> None:
    planner = planner_of(EIGHT, [waits(2, 8), waits(3, walltime=600)], [runs(1, 6, ends=HOUR)])
    assert planner.next(HOUR - 600) == 3
    assert planner.next(HOUR - 599) is None


def test_one_that_uses_only_what_is_left_beside_the_first_job_may_overtake_it() -> None:
    running = [runs(1, 6, ends=HOUR)]
    for processors, chosen in ((2, 3), (3, None)):
        capacity = Capacity(9)
        waiting = [waits(2, 7), waits(3, processors)]
        assert planner_of(capacity, waiting, running).next(0) == chosen, processors


def test_what_is_left_beside_the_first_job_is_given_away_only_once() -> None:
    planner = planner_of(Capacity(9), [waits(2, 7), waits(3), waits(4), waits(5)])
    planner.started(runs(1, 6, ends=HOUR))
    for job_id in (3, 4):
        assert planner.next(0) == job_id
        planner.remove(job_id)
        planner.started(begun(waits(job_id), 0))
    assert planner.next(0) is None


def test_what_is_left_is_counted_for_each_resource() -> None:
    capacity = Capacity(8, 8 * GB, 1)
    running = [runs(1, 1, gpus=1, ends=HOUR)]
    head = waits(2, 4, memory=6 * GB, gpus=1)
    for job, chosen in (
        (waits(3, 4, memory=2 * GB), 3),
        (waits(3, 5, memory=2 * GB), None),
        (waits(3, 4, memory=3 * GB), None),
        (waits(3, 5, memory=3 * GB, walltime=HOUR), 3),
    ):
        assert planner_of(capacity, [head, job], running).next(0) == chosen, job


def test_the_first_job_waits_only_for_as_many_ends_as_it_needs() -> None:
    running = [runs(1, 4, ends=HOUR), runs(2, 2, ends=2 * HOUR), runs(3, 1)]
    waiting = [waits(4, 5), waits(5, 1, walltime=HOUR + 1)]
    assert planner_of(EIGHT, waiting, running).next(0) is None
    waiting = [waits(4, 5), waits(5, 1, walltime=HOUR)]
    assert planner_of(EIGHT, waiting, running).next(0) == 5


def test_ends_at_the_same_moment_count_together() -> None:
    running = [runs(1, 3, ends=HOUR), runs(2, 4, ends=HOUR)]
    assert planner_of(EIGHT, [waits(3, 4), waits(4, 1)], running).next(0) == 4


def test_a_job_that_has_outlived_its_walltime_ends_now() -> None:
    running = [runs(1, 6, ends=HOUR)]
    waiting = [waits(2, 7), waits(3, 1, walltime=1), waits(4, 2, walltime=1)]
    assert planner_of(EIGHT, waiting, running).next(2 * HOUR) == 3
    assert planner_of(EIGHT, waiting[::2], running).next(2 * HOUR) is None


def test_among_many_the_first_in_order_that_is_short_enough_overtakes() -> None:
    short = [waits(n, walltime=HOUR if n in {700, 800} else HOUR * n) for n in range(3, 1000)]
    planner = planner_of(EIGHT, [waits(2, 8), *reversed(short)], [runs(1, 6, ends=HOUR)])
    assert planner.next(0) == 700
    planner.remove(700)
    assert planner.next(0) == 800
    planner.remove(800)
    assert planner.next(0) is None


def test_a_job_of_higher_priority_is_held_back_by_nobody() -> None:
    waiting = [waits(2, 8), waits(3, 2, priority=1)]
    assert planner_of(EIGHT, waiting, [runs(1, 6, ends=HOUR)], 0.0).next(HOUR / 2) == 3


def test_when_a_job_of_higher_priority_comes_resources_are_kept_for_that_one() -> None:
    running = [runs(1, 6, ends=HOUR)]
    waiting = [waits(2, 8), waits(3, 1)]
    assert planner_of(EIGHT, waiting, running).next(0) is None
    assert planner_of(EIGHT, [*waiting, waits(4, 7, priority=1)], running).next(0) == 3


# The first job does not fit, and nobody knows when it will.


def test_until_reserve_after_everything_that_fits_may_overtake() -> None:
    planner = planner_of(EIGHT, [waits(2, 8, since=100.0), waits(3)], [runs(1, 6)], 600.0)
    assert planner.next(699.0) == 3
    assert planner.next(700.0) is None


def test_without_reserve_after_everything_that_fits_may_overtake_for_ever() -> None:
    planner = planner_of(EIGHT, [waits(2, 8), waits(3)], [runs(1, 6)], None)
    assert planner.next(1e9) == 3


def test_an_end_that_is_known_but_frees_too_little_makes_nothing_known() -> None:
    running = [runs(1, 3, ends=HOUR), runs(2, 3)]
    planner = planner_of(EIGHT, [waits(3, 6), waits(4)], running, 600.0)
    assert planner.next(0) == 4
    assert planner_of(EIGHT, [waits(3, 8), waits(4)], running, 600.0).next(600) is None


def test_from_then_on_no_more_may_overtake_than_leaves_room_for_the_first_job() -> None:
    planner = planner_of(EIGHT, [waits(2, 6), *map(waits, (3, 4, 5))], [runs(1, 4)], 600.0)
    for job_id in (3, 4):
        assert planner.next(600) == job_id
        planner.remove(job_id)
        planner.started(begun(waits(job_id), 600))
    assert planner.next(600) is None
    planner.ended(1)
    assert planner.next(601) == 2


def test_a_job_that_comes_before_it_or_ran_already_did_not_overtake_it() -> None:
    waiting = [waits(5, 6, since=0.0), waits(6, 2)]
    for run, chosen in (
        (runs(1, 6, started=700.0), 6),
        (runs(7, 6, started=599.0), 6),
        (runs(7, 6, started=700.0, priority=1), 6),
        (runs(7, 6, started=600.0), None),
    ):
        assert planner_of(EIGHT, waiting, [run], 600.0).next(800) == chosen, run


def test_a_walltime_does_not_help_where_the_first_start_is_not_known() -> None:
    planner = planner_of(EIGHT, [waits(2, 8), waits(3, walltime=1)], [runs(1, 6)], 600.0)
    assert planner.next(600) is None


def test_reserve_after_may_be_changed_while_jobs_wait() -> None:
    planner = planner_of(EIGHT, [waits(2, 8), waits(3)], [runs(1, 6)], None)
    planner.reserve_after = 60.0
    assert planner.next(60) is None

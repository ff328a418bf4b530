"""Which job starts, why the others do not, and what the files of a restart mean."""

from __future__ import annotations

import itertools

import pytest

from qm.model import Reason
from qm.policy import (
    Capacity,
    Evidence,
    InUse,
    Reading,
    Waiting,
    explain,
    fits,
    order_of,
    read_evidence,
)

HERE = {"boot": "b1", "host": "h1"}


def reading(
    *,
    locked: bool = False,
    has_exit: bool = False,
    start: str | None = None,
    claimed: bool = True,
    claim_boot: str = "b1",
) -> Reading:
    return read_evidence(
        Evidence(
            locked=locked,
            has_exit=has_exit,
            has_start=start is not None,
            claimed=claimed,
            claim_boot=claim_boot,
            start_host=start or "",
            **HERE,
        )
    )


@pytest.mark.parametrize("has_exit", [False, True])
@pytest.mark.parametrize("start", [None, "h1", "h2"])
@pytest.mark.parametrize("claim_boot", ["b1", "b0"])
def test_row_1_whoever_holds_the_lock_runs(
    has_exit: bool, start: str | None, claim_boot: str
) -> None:
    assert reading(locked=True, has_exit=has_exit, start=start, claim_boot=claim_boot) is (
        Reading.RUNS
    )


@pytest.mark.parametrize("start", [None, "h1", "h2"])
@pytest.mark.parametrize("claim_boot", ["b1", "b0"])
def test_row_2_an_exit_record_without_a_lock_is_an_end(start: str | None, claim_boot: str) -> None:
    assert reading(has_exit=True, start=start, claim_boot=claim_boot) is Reading.ENDED


@pytest.mark.parametrize("claim_boot", ["b1", "b0"])
@pytest.mark.parametrize("start", ["h1", ""])
def test_row_3_a_start_record_alone_means_that_supervisor_or_machine_died(
    start: str, claim_boot: str
) -> None:
    assert reading(start=start, claim_boot=claim_boot) is Reading.DIED


def test_a_start_record_of_another_host_is_never_judged() -> None:
    assert reading(start="h2") is Reading.FOREIGN


def test_row_4_a_claim_of_another_boot_may_have_run() -> None:
    assert reading(claim_boot="b0") is Reading.DIED
    assert reading(claim_boot="") is Reading.DIED


def test_row_5_a_claim_of_this_boot_without_a_start_never_ran() -> None:
    assert reading() is Reading.NOT_STARTED


def test_what_was_moved_but_not_claimed_never_ran_whatever_the_boot() -> None:
    assert reading(claimed=False, claim_boot="b0") is Reading.NOT_STARTED


def test_every_combination_has_one_reading() -> None:
    bools = (False, True)
    for locked, has_exit, start, claimed, boot in itertools.product(
        bools, bools, (None, "", "h1", "h2"), bools, ("b1", "b0", "")
    ):
        found = reading(
            locked=locked, has_exit=has_exit, start=start, claimed=claimed, claim_boot=boot
        )
        assert (found is Reading.RUNS) == locked
        assert (found is Reading.ENDED) == (has_exit and not locked)


@pytest.mark.parametrize(
    ("nb_proc", "used", "running", "fit"),
    [(1, 3, 1, True), (2, 3, 1, False), (4, 0, 0, True), (99, 0, 0, True), (99, 1, 1, False)],
)
def test_a_job_fits_beside_the_others(nb_proc: int, used: int, running: int, fit: bool) -> None:
    assert fits(nb_proc, used, running, Capacity(4)) is fit


def test_blocking_runs_one_job_at_a_time() -> None:
    assert fits(1, 0, 0, Capacity(4, blocking=True))
    assert not fits(1, 1, 1, Capacity(4, blocking=True))


def test_priority_comes_before_arrival() -> None:
    assert sorted([order_of(0, 1), order_of(5, 9), order_of(5, 8), order_of(-1, 0)]) == [
        order_of(5, 8),
        order_of(5, 9),
        order_of(0, 1),
        order_of(-1, 0),
    ]


def wanted(*nb_procs: int) -> list[Waiting]:
    return [Waiting(n, nb, order_of(0, n)) for n, nb in enumerate(nb_procs, 10)]


def test_reasons_have_numbers() -> None:
    in_use = [InUse(3, 2), InUse(5, 1)]
    reasons = explain(wanted(1, 2, 1, 8), in_use, Capacity(4), None)
    assert {n: str(r) for n, r in reasons.items()} == {
        10: "Priority: starts next",
        11: "Resources: needs 2 processors, 1 free (3, 5 hold 3)",
        12: "Priority: 2 jobs start before it",
        13: "Resources: needs 4 processors, 1 free (3, 5 hold 3)",
    }


def test_many_holders_are_counted_and_one_is_named() -> None:
    many = [InUse(n, 1) for n in range(8)]
    (reason,) = explain(wanted(1), many, Capacity(8), None).values()
    assert reason.text == "needs 1 processor, 0 free (0, 1, 2, 3, 4 and 3 more hold 8)"
    (reason,) = explain(wanted(4), [InUse(9, 3)], Capacity(4), None).values()
    assert reason.text == "needs 4 processors, 1 free (9 holds 3)"


def test_blocking_and_obstacles_are_told() -> None:
    (reason,) = explain(wanted(1), [InUse(9, 1)], Capacity(4, blocking=True), None).values()
    assert str(reason) == "Resources: one job at a time, 9 runs"
    full = Reason("DiskFull", "no space")
    assert set(explain(wanted(1, 2), [], Capacity(4), full).values()) == {full}


def test_who_waits_gets_exactly_one_reason_each() -> None:
    jobs = wanted(1, 4, 2, 9, 1)
    assert set(explain(reversed(jobs), [InUse(1, 3)], Capacity(4), None)) == {
        job.id for job in jobs
    }

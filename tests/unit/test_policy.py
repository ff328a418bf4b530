"""What the files of a restart mean."""

from __future__ import annotations

import itertools

import pytest

from qm.policy import Evidence, Reading, read_evidence

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

"""Bugs that are planted in QM are found by the simulator: else it would prove nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

if not hasattr(os, "O_DIRECTORY"):
    pytest.skip("the simulated machine is a POSIX one", allow_module_level=True)

from bench.simulate.campaign import result_of
from bench.simulate.history import history_of
from tests.simulation.mutations import MUTATIONS

HISTORIES = 1000


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("plant", MUTATIONS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found_within_a_thousand_histories(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in range(HISTORIES):
        if result_of(history_of(seed)).broken:
            return
    pytest.fail(f"{plant.__name__} was not found in {HISTORIES} histories")

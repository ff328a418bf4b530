"""Random histories of QM's own code on a simulated machine: what QM promises holds after each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

if not hasattr(os, "O_DIRECTORY"):
    pytest.skip("the simulated machine is a POSIX one", allow_module_level=True)

from bench.simulate.campaign import live_through, shortest
from bench.simulate.history import Step, history_of
from bench.simulate.run import run_history
from bench.simulate.shrink import kind_of, shrunk

ROOT = Path(__file__).resolve().parents[2]
_AT_ONCE = 100


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, 2000, _AT_ONCE))
def test_two_thousand_histories_break_no_promise(first: int) -> None:
    tally = live_through(first, _AT_ONCE)
    assert tally.crashes > 20 and tally.cuts > 5 and tally.starts > 100
    for seed in tally.failed:
        short = shortest(seed)
        told = "\n".join([f"seed {seed}:", *short.deeds, *short.broken])
        pytest.fail(f"{tally.failed[seed]}\n{told}")


def test_some_histories_break_no_promise() -> None:
    assert live_through(5000, 20).failed == {}


_TELL = """
import sys
from bench.simulate.history import history_of
from bench.simulate.run import run_history
for seed in map(int, sys.argv[1:]):
    result = run_history(history_of(seed))
    print(*result.deeds, result.broken, result.crashes, result.starts, result.ends, sep="\\n")
"""


def test_a_seed_is_the_same_history_in_every_process() -> None:
    def told(hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", _TELL, *map(str, range(40, 52))],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        ).stdout

    assert told("1") == told("2") != ""


def test_a_history_is_made_as_short_as_it_can_be() -> None:
    steps = history_of(7)
    needed = {steps[3], steps[-2]}

    def fails(fewer: Sequence[Step]) -> bool:
        return needed <= set(fewer)

    assert len(steps) > 5 and shrunk(steps, fails) == [steps[3], steps[-2]]


def test_a_broken_promise_is_the_same_whatever_its_numbers() -> None:
    one = kind_of("attempt 1 of job 2 was started 2 times")
    assert one == kind_of("attempt 3 of job 17 was started 4 times")
    assert one != kind_of("the folder 3 is nowhere")


def test_what_happened_is_told_in_words() -> None:
    steps = [Step("start", 0, 0, 1), Step("drop", 0, 2, 2), Step("wait", 0, 999, 3)]
    result = run_history([*steps, Step("manager dies", 0, 4, 5)])
    assert result.broken == [] and result.ends in ({"FINISHED": 1}, {"FAILED": 1})
    assert [deed.partition("s  ")[2] for deed in result.deeds] == [
        "QM is started",
        "a person moves a new folder a into the queue: script : true 2",
        "10.0 s pass",
        "a manager is killed after 4 more effects",
    ]

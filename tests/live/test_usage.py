"""What jobs and the machine use, as displays ask for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from qm.osops import TOKEN_VARIABLE, descendants
from qm.osops.tree import cpu_seconds_of
from qm.osops.usage import MachineUsage, machine_usage, tree_usage
from tests.live.harness import wait_for

pytestmark = pytest.mark.live

FAMILY = """
import os, subprocess, sys
work = "import sys; x = bytearray(b'1') * 40_000_000; sum(range(20_000_000)); print(1, flush=True)"
child = subprocess.Popen(
    [sys.executable, "-c", work + "; sys.stdin.read()"],
    stdin=subprocess.PIPE,
    env={**os.environ, sys.argv[1]: "the token"},
)
sys.stdin.read()
child.kill()
child.wait()
"""


@pytest.fixture
def supervisor() -> Iterator[subprocess.Popen[bytes]]:
    """A process above one that carries a token, once that one has worked."""
    process = subprocess.Popen(
        [sys.executable, "-c", FAMILY, TOKEN_VARIABLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"1"
    yield process
    process.communicate(timeout=20)


def test_the_use_of_a_job_is_that_of_its_processes(supervisor: subprocess.Popen[bytes]) -> None:
    usage = tree_usage(supervisor.pid, "the token")
    assert usage is not None and usage.processes == 1
    assert 0.05 < usage.cpu_seconds < 30
    assert 40_000_000 < usage.memory < 200_000_000


def test_a_supervisor_with_another_job_tells_nothing(supervisor: subprocess.Popen[bytes]) -> None:
    assert tree_usage(supervisor.pid, "another token") is None


def test_a_process_that_is_gone_tells_nothing(supervisor: subprocess.Popen[bytes]) -> None:
    supervisor.communicate(timeout=20)
    assert tree_usage(supervisor.pid, "the token") is None


def test_the_time_of_a_process_is_its_own_and_one_that_is_gone_has_none(
    supervisor: subprocess.Popen[bytes],
) -> None:
    (worker,) = descendants(supervisor.pid)
    before = cpu_seconds_of([supervisor.pid, worker])
    assert before[worker] > 0.05 and before[worker] > before[supervisor.pid]
    supervisor.communicate(timeout=20)
    assert cpu_seconds_of([supervisor.pid, worker]) == {}


def test_a_busy_machine_is_seen_to_be_busy() -> None:
    machine_usage()
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        used = wait_for("the machine is busy", lambda: _busy(machine_usage()))
    finally:
        burner.kill()
        burner.wait()
    assert 0 < used.memory_used < used.memory_total


def _busy(usage: MachineUsage) -> MachineUsage | None:
    import psutil

    return usage if usage.cpu_percent > 50 / (psutil.cpu_count() or 1) else None

"""What a supervisor writes down of a real job that runs for some seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qm.jobdir import archive_attempt
from qm.osops import FolderHandle
from qm.usagefile import USAGE, Sample, decode_usage
from tests.fakes.supervisor import Driver, a_driver, wait_until

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = [pytest.mark.live, pytest.mark.slow]

MIB = 1 << 20
WORK = """
import subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
until = time.monotonic() + 3.2
while time.monotonic() < until: pass
taken = bytearray(b"1") * (200 << 20)
time.sleep(3.2)
helper.kill()
helper.wait()
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with a_driver(tmp_path) as driver:
        yield driver


def table(driver: Driver) -> Path:
    return driver.path() / ".qm" / USAGE


def samples(driver: Driver) -> tuple[Sample, ...]:
    return decode_usage(table(driver).read_bytes())


def test_a_busy_job_that_then_takes_memory_is_seen_to_do_so(driver: Driver) -> None:
    job = driver.claimed()
    (driver.path() / "work.py").write_text(WORK)
    driver.order(job, f"exec {sys.executable} work.py")
    wait_until("it is written while the job runs", table(driver).exists)
    record = driver.outcome()["ended"]
    found = samples(driver)
    late = found[-2]
    assert min(s.memory for s in found) < 100 * MIB and late.memory > 200 * MIB
    assert max(s.processes for s in found) == 2
    spent = sum(s.cores * (s.seconds - b.seconds) for s, b in zip(found[1:], found, strict=False))
    spent += found[0].cores * found[0].seconds
    assert spent == pytest.approx(float(record["cpu_seconds"]), rel=0.1, abs=0.2)
    assert max(s.cores for s in found) > 3 * late.cores
    assert record["peak_memory"] >= late.memory
    assert not list((driver.path() / ".qm").glob(".*new"))


def test_a_job_of_a_moment_leaves_no_table(driver: Driver) -> None:
    driver.run("sleep 1.2")
    assert not table(driver).exists()


def test_the_table_is_put_aside_with_its_attempt(driver: Driver) -> None:
    driver.run("exit 3")
    table(driver).write_bytes(b"a table")
    with FolderHandle.open(str(driver.path())) as folder, folder.sub(".qm") as own:
        archive_attempt(folder, own, 1)
    assert not table(driver).exists()
    assert (table(driver).parent / "attempt-1" / USAGE).read_bytes() == b"a table"

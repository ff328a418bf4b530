"""What a supervisor holds a job to: processors, priority, memory; and the word before its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from qm.osops.affinity import machine_cpus, parse_cpu_list
from qm.times import utc_seconds
from tests.fakes.supervisor import Driver, a_driver, wait_until

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do that")

MIB = 1 << 20
LAST_CPU = max(machine_cpus())
NESTED = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}], start_new_session=True)"
)
ALLOCATE = """
import os, sys, time
def take(size):
    return bytearray(b"1") * size
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with a_driver(tmp_path) as driver:
        yield driver


def python(driver: Driver, program: str, **order: object) -> None:
    """Have a job run this Python program; its claim is made here."""
    job = driver.claimed()
    (driver.path() / "program.py").write_text(program)
    driver.order(job, f"exec {sys.executable} -u program.py", **order)


def allowed(pid: int) -> list[int]:
    """The processors that process ``pid`` may use."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return sorted(parse_cpu_list(told.split("Cpus_allowed_list:")[1].split()[0]))


def ended(driver: Driver) -> dict[str, object]:
    """The exit record of the job that runs."""
    record = driver.outcome()["ended"]
    assert isinstance(record, dict)
    return record


@linux_only
def test_a_job_and_all_that_it_starts_stay_on_its_processors(driver: Driver) -> None:
    ours = allowed(driver.process.pid)
    tell = "import os; print(os.sched_getaffinity(0))"
    python(driver, f"{NESTED.format(tell)}; {tell}", cpus=[LAST_CPU], gpus=[3])
    ended(driver)
    assert driver.log().count(f"{{{LAST_CPU}}}") == 2, driver.log()
    start = driver.record("start.json")
    assert (start["cpus"], start["gpus"]) == ([LAST_CPU], [3])
    assert allowed(driver.process.pid) == ours


@linux_only
def test_eight_busy_processes_on_one_processor_use_one(driver: Driver) -> None:
    burn = (
        "import os, time\n"
        "for _ in range(3): os.fork()\n"
        "until = time.monotonic() + 1.5\n"
        "while time.monotonic() < until: pass\n"
    )
    python(driver, burn, cpus=[LAST_CPU])
    record = ended(driver)
    passed = utc_seconds(str(record["ended"])) - utc_seconds(str(record["started"]))
    assert 0 < float(str(record["cpu_seconds"])) < 1.1 * passed


@linux_only
def test_processors_that_are_not_there_do_not_hinder_a_job(driver: Driver) -> None:
    assert driver.run("exit 3", cpus=[4000])["ended"]["exit_code"] == 3


def test_a_job_is_lowered_with_all_that_it_starts_and_the_next_one_is_not(driver: Driver) -> None:
    ours = psutil.Process(driver.process.pid).nice()
    tell = "import os; print('nice', os.getpriority(os.PRIO_PROCESS, 0))"
    python(driver, f"{NESTED.format(tell)}; {tell}", nice=ours + 7)
    ended(driver)
    assert driver.log().count(f"nice {ours + 7}\n") == 2, driver.log()
    assert psutil.Process(driver.process.pid).nice() == ours
    driver.order(driver.claimed("next"), "nice")
    ended(driver)
    assert f"\n{ours}\n" in driver.log("next")


@pytest.mark.skipif(not os.path.exists("/proc/self/autogroup"), reason="sessions are not weighed")
def test_every_session_of_a_lowered_job_weighs_less(driver: Driver) -> None:
    job = driver.claimed()
    wait = "until grep -q 'nice 9$' /proc/self/autogroup; do sleep 0.05; done\n"
    (driver.path() / "wait.sh").write_text(wait)
    driver.order(job, "sh wait.sh && exec setsid -w sh wait.sh", nice=9)
    assert ended(driver)["exit_code"] == 0


def test_a_job_that_takes_more_memory_than_it_asked_for_is_ended_at_once(driver: Driver) -> None:
    program = f"{ALLOCATE}\nx = take({100 * MIB}); print(time.time()); y = take({400 * MIB})\n"
    python(driver, program + "time.sleep(60)", mem=200 * MIB, enforce_mem=True)
    record = ended(driver)
    assert str(record["reason"]).startswith("MemoryLimit: used ")
    assert str(record["reason"]).endswith(" MiB, asked for 200 MiB")
    before = float(driver.log().splitlines()[2])
    assert utc_seconds(str(record["ended"])) - before < 2
    assert int(str(record["peak_memory"])) > 200 * MIB
    assert "MemoryLimit" in driver.log().splitlines()[-1]


def test_a_job_that_does_not_hear_is_ended_for_its_memory_before_its_grace(driver: Driver) -> None:
    deaf = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{ALLOCATE}"
    program = f"{deaf}\nx = take({120 * MIB}); time.sleep(60)"
    python(driver, program, mem=100 * MIB, enforce_mem=True, grace=50.0)
    record = ended(driver)
    assert (record["signal"], str(record["reason"])[:11]) == ("SIGKILL", "MemoryLimit")


def test_memory_of_processes_that_went_away_counts_as_the_jobs(driver: Driver) -> None:
    away = (
        f"{ALLOCATE}\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        f"    x = take({150 * MIB})\n"
        "time.sleep(60)\n"
    )
    python(driver, away, mem=100 * MIB, enforce_mem=True)
    assert str(ended(driver)["reason"]).startswith("MemoryLimit: ")


def test_memory_of_several_processes_is_added_up(driver: Driver) -> None:
    program = f"{ALLOCATE}\nos.fork(), os.fork()\nx = take({60 * MIB}); time.sleep(60)"
    python(driver, program, mem=180 * MIB, enforce_mem=True)
    assert str(ended(driver)["reason"]).startswith("MemoryLimit: ")


@linux_only
def test_memory_that_forked_workers_share_is_counted_once(driver: Driver) -> None:
    program = f"{ALLOCATE}\nx = take({120 * MIB})\nfor _ in range(2): os.fork()\ntime.sleep(1.5)\n"
    python(driver, program, mem=200 * MIB, enforce_mem=True)
    record = ended(driver)
    assert (record["exit_code"], record["reason"]) == (0, None)
    assert 120 * MIB < int(str(record["peak_memory"])) < 200 * MIB


def test_memory_is_a_wish_where_it_is_not_enforced(driver: Driver) -> None:
    program = f"{ALLOCATE}\nx = take({60 * MIB}); time.sleep(0.7)"
    python(driver, program, mem=20 * MIB)
    assert ended(driver)["exit_code"] == 0


def test_a_warning_comes_once_before_the_end(driver: Driver) -> None:
    script = "trap 'echo warned' USR1; echo up; while :; do sleep 0.05; done"
    driver.order(driver.claimed(), script, walltime=2.0, warn={"signal": "USR1", "before": 1.2})
    assert ended(driver)["reason"] == "TimeLimit: ran longer than its walltime, 2 s"
    assert driver.log().splitlines()[2:-1] == ["up", "warned"]


@linux_only
def test_a_warning_spares_processes_that_would_end_by_it(driver: Driver) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGUSR2, lambda *_: sys.exit(5))\n"
        "open('up', 'w').close()\n"
        "time.sleep(60)\n"
    )
    job = driver.claimed()
    (driver.path() / "program.py").write_text(program)
    # Neither this shell nor the sleeper listens.
    command = f"sleep 50 & {sys.executable} program.py; echo code $?; kill $!; exit 6"
    driver.order(job, command, walltime=30.0, warn={"signal": "SIGUSR2", "before": 28.5})
    assert ended(driver)["exit_code"] == 6
    assert "code 5" in driver.log()


def test_a_job_that_is_shorter_than_its_warning_is_not_warned(driver: Driver) -> None:
    script = "trap 'echo warned' USR1; echo up; while :; do sleep 0.05; done"
    driver.order(driver.claimed(), script, walltime=0.7, warn={"signal": "USR1", "before": 0.7})
    assert str(ended(driver)["reason"]).startswith("TimeLimit")
    assert driver.log().splitlines()[2:-1] == ["up"]


@linux_only
def test_watching_a_limit_costs_the_supervisor_little(driver: Driver) -> None:
    program = (
        f"{ALLOCATE}\nfor _ in range(3): os.fork()\nopen(f'up{{os.getpid()}}', 'w'); time.sleep(6)"
    )
    python(driver, program, mem=2000 * MIB, enforce_mem=True)
    wait_until("all are up", lambda: len(list(driver.path().glob("up*"))) == 8)
    supervisor = psutil.Process(driver.process.pid)
    before = supervisor.cpu_times()
    ended(driver)
    after = supervisor.cpu_times()
    used = after.user + after.system - before.user - before.system
    assert used < 0.3, f"{used:.2f} s of processor in 6 s"

"""What a supervisor remembers of its job's use, over seconds and over weeks."""

from __future__ import annotations

from pathlib import Path

import pytest

from qm.osops import FolderHandle, TreeUse
from qm.supervisor.usage import UsageRecorder
from qm.usagefile import MOST, USAGE, Sample, decode_usage


class Job:
    """Uses a processor and a half, and memory as somebody says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.memory = 1000
        self.broken = False
        self.looks = 0
        self.takes = 0.0

    def usage(self, limit: int | None = None) -> TreeUse:
        """What it uses at its time."""
        self.looks += 1
        if self.broken:
            raise OSError("no such process")
        self.now += self.takes
        return TreeUse(3, 1.5 * self.now, self.memory)


class Run:
    """A recorder beside a job, with a clock that is turned on by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = Job()
        self.folder = FolderHandle.open(str(path))
        self.recorder = UsageRecorder(self.job, self.folder, None, lambda: self.job.now)

    def until(self, end: float) -> None:
        """All looks before ``end``."""
        while self.recorder.next_look < end:
            self.job.now = self.recorder.next_look
            self.recorder.look(self.job.now)

    def end(self, now: float) -> None:
        """The job has ended."""
        self.job.now = now
        self.recorder.finish(now)
        self.folder.close()

    @property
    def file(self) -> Path:
        return self.path / USAGE

    @property
    def samples(self) -> tuple[Sample, ...]:
        return decode_usage(self.file.read_bytes())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_short_job_leaves_no_table(run: Run) -> None:
    run.until(4.5)
    run.end(4.5)
    assert list(run.path.iterdir()) == []


def test_the_first_second_costs_no_look(run: Run) -> None:
    run.recorder.look(0.99)
    assert run.job.looks == 0


def test_a_job_of_a_minute_has_a_sample_each_second(run: Run) -> None:
    run.until(60.5)
    run.end(60.6)
    assert len(run.samples) == 61
    assert run.samples[-1].seconds == pytest.approx(60.6)
    assert all(sample.cores == pytest.approx(1.5, abs=0.001) for sample in run.samples)
    assert {sample.processes for sample in run.samples[:-1]} == {3}


def test_a_week_is_a_few_hundred_samples_and_no_more_looks_than_before(run: Run) -> None:
    week = 7 * 86400.0
    run.until(week)
    run.end(week)
    assert MOST // 2 <= len(run.samples) < MOST
    assert run.samples[-1].seconds == pytest.approx(week, abs=0.1)
    assert all(sample.cores == pytest.approx(1.5, abs=0.001) for sample in run.samples)
    assert run.job.looks < week / 4.9


def test_a_peak_between_two_samples_is_seen_after_days(run: Run) -> None:
    run.until(3 * 86400.0)
    run.job.memory = 5_000_000
    run.until(3 * 86400.0 + 6)
    run.job.memory = 1000
    run.until(4 * 86400.0)
    run.end(4 * 86400.0)
    highest = max(run.samples, key=lambda sample: sample.memory)
    assert highest.memory == 5_000_000
    assert highest.seconds == pytest.approx(3 * 86400.0, abs=2000)


def test_the_table_grows_while_the_job_runs(run: Run) -> None:
    run.until(6.5)
    first = len(run.samples)
    run.until(20.5)
    assert 5 <= first < len(run.samples)


def test_a_table_that_could_not_be_written_comes_whole_at_the_next_chance(run: Run) -> None:
    run.file.mkdir()
    run.until(11.5)
    run.file.rmdir()
    run.until(30.5)
    assert run.samples[0].seconds == 1.0 and len(run.samples) >= 20
    assert [path.name for path in run.path.iterdir()] == [USAGE]


def test_a_folder_that_was_deleted_hinders_nothing(run: Run) -> None:
    run.until(6.5)
    run.file.unlink()
    run.path.rmdir()
    run.until(20.5)
    run.end(21.0)
    assert run.job.looks > 15 and not run.path.exists()


def test_a_look_that_fails_is_made_again(run: Run) -> None:
    run.job.broken = True
    run.until(12.0)
    run.job.broken = False
    run.until(20.0)
    run.end(20.0)
    assert run.samples[0].seconds >= 12.0
    assert run.samples[0].cores == pytest.approx(1.5, abs=0.001)


def test_a_job_that_takes_long_to_look_at_is_looked_at_less_often(run: Run) -> None:
    run.job.takes = 0.02
    run.until(60.0)
    assert 10 <= run.job.looks <= 20


def test_a_link_in_its_place_is_replaced_and_not_followed(run: Run, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    run.file.symlink_to(precious)
    run.until(10.0)
    run.end(10.0)
    assert precious.read_text() == "mine" and not run.file.is_symlink()

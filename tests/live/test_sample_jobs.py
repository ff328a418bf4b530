"""Each sample job ends as its line in sample_jobs/README.md says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qm.samples import sample_jobs_folder
from tests.live.harness import Queue, wait_for

if sys.platform == "win32":
    pytest.skip("one of them is for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live


class Line(NamedTuple):
    """One line of the table."""

    job: str
    shows: str
    state: str
    exit_code: str
    result: str
    says: str


def table() -> list[Line]:
    text = (sample_jobs_folder() / "README.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [Line(*(cell.strip().strip("`") for cell in line[1:-1].split("|"))) for line in lines]


def test_the_table_names_every_sample_job() -> None:
    folders = {path.name for path in sample_jobs_folder().iterdir() if path.is_dir()}
    assert {line.job for line in table()} == folders - {"__pycache__"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """One manager for all of them; every sample is copied in at once."""
    queue = Queue(tmp_path_factory.mktemp("samples") / "QM", Settle="0.5", Refuse_after="5").start()
    for line in table():
        queue.copy_in(sample_jobs_folder() / line.job)
    yield queue
    assert queue.end_everything() == []


@pytest.mark.parametrize("line", table(), ids=lambda line: line.job)
def test_a_sample_job_ends_as_its_line_says(line: Line, served: Queue) -> None:
    last = "QM_lost+found" if line.state == "REJECTED" else "QM_dJobs"
    folder = served.folder / last / line.job
    wait_for(f"{line.job} ends in {last}", folder.is_dir, timeout=60)
    row = served.row(line.job)
    assert row is not None
    assert row["state"] == line.state
    assert row["exit_code"] == (None if line.exit_code == "–" else int(line.exit_code))
    assert line.says in served.process_log(line.job)
    if line.result != "–":
        assert (folder / line.result).stat().st_size > 0


def test_the_originals_configuration_file_starts_a_manager(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "QM")
    original = Path(__file__).parents[1] / "data" / "QMserv.original.cfg"
    text = original.read_text(encoding="utf-8").replace("/home/user/QM", str(queue.folder))
    queue.serve_with(text)
    try:
        queue.drop("job", "echo $NB_PROC", nb_proc=64)
        wait_for("the job is done", (queue.folder / "QM_dJobs" / "job").is_dir, timeout=30)
        assert "lowered to 4" in queue.process_log("job")
    finally:
        assert queue.end_everything() == []

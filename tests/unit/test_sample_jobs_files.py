"""The sample jobs as files: the table, the scripts run by hand, the zip, the wheel."""

from __future__ import annotations

import configparser
import math
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from qm import samples
from qm.errors import QMError

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_jobs"
STATES_THAT_RAN = {"FINISHED", "FAILED"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table in sample_jobs/README.md; None stands for a dash."""

    job: str
    shows: str
    state: str
    exit_code: int | None
    result_file: str | None
    log_says: str

    @property
    def needs_sh(self) -> bool:
        return "/bin/sh" in self.shows


def read_table(text: str) -> list[Row]:
    rows = []
    for line in text.splitlines():
        if not line.startswith("| `"):
            continue
        job, shows, state, code, result, says = (cell.strip() for cell in line[1:-1].split("|"))
        plain = [None if cell == "–" else cell.strip("`") for cell in (code, result)]
        exit_code = None if plain[0] is None else int(plain[0])
        rows.append(Row(job.strip("`"), shows, state, exit_code, plain[1], says.strip("`")))
    return rows


TABLE = read_table((SAMPLES / "README.md").read_text(encoding="utf-8"))
ROW = {row.job: row for row in TABLE}


def command_of(folder: Path) -> list[str]:
    """What the info file runs, as a list of words with this Python in front."""
    if (folder / "infos.xml").exists():
        script = ElementTree.parse(folder / "infos.xml").find("script")
        assert script is not None
        words = script.attrib["value"].split()
    elif (folder / "job.sh").exists():
        return ["/bin/sh", "job.sh"]
    else:
        config = configparser.ConfigParser(interpolation=None)
        config.read(folder / "proc_config.cfg", encoding="utf-8")
        words = config["QMOptions"]["script"].split()
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


def run_by_hand(
    name: str, tmp_path: Path, **variables: str
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Copy the sample job to ``tmp_path`` and run its command there, as a person would."""
    folder = tmp_path / name
    shutil.copytree(SAMPLES / name, folder)
    ended = subprocess.run(
        command_of(folder),
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
    )
    return folder, ended


def test_the_table_lists_exactly_the_folders_there_are() -> None:
    folders = {entry.name for entry in SAMPLES.iterdir() if entry.is_dir()}
    assert sorted(ROW) == sorted(name for name in folders if name[0] not in "._")


def test_every_kind_of_end_that_a_beginner_meets_is_shown() -> None:
    assert {row.state for row in TABLE} == {"FINISHED", "FAILED", "REJECTED"}
    assert {row.exit_code for row in TABLE} >= {0, 3, None}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.job)
def test_every_info_file_begins_with_a_comment_that_explains_it(row: Row) -> None:
    folder = SAMPLES / row.job
    info = next(
        folder / name
        for name in ("proc_config.cfg", "infos.xml", "job.sh")
        if (folder / name).exists()
    )
    head = info.read_text(encoding="utf-8").splitlines()[:6]
    assert sum(line.startswith(("# ", "<!--", "     ")) for line in head) >= 3


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row.state in STATES_THAT_RAN], ids=lambda row: row.job
)
def test_a_sample_job_ends_as_its_line_says_when_run_by_hand(row: Row, tmp_path: Path) -> None:
    if row.needs_sh and not Path("/bin/sh").exists():
        pytest.skip("needs /bin/sh")
    folder, ended = run_by_hand(row.job, tmp_path)
    assert ended.returncode == row.exit_code, ended.stdout
    assert row.log_says in ended.stdout
    if row.result_file is not None:
        assert row.result_file not in os.listdir(SAMPLES / row.job)
        assert (folder / row.result_file).stat().st_size > 0


def test_the_zip_is_what_the_sources_beside_it_make(tmp_path: Path) -> None:
    folder = SAMPLES / "zipped_module"
    rebuilt = tmp_path / "process.pyz"
    subprocess.run([sys.executable, folder / "build.py", rebuilt], check=True, timeout=60)
    assert rebuilt.read_bytes() == (folder / "process.pyz").read_bytes(), (
        "sample_jobs/zipped_module/process.pyz is older than its sources: run its build.py."
    )
    with zipfile.ZipFile(rebuilt) as archive:
        assert archive.namelist() == ["__main__.py", "linear.py"]


def test_the_zipped_module_takes_its_size_from_the_cfg_file(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    shutil.copytree(SAMPLES / "zipped_module", folder)
    info = folder / "proc_config.cfg"
    text = info.read_text(encoding="utf-8")
    info.write_text(text.replace("Size : 120", "Size : 7"), encoding="utf-8")
    subprocess.run(command_of(folder), cwd=folder, check=True, timeout=60, capture_output=True)
    rows = (folder / "solution.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 7


@pytest.mark.parametrize("processors", ["1", "3"])
def test_the_parallel_job_uses_the_processors_it_was_given(processors: str, tmp_path: Path) -> None:
    folder, ended = run_by_hand("parallel_sum", tmp_path, NB_PROC=processors)
    assert f"Using {processors} of the " in ended.stdout
    first = (folder / "result.txt").read_text(encoding="utf-8").split()[2]
    assert float(first) == pytest.approx(math.pi, abs=1e-10)


def test_the_progress_job_counts_up_to_its_end(tmp_path: Path) -> None:
    _, ended = run_by_hand("progress", tmp_path)
    steps = [line for line in ended.stdout.splitlines() if " / " in line]
    assert steps == [f"{step} / {len(steps)}" for step in range(1, len(steps) + 1)]


def test_the_refused_job_has_a_number_that_is_none() -> None:
    text = (SAMPLES / "refused" / "proc_config.cfg").read_text(encoding="utf-8")
    assert "nb_proc : four" in text.splitlines()


def test_a_checkout_finds_its_sample_jobs() -> None:
    assert samples.sample_jobs_folder() == SAMPLES
    assert samples.sample_job("hello_cfg") == SAMPLES / "hello_cfg"
    assert samples.sample_names() == tuple(sorted(ROW))


def test_an_installed_qm_finds_the_jobs_inside_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "qm" / "sample_jobs"
    shutil.copytree(SAMPLES, inside)
    monkeypatch.setattr(samples, "_PACKAGE", tmp_path / "qm")
    assert samples.sample_job("progress") == inside / "progress"


def test_an_installation_without_sample_jobs_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "_PACKAGE", tmp_path / "qm")
    with pytest.raises(QMError, match="has no sample jobs"):
        samples.sample_jobs_folder()


@pytest.mark.parametrize("name", ["helo_cfg", "", ".", "..", "../qm", "README.md"])
def test_a_name_that_is_no_sample_job_is_told_with_the_names_there_are(name: str) -> None:
    with pytest.raises(QMError, match="hello_cfg, hello_xml"):
        samples.sample_job(name)


@pytest.mark.slow
def test_a_wheel_carries_every_sample_job(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(
        ROOT,
        checkout,
        ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests"),
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, checkout],
        check=True,
        timeout=110,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("qm/sample_jobs/")}
    files = {
        f"qm/sample_jobs/{file.relative_to(SAMPLES).as_posix()}"
        for file in SAMPLES.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
        if not any(part.startswith(".") for part in file.relative_to(SAMPLES).parts)
    }
    assert packed == files

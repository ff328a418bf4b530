"""`python` in the last folder of every job's PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qm.osops.background import background_flags, batch_encoding
from qm.shims import make_python_shim

needs_links = pytest.mark.skipif(batch_encoding() is not None, reason="links need rights here")
needs_cmd = pytest.mark.skipif(batch_encoding() is None, reason="batch files are for cmd.exe")


def links() -> None:
    """A system where a command may be a link."""


def batch_files() -> str:
    """A system where it is a batch file, and the encoding that those are read in."""
    return "cp850"


@needs_links
def test_python_is_a_link_to_python3(tmp_path: Path) -> None:
    make_python_shim(str(tmp_path), links)
    assert os.readlink(tmp_path / "python") == (shutil.which("python3") or sys.executable)


@needs_links
def test_a_link_to_a_python_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(tmp_path / "old")
    make_python_shim(str(tmp_path), links)
    assert os.path.exists(tmp_path / "python")


@needs_links
def test_without_a_python3_on_the_path_it_is_the_one_that_runs_qm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    make_python_shim(str(tmp_path), links)
    assert os.readlink(tmp_path / "python") == sys.executable


def test_where_links_do_not_work_it_is_a_batch_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "C:\\100% Pythön\\python.exe")
    make_python_shim(str(tmp_path), batch_files)
    assert os.listdir(tmp_path) == ["python.bat"]
    expected = '@"C:\\100%% Pythön\\python.exe" %*\r\n'
    assert (tmp_path / "python.bat").read_bytes() == expected.encode("cp850")


def test_a_batch_file_of_another_python_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "python.bat").write_bytes(b'@"C:\\old\\python.exe" %*\r\n')
    make_python_shim(str(tmp_path), batch_files)
    assert sys.executable.encode() in (tmp_path / "python.bat").read_bytes()


def test_a_batch_file_that_is_right_is_left_alone(tmp_path: Path) -> None:
    make_python_shim(str(tmp_path), batch_files)
    os.utime(tmp_path / "python.bat", (1, 1))
    make_python_shim(str(tmp_path), batch_files)
    assert (tmp_path / "python.bat").stat().st_mtime == 1


@needs_cmd
def test_a_batch_file_hands_on_its_arguments_and_the_exit_code(tmp_path: Path) -> None:
    make_python_shim(str(tmp_path))
    program = "import sys; print(sys.argv[1]); sys.exit(7)"
    done = subprocess.run(
        f'"{tmp_path / "python.bat"}" -c "{program}" "a b"',
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        creationflags=background_flags(),
    )
    assert (done.returncode, done.stdout.strip()) == (7, "a b"), done.stderr


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_start(tmp_path: Path) -> None:
    make_python_shim(str(tmp_path / "nowhere"), links)
    make_python_shim(str(tmp_path / "nowhere"), batch_files)
    assert not (tmp_path / "nowhere").exists()

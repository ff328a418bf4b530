"""QM's own log: where it goes, how it is rotated, and what finds its way into it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import QMError
from qm.logfile import (
    FILES,
    LARGEST,
    LogFile,
    current_log_file,
    end_of,
    log_file,
    read_since,
    set_debug,
    start_logging,
)

FULL_DISK = Path("/dev/full")


class Log:
    """A small log file, and the time that passes by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0.0
        self.handler = LogFile(str(path), largest=1000, files=3, clock=lambda: self.now)
        self.handler.setFormatter(logging.Formatter("%(message)s"))

    def write(self, text: str) -> None:
        self.handler.handle(logging.LogRecord("qm", logging.INFO, "", 0, text, None, None))

    def files(self) -> list[str]:
        return sorted(file.name for file in self.path.parent.iterdir())

    def whole(self) -> list[str]:
        """All lines that are left, the oldest first."""
        names = [f"{self.path}.{number}" for number in range(9, 0, -1)] + [str(self.path)]
        texts = [Path(name).read_text(encoding="utf-8") for name in names if os.path.exists(name)]
        return "".join(texts).splitlines()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "qm.log")
    yield made
    made.handler.close()


def python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_five_files_of_two_megabytes_at_most() -> None:
    assert (FILES, LARGEST) == (5, 2 * 1024 * 1024)


def test_a_log_that_has_grown_is_renamed_and_the_oldest_goes(log: Log) -> None:
    for number in range(100):
        log.write(f"{number:03} {'x' * 90}")
    assert log.files() == ["qm.log", "qm.log.1", "qm.log.2"]
    assert all(file.stat().st_size <= 1000 for file in log.path.parent.iterdir())
    kept = [int(line[:3]) for line in log.whole()]
    assert kept == list(range(kept[0], 100)) and len(kept) >= 20


def test_a_file_that_cannot_be_renamed_is_written_on_and_renamed_later(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(source: str, target: str) -> None:
        raise PermissionError(13, "The process cannot access the file", source)

    with monkeypatch.context() as patch:
        patch.setattr(log.handler, "rotate", in_use)
        for number in range(30):
            log.write(f"{number:03} {'x' * 90}")
    assert log.files() == ["qm.log"]
    log.write("still too soon")
    assert log.files() == ["qm.log"]
    log.now = 61.0
    log.write("after a minute")
    assert log.files() == ["qm.log", "qm.log.1"]
    lines = log.whole()
    assert [int(line[:3]) for line in lines[:30]] == list(range(30)) and len(lines) == 32


def test_a_rotation_that_stays_half_done_loses_no_line_of_the_newest_file(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        log.write(f"{number:03} {'x' * 90}")
    rename = log.handler.rotate

    def newest_in_use(source: str, target: str) -> None:
        if source == str(log.path):
            raise PermissionError(13, "in use", source)
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(log.handler, "rotate", newest_in_use)
        for number in range(25, 35):
            log.write(f"{number:03} {'x' * 90}")
    log.now = 61.0
    log.write("035")
    kept = [int(line[:3]) for line in log.whole()]
    assert kept == list(range(kept[0], 36)) and kept[0] <= 20


@pytest.mark.skipif(not FULL_DISK.exists(), reason="no device that is always full")
def test_a_full_disk_loses_lines_and_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    handler = LogFile(str(FULL_DISK))
    for _ in range(3):
        handler.handle(logging.LogRecord("qm", logging.INFO, "", 0, "lost", None, None))
    assert capsys.readouterr().err == ""
    with pytest.raises(OSError, match="No space left"):
        handler.close()


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(QMError, match=r"the log .*qm\.log cannot be written"):
        start_logging(debug=False, file=str(tmp_path / "file" / "qm.log"))


PROGRAM = """
import logging, sys, threading, warnings
from qm.logfile import current_log_file, set_debug, start_logging

start_logging(debug=False, file=sys.argv[1] if len(sys.argv) > 1 else None)
print(current_log_file())
log = logging.getLogger("qm.somewhere")
log.debug("a detail")
set_debug(True)
log.debug("another detail")
log.info("a percent sign: 100 % of \\udcff")
warnings.warn("old age")
thread = threading.Thread(target=lambda: 1 / 0, name="reader")
thread.start()
thread.join()
class Odd:
    def __del__(self):
        raise KeyError("odd")
odd = Odd()
del odd
raise RuntimeError("the end")
"""


def check_text(text: str) -> None:
    assert "a detail" not in text and "DEBUG another detail" in text
    assert "INFO a percent sign: 100 % of " in text
    assert "WARNING" in text and "old age" in text
    assert "ERROR the thread reader ended" in text and "ZeroDivisionError" in text
    assert "KeyError: 'odd'" in text
    assert "CRITICAL QM ends: nobody caught this" in text and "RuntimeError: the end" in text


def test_what_nobody_caught_in_any_thread_lands_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log" / "qm.log"
    done = python(PROGRAM, str(path))
    assert (done.returncode, done.stdout, done.stderr) == (1, f"{path}\n", "")
    check_text(path.read_text(encoding="utf-8"))


def test_in_the_foreground_all_of_it_goes_to_the_terminal() -> None:
    done = python(PROGRAM)
    assert (done.returncode, done.stdout) == (1, "None\n")
    check_text(done.stderr)


def test_ctrl_c_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "qm.log"
    done = python(
        "import sys; from qm.logfile import start_logging;"
        "start_logging(debug=False, file=sys.argv[1]); raise KeyboardInterrupt",
        str(path),
    )
    assert "KeyboardInterrupt" in done.stderr and path.read_text(encoding="utf-8") == ""


def test_nothing_logs_to_a_file_by_itself() -> None:
    assert current_log_file() is None


def test_details_come_and_go() -> None:
    root = logging.getLogger()
    before = root.level
    try:
        set_debug(True)
        assert root.level == logging.DEBUG
        set_debug(False)
        assert root.level == logging.INFO
    finally:
        root.setLevel(before)


def test_the_log_lies_below_qms_own_folder() -> None:
    assert log_file(os.path.join("QM", ".qm")) == os.path.join("QM", ".qm", "log", "qm.log")


def test_only_what_was_written_since_is_read(tmp_path: Path) -> None:
    path = tmp_path / "qm.log"
    assert (end_of(str(path)), read_since(str(path), 0)) == (0, [])
    path.write_bytes(b"old\n")
    position = end_of(str(path))
    path.write_bytes(b"old\nnew \xff\nlast")
    assert read_since(str(path), position) == ["new \N{REPLACEMENT CHARACTER}", "last"]


def test_a_file_that_was_renamed_meanwhile_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "qm.log"
    path.write_bytes(b"new\n")
    assert read_since(str(path), 4096) == ["new"]


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["C"])), max_size=30))
def test_the_end_of_a_large_log_is_read_and_no_more(lines: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "qm.log")
        filler = b"x" * 70_000 + b"\n"
        path.write_bytes(filler + "".join(f"{line}\n" for line in lines).encode())
        found = read_since(str(path), 0)
        assert found[1:] == lines and sum(map(len, found)) <= 64 << 10

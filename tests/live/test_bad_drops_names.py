"""Bad drops, rows 26 to 37 of the catalogue: names as people and programs make them."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.live.bad_drops import finished, refused, still_works
from tests.live.harness import PLACES, Queue, wait_for

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

TELL = 'printf %s "$QM_JOB_NAME" > "$QM_JOB_DIR/name"; echo ran'

NAMES = {
    "row_26_newline": "two\nlines",
    "row_26_quotes": "a 'b' \"c\"",
    "row_26_substitution": "$(touch pwned)`touch pwned`",
    "row_26_commands": "a;touch pwned&touch pwned|b",
    "row_26_backslash": r"a\b",
    "row_26_star": "*",
    "row_27_dash": "-rf",
    "row_27_two_dashes": "--help",
    "row_28_emoji": "job \N{ROCKET}",
    "row_28_right_to_left": "job\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe",
    "row_28_zero_width": "jo\N{ZERO WIDTH SPACE}b",
    "row_28_escapes": "\x1b[31mred\x1b[2J\x07",
    "row_29_no_utf_8": os.fsdecode(b"caf\xe9"),
    "row_30_long": "x" * 255,
    "row_30_long_in_two_bytes": "é" * 127,
    "row_31_colon": "2025-01-01T12:00:00",
    "row_32_dot": "job.",
    "row_32_blank": "job ",
    "row_32_device": "CON",
    "row_32_device_with_suffix": "NUL.txt",
    "row_32_port": "com1",
    "row_36_upper": "Job",
    "row_36_lower": "job",
    "row_37_nfc": unicodedata.normalize("NFC", "café"),
    "row_37_nfd": unicodedata.normalize("NFD", "café"),
}


@pytest.fixture(scope="module")
def queue(shared: Queue) -> Queue:
    """A job of each name, dropped at once."""
    for name in NAMES.values():
        shared.drop(name, TELL)
    return shared


@pytest.mark.skipif(sys.platform == "darwin", reason="file systems there take not all these names")
@pytest.mark.parametrize("row", NAMES)
def test_a_job_runs_under_any_name_that_the_file_system_takes(queue: Queue, row: str) -> None:
    """Row 32 needs Windows to show its trouble; here such names are names as any other."""
    name = NAMES[row]
    assert finished(queue, name) == ["ran"]
    assert (queue.path(name) / "name").read_bytes() == os.fsencode(name)


def test_rows_26_to_29_names_are_shown_as_they_are_and_cannot_move_the_cursor(
    queue: Queue,
) -> None:
    for name in NAMES.values():
        queue.wait_done(name)
    assert not list(queue.folder.rglob("pwned"))
    result = queue.run("list", "--all")
    assert result.returncode == 0, result.stderr
    printable = result.stdout.replace("\n", "")
    assert not [letter for letter in printable if unicodedata.category(letter) in ("Cc", "Cf")]
    assert r"caf\xe9" in result.stdout
    assert len(queue.listed()) >= len(NAMES)
    still_works(queue)


def test_rows_26_to_29_a_job_of_any_name_can_be_asked_for_by_its_id(queue: Queue) -> None:
    for name in (NAMES["row_26_newline"], NAMES["row_27_two_dashes"], NAMES["row_29_no_utf_8"]):
        job_id = queue.record(name, "job.json")["id"]
        result = queue.run("show", str(job_id))
        assert result.returncode == 0, result.stderr
        assert "FINISHED" in result.stdout


@pytest.mark.parametrize("row", ["row_30_long", "row_30_long_in_two_bytes"])
def test_row_30_a_name_of_255_bytes_that_is_taken_is_cut_before_its_number_comes(
    queue: Queue, row: str
) -> None:
    name = NAMES[row]
    queue.wait_done(name)
    queue.drop(name, "echo second")
    number = name[: (255 - 2) // len(name[0].encode())] + ".2"
    assert len(os.fsencode(number)) <= 255
    assert finished(queue, number) == ["second"]
    assert queue.process_log(name).splitlines()[1] == "ran"


def test_row_30_a_refused_drop_of_255_bytes_gets_its_reason(queue: Queue) -> None:
    name = "y" * 255
    queue.drop(name, "true", nb_proc="none")
    refused(queue, name, "BadInfo", "nb_proc")
    still_works(queue)


def test_row_31_names_that_qm_makes_are_such_as_windows_takes(queue: Queue) -> None:
    """QM adds numbers to names, never dates; checked over all that this module made."""
    queue.wait_done(NAMES["row_31_colon"])
    queue.drop("row_31", "echo 1")
    queue.wait_done("row_31")
    queue.drop("row_31", "echo 2")
    queue.wait_done("row_31.2")
    own = [path.name for path in (queue.folder / ".qm").rglob("*")]
    inside = [path.name for place in PLACES for path in (queue.folder / place).glob("*/.qm/**/*")]
    assert own and inside
    forbidden = set('<>:"/\\|?*') | {chr(code) for code in range(32)}
    assert not [name for name in (*own, *inside) if forbidden & set(name) or name[-1] in ". "]


def test_row_33_a_tree_deeper_than_any_path_may_be_is_moved_whole(queue: Queue) -> None:
    folder = queue.job("row_33", "find . | wc -l | tr -d ' '")
    depth = 31
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 200, dir_fd=fd)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("deepest", os.O_CREAT | os.O_WRONLY, 0o666, dir_fd=fd))
    os.close(fd)
    queue.move_in(folder)
    (said,) = finished(queue, "row_33")
    # The top, its info file, the log, .qm with its five files at that moment, and the tree.
    assert int(said) >= depth + 1 + 3
    assert deepest(queue.path("row_33")) == depth
    still_works(queue)


def deepest(folder: Path) -> int:
    """How many folders deep the file ``deepest`` lies; by handles, as no path is long enough."""
    depth, fd = 0, os.open(folder, os.O_RDONLY)
    while "deepest" not in os.listdir(fd):
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        depth, fd = depth + 1, inner
    os.close(fd)
    return depth


def test_row_34_a_drop_with_the_name_of_a_running_job_is_a_job_of_its_own(queue: Queue) -> None:
    waits_for_go = "while [ ! -e go ]; do sleep 0.02; done; echo {}"
    queue.drop("row_34", waits_for_go.format("first"))
    first = queue.wait_running("row_34")
    queue.drop("row_34", waits_for_go.format("second"))
    second = queue.wait_running("row_34.2")
    assert not (first / "row_34").exists()
    (second / "go").touch()
    assert finished(queue, "row_34.2") == ["second"]
    (first / "go").touch()
    assert finished(queue, "row_34") == ["first"]


def test_row_35_a_done_folder_is_never_overwritten_not_even_an_empty_one(queue: Queue) -> None:
    taken = queue.folder / "QM_dJobs" / "row_35"
    taken.mkdir()
    queue.drop("row_35", "echo mine")
    assert finished(queue, "row_35.2") == ["mine"]
    assert os.listdir(taken) == []
    still_works(queue)


@pytest.mark.skipif(sys.platform == "darwin", reason="one folder there: a copy merges into it")
def test_rows_36_and_37_names_that_differ_by_case_or_by_accents_made_of_parts_are_two_jobs(
    queue: Queue,
) -> None:
    """Where a file system takes them for one, the second copy merges into the first before
    QM sees it: a folder that changed, see the tests of settling."""
    for one, other in (("row_36_upper", "row_36_lower"), ("row_37_nfc", "row_37_nfd")):
        for row in (one, other):
            queue.wait_done(NAMES[row])
        ids = {queue.record(NAMES[row], "job.json")["id"] for row in (one, other)}
        assert len(ids) == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="file systems there take not all these names")
def test_rows_26_to_29_a_drop_of_any_name_that_waits_is_shown_with_its_reason(
    queue: Queue,
) -> None:
    names = {"wait\ning": "wait\ning", os.fsdecode(b"wait\xe9"): r"wait\xe9", "-wait": "-wait"}
    for name in names:
        (queue.folder / "QM_qJobs" / name).write_bytes(b"")

    def shown() -> bool:
        rows = {str(row["name"]): row for row in queue.listed()}
        waiting = {name for name, row in rows.items() if "NotAFolder" in str(row["reason"])}
        return waiting >= set(names.values())

    wait_for("they are shown", shown)
    for name in names:
        (queue.folder / "QM_qJobs" / name).unlink()
    still_works(queue)

"""Bad drops, rows 9 to 23 of the catalogue: info files as editors and people make them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.live.bad_drops import Drop, cfg, finished, refused, still_there, still_works
from tests.live.harness import Queue

if sys.platform == "win32":
    pytest.skip("the scripts are for /bin/sh", allow_module_level=True)

pytestmark = pytest.mark.live

CFG, XML = "proc_config.cfg", "infos.xml"


def xml(head: str, script: str) -> bytes:
    return f'{head}<PARAMETER><script value="{script}"/></PARAMETER>'.encode()


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))

REFUSED = [
    Drop("row_10_empty", {CFG: b""}, ("proc_config.cfg: is empty",)),
    Drop("row_10_blank", {CFG: b"\n  \n"}, ("is empty",)),
    Drop("row_12_binary", {CFG: bytes(range(256))}, ("NUL", "UTF-8")),
    Drop(
        "row_12_nul_in_the_script", {CFG: b"[QMOptions]\nscript : echo a\0b\n"}, ("line 2", "NUL")
    ),
    Drop(
        "row_14_utf_16_without_a_mark",
        {CFG: cfg(script="true").decode().encode("utf-16-le")},
        ("NUL", "Save the file as UTF-8"),
    ),
    Drop(
        "row_15_latin_1_in_the_script",
        {CFG: b"[QMOptions]\nscript : sh caf\xe9.sh\n"},
        ("line 2", "is not UTF-8"),
    ),
    Drop("row_19_key_twice", {CFG: cfg("nb_proc : 1", "nb_proc : 2")}, ("line 4", "nb_proc")),
    Drop("row_19_section_twice", {CFG: cfg("[QMOptions]")}, ("line 3", "second time")),
    Drop("row_19_no_section", {CFG: b"script : true\n"}, ("line 1", "[QMOptions]")),
    Drop(
        "row_19_another_section",
        {CFG: b"[QMOption]\nscript : true\n"},
        ("no section [QMOptions]", "There is [QMOption]"),
    ),
    Drop("row_20_two_lines", {CFG: cfg("    rm -rf /data")}, ("line 3", "continues line 2")),
    Drop("row_20_line_break_in_xml", {XML: xml("", "a&#10;b")}, ("a line break",)),
    *(
        Drop(f"row_21_nb_proc_{n}", {CFG: cfg(f"nb_proc : {text}")}, ("line 3", text, "at least 1"))
        for n, text in enumerate(("0", "-3", "1e9", "twelve", "4.5", "9" * 30))
    ),
    Drop(
        "row_22_bomb",
        {XML: xml(f'<!DOCTYPE b [<!ENTITY l0 "lol">{BOMB}]>', "&l9;")},
        ("there is a DTD or an entity",),
    ),
    Drop(
        "row_23_external_entity",
        {XML: xml('<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;")},
        ("there is a DTD or an entity",),
    ),
    Drop("row_23_doctype_alone", {XML: xml("<!DOCTYPE b>", "true")}, ("Take the DOCTYPE away",)),
]

RUNS = [
    Drop(
        "row_09_two_info_files_the_cfg_counts",
        {CFG: cfg(script="echo cfg"), XML: xml("", "echo xml"), "job.sh": b"echo sh\n"},
        ("cfg",),
    ),
    Drop(
        "row_09_two_info_files_then_the_xml",
        {XML: xml("", "echo xml"), "job.sh": b"echo sh\n"},
        ("xml",),
    ),
    Drop("row_13_utf_8_mark", {CFG: b"\xef\xbb\xbf" + cfg(script="echo bom")}, ("bom",)),
    Drop(
        "row_14_utf_16_with_a_mark",
        {CFG: cfg(script="echo grüße").decode().encode("utf-16")},
        ("grüße",),
    ),
    Drop("row_16_crlf", {CFG: cfg(script="echo crlf").replace(b"\n", b"\r\n")}, ("crlf",)),
    Drop("row_16_cr", {CFG: cfg(script="echo cr").replace(b"\n", b"\r")}, ("cr",)),
    Drop("row_18_percent", {CFG: cfg(script="date +%Y | tr 0-9 y; echo 5%")}, ("yyyy", "5%")),
    Drop("row_19_case_of_the_section", {CFG: b"[qmoptions]\nSCRIPT = echo case\n"}, ("case",)),
]


@pytest.fixture(scope="module")
def queue(shared: Queue) -> Queue:
    """All of them dropped at once, side by side, as they wait out their grace."""
    for drop in (*REFUSED, *RUNS):
        shared.move_in(drop.make(shared))
    large = shared.staging / "row_11"
    large.mkdir()
    with (large / CFG).open("wb") as file:
        file.write(cfg())
        file.truncate(2 << 30)
    shared.move_in(large)
    return shared


@pytest.mark.parametrize("drop", REFUSED, ids=lambda drop: drop.row)
def test_an_info_file_that_cannot_be_used_is_refused_with_what_and_where(
    queue: Queue, drop: Drop
) -> None:
    folder = refused(queue, drop.row, "BadInfo", *drop.says)
    assert still_there(drop.before, folder)


@pytest.mark.parametrize("drop", RUNS, ids=lambda drop: drop.row)
def test_an_odd_info_file_that_can_be_understood_runs(queue: Queue, drop: Drop) -> None:
    assert finished(queue, drop.row) == list(drop.says)
    assert still_there(drop.before, queue.path(drop.row))


def test_refused_drops_are_shown_as_rejected_with_their_reason(queue: Queue) -> None:
    for drop in REFUSED:
        queue.wait_lost(drop.row)
    rows = {row["name"]: row for row in queue.listed()}
    for drop in REFUSED:
        row = rows[drop.row]
        assert row["state"] == "REJECTED"
        assert str(row["reason"]).startswith("BadInfo: ")
        assert row["started"] is None and row["ended"] is not None
    still_works(queue)


def test_row_11_an_info_file_of_two_gigabytes_is_refused_and_not_read(queue: Queue) -> None:
    folder = refused(queue, "row_11", "BadInfo", "larger than 64 KiB")
    assert (folder / CFG).stat().st_size == 2 << 30
    still_works(queue)


def test_row_15_an_accent_in_latin_1_in_the_description_is_replaced_and_the_job_runs(
    queue: Queue,
) -> None:
    folder = queue.staging / "row_15_info"
    folder.mkdir()
    (folder / CFG).write_bytes(cfg("info : caf").strip() + b"\xe9\n")
    queue.move_in(folder)
    said = finished(queue, "row_15_info")
    assert any("info is not UTF-8" in line for line in said)
    row = queue.row("row_15_info")
    assert row is not None and row["info"] == "caf\N{REPLACEMENT CHARACTER}"


def test_row_17_a_shell_script_with_windows_line_ends_starts_and_says_what_is_wrong(
    queue: Queue,
) -> None:
    folder = queue.staging / "row_17"
    folder.mkdir()
    (folder / "job.sh").write_bytes(b"#!/bin/sh\r\ncd data\r\nexit 3\r\n")
    queue.move_in(folder)
    queue.wait_done("row_17")
    log = queue.process_log("row_17")
    assert "Windows line ends (CRLF)" in log
    row = queue.row("row_17")
    assert row is not None and row["state"] == "FAILED"
    still_works(queue)


def test_row_21_a_thousand_million_processors_are_lowered_with_a_note(queue: Queue) -> None:
    queue.drop("row_21_many", "echo $NB_PROC", nb_proc=10**9)
    note, said = finished(queue, "row_21_many")
    assert "lowered to 4" in note
    assert said == "4"


def test_row_22_a_bomb_costs_no_memory(queue: Queue) -> None:
    """Expanded it is three gigabytes; the manager's peak must stay far below."""
    refused(queue, "row_22_bomb", "BadInfo")
    assert queue.process is not None
    status = Path(f"/proc/{queue.process.pid}/status")
    if not status.exists():
        pytest.skip("SKIPPED: the peak memory of a process is read from /proc, which is not here")
    lines = status.read_text(encoding="utf-8").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    assert peak < 300 * 1024, f"{peak} KiB"

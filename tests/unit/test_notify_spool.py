"""Notices on disk, and the file of events."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from qm.notify import read_events
from qm.notify.journal import Journal
from qm.notify.spool import Parcel, Spool
from tests.fakes.notices import SUBMITTED, a_notice

PARCEL = Parcel(a_notice(), SUBMITTED, frozenset({"mail", "webhook"}))


@pytest.mark.parametrize("sync", [False, True])
def test_what_was_written_is_found_by_the_next_manager(tmp_path: Path, sync: bool) -> None:
    spool = Spool(str(tmp_path / "notices"), sync=sync)
    assert spool.load() == ([], [])
    spool.write(PARCEL)
    later = Parcel(a_notice(8), "2026-01-02T00:00:00.000Z", frozenset({"mail"}))
    spool.write(later)
    assert Spool(str(tmp_path / "notices")).load() == ([PARCEL, later], [])
    assert sorted(os.listdir(tmp_path / "notices")) == ["7-1-ended.json", "8-1-ended.json"]


def test_what_was_delivered_in_part_is_written_over_and_removed_in_the_end(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.write(PARCEL)
    left = Parcel(PARCEL.notice, PARCEL.noted, frozenset({"webhook"}))
    spool.write(left)
    assert spool.load() == ([left], [])
    spool.remove(PARCEL.notice.key)
    spool.remove(PARCEL.notice.key)
    assert (spool.load(), os.listdir(tmp_path)) == (([], []), [])


@pytest.mark.parametrize(
    "data",
    [b"", b'{"format": 1', b"[]", b'{"format": 1}', b'{"format": 99, "pending": []}', b"\xff\0"],
)
def test_a_damaged_notice_is_told_once_and_kept_beside_the_others(
    tmp_path: Path, data: bytes
) -> None:
    spool = Spool(str(tmp_path))
    spool.write(PARCEL)
    (tmp_path / "8-1-ended.json").write_bytes(data)
    parcels, faults = spool.load()
    assert parcels == [PARCEL]
    assert len(faults) == 1 and "8-1-ended.json cannot be used" in faults[0]
    assert (tmp_path / "8-1-ended.json.damaged").read_bytes() == data
    assert spool.load() == ([PARCEL], [])


def test_a_notice_under_the_name_of_another_is_not_believed(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.write(PARCEL)
    os.rename(tmp_path / "7-1-ended.json", tmp_path / "9-1-ended.json")
    parcels, faults = spool.load()
    assert (parcels, len(faults)) == ([], 1)


def test_a_notice_for_nobody_does_not_stay_for_ever(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.write(Parcel(PARCEL.notice, PARCEL.noted, frozenset()))
    parcels, faults = spool.load()
    assert parcels == [] and "for nobody" in faults[0]


def test_what_a_crash_left_half_written_is_swept(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.write(PARCEL)
    (tmp_path / ".8-1-ended.json.123.new").write_bytes(b'{"form')
    assert spool.load() == ([PARCEL], [])
    assert os.listdir(tmp_path) == ["7-1-ended.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: links for everybody")
def test_a_link_in_the_spool_is_not_followed(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "notices"))
    spool.write(PARCEL)
    os.rename(tmp_path / "notices" / "7-1-ended.json", tmp_path / "elsewhere")
    (tmp_path / "notices" / "7-1-ended.json").symlink_to(tmp_path / "elsewhere")
    parcels, faults = spool.load()
    assert parcels == [] and "cannot be read" in faults[0]


def journal(path: Path, largest: int = 1 << 20) -> Journal:
    return Journal(str(path), lambda: 1_800_000_000.0, largest)


def test_an_event_is_a_line_of_json_with_its_time(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    journal(file).add("mail", 7, ok=False, detail="no such\nserver")
    (line,) = file.read_text("utf-8").splitlines()
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.000Z",
        "kind": "mail",
        "job": 7,
        "ok": False,
        "detail": "no such\\nserver",
    }


def test_the_file_of_events_is_bounded_and_the_newest_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    events = journal(file, largest=2000)
    for number in range(200):
        events.add("mail", number, ok=True, detail="x" * 50)
    assert sorted(os.listdir(tmp_path)) == ["events.jsonl", "events.jsonl.1"]
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) < 4500
    kept = [event["job"] for event in read_events(str(file))]
    assert kept == [*range(kept[0], 200)]
    assert len(kept) > 10


def test_half_a_line_of_a_power_cut_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"time": "2027-01')
    journal(file).add("mail", 7, ok=True, detail="sent")
    assert [event["job"] for event in read_events(str(file))] == [7]


def test_no_file_has_no_events_and_a_long_detail_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    assert read_events(str(file)) == []
    journal(file).add("command", 7, ok=False, detail="y" * 100_000)
    assert file.stat().st_size < 3000


def test_events_that_cannot_be_written_disturb_nobody(tmp_path: Path) -> None:
    journal(tmp_path / "gone" / "events.jsonl").add("mail", 7, ok=True, detail="sent")
    (tmp_path / "events.jsonl").mkdir()
    journal(tmp_path / "events.jsonl").add("mail", 7, ok=True, detail="sent")
    assert os.listdir(tmp_path / "events.jsonl") == []

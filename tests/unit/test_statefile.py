"""state.json: no id is given twice, whatever fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from qm.model import Drain, Steering
from qm.osops import FolderHandle, identity_of
from qm.records import RecordError
from qm.statefile import SavedState, StateFile


def load(own: Path, boot: str = "b1") -> SavedState:
    return StateFile(str(own), boot, sync=True).load()


def test_an_absent_file_is_a_beginning(tmp_path: Path) -> None:
    assert load(tmp_path) == SavedState()
    assert load(tmp_path).first_free("b1") == 1


def test_within_one_boot_ids_go_on_without_a_gap(tmp_path: Path) -> None:
    StateFile(str(tmp_path), "b1", sync=True).save(8)
    saved = load(tmp_path)
    assert saved.first_free("b1") == 8
    assert saved.root == identity_of(str(tmp_path))


def test_after_a_power_cut_ids_go_on_behind_the_reserved_block(tmp_path: Path) -> None:
    StateFile(str(tmp_path), "b1", sync=True).save(8)
    assert load(tmp_path).first_free("b2") == 1008


@pytest.mark.parametrize("left", ["", '{"format": 1, "ne', "\0\0\0\0"])
def test_where_a_power_cut_left_nothing_of_the_last_write_the_last_sync_counts(
    tmp_path: Path, left: str
) -> None:
    file = StateFile(str(tmp_path), "b1", sync=True)
    file.save(8)
    file.steer(Steering(processors=3))
    file.save(9)
    (tmp_path / "state.json").write_text(left, encoding="ascii")
    for boot in ("b1", "b2"):
        saved = load(tmp_path, boot)
        assert saved.first_free(boot) == 1008
        assert saved.steering.processors == 3


def test_only_a_new_block_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    write = FolderHandle.write

    def noting(self: FolderHandle, name: str, data: bytes, *, sync: bool = False) -> None:
        synced.append(sync)
        write(self, name, data, sync=sync)

    monkeypatch.setattr(FolderHandle, "write", noting)
    file = StateFile(str(tmp_path), "b1", sync=True)
    for next_id in (2, 3, 901, 902, 903):
        file.save(next_id)
    assert synced == [True, True, False, False, True, True, False]


def test_a_block_that_a_full_disk_refused_is_written_and_synced_by_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StateFile(str(tmp_path), "b1", sync=True)
    with monkeypatch.context() as patch:
        patch.setattr(FolderHandle, "write", _full)
        with pytest.raises(OSError, match="No space"):
            file.save(2)
    synced: list[bool] = []
    monkeypatch.setattr(FolderHandle, "write", lambda *a, sync=False: synced.append(sync))
    file.save(3)
    assert synced == [True, True]


def _full(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 9}', '{"format": 1}', "null"]
    + [json.dumps({"format": 1, "next_id": n, "reserved": 1, "boot": ""}) for n in ("x", 1e999)]
    + ['{"format": 1, "next_id": 1, "reserved": 1, "boot": "", "root": [1]}']
    + [
        '{"format": 1, "next_id": 1, "reserved": 1, "boot": "", "root": null, ' + wrong + "}"
        for wrong in (
            '"drain": 5',
            '"drain": {"who": "anna"}',
            '"processors": "4"',
            '"memory": 1.5',
        )
    ],
)
def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text, encoding="ascii")
    with pytest.raises(RecordError):
        load(tmp_path)
    assert (tmp_path / "state.json").read_text(encoding="ascii") == text
    assert os.listdir(tmp_path) == ["state.json"]


STEERING = Steering(Drain("2026-01-01T00:00:00.000Z", "anna"), processors=4, memory=1 << 30)


def test_what_people_set_is_kept_over_restarts_and_power_cuts(tmp_path: Path) -> None:
    file = StateFile(str(tmp_path), "b1", sync=True)
    file.save(8)
    file.steer(STEERING)
    assert (load(tmp_path).steering, load(tmp_path).first_free("b1")) == (STEERING, 8)
    assert (load(tmp_path, "b2").steering, load(tmp_path).first_free("b2")) == (STEERING, 1008)


def test_an_id_that_is_saved_later_keeps_what_people_set(tmp_path: Path) -> None:
    StateFile(str(tmp_path), "b1", sync=True).steer(STEERING)
    after = StateFile(str(tmp_path), "b1", sync=True)
    after.load()
    after.save(9)
    assert (load(tmp_path).steering, load(tmp_path).first_free("b1")) == (STEERING, 9)
    after.steer(Steering())
    assert (load(tmp_path).steering, load(tmp_path).first_free("b1")) == (Steering(), 9)


def test_steering_in_a_later_boot_gives_no_id_twice(tmp_path: Path) -> None:
    StateFile(str(tmp_path), "b1", sync=True).save(8)
    later = StateFile(str(tmp_path), "b2", sync=True)
    later.load()
    later.steer(STEERING)
    assert load(tmp_path, "b2").first_free("b2") == 1008
    assert load(tmp_path, "b3").first_free("b3") == 2008


def test_what_a_full_disk_refused_is_written_with_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StateFile(str(tmp_path), "b1", sync=True)
    file.save(8)
    with monkeypatch.context() as patch:
        patch.setattr(FolderHandle, "write", _full)
        with pytest.raises(OSError, match="No space"):
            file.steer(STEERING)
    assert load(tmp_path).steering == Steering()
    file.save(9)
    assert load(tmp_path).steering == Steering(), "whoever asked was told that it is not kept"
    file.steer(STEERING)
    assert load(tmp_path).steering == STEERING


def test_what_people_set_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StateFile(str(tmp_path), "b1", sync=True)
    synced: list[bool] = []
    monkeypatch.setattr(FolderHandle, "write", lambda *a, sync=False: synced.append(sync))
    file.steer(STEERING)
    assert synced == [True, True]

"""QM's own files beside the jobs: whatever they hold, they are read or told, and nothing ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qm.control.requests import Request, open_requests, take_answer, write_request
from qm.effects.intents import Intent, read_intents, write_intent
from qm.folders.layout import Layout
from qm.history import History, last_attempts, last_of, read_history, vanished_in
from qm.model import Outcome, Place, State
from qm.notify.notice import notice_of
from qm.notify.spool import Parcel, Spool
from qm.records import Claim, End, RecordError, job_record
from qm.statefile import StateFile
from qm.trash import REMOVED, list_trash
from tests.fakes.jobs import a_job

WHEN = "2026-01-01T00:00:09.000Z"
OUTCOME = Outcome(ended=WHEN, started=WHEN, exit_code=0)
JOB = a_job(7, attempt=1, token="t", state=State.FINISHED, outcome=OUTCOME)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)

Damage = Callable[[bytes], bytes]


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """What may become of the bytes of a JSON file: cut, strewn with others, a value replaced."""
    kind = draw(st.sampled_from(["any", "cut", "strewn", "value", "inner", "absent"]))
    share, other, value = draw(st.floats(0, 1)), draw(st.binary(max_size=40)), draw(VALUES)
    which = draw(st.integers(0, 99))

    def damage(data: bytes) -> bytes:
        place = int(share * len(data))
        if kind == "any":
            return other
        if kind == "cut":
            return data[:place]
        if kind == "strewn":
            return data[:place] + other + data[place + len(other) :]
        record: dict[str, Any] = json.loads(data)
        keys = sorted(record)
        key = keys[which % len(keys)]
        if kind == "absent":
            del record[key]
        elif kind == "inner" and isinstance(record[key], dict) and record[key]:
            inner = sorted(record[key])
            record[key] = {**record[key], inner[which % len(inner)]: value}
        else:
            record[key] = value
        return json.dumps(record).encode()

    return damage


def hurt(path: Path, damage: Damage) -> None:
    path.write_bytes(damage(path.read_bytes()))


FEW = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(str(tmp_path / "QM"))
    layout.create()
    return layout


@FEW
@given(damages())
def test_a_request_is_understood_or_taken_away(layout: Layout, damage: Damage) -> None:
    write_request(layout.requests, Request("1-a", "kill", ("7",), "anna", 1e12, 2.0, {"on": True}))
    path = Path(layout.requests) / "1-a.json"
    hurt(path, damage)
    found = open_requests(layout.requests, set(), 0.0)
    assert bool(found) == path.exists()
    assert all(isinstance(request, Request) for request in found)
    path.unlink(missing_ok=True)


@FEW
@given(damages())
def test_an_answer_is_a_record_or_told_as_damaged(layout: Layout, damage: Damage) -> None:
    path = Path(layout.requests) / "1-a.answer"
    path.write_bytes(damage(b'{"format": 1, "ok": true, "ended": {"id": 7}}'))
    try:
        answer = take_answer(layout.requests, "1-a")
    except RecordError:
        answer = None
    assert answer is None or answer["format"] == 1
    assert not path.exists()


@FEW
@given(damages())
def test_an_intent_is_understood_or_named(layout: Layout, damage: Damage) -> None:
    job = job_record(JOB, Claim("b", claimed=False))
    end = End(1, State.FINISHED, OUTCOME)
    intent = Intent(7, JOB.identity, Place.WAITING, "job", "job", end, job, "a log", False)
    write_intent(layout, intent, sync=False)
    hurt(Path(layout.intents) / "7.json", damage)
    found, damaged = read_intents(layout)
    assert len(found) + len(damaged) == 1


@FEW
@given(damages())
def test_the_state_is_read_from_the_last_sync_or_told_as_damaged(
    layout: Layout, damage: Damage
) -> None:
    for name in ("state.json", "state.synced.json"):
        (Path(layout.own) / name).unlink(missing_ok=True)
    StateFile(layout.own, "boot", sync=True).save(7)
    hurt(Path(layout.own) / "state.json", damage)
    saved = StateFile(layout.own, "boot", sync=True).load()
    assert saved.next_id == 7 or saved.reserved > 0


@FEW
@given(damages())
def test_a_line_of_the_history_is_understood_or_passed_over_and_the_next_one_is_whole(
    layout: Layout, damage: Damage
) -> None:
    path = Path(layout.history_file)
    path.unlink(missing_ok=True)
    History(str(path)).append([JOB], vanished=True)
    hurt(path, damage)
    for line in (*read_history(str(path)), *vanished_in(str(path))):
        assert isinstance(line["id"], int)
    assert len(last_attempts(str(path))) <= 1
    last_of(str(path), id=7)
    last_of(str(path), name="job")
    history = History(str(path))
    assert isinstance(history.highest_id, int)
    history.append([a_job(8, attempt=1, state=State.FINISHED, outcome=OUTCOME)])
    found = last_of(str(path), id=8)
    assert found is not None and found["state"] == "FINISHED"


def test_a_line_of_the_history_whose_state_is_a_list_does_not_keep_qm_from_its_start(
    tmp_path: Path,
) -> None:
    path = tmp_path / "history.jsonl"
    line = {"format": 1, "id": 7, "attempt": 1, "name": "job", "state": "FINISHED"}
    path.write_text("".join(json.dumps({**line, key: []}) + "\n" for key in line))
    assert History(str(path)).highest_id == 7
    assert len(list(read_history(str(path)))) == 1


@FEW
@given(damages())
def test_a_notice_is_read_or_told_once_and_put_aside(tmp_path: Path, damage: Damage) -> None:
    spool = Spool(str(tmp_path / "notices"))
    spool.write(Parcel(notice_of(JOB, "/somewhere"), WHEN, frozenset({"mail"})))
    (path,) = (tmp_path / "notices").iterdir()
    hurt(path, damage)
    parcels, faults = spool.load()
    assert len(parcels) + len(faults) == 1
    parcels_again, faults = spool.load()
    assert (parcels_again, faults) == (parcels, [])
    for left in (tmp_path / "notices").iterdir():
        left.unlink()


@FEW
@given(damages())
def test_what_was_removed_is_listed_whatever_its_record_says(
    layout: Layout, damage: Damage
) -> None:
    own = Path(layout.trash) / "job" / ".qm"
    own.mkdir(parents=True, exist_ok=True)
    record = b'{"format": 1, "request": "r", "name": "job", "place": "QM_dJobs"}'
    (own / REMOVED).write_bytes(damage(record))
    (found,) = list_trash(layout.trash)
    assert found.folder == "job" and found.name

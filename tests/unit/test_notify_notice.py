"""What is told about a job: made from it, kept on disk, given to programs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.identity import Identity
from qm.model import Outcome, Reason, State
from qm.notify import Event, Notice, brake_notice, notice_of
from qm.notify.notice import notice_from_record, notice_record, payload
from qm.records import RecordError, decode, encode
from tests.fakes.jobs import SUBMITTED, a_job
from tests.fakes.notices import ENDED, STARTED, a_notice

FOLDER = "/queue/QM_dJobs/job7"


def test_a_notice_says_what_the_job_and_its_outcome_say() -> None:
    outcome = Outcome(ended=ENDED, started=STARTED, exit_code=2)
    options = {"e_mail": "anna@example.org", "notify_url": "http://x.org/"}
    job = a_job(state=State.FAILED, attempt=3, outcome=outcome, options=options)
    notice = notice_of(job, FOLDER)
    assert (notice.event, notice.key) == (Event.ENDED, "7-3-ended")
    assert (notice.state, notice.reason, notice.exit_code) == (State.FAILED, "ExitCode: 2", 2)
    assert (notice.submitted, notice.started, notice.ended) == (SUBMITTED, STARTED, ENDED)
    assert (notice.duration, notice.folder, notice.identity) == (90.0, FOLDER, job.identity)
    assert (notice.owner, notice.notify_url) == ("anna@example.org", "http://x.org/")


def test_the_owner_of_the_folder_stands_in_where_the_job_names_no_address() -> None:
    job = a_job(state=State.FINISHED, outcome=Outcome(ended=ENDED, started=STARTED, exit_code=0))
    assert notice_of(job, FOLDER).owner == "anna"


def test_a_lost_job_and_a_job_that_never_ran_have_what_is_true_of_them() -> None:
    reason = Reason("Lost", "the machine was switched off")
    lost = a_job(
        state=State.LOST, attempt=1, started=STARTED, outcome=Outcome(ENDED), reason=reason
    )
    notice = notice_of(lost, FOLDER)
    assert (notice.key, notice.reason) == ("7-1-lost", str(reason))
    assert (notice.duration, notice.exit_code) == (90.0, None)
    refused = notice_of(a_job(state=State.REJECTED, outcome=Outcome(ENDED)), FOLDER)
    assert (refused.event, refused.started, refused.duration) == (Event.ENDED, None, None)


@pytest.mark.parametrize(
    ("started", "ended", "duration"),
    [(STARTED, STARTED, 0.0), (ENDED, STARTED, 0.0), ("yesterday", ENDED, None)],
)
def test_a_clock_that_was_set_back_or_a_damaged_time_makes_no_odd_duration(
    started: str, ended: str, duration: float | None
) -> None:
    outcome = Outcome(ended=ended, started=started, exit_code=0)
    job = a_job(state=State.FINISHED, outcome=outcome)
    assert notice_of(job, FOLDER).duration == duration


def test_the_brake_is_told_with_the_jobs_that_failed_and_those_on_hold() -> None:
    outcome = Outcome(ended=ENDED, started=STARTED, exit_code=1)
    job = a_job(state=State.FAILED, attempt=1, outcome=outcome)
    notice = brake_notice(job, (5, 6, 7), (8, 9), Reason("Brake", "3 jobs of x failed"), FOLDER)
    assert (notice.key, notice.failed, notice.held) == ("7-1-brake", (5, 6, 7), (8, 9))
    told = payload(notice, FOLDER, "lab")
    assert (told["event"], told["failed"], told["held"]) == ("brake", [5, 6, 7], [8, 9])
    assert notice_of(job, FOLDER).key != notice.key


def test_programs_are_told_all_of_it_in_json() -> None:
    assert payload(a_notice(), "/now/here", "lab") == {
        "event": "ended",
        "notice": "7-1-ended",
        "id": 7,
        "attempt": 1,
        "name": "job7",
        "state": "FAILED",
        "reason": "ExitCode: 2",
        "exit_code": 2,
        "submitted": "2026-01-01T00:00:00.000Z",
        "started": STARTED,
        "ended": ENDED,
        "duration": 90.0,
        "owner": "anna@example.org",
        "folder": "/now/here",
        "host": "lab",
    }
    assert payload(a_notice(), None, "lab")["folder"] is None


def test_a_name_that_is_no_unicode_comes_as_escapes_that_every_reader_of_json_takes() -> None:
    text = json.dumps(payload(a_notice(name="caf\udce9", reason="\ud800"), None, "lab"))
    assert "\\ud" not in text
    assert json.loads(text)["name"] == "caf\\xe9"


TEXTS = st.text(max_size=40)
NOTICES = st.builds(
    Notice,
    event=st.sampled_from(Event),
    id=st.integers(0, 10**9),
    attempt=st.integers(0, 99),
    name=TEXTS,
    identity=st.builds(Identity, *[st.integers(0, 2**60)] * 3),
    state=st.sampled_from(State),
    reason=st.none() | TEXTS,
    exit_code=st.none() | st.integers(-255, 255),
    submitted=TEXTS,
    started=st.none() | TEXTS,
    ended=st.none() | TEXTS,
    duration=st.none() | st.floats(0, 1e9),
    owner=TEXTS,
    folder=TEXTS,
    notify_url=st.none() | TEXTS,
    failed=st.lists(st.integers(1, 99), max_size=3).map(tuple),
    held=st.lists(st.integers(1, 99), max_size=3).map(tuple),
)


@given(NOTICES)
def test_a_notice_is_read_back_as_it_was_written(notice: Notice) -> None:
    assert notice_from_record(decode(encode(notice_record(notice)))) == notice


@given(st.sampled_from(sorted(notice_record(a_notice()))), st.none() | st.integers() | TEXTS)
def test_a_damaged_record_is_read_or_refused_and_nothing_else(key: str, value: Any) -> None:
    record = {**notice_record(a_notice()), key: value}
    try:
        notice = notice_from_record(record)
    except RecordError:
        return
    assert replace(notice) == notice


def test_a_record_that_lacks_a_part_is_refused() -> None:
    record = notice_record(a_notice())
    for key in record:
        with pytest.raises(RecordError, match="damaged"):
            notice_from_record({name: value for name, value in record.items() if name != key})

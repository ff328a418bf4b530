"""Records: every format ever written stays readable; what is damaged is told, never guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.control.requests import Request, open_requests, take_answer
from qm.effects.intents import read_intents
from qm.folders.layout import Layout
from qm.history import read_history
from qm.identity import Identity
from qm.jobdir import read_records
from qm.model import (
    NOT_PUT_BACK,
    Dependency,
    Drain,
    JobOptions,
    Outcome,
    Place,
    Reason,
    State,
    Steering,
)
from qm.osops import identity_of
from qm.records import (
    Claim,
    End,
    RecordError,
    decode,
    encode,
    end_from_record,
    end_record,
    job_from_record,
    job_record,
    outcome_from_record,
    outcome_record,
)
from qm.statefile import StateFile
from tests.fakes.jobs import a_job

V1 = Path(__file__).parents[1] / "data" / "records" / "v1"

OPTIONS_V1 = JobOptions(
    script="python fit.py",
    nb_proc=8,
    mem=2 << 30,
    nb_gpu=1,
    walltime=5400.0,
    priority=-3,
    size="big",
    e_mail="anna@example.org",
    info="a fit",
    after=("afterok:12", "afterany:prep"),
    hold=True,
    begin="2026-01-02T00:00:00.000Z",
    retries=2,
    rerunnable=True,
    env=(("A", "1"), ("B", "x y")),
    cwd="sub",
    stdout="out.txt",
    stderr="err.txt",
    notify_url="https://example.org/x",
    system="local",
    settle=10.0,
    dialect="slurm",
)
OUTCOME_V1 = Outcome(
    ended="2026-01-01T01:30:01.900Z",
    started="2026-01-01T00:00:01.250Z",
    signal="SIGKILL",
    reason=Reason("TimeLimit", "ran longer than its walltime, 5400 s"),
    cpu_seconds=43111.5,
    peak_memory=1 << 30,
)


def v1(name: str) -> dict[str, Any]:
    return decode((V1 / name).read_bytes())


def test_a_job_record_of_format_1_is_read() -> None:
    job, claim = job_from_record(v1("job.json"), "fit")
    assert (job.id, job.name, job.attempt, job.token) == (41, "fit", 2, "6f1c0a9e")
    assert job.identity == Identity(66306, 1311, 1767225600123456789)
    assert (job.owner, job.arrival, job.launches) == ("anna", 1767225600000001, 1)
    assert (job.info_file, job.submit_token) == ("proc_config.cfg", "5ub317")
    assert (job.submitted, job.notes) == (
        "2026-01-01T00:00:00.000Z",
        ("nb_proc lowered from 64 to 8",),
    )
    assert job.options == OPTIONS_V1
    assert claim == Claim("b00t-1", claimed=True)


def test_what_most_jobs_do_not_have_is_read_from_a_record_of_format_1() -> None:
    job, claim = job_from_record(v1("job-scheduled.json"), "step")
    assert job.changes == (("priority", "5"), ("walltime", "1h"))
    assert job.depends == (
        Dependency("afterok", "prep", 40),
        Dependency("afternotok", "12", None),
    )
    assert (job.failures, job.not_before, job.put_back) == (1, "2026-01-01T00:10:00.000Z", 1)
    assert (job.cpus, job.gpus) == ((4, 6), (0,))
    options = job.options
    assert (options.retries, options.retry_delay, options.retry_on) == (3, 90.0, (75, 111))
    assert (options.signal, options.walltime) == (("USR1", 60.0), 3600.0)
    assert claim.claimed
    assert decode(encode(job_record(job, claim))) == v1("job-scheduled.json")


def test_a_record_from_before_these_parts_has_none_of_them() -> None:
    job, claim = job_from_record(v1("job.json"), "fit")
    assert (job.changes, job.depends, job.failures, job.not_before) == ((), (), 0, None)
    assert (job.cpus, job.gpus, job.put_back) == ((), (), NOT_PUT_BACK)
    added = job_record(job, claim).keys() - v1("job.json").keys()
    assert added == set(), "a claim writes little"


def test_a_mark_of_format_1_says_that_a_job_stands_still(tmp_path: Path) -> None:
    own = tmp_path / "step" / ".qm"
    own.mkdir(parents=True)
    (own / "job.json").write_bytes((V1 / "job-scheduled.json").read_bytes())
    assert not read_records(str(own.parent), "step").suspended
    (own / "suspend").write_bytes((V1 / "suspend").read_bytes())
    assert read_records(str(own.parent), "step").suspended
    assert (v1("suspend")["attempt"], v1("suspend")["token"]) == (2, "0b5e77aa")


@pytest.mark.parametrize(("put_back", "counts"), [(2, False), (1, True), (-1, True)])
def test_the_end_of_an_attempt_that_was_put_back_counts_no_more(
    tmp_path: Path, put_back: int, counts: bool
) -> None:
    own = tmp_path / "step" / ".qm"
    own.mkdir(parents=True)
    record = {**v1("job-scheduled.json"), "put_back": put_back}
    (own / "job.json").write_bytes(encode(record))
    for name in ("exit.json", "end.json"):
        (own / name).write_bytes((V1 / name).read_bytes())
    records = read_records(str(own.parent), "step")
    assert (records.ended, records.unarchived) == (counts, not counts)
    assert records.damaged == ()


def test_exit_and_end_records_of_format_1_are_read() -> None:
    assert outcome_from_record(v1("exit.json")) == OUTCOME_V1
    assert OUTCOME_V1.state() is State.KILLED
    end = end_from_record(v1("end.json"))
    assert (end.attempt, end.state) == (2, State.LOST)
    assert end.outcome.reason is not None and end.outcome.reason.word == "MachineDown"


def test_a_job_folder_of_format_1_is_read(tmp_path: Path) -> None:
    own = tmp_path / "fit" / ".qm"
    own.mkdir(parents=True)
    for name in ("job.json", "start.json", "exit.json", "end.json", "submit.json"):
        (own / name).write_bytes((V1 / name).read_bytes())
    records = read_records(str(own.parent), "fit")
    assert records.damaged == ()
    assert records.job is not None and records.job.options == OPTIONS_V1
    assert records.start is not None and records.exit == OUTCOME_V1
    assert (records.start.supervisor, records.start.supervisor_started) == (4711, 1767225601.25)
    assert (records.start.host, records.start.boot) == ("lab1", "b00t-1")
    assert records.end is not None and records.ended
    assert records.submit is not None and records.submit["token"] == "5ub317"
    assert not records.is_ours  # This folder is a copy: its identity is another.


def test_an_intent_of_format_1_is_read(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    layout.create()
    (Path(layout.intents) / "41.json").write_bytes((V1 / "intent.json").read_bytes())
    (Path(layout.intents) / "42.json").write_bytes(b"{torn")
    (intent,), damaged = read_intents(layout)
    assert damaged == ["42.json"]
    assert (intent.id, intent.place, intent.name, intent.target) == (
        41,
        Place.WAITING,
        "fit",
        "fit",
    )
    assert intent.end.state is State.CANCELLED and not intent.fresh
    assert intent.log.startswith("Job cancelled by QM at: ")
    job, _ = job_from_record({"format": 1, **intent.job}, intent.name)
    assert job.options == OPTIONS_V1


def test_a_request_and_an_answer_of_format_1_are_read(tmp_path: Path) -> None:
    request_id = v1("request.json")["id"]
    (tmp_path / f"{request_id}.json").write_bytes((V1 / "request.json").read_bytes())
    assert open_requests(str(tmp_path), set(), 0.0) == [
        Request(request_id, "kill", ("41", "fit"), "anna", 1767225660.5, 5.0)
    ]
    (tmp_path / f"{request_id}.answer").write_bytes((V1 / "answer.json").read_bytes())
    answer = take_answer(str(tmp_path), request_id)
    assert answer is not None and (answer["ok"], answer["state"]) == (True, "KILLED")


def test_the_state_and_a_history_line_of_format_1_are_read(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes((V1 / "state.json").read_bytes())
    saved = StateFile(str(tmp_path), "b00t-1", sync=False).load()
    assert (saved.next_id, saved.reserved, saved.boot) == (42, 1001, "b00t-1")
    assert saved.root == Identity(66306, 1290, 1767225500000000000)
    (line,) = read_history(str(V1 / "history.jsonl"))
    assert (line["id"], line["attempt"], line["state"], line["vanished"]) == (
        41,
        2,
        "KILLED",
        False,
    )
    assert outcome_from_record(line) == OUTCOME_V1


def test_a_state_of_format_1_tells_what_people_set(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes((V1 / "state-steered.json").read_bytes())
    steering = StateFile(str(tmp_path), "b00t-1", sync=False).load().steering
    assert steering == Steering(Drain("2026-01-01T00:00:00.000Z", "anna"), 4, 1 << 30)


def test_a_kill_mark_of_format_1_is_what_supervisors_look_for() -> None:
    mark = v1("kill")
    assert (mark["attempt"], mark["token"], mark["grace"]) == (2, "6f1c0a9e", 10.0)
    assert (mark["reason"], mark["text"]) == ("User", "killed by anna")


NAMES = st.text(st.characters(exclude_characters="\0/"), min_size=1)
TEXTS = st.none() | st.text()
OPTIONS = st.builds(
    JobOptions,
    script=st.text(),
    nb_proc=st.integers(1, 512),
    mem=st.none() | st.integers(1),
    walltime=st.none() | st.floats(0, 1e9),
    priority=st.integers(),
    e_mail=TEXTS,
    after=st.lists(st.text()).map(tuple),
    hold=st.booleans(),
    env=st.lists(st.tuples(st.text(), st.text())).map(tuple),
    cwd=TEXTS,
    settle=st.none() | st.floats(0, 60),
)
OUTCOMES = st.builds(
    Outcome,
    ended=st.text(),
    started=TEXTS,
    exit_code=st.none() | st.integers(),
    signal=TEXTS,
    reason=st.none() | st.builds(Reason, st.from_regex(r"[A-Za-z]+", fullmatch=True), st.text()),
    cpu_seconds=st.floats(0, 1e12),
    peak_memory=st.integers(0),
)


RARE = st.fixed_dictionaries(
    {
        "changes": st.lists(st.tuples(st.text(), st.text())).map(tuple),
        "depends": st.lists(
            st.builds(Dependency, st.text(), st.text(), st.none() | st.integers())
        ).map(tuple),
        "failures": st.integers(0),
        "not_before": st.none() | st.text(min_size=1),
        "put_back": st.integers(-1),
        "cpus": st.lists(st.integers(0)).map(tuple),
        "gpus": st.lists(st.integers(0)).map(tuple),
    }
)


@given(OPTIONS, NAMES, st.integers(0), TEXTS, st.booleans(), RARE)
def test_a_job_record_comes_back_as_it_was_written(
    options: JobOptions,
    name: str,
    attempt: int,
    token: str | None,
    claimed: bool,
    rare: dict[str, Any],
) -> None:
    job = a_job(9, name=name, options={}, attempt=attempt, token=token, submit_token=token)
    job = type(job)(**{**_fields(job), **rare, "options": options})
    record = decode(encode(job_record(job, Claim("b", claimed))))
    assert job_from_record(record, name) == (job, Claim("b", claimed))


def _fields(job: Any) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__dataclass_fields__}


@given(OUTCOMES, st.sampled_from(State))
def test_outcomes_and_ends_come_back_as_they_were_written(outcome: Outcome, state: State) -> None:
    assert outcome_from_record(decode(encode(outcome_record(outcome)))) == outcome
    end = End(3, state, outcome)
    assert end_from_record(decode(encode(end_record(end)))) == end


def test_an_undecodable_name_survives_its_record() -> None:
    record = decode(encode(job_record(a_job(name="caf\udce9"), Claim("", claimed=False))))
    assert record["name"] == "caf\udce9"


def test_a_record_of_a_later_format_is_told_as_such() -> None:
    with pytest.raises(RecordError, match="format 2; this QM reads up to 1"):
        decode(b'{"format": 2}')


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "7"),
        ("id", True),
        ("attempt", 1.5),
        ("arrival", None),
        ("identity", [1, 2]),
        ("identity", [1e999, 2, 3]),
        ("token", 7),
        ("options", {"nb_proc": 2}),
        ("options", {"script": 5}),
        ("options", {"script": "x", "nb_proc": "four"}),
        ("options", {"script": "x", "walltime": "long"}),
        ("options", {"script": "x", "walltime": float("nan")}),
        ("options", {"script": "x", "hold": "yes"}),
        ("options", {"script": "x", "env": [["A"]]}),
        ("options", {"script": "x", "after": "prep"}),
        ("options", []),
        ("notes", 5),
        ("changes", [["priority"]]),
        ("changes", {"priority": "5"}),
        ("depends", [["afterok", "prep"]]),
        ("depends", [["afterok", "prep", "40"]]),
        ("depends", "prep"),
        ("failures", "1"),
        ("put_back", None),
        ("not_before", 5),
        ("cpus", 4),
        ("gpus", ["0"]),
    ],
)
def test_a_job_record_with_a_part_of_another_kind_is_damaged(field: str, value: object) -> None:
    record = {**v1("job.json"), field: value}
    with pytest.raises(RecordError, match=r"job\.json is damaged"):
        job_from_record(record, "fit")


@pytest.mark.parametrize("field", ["id", "options", "identity", "token", "claimed", "boot"])
def test_a_job_record_that_lacks_a_part_is_damaged(field: str) -> None:
    record = v1("job.json")
    del record[field]
    with pytest.raises(RecordError):
        job_from_record(record, "fit")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda v: json.dumps(v).encode()))
def test_whatever_bytes_lie_there_they_are_a_record_or_a_record_error(data: bytes) -> None:
    try:
        record = decode(data)
    except RecordError:
        return
    assert record["format"] == 1


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b"\xff\xfe{"])
def test_bytes_that_break_parsers_are_no_record(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode(data)


@given(st.sampled_from(["job.json", "exit.json", "end.json"]), st.data())
def test_a_record_of_which_any_part_is_replaced_is_read_or_damaged(
    name: str, data: st.DataObject
) -> None:
    readers = {
        "job.json": lambda record: job_from_record(record, "fit"),
        "exit.json": outcome_from_record,
        "end.json": end_from_record,
    }
    record = v1(name)
    key = data.draw(st.sampled_from(sorted(record)))
    inner = record[key]
    value = data.draw(JSON)
    if isinstance(inner, dict) and data.draw(st.booleans()):
        record[key] = {**inner, data.draw(st.sampled_from(sorted(inner))): value}
    else:
        record[key] = value
    try:
        readers[name](record)
    except RecordError:
        return


@given(st.sampled_from(["job.json", "start.json", "exit.json", "end.json"]), st.data())
def test_a_job_folder_is_read_whatever_one_of_its_records_says(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("job", numbered=True)
    own = folder / ".qm"
    own.mkdir()
    for file in ("job.json", "start.json", "exit.json", "end.json"):
        record = v1(file)
        if file == name:
            key = data.draw(st.sampled_from(sorted(record.keys() - {"format"})))
            record[key] = data.draw(JSON)
        (own / file).write_text(json.dumps(record), encoding="ascii")
    records = read_records(str(folder), "fit")
    assert records.identity == identity_of(str(folder))
    assert name == "job.json" or records.job is not None

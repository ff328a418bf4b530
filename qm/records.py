"""What the records say: dictionaries as they lie in ``.qm/``, and the data that they mean.

Every record carries a format number. What cannot be understood is a
RecordError, never a guess: a record cut off by a power cut is no record.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from qm.identity import Identity
from qm.model import NOT_PUT_BACK, Dependency, Job, JobOptions, Outcome, Reason, State

FORMAT = 1
LIMIT = 1 << 20
"""Bytes of the largest record that is read."""

Record = dict[str, Any]

_OPTION_DEFAULTS = {f.name: f.default for f in fields(JobOptions) if f.name != "script"}


class RecordError(ValueError):
    """A record that is damaged, foreign, or of a later format."""


DAMAGE = (KeyError, TypeError, ValueError, OverflowError)
"""What reading a record raises whose parts are absent, of another kind, or beyond all numbers."""


def encode(record: Record) -> bytes:
    """One record as it is written: JSON in ASCII, undecodable names kept as surrogates."""
    return json.dumps({"format": FORMAT, **record}, ensure_ascii=True).encode()


def decode(data: bytes) -> Record:
    """Read what :func:`encode` wrote; RecordError for anything else."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not a record: {error}") from error
    if not isinstance(record, dict):
        raise RecordError("not a record: not an object")
    version = record.get("format")
    if version != FORMAT:
        raise RecordError(f"a record of format {version!r}; this QM reads up to {FORMAT}")
    return record


@dataclass(frozen=True, slots=True)
class Claim:
    """What ``job.json`` says beside the job: whether it was handed out, and in which boot."""

    boot: str
    claimed: bool


def job_record(job: Job, claim: Claim) -> Record:
    """``job.json``: the job as understood; options only where they differ from the default."""
    options = {
        name: getattr(job.options, name)
        for name, default in _OPTION_DEFAULTS.items()
        if getattr(job.options, name) != default
    }
    return {
        "id": job.id,
        "attempt": job.attempt,
        "token": job.token,
        "boot": claim.boot,
        "claimed": claim.claimed,
        "name": job.name,
        "identity": list(job.identity),
        "owner": job.owner,
        "arrival": job.arrival,
        "submitted": job.submitted,
        "launches": job.launches,
        "info_file": job.info_file,
        "notes": list(job.notes),
        "submit_token": job.submit_token,
        "options": {"script": job.options.script, **options},
        **_rare(job),
    }


def _rare(job: Job) -> Record:
    """What most jobs do not have, where this one has it: a claim writes little."""
    rare: Record = {
        "changes": [list(change) for change in job.changes],
        "depends": [[one.condition, one.target, one.id] for one in job.depends],
        "failures": job.failures,
        "not_before": job.not_before,
        "rerun_by": job.rerun_by,
        "cpus": list(job.cpus),
        "gpus": list(job.gpus),
    }
    found = {name: value for name, value in rare.items() if value}
    return found if job.put_back == NOT_PUT_BACK else {**found, "put_back": job.put_back}


def job_from_record(record: Record, name: str) -> tuple[Job, Claim]:
    """The inverse of :func:`job_record`, for a folder now called ``name``."""
    try:
        device, inode, birth = (int(part) for part in record["identity"])
        job = Job(
            id=_whole(record["id"]),
            name=name,
            identity=Identity(device, inode, birth),
            options=_options(record["options"]),
            info_file=str(record["info_file"]),
            owner=str(record["owner"]),
            arrival=_whole(record["arrival"]),
            submitted=str(record["submitted"]),
            attempt=_whole(record["attempt"]),
            token=_text_or_none(record["token"]),
            launches=_whole(record.get("launches", 0)),
            notes=tuple(str(note) for note in record.get("notes", ())),
            submit_token=_text_or_none(record.get("submit_token")),
            changes=_pairs(record.get("changes", [])),
            depends=_depends(record.get("depends", [])),
            failures=_whole(record.get("failures", 0)),
            not_before=_text_or_none(record.get("not_before")),
            put_back=_whole(record.get("put_back", NOT_PUT_BACK)),
            rerun_by=_text_or_none(record.get("rerun_by")),
            cpus=_wholes(record.get("cpus", [])),
            gpus=_wholes(record.get("gpus", [])),
        )
        return job, Claim(str(record["boot"]), bool(record["claimed"]))
    except DAMAGE as error:
        raise RecordError(f"job.json is damaged: {error!r}") from error


def _depends(value: object) -> tuple[Dependency, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list")
    return tuple(
        Dependency(_text(condition), _text(target), None if job is None else _whole(job))
        for condition, target, job in value
    )


def _options(record: Record) -> JobOptions:
    known = {name: _OF_KIND[name](record[name]) for name in _OF_KIND if name in record}
    return JobOptions(**known)


def outcome_record(outcome: Outcome) -> Record:
    """The part of exit records, history lines and answers that says how an attempt ended."""
    return {
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "reason": None if outcome.reason is None else str(outcome.reason),
        "started": outcome.started,
        "ended": outcome.ended,
        "cpu_seconds": outcome.cpu_seconds,
        "peak_memory": outcome.peak_memory,
    }


def outcome_from_record(record: Record) -> Outcome:
    """The inverse of :func:`outcome_record`."""
    try:
        code = record["exit_code"]
        reason = record["reason"]
        return Outcome(
            ended=str(record["ended"]),
            started=_text_or_none(record["started"]),
            exit_code=None if code is None else _whole(code),
            signal=_text_or_none(record["signal"]),
            reason=None if reason is None else Reason.parse(str(reason)),
            cpu_seconds=_number(record.get("cpu_seconds", 0.0)),
            peak_memory=_whole(record.get("peak_memory", 0)),
        )
    except DAMAGE as error:
        raise RecordError(f"exit.json is damaged: {error!r}") from error


@dataclass(frozen=True, slots=True)
class End:
    """``end.json``: an end without an exit record, and of which attempt."""

    attempt: int
    state: State
    outcome: Outcome


def end_record(end: End) -> Record:
    """``end.json`` as the manager writes it."""
    return {
        "attempt": end.attempt,
        "state": str(end.state),
        **outcome_record(end.outcome),
    }


def end_from_record(record: Record) -> End:
    """The inverse of :func:`end_record`."""
    try:
        return End(_whole(record["attempt"]), State(record["state"]), outcome_from_record(record))
    except DAMAGE as error:
        raise RecordError(f"end.json is damaged: {error!r}") from error


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _text_or_none(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not a text")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not a text")


def _yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is neither true nor false")


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"{value!r} is not a number")


def _none_or(kind: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None else kind(value)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(item) for item in value)
    raise ValueError(f"{value!r} is not a list")


def _wholes(value: object) -> tuple[int, ...]:
    if isinstance(value, list):
        return tuple(_whole(item) for item in value)
    raise ValueError(f"{value!r} is not a list")


def _signal(value: object) -> tuple[str, float]:
    if isinstance(value, list) and len(value) == 2:
        return _text(value[0]), _number(value[1])
    raise ValueError(f"{value!r} is not a signal and its time")


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    if isinstance(value, list):
        return tuple((_text(name), _text(text)) for name, text in value)
    raise ValueError(f"{value!r} is not a list of pairs")


_BY_ANNOTATION: dict[str, Callable[[object], Any]] = {
    "str": _text,
    "str | None": _text_or_none,
    "int": _whole,
    "int | None": _none_or(_whole),
    "float": _number,
    "float | None": _none_or(_number),
    "bool": _yes_or_no,
    "tuple[int, ...]": _wholes,
    "tuple[str, ...]": _texts,
    "tuple[str, float] | None": _none_or(_signal),
    "tuple[tuple[str, str], ...]": _pairs,
}
_OF_KIND = {f.name: _BY_ANNOTATION[str(f.type)] for f in fields(JobOptions)}
"""How each option is read: by the kind that the model gives it."""

"""``qm set``: other options for a waiting job. It is looked at again, as after an edit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from qm.core import actions as act
from qm.core import events as ev
from qm.core.arrivals import Arrival
from qm.core.dependencies import bound, cycle
from qm.core.settings import Now
from qm.core.state import CoreState, Setting
from qm.drops import Settling
from qm.errors import InfoError
from qm.jobinfo.changes import apply_changes, normalised
from qm.model import Job, JobOptions

_ELSEWHERE = {"hold": "`qm hold` and `qm release` do that."}


def ask_set(state: CoreState, event: ev.Asked, job_id: int, now: Now) -> list[act.Action]:
    """Check the changes, and have the job accepted again with them."""
    job = state.jobs.get(job_id)
    if job is None and state.arrivals.recorded_job(job_id) is not None:
        error = f"job {job_id} is being looked at just now; try again"
        return [act.Answer(event.request, False, {"error": error})]
    if job is None:
        error = f"job {job_id} does not wait: only the options of a waiting job are changed"
        return [act.Answer(event.request, False, {"error": error})]
    try:
        wanted = _wanted(event)
        merged = {**dict(job.changes), **wanted}
        changes = tuple((key, text) for key, text in merged.items() if text)
        options, _ = _applied(state, job.options, dict(_given(wanted)), now)
    except InfoError as error:
        data = {"error": error.message, "hint": error.hint}
        return [act.Answer(event.request, False, data)]
    ring = cycle(state, bound(state, replace(job, options=options, depends=())))
    if ring is not None:
        return [act.Answer(event.request, False, {"error": f"that would be {ring.text}"})]
    state.setting[job_id] = Setting(event.request, job, tuple(wanted))
    state.drop_waiting(job_id)
    arrival = Arrival(
        name=job.name,
        order=job.arrival,
        since=job.submitted,
        settling=Settling.begin(now.mono),
        job=replace(job, changes=changes),
        recorded=True,
        busy=True,
    )
    state.arrivals[job.name] = arrival
    state.dependents.link(job)
    return [act.Inspect(job.name)]


def _wanted(event: ev.Asked) -> dict[str, str]:
    given = event.data.get("changes")
    if not isinstance(given, dict) or not given:
        raise InfoError("the request", None, "names no change", "key=value")
    wanted = normalised({str(key): str(text) for key, text in given.items()})
    for key, hint in _ELSEWHERE.items():
        if key in wanted:
            raise InfoError("the change", None, f"{key} is not set like this", hint=hint)
    return wanted


def _given(wanted: dict[str, str]) -> list[tuple[str, str]]:
    return [(key, text) for key, text in wanted.items() if text]


def _applied(
    state: CoreState, options: JobOptions, changes: dict[str, str], now: Now
) -> tuple[JobOptions, tuple[str, ...]]:
    moment = datetime.fromtimestamp(now.wall, UTC)
    return apply_changes(options, changes, state.settings.limits, moment)


def with_changes(
    state: CoreState, job: Job, options: JobOptions, now: Now
) -> tuple[JobOptions, tuple[str, ...]]:
    """``options`` of the info file with what a person set beside it. Raises InfoError."""
    return _applied(state, options, dict(job.changes), now) if job.changes else (options, ())


def is_set(state: CoreState, job: Job) -> list[act.Action]:
    """A job was accepted again: whoever changed it is told."""
    setting = state.setting.pop(job.id, None)
    if setting is None:
        return []
    changed = {
        key: [_text(setting.before.options, key), _text(job.options, key)] for key in setting.keys
    }
    data: dict[str, Any] = {"id": job.id, "name": job.name, "state": str(job.state)}
    return [act.Answer(setting.request, True, {**data, "changed": changed})]


def not_set(state: CoreState, job_id: int, why: str) -> list[act.Action]:
    """A job that was being changed is not there any more, or was refused."""
    setting = state.setting.pop(job_id, None)
    return [] if setting is None else [act.Answer(setting.request, False, {"error": why})]


def _text(options: JobOptions, key: str) -> str:
    value = getattr(options, key)
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(":".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)

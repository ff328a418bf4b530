"""What a verdict on a drop leads to: a job that waits, or a refusal. Either way it has an id."""

from __future__ import annotations

from dataclasses import replace

from qm.core import actions as act
from qm.core.arrivals import Arrival
from qm.core.closing import close
from qm.core.dependencies import bound, cycle
from qm.core.setting import with_changes
from qm.core.settings import Now
from qm.core.state import CoreState, changed
from qm.drops import Ready, Refuse
from qm.errors import InfoError
from qm.inspection import Inspection
from qm.jobdir import Records
from qm.model import Job, JobInfo, JobOptions, Outcome, Place, Reason, State
from qm.names import shown
from qm.records import End
from qm.times import local_text, utc_text

_LATE = 600.0
_NONE_STARTS = "None of these jobs could ever start. Take one `after` away, and drop it again."


def is_sealed(records: Records | None) -> bool:
    """``qm submit`` has written its record last, in this very folder."""
    return _submit_token(records) is not None


def _submit_token(records: Records | None) -> str | None:
    """Of the submission; None where the record is a copy, or not made by ``qm submit``."""
    if records is None or records.submit is None:
        return None
    identity, token = records.submit.get("identity"), records.submit.get("token")
    return token if isinstance(token, str) and identity == list(records.identity) else None


def _submitted_changes(records: Records | None) -> tuple[tuple[str, str], ...]:
    """Options given to ``qm submit``, which win over the info file."""
    if not is_sealed(records) or records is None or records.submit is None:
        return ()
    given = records.submit.get("changes")
    if not isinstance(given, dict):
        return ()
    return tuple((str(key), str(text)) for key, text in given.items() if str(text))


def _new_job(
    state: CoreState, arrival: Arrival, seen: Inspection, options: JobOptions, file: str
) -> Job:
    assert seen.identity is not None
    job = Job(
        id=state.next_id,
        name=arrival.name,
        identity=seen.identity,
        options=options,
        info_file=file,
        owner=options.e_mail or seen.owner,
        arrival=arrival.order,
        submitted=arrival.since,
        submit_token=_submit_token(seen.records),
        changes=_submitted_changes(seen.records),
    )
    state.next_id += 1
    return job


def accept(
    state: CoreState, arrival: Arrival, seen: Inspection, ready: Ready, now: Now
) -> list[act.Action]:
    """Have its first record written, or its next one where it was edited."""
    info, records = ready.info, seen.records
    known = arrival.job
    job = known or _new_job(state, arrival, seen, info.options, info.file)
    try:
        options, warnings = with_changes(state, job, info.options, now)
    except InfoError as error:
        state.next_id -= known is None
        return reject(state, arrival, seen, _unusable(error), now)
    if job.attempt > 0:
        # Its time had come: "+2h" is not to count anew with each try.
        options = replace(options, begin=job.options.begin)
    hold = _hold_of(arrival, seen, info)
    fresh = not (is_sealed(records) or arrival.recorded)
    job = replace(
        job,
        name=arrival.name,
        owner=options.e_mail or job.owner,
        options=options,
        info_file=info.file,
        notes=(*info.warnings, *warnings),
        state=State.QUEUED,
        reason=None,
    )
    job = bound(state, job)
    ring = cycle(state, job)
    if ring is not None:
        state.next_id -= known is None
        return reject(state, arrival, seen, Refuse(ring, _NONE_STARTS), now)
    # From now on: two that come at once and each after the other are a ring as well.
    state.dependents.link(job)
    state.arrivals.assign(arrival, job)
    state.accepting[job.id] = arrival.name
    if arrival.recorded:
        return [act.Accept(job, fresh, hold)]
    return [act.SaveState(state.next_id), act.Accept(job, fresh, hold, _earlier(records))]


def _earlier(records: Records | None) -> int | None:
    """The ended job that this folder was, if a person put one back: it is a new job's now."""
    if records is None or records.job is None or not records.is_ours:
        return None
    return records.job.id


def _unusable(error: InfoError) -> Refuse:
    return Refuse(Reason("BadInfo", error.message), error.hint)


def _hold_of(arrival: Arrival, seen: Inspection, info: JobInfo) -> Reason | None:
    """Why it is to be held: a mark that lies there, its submission, or its info file."""
    records = seen.records
    sealed = is_sealed(records)
    if records is not None and (sealed or arrival.recorded) and records.hold is not None:
        return records.hold
    if arrival.recorded:
        return None
    if sealed and records is not None and records.submit and records.submit.get("hold"):
        return Reason("User", "submitted on hold")
    return Reason("User", f"{info.file} says hold") if info.options.hold else None


def reject(
    state: CoreState, arrival: Arrival, seen: Inspection, verdict: Refuse, now: Now
) -> list[act.Action]:
    """Have it moved to QM_lost+found with the reason."""
    reason, hint, target = verdict.reason, verdict.hint, None
    claimed = state.recent_claims.get(arrival.name)
    if reason.word == "NoInfo" and claimed is not None and now.mono - claimed[0] < _LATE:
        reason = Reason("Late", f"came when job {claimed[1]} of this name had started already")
        hint, target = "Copy the whole folder again, with its info file.", f"{arrival.name}.late"
    actions: list[act.Action] = []
    job, replaces = arrival.job, None
    if job is None:
        replaces = _earlier(seen.records)
        job = _new_job(state, arrival, seen, JobOptions(script=""), "")
        actions.append(act.SaveState(state.next_id))
    state.dependents.unlink(job.id)
    job = changed(replace(job, name=arrival.name), State.REJECTED, reason)
    state.arrivals.assign(arrival, job)
    outcome = Outcome(ended=utc_text(now.wall), reason=reason)
    log = f"Job refused by QM at: {local_text(now.wall)}\n{shown(reason.text)}\n"
    refusal = act.Close(
        replace(job, outcome=outcome),
        Place.WAITING,
        End(job.attempt, State.REJECTED, outcome),
        log + (f"{shown(hint)}\n" if hint else ""),
        fresh=not (arrival.recorded or is_sealed(seen.records)),
        target=target,
        replaces=replaces,
    )
    state.accepting[job.id] = arrival.name
    return [*actions, *close(state, refusal)]

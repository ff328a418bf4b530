"""What jobs come after: the jobs that are meant, and what their states mean. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from qm.core import actions as act
from qm.core.state import CoreState, Ending
from qm.model import Dependency, Job, Reason, State
from qm.names import shown

_SHOWN = 3
_ROOT = "root cause: "
_WANTED = {"afterok": "end as FINISHED", "afternotok": "end as anything but FINISHED"}
_AFTER = {"afterok": "after", "afterany": "after any end of", "afternotok": "after a failure of"}


def bound(state: CoreState, job: Job) -> Job:
    """``job`` with each of its dependencies bound to the newest open job that it can mean."""
    if not job.options.after:
        return job if not job.depends else replace(job, depends=())
    before = {(one.condition, one.target): one.id for one in job.depends}
    depends = []
    for text in job.options.after:
        condition, _, target = text.partition(":")
        known, newest = before.get((condition, target)), _newest_open(state, target, job)
        if known is None or (newest is not None and newest > known):
            known = newest
        depends.append(Dependency(condition, target, known))
    return replace(job, depends=tuple(depends))


def bound_without_ring(state: CoreState, job: Job) -> Job:
    """As :func:`bound`; but a job that was renamed, and would come after itself by that, is
    not the one that was meant."""
    found = bound(state, job)
    if found.depends == job.depends or cycle(state, found) is None:
        return found
    before = {(one.condition, one.target): one.id for one in job.depends}
    depends = (replace(one, id=before.get((one.condition, one.target))) for one in found.depends)
    return replace(found, depends=tuple(depends))


def _newest_open(state: CoreState, target: str, child: Job) -> int | None:
    """The job of this id, else the newest of this name, among those that have not ended."""
    job_id = _as_id(target)
    if job_id is not None and open_job(state, job_id) is not None:
        return job_id
    named = {
        state.by_name.get(target),
        *(r.job.id for r in state.runs.values() if r.job.name == target),
    }
    under_way = (*state.requeueing.values(), *state.ending.values())
    named |= {e.action.job.id for e in under_way if e.action.job.name == target and _is_open(e)}
    arrival = state.arrivals.get(target)
    if arrival is not None and arrival.job is not None:
        accepted = arrival.recorded or arrival.job.id in state.accepting
        named.add(arrival.job.id if accepted else None)
    return max((one for one in named if one is not None and one != child.id), default=None)


def _is_open(ending: Ending) -> bool:
    """Whether its end is still to be recorded, or it is to run again."""
    return not isinstance(ending.action, act.Finish)


def _as_id(target: str) -> int | None:
    return int(target) if target.isascii() and target.isdigit() else None


def open_job(state: CoreState, job_id: int) -> Job | None:
    """The job of this id, if it is known and has not ended."""
    if job_id in state.jobs:
        return state.jobs[job_id]
    if job_id in state.runs:
        return state.runs[job_id].job
    if job_id in state.requeueing:
        return state.requeueing[job_id].action.job
    ending = state.ending.get(job_id)
    if ending is not None and _is_open(ending):
        return ending.action.job
    if job_id in state.accepting:
        name = state.accepting[job_id]
        return state.arrivals[name].job if name in state.arrivals else None
    return state.arrivals.recorded_job(job_id)


def failed(state: CoreState, job: Job) -> Reason | None:
    """Why ``job`` can never start: one that it comes after did not end as asked; or None."""
    for one in job.depends:
        end = None if one.id is None else state.dependents.ends.get(one.id)
        if end is None or _satisfied(one.condition, end.state):
            continue
        who = f"{shown(end.name)} ({end.id})"
        if end.state is State.ABORTED and end.reason is not None:
            root = end.reason.partition(_ROOT)[2] or end.reason.partition(": ")[2]
            return Reason("Dependency", f"{who} was ABORTED; {_ROOT}{root}")
        why = f" ({end.reason})" if end.reason else ""
        wanted = _WANTED.get(one.condition, "end")
        return Reason("Dependency", f"{who} ended as {end.state}{why}; it was to {wanted}")
    return None


def _satisfied(condition: str, state: State) -> bool:
    if condition == "afterok":
        return state is State.FINISHED
    return condition == "afterany" or state is not State.FINISHED


def waits_for(state: CoreState, job: Job) -> Reason | None:
    """Which jobs ``job`` still waits for; None where they have ended as asked."""
    ends = state.dependents.ends
    open_ones = [one for one in job.depends if one.id is None or one.id not in ends]
    if not open_ones:
        return None
    parts = [_waited_for(state, one) for one in open_ones[:_SHOWN]]
    more = f" and {len(open_ones) - _SHOWN} more" if len(open_ones) > _SHOWN else ""
    return Reason("Dependency", ", ".join(parts) + more)


def _waited_for(state: CoreState, one: Dependency) -> str:
    after = _AFTER.get(one.condition, one.condition)
    before = None if one.id is None else open_job(state, one.id)
    if before is None:
        return f"{after} {shown(one.target)}: no such job yet"
    return f"{after} {shown(before.name)} ({before.id}, {before.state})"


def cycle(state: CoreState, job: Job) -> Reason | None:
    """Why neither ``job`` nor those in a ring with it can ever start, with the ring; or None."""
    ring = _closed_ring(state, job)
    return None if ring is None else Reason("Dependency", f"a cycle: {ring}")


def _closed_ring(state: CoreState, job: Job) -> str | None:
    """The ring that ``job`` closes with what it comes after, as people read it; or None."""
    dependents = state.dependents
    own = {one.target for one in job.depends if one.id in (None, job.id)}
    if job.name in own or str(job.id) in own:
        return f"{shown(job.name)} comes after itself"
    called = (job.name, str(job.id))
    awaited = any(dependents.awaited.get(name) for name in called)
    if not (dependents.children.get(job.id) or awaited):
        return None
    came_from: dict[int, int] = {}
    stack = [job.id]
    while stack:
        at = stack.pop()
        for before in _before(state, job if at == job.id else dependents.linked[at], job):
            if before == job.id:
                return _ring(state, job, at, came_from)
            if before in dependents.linked and before not in came_from:
                came_from[before] = at
                stack.append(before)
    return None


def _before(state: CoreState, of: Job, new: Job) -> Iterator[int]:
    for one in of.depends:
        if of.id != new.id and one.target in (new.name, str(new.id)):
            yield new.id
        elif one.id is not None:
            yield one.id
        elif (before := _newest_open(state, one.target, of)) is not None:
            yield before


def _ring(state: CoreState, job: Job, last: int, came_from: dict[int, int]) -> str:
    path = [last]
    while path[-1] != job.id:
        path.append(came_from[path[-1]])
    linked = state.dependents.linked
    # Those that wait may have been renamed since they were linked.
    known = {one: state.jobs.get(one, linked[one]) for one in path if one != job.id} | {job.id: job}
    names = [shown(known[one].name) for one in reversed(path)]
    return " after ".join([*names, shown(job.name)])

"""The brake: a script whose jobs fail one after the other is not let burn the night."""

from __future__ import annotations

import re

from qm.core import actions as act
from qm.core.settings import Now
from qm.core.state import Brake, CoreState, Mark, changed
from qm.jobinfo.command import script_files
from qm.model import Job, Outcome, Reason, State
from qm.names import shown
from qm.quantities import format_duration
from qm.times import known_seconds

_REMEMBERED = 1000
_ARGUMENTS = re.compile(r"([ \t][\w \t./=:,+@%-]*)?", re.ASCII)
_SHOWN = 5


def script_of(job: Job) -> str:
    """What jobs of one script have in common: owner, program and script file, no arguments."""
    command = job.options.script
    files = script_files(command)
    words = command.split(None, 1)
    end = command.find(files[0]) + len(files[0]) if files else len(words[0]) if words else 0
    return f"{job.owner}: {command[:end]}"


def on_outcome(state: CoreState, job: Job, outcome: Outcome, now: Now) -> list[act.Action]:
    """A job has ended: count quick failures in a row; a success makes them none."""
    limit = state.settings.brake
    if job.state is State.FINISHED:
        if state.brakes:
            state.brakes.pop(script_of(job), None)
        return []
    if not limit or job.state is not State.FAILED or not _is_quick(state, outcome):
        return []
    script = script_of(job)
    brake = state.brakes.setdefault(script, Brake())
    brake.failed.append(job.id)
    while len(state.brakes) > _REMEMBERED:
        del state.brakes[next(iter(state.brakes))]
    if len(brake.failed) < limit or brake.engaged:
        return []
    brake.engaged = True
    return _engage(state, job, script, brake)


def _is_quick(state: CoreState, outcome: Outcome) -> bool:
    started, ended = known_seconds(outcome.started), known_seconds(outcome.ended)
    if started is None or ended is None:
        return outcome.started is None
    return ended - started < state.settings.brake_within


def _engage(state: CoreState, last: Job, script: str, brake: Brake) -> list[act.Action]:
    waiting = [job for job in state.jobs.values() if _is_of(job, script)]
    reason = _reason(state, script, brake)
    held = tuple(sorted(job.id for job in waiting))
    actions: list[act.Action] = [act.TellBrake(last, tuple(brake.failed), held, reason)]
    for job in waiting:
        # At once: the mark in its folder follows, and the next plan comes before it.
        state.planner.remove(job.id)
        state.jobs[job.id] = stopped = changed(job, State.HELD, reason)
        state.marks[job.id] = Mark.UNDER_WAY
        actions += [act.Show(stopped), act.SetHold(stopped, reason, None)]
    return actions


def _is_of(job: Job, script: str) -> bool:
    """Whether it waits for its turn to run ``script``.

    Of 100,000 jobs most are told apart at a glance: by how their command begins,
    and by simple arguments behind the name of a file.
    """
    command = f"{job.owner}: {job.options.script}"
    if job.state is not State.QUEUED or not command.startswith(script):
        return False
    named = " " in script.partition(": ")[2]
    return (named and _ARGUMENTS.fullmatch(command, len(script)) is not None) or (
        script_of(job) == script
    )


def _reason(state: CoreState, script: str, brake: Brake) -> Reason:
    ids = ", ".join(str(job_id) for job_id in brake.failed[-_SHOWN:])
    within = format_duration(state.settings.brake_within)
    name = shown(script.partition(": ")[2])
    return Reason(
        "Brake",
        f"{len(brake.failed)} jobs of {name} failed within {within} of their start ({ids}); "
        "see their logs, then release",
    )


def held_by_brake(state: CoreState, job: Job) -> Reason | None:
    """Why a job that comes now is held at once: the brake of its script is on."""
    if not state.brakes:
        return None
    script = script_of(job)
    brake = state.brakes.get(script)
    return _reason(state, script, brake) if brake is not None and brake.engaged else None


def on_release(state: CoreState, job: Job) -> None:
    """A person lets a job of that script go on: its failures count anew."""
    if state.brakes:
        state.brakes.pop(script_of(job), None)

"""Requests that wait for something to happen, and what they are told then."""

from __future__ import annotations

from typing import Any

from qm.core import actions as act
from qm.core.state import Awaiting, CoreState
from qm.model import Job

_REMEMBERED = 10_000


def job_data(job: Job) -> dict[str, Any]:
    """What an answer says of a job."""
    return {
        "id": job.id,
        "name": job.name,
        "state": str(job.state),
        "reason": None if job.reason is None else str(job.reason),
    }


def submission_known(state: CoreState, job: Job) -> list[act.Action]:
    """A job was accepted or refused: tell who submitted it, now or when asked."""
    token = job.submit_token
    if token is None:
        return []
    state.submissions[token] = job_data(job)
    while len(state.submissions) > _REMEMBERED:
        del state.submissions[next(iter(state.submissions))]
    actions: list[act.Action] = []
    for awaiting in state.awaiting.pop(token, []):
        awaiting.open.discard(token)
        awaiting.results[token] = state.submissions[token]
        actions += _answer_if_complete(awaiting)
    return actions


def await_submissions(state: CoreState, request: str, tokens: tuple[str, ...]) -> list[act.Action]:
    """Answer ``request`` once every one of these submissions is known."""
    awaiting = Awaiting(request, set())
    for token in tokens:
        known = state.submissions.get(token)
        if known is not None:
            awaiting.results[token] = known
        else:
            awaiting.open.add(token)
    for token in awaiting.open:
        state.awaiting.setdefault(token, []).append(awaiting)
    return _answer_if_complete(awaiting)


def _answer_if_complete(awaiting: Awaiting) -> list[act.Action]:
    if awaiting.open:
        return []
    return [act.Answer(awaiting.request, True, {"submissions": awaiting.results})]


def end_known(state: CoreState, job: Job) -> list[act.Action]:
    """A job is over: tell who asked for its end."""
    return [act.Answer(request, True, job_data(job)) for request in state.asked.pop(job.id, [])]


def end_refused(state: CoreState, job_id: int, error: str) -> list[act.Action]:
    """A job cannot be ended now: tell who asked."""
    asked = state.asked.pop(job_id, [])
    return [act.Answer(request, False, {"error": error}) for request in asked]

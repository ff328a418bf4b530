"""Changes of jobs and of the queue, below ``/api/v1``: each one a request to the manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import bottle

from qm.control.managerlock import manager_runs
from qm.errors import InfoError, NotRunning
from qm.jobinfo.changes import apply_changes, normalised
from qm.model import JobOptions, State
from qm.resources import limits_of
from qm.trash import find_in_trash
from web.api.bodies import Check, is_bool, is_seconds, is_text, one_of, read_json, read_object
from web.api.idempotency import Once
from web.api.jobs import check_match, etag_of, job_object
from web.api.reading import JobReader
from web.api.stopping import Stops
from web.problem import Problem
from web.routing import Role, Routes
from web.site import Site

_LONGEST_GRACE = 86400.0
_LONGEST_WAIT = 60.0
_AT_ONCE = 2.0
"""Seconds in which most jobs are gone that were told to end."""

_REASON: Mapping[str, tuple[Check, str]] = {"reason": (is_text, "a text")}
_STOP: Mapping[str, tuple[Check, str]] = {
    "mode": one_of("term", "kill"),
    "grace": (is_seconds(_LONGEST_GRACE), "seconds from 0 to 86400"),
    "wait": (is_seconds(_LONGEST_WAIT), "seconds from 0 to 60"),
}
_RERUN: Mapping[str, tuple[Check, str]] = {"hold": (is_bool, "true or false")}
_DRAIN: Mapping[str, tuple[Check, str]] = {"on": (is_bool, "true or false")}

Answer = dict[str, Any]


def add_routes(routes: Routes, site: Site) -> None:
    """Everything that needs a manager, and says 503 without one."""
    changes = Changes(site)
    job = "/api/v1/jobs/<job_id:int>"
    for verb in ("hold", "release", "suspend", "resume"):
        routes.post(f"{job}/{verb}", Role.OPERATOR, changes.asking(verb))
    routes.post(f"{job}/stop", site.rights.kill, changes.stop)
    routes.post(f"{job}/rerun", Role.OPERATOR, changes.rerun)
    routes.patch(job, Role.OPERATOR, changes.set)
    routes.delete(job, site.rights.delete, changes.remove)
    routes.post(f"{job}/restore", site.rights.delete, changes.restore)
    routes.post("/api/v1/queue/drain", Role.OPERATOR, changes.drain)


class Changes:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._reader = JobReader(site.layout)
        self._stops = Stops(site.layout)
        self._once = Once()
        self._limits = cache(lambda: limits_of(site.config))

    def asking(self, verb: str) -> Callable[[int], Answer]:
        """A handler that asks for ``verb``, which takes no more than a reason."""
        members = _REASON if verb in ("hold", "release") else {}

        def handler(job_id: int) -> Answer:
            data = read_object(members)
            self._know(job_id)
            return self._site.ask(verb, (str(job_id),), data=data)

        return handler

    def stop(self, job_id: int) -> Any:
        """End it: 200 with what became of it, or 202 where that takes longer than ``wait``."""
        wanted = read_object(_STOP)
        entry = self._know(job_id)
        grace = wanted.get("grace")
        if wanted.get("mode") == "kill":
            grace = 0.0
        usual = self._site.config.kill_grace
        answer = self._stops.stop(job_id, grace, usual, wanted.get("wait", _AT_ONCE))
        if answer is not None:
            return answer
        bottle.response.status = 202
        return {
            **{name: entry[name] for name in ("id", "name", "state")},
            "stopping": True,
            "grace": usual if grace is None else grace,
        }

    def rerun(self, job_id: int) -> Answer:
        """Queue an ended job again; with ``hold`` it waits for a release."""
        held = bool(read_object(_RERUN).get("hold", False))
        return self._once.run(lambda: self._rerun(job_id, held))

    def _rerun(self, job_id: int, held: bool) -> Answer:
        self._know(job_id)
        answer = self._site.ask("rerun", (str(job_id),), data={"hold": held})
        if held and answer["state"] != State.HELD:
            # What was refused is read anew, as a new job.
            target = str(answer["name"] if answer["id"] is None else answer["id"])
            return self._site.ask("hold", (target,))
        return answer

    def set(self, job_id: int) -> Answer:
        """Other options for a waiting job, as ``qm set`` has them; ``hold`` is one of them."""
        wanted = read_json()
        hold = wanted.pop("hold", None)
        if not (hold is None or is_bool(hold)):
            raise Problem(422, "hold is neither true nor false.")
        texts = self._checked(wanted)
        if not texts and hold is None:
            raise Problem(422, "Nothing is to be changed.", "Name a key, such as priority.")
        found = self._know(job_id)
        check_match(etag_of(found), bottle.request.get_header("If-Match"))
        answer: Answer = {"changed": {}}
        if texts:
            answer |= self._site.ask("set", (str(job_id),), data={"changes": texts})
        if hold is not None and hold is not (found["state"] == State.HELD):
            answer |= self._site.ask("hold" if hold else "release", (str(job_id),))
        return {"id": job_id, "name": found["name"], "state": found["state"], **answer}

    def _checked(self, wanted: Mapping[str, Any]) -> dict[str, str]:
        """Keys with their texts; Problem 422 for a key or value that cannot be."""
        texts = {key: _text(key, value) for key, value in wanted.items()}
        try:
            known = normalised(texts)
            given = {key: text for key, text in known.items() if text}
            apply_changes(JobOptions(script=""), given, self._limits(), datetime.now(UTC))
        except InfoError as error:
            raise Problem(422, error.message, error.hint) from None
        return known

    def remove(self, job_id: int) -> Answer:
        """Move it to the trash."""
        self._know(job_id)
        removed: Answer = self._site.ask("rm", (str(job_id),))["removed"][0]
        return removed

    def restore(self, job_id: int) -> Answer:
        """Take it out of the trash; 404 where it is not there."""
        read_object({})
        self._need_manager()
        find_in_trash(self._site.layout.trash, str(job_id))
        return self._site.ask("restore", (str(job_id),))

    def drain(self) -> Answer:
        """Start nothing new, or start again; without ``on``: whether it is so."""
        return self._site.ask("drain", (), data=read_object(_DRAIN))

    def _know(self, job_id: int) -> dict[str, Any]:
        """The job; NoSuchJob where there is none, NotRunning where nobody could change it."""
        self._need_manager()
        return job_object(self._site, self._reader, job_id)

    def _need_manager(self) -> None:
        if not manager_runs(self._site.layout):
            raise NotRunning(
                f"no QM runs on {self._site.layout.root}", "`qm serve` starts one; then ask again."
            )


def _text(key: str, value: Any) -> str:
    """A JSON value as an info file has it; null takes a change back."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise Problem(422, f"{key} is neither a text nor a number.")

"""What is done with jobs: a question at ``GET /ask/<verb>``, the deed at ``POST /do/<verb>``.

With scripts the page shows the question as a dialog, and asks for JSON; without,
both are pages of their own. Nothing is done by GET.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import bottle

from qm.errors import NoSuchJob, QMError, Refused
from qm.names import shown
from qm.quantities import format_duration
from qm.times import known_seconds
from qm.view import Entry, find
from web.pages.cells import address_of, brief
from web.pages.verbs import (
    NAMES,
    REMOVE,
    RESTORE,
    Verb,
    question,
    refusal,
    role_for,
    told,
    verb_for,
)
from web.problem import Problem, problem_of
from web.routing import Role, Routes
from web.site import Site
from web.templates import href

_PATIENCE = 30.0
"""Seconds beyond the grace for a tree of processes to go, and for other requests."""
_BACK = re.compile(r"/(?:QM|job/[0-9]{1,18})/?(?:\?[\w=&%.,~+-]{0,2000})?")
_HOME = "/QM"
_PRIORITY = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Done:
    """What has happened; ``to`` is where a browser goes from here, ``undo`` takes it back."""

    said: str
    to: str
    undo: str = ""


class Doing:
    """Asks the person, then the manager."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def question(self, name: str) -> str:
        """The page that asks before."""
        query = _decoded(bottle.request.query)
        entry = find(self._site.layout, query.get("job", ""))
        return self.question_about(name, entry, query.get("back") or _came_from())

    def question_about(self, name: str, entry: Entry, back: str) -> str:
        """The same for a job; Problem 409 where it is not in a state for that."""
        verb = verb_for(name, entry)
        if verb is None:
            raise Problem(409, refusal(name, entry))
        return self._question(verb, entry, back)

    def _question(self, verb: Verb, entry: Entry, back: str, problem: str = "") -> str:
        grace = format_duration(self._site.config.kill_grace)
        return self._site.render(
            "ask",
            title=question(verb, entry.label),
            heading=question(verb, entry.label),
            verb=verb,
            entry=entry,
            owner=shown(entry.owner or ""),
            stands=_stands(entry, time.time()),
            consequence=verb.consequence.format(grace=grace),
            back=_safe(back, address_of(entry)),
            problem=problem,
        )

    def do(self, name: str) -> bottle.HTTPResponse:
        """Have it done, and tell how it went; a refusal is told with the question."""
        form = _decoded(bottle.request.forms)
        try:
            done = self._restore(form) if name == RESTORE.name else self._done(name, form)
        except QMError as error:
            if _wants_json():
                return _told_as_json(error)
            return self._question_again(name, form, error)
        return _answer(done)

    def _done(self, name: str, form: Mapping[str, str]) -> Done:
        entry = find(self._site.layout, form.get("job", ""))
        verb = verb_for(name, entry)
        if verb is None:
            raise Refused(refusal(name, entry).rstrip("."))
        return self._act(verb, entry, form)

    def _question_again(
        self, name: str, form: Mapping[str, str], error: QMError
    ) -> bottle.HTTPResponse:
        if name == RESTORE.name or isinstance(error, NoSuchJob):
            raise error
        entry = find(self._site.layout, form.get("job", ""))
        verb = verb_for(name, entry)
        if verb is None:
            raise error
        text = f"{error.message}. {error.hint}".strip()
        page = self._question(verb, entry, form.get("back", ""), text)
        return bottle.HTTPResponse(page, problem_of(error).status)

    def _act(self, verb: Verb, entry: Entry, form: Mapping[str, str]) -> Done:
        target = str(entry.id)
        name, data, timeout = verb.name, None, _PATIENCE
        if name == "priority":
            name, data = "set", {"changes": {"priority": _priority(form.get("priority", ""))}}
        elif name == "kill":
            timeout += self._site.config.kill_grace
        answer = self._site.ask(name, (target,), data=data, timeout=timeout)
        undo = target if verb is REMOVE else ""
        # The page of a deleted job is gone.
        back = _HOME if undo else _safe(form.get("back", ""), _HOME)
        said = told(verb, answer, entry.label)
        return Done(said, _with_done(back, verb.name, target), undo)

    def _restore(self, form: Mapping[str, str]) -> Done:
        target = form.get("job", "")
        answer = self._site.ask(RESTORE.name, (target,), timeout=_PATIENCE)
        name = shown(str(answer.get("name", target)))
        said = f"Restored {name} to {answer.get('place', 'where it was')}."
        return Done(said, _with_done(_HOME, RESTORE.name, str(answer.get("id") or "")))

    def ask_drain(self) -> str:
        """The page that asks before nothing is started any more, or jobs are again."""
        on = bottle.request.query.get("on", "yes") != "no"
        return self._site.render(
            "ask_drain", title="Pause the queue?" if on else "Start jobs again?", on=on
        )

    def drain(self) -> bottle.HTTPResponse:
        """Start nothing new, or start jobs again."""
        on = bottle.request.forms.get("on", "yes") != "no"
        try:
            self._site.ask("drain", (), data={"on": on}, timeout=_PATIENCE)
        except QMError as error:
            if _wants_json():
                return _told_as_json(error)
            raise
        said = "The queue is paused; what runs goes on." if on else "Jobs are started again."
        return _answer(Done(said, _HOME))


def add_routes(routes: Routes, site: Site) -> None:
    """``/ask/<verb>`` and ``/do/<verb>``; each for those who may do it."""
    doing = Doing(site)
    for name in NAMES:
        role = role_for(name, site.rights)
        routes.post(f"/do/{name}", role, lambda name=name: doing.do(name))
        if name != RESTORE.name:
            routes.get(f"/ask/{name}", role, lambda name=name: doing.question(name))
    routes.get("/ask/drain", Role.OPERATOR, doing.ask_drain)
    routes.post("/do/drain", Role.OPERATOR, doing.drain)


def _wants_json() -> bool:
    return "application/json" in bottle.request.get_header("Accept", "")


def _answer(done: Done) -> bottle.HTTPResponse:
    """As JSON for the page's script, as a redirection for a browser without."""
    if _wants_json():
        return _json({"said": done.said, "undo": done.undo, "to": done.to}, 200)
    return bottle.HTTPResponse("", 303, {"Location": done.to})


def _told_as_json(error: QMError) -> bottle.HTTPResponse:
    return _json({"error": error.message, "hint": error.hint}, problem_of(error).status)


def _json(data: dict[str, str], status: int) -> bottle.HTTPResponse:
    return bottle.HTTPResponse(json.dumps(data), status, {"Content-Type": "application/json"})


def _priority(text: str) -> str:
    wanted = text.strip()
    if not _PRIORITY.fullmatch(wanted):
        raise QMError(f'the priority "{shown(wanted[:40])}" is no whole number', "0 is usual.")
    return wanted


def _stands(entry: Entry, now: float) -> str:
    """How the job stands: ``has been RUNNING for 3 min 20 s``, ``is FAILED``."""
    begin = known_seconds(entry.started if entry.started is not None else entry.submitted)
    if begin is None or entry.ended is not None:
        return f"is {entry.state}"
    return f"has been {entry.state} for {brief(now - begin)}"


def _came_from() -> str:
    """The page on which the question was chosen; empty where that is not known."""
    try:
        before = urlsplit(bottle.request.get_header("Referer", ""))
    except ValueError:
        return ""
    if before.netloc != bottle.request.get_header("Host"):
        return ""
    return f"{before.path}?{before.query}" if before.query else before.path


def _safe(back: str, otherwise: str) -> str:
    """``back`` if it is one of our pages; anything else would lead people elsewhere."""
    return back if _BACK.fullmatch(back) else otherwise


def _with_done(back: str, name: str, job: str) -> str:
    """The address back, with what was done; the page makes the sentence."""
    path = back.partition("?")[0]
    if path != _HOME:
        return back
    kept = [part for part in back.partition("?")[2].split("&") if part]
    kept = [part for part in kept if part.partition("=")[0] not in ("done", "job")]
    words = href("x", done=name, job=job or None).partition("?")[2]
    return f"{path}?{'&'.join([*kept, words])}"


def _decoded(fields: Any) -> Mapping[str, str]:
    try:
        decoded: Mapping[str, str] = fields.decode()
    except UnicodeError:
        raise Problem(400, "There are bytes in the request that are no text.") from None
    return decoded

"""Uploads, below ``/api/v1/uploads``: said first, sent in pieces, made a job by a commit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import bottle

from qm.errors import NotRunning, QMError
from qm.model import Place
from qm.resources import limits_of
from web.api.bodies import Check, is_bool, read_json, read_object
from web.problem import Problem
from web.roles import caller
from web.routing import RAW, Role, Routes
from web.site import Site
from web.uploads.commit import Committer, Made, Wishes, as_data
from web.uploads.incoming import Piece
from web.uploads.plan import check_plan, check_size, faults_of, plan_of
from web.uploads.preview import preview
from web.uploads.record import Machine
from web.uploads.registry import IDLE, Registry, Upload

LARGEST_PIECE = 16 << 20
_LARGEST_PLAN = 8 << 20
_MOST_FAULTS = 50
_PATIENCE = 20.0
"""Seconds for the manager to look at a job that was committed."""
Answer = dict[str, Any]


def add_routes(routes: Routes, site: Site) -> None:
    """Only operators see that there are uploads.

    They do not count as changes a minute: how many go on at once is limited.
    """
    uploads = Uploads(site)
    one = "/api/v1/uploads/<upload>"
    for path, said in (("", uploads.begin), ("/check", uploads.check)):
        routes.post(
            f"/api/v1/uploads{path}", Role.OPERATOR, said, limit=_LARGEST_PLAN, counted=False
        )
    routes.get(one, Role.OPERATOR, uploads.show)
    for path, handler in (
        (f"{one}/files/<path:path>", uploads.receive),
        (f"{one}/archive", uploads.receive_archive),
    ):
        routes.put(path, Role.OPERATOR, handler, accepts=RAW, limit=LARGEST_PIECE, counted=False)
    routes.post(f"{one}/commit", Role.OPERATOR, uploads.commit, counted=False)
    routes.delete(one, Role.OPERATOR, uploads.remove, counted=False)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


_WISHES: Mapping[str, tuple[Check, str]] = {
    "hold": (is_bool, "true or false"),
    "changes": (_is_texts, "keys of an info file with their texts"),
}


class Uploads:
    """The handlers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._most = site.config.web.upload_limit
        self._limits = cache(lambda: limits_of(site.config))
        self._registry = Registry(site.layout.place(Place.WAITING), Machine.this())
        self._committer = Committer(
            site.layout,
            self._registry,
            self._limits,
            user=site.who(),
            most=self._most,
            sync=site.config.sync,
        )
        # Also those that an earlier process left.
        self._registry.begin_sweeping()

    def begin(self) -> Answer:
        """Say what is to come."""
        plan = plan_of(read_json())
        check_plan(plan, self._most)
        upload = self._registry.begin(plan, caller())
        bottle.response.status = 201
        return {
            "id": upload.id,
            "name": plan.name,
            "size": plan.size,
            "piece": LARGEST_PIECE,
            "idle": IDLE,
        }

    def check(self) -> Answer:
        """Everything that can be said of a job by its list of files, and its info file's text."""
        data = read_json()
        text = data.pop("text", None)
        if text is not None and not isinstance(text, str):
            raise Problem(422, "text is not the text of the info file.")
        plan = plan_of(data)
        faults = list(faults_of(plan))
        for test in (lambda: check_size(plan.size, self._most), self._room_for(plan.size)):
            try:
                test()
            except Problem as problem:
                faults.append(f"{problem.detail} {problem.hint}")
        found = {"name": plan.name, "files": len(plan.files), "size": plan.size}
        told = {"faults": faults[:_MOST_FAULTS], "more_faults": max(0, len(faults) - _MOST_FAULTS)}
        if plan.archive is not None:
            return {**found, **told}
        return {**found, **told, **preview(plan, text, self._limits()).as_data()}

    def show(self, upload: str) -> Answer:
        """How much of each file is here."""
        return _shown(self._registry.get(upload))

    def receive(self, upload: str, path: str) -> Answer:
        """A piece of a file."""
        return self._receive(upload, path)

    def receive_archive(self, upload: str) -> Answer:
        """A piece of the zip."""
        return self._receive(upload, "")

    def commit(self, upload: str) -> Answer:
        """Make it a job."""
        asked = read_object(_WISHES)
        wishes = Wishes(asked.get("hold", False), asked.get("changes", {}))
        made = self._committer.commit(self._registry.get(upload), wishes)
        return self._answer(made)

    def remove(self, upload: str) -> bottle.HTTPResponse:
        """Take it back."""
        self._registry.remove(self._registry.get(upload))
        return bottle.HTTPResponse("", 204)

    def _receive(self, upload: str, path: str) -> Answer:
        found, piece = self._registry.get(upload), _piece()
        self._registry.check_disk(piece.length)
        return {"received": found.receive(path, piece)}

    def _room_for(self, size: int) -> Any:
        return lambda: self._registry.check_room(size)

    def _answer(self, made: Made) -> Answer:
        try:
            known = self._site.ask("accepted", (made.token,), timeout=_PATIENCE)["submissions"]
        except NotRunning:
            return as_data(made, None, "QM is not running: the job starts when it does.")
        except QMError as error:
            return as_data(made, None, f"{error.message}: the job lies in QM_qJobs.")
        return as_data(made, known.get(made.token), None)


def _shown(upload: Upload) -> Answer:
    plan, received, done = upload.record.plan, upload.received(), upload.record.committed
    answer: Answer = {
        "id": upload.id,
        "name": plan.name if done is None else done.name or plan.name,
        "state": "receiving" if done is None else "committed",
        "size": plan.size,
    }
    if done is not None:
        return answer
    if plan.archive is not None:
        return {**answer, "received": received.get("", 0)}
    files = [
        {"path": file.path, "size": file.size, "received": received.get(file.path, 0)}
        for file in plan.files
    ]
    return {**answer, "received": sum(received.values()), "files": files}


def _piece() -> Piece:
    environ, text = bottle.request.environ, bottle.request.query.get("offset", "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Problem(422, "offset is missing: the byte at which this piece begins.")
    length = int(environ.get("CONTENT_LENGTH") or 0)
    # As the server has it: bottle would copy it once more.
    return Piece(int(text), length, environ["wsgi.input"].read)

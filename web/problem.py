"""What went wrong, as an answer: application/problem+json (RFC 9457) below /api/, else a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import bottle

from qm.errors import NoSuchJob, NotRunning, QMError, Refused

if TYPE_CHECKING:
    from web.templates import Templates

API = "/api/"
PROBLEM_TYPE = "application/problem+json"
_REQUEST_ID = "qm.request_id"
_OURS = "QM's page made a mistake. QM itself and the jobs go on; the page's log tells more."
_STATUS_OF: tuple[tuple[type[QMError], int], ...] = (
    (NoSuchJob, 404),
    (NotRunning, 503),
    (Refused, 409),
    (QMError, 409),
)


class Problem(Exception):
    """An answer other than the one that was asked for.

    ``status`` is the HTTP status, ``detail`` a sentence for a person, ``hint``
    what to do; ``headers`` go along with the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})

    @property
    def title(self) -> str:
        """The status in words."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"


def problem_of(error: QMError) -> Problem:
    """The answer for an error with a sentence of its own."""
    status = next(status for kind, status in _STATUS_OF if isinstance(error, kind))
    return Problem(status, error.message, error.hint)


class Problems:
    """Makes answers of problems; ``debug`` shows the exception behind our own mistakes."""

    def __init__(self, templates: Templates, *, debug: bool) -> None:
        self._templates = templates
        self._debug = debug

    def answer(self, problem: Problem, error: BaseException | None = None) -> bottle.HTTPResponse:
        """The response for the request at hand; ``error`` is the exception behind a 500."""
        detail = problem.detail or _usual_detail(problem.status)
        if self._debug and error is not None:
            detail = f"{detail} ({type(error).__name__}: {error})"
        api = is_api(bottle.request.environ)
        text = self._json(problem, detail) if api else self._page(problem, detail)
        kind = PROBLEM_TYPE if api else "text/html; charset=utf-8"
        headers = {"Content-Type": kind, **problem.headers}
        return bottle.HTTPResponse(text, problem.status, headers)

    def in_plain_text(self, problem: Problem) -> bottle.HTTPResponse:
        """The same where not even the page for it can be made."""
        detail = problem.detail or _usual_detail(problem.status)
        text = f"{detail} (request {request_id(bottle.request.environ)})\n"
        headers = {"Content-Type": "text/plain; charset=utf-8", **problem.headers}
        return bottle.HTTPResponse(text, problem.status, headers)

    def _json(self, problem: Problem, detail: str) -> str:
        found: dict[str, Any] = {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "detail": f"{detail} {problem.hint}".strip(),
            "request_id": request_id(bottle.request.environ),
        }
        # The end of the detail on its own, for programs that put it on a line of its own.
        return json.dumps({**found, "hint": problem.hint} if problem.hint else found)

    def _page(self, problem: Problem, detail: str) -> str:
        return self._templates.render(
            "problem",
            title=problem.title,
            heading=problem.title,
            status=problem.status,
            detail=detail,
            hint=problem.hint,
            request_id=request_id(bottle.request.environ),
        )


def is_api(environ: Mapping[str, Any]) -> bool:
    """True for a request to which a program wants the answer."""
    return str(environ.get("PATH_INFO", "")).startswith(API)


def request_id(environ: Mapping[str, Any]) -> str:
    """The id by which this request stands in the page's log."""
    return str(environ.get(_REQUEST_ID, ""))


def set_request_id(environ: dict[str, Any], value: str) -> None:
    """Name the request; only the guard does so."""
    environ[_REQUEST_ID] = value


def _usual_detail(status: int) -> str:
    sentences = {
        400: "The request cannot be read.",
        401: "Log in first: only who has logged in may see this.",
        403: "This needs an operator: log in with `qm web login`.",
        404: "There is no such page; the queue is at /QM.",
        405: "This address does not take such a request.",
        413: "That is more than QM takes at once.",
        500: _OURS,
    }
    return sentences.get(status, "")

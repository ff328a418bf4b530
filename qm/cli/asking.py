"""Asking the manager for several jobs at once, and telling each answer in its turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from qm.cli.output import print_json, say, tell
from qm.cli.session import Session

Answer = dict[str, Any]

PATIENCE = 30.0
"""Seconds for what the manager does at once."""
_AT_ONCE = 64
"""Requests that are open at a time: each has a thread that looks for its answer."""


def ask_each(
    session: Session,
    verb: str,
    jobs: Sequence[str],
    sentence: Callable[[Answer], str],
    *,
    as_json: bool,
    data: Mapping[str, Any] | None = None,
    patience: float = PATIENCE,
) -> int:
    """Ask ``verb`` of every job; returns the exit code. ``patience`` is in seconds."""
    queue = session.queue
    return for_each(
        jobs,
        lambda job: queue.ask(verb, job, timeout=patience, data=data),
        sentence,
        as_json=as_json,
    )


def for_each(
    jobs: Sequence[str],
    request: Callable[[str], Answer],
    sentence: Callable[[Answer], str],
    *,
    as_json: bool,
) -> int:
    """Carry out ``request`` for all of them at once, and tell in their order.

    ``sentence`` may raise QMError as well, for an answer that is not what was
    wanted. The exit code is the worst one.
    """
    from qm.errors import QMError

    code, answers = 0, []
    for outcome in _at_once(list(dict.fromkeys(jobs)), request):
        try:
            answer = outcome()
            text = sentence(answer)
        except QMError as error:
            tell(f"qm: {error}")
            code = max(code, error.exit_code)
            continue
        answers.append(answer)
        if not as_json:
            say(text)
    if as_json:
        print_json(answers)
    return code


def who(answer: Mapping[str, Any]) -> str:
    """``job 7 (name)`` of an answer, or the name of what has no id."""
    from qm.cli.sentences import job_text
    from qm.names import shown

    if answer.get("id") is None:
        return shown(str(answer["name"]))
    return job_text(int(answer["id"]), str(answer["name"]))


class _Outcome:
    """The answer to one request, or its error, once it is there."""

    def __init__(self) -> None:
        self._there = threading.Event()
        self._answer: Answer = {}
        self._error: Exception | None = None

    def work(self, request: Callable[[str], Answer], job: str) -> None:
        try:
            self._answer = request(job)
        except Exception as error:
            self._error = error
        self._there.set()

    def __call__(self) -> Answer:
        self._there.wait()
        if self._error is not None:
            raise self._error
        return self._answer


def _at_once(
    jobs: Sequence[str], request: Callable[[str], Answer]
) -> list[Callable[[], dict[str, Any]]]:
    """Start the requests in order; each of the results waits for its own, and raises its error."""
    outcomes = [_Outcome() for _ in jobs]
    todo = iter(list(zip(outcomes, jobs, strict=True)))
    lock = threading.Lock()
    for _ in range(min(len(jobs), _AT_ONCE)):
        # Daemons: Ctrl-C ends the command, whatever is still being asked.
        threading.Thread(target=_serve, args=(todo, lock, request), daemon=True).start()
    return [*outcomes]


def _serve(
    todo: Iterator[tuple[_Outcome, str]], lock: threading.Lock, request: Callable[[str], Answer]
) -> None:
    while True:
        with lock:
            outcome, job = next(todo, (None, ""))
        if outcome is None:
            return
        outcome.work(request, job)

"""The command line's side: ask, wait for the answer, take the request back in time."""

from __future__ import annotations

import getpass
import secrets
import time
from collections.abc import Mapping
from typing import Any

from qm.control.managerlock import manager_runs
from qm.control.requests import Request, take_answer, withdraw, write_request
from qm.crashpoints import arm, crash_point
from qm.errors import NotRunning, QMError
from qm.folders.layout import Layout

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 0.05
_ALIVE_EVERY = 1.0


def who_asks() -> str:
    """The login name of the person who asks."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "somebody"


def ask(
    layout: Layout,
    verb: str,
    targets: tuple[str, ...],
    *,
    timeout: float,
    grace: float | None = None,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Ask the manager and wait until it has happened; returns the answer's data.

    ``timeout`` and ``grace`` are in seconds; ``data`` is what else the verb needs.
    Raises NotRunning without a manager, QMError where the answer is no or does
    not come in time.
    """
    arm()
    if not manager_runs(layout):
        raise NotRunning(f"no QM runs on {layout.root}", "`qm serve` starts one; then ask again.")
    request = Request(
        id=f"{time.time_ns():020d}-{secrets.token_hex(4)}",
        verb=verb,
        targets=targets,
        who=who_asks(),
        expires=time.time() + timeout,
        grace=grace,
        data=data or {},
    )
    try:
        write_request(layout.requests, request)
    except OSError as error:
        raise QMError(
            f"a request cannot be written to {layout.requests}: {error.strerror}",
            "Free some space, if the disk is full; then ask again.",
        ) from error
    crash_point("client.asked")
    try:
        answer = _wait(layout, request.id, timeout)
    except BaseException:
        withdraw(layout.requests, request.id)
        raise
    answer.pop("format", None)  # Of the file, not of what it says.
    if not answer.pop("ok", False):
        raise QMError(str(answer.get("error", "the manager said no")), str(answer.get("hint", "")))
    return answer


def _wait(layout: Layout, request_id: str, timeout: float) -> dict[str, Any]:
    until = time.monotonic() + timeout
    alive_at = time.monotonic() + _ALIVE_EVERY
    pause = _FIRST_PAUSE
    while True:
        answer = take_answer(layout.requests, request_id)
        if answer is not None:
            return answer
        now = time.monotonic()
        if now > until:
            raise QMError(
                f"QM did not answer within {timeout:g} s",
                "The request was taken back. `qm doctor` looks at what may be wrong.",
            )
        if now > alive_at:
            alive_at = now + _ALIVE_EVERY
            if not manager_runs(layout):
                raise NotRunning("QM stopped before it answered", "The request was taken back.")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)

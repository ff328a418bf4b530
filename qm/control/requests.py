"""Request and answer files below ``.qm/requests``.

``ID.json`` is a request: staged under a dot-name, then renamed. ``ID.answer``
is its answer, written when what was asked has happened. The manager removes
the request with the answer, the client the answer once it has read it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qm.crashpoints import crash_point
from qm.osops import FolderHandle
from qm.osops.shortage import is_passing
from qm.records import DAMAGE, LIMIT, Record, RecordError, decode, encode

_SUFFIX = ".json"
_ANSWER = ".answer"
_STALE = 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks. ``targets`` are ids or names; ``expires`` is in seconds since
    the epoch: a request that nobody took until then is void."""

    id: str
    verb: str
    targets: tuple[str, ...]
    who: str
    expires: float
    grace: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """What else the verb needs: names to JSON values."""


def write_request(folder: str, request: Request) -> None:
    """Drop a request; OSError where that is not possible."""
    record = {
        "id": request.id,
        "verb": request.verb,
        "targets": list(request.targets),
        "who": request.who,
        "expires": request.expires,
        "grace": request.grace,
        "data": dict(request.data),
    }
    with FolderHandle.open(folder) as requests:
        requests.write(request.id + _SUFFIX, encode(record))


def withdraw(folder: str, request_id: str) -> None:
    """Take a request back that was not answered in time."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, request_id + _SUFFIX))


def take_answer(folder: str, request_id: str) -> Record | None:
    """Read an answer and remove it; None while there is none."""
    with FolderHandle.open(folder) as requests:
        data = requests.read(request_id + _ANSWER, LIMIT)
        if data is None:
            return None
        crash_point("client.answer_read")
        # A manager that died with its answer has left the request: nobody is to repeat it.
        requests.remove(request_id + _SUFFIX)
        requests.remove(request_id + _ANSWER)
    return decode(data)


def open_requests(folder: str, known: set[str], now: float) -> list[Request]:
    """Requests that are there and not in ``known``; those that were answered by a manager
    that died then, expired and damaged ones are removed.

    ``now`` is in seconds since the epoch. OSError where they cannot be read just now.
    """
    found = []
    with FolderHandle.open(folder) as requests:
        for name in requests.names():
            request_id = name.removesuffix(_SUFFIX)
            if name.startswith(".") or request_id == name or request_id in known:
                continue
            try:
                data = requests.read(name, LIMIT)
                if data is None:
                    continue
                if requests.exists(request_id + _ANSWER):
                    requests.remove(name)
                    continue
                request = _parse(request_id, decode(data))
                if request.expires >= now:
                    found.append(request)
                    continue
            except (OSError, RecordError) as error:
                if isinstance(error, OSError) and is_passing(error):
                    raise
            # Of no use. What cannot be removed, a folder or somebody else's, hinders nobody.
            with contextlib.suppress(OSError):
                requests.remove(name)
    return sorted(found, key=lambda request: request.id)


def _parse(request_id: str, record: Record) -> Request:
    try:
        grace = record.get("grace")
        return Request(
            id=request_id,
            verb=str(record["verb"]),
            targets=_targets(record["targets"]),
            who=str(record["who"])[:100],
            expires=float(record["expires"]),
            grace=None if grace is None else min(max(float(grace), 0.0), 86400.0),
            data=_data(record.get("data")),
        )
    except DAMAGE as error:
        raise RecordError(f"a damaged request: {error!r}") from error


def _targets(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        # The text "12" is not the targets 1 and 2.
        raise ValueError(f"{value!r} is not a list")
    return tuple(str(target) for target in value)


def _data(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not an object")
    return value


def write_answer(folder: str, request_id: str, ok: bool, data: dict[str, Any]) -> None:
    """Answer a request, and remove it. A request that was withdrawn gets no answer."""
    with FolderHandle.open(folder) as requests:
        if requests.exists(request_id + _SUFFIX):
            crash_point("request.done")
            requests.write(request_id + _ANSWER, encode({"ok": ok, **data}))
            crash_point("request.answered")
            requests.remove(request_id + _SUFFIX)
            crash_point("request.removed")


def sweep(folder: str) -> None:
    """Remove answers that nobody fetched within an hour, and what a crash left staged."""
    limit = time.time() - _STALE
    with FolderHandle.open(folder) as requests:
        for name in requests.names():
            if name.endswith(_ANSWER) or name.startswith("."):
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    if os.lstat(path).st_mtime < limit:
                        os.unlink(path)

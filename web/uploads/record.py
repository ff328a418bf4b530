"""What is remembered of an upload beside its files, so that another process can go on."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qm.osops import boot_id
from web.problem import Problem
from web.roles import Caller
from web.uploads.plan import Plan, plan_of

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine since it was switched on."""

    host: str
    boot: str

    @classmethod
    def this(cls) -> Machine:
        """The one that this process runs on."""
        return cls(socket.gethostname(), boot_id())


@dataclass(frozen=True, slots=True)
class Committed:
    """The upload is a job: its submission token, and its name once that is known for sure."""

    token: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One upload. ``key`` tells who may have how many, ``address`` where it came from.

    ``committed`` is there from the moment before the rename on: where the files
    are still beside the queue, the rename has not happened.
    """

    plan: Plan
    key: str
    address: str
    machine: Machine
    committed: Committed | None = None

    def encoded(self) -> bytes:
        """As :func:`decoded` reads it."""
        done = self.committed
        data: dict[str, Any] = {
            "format": _FORMAT,
            "plan": self.plan.as_data(),
            "key": self.key,
            "address": self.address,
            "host": self.machine.host,
            "boot": self.machine.boot,
        }
        if done is not None:
            data["committed"] = {"token": done.token, "name": done.name}
        return json.dumps(data).encode()


def decoded(data: bytes) -> Record | None:
    """The record of these bytes; None where they are damaged."""
    try:
        found = json.loads(data)
        if found["format"] != _FORMAT:
            return None
        return Record(
            plan_of(found["plan"]),
            str(found["key"]),
            str(found["address"]),
            Machine(str(found["host"]), str(found["boot"])),
            _committed(found.get("committed")),
        )
    except (ValueError, KeyError, TypeError, Problem):
        return None


def key_of(who: Caller) -> str:
    """Who counts as one, as it may be written beside the job: nobody can log in with it."""
    return hashlib.sha256(who.key.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _committed(found: Mapping[str, Any] | None) -> Committed | None:
    if found is None:
        return None
    name = found["name"]
    return Committed(str(found["token"]), None if name is None else str(name))

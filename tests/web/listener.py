"""Somebody who follows the events of a page, over a connection of their own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.live.harness import wait_for
from tests.web.served import Served


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its name (change or reset), id, data, and when it came (monotonic)."""

    kind: str
    id: str
    data: dict[str, Any]
    at: float


@dataclass
class Listener:
    """Reads the events on a thread, unless ``mute``: then nobody reads."""

    connection: socket.socket
    status: int
    headers: dict[str, str]
    told: list[Told] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def begin(
        cls,
        page: Served,
        query: str = "",
        address: str = "127.0.0.1",
        *,
        mute: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Listener:
        """Ask for the events; returns when the head of the answer is there."""
        connection = socket.create_connection(
            ("127.0.0.1", page.port), timeout=30, source_address=(address, 0)
        )
        given = {"Host": f"127.0.0.1:{page.port}", "Accept": "text/event-stream"}
        given |= headers or {}
        lines = [f"GET /api/v1/events{query} HTTP/1.1", *(f"{n}: {v}" for n, v in given.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        reader = connection.makefile("rb")
        status = int(reader.readline().split()[1])
        names = {}
        while line := reader.readline().strip():
            name, _, value = line.decode().partition(":")
            names[name.strip().lower()] = value.strip()
        listener = cls(connection, status, names)
        if status == 200 and not mute:
            threading.Thread(target=listener._read, args=(reader,), daemon=True).start()
        return listener

    def _read(self, reader: Any) -> None:
        event: dict[str, str] = {}
        try:
            for line in _lines(reader):
                name, _, value = line.partition(": ")
                if line:
                    event[name] = value
                elif "data" in event:
                    data = json.loads(event["data"])
                    told = Told(event["event"], event["id"], data, time.monotonic())
                    self.told.append(told)
                    event = {}
        except (OSError, ValueError):
            pass  # It was closed, by either side.
        self.ended.set()

    def wait_told(self, topic: str, after: int = 0) -> Told:
        """The first change about ``topic`` behind the first ``after`` events."""

        def found() -> Told | None:
            changes = [one for one in self.told[after:] if one.kind == "change"]
            return next((one for one in changes if topic in one.data["topics"]), None)

        told: Told = wait_for(f"an event about {topic}; told: {self.told[-3:]}", found)
        return told

    def wait_reset(self) -> Told:
        """The event that says to look at everything."""

        def found() -> Told | None:
            return next((one for one in self.told if one.kind == "reset"), None)

        told: Told = wait_for("a reset", found)
        return told

    def close(self) -> None:
        """Go, without a word."""
        with suppress(OSError):
            # The thread that reads holds the connection open otherwise.
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def _lines(reader: Any) -> Any:
    """The lines of a body in chunks (RFC 9112, section 7.1)."""
    rest = ""
    while size := int(reader.readline() or b"0", 16):
        rest += reader.read(size).decode()
        reader.readline()
        *lines, rest = rest.split("\n")
        yield from lines

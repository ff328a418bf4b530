"""The jobs of another QM: read as here, and changed by its manager."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qm.errors import NoSuchJob, QMError, Refused
from qm.names import shown
from qm.remote.client import Client, Query
from qm.view.entries import Entry, View, plain
from qm.view.query import Query as Wanted
from qm.view.query import arrange, is_id

PAGE = 500
_TARGETS = 100
"""Names in one request: an address has its limits."""
_SORTS = frozenset({"id", "name", "priority", "submitted", "started", "ended"})
_WAIT = 45.0
"""Seconds for which one request waits for the end of a job."""
_POLL = 0.5
_PATIENCE = 30.0

Answer = dict[str, Any]


class RemoteJobs:
    """What the command line asks of a queue, asked of another machine's."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._progress: dict[int, Mapping[str, Any]] = {}

    def view(self, since: str | None, query: Wanted) -> View:
        """As :func:`qm.view.load`."""
        if query.brief is not None:
            given = [("brief", str(query.brief)), *_given("since", since)]
            found = self.client.get("jobs", query=given).json
            return View(
                tuple(self._entries(found)),
                found["manager_runs"],
                found["more_waiting"],
                found["more_ended"],
            )
        entries: dict[tuple[int | None, str], Entry] = {}
        runs = True
        for parameters in _parameters(since, query):
            for page in self._pages(parameters, query):
                runs = page["manager_runs"]
                entries |= {(one.id, one.name): one for one in self._entries(page)}
        return View(arrange(entries.values(), query, time.time()), runs)

    def find(self, target: str) -> Entry:
        """The job of this id or name, as :func:`qm.view.find`; NoSuchJob."""
        if is_id(target):
            try:
                return self.entry(self.client.get("jobs", target).json)
            except NoSuchJob:
                pass  # A folder may be called 12.
        found = self.named([target]).get(plain(target))
        if found is None:
            raise NoSuchJob(f"there is no job {shown(target)}", "`qm list --all` shows every job.")
        return found

    def named(self, names: Sequence[str]) -> dict[str, Entry]:
        """For each name the newest job that has not ended, else what arrives, else the newest."""
        best: dict[str, Entry] = {}
        for entry in self.view(None, Wanted(targets=tuple(map(plain, names)))).entries:
            if entry.name not in best or _rank(entry) > _rank(best[entry.name]):
                best[entry.name] = entry
        return best

    def details(self, entry: Entry) -> Answer:
        """As :func:`qm.view.details.details`; paths are those of the other machine."""
        if entry.id is None:
            return {**entry.as_json(), "log": None, "attempts": []}
        found: Answer = self.client.get("jobs", str(entry.id)).json
        found.pop("progress", None)
        found["options"] = {
            name: _frozen(value) for name, value in found.get("options", {}).items()
        }
        return found

    def progress(self, entry: Entry) -> tuple[float, str] | None:
        """How far a running job was when it was last looked at: a fraction, and its own words."""
        told = self._progress.get(entry.id or 0)
        if not told or told.get("fraction") is None:
            return None
        return float(told["fraction"]), str(told["text"])

    def ask(self, verb: str, target: str, data: Mapping[str, Any]) -> Answer:
        """Have something done with one job; the answer is that of its manager."""
        if verb == "drain":
            return self._send("POST", ("queue", "drain"), data)
        job = self._id(target)
        if verb == "rm":
            return {"removed": [self._send("DELETE", ("jobs", job), {})]}
        if verb == "set":
            return self._send("PATCH", ("jobs", job), data["changes"])
        if verb not in ("hold", "release", "suspend", "resume", "rerun", "restore"):
            raise Refused(f"{verb} cannot be done from another machine")
        # A repetition, after an answer that was lost, shall not run the job twice.
        key = {"Idempotency-Key": secrets.token_hex(16)}
        answer: Answer = self.client.send("POST", ("jobs", job, verb), data, headers=key)
        return answer

    def stop(self, target: str, grace: float | None) -> Answer:
        """Have a job ended; returns its id, name and state once its processes are gone."""
        job = self._id(target)
        data = {"wait": _WAIT} | ({} if grace is None else {"grace": grace})
        answer = self._send("POST", ("jobs", job, "stop"), data, timeout=_WAIT + _PATIENCE)
        if not answer.get("stopping"):
            return answer
        until = time.monotonic() + float(answer["grace"]) + _PATIENCE
        while time.monotonic() < until:
            entry = self.find(job)
            if entry.ended is not None:
                return {name: getattr(entry, name) for name in ("id", "name", "state", "reason")}
            time.sleep(_POLL)
        raise QMError(f"job {job} still runs, though it was told to end")

    def entry(self, item: Mapping[str, Any]) -> Entry:
        """An item of a list as an entry; its figures are kept for :meth:`progress`."""
        # What lies behind these members is for the machine that the folders are on.
        entry = Entry._make(map(item.get, Entry._fields))
        if item.get("progress"):
            self._progress[item["id"]] = item["progress"]
        return entry

    def _entries(self, page: Mapping[str, Any]) -> list[Entry]:
        return [self.entry(item) for item in page["items"]]

    def _pages(self, parameters: Query, query: Wanted) -> Iterator[Mapping[str, Any]]:
        """The pages of one list, as many as are needed for the limit."""
        sort = query.sort if query.sort in _SORTS else "id"
        left = query.limit if query.sort in _SORTS else None
        cursor: list[tuple[str, str]] = []
        while True:
            size = PAGE if left is None else max(1, min(left, PAGE))
            order = ("sort", f"-{sort}" if query.reverse else sort)
            given = [*parameters, order, ("limit", str(size)), *cursor]
            page = self.client.get("jobs", query=given).json
            yield page
            left = None if left is None else left - len(page["items"])
            if page["next"] is None or (left is not None and left <= 0):
                return
            cursor = [("cursor", page["next"])]

    def _send(
        self, method: str, path: Sequence[str], data: Mapping[str, Any], timeout: float = 60.0
    ) -> Answer:
        answer: Answer = self.client.send(method, path, data, timeout=timeout)
        return answer

    def _id(self, target: str) -> str:
        """The id of the job that a person means."""
        if is_id(target):
            return target
        entry = self.find(target)
        if entry.id is None:
            raise QMError(f"{shown(entry.name)} is still arriving; ask again when it is a job")
        return str(entry.id)


def _parameters(since: str | None, query: Wanted) -> Iterator[Query]:
    """The conditions of a query, in several requests where it names many jobs."""
    given = [
        *(("state", state) for state in sorted(query.states)),
        *(("owner", owner) for owner in query.owners),
        *(("name", name) for name in query.names),
        *_given("since", since),
        *_given("until", query.until),
    ]
    for first in range(0, len(query.targets) or 1, _TARGETS):
        some = query.targets[first : first + _TARGETS]
        yield [*given, *(("target", target) for target in some)]


def _frozen(value: Any) -> Any:
    """Lists as tuples, which options of a job are."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _given(name: str, value: str | None) -> list[tuple[str, str]]:
    return [] if value is None else [(name, value)]


def _rank(entry: Entry) -> tuple[int, int]:
    """The order of preference among entries of one name, as in `qm.view.by_index`."""
    if entry.id is None:
        return 1, 0
    return 2 if entry.ended is None else 0, entry.id

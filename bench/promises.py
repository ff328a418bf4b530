"""What QM promises, held against the folders as they lie there: for crash tests and torture.

Jobs that are watched note each start of their script themselves, in a file that is QM's to
know nothing of: :func:`noting` makes such a script.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from qm.checkup.finding import OK
from qm.cli.checkup import examine
from qm.config import Config
from qm.effects.reconcile import Librarian
from qm.folders.layout import Layout
from qm.history import read_history
from qm.index import Index, Row, reading
from qm.jobdir import Records, read_records
from qm.model import Job, Place, State
from qm.osops import TOKEN_VARIABLE

LOST, DOUBLE, STUCK, WRONG, LEFT = "lost", "doubled", "stuck", "wrong", "left behind"
_RAN = frozenset({State.FINISHED, State.FAILED, State.KILLED, State.LOST})
_STAGED = re.compile(r"\..+\.\d+\.new")


class Broken(NamedTuple):
    """A promise that does not hold: its kind, and what was found."""

    kind: str
    text: str


class Start(NamedTuple):
    """A start as the script itself noted it."""

    id: int
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class Found:
    """A folder in one of the four, or in the trash (``place`` is None), and what it says."""

    place: Place | None
    name: str
    path: Path
    records: Records

    @property
    def job(self) -> Job:
        """Its job record; only for what was found to have one."""
        assert self.records.job is not None
        return self.records.job

    @property
    def state(self) -> State | None:
        """How its current attempt ended."""
        records = self.records
        if records.exit is not None:
            return records.exit.state()
        return None if records.end is None else records.end.state

    def record_of(self, attempt: int, record: str) -> Path:
        """Where this record of an attempt lies, if it is there."""
        own = self.path / ".qm"
        return own / record if attempt == self.job.attempt else own / f"attempt-{attempt}" / record


def noting(notes: Path, then: str) -> str:
    """A command for /bin/sh that notes its start in the file ``notes`` first."""
    note = 'echo "$QM_JOB_ID $QM_ATTEMPT $QM_JOB_TOKEN"'
    return f"{note} >> {shlex.quote(str(notes))}; {then}"


def starts_in(notes: Path) -> list[Start]:
    """All starts that were noted."""
    if not notes.exists():
        return []
    lines = notes.read_text(encoding="ascii").split("\n")
    words = [line.split() for line in lines if line]
    return [Start(int(number), int(attempt), token) for number, attempt, token in words]


def find_jobs(layout: Layout) -> list[Found]:
    """Every job folder in the four folders and in the trash."""
    wheres = [(place, layout.place(place)) for place in Place]
    found = []
    for place, where in [*wheres, (None, layout.trash)]:
        for name in sorted(os.listdir(where)):
            path = Path(where, name)
            if not name.startswith(".") and path.is_dir():
                found.append(Found(place, name, path, read_records(str(path), name)))
    return found


def broken_promises(
    layout: Layout,
    dropped: Collection[str],
    starts: Iterable[Start],
    *,
    may_wait: Collection[str] = (),
) -> list[Broken]:
    """What does not hold once nothing moves any more.

    ``dropped`` are the names of all jobs that QM was given, each once;
    ``may_wait`` those that rightly still wait. The manager should run: it
    holds what it has not written yet.
    """
    found = find_jobs(layout)
    jobs = [one for one in found if one.records.job is not None]
    history = list(read_history(layout.history_file))
    return [
        *_places(found, dropped, may_wait),
        *_records(found, may_wait),
        *_starts(jobs, list(starts), history),
        *_ends(jobs, history),
        *_leftovers(layout, found),
        *_index(layout, jobs),
        *_processes(jobs),
    ]


def _places(
    found: list[Found], dropped: Collection[str], may_wait: Collection[str]
) -> Iterator[Broken]:
    """Each job is in exactly one folder, and in one where things come to rest."""
    where = defaultdict(list)
    for one in found:
        where[one.name].append("the trash" if one.place is None else one.place.value)
    for name in sorted(set(dropped) - set(where)):
        yield Broken(LOST, f"{name} is nowhere")
    for name, places in where.items():
        if len(places) > 1:
            yield Broken(DOUBLE, f"{name} lies in {' and in '.join(places)}")
        if name not in dropped:
            yield Broken(DOUBLE, f"{name} in {places[0]} was never dropped")
    for one in found:
        if one.place in (Place.WAITING, Place.RUNNING) and one.name not in may_wait:
            yield Broken(STUCK, f"{one.name} still lies in {one.place.value}")


def _records(found: list[Found], may_wait: Collection[str]) -> Iterator[Broken]:
    """Each folder has its own job's records, of an end that belongs there."""
    ids = Counter(one.records.job.id for one in found if one.records.job is not None)
    for number, count in ids.items():
        if count > 1:
            yield Broken(DOUBLE, f"id {number} was given {count} times")
    for one in found:
        records = one.records
        if records.job is None or not records.is_ours or records.damaged:
            yield Broken(WRONG, f"{one.name} has not its own records: {records.damaged}")
        elif one.place is Place.DONE and (records.exit is None or records.end is not None):
            yield Broken(WRONG, f"{one.name} lies among the done ones, its end is {one.state}")
        elif one.place is Place.LOST and (records.end is None or records.exit is not None):
            yield Broken(WRONG, f"{one.name} lies in QM_lost+found, its end is {one.state}")


def _starts(
    jobs: list[Found], starts: list[Start], history: list[dict[str, object]]
) -> Iterator[Broken]:
    """Each attempt started once; a next one came only where the one before had an end."""
    for (number, attempt), count in Counter((s.id, s.attempt) for s in starts).items():
        if count > 1:
            yield Broken(DOUBLE, f"attempt {attempt} of job {number} was started {count} times")
    by_id = {one.job.id: one for one in jobs}
    taken_away = {line["id"] for line in history if line.get("vanished")}
    for start in starts:
        one = by_id.get(start.id)
        if one is None:
            if start.id not in taken_away | _earlier_ids(jobs):
                yield Broken(LOST, f"job {start.id} has run and is nowhere")
            continue
        what = f"attempt {start.attempt} of job {start.id} ({one.name})"
        said = _read(one.record_of(start.attempt, "start.json"))
        if said is None or said.get("token") != start.token:
            yield Broken(WRONG, f"{what} ran without a start record of its own")
        ended = _has_end(one, start.attempt)
        if not ended and start.attempt == one.job.attempt:
            yield Broken(STUCK, f"{what} ran, and nothing says how it ended")
        elif not ended and not one.job.options.rerunnable:
            yield Broken(DOUBLE, f"{what} never ended, and the job was started again")


def _earlier_ids(jobs: list[Found]) -> set[object]:
    """Of jobs whose folders were put back by hand, to run as new jobs."""
    paths = [path for one in jobs for path in one.path.glob(".qm.*/job.json")]
    return {record.get("id") for path in paths if (record := _read(path)) is not None}


def _has_end(one: Found, attempt: int) -> bool:
    return any(one.record_of(attempt, name).exists() for name in ("exit.json", "end.json"))


def _ends(jobs: list[Found], history: list[dict[str, object]]) -> Iterator[Broken]:
    """Each end is told once, and is the one that the folder shows."""
    told = Counter((line["id"], line["attempt"], str(line["state"])) for line in history)
    for (number, attempt, state), count in told.items():
        if count > 1:
            yield Broken(DOUBLE, f"the history tells {count} times that job {number} is {state}")
        ends = [s for i, a, s in told if (i, a) == (number, attempt) and s in _RAN]
        if state in _RAN and len(ends) > 1:
            text = f"attempt {attempt} of job {number} ended as {' and '.join(ends)}"
            yield Broken(WRONG, text)
    last = {line["id"]: line for line in history}
    for one in jobs:
        if one.state is None:
            continue
        line = last.get(one.job.id, {})
        if (line.get("attempt"), line.get("state")) != (one.job.attempt, str(one.state)):
            yield Broken(WRONG, f"{one.name} is {one.state}, its history says {line.get('state')}")
        for attempt in range(1, one.job.attempt):
            said = _read(one.record_of(attempt, "exit.json"))
            if said is not None and not any((one.job.id, attempt, s) in told for s in _RAN):
                yield Broken(WRONG, f"attempt {attempt} of {one.name} is not in the history")


def _leftovers(layout: Layout, found: list[Found]) -> Iterator[Broken]:
    """No intent, no request, no half-written record is left."""
    for folder in (layout.intents, layout.requests, layout.notices):
        for name in sorted(os.listdir(folder)):
            yield Broken(LEFT, f"{os.path.basename(folder)}/{name}")
    for folder in (layout.own, *(str(one.path / ".qm") for one in found)):
        if os.path.isdir(folder):
            staged = [name for name in sorted(os.listdir(folder)) if _STAGED.fullmatch(name)]
            yield from (Broken(LEFT, os.path.join(folder, name)) for name in staged)


def _index(layout: Layout, jobs: list[Found]) -> Iterator[Broken]:
    """The index that was kept is the one that the folders make."""
    with reading(layout.index_file) as index:
        kept = {row.id: row for row in index.rows("ended IS NOT NULL")}
        open_ids = {row.id for row in index.waiting_and_running()}
    made = _rebuilt(layout)
    for number in sorted(kept.keys() | made.keys()):
        if kept.get(number) != made.get(number):
            yield Broken(WRONG, f"the index has {kept.get(number)}, folders say {made.get(number)}")
    waiting = {one.job.id for one in jobs if one.place in (Place.WAITING, Place.RUNNING)}
    if open_ids != waiting:
        yield Broken(WRONG, f"the index shows {open_ids} as not ended, the folders {waiting}")


def _rebuilt(layout: Layout) -> Mapping[int, Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "index.sqlite3")
        index = Index(path)
        index.open()
        Librarian(layout, index, lambda job, place: None).rebuild()
        index.close()
        with reading(path) as made:
            return {row.id: row for row in made.rows("ended IS NOT NULL")}


def _processes(jobs: list[Found]) -> Iterator[Broken]:
    """Of what has ended no process is left."""
    tokens = {token: one for one in jobs if one.state is not None for token in _tokens(one)}
    for process in psutil.process_iter():
        try:
            token = process.environ().get(TOKEN_VARIABLE)
            words = " ".join(process.cmdline())
        except (psutil.Error, OSError):
            continue
        if token in tokens:
            yield Broken(LEFT, f"process {process.pid} of {tokens[token].name}: {words}")


def _tokens(one: Found) -> set[str]:
    said = [_read(path) for path in (one.path / ".qm").glob("**/start.json")]
    found = {record["token"] for record in said if record is not None and "token" in record}
    return {str(token) for token in (*found, one.job.token) if token}


def _read(path: Path) -> dict[str, object] | None:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def complaints(config: Config) -> set[str]:
    """What ``qm doctor`` finds amiss, without figures: they change of themselves."""
    findings = examine(config, Layout(str(config.folder)))
    return {re.sub(r"\d+", "N", one.text) for one in findings if one.grade != OK}

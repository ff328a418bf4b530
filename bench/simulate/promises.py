"""What must hold when all has come to rest: the promises of QM, on the simulated disk."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bench.simulate.disk import Node
from bench.simulate.kept_index import KeptIndex, Shelf
from bench.simulate.kernel import Kind
from bench.simulate.people import Folder, People
from bench.simulate.primitives import Event
from bench.simulate.scripts import Script
from bench.simulate.world import World
from qm.history import read_history
from qm.index import Row
from qm.jobdir import Records, read_records
from qm.model import Place

_RAN = frozenset({"FINISHED", "FAILED", "KILLED", "LOST"})


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in each of the four folders at one moment: names by the folder's number."""

    names: dict[str, dict[int, str]]
    after_others: frozenset[int]
    """Jobs that come after others. What an ended folder is called now may count at a restart."""

    def changed(self, later: Listing) -> str | None:
        """How ``later`` differs, those left out that come after others in either; or None."""
        left_out = self.after_others | later.after_others
        one, other = (
            {
                place: sorted(name for number, name in names.items() if number not in left_out)
                for place, names in listing.names.items()
            }
            for listing in (self, later)
        )
        return None if one == other else f"{one} to {other}"


def listing(world: World) -> Listing:
    """The four folders now."""
    names: dict[str, dict[int, str]] = {place.value: {} for place in Place}
    after: set[int] = set()
    for number, path in _places(world).items():
        own, name = path.split("/")[-2:]
        if own in names and path == world.layout.path(Place(own), name):
            names[own][number] = name
            if _comes_after(world, Place(own), name):
                after.add(number)
    return Listing(names, frozenset(after))


def _comes_after(world: World, place: Place, name: str) -> bool:
    try:
        job = read_records(world.layout.path(place, name), name).job
    except OSError:
        return False
    return job is not None and bool(job.options.after)


def broken_promises(people: People, ends: dict[str, int]) -> list[str]:
    """A sentence for each promise that was not kept; ``ends`` counts the states of ended jobs."""
    world = people.world
    where = _places(world)
    broken = [
        *world.machine.overlaps,
        *_lost_folders(people, where),
        *_lost_files(people),
        *_double_starts(people),
        *_doubled_lines(world),
        *_lost_for_nothing(people),
        *_left_open(world),
    ]
    told = {(line["id"], line["attempt"]) for line in read_history(world.layout.history_file)}
    for number, path in where.items():
        place = path.split("/")[2] if path.startswith("/qm/QM_") else ""
        folder = people.folders.get(number)
        if place and folder is not None:
            broken += _at_rest(people, folder, place, path, ends)
            broken += _untold(world, place, path, told)
    return [*broken, *_index_differs(world)]


def _places(world: World) -> dict[int, str]:
    """Where each folder lies, by inode; a number that comes twice is a broken disk."""
    found: dict[int, str] = {}
    for path, node in world.disk.walk():
        if node.is_folder:
            assert node.number not in found, "the simulated disk has a folder twice"
            found[node.number] = path
    return found


def _lost_folders(people: People, where: dict[int, str]) -> Iterator[str]:
    for number, folder in people.folders.items():
        if number not in where and not folder.may_be_gone:
            yield f"the folder {number} is nowhere"


def _lost_files(people: People) -> Iterator[str]:
    for number, folder in people.folders.items():
        for name, data in folder.files.items():
            if not _has(folder.node, name, data):
                yield f"{name} in the folder {number} is not what its owner put there"


def _has(node: Node, name: str, data: bytes) -> bool:
    """Whether the file is there, or (as QM may have written there) set aside."""
    if _holds(node, name, data):
        return True
    if name != "process.log":
        return False
    aside = any(_holds(node, key, data) for key in node.entries if key.startswith(f"{name}."))
    return aside or _archived(node, data)


def _holds(node: Node, name: str, data: bytes) -> bool:
    found = node.entries.get(name)
    return found is not None and found.data is not None and bytes(found.data) == data


def _archived(node: Node, data: bytes) -> bool:
    folders = (
        one
        for name, one in node.entries.items()
        if one.is_folder and name.startswith((".qm", "attempt-"))
    )
    return any(_holds(one, "process.log", data) or _archived(one, data) for one in folders)


def _double_starts(people: People) -> Iterator[str]:
    started = people.world.machine.started
    attempts = Counter((one.id, one.attempt) for one in started)
    yield from (
        f"attempt {attempt} of job {job} was started {count} times"
        for (job, attempt), count in attempts.items()
        if count > 1
    )
    owners: dict[int, int] = {}
    for one in started:
        if owners.setdefault(one.id, one.folder) != one.folder:
            yield f"two folders were job {one.id}"
    excess: dict[int, tuple[int, int]] = {}
    for number, count in Counter(one.folder for one in started).items():
        folder = people.folders[number]
        asked = folder.more_starts + (people.world.cuts if folder.rerun else 0)
        most = (1 + asked) * (1 + folder.retries)
        if count > most and not folder.rerunnable:
            excess[number] = count, most
    # Who asks by name gets whichever job has that name by the time that it is done, which may be
    # after a crash, and be another one.
    spare = people.reruns and people.reruns + people.world.cuts
    if sum(count - most for count, most in excess.values()) > spare:
        for number, (count, most) in excess.items():
            yield f"the folder {number} was started {count} times, and asked for {most} times"


def _doubled_lines(world: World) -> Iterator[str]:
    keys: Counter[tuple[object, ...]] = Counter()
    for line in read_history(world.layout.history_file):
        if not line["vanished"]:
            state = line["state"]
            keys[line["id"], line["attempt"], "ran" if state in _RAN else state] += 1
    for (job, attempt, _), count in keys.items():
        if count > 1:
            yield f"the history tells the end of attempt {attempt} of job {job} {count} times"


def _lost_for_nothing(people: People) -> Iterator[str]:
    """A job is LOST with its supervisor, or with the power, and else never."""
    if people.doomed & {Kind.SUPERVISOR, None}:
        return
    for line in read_history(people.world.layout.history_file):
        if line["state"] == "LOST" and not str(line["reason"]).startswith("Vanished"):
            yield f"attempt {line['attempt']} of job {line['id']} was LOST, and nobody killed it"


def _left_open(world: World) -> Iterator[str]:
    for what, path in (("intent", world.layout.intents), ("request", world.layout.requests)):
        for name in sorted(world.disk.find(path).entries):
            if name.endswith(".json"):
                yield f"the {what} {name} is still open"


def _at_rest(
    people: People, folder: Folder, place: str, path: str, ends: dict[str, int]
) -> Iterator[str]:
    name = path.rpartition("/")[2]
    records = read_records(path, name)
    if place == Place.WAITING.value:
        yield from _waits(people, folder, records, path)
    elif place == Place.RUNNING.value:
        if records.job is not None and records.is_ours:
            yield f"{path} is still there, and nothing runs: stuck"
    elif records.job is not None and records.is_ours:
        state = _state(records)
        if state is None:
            yield f"{path} lies among the ended jobs without an end"
            return
        ends[state] = ends.get(state, 0) + 1
        yield from _true_end(people.world, folder, records, path)


def _untold(world: World, place: str, path: str, told: set[tuple[int, int]]) -> Iterator[str]:
    """The history is not synced: a power cut may take its last lines."""
    if world.cuts or place not in (Place.DONE.value, Place.LOST.value):
        return
    records = read_records(path, path.rpartition("/")[2])
    job = records.job
    if job is not None and records.is_ours and (job.id, job.attempt) not in told:
        yield f"the history does not tell how attempt {job.attempt} of job {job.id} ended"


def _state(records: Records) -> str | None:
    if records.exit is not None:
        return str(records.exit.state())
    return None if records.end is None else str(records.end.state)


def _waits(people: People, folder: Folder, records: Records, path: str) -> Iterator[str]:
    job = records.job
    if job is None or not records.is_ours:
        if folder.files:
            yield f"{path} was never accepted nor refused"
    elif records.ended:
        yield f"{path} has ended and lies in the queue"
    elif records.hold is None and not job.options.after:
        yield f"{path} waits for nothing: stuck"


def _true_end(world: World, folder: Folder, records: Records, path: str) -> Iterator[str]:
    """The record says how the script really ended."""
    job = records.job
    assert job is not None
    scripts = [s for s in world.machine.started if (s.id, s.attempt) == (job.id, job.attempt)]
    if records.exit is None:
        return
    if not scripts:
        if records.exit.exit_code != 127:
            yield f"{path} has an exit record, and its script never ran"
    elif not _tells(scripts[-1], records):
        yield f"{path}: its record says {records.exit}, its script {scripts[-1]}"


def _tells(script: Script, records: Records) -> bool:
    assert records.exit is not None
    if script.signal is not None:
        return records.exit.signal == script.signal
    return records.exit.exit_code == script.code


def _index_differs(world: World) -> Iterator[str]:
    """The index that was kept, and one that is made anew from folders and history."""
    anew = Shelf()
    index = KeptIndex(anew, Event(world.kernel))
    index.open()
    anew.rows = {i: row for i, row in world.shelf.rows.items() if row.ended is None}
    librarian = sys.modules["qm.effects.reconcile"].Librarian(
        world.layout, index, lambda job, place: None
    )
    librarian.rebuild()
    index.flush()
    # Of a job whose folder was taken away there is a row and a line in the history, and a crash
    # may leave either.
    kept, made = _ended(world.shelf), _ended(anew)
    for job in sorted(kept.keys() | made.keys()):
        if kept.get(job) != made.get(job):
            yield f"job {job} in the index: kept {kept.get(job)}, made anew {made.get(job)}"


def _ended(shelf: Shelf) -> dict[int, tuple[object, ...]]:
    rows = shelf.rows.values()
    return {row.id: _told(row) for row in rows if row.ended is not None and row.place is not None}


def _told(row: Row) -> tuple[object, ...]:
    return row.name, row.state, row.reason, row.exit_code, row.signal, row.place, row.attempt

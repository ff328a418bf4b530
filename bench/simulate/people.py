"""What people do to the folders, and ask of the manager; and what they may count on afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.simulate.disk import Node
from bench.simulate.history import Step
from bench.simulate.kernel import Kind
from bench.simulate.world import World
from qm.control.requests import Request, write_request
from qm.model import Place

INFO = "proc_config.cfg"
_NAMES = "abcd"
_OPTIONS = (
    *("", "", "", "retries : 1", "rerunnable : yes", "nb_proc : 2", "after : a", "hold : yes"),
    *("retries : 1\nretry_delay : 3", "after : afterany:b"),
)
_HOUR = 3600.0


@dataclass
class Folder:
    """A job folder as its owner knows it."""

    node: Node
    files: dict[str, bytes] = field(default_factory=dict)
    """What people put into it."""
    may_be_gone: bool = False
    """A person deleted it."""
    more_starts: int = 0
    """How often it may be started beyond the first time, because a person asked for it."""
    rerun: bool = False
    """A person asked for that. A power cut may bring the request back, though it was answered."""
    retries: int = 0
    rerunnable: bool = False


class People:
    """All that is done by hand in one history; ``folders`` by their inode."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folders: dict[int, Folder] = {}
        self.requests = 0
        self.reruns = 0
        """How often one was asked for."""
        self.doomed: set[Kind | None] = set()
        """Of which kinds a process was to be killed; None stands for the power."""
        self.deeds: list[str] = []
        """Each step in words, as it turned out."""
        self._acts: dict[str, Callable[[Step], str]] = {
            "drop": self._drop,
            "copy in slowly": self._copy_in,
            "grow": self._grow,
            "edit": self._edit,
            "rename": self._rename,
            "move": self._move,
            "put back": self._put_back,
            "copy": self._copy,
            "delete": self._delete,
            "mark": self._mark,
            "lose index": self._lose_index,
            "start": self._start,
            "manager dies": lambda step: self._doom(step, Kind.MANAGER, 60),
            "supervisor dies": lambda step: self._doom(step, Kind.SUPERVISOR, 25),
            "power fails": lambda step: self._doom(step, None, 80),
            "wait": lambda step: f"{step.amount / 100:.1f} s pass",
        }

    def act(self, step: Step) -> None:
        """Do one step, if there is anything to do it to."""
        act = self._acts.get(step.verb)
        said = act(step) if act is not None else self._ask(step)
        if said:
            self.deeds.append(f"{self.world.kernel.seconds:8.3f} s  {said}")

    # Folders.

    def _make(self, files: dict[str, bytes]) -> Folder:
        disk = self.world.disk
        node = disk.make_folder()
        folder = Folder(node)
        self.folders[node.number] = folder
        for name, data in files.items():
            self._put(folder, name, data)
        return folder

    def _put(self, folder: Folder, name: str, data: bytes) -> None:
        """Write a file that is safe on disk at once."""
        file = self.world.disk.make_file()
        file.data, file.synced = bytearray(data), data
        folder.node.entries[name] = file
        folder.node.modified = folder.node.changed = self.world.kernel.now()
        folder.files[name] = data
        if name == INFO:
            folder.retries = max(folder.retries, b"retries" in data)
            folder.rerunnable |= b"rerunnable" in data

    def _text(self, step: Step) -> bytes:
        if step.amount % 17 == 0:
            return b"[QMOptions]\nnb_proc : four\n"
        options = _OPTIONS[step.amount % len(_OPTIONS)]
        return f"[QMOptions]\nscript : true {step.amount}\n{options}\n".encode()

    def _free(self, place: Place, name: str) -> str:
        taken, number, free = set(self.world.names(place)), 1, name
        while free in taken:
            number += 1
            free = f"{name}{number}"
        return free

    def _queue(self) -> Node:
        return self.world.disk.find(self.world.layout.place(Place.WAITING))

    def _bring(self, folder: Folder, target: Node, name: str) -> None:
        """One rename from the desk, where it lies again if a power cut undoes that."""
        desk, lay = self.world.disk.find("/desk"), f"{name} {folder.node.number}"
        desk.entries[lay] = folder.node
        self.world.disk.rename(desk, lay, target, name)

    def _drop(self, step: Step) -> str:
        name = self._free(Place.WAITING, _NAMES[step.pick % 4])
        files = {INFO: self._text(step), "data": b"1"}
        if step.pick % 7 == 0:
            files["process.log"] = b"an old log\n"
        folder = self._make(files)
        self._bring(folder, self._queue(), name)
        return f"a person moves a new folder {name} into the queue: {_shown(files[INFO])}"

    def _copy_in(self, step: Step) -> str:
        name = self._free(Place.WAITING, _NAMES[step.pick % 4])
        files = {} if step.pick % 3 == 0 else {INFO: self._text(step)}
        folder = self._make(files)
        folder.may_be_gone = True  # Its name is not synced; a cut may take it while it is copied.
        self.world.disk.link(self._queue(), name, folder.node)
        return f"a person begins to copy a folder {name} into the queue"

    def _pick(self, step: Step, *places: Place) -> tuple[Place, str, Folder] | None:
        """One of the job folders that lie there."""
        found = []
        for place in places:
            holder = self.world.disk.find(self.world.layout.place(place))
            for name in sorted(holder.entries):
                folder = self.folders.get(holder.entries[name].number)
                if folder is not None:
                    found.append((place, name, folder))
        return found[step.pick % len(found)] if found else None

    def _grow(self, step: Step) -> str:
        found = self._pick(step, Place.WAITING)
        if found is None:
            return ""
        name = INFO if INFO not in found[2].files else f"more{step.amount % 3}"
        self._put(found[2], name, self._text(step))
        return f"a person copies {name} into {found[1]}"

    def _edit(self, step: Step) -> str:
        found = self._pick(step, Place.WAITING)
        if found is None:
            return ""
        self._put(found[2], INFO, self._text(step))
        return f"a person edits {found[1]}: {_shown(found[2].files[INFO])}"

    def _rename(self, step: Step) -> str:
        found = self._pick(step, *([Place.WAITING] if step.amount % 3 else Place))
        if found is None:
            return ""
        place, name, _ = found
        holder = self.world.disk.find(self.world.layout.place(place))
        new = self._free(place, _NAMES[step.amount % 4])
        self.world.disk.rename(holder, name, holder, new)
        return f"a person renames {place.value}/{name} to {new}"

    def _carry(self, found: tuple[Place, str, Folder], to: Place) -> str:
        place, name, folder = found
        disk, new = self.world.disk, self._free(to, name)
        source, target = (disk.find(self.world.layout.place(one)) for one in (place, to))
        disk.rename(source, name, target, new)
        if to is Place.WAITING:
            folder.more_starts += 1
        return f"a person moves {place.value}/{name} to {to.value}/{new}"

    def _move(self, step: Step) -> str:
        found = self._pick(step, *Place)
        to = [*Place][step.amount % 4]
        if found is None or found[0] is to:
            return ""
        return self._carry(found, to)

    def _put_back(self, step: Step) -> str:
        found = self._pick(step, Place.DONE, Place.LOST)
        return "" if found is None else self._carry(found, Place.WAITING)

    def _copy(self, step: Step) -> str:
        found = self._pick(step, *Place)
        if found is None:
            return ""
        place, name, old = found
        to = (Place.WAITING, Place.WAITING, place)[step.amount % 3]
        folder = self._make({})
        self._copy_into(old.node, folder.node)
        folder.files = dict(old.files)
        folder.retries, folder.rerunnable = old.retries, old.rerunnable
        disk, new = self.world.disk, self._free(to, f"{name}copy")
        self._bring(folder, disk.find(self.world.layout.place(to)), new)
        return f"a person copies {place.value}/{name} to {to.value}/{new}"

    def _copy_into(self, old: Node, new: Node) -> None:
        disk = self.world.disk
        for name, node in old.entries.items():
            if node.data is None:
                new.entries[name] = disk.make_folder()
                self._copy_into(node, new.entries[name])
            else:
                file = new.entries[name] = disk.make_file()
                file.data, file.synced = bytearray(node.data), bytes(node.data)

    def _delete(self, step: Step) -> str:
        found = self._pick(step, *Place)
        if found is None:
            return ""
        place, name, folder = found
        folder.may_be_gone = True
        self.world.disk.unlink(self.world.disk.find(self.world.layout.place(place)), name)
        return f"a person deletes {place.value}/{name}"

    def _mark(self, step: Step) -> str:
        found = self._pick(step, Place.WAITING)
        own = None if found is None else found[2].node.entries.get(".qm")
        if found is None or own is None:
            return ""
        if "hold" in own.entries:
            self.world.disk.unlink(own, "hold")
            return f"a person removes the hold mark of {found[1]}"
        self.world.disk.link(own, "hold", self.world.disk.make_file())
        return f"a person puts a hold mark into {found[1]}"

    # The rest.

    def _ask(self, step: Step) -> str:
        verb, data = step.verb, dict[str, object]()
        targets: tuple[str, ...] = ()
        if verb in ("drain", "undrain"):
            verb, data = "drain", {"on": verb == "drain"}
        elif verb != "stop":
            names = sorted({name for place in Place for name in self.world.names(place)})
            if not names:
                return ""
            targets = (names[step.pick % len(names)],)
            if step.verb == "set":
                data = {"changes": {"priority": str(step.amount % 5)}}
            if step.verb == "rerun":
                self._licence(targets[0])
        self.ask(verb, targets, data)
        return f"a person asks: {step.verb} {' '.join(targets)}".rstrip()

    def _licence(self, name: str) -> None:
        self.reruns += 1
        for place in Place:
            node = self.world.disk.find(self.world.layout.place(place)).entries.get(name)
            if node is not None and node.number in self.folders:
                self.folders[node.number].more_starts += 1
                self.folders[node.number].rerun = True

    def ask(self, verb: str, targets: tuple[str, ...], data: dict[str, object]) -> None:
        """Drop a request."""
        self.requests += 1
        expires = self.world.kernel.now() / 1e9 + _HOUR
        request = Request(f"r{self.requests:03d}", verb, targets, "anna", expires, data=data)
        write_request(self.world.layout.requests, request)

    def _lose_index(self, step: Step) -> str:
        self.world.shelf.there = False
        return "a person deletes the index"

    def _start(self, step: Step) -> str:
        if self.world.manager is not None:
            return ""
        self.world.start()
        return "QM is started"

    def _doom(self, step: Step, whom: Kind | None, most: int) -> str:
        effects = step.amount % most
        self.doomed.add(whom)
        self.world.kernel.doom(whom, effects)
        who = "the power fails" if whom is None else f"a {whom.value} is killed"
        return f"{who} after {effects} more effects"


def _shown(text: bytes) -> str:
    return ", ".join(text.decode().split("\n")[1:]).strip(", ")

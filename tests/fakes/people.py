"""What people do to the folders of a world, and ask of its manager."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from qm.core import events as ev
from qm.identity import Identity
from qm.model import Place
from tests.fakes.ground import Folder
from tests.fakes.world import World

_NUMBERS = count(100)


def drop(world: World, name: str, *, good: bool, **wish: Any) -> None:
    """Move a new folder into QM_qJobs, where the name is free."""
    if not _taken(world, name, Place.WAITING):
        folder = Folder(name, Identity(1, next(_NUMBERS), 7), good, wish)
        world.folders[folder.identity.inode] = folder
        world.tell(ev.Appeared(name))


def copy(world: World, folder: Folder) -> None:
    """Copy a folder, with its records, beside itself or into the queue."""
    twin = replace(folder, identity=Identity(1, next(_NUMBERS), 7), place=Place.WAITING)
    twin.name = world.free(folder.name, Place.WAITING)
    twin.running = False
    world.folders[twin.identity.inode] = twin
    world.tell(ev.Appeared(twin.name))


def take_away(world: World, folder: Folder) -> None:
    """Delete a folder, wherever it is."""
    del world.folders[folder.identity.inode]
    if folder.running:
        world.end_without_folder(folder)
    if folder.place is Place.WAITING:
        world.tell(ev.Gone(folder.name))


def rename(world: World, folder: Folder, name: str) -> None:
    """Give a waiting folder another name, where that is free."""
    if not _taken(world, name, Place.WAITING):
        old, folder.name = folder.name, name
        world.tell(ev.Renamed(old, name))


def edit(world: World, folder: Folder, **wish: Any) -> None:
    """Change the info file."""
    folder.version += 1
    folder.wish = {**folder.wish, **wish}
    world.tell(ev.Appeared(folder.name))


def move(world: World, folder: Folder, place: Place) -> None:
    """Move a folder by hand to another of the four."""
    old = folder.place
    if place is old:
        return
    left = folder.name
    folder.name = world.free(folder.name, place)
    folder.place = place
    if old is Place.WAITING:
        world.tell(ev.Gone(left))
    if place is Place.WAITING:
        world.tell(ev.Appeared(folder.name))


def ask(world: World, verb: str, *targets: str, **data: Any) -> None:
    """Ask something of the manager."""
    request = f"r{next(_NUMBERS)}"
    world.open[request] = ev.Asked(request, verb, targets, "anna", data=data)
    world.tell(world.open[request])


def _taken(world: World, name: str, place: Place) -> bool:
    return any(f.name == name and f.place is place for f in world.folders.values())

"""A list of files as people see it: what is in a line, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qm.names import shown
from qm.osops.browsing import Item, Kind, natural
from qm.times import utc_text
from web.content import is_report
from web.jobfolder import JobFolder
from web.jobpath import Parts
from web.target import Target
from web.templates import href

MOST = 1000
"""Lines of one list; of a bigger folder these are the first ones by name."""
SORTS = ("name", "size", "changed")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry; ``address`` is empty for what cannot be opened."""

    name: str
    address: str
    size: int | None
    changed: str
    """UTC, as in records."""
    note: str
    is_folder: bool


@dataclass(frozen=True, slots=True)
class FileList:
    """What a folder of a job holds; ``total`` counts also what ``lines`` leaves out."""

    label: str
    back: str
    """Where the job itself is shown."""
    way: tuple[tuple[str, str], ...]
    """The folders from the job down to this one, each with its address."""
    lines: tuple[Line, ...]
    total: int
    sort: str
    archive: str
    """The address of the zip; empty where there is none."""

    @property
    def cut(self) -> bool:
        """True if the folder holds more than is listed."""
        return self.total > len(self.lines)

    @property
    def has_reports(self) -> bool:
        """True if something here is shown apart from our own pages."""
        return any(is_report(line.name) for line in self.lines)


def list_of(target: Target, folder: JobFolder, parts: Parts, sort: str) -> FileList:
    """What lies in one folder of a job. Sizes and times sort only a list that is whole."""
    items, total = folder.items(parts, MOST)
    sort = sort if sort in SORTS and total <= len(items) else SORTS[0]
    here = (*target.base, *parts)
    return FileList(
        label=target.label,
        back="/QM" if target.id is None else href("job", target.id),
        way=tuple(
            (
                target.label if not depth else shown(parts[depth - 1]),
                href(*target.base, *parts[:depth]),
            )
            for depth in range(len(parts) + 1)
        ),
        lines=tuple(_line(item, here, folder, parts) for item in _sorted(items, sort)),
        total=total,
        sort=sort,
        archive="" if target.id is None else href("job", target.id, "archive.zip"),
    )


def _sorted(items: Sequence[Item], sort: str) -> list[Item]:
    if sort == "size":
        return sorted(items, key=lambda item: (-item.size, natural(item.name)))
    if sort == "changed":
        return sorted(items, key=lambda item: (-item.changed_ns, natural(item.name)))
    return list(items)


def _line(item: Item, here: tuple[str | int, ...], folder: JobFolder, parts: Parts) -> Line:
    note, opens = "", item.kind in (Kind.FILE, Kind.FOLDER)
    if item.kind is Kind.LINK:
        opens = folder.leads_within((*parts, item.name))
        note = "a link" if opens else "a link that leads nowhere in this job; not followed"
    elif item.kind is Kind.OTHER:
        note = "a pipe, a socket or a device"
    return Line(
        name=shown(item.name),
        address=href(*here, item.name) if opens else "",
        size=item.size if item.kind is Kind.FILE else None,
        changed=utc_text(item.changed_ns / 1e9),
        note=note,
        is_folder=item.kind is Kind.FOLDER,
    )

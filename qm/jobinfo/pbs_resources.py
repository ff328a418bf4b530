"""``#PBS -l``: the resource lists of OpenPBS and Torque (pbs_resources(7))."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qm.jobinfo.directives import Option, ignored, one_machine
from qm.jobinfo.items import Item, Reading

TIME_FORMS = "seconds, minutes:seconds or hours:minutes:seconds"
SIZE_FORMS = "a size such as 500mb or 2gb"
CHUNK_FORMS = "chunks such as 1:ncpus=4:mem=2gb"

_SIZE = re.compile(r"([0-9]{1,15})([kmgtp]?)([bw]?)", re.ASCII | re.IGNORECASE)
_CLOCK = re.compile(r"(?:[0-9]{1,9}:){0,3}[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)

_PROCESSORS = ("ncpus", "ppn", "procs", "mpiprocs")
_GPUS = ("ngpus", "gpus")


@dataclass(frozen=True, slots=True)
class _Resource:
    """One ``name=value`` of a list, and the option that it stands in."""

    name: str
    value: str
    option: Option


@dataclass(frozen=True, slots=True)
class _Chunks:
    """What ``select`` or ``nodes`` adds up to: nodes, processors, bytes and GPUs."""

    nodes: int
    processors: int
    memory: int
    gpus: int


def pbs_seconds(text: str) -> int:
    """Seconds in a ``walltime``: ``90``, ``1:30``, ``1:30:00`` or, with days, ``1:00:00:00``.

    Raises ValueError, whose text completes "expected ...".
    """
    if not _CLOCK.fullmatch(text):
        raise ValueError(TIME_FORMS)
    fields = [int(field) for field in text.partition(".")[0].split(":")]
    units = (86400, 3600, 60, 1)[-len(fields) :]
    return sum(value * unit for value, unit in zip(fields, units, strict=True))


def pbs_bytes(text: str) -> int:
    """Bytes in a size: ``2gb``, ``500mb``, ``1024``; ``w`` counts words of 8 bytes.

    Raises ValueError, whose text completes "expected ...".
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(SIZE_FORMS)
    scale = 1 << (10 * " kmgtp".index(match[2].lower() or " "))
    return int(match[1]) * scale * (8 if match[3].lower() == "w" else 1)


def read_resources(file: str, options: Sequence[Option], max_processors: int) -> Reading:
    """The settings of all ``-l`` lists. Raises InfoError for a value that cannot be read."""
    given: dict[str, _Resource] = {}
    for option in options:
        for part in option.value.split(","):
            name, _, value = part.partition("=")
            given[name.strip()] = _Resource(name.strip(), value.strip(), option)
    items: dict[str, Item] = {}
    warnings: list[str] = []
    unknown: list[Option] = []
    for name, each in given.items():
        try:
            found = _settings(each)
        except ValueError as error:
            raise each.option.error(file, str(error)) from None
        if found is None:
            unknown.append(each.option)
            continue
        items.update({key: each.option.item(key, value) for key, value in found.items()})
        if name in {"nodes", "select"} and _chunks(each).nodes > 1:
            warnings.append(one_machine(file, each.option))
    if "pmem" in given and "mem" not in items:
        items["mem"] = _memory_for_each(file, given["pmem"], items, max_processors)
    warnings.extend(ignored(file, unknown))
    return Reading(tuple(items.values()), tuple(warnings), "pbs")


def _settings(resource: _Resource) -> dict[str, str] | None:
    """Keys and values that a resource stands for; None for one without a counterpart."""
    name, value = resource.name, resource.value
    if name in {"nodes", "select"}:
        return _totals(_chunks(resource))
    if name == "walltime":
        return {"walltime": str(pbs_seconds(value))}
    if name == "mem":
        return {"mem": str(pbs_bytes(value))}
    if name == "pmem":
        return {}
    if name in _PROCESSORS:
        return {"nb_proc": str(_count(value))}
    if name in _GPUS:
        return {"nb_gpu": str(_count(value))}
    return None


def _totals(chunks: _Chunks) -> dict[str, str]:
    found = {"nb_proc": str(chunks.processors)}
    if chunks.memory:
        found["mem"] = str(chunks.memory)
    if chunks.gpus:
        found["nb_gpu"] = str(chunks.gpus)
    return found


def _chunks(resource: _Resource) -> _Chunks:
    """Add up ``2:ncpus=4:mem=1gb+1:ncpus=8``; a host's name counts as one node."""
    nodes = processors = memory = gpus = 0
    for chunk in resource.value.split("+"):
        first, *rest = chunk.split(":")
        if not first:
            raise ValueError(CHUNK_FORMS)
        if "=" in first:
            first, rest = "1", [first, *rest]
        count = _count(first) if first.isdigit() else 1
        wanted = dict(part.split("=", 1) for part in rest if "=" in part)
        nodes += count
        processors += count * _count(wanted.get("ncpus", wanted.get("ppn", "1")))
        memory += count * pbs_bytes(wanted.get("mem", "0"))
        gpus += count * _count(wanted.get("ngpus", wanted.get("gpus", "0")))
    return _Chunks(nodes, processors, memory, gpus)


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise ValueError("a whole number")
    return int(text)


def _memory_for_each(
    file: str, resource: _Resource, items: dict[str, Item], max_processors: int
) -> Item:
    asked = int(items["nb_proc"].value) if "nb_proc" in items else 1
    try:
        size = pbs_bytes(resource.value) * min(asked, max_processors)
    except ValueError as error:
        raise resource.option.error(file, str(error)) from None
    return resource.option.item("mem", str(size))

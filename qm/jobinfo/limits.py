"""What this QM has to give: values that parse, held against it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qm.jobinfo.moments import Begin, begin_text
from qm.jobinfo.values import Unusable
from qm.quantities import format_size

_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job can get here, and what it gets where it asks for nothing.

    Memory in bytes, times in seconds. ``max_memory`` None: not known, so not
    checked. ``default_mem`` and ``default_walltime`` None: no such limit.
    ``names`` are the names of info files, preferred ones first.
    """

    max_processors: int
    max_memory: int | None = None
    gpus: int = 0
    default_mem: int | None = None
    default_walltime: float | None = None
    names: tuple[str, ...] = ("proc_config.cfg", "infos.xml", "job.sh")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A value as this QM takes it, with a warning for the log, or an empty one."""

    value: object
    warning: str = ""


def fit(key: str, value: Any, limits: Limits, now: datetime | None) -> Fitted:
    """Hold the parsed ``value`` of ``key`` against what there is; ``now`` carries a zone.

    Raises Unusable where the job could never start.
    """
    rule = _RULES.get(key)
    return rule(value, limits, now) if rule else Fitted(value)


def _processors(asked: int, limits: Limits, _: datetime | None) -> Fitted:
    if asked <= limits.max_processors:
        return Fitted(asked)
    least = limits.max_processors
    return Fitted(least, f"nb_proc {asked} lowered to {least}, what this QM may use")


def _memory(asked: int, limits: Limits, _: datetime | None) -> Fitted:
    if limits.max_memory is not None and asked > limits.max_memory:
        raise Unusable(
            f"at most {format_size(limits.max_memory)}, all the memory that this QM may use "
            f"(asked: {format_size(asked)})",
            "The job could never start. Ask for less, or raise MaxMemory in QMserv.cfg.",
        )
    return Fitted(asked)


def _gpus(asked: int, limits: Limits, _: datetime | None) -> Fitted:
    if asked > limits.gpus:
        there_is = f"at most {limits.gpus}, the GPUs" if limits.gpus else "0, as no GPU is all"
        raise Unusable(
            f"{there_is} that this QM has (asked: {asked})",
            "The job could never start. Ask for fewer, or set NbGPUs in QMserv.cfg.",
        )
    return Fitted(asked)


def _address(text: str | None, _: Limits, __: datetime | None) -> Fitted:
    addresses = [each.strip() for each in text.split(",")] if text else []
    if all(_ADDRESS.fullmatch(each) for each in addresses):
        return Fitted(text)
    return Fitted(text, "e_mail does not look like an address; mail may not arrive")


def _begin(value: Begin | None, _: Limits, now: datetime | None) -> Fitted:
    return Fitted(None if value is None else begin_text(value, now))


_RULES: dict[str, Callable[[Any, Limits, datetime | None], Fitted]] = {
    "nb_proc": _processors,
    "mem": _memory,
    "nb_gpu": _gpus,
    "e_mail": _address,
    "begin": _begin,
}

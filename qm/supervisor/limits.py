"""The limits of one job, as its order gives them."""

from __future__ import annotations

from typing import Any, NamedTuple

Order = dict[str, Any]


class EarlyWarning(NamedTuple):
    """A signal that the job gets before its time is over."""

    signal: str
    """Its name, such as USR1."""
    before: float
    """Seconds before the end."""


class Limits(NamedTuple):
    """What a job may use, and how it is told that it has used it up."""

    grace: float
    """Seconds between the request to end and the end by force."""
    walltime: float | None
    """Seconds."""
    warning: EarlyWarning | None
    memory: int | None
    """Bytes; None: not watched."""


def limits_of(order: Order) -> Limits:
    """Read them before anything is started: KeyError, TypeError or ValueError for a bad order.

    Managers of earlier versions send neither a warning nor ``enforce_mem``.
    """
    walltime = order["walltime"]
    return Limits(
        grace=float(order["grace"]),
        walltime=walltime,
        warning=_warning(order.get("warn"), walltime),
        memory=order["mem"] if order.get("enforce_mem") else None,
    )


def _warning(wanted: Order | None, walltime: float | None) -> EarlyWarning | None:
    if wanted is None or walltime is None:
        return None
    warning = EarlyWarning(str(wanted["signal"]), float(wanted["before"]))
    # A job shorter than that would be warned before it could listen.
    return warning if warning.before < walltime else None

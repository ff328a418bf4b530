"""One entry of the option table, as the classes of its sections write it."""

from __future__ import annotations

from dataclasses import field
from typing import TypeVar

from qm.config.kinds import Kind

T = TypeVar("T")


def option(name: str, kind: Kind[T], default: str, help: str) -> T:
    """The dataclass field of an option; its default is read from the default's text."""
    return field(
        default_factory=lambda: kind.read(default),
        metadata={"name": name, "kind": kind, "default": default, "help": help},
    )

"""The configuration in use, as a table without secrets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from qm.config import Config
from qm.config.options import Option, options
from qm.config.showing import value_of, value_text

_NOT_TOLD = frozenset({"User", "Password_file", "Notify_command", "Token_file"})
"""Options that may hold a secret, or lead to one: whether they are set is told, no more."""
_ADDRESSES = frozenset({"Notify_url"})
"""Web addresses: what comes after the host is often as good as a password."""


@dataclass(frozen=True, slots=True)
class Row:
    """One option; ``changed`` where it is not the default."""

    section: str
    name: str
    value: str
    default: str
    help: str
    changed: bool


def rows_of(config: Config) -> list[Row]:
    """All options, in the order of the option table."""
    usual = Config()
    return [_row(option, value_of(config, option), value_of(usual, option)) for option in options()]


def _row(option: Option, value: Any, usual: Any) -> Row:
    return Row(
        section=option.section,
        name=option.name,
        value=_told(option, value),
        default=option.default,
        help=option.help,
        changed=value != usual,
    )


def _told(option: Option, value: Any) -> str:
    if value is not None and option.name in _NOT_TOLD:
        return "set, not shown"
    if value is not None and option.name in _ADDRESSES:
        parts = urlsplit(value)
        return f"{parts.scheme}://{parts.hostname}/…"
    return value_text(option, value)

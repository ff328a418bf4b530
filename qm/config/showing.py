"""The value of an option as a person reads it."""

from __future__ import annotations

from typing import Any

from qm.config.mail import MailConfig
from qm.config.options import Config, Option
from qm.config.web import WebConfig
from qm.quantities import format_duration, format_size


def value_of(config: Config, option: Option) -> Any:
    """What ``config`` has for an option of any section."""
    sections = {MailConfig.SECTION: config.mail, WebConfig.SECTION: config.web}
    return getattr(sections.get(option.section, config), option.field)


def value_text(option: Option, value: Any) -> str:
    """A value of this option, as a file could have it."""
    if value is None:
        return "auto" if "auto" in option.kind.word else "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_duration(value)
    if isinstance(value, int) and option.kind.word.startswith("size"):
        return format_size(value)
    if isinstance(value, tuple | frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    return str(value)

"""What the configuration means for the core, and what is other when it is read again."""

from __future__ import annotations

from typing import Any

from qm.config import Config
from qm.config.options import Option, options
from qm.core.settings import Settings
from qm.drops import Rules
from qm.osops.affinity import machine_cpus
from qm.planner import Capacity
from qm.quantities import format_duration, format_size
from qm.resources import limits_of

AFTER_RESTART = frozenset(
    {"QM_FOLDER", "Watch", "Poll", "Rescan", "Sync", "Empty_after"}
    | {"Host", "The_Port", "Refresh_Rate", "Display_details", "Delete_Jobs", "Licence_to_kill"}
    | {"Open_browser"}
)
"""Options that threads and the web page have taken up at their start."""


def settings_of(
    config: Config, *, boot: str, host: str, trust_ctime: bool, adopt_records: bool
) -> Settings:
    """The settings of the core for this configuration."""
    limits = limits_of(config)
    cpus = machine_cpus() if "cpu" in config.enforce else []
    return Settings(
        capacity=Capacity(
            processors=config.max_nb_processors,
            memory=limits.max_memory,
            gpus=limits.gpus,
            blocking=config.blocking,
        ),
        boot=boot,
        host=host,
        rules=Rules(
            settle=config.settle,
            refuse_after=config.refuse_after,
            empty_after=config.empty_after,
            trust_ctime=trust_ctime,
        ),
        kill_grace=config.kill_grace,
        adopt_records=adopt_records,
        limits=limits,
        reserve_after=config.reserve_after,
        hours=config.active_hours,
        brake=config.brake,
        brake_within=config.brake_within,
        # With more processors than there are, jobs share them: then nobody can be pinned.
        cpus=tuple(cpus) if config.max_nb_processors <= len(cpus) else (),
        gpus=tuple(range(limits.gpus)),
    )


def differences(old: Config, new: Config) -> list[dict[str, str]]:
    """The options that are other: name, old and new value as text."""
    return [
        {"name": option.name, "old": _text(option, before), "new": _text(option, after)}
        for option in options()
        if (before := _value(old, option)) != (after := _value(new, option))
    ]


def _value(config: Config, option: Option) -> Any:
    for section in (config, *(getattr(config, name, None) for name in ("web", "mail"))):
        if section is not None and option.section == section.SECTION:
            return getattr(section, option.field)
    return None


def _text(option: Option, value: Any) -> str:
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

"""What the configuration means for the core, and what is other when it is read again."""

from __future__ import annotations

from dataclasses import dataclass

from qm.config import Config
from qm.config.options import options
from qm.config.showing import value_of, value_text
from qm.config.web import WebConfig
from qm.core.settings import Settings
from qm.drops import Rules
from qm.osops.affinity import machine_cpus
from qm.planner import Capacity
from qm.resources import limits_of

_AFTER_RESTART = frozenset({"QM_FOLDER", "Watch", "Poll", "Rescan", "Sync", "Empty_after"})
"""Options of ``[QMServer]`` that threads have taken up at their start."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An option that is other than it was; the values as people write them."""

    name: str
    old: str
    new: str
    restart: bool
    """It counts only after a restart: a thread, or the web page, has taken it up at its start."""

    def as_json(self) -> dict[str, str]:
        """What an answer says of it."""
        return {"name": self.name, "old": self.old, "new": self.new}


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


def differences(old: Config, new: Config) -> list[Difference]:
    """The options that are other."""
    return [
        Difference(
            option.name,
            value_text(option, before),
            value_text(option, after),
            option.section == WebConfig.SECTION or option.name in _AFTER_RESTART,
        )
        for option in options()
        if (before := value_of(old, option)) != (after := value_of(new, option))
    ]

"""What a person asks for beside an info file: keys and texts, checked at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from qm.errors import InfoError, QMError, Refused
from qm.jobinfo.changes import apply_changes
from qm.jobinfo.environment import parse_env
from qm.jobinfo.items import quoted
from qm.jobinfo.limits import Limits
from qm.model import JobOptions

Pairs = Sequence[tuple[str, str]]

_PATHS = ("cwd", "stdout", "stderr")
_BARE = re.compile(r"[A-Za-z0-9_./:+-]+")


@dataclass(frozen=True, slots=True)
class Wishes:
    """Keys of the info file and their texts, as given; ``env`` is added to its variables.

    ``options`` names the option that each key came by, for messages.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    env: Pairs = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def placed(self, cwd: str) -> Wishes:
        """The same, with paths that begin in the folder ``cwd`` instead of the job folder."""
        paths = {key: os.path.join(cwd, self.keys[key]) for key in _PATHS if self.keys.get(key)}
        # The shell of the person did not read a ~, and the check of paths tells it.
        paths = {key: path for key, path in paths.items() if not self.keys[key].startswith("~")}
        return replace(self, keys={**self.keys, **paths})

    def settled(self, limits: Limits, now: datetime) -> Wishes:
        """The same, checked; a time such as ``+2h`` counts from ``now``, which carries a zone.

        Raises QMError that names the option.
        """
        nothing = JobOptions(script="")
        keys = dict(self.keys)
        for key, text in self.keys.items():
            try:
                options, _ = apply_changes(nothing, {key: text}, limits, now)
            except InfoError as error:
                raise self._unusable(key, error) from error
            if key == "begin":
                keys[key] = options.begin or ""
        if self.env:
            try:
                parse_env(env_text(self.env))
            except ValueError as error:
                hint = getattr(error, "hint", "")
                raise QMError(f"--env: expected {error}", hint) from error
        return replace(self, keys=keys)

    def _unusable(self, key: str, error: InfoError) -> QMError:
        wanted = f"; expected {error.expected}" if error.expected else ""
        return QMError(f"{self.options.get(key, key)}: {error.found}{wanted}", error.hint)

    def changes(self, info_env: Pairs) -> dict[str, str]:
        """Keys and texts that win over an info file whose own variables are ``info_env``."""
        if not self.env:
            return dict(self.keys)
        own = parse_env(self.keys["env"]) if "env" in self.keys else info_env
        return {**self.keys, "env": env_text([*own, *self.env])}


def env_text(pairs: Pairs) -> str:
    """An ``env`` that reads back as ``pairs``; a later one wins. Refused for line breaks."""
    for name, value in pairs:
        if "\n" in value or "\r" in value:
            raise Refused(
                f"the variable {name} is {quoted(value)}: it has a line break",
                "Put it into a file that the job reads.",
            )
    return " ".join(f"{name}={_word(value)}" for name, value in dict(pairs).items())


def _word(value: str) -> str:
    # Quoted rather too often: a comma at its end would look like a list of variables.
    if _BARE.fullmatch(value):
        return value
    inner = value.replace("'", "'\"'\"'")
    return f"'{inner}'"

"""Read the text of a QMserv.cfg by the option table.

The lines are read here and not by configparser, which keeps no line numbers and
takes an indented option for more of the value above it. Every line stands for
itself: a ``[section]``, ``name : value`` or ``name = value``, or a comment that
starts with ``#`` or ``;`` at its beginning or after a space. Names may be in
upper or lower case.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qm.config.options import AT_MOST, AtMost, Config, Option, options
from qm.errors import ConfigError

Key = tuple[str, str]
"""Section and name, as the table writes them."""

FOLDER_KEY: Key = (Config.SECTION, "QM_FOLDER")

_ALIKE = 0.6
_COMMENT = re.compile(r"(?:^|\s)[#;].*")
_SECTION = re.compile(r"\[([^]]*)\]")
_ENTRY = re.compile(r"([^:=]*[^:=\s])\s*[:=]\s*(.*)")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A ``name : value`` as it is written, in the 1-based ``line`` of ``file``."""

    file: str
    line: int
    section: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Setting:
    """A checked value, the text it was read from, and its line; line 0 is the default."""

    line: int
    text: str
    value: Any


def parse_config(text: str, file_name: str, base: Path) -> dict[Key, Any]:
    """The values that ``text`` sets, checked one by one and against each other.

    ``file_name`` is for the errors; a relative path starts at ``base``.

    Raises ConfigError with the line for a line that is neither section nor
    option, an unknown section or option, an option that is set twice, and a
    value that is not allowed.
    """
    settings: dict[Key, _Setting] = {}
    for entry in _entries(text, file_name):
        option = _option_of(entry)
        key = (option.section, option.name)
        if key in settings:
            raise ConfigError(
                file_name,
                entry.line,
                f"{option.name} is set a second time, after line {settings[key].line}",
                hint="Keep one of the two lines.",
            )
        value = _value_of(option, entry)
        if isinstance(value, Path):
            value = absolute(value, base)
        settings[key] = _Setting(entry.line, entry.text, value)
    for rule in AT_MOST:
        _check_at_most(rule, settings, file_name)
    return {key: setting.value for key, setting in settings.items()}


def absolute(path: Path, base: Path) -> Path:
    """``path`` as seen from the folder ``base``, with ``..`` taken out."""
    # Not resolve(): on Windows it turns a mapped drive into a UNC path, where cmd.exe cannot work.
    return Path(os.path.abspath(base / path))


def _entries(text: str, file_name: str) -> Iterator[_Entry]:
    section = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _COMMENT.sub("", raw, count=1).strip()
        if not line:
            continue
        if header := _SECTION.fullmatch(line):
            section = _section_of(header[1].strip(), file_name, number)
        elif not (match := _ENTRY.fullmatch(line)):
            raise ConfigError(
                file_name, number, f'"{line}" is neither a section nor an option', "name : value"
            )
        elif section is None:
            raise ConfigError(
                file_name, number, f"{match[1]} stands before any section", f"[{Config.SECTION}]"
            )
        else:
            yield _Entry(file_name, number, section, match[1], match[2])


def _section_of(name: str, file_name: str, line: int) -> str:
    """The section as the table writes it."""
    sections = {option.section.lower(): option.section for option in options()}
    if name.lower() in sections:
        return sections[name.lower()]
    raise ConfigError(
        file_name,
        line,
        f"there is no section [{name}]",
        " or ".join(f"[{section}]" for section in sections.values()),
        f"The nearest one is [{_nearest(name, sections.values())}].",
    )


def _option_of(entry: _Entry) -> Option:
    same_name = [option for option in options() if option.name.lower() == entry.name.lower()]
    for option in same_name:
        if option.section == entry.section:
            return option
    names = [option.name for option in options() if option.section == entry.section]
    if same_name:
        sections = " or ".join(f"[{option.section}]" for option in same_name)
        hint = f"{same_name[0].name} belongs to {sections}."
        if near := _nearest(entry.name, names, _ALIKE):
            hint = f"The nearest one is {near}; {hint}"
    else:
        hint = (
            f"The nearest one is {_nearest(entry.name, names)};"
            " QMserv.cfg.example describes them all."
        )
    found = f"[{entry.section}] has no option {entry.name}"
    raise ConfigError(entry.file, entry.line, found, hint=hint)


def _nearest(name: str, known: Iterable[str], alike: float = 0.0) -> str:
    """The one that looks most like ``name``, by 0 to 1 at least ``alike``; else an empty text."""
    import difflib  # Only for an error: a command that goes well does not load it.

    by_lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=alike)
    return by_lower[found[0]] if found else ""


def _value_of(option: Option, entry: _Entry) -> Any:
    try:
        return option.kind.read(entry.text)
    except ValueError:
        has = f'is "{entry.text}"' if entry.text else "has no value"
        raise ConfigError(
            entry.file, entry.line, f"{option.name} {has}", option.kind.allowed
        ) from None


def _check_at_most(rule: AtMost, settings: Mapping[Key, _Setting], file_name: str) -> None:
    low, high = _setting_of(rule.low, settings), _setting_of(rule.high, settings)
    line = max(low.line, high.line)
    if line and None not in (low.value, high.value) and low.value > high.value:
        raise ConfigError(
            file_name,
            line,
            f"{rule.low} ({low.text}) is more than {rule.high} ({high.text}): {rule.why}",
            hint=f"Lower {rule.low} or raise {rule.high}.",
        )


def _setting_of(name: str, settings: Mapping[Key, _Setting]) -> _Setting:
    """What the file says of an option of ``[QMServer]``, else the default."""
    key = (Config.SECTION, name)
    if key in settings:
        return settings[key]
    option = next(one for one in options() if (one.section, one.name) == key)
    return _Setting(0, option.default, option.kind.read(option.default))

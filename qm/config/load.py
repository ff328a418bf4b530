"""Find QMserv.cfg, read it, check it.

The file is read here and not by configparser, which keeps no line numbers and
takes an indented option for more of the value above it. Every line stands for
itself: a ``[section]``, ``key : value`` or ``key = value``, or a comment behind
``#`` or ``;``. Names may be in upper or lower case.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qm.config.options import AT_MOST, AtMost, Config, Option, WebConfig, options
from qm.errors import ConfigError

FILE_NAME = "QMserv.cfg"
CONFIG_VARIABLE = "QM_CONFIG"
FOLDER_VARIABLE = "QM_FOLDER"

Key = tuple[str, str]
"""Section and name, as the table writes them."""

_FOLDER_KEY: Key = (Config.SECTION, "QM_FOLDER")
_COMMENT = re.compile(r"(?:^|\s)[#;].*")
_SECTION = re.compile(r"\[([^]]*)\]")
_ENTRY = re.compile(r"([^:=]*[^:=\s])\s*[:=]\s*(.*)")


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    section: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Setting:
    line: int
    text: str
    value: Any


def load_config(
    config: Path | None = None,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Config:
    """The configuration for this start.

    ``config`` and ``folder`` are what the command line names. Without
    ``config`` the file is the one in ``environ``'s QM_CONFIG, QMserv.cfg in
    ``cwd``, or QMserv.cfg in the platform's folder for a user's configuration.
    ``folder``, then ``environ``'s QM_FOLDER, win over the file's QM_FOLDER. An
    empty variable counts as unset; ``cwd`` is the current folder by default.

    Raises ConfigError: a named file does not exist, a file cannot be read, or
    something in it is wrong.
    """
    here = Path.cwd() if cwd is None else cwd
    source, text = _find(config, environ, here)
    values = {} if source is None else parse_config(text, str(source), source.parent)
    values[_FOLDER_KEY] = _choose_folder(folder, environ, here, values)
    return _build(values, source)


def parse_config(text: str, file_name: str, base: Path) -> dict[Key, Any]:
    """The values that ``text`` sets, checked one by one and against each other.

    ``file_name`` is for the errors; relative folders start at ``base``.

    Raises ConfigError with the line for a line that is neither section nor
    option, an unknown section or option, one that is set twice, and a value
    that is not allowed.
    """
    known = {(option.section.lower(), option.name.lower()): option for option in options()}
    settings: dict[Key, _Setting] = {}
    for entry in _entries(text, file_name):
        option = known.get((entry.section.lower(), entry.name.lower()))
        if option is None:
            raise _unknown_option(entry, file_name)
        key = (option.section, option.name)
        if key in settings:
            raise ConfigError(
                file_name,
                entry.line,
                f"{option.name} is set a second time, after line {settings[key].line}",
                hint="Keep one of the two lines.",
            )
        value = _read(option, entry.text, file_name, entry.line)
        if key == _FOLDER_KEY:
            value = _absolute(value, base)
        settings[key] = _Setting(entry.line, entry.text, value)
    for rule in AT_MOST:
        _check_at_most(rule, settings, file_name)
    return {key: setting.value for key, setting in settings.items()}


def _entries(text: str, file_name: str) -> Iterator[_Entry]:
    sections = {option.section.lower(): option.section for option in options()}
    section = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _COMMENT.sub("", raw, count=1).strip()
        if not line:
            continue
        if header := _SECTION.fullmatch(line):
            section = sections.get(header[1].strip().lower())
            if section is None:
                raise _unknown_section(header[1].strip(), sections.values(), file_name, number)
        elif not (match := _ENTRY.fullmatch(line)):
            raise ConfigError(
                file_name, number, f'"{line}" is neither section nor option', "name : value"
            )
        elif section is None:
            raise ConfigError(
                file_name, number, f"{match[1]} stands before any section", f"[{Config.SECTION}]"
            )
        else:
            yield _Entry(number, section, match[1], match[2])


def _read(option: Option, text: str, file_name: str, line: int | None) -> Any:
    try:
        return option.kind.read(text)
    except ValueError:
        found = f'{option.name} is "{text}"' if text else f"{option.name} has no value"
        raise ConfigError(file_name, line, found, option.kind.allowed) from None


def _check_at_most(rule: AtMost, settings: Mapping[Key, _Setting], file_name: str) -> None:
    by_name = {option.name: option for option in options() if option.section == Config.SECTION}
    pair = [_setting_of(by_name[name], settings) for name in (rule.low, rule.high)]
    line = max(setting.line for setting in pair)
    low, high = pair
    if line and None not in (low.value, high.value) and low.value > high.value:
        raise ConfigError(
            file_name,
            line,
            f"{rule.low} ({low.text}) is more than {rule.high} ({high.text}): {rule.why}",
            hint=f"Lower {rule.low} or raise {rule.high}.",
        )


def _setting_of(option: Option, settings: Mapping[Key, _Setting]) -> _Setting:
    """The setting in the file, or the default as one in line 0."""
    setting = settings.get((option.section, option.name))
    return setting or _Setting(0, option.default, option.kind.read(option.default))


def _unknown_section(name: str, sections: Iterable[str], file_name: str, line: int) -> ConfigError:
    nearest = _nearest(name, sections, cutoff=0.0)
    return ConfigError(
        file_name,
        line,
        f"there is no section [{name}]",
        " or ".join(f"[{section}]" for section in sections),
        f"The nearest one is [{nearest}].",
    )


def _unknown_option(entry: _Entry, file_name: str) -> ConfigError:
    names = [option.name for option in options() if option.section == entry.section]
    elsewhere = [option for option in options() if option.section != entry.section]
    found = f"[{entry.section}] has no option {entry.name}"
    for option in elsewhere:
        if option.name.lower() == entry.name.lower():
            return ConfigError(
                file_name, entry.line, found, hint=f"{option.name} belongs to [{option.section}]."
            )
    nearest = _nearest(entry.name, names, cutoff=0.0)
    hint = f"The nearest one is {nearest}. There are: {', '.join(names)}."
    return ConfigError(file_name, entry.line, found, hint=hint)


def _nearest(name: str, known: Iterable[str], cutoff: float) -> str:
    import difflib  # Only for an error: a command that goes well does not load it.

    by_lower = {one.lower(): one for one in known}
    return by_lower[difflib.get_close_matches(name.lower(), by_lower, 1, cutoff)[0]]


def _find(config: Path | None, environ: Mapping[str, str], here: Path) -> tuple[Path | None, str]:
    """The file to use and its text; no file and no text if there is none."""
    named = [(config, "--config")] if config is not None else []
    if variable := environ.get(CONFIG_VARIABLE):
        named.append((Path(variable), f"the environment variable {CONFIG_VARIABLE}"))
    if named:
        path, namer = named[0]
        source = _absolute(_expand(path, str(path)), here)
        text = _text_of(source)
        if text is None:
            raise ConfigError(
                str(source),
                None,
                "there is no such file",
                hint=f"It is named by {namer}; correct the name there, or leave it out.",
            )
        return source, text
    for source in _usual_places(here):
        text = _text_of(source)
        if text is not None:
            return source, text
    return None, ""


def _usual_places(here: Path) -> Iterator[Path]:
    yield here / FILE_NAME
    import platformdirs  # Late: most starts have found their file by now.

    yield platformdirs.user_config_path("QM", appauthor=False) / FILE_NAME


def _text_of(path: Path) -> str | None:
    """The text of a file in UTF-8, with or without a byte order mark; None if there is no file."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(str(path), None, f"the file cannot be read: {reason}") from error
    try:
        text = data.decode("utf-8-sig")
        bad = text.find("\0")
    except UnicodeDecodeError as error:
        bad = error.start
    if bad >= 0:
        line = data.count(b"\n", 0, bad) + 1
        raise ConfigError(
            str(path), line, "this is not text in UTF-8", hint="Save the file as UTF-8."
        )
    return text


def _choose_folder(
    folder: Path | None, environ: Mapping[str, str], here: Path, values: Mapping[Key, Any]
) -> Path:
    if folder is not None:
        return _absolute(_expand(folder, "--folder"), here)
    if variable := environ.get(FOLDER_VARIABLE):
        where = f"the environment variable {FOLDER_VARIABLE}"
        return _absolute(_expand(Path(variable), where), here)
    if _FOLDER_KEY in values:
        chosen: Path = values[_FOLDER_KEY]
        return chosen
    default = next(option.default for option in options() if option.name == _FOLDER_KEY[1])
    return _expand(Path(default), "the default of QM_FOLDER")


def _expand(path: Path, where: str) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(
            where,
            None,
            f'the home folder in "{path}" is not known',
            hint="Write the whole path instead of ~.",
        ) from None


def _absolute(path: Path, base: Path) -> Path:
    # Not resolve(): on Windows it turns a mapped drive into a UNC path, where cmd.exe cannot work.
    return Path(os.path.abspath(base / path))


def _build(values: Mapping[Key, Any], source: Path | None) -> Config:
    given: dict[str, dict[str, Any]] = {Config.SECTION: {}, WebConfig.SECTION: {}}
    for option in options():
        key = (option.section, option.name)
        if key in values:
            given[option.section][option.field] = values[key]
    web = WebConfig(**given[WebConfig.SECTION])
    return Config(**given[Config.SECTION], web=web, source=source)

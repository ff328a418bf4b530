"""Find QMserv.cfg, read it, and make the configuration of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qm.config.mail import MailConfig
from qm.config.options import Config, options
from qm.config.parse import FOLDER_KEY, Key, absolute, parse_config
from qm.config.web import WebConfig
from qm.errors import ConfigError

FILE_NAME = "QMserv.cfg"
CONFIG_VARIABLE = "QM_CONFIG"
FOLDER_VARIABLE = "QM_FOLDER"


def load_config(
    config: Path | None = None,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
) -> Config:
    """The configuration for this start.

    ``config`` and ``folder`` are what the command line names. Without
    ``config`` the file is the one that ``environ``'s QM_CONFIG names,
    QMserv.cfg in ``cwd``, or QMserv.cfg in the platform's folder for a user's
    configuration; if there is none, all options have their defaults.
    ``folder``, then ``environ``'s QM_FOLDER, win over the file's QM_FOLDER. An
    empty variable counts as unset; ``cwd`` is the current folder by default.

    Raises ConfigError: a named file does not exist, a file cannot be read, or
    something in it is wrong.
    """
    here = _current_folder() if cwd is None else cwd
    found = _named(config, environ, here) or _usual(here)
    source, text = found or (None, "")
    values = {} if source is None else parse_config(text, str(source), source.parent)
    values[FOLDER_KEY] = _choose_folder(folder, environ, here, values)
    return _build(values, source)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigError(
            ".", None, "the current folder is gone", hint="Change to a folder that exists."
        ) from None


def _named(config: Path | None, environ: Mapping[str, str], here: Path) -> tuple[Path, str] | None:
    """The file that a person named, and its text; None if nobody named one."""
    variable = environ.get(CONFIG_VARIABLE)
    if config is not None:
        path, namer = config, "--config"
    elif variable:
        path, namer = Path(variable), f"the environment variable {CONFIG_VARIABLE}"
    else:
        return None
    source = absolute(_expand(path, namer), here)
    text = _text_of(source)
    if text is None:
        raise ConfigError(
            str(source),
            None,
            "there is no such file",
            hint=f"It is named by {namer}. Correct the name there, or leave it out.",
        )
    return source, text


def _usual(here: Path) -> tuple[Path, str] | None:
    """The first file in the usual places, and its text; None if there is none."""
    for source in _usual_places(here):
        text = _text_of(source)
        if text is not None:
            return source, text
    return None


def _usual_places(here: Path) -> Iterator[Path]:
    yield absolute(Path(FILE_NAME), here)
    import platformdirs  # Late: not loaded where the file is named or in the current folder.

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
    except UnicodeDecodeError as error:
        raise _not_text(path, data[: error.start]) from None
    if "\0" in text:  # UTF-16 without a byte order mark decodes, to every other character a NUL.
        raise _not_text(path, data[: data.index(b"\0")])
    return text


def _not_text(path: Path, good: bytes) -> ConfigError:
    line = good.count(b"\n") + 1
    return ConfigError(
        str(path), line, "this is not text in UTF-8", hint="Save the file in the encoding UTF-8."
    )


def _choose_folder(
    folder: Path | None, environ: Mapping[str, str], here: Path, values: Mapping[Key, Any]
) -> Path:
    variable = environ.get(FOLDER_VARIABLE)
    if folder is not None:
        return absolute(_expand(folder, "--folder"), here)
    if variable:
        namer = f"the environment variable {FOLDER_VARIABLE}"
        return absolute(_expand(Path(variable), namer), here)
    if FOLDER_KEY in values:
        chosen: Path = values[FOLDER_KEY]
        return chosen
    default = next(one.default for one in options() if (one.section, one.name) == FOLDER_KEY)
    return absolute(_expand(Path(default), "the default of QM_FOLDER"), here)


def _expand(path: Path, namer: str) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(
            namer,
            None,
            f'the home folder meant by "{path}" is not known',
            hint="Write the whole path instead of ~.",
        ) from None


def _build(values: Mapping[Key, Any], source: Path | None) -> Config:
    given: dict[str, dict[str, Any]] = {option.section: {} for option in options()}
    for option in options():
        key = (option.section, option.name)
        if key in values:
            given[option.section][option.field] = values[key]
    mail = MailConfig(**given[MailConfig.SECTION])
    web = WebConfig(**given[WebConfig.SECTION])
    return Config(**given[Config.SECTION], mail=mail, web=web, source=source)

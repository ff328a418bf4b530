"""Texts of single values to plain data. Each parser raises Unusable with what it expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from qm.quantities import parse_duration, parse_size

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_SIGNAL = re.compile(r"([A-Za-z0-9]{1,8})(?:@([0-9]{1,6}))?", re.ASCII)
_SIGNALS = {
    **{name: name for name in ("HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "CONT")},
    "1": "HUP",
    "2": "INT",
    "3": "QUIT",
    "10": "USR1",
    "12": "USR2",
    "15": "TERM",
}
"""Signals that a script may catch; by number as Linux numbers them."""
_TRUE = frozenset({"yes", "true", "on", "1"})
_FALSE = frozenset({"no", "false", "off", "0"})
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")


class Unusable(ValueError):
    """A value cannot be used. The text completes "expected ..."; ``hint`` says what to do."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.hint = hint


def whole_number(least: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers in decimal digits, not below ``least``."""
    wanted = "a whole number" if least is None else f"a whole number of at least {least}"

    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or (least is not None and int(text) < least):
            raise Unusable(wanted)
        return int(text)

    return parse


def memory(text: str) -> int:
    """Bytes, more than none."""
    size = parse_size(text)
    if size == 0:
        raise Unusable("more than 0 bytes")
    return size


def time_limit(text: str) -> float:
    """Seconds, more than none."""
    seconds = parse_duration(text)
    if seconds == 0:
        raise Unusable("more than 0 seconds", "Leave the line out for a job without a limit.")
    return seconds


def warning_signal(text: str) -> tuple[str, float] | None:
    """A signal's name without SIG, and the seconds before the walltime at which it is sent.

    The form is that of Slurm's ``--signal``: ``USR1@120``, ``SIGINT``, ``10@30``;
    a minute before where no time is named.
    """
    if not text:
        return None
    match = _SIGNAL.fullmatch(text)
    name = _SIGNALS.get(match[1].upper().removeprefix("SIG")) if match else None
    if match is None or name is None:
        raise Unusable("a signal and how many seconds before the walltime, such as USR1@60")
    return name, float(match[2] or 60)


def exit_codes(text: str) -> tuple[int, ...]:
    """Exit codes from 1 to 255, with a comma or a blank between them, or none."""
    codes = [code for code in re.split(r"[,\s]+", text) if code]
    if not all(re.fullmatch(r"[0-9]{1,3}", code) and 1 <= int(code) <= 255 for code in codes):
        raise Unusable("exit codes from 1 to 255 with commas between them, such as 75, 137")
    return tuple(sorted({int(code) for code in codes}))


def yes_or_no(text: str) -> bool:
    """True for yes, true, on and 1; False for no, false, off and 0; in any case."""
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise Unusable("yes or no (or true, false, on, off, 1, 0)")
    return word in _TRUE


def plain_text(text: str) -> str | None:
    """The text itself; None where there is none."""
    return text or None


def command_line(text: str) -> str:
    """A command for the shell."""
    if not text:
        raise Unusable("a command, such as: python process.py param1")
    return text


def system_name(text: str) -> str | None:
    """The name of an execution system; whether it exists is checked by the routes."""
    if text and not _SYSTEM.fullmatch(text):
        raise Unusable("the name of an execution system, such as local")
    return text or None


def web_address(text: str) -> str | None:
    """An http or https address."""
    wanted = "an address that begins with http:// or https://"
    if not text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        raise Unusable(wanted) from None
    if not usable or any(letter.isspace() for letter in text):
        raise Unusable(wanted)
    return text


def folder_path(text: str) -> str | None:
    """A folder: absolute, or relative and inside the job folder. None for no text."""
    if not text:
        return None
    if text.startswith("~"):
        raise Unusable('a path without "~"', "QM does not expand ~; write the whole path.")
    if not _ABSOLUTE.match(text) and _leaves(text):
        raise Unusable(
            "a path inside the job folder, or an absolute one",
            'Relative paths begin in the job folder; ".." must not lead out of it.',
        )
    return text


def file_path(text: str) -> str | None:
    """A file to write: as folder_path; None where it is QM's own log, which is the default."""
    path = folder_path(text)
    if path is None or _ABSOLUTE.match(path):
        return path
    parts = _parts(path)
    if not parts or path.endswith(("/", "\\", "/.", "\\.")) or parts[-1] == "..":
        raise Unusable("the name of a file, not of a folder")
    # Names are compared without case: on Windows and macOS both are the same file.
    if parts[0].casefold() == ".qm":
        raise Unusable("a file outside .qm, where QM keeps its records of the job")
    return None if [part.casefold() for part in parts] == ["process.log"] else path


def _parts(path: str) -> list[str]:
    """The steps of a relative path. A backslash divides too: the folder may go to Windows."""
    return [part for part in re.split(r"[/\\]", path) if part not in {"", "."}]


def _leaves(path: str) -> bool:
    """True if following ``path`` is ever outside the folder that it begins in."""
    depth = 0
    for part in _parts(path):
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False

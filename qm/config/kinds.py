"""The kinds of values that options have: how each is written, checked and read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from qm.hours import HOURS_FORMS, Hours, parse_hours
from qm.quantities import (
    DURATION_FORMS,
    LONGEST,
    SIZE_FORMS,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

T = TypeVar("T")
U = TypeVar("U")
N = TypeVar("N", int, float)
MIB = 1 << 20
HOUR = 3600.0
DAY = 24 * HOUR

_SWITCHES = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}
_OWN_NAMES = frozenset({".", "..", ".qm", ".qm-ready", ".qm-hold", "process.log"})
_ADDRESS = re.compile(r"[^@\s,;<>\"()\[\]\\:]+@[^@\s,;<>\"()\[\]\\:]+")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of value.

    ``word`` names it in a table; ``allowed`` completes "expected ...";
    ``read`` turns the text of a file into the value, or raises ValueError.
    """

    word: str
    allowed: str
    read: Callable[[str], T]


def choice(values: Mapping[str, T]) -> Kind[T]:
    """One of a few words, in upper or lower case."""
    words = " or ".join(values)

    def read(text: str) -> T:
        try:
            return values[text.lower()]
        except KeyError:
            raise ValueError(text) from None

    return Kind(words, words, read)


def subset(*words: str) -> Kind[frozenset[str]]:
    """Some of these words with commas between them, ``all`` of them, or ``none``."""
    allowed = f"some of {', '.join(words)} with commas between them, or all, or none"

    def read(text: str) -> frozenset[str]:
        if text.lower() in ("all", "yes"):
            return frozenset(words)
        if text.lower() in ("none", "no"):
            return frozenset()
        chosen = frozenset(word.strip().lower() for word in text.split(","))
        if not chosen <= frozenset(words):
            raise ValueError(text)
        return chosen

    return Kind("words", allowed, read)


def whole(at_least: int, at_most: int) -> Kind[int]:
    """A whole number within bounds, both included."""

    def read(text: str) -> int:
        # Not int() alone: it takes "1_000", signs and the digits of every script.
        if not re.fullmatch(r"[0-9]{1,12}", text):
            raise ValueError(text)
        return _within(int(text), at_least, at_most)

    return Kind("whole number", f"a whole number from {at_least} to {at_most}", read)


def duration(at_least: float = 0.0, at_most: float = LONGEST) -> Kind[float]:
    """A duration in seconds within bounds, both included."""
    bounds = [f"at least {format_duration(at_least)}"] if at_least else []
    bounds += [f"at most {format_duration(at_most)}"] if at_most < LONGEST else []
    allowed = f"{DURATION_FORMS}; here {' and '.join(bounds)}" if bounds else DURATION_FORMS
    return Kind("duration", allowed, lambda text: _within(parse_duration(text), at_least, at_most))


def size(at_least: int) -> Kind[int]:
    """A size in bytes. A lower bound catches a ``16`` that means 16G."""
    allowed = f"{SIZE_FORMS}, at least {format_size(at_least)}"
    return Kind("size", allowed, lambda text: _within(parse_size(text), at_least))


def or_word(kind: Kind[T], word: str) -> Kind[T | None]:
    """``kind``, or a word such as ``auto`` or ``none`` that is read as None."""
    return _with_word(kind, word, lambda: None)


def or_processors(kind: Kind[int]) -> Kind[int]:
    """``kind``, or ``auto``: the processors of this machine."""
    return _with_word(kind, "auto", lambda: os.cpu_count() or 1)


def _with_word(kind: Kind[T], word: str, meaning: Callable[[], U]) -> Kind[T | U]:
    def read(text: str) -> T | U:
        return meaning() if text.lower() == word else kind.read(text)

    return Kind(f"{kind.word} or {word}", f"{word}, or {kind.allowed}", read)


def _within(value: N, at_least: N, at_most: N | None = None) -> N:
    if value < at_least or (at_most is not None and value > at_most):
        raise ValueError(value)
    return value


def looks_like_address(text: str) -> bool:
    """True for one mail address, ``name@host``, without a name in front of it."""
    # "=?" begins an encoded word, which may hold line ends and more: it has no place in a head.
    usable = len(text) <= 254 and text.isprintable() and "=?" not in text
    return usable and _ADDRESS.fullmatch(text) is not None


def addresses_in(text: str) -> tuple[str, ...]:
    """The mail addresses in ``text``, with commas between them; none if any part is not one."""
    parts = tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))
    return parts if all(map(looks_like_address, parts)) else ()


def _read_address(text: str) -> str:
    if not looks_like_address(text):
        raise ValueError(text)
    return text


def _read_addresses(text: str) -> tuple[str, ...]:
    if found := addresses_in(text):
        return found
    raise ValueError(text)


def _read_web_address(text: str) -> str:
    from urllib.parse import urlsplit  # Only where such an option is set.

    parts = urlsplit(text)
    # Asking for the port refuses one that is no number.
    usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    if not usable or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


def _read_text(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError(text)
    return text


def _read_path(text: str) -> Path:
    # Explorer's "Copy as path" puts quotes around.
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not bare or "\0" in bare:
        raise ValueError(text)
    try:
        return Path(bare).expanduser()
    except RuntimeError as error:
        raise ValueError(text) from error


def _read_names(text: str) -> tuple[str, ...]:
    names = dict.fromkeys(filter(None, (name.strip() for name in text.split(","))))
    if not names or any(re.search(r"[/\\:]", name) or name in _OWN_NAMES for name in names):
        raise ValueError(text)
    return tuple(names)


def _read_host(text: str) -> str:
    # One colon is "host:port" or "http://..."; an IPv6 address has at least two.
    if not text or re.search(r"[\s/\"]", text) or text.count(":") == 1:
        raise ValueError(text)
    return text


def _read_hosts(text: str) -> tuple[str, ...]:
    names = dict.fromkeys(filter(None, (name.strip().lower() for name in text.split(","))))
    if not names:
        raise ValueError(text)
    return tuple(map(_read_host, names))


SWITCH: Kind[bool] = Kind(
    "yes or no",
    "yes or no (True and False, on and off, 1 and 0 are understood too)",
    choice(_SWITCHES).read,
)
FOLDER: Kind[Path] = Kind(
    "folder",
    "a folder: an absolute path, one relative to this file, or ~ for your home",
    _read_path,
)
FILE: Kind[Path] = Kind(
    "file",
    "a file: an absolute path, one relative to this file, or one that begins with ~",
    _read_path,
)
TEXT: Kind[str] = Kind("text", "a text in one line", _read_text)
ADDRESS: Kind[str] = Kind("mail address", "a mail address such as me@example.org", _read_address)
ADDRESSES: Kind[tuple[str, ...]] = Kind(
    "mail addresses", "mail addresses such as me@example.org, separated by commas", _read_addresses
)
WEB_ADDRESS: Kind[str] = Kind(
    "web address", "an address that begins with http:// or https://", _read_web_address
)
NAMES: Kind[tuple[str, ...]] = Kind(
    "file names",
    "plain file names (no path, not QM's own .qm or process.log), separated by commas",
    _read_names,
)
HOURS: Kind[Hours] = Kind("hours", HOURS_FORMS, parse_hours)
HOST: Kind[str] = Kind(
    "host", "a host name or an address, without http:// and without a port", _read_host
)
HOSTS: Kind[tuple[str, ...]] = Kind(
    "host names", "host names without http:// and ports, separated by commas", _read_hosts
)

"""Looking at a command line: which files it needs, and what runs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from qm.jobinfo.interpreters import from_first_line, from_suffix
from qm.jobinfo.words import split_words

# What a shell (sh or cmd.exe) may give a meaning to. A line with any of these
# is not judged: to guess wrong would refuse a job that works.
_META = frozenset("|&;<>()$`*?[]{}!#~\\%^\n\r\0")

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_LONGEST_NAME = 64
_VERSION = re.compile(r"[-.0-9]*(?:\.exe)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of an interpreter that may stand before the script.

    ``flags`` are letters without a value, which may be written together;
    ``valued`` are options whose value is the next word; ``long`` are whole
    words, also with ``=value``. All others mean that the script cannot be told.
    """

    flags: str = ""
    valued: frozenset[str] = frozenset()
    long: frozenset[str] = frozenset()


def _options(flags: str = "", valued: str = "", long: str = "") -> _Options:
    return _Options(flags, frozenset(valued.split()), frozenset(long.split()))


_PYTHON = _options("bBdEiIOPqRsSuvx", "-W -X", "--check-hash-based-pycs")
_SHELL = _options("aefhiklmnpruvxBCEHPT", "-o +o -O +O", "--login --norc --noprofile --posix")
_JULIA_VALUED = "-t --threads -p --procs -J --sysimage -C --cpu-target"
_JULIA_LONG = (
    "--project --threads --procs --optimize --startup-file --color --check-bounds --depwarn"
)
_OCTAVE = _options(
    "fHqVW", "-p --path", "--no-gui --quiet --silent --norc --no-history --no-window"
)

_INTERPRETERS = {
    **dict.fromkeys(("python", "pythonw", "pypy"), _PYTHON),
    **dict.fromkeys(("sh", "bash", "dash", "zsh", "ksh"), _SHELL),
    "perl": _options("wWtTXUS", "-I"),
    "ruby": _options("wWvS", "-I -r", "--yjit --jit --disable --enable"),
    "Rscript": _options(
        "",
        "",
        "--vanilla --no-save --no-restore --no-environ --no-site-file --no-init-file "
        "--slave --no-echo --verbose --default-packages",
    ),
    "julia": _options("qi", _JULIA_VALUED, _JULIA_LONG),
    "node": _options("", "-r --require --import", "--max-old-space-size --no-warnings --expose-gc"),
    "octave": _OCTAVE,
    "octave-cli": _OCTAVE,
    "lua": _options("iEW", "-l"),
    "php": _options("nq", "-d -c"),
}


def script_files(command: str) -> tuple[str, ...]:
    """The script that ``command`` runs, as it is named there: relative to the job folder
    or absolute. Empty where the line is not simple enough to tell.

    Only the first argument of a known interpreter counts, and a first word
    ``./x``; never in a line with characters that a shell gives a meaning to.
    """
    words = _program(_plain_words(command))
    if not words:
        return ()
    if words[0].startswith("./"):
        return (words[0],)
    options = _interpreter(words[0])
    script = _first_argument(words[1:], options) if options else None
    return (script,) if script else ()


def with_interpreter(command: str, first_bytes: bytes, executable: bool) -> tuple[str, str | None]:
    """``command``, and a sentence for the log where it had to be changed.

    A first word ``./x`` whose file may not be executed gets the interpreter
    that its ``first_bytes`` (a line is enough) or its suffix names in front.
    """
    words = _plain_words(command)
    if executable or not words or not words[0].startswith("./"):
        return command, None
    first_line = first_bytes.split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf")
    name = words[0]
    interpreter, why = from_first_line(first_line.decode("utf-8", "replace")), "first line"
    if interpreter is None:
        interpreter, why = from_suffix(name), "suffix"
    if interpreter is None:
        return command, None
    note = f"{name} is not executable; as its {why} says, QM runs it with {interpreter}"
    return f"{interpreter} {command.lstrip()}", note


def _plain_words(command: str) -> list[str]:
    """The words of a line that every shell reads in the same way; none for other lines."""
    if not _META.isdisjoint(command):
        return []
    try:
        return split_words(command)
    except ValueError:
        return []


def _program(words: list[str]) -> list[str]:
    """``words`` without variables that are set in front (``A=1 python x.py``), and ``env``."""
    start = 0
    while start < len(words) and _ASSIGNMENT.match(words[start]):
        start += 1
    if start < len(words) and PurePosixPath(words[start]).name == "env":
        start += 1
    return words[start:]


def _interpreter(word: str) -> _Options | None:
    name = PurePosixPath(word).name
    if len(name) > _LONGEST_NAME:
        return None
    return _INTERPRETERS.get(name) or _INTERPRETERS.get(_VERSION.sub("", name))


def _first_argument(words: Iterable[str], options: _Options) -> str | None:
    rest = iter(words)
    for word in rest:
        if word == "--":
            return next(rest, None)
        if not word.startswith(("-", "+")):
            return word or None
        if not _skipped(word, rest, options):
            return None
    return None


def _skipped(word: str, rest: Iterator[str], options: _Options) -> bool:
    """True if ``word`` is an option to skip; its value is taken from ``rest`` then."""
    if word in options.valued:
        next(rest, None)
        return True
    if word.startswith("--"):
        return word.partition("=")[0] in options.long | options.valued
    return len(word) > 1 and all(letter in options.flags for letter in word[1:])

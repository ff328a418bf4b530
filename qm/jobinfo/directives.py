"""Options of batch systems in the head of a script: lines to options, as getopt reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from qm.errors import InfoError
from qm.jobinfo.items import LONGEST_SHOWN, Item, place, quoted, visible
from qm.jobinfo.words import split_words

_MOST_NAMED = 10
"""Options without a counterpart that one warning names."""

_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Directive:
    """What stands behind ``#SBATCH`` or ``#PBS`` on a 1-based line."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Option:
    """One option by its full name, its value ("" for a flag), and how it was written."""

    name: str
    value: str
    line: int
    shown: str

    def item(self, key: str, value: str | None = None) -> Item:
        """The setting of QM that says the same."""
        return Item(key, self.value if value is None else value, self.line, self.shown)

    def error(self, file: str, expected: str, hint: str = "") -> InfoError:
        """The refusal of this option."""
        return InfoError(file, self.line, self.shown, expected, hint)

    def count(self, file: str) -> int:
        """The value as a number of at least 1; raises InfoError."""
        if not _COUNT.fullmatch(self.value) or int(self.value) == 0:
            raise self.error(file, "a whole number of at least 1")
        return int(self.value)


@dataclass(frozen=True, slots=True)
class Grammar:
    """How options are written: full names of letters, and which take no value.

    ``flags`` never have one; ``optional`` ones only behind ``=`` or, for a
    letter, attached. Options that are not known take the next word as value
    unless it looks like an option.
    """

    letters: Mapping[str, str]
    flags: frozenset[str]
    optional: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Parsed:
    """The options of all directives, in order, and words that are no option."""

    options: tuple[Option, ...]
    warnings: tuple[str, ...]


def parse_directives(file: str, lines: Iterable[Directive], grammar: Grammar) -> Parsed:
    """Read every directive; raises InfoError for an open quote or a value that is missing."""
    options: list[Option] = []
    warnings: list[str] = []
    for each in lines:
        try:
            words = split_words(each.text, escape="\\", comment="#")
        except ValueError:
            raise InfoError(
                file, each.line, f"{quoted(each.text)} has a quote or \\ without its partner"
            ) from None
        rest = zip_longest(words, words[1:])
        for word, following in rest:
            if not word.startswith("-") or word in {"-", "--"}:
                text = f"{quoted(word)} is not an option and is ignored"
                warnings.append(place(file, each.line, text))
                continue
            found, took_next = _option(file, word, following, each.line, grammar)
            options.extend(found)
            if took_next:
                next(rest)
    return Parsed(tuple(options), tuple(warnings))


def last_of_each(file: str, options: Iterable[Option]) -> tuple[dict[str, Option], list[str]]:
    """Options by name, the last one of a name winning as in the batch systems, with warnings."""
    found: dict[str, Option] = {}
    warnings = []
    for each in options:
        earlier = found.get(each.name)
        if earlier and earlier.value != each.value:
            text = f"{each.shown} replaces {earlier.shown} of line {earlier.line}"
            warnings.append(place(file, each.line, text))
        found[each.name] = each
    return found, warnings


def ignored(file: str, options: Iterable[Option]) -> list[str]:
    """A warning that names the options that QM has no counterpart for."""
    named = [f"{each.shown} (line {each.line})" for each in options]
    if not named:
        return []
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return [f"{file}: QM does not know and ignores {', '.join(named[:_MOST_NAMED])}{more}"]


def one_machine(file: str, option: Option) -> str:
    """The warning for a job that asks for several machines."""
    return place(file, option.line, f"{option.shown}: QM runs the whole job on one machine")


def _option(
    file: str, word: str, following: str | None, line: int, grammar: Grammar
) -> tuple[list[Option], bool]:
    """The options in ``word``, and whether ``following`` was the value of the last one."""
    if word.startswith("--"):
        name, sign, value = word[2:].partition("=")
        if sign or name in grammar.flags | grammar.optional:
            return [_made(name, value, line, f"--{name}", bool(sign))], False
        return _with_next(file, name, f"--{name}", following, line, grammar)
    found = []
    for at, letter in enumerate(word[1:], 2):
        name = grammar.letters.get(letter, letter)
        if name in grammar.flags:
            found.append(_made(name, "", line, f"-{letter}", False))
            continue
        attached = word[at:].removeprefix("=")
        if attached or name in grammar.optional:
            return [*found, _made(name, attached, line, f"-{letter}", bool(attached))], False
        last, took = _with_next(file, name, f"-{letter}", following, line, grammar)
        return [*found, *last], took
    return found, False


def _with_next(
    file: str, name: str, written: str, following: str | None, line: int, grammar: Grammar
) -> tuple[list[Option], bool]:
    takes = following is not None and (name in grammar.valued or not following.startswith("-"))
    if not takes and name in grammar.valued:
        raise InfoError(file, line, f"{written} has no value", "a value behind it")
    value = following if takes and following is not None else ""
    return [_made(name, value, line, written, takes)], takes


def _made(name: str, value: str, line: int, written: str, has_value: bool) -> Option:
    sign = ("=" if written.startswith("--") else " ") if has_value else ""
    text = value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"
    return Option(name, value.strip(), line, visible(written) + sign + visible(text))

"""``{column}`` in texts, and what a row's value becomes there: only names of columns are fields.

A value that is one plain word stands for itself everywhere. Any other goes
into a command as one quoted word, and into code not at all, since no rule
quotes for every language: such a job reads it from its environment.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape

from qm.jobinfo.items import quoted
from qm.osops.shell import is_plain, posix_word, quote_word
from qm.submit.table import variable_of

_WORD_FIELD = re.compile(r"(?<!\$)\{([^\W\d]\w*)\}")
_INVOLVED = re.compile(r"""\$[({"']|`|<<|(?:^|[\s;&|()])#|\\["']|\^""")
"""What begins another language within a command, or hides a quote: no simple rule holds there."""
_CLOSEST = 0.5

Values = Mapping[str, str]


class Unfilled(ValueError):
    """A field that cannot be filled in. The text says why; ``hint`` says what to do."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint


def fields_in(text: str, columns: Sequence[str]) -> set[str]:
    """The columns that stand in ``text`` as fields."""
    return {match[1] for match in _fields(columns).finditer(text)}


def refuse_unknown(text: str, columns: Sequence[str]) -> None:
    """Raise Unfilled for a ``{word}`` that is no column; ``${word}`` belongs to the shell."""
    for match in _WORD_FIELD.finditer(text):
        name = match[1]
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1, cutoff=_CLOSEST)
            meant = f"Did you mean {{{near[0]}}}?" if near else f"It has {', '.join(columns)}."
            raise Unfilled(
                f"{{{name}}} is no column of the table",
                f"{meant} Braces that are meant as they are: put a blank behind the first.",
            )


def fill_text(text: str, values: Values) -> str:
    """``text`` with values as they are; Unfilled for one that is empty."""
    return _filled(text, values, lambda column, value: value)


def fill_line(text: str, values: Values) -> str:
    """The same for a text of one line: a value with a line break is Unfilled."""
    return _filled(text, values, _on_one_line)


def fill_json(text: str, values: Values) -> str:
    """Values go into JSON: as the inside of a text, which a number is as well."""
    return _filled(text, values, lambda column, value: json.dumps(value)[1:-1])


def fill_xml(text: str, values: Values) -> str:
    """Values go into XML or HTML: markup in them is just text."""
    return _filled(text, values, lambda column, value: escape(value, quote=True))


def fill_code(text: str, values: Values) -> str:
    """Values go into a program: plain words do, all others are Unfilled."""
    return _filled(text, values, _plain)


def fill_env(text: str, values: Values) -> str:
    """Values go into an ``env``, of which quotes hold a value together."""
    return _in_words(text, values, posix_word)


def fill_command(text: str, values: Values) -> str:
    """Values go into a command line: what is no plain word becomes a quoted one.

    A field alone in quotes loses them first; one beside other text within
    quotes, or in a line with substitutions, comments or here-documents, takes
    plain words only.
    """
    return _in_words(text, values, quote_word)


def _fields(columns: Sequence[str]) -> re.Pattern[str]:
    names = "|".join(re.escape(column) for column in sorted(columns, key=len, reverse=True))
    return re.compile(rf"(?<!\$)\{{({names})\}}")


def _filled(text: str, values: Values, put: Callable[[str, str], str]) -> str:
    def one(match: re.Match[str]) -> str:
        return put(match[1], _value(match[1], values))

    return _fields(list(values)).sub(one, text)


def _value(column: str, values: Values) -> str:
    value = values[column]
    if not value.strip():
        raise Unfilled(f"no value for the column {quoted(column)}")
    return value


def _on_one_line(column: str, value: str) -> str:
    if "\n" in value or "\r" in value:
        raise Unfilled(f"the value of {quoted(column)} has a line break, and this is one line")
    return value


def _plain(column: str, value: str) -> str:
    if not is_plain(value):
        raise _needs_quotes(column, value, "here only a plain word does no harm")
    return value


def _needs_quotes(column: str, value: str, why: str) -> Unfilled:
    variable = variable_of(column)
    hint = f"Let the job read it from its environment: {variable}" if variable else ""
    return Unfilled(f"{quoted(column)} is {quoted(value)}, and {why}", hint)


def _in_words(text: str, values: Values, quote: Callable[[str], str]) -> str:
    involved = _INVOLVED.search(text) is not None
    parts, at = [], 0
    for match in _fields(list(values)).finditer(text):
        if match.start() < at:
            continue
        value = _value(match[1], values)
        start, end = match.span()
        if not is_plain(value):
            if involved:
                raise _needs_quotes(match[1], value, "this command is too involved to quote it")
            inside = _quote_around(text[:start])
            if inside:
                start, end = _with_quotes(text, start, end, inside, match[1], value)
            try:
                value = quote(value)
            except ValueError as error:
                raise _needs_quotes(match[1], value, str(error)) from None
        parts += [text[at:start], value]
        at = end
    return "".join([*parts, text[at:]])


def _quote_around(before: str) -> str:
    """The quote that is open at the end of ``before``, or the backslash there; else nothing."""
    inside, skip = "", False
    for letter in before:
        if skip:
            skip = False
        elif letter == "\\" and inside != "'":
            skip = True
        elif inside:
            inside = "" if letter == inside else inside
        elif letter in "'\"":
            inside = letter
    return "\\" if skip else inside


def _with_quotes(
    text: str, start: int, end: int, inside: str, column: str, value: str
) -> tuple[int, int]:
    """The span of a field together with the quotes that hold it and nothing else."""
    opens = text[:start].endswith(inside) and not _quote_around(text[: start - 1])
    if inside == "\\" or not opens or text[end : end + 1] != inside:
        raise Unfilled(
            f"{quoted(column)} is {quoted(value)}, which cannot stand within other quotes",
            f"Write {{{column}}} without quotes around it: QM quotes it where that is needed.",
        )
    return start - 1, end + 1

"""The cfg format: ``[QMOptions]`` with ``key : value`` or ``key = value`` on each line.

The format of Python's configparser without interpolation, and stricter where a
slip could run the wrong command: a value is one line. Not configparser itself,
because that knows no line numbers of values, and because other sections belong
to the script, which may write into them what it likes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qm.errors import InfoError
from qm.jobinfo.items import Item, Reading, item, quoted, refuse_duplicates, split_pair, visible

SECTION = "QMOptions"

_HEADER = re.compile(r"\[([^\]]*)\](.*)", re.DOTALL)
_COMMENT = ("#", ";")
_MOST_COMPARED = 200
"""Sections looked at for a slip; a file may hold thousands, and time is bounded."""

_FORM = "key : value or key = value"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that says something. ``section`` is None where it is no header.

    ``rest`` is what stands behind a header. ``continues`` is the number of the
    line whose value this one goes on with, 0 where it stands for itself.
    """

    number: int
    text: str
    section: str | None = None
    rest: str = ""
    continues: int = 0


def read_cfg(file: str, lines: Sequence[str]) -> Reading:
    """The settings in section QMOptions, whatever its case. Raises InfoError with the line."""
    ours: int | None = None
    inside = False
    others: list[str] = []
    items: list[Item] = []
    for line in _lines(lines):
        if line.section is not None:
            inside = line.section.lower() == SECTION.lower()
            if inside:
                _check_header(file, line, ours)
                ours = line.number
            else:
                others.append(line.section)
        elif inside:
            items.append(_setting(file, line))
        elif ours is None and not others:
            raise InfoError(
                file,
                line.number,
                f"{quoted(line.text)} stands before any section",
                f"[{SECTION}] above it",
            )
    if ours is None:
        raise _no_section(file, others)
    refuse_duplicates(file, items)
    return Reading(tuple(items))


def _lines(lines: Sequence[str]) -> Iterator[_Line]:
    last, indent = 0, 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(_COMMENT):
            continue
        width = len(line) - len(line.lstrip())
        # As configparser has it: deeper than the last key is more of its value.
        if last and width > indent:
            yield _Line(number, text, continues=last)
        elif match := _HEADER.fullmatch(text):
            last = 0
            yield _Line(number, text, match[1].strip(), match[2].strip())
        else:
            last, indent = number, width
            yield _Line(number, text)


def _check_header(file: str, line: _Line, earlier: int | None) -> None:
    if earlier is not None:
        raise InfoError(
            file,
            line.number,
            f"{visible(line.text)} comes a second time; the first is on line {earlier}",
            hint="Put all options into one section.",
        )
    if line.rest and not line.rest.startswith(_COMMENT):
        raise InfoError(
            file,
            line.number,
            f"{quoted(line.rest)} stands behind [{SECTION}]",
            "the options on the lines below",
        )


def _setting(file: str, line: _Line) -> Item:
    if line.continues:
        raise InfoError(
            file,
            line.number,
            f"{quoted(line.text)} is indented, so it continues line {line.continues}",
            "each value on one line",
            "Take the blanks away if it is an option of its own. Put several commands "
            "into a file, such as run.sh, and write: script : sh run.sh",
        )
    pair = split_pair(line.text)
    if pair is None:
        raise InfoError(file, line.number, quoted(line.text), _FORM)
    return item(*pair, line.number)


def _no_section(file: str, others: Sequence[str]) -> InfoError:
    folded = {
        name.lower(): name for name in others[:_MOST_COMPARED] if len(name) <= 2 * len(SECTION)
    }
    near = difflib.get_close_matches(SECTION.lower(), folded, n=1)
    return InfoError(
        file,
        None,
        f"there is no section [{SECTION}]",
        f"[{SECTION}] with the options below it",
        f"There is [{visible(folded[near[0]])}]: was [{SECTION}] meant?" if near else "",
    )

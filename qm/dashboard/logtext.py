"""A log as lines that a terminal can show without harm. Pure.

What moves the cursor, sets titles or colours is left out; of a line that was
written over with carriage returns the last writing is kept, as a terminal
would show it.
"""

from __future__ import annotations

import re

_LONGEST = 2000
_TAB = 8
# Each part is bounded or possessive by its character class: no input makes this slow.
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,2048}(?:\x07|\x1b\\)?"  # OSC and its like: titles, links
    r"|\x1b[ -/]{0,8}[0-~]?"
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_STAND_IN = "·"


def plain_lines(data: bytes, *, cut: bool = False) -> tuple[str, ...]:
    """The lines of ``data``; with ``cut`` its first one is left out, being the end of one."""
    text = data.decode("utf-8", "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    if cut and len(lines) > 1:
        del lines[0]
    if lines and not lines[-1]:
        del lines[-1]
    return tuple(_plain(line) for line in lines)


def _plain(line: str) -> str:
    if line.isascii() and line.isprintable() and len(line) <= _LONGEST:
        return line
    line = _SEQUENCE.sub("", line[-4 * _LONGEST :] if "\r" in line else line[: 4 * _LONGEST])
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    line = _UNSEEN.sub(_STAND_IN, line.expandtabs(_TAB))
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"

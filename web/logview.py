r"""What a job has printed, as text that is safe in a page, with the colours kept. Pure.

Of escape sequences (ECMA-48) only those that colour text are obeyed. What moves
the cursor, sets titles, links or the clipboard is left out, and so are control
characters but tabs and line feeds. Of a line that was written over with carriage
returns the last writing stays, as on a terminal. ``web/static/log.js`` does the
same in the browser; a test compares the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

LONGEST = 10_000
"""Characters of one line that are shown; the rest is counted."""

_STAND_IN = "·"
# Direction marks would show letters in another order than that in which they stand.
_UNSEEN = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_TOKEN = re.compile(
    "(?P<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f]+)"
    "|(?P<end>\n)"
    "|(?P<back>\r+)"
    "|(?:\x1b\\[|\x9b)(?P<csi>[0-?]{0,64}[ -/]{0,8}[@-~])"
    "|(?P<string>\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])"
    "|\x1b[ -/]{0,8}[0-~]"
    "|(?P<other>[\x00-\x1f\x7f-\x9f])"
)
_UNFINISHED = re.compile("(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}\\Z|\x1b[ -/]{0,8}\\Z")
_STRING_END = re.compile("\x07|\x1b\\\\|\x9c|(?=\n)")

_FLAGS = {1: "bold", 2: "faint", 3: "italic", 4: "under", 7: "inverse", 9: "strike"}
_NO_FLAGS = {22: ("bold", "faint"), 23: ("italic",), 24: ("under",), 27: ("inverse",)} | {
    29: ("strike",)
}
_LEVELS = (0, 95, 135, 175, 215, 255)
_PALETTE = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0)),
    *((0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
    *((127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0)),
    *((92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
)


class Span(NamedTuple):
    """Text, line feeds among it, and the classes of its style sheet."""

    text: str
    classes: str


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks: colours from 0 to 15 (None: as usual), and ``bold``, ``italic``, …"""

    fore: int | None = None
    back: int | None = None
    flags: tuple[str, ...] = ()

    @property
    def classes(self) -> str:
        """As a class attribute: ``f1 b4 bold``."""
        fore = () if self.fore is None else (f"f{self.fore}",)
        back = () if self.back is None else (f"b{self.back}",)
        return " ".join((*fore, *back, *self.flags))

    def after(self, parameters: str) -> Style:
        """The style after an SGR sequence with these parameters (``1;31``)."""
        codes = [int(part) if part else 0 for part in re.split("[;:]", parameters)]
        style, at = self, 0
        while at < len(codes):
            code = codes[at]
            at += 1
            if code in (38, 48):
                colour, used = _extended(codes[at:])
                at += used
                if colour is not None and code == 38:
                    style = replace(style, fore=colour)
                elif colour is not None:
                    style = replace(style, back=colour)
            else:
                style = style._with(code)
        return style

    def _with(self, code: int) -> Style:
        if code == 0:
            return Style()
        if code in _FLAGS:
            return replace(self, flags=tuple(sorted({*self.flags, _FLAGS[code]})))
        if code in _NO_FLAGS:
            return replace(self, flags=tuple(f for f in self.flags if f not in _NO_FLAGS[code]))
        bright, digit = 8 * (code >= 90), code % 10
        if 30 <= code <= 39 or 90 <= code <= 97:
            return replace(self, fore=None if digit > 7 else digit + bright)
        if 40 <= code <= 49 or 100 <= code <= 107:
            return replace(self, back=None if digit > 7 else digit + 8 * (code >= 100))
        return self


class LogView:
    """Takes a log in pieces, cut anywhere, and gives it as spans."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self._line: list[Span] = []
        self._length = 0
        self._cut = 0
        self._returned = False
        self._in_string = False
        self._rest = ""

    @property
    def style(self) -> Style:
        """How text looks that comes next."""
        return self._style

    def feed(self, text: str) -> list[Span]:
        """The lines that ``text`` completes; what is left of it is kept."""
        data, self._rest = self._rest + text, ""
        done: list[Span] = []
        at = 0
        while at < len(data):
            if self._in_string:
                at = self._skip_string(data, at)
                continue
            found = _TOKEN.match(data, at)
            if _UNFINISHED.match(data, at) or found is None:
                self._rest = data[at:]
                break
            at = found.end()
            self._take(found, done)
        return merged(done)

    def open_line(self) -> list[Span]:
        """The last line as far as it goes; another piece may change it."""
        return merged(self._finished_line())

    def _take(self, found: re.Match[str], done: list[Span]) -> None:
        match found.lastgroup:
            case "text":
                self._write(_UNSEEN.sub(_STAND_IN, found[0]))
            case "end":
                done += [*self._finished_line(), Span("\n", "")]
                self._clear()
            case "back":
                self._returned = True
            case "csi":
                self._obey(found["csi"])
            case "string":
                self._in_string = True

    def _write(self, text: str) -> None:
        if self._returned:
            self._clear()
        room = LONGEST - self._length
        kept = text[:room]
        self._cut += len(text) - len(kept)
        self._length += len(kept)
        if kept:
            self._line.append(Span(kept, self._style.classes))

    def _obey(self, sequence: str) -> None:
        kind, parameters = sequence[-1], sequence[:-1]
        if kind == "m" and not parameters.strip("0123456789;:"):
            self._style = self._style.after(parameters)
        elif kind == "K" and self._returned:
            # Bars of progress wipe their line before they write it anew.
            self._clear()

    def _skip_string(self, data: str, at: int) -> int:
        found = _STRING_END.search(data, at)
        if found is not None:
            self._in_string = False
            return found.end()
        if data.endswith("\x1b"):
            self._rest = "\x1b"
        return len(data)

    def _finished_line(self) -> list[Span]:
        if not self._cut:
            return self._line
        return [*self._line, Span(f" … {self._cut:,} characters more", "cut")]

    def _clear(self) -> None:
        self._line, self._length, self._cut, self._returned = [], 0, 0, False


def merged(spans: list[Span]) -> list[Span]:
    """The same with neighbours of one look in one; a line feed looks like anything."""
    found: list[tuple[list[str], str]] = []
    for text, classes in spans:
        if found and (classes == found[-1][1] or text == "\n"):
            found[-1][0].append(text)
        else:
            found.append(([text], classes))
    return [Span("".join(texts), classes) for texts, classes in found]


def plain_text(text: str) -> str:
    """All of ``text`` as it would be shown, without colours."""
    view = LogView()
    return "".join(span.text for span in [*view.feed(text), *view.open_line()])


def _extended(codes: list[int]) -> tuple[int | None, int]:
    """The nearest of the 16 colours to ``5;n`` or ``2;r;g;b``, and how many codes that were."""
    if len(codes) >= 2 and codes[0] == 5:
        return _of_256(codes[1]), 2
    if len(codes) >= 4 and codes[0] == 2:
        red, green, blue = codes[1:4]
        return _nearest(red, green, blue), 4
    return None, len(codes)


def _of_256(code: int) -> int | None:
    if code < 16:
        return code
    if code < 232:
        cube = code - 16
        return _nearest(_LEVELS[cube // 36], _LEVELS[cube // 6 % 6], _LEVELS[cube % 6])
    if code < 256:
        grey = 8 + 10 * (code - 232)
        return _nearest(grey, grey, grey)
    return None


def _nearest(red: int, green: int, blue: int) -> int:
    def distance(number: int) -> int:
        r, g, b = _PALETTE[number]
        return (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2

    return min(range(len(_PALETTE)), key=distance)

"""What a job's file is to a browser: its type, its name, and what it may do there.

Files of jobs come from anybody. Text is shown as plain text, pictures as such;
what may hold a script goes out as a report (``web.capability``) or not at all.
"""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from collections.abc import Mapping
from enum import Enum, auto
from urllib.parse import quote

TEXT_TYPE = "text/plain; charset=utf-8"
ANY_TYPE = "application/octet-stream"
SNIFFED = 4096
"""Bytes of a file's beginning that tell whether it is text."""

_PICTURES = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
_REPORTS = {
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml; charset=utf-8",
    ".xht": "application/xhtml+xml; charset=utf-8",
    ".xhtml": "application/xhtml+xml; charset=utf-8",
}
_OF_REPORTS = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
# Only what is nearly always text; of all others the beginning decides.
_TEXTS = frozenset(
    ".bat .c .cfg .cmd .conf .cpp .css .csv .err .f90 .h .ini .ipynb .java .jl .js .json .jsonl"
    " .log .m .md .out .pl .py .r .rst .sh .sql .tcl .tex .toml .tsv .txt .xml .yaml .yml".split()
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

FILE_HEADERS: Mapping[str, str] = {
    # No Cross-Origin-Opener-Policy beside a sandbox: browsers refuse a page with both.
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self' data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The security headers of a job's file."""
REPORT_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "sandbox allow-scripts; "
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; connect-src 'none'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # The address is the key to the report.
    "Referrer-Policy": "no-referrer",
}
"""Those of a report and all that it loads. No Cross-Origin-Resource-Policy: a page in a
sandbox is of no origin, so it would not get its own pictures."""


class Manner(Enum):
    """How a file of a job is given to a browser."""

    TEXT = auto()
    PICTURE = auto()
    REPORT = auto()
    """It may hold a script: only in a sandbox."""
    SAVED = auto()
    """To be saved, never shown."""


def manner_of(name: str, beginning: bytes) -> Manner:
    """How the file ``name`` with this ``beginning`` (SNIFFED bytes of it) is given."""
    ending = _ending(name)
    if is_report(name):
        return Manner.REPORT
    if ending in _PICTURES:
        return Manner.PICTURE
    return Manner.TEXT if ending in _TEXTS or is_text(beginning) else Manner.SAVED


def is_report(name: str) -> bool:
    """True for what may hold a script."""
    return _ending(name) in _REPORTS


def type_of(name: str, manner: Manner) -> str:
    """The Content-Type of a file that is given in this manner."""
    if manner is Manner.TEXT:
        return TEXT_TYPE
    return _PICTURES[_ending(name)] if manner is Manner.PICTURE else ANY_TYPE


def report_type(name: str) -> str:
    """The Content-Type of a report, or of what it loads from its folder."""
    ending = _ending(name)
    usual = TEXT_TYPE if ending in _TEXTS else ANY_TYPE
    return {**_REPORTS, **_PICTURES, **_OF_REPORTS}.get(ending, usual)


def is_text(beginning: bytes) -> bool:
    """True for UTF-8, cut off anywhere, without control characters that no text has."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return _CONTROL.search(text) is None


def saved_as(name: str) -> str:
    """The Content-Disposition of a file to be saved as ``name`` (RFC 6266, RFC 8187).

    Control and direction characters and undecodable bytes become ``_``: no
    header can be cut in two by them, and no browser shows ``exe`` as ``txt``.
    """
    text = os.fsencode(name).decode("utf-8", "replace").replace("\N{REPLACEMENT CHARACTER}", "_")
    text = "".join("_" if _is_unseen(character) else character for character in text)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"[^A-Za-z0-9 ._()+,=@~!#$&\[\]{}^-]", "_", plain).strip(" .") or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(text, safe='')}"


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_unseen(character: str) -> bool:
    if unicodedata.category(character) in {"Cc", "Zl", "Zp"}:
        return True
    return (
        unicodedata.bidirectional(character)
        in {*("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")}
        or character in "\u200e\u200f\u061c"
    )

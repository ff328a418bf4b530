"""Bytes of an info file to text: size, NUL, byte order marks, encodings, line ends."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from qm.errors import InfoError

READ_AT_MOST = 64 * 1024
"""Bytes. A caller reads one byte more, so that a larger file is noticed."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Not str.splitlines: it also divides at form feeds and other separators, which
# no editor counts as lines, so the line numbers in messages would be wrong.
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Text:
    """The content of a file as text.

    ``damaged`` says that some bytes were not in the encoding and are U+FFFD now.
    ``mark`` is the byte order mark that the file began with, or is empty.
    """

    content: str
    damaged: bool
    mark: bytes

    def lines(self) -> list[str]:
        """The lines without their ends, which may be LF, CRLF or CR."""
        return _LINE_END.split(self.content)


def decode(file: str, data: bytes, encoding: str = "utf-8") -> Text:
    """``data`` as text: a byte order mark decides (UTF-8, UTF-16), else ``encoding``.

    Raises InfoError for more than READ_AT_MOST bytes, for nothing but blanks, and for NUL.
    """
    if len(data) > READ_AT_MOST:
        raise InfoError(
            file,
            None,
            f"is larger than {READ_AT_MOST // 1024} KiB",
            "a short text with the options of the job",
            "Put long data or a long script into another file of the job folder.",
        )
    mark, encoding = _mark(data, encoding)
    body = data[len(mark) :]
    try:
        content, damaged = body.decode(encoding), False
    except UnicodeDecodeError:
        content, damaged = body.decode(encoding, errors="replace"), True
    if "\0" in content:
        before = _LINE_END.split(content[: content.index("\0")])
        raise InfoError(
            file, len(before), "there is a NUL character", "text", "Save the file as UTF-8 text."
        )
    if not content.strip():
        raise InfoError(file, None, "is empty", "the options of the job")
    return Text(content, damaged, mark)


def _mark(data: bytes, encoding: str) -> tuple[bytes, str]:
    """The byte order mark of ``data`` and the encoding that follows from it."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return mark, name
    return b"", encoding

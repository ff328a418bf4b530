"""Pictures of the documents: each one that is shown exists, and each one that exists is shown."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.pngs import packed

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PICTURES = {".png", ".svg", ".jpg", ".gif", ".webp"}
LARGEST = 150_000
_IN_MARKDOWN = re.compile(r"\]\(([^)\s#]+)")
_IN_HTML = re.compile(r"(?:src|srcset|href)=\"([^\"\s#]+)\"")


def linked(page: Path) -> set[Path]:
    """The files of this repository that a page links to or shows."""
    text = page.read_text(encoding="utf-8")
    found = {*_IN_MARKDOWN.findall(text), *_IN_HTML.findall(text)}
    return {(page.parent / one).resolve() for one in found if ":" not in one}


def pictures() -> list[Path]:
    return sorted(path for path in (ROOT / "docs").rglob("*") if path.suffix in PICTURES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_picture_that_a_page_shows_is_there(page: Path) -> None:
    gone = [path for path in linked(page) if path.suffix in PICTURES and not path.is_file()]
    assert gone == []


def test_every_picture_is_shown_somewhere() -> None:
    shown = set().union(*map(linked, PAGES))
    assert [path.name for path in pictures() if path not in shown] == []


@pytest.mark.parametrize("picture", pictures(), ids=lambda path: path.name)
def test_no_picture_is_large(picture: Path) -> None:
    assert picture.stat().st_size < LARGEST


def png_of(width: int, rows: list[bytes], kinds: list[int]) -> bytes:
    """A picture whose rows are told as differences of these kinds."""
    told = b""
    above = bytes(3 * width)
    for kind, row in zip(kinds, rows, strict=True):
        told += bytes([kind])
        for at, value in enumerate(row):
            left, corner = (row[at - 3], above[at - 3]) if at >= 3 else (0, 0)
            guess = left + above[at] - corner
            near = min((left, above[at], corner), key=lambda one: abs(guess - one))
            told += bytes(
                [(value - (0, left, above[at], (left + above[at]) // 2, near)[kind]) % 256]
            )
        above = row
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(told, 0)), (b"IEND", b""))
    whole = [
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def pixels_of(png: bytes) -> bytes:
    """The rows of a picture that was packed with no differences."""
    (length,) = struct.unpack_from(">I", png, 33)
    return zlib.decompress(png[41 : 41 + length])


@given(st.data(), st.integers(1, 5), st.integers(1, 6))
def test_a_packed_picture_has_the_same_pixels(data: st.DataObject, width: int, height: int) -> None:
    rows = [data.draw(st.binary(min_size=3 * width, max_size=3 * width)) for _ in range(height)]
    kinds = [data.draw(st.integers(0, 4)) for _ in range(height)]
    plain = b"".join(b"\0" + row for row in rows)
    assert pixels_of(packed(png_of(width, rows, kinds))) == plain


def test_what_is_no_such_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="no PNG"):
        packed(b"GIF89a")

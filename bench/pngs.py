"""Pictures in PNG (RFC 2083) as small as they can be without losing anything.

Browsers write pictures quickly, not tightly. Flat areas, which a page has most of, are
smallest where no row is told as a difference to another, and deflated as well as can be.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BYTES = {2: 3, 6: 4}
"""Bytes of a pixel by colour type: RGB, and RGB with alpha."""


def packed(png: bytes) -> bytes:
    """The same pixels, in fewer bytes where the picture has flat areas.

    ``png`` has 8 bits for each colour, and is not interlaced: ValueError for others.
    """
    chunks = list(_chunks(png))
    head = chunks[0][1]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", head)
    if depth != 8 or colour not in _BYTES or any(rest):
        raise ValueError("a picture of another kind")
    told = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    rows = _rows(told, width * _BYTES[colour], height, _BYTES[colour])
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    kept = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in kept)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not png.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _rows(told: bytes, length: int, height: int, step: int) -> Iterator[bytes]:
    """The pixels of each row; in ``told`` each is a difference, after the number of its kind."""
    above = bytes(length)
    for number in range(height):
        at = number * (length + 1)
        row = bytearray(told[at + 1 : at + 1 + length])
        _restore(told[at], row, above, step)
        above = bytes(row)
        yield above


def _restore(kind: int, row: bytearray, above: bytes, step: int) -> None:
    guess = _GUESSES[kind]
    for at in range(len(row) if kind else 0):
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        row[at] = (row[at] + guess(left, above[at], corner)) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    far = abs(guess - left)
    if far <= abs(guess - up) and far <= abs(guess - corner):
        return left
    return up if abs(guess - up) <= abs(guess - corner) else corner


_GUESSES: tuple[Callable[[int, int, int], int], ...] = (
    lambda left, up, corner: 0,
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    lambda left, up, corner: (left + up) // 2,
    _paeth,
)
"""Section 6 of RFC 2083: what a byte differs from, by the number of the kind."""

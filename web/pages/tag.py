"""By which a browser knows that it has just what it would get (RFC 9110, section 8.8.3). Pure."""

from __future__ import annotations

import hashlib
from dataclasses import fields

from web.pages.board import Board, Tiles

_ASIDE = frozenset({"tiles", "why_not"})
"""Members of a board that are looked at in their own way, or follow from the others."""
_METERS = frozenset({"processors", "load", "memory", "disk_free", "disk"})
_FRESH = 300.0


def tag_of(board: Board, now: float, *more: object) -> str:
    """A weak entity tag of a board, and of all else that the page shows.

    While nothing of ours runs, that this machine is a little more or less busy
    is nothing new: what it shows of that is at most five minutes old. ``now`` is
    in seconds since the epoch.
    """
    seen = [getattr(board, one.name) for one in fields(board) if one.name not in _ASIDE]
    tiles = [board.tiles] if board.running else [*_lasting(board.tiles), now // _FRESH]
    text = repr((seen, tiles, more))
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
    return f'W/"{digest[:16]}"'


def is_known(tag: str, header: str) -> bool:
    """True if the If-None-Match ``header`` names this tag."""
    return tag in (one.strip() for one in header.split(","))


def _lasting(tiles: Tiles) -> list[object]:
    return [getattr(tiles, one.name) for one in fields(tiles) if one.name not in _METERS]

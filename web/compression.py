"""Text goes out with gzip to browsers that take it."""

from __future__ import annotations

import gzip
from typing import Any

import bottle

_SMALLEST = 1024
"""Bytes; below that gzip saves nothing worth its time."""
_LEVEL = 5
_TEXT = ("text/", "application/json", "application/problem+json", "image/svg+xml")
_NOT_WHOLE = ("Content-Encoding", "Content-Range", "Content-Length")
_NEVER = "text/event-stream"


def packed(answer: Any, accepted: str) -> Any:
    """``answer`` of a handler, packed where it is text in one piece and ``accepted`` has gzip.

    Nothing on our pages is secret from who may see them, so their length tells
    nobody anything (BREACH needs a secret beside what the attacker may choose).
    """
    whole = isinstance(answer, bottle.HTTPResponse)
    response = answer if whole else bottle.response
    body = answer.body if whole else answer
    if "gzip" not in accepted or not isinstance(body, str | bytes) or len(body) < _SMALLEST:
        return answer
    kind = response.content_type or response.default_content_type
    if not kind.startswith(_TEXT) or kind.startswith(_NEVER) or response.status_code != 200:
        return answer
    if any(response.get_header(name) for name in _NOT_WHOLE):
        return answer
    data = pack(body.encode() if isinstance(body, str) else body)
    response.set_header("Content-Encoding", "gzip")
    response.set_header("Vary", "Accept-Encoding")
    if not whole:
        return data
    answer.body = data
    return answer


def pack(data: bytes) -> bytes:
    """The same with gzip."""
    return gzip.compress(data, _LEVEL, mtime=0)

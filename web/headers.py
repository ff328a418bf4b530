"""The security headers of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEY = "qm.headers"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # no-referrer would make browsers say Origin: null in our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ALWAYS = {"X-Content-Type-Options": "nosniff"}


def use_headers(environ: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Have the answer to this request go out with ``headers`` in place of HEADERS."""
    environ[_KEY] = headers


def with_headers(environ: Mapping[str, Any], given: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer, made safe: ours win over those of the same name.

    What says nothing about caches is not to be kept by any.
    """
    safe: dict[str, str] = {**environ.get(_KEY, HEADERS), **_ALWAYS}
    names = {name.lower() for name in HEADERS} | {name.lower() for name in safe}
    others = [(name, value) for name, value in given if name.lower() not in names]
    if not any(name.lower() == "cache-control" for name, _ in others):
        others.append(("Cache-Control", "no-store"))
    return [*others, *safe.items()]

"""Cookies as browsers send them (RFC 6265)."""

from __future__ import annotations


def cookie_values(header: str, name: str) -> list[str]:
    """The values of the cookies of this name in a Cookie header; a browser may send several.

    Other programs on this host set cookies too, with names that Python's own
    parser refuses as a whole.
    """
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return [value for key, _, value in pairs if key == name and value]

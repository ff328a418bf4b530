"""Whether a change was asked for by our own page, by a person, or by a program with a token.

Cookies do not tell: a page on another port of this machine is of the same site
for browsers, so they send ours along with its requests.
"""

from __future__ import annotations

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({"same-origin", "none"})


def origin_is_ours(ours: str, origin: str | None, site: str | None, *, token_alone: bool) -> bool:
    """True if a request for a change may be obeyed.

    ``ours`` is scheme://host:port as asked for, ``origin`` and ``site`` the
    headers Origin and Sec-Fetch-Site. ``token_alone``: it shows a token and no
    cookie, which no page of somebody else's can do. Browsers leave out
    Sec-Fetch-Site on plain http in a network (W3C Fetch Metadata, section 2).
    """
    if token_alone:
        return True
    if site is not None:
        return site in _OURS
    return origin is not None and origin.lower() == ours.lower()

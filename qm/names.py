"""Names of folders as people may be shown them."""

from __future__ import annotations

import os
import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(name: str) -> str:
    """A file name safe for a terminal, a log or a message.

    Undecodable bytes come as ``\\xff``, control and direction characters as
    their escapes: what is shown cannot move the cursor or swap its letters.
    """
    if name.isascii() and name.isprintable():
        return name
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        character
        if unicodedata.category(character) not in _HIDDEN
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )

"""A line of text into words, with quotes."""

from __future__ import annotations

import shlex


def split_words(text: str, *, escape: str = "", comment: str = "") -> list[str]:
    r"""The words of ``text``; either kind of quote holds one together.

    Characters in ``escape`` take the meaning from the next one (a backslash in
    a shell; by default none does, so that ``C:\data`` stays whole), and
    ``comment`` begins a comment. Raises ValueError for a quote that is not closed.
    """
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split = True
    lexer.escape = escape
    lexer.commenters = comment
    return list(lexer)

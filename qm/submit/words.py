"""What each word behind ``qm submit`` means: a folder, a script, a pipe, or a command."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath

from qm.errors import Refused
from qm.jobinfo.interpreters import from_suffix
from qm.names import shown
from qm.osops.shell import join_words

_BLANK = re.compile(r"\s")
_SHELL = re.compile(r"[|&;<>$`()]")
_PATTERN = re.compile(r"[*?\[]")
_OTHER_SUFFIXES = frozenset({".cfg", ".ini", ".xml", ".csv", ".txt", ".json", ".zip", ".gz"})


class Means(Enum):
    """What a word stands for."""

    PATH = "a folder or a script"
    PIPE = "a script on standard input"
    COMMAND = "a command"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to submit; ``text`` is its path or its command."""

    means: Means
    text: str


def targets_of(words: Sequence[str], behind: Sequence[str] = ()) -> list[Target]:
    """What ``words`` mean, and the one command of the words ``behind`` a ``--``.

    A pattern that the shell left alone is looked up here. Raises Refused
    where a word is neither there nor looks like a command.
    """
    found = [target for word in words for target in _meaning(word, words)]
    if behind:
        try:
            found.append(Target(Means.COMMAND, join_words(behind)))
        except ValueError as error:
            raise Refused(str(error)) from error
    return found


def _meaning(word: str, words: Sequence[str]) -> Iterator[Target]:
    if word == "-":
        yield Target(Means.PIPE, word)
    elif os.path.lexists(word):
        yield Target(Means.PATH, word)
    elif _BLANK.search(word) or _SHELL.search(word):
        yield Target(Means.COMMAND, word)
    elif _PATTERN.search(word) and (matches := sorted(glob.glob(word))):
        yield from (Target(Means.PATH, match) for match in matches)
    elif len(words) == 1 and not _looks_like_a_path(word) and shutil.which(word):
        yield Target(Means.COMMAND, word)
    else:
        raise _mistaken(word, words)


def _looks_like_a_path(word: str) -> bool:
    suffix = PurePath(word).suffix.lower()
    return (
        "/" in word or os.sep in word or suffix in _OTHER_SUFFIXES or from_suffix(word) is not None
    )


def _mistaken(word: str, words: Sequence[str]) -> Refused:
    nothing = f"there is no file or folder {shown(word)}"
    if len(words) > 1 and not _looks_like_a_path(word):
        line = " ".join(shown(each) for each in words)
        return Refused(
            f"{nothing}; is this a command?",
            f'Write it in quotes: qm submit "{line}". Or: qm submit -- {line}',
        )
    if _looks_like_a_path(word):
        return Refused(nothing, f"A command goes behind two dashes: qm submit -- {shown(word)}")
    return Refused(
        f"{nothing}, and no program of that name",
        f"A command that only the shell knows goes behind two dashes: qm submit -- {shown(word)}",
    )

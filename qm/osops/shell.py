"""Words for the shell that runs a job's command: /bin/sh, or cmd.exe on Windows."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
_WINDOWS_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./\\-]+")
_CMD_SPECIAL = re.compile(r'[()%!^"<>&|]')
_LINE_END = re.compile(r"[\r\n\0]")

COMMAND_FILE = "command.cmd" if sys.platform == "win32" else "command.sh"
"""The name of a file with a command that is too long, or too odd, for an info file."""
COMMAND_FILE_RUNNER = "cmd /d /c" if sys.platform == "win32" else "/bin/sh"
"""What runs such a file."""


def in_job_folder(name: str) -> str:
    """The file ``name`` of the job folder, as a word of a command that runs in another one."""
    path = f"%QM_JOB_DIR%\\{name}" if sys.platform == "win32" else f"$QM_JOB_DIR/{name}"
    return f'"{path}"'


def is_plain(word: str) -> bool:
    """True for a word that no shell reads as anything but itself, quoted or not."""
    return _PLAIN.fullmatch(word) is not None


def quote_word(word: str) -> str:
    """``word`` as the shell reads it back; ValueError where that cannot be written."""
    return windows_word(word) if sys.platform == "win32" else posix_word(word)


def join_words(words: Iterable[str]) -> str:
    """A command line whose words are ``words``; ValueError as for :func:`quote_word`."""
    return " ".join(map(quote_word, words))


def posix_word(word: str) -> str:
    """``word`` for /bin/sh; ValueError for NUL, which no argument can hold."""
    if "\0" in word:
        raise ValueError("a NUL character cannot be part of a command")
    return shlex.quote(word)


def windows_word(word: str) -> str:
    """``word`` for a program that cmd.exe starts; ValueError for line ends and NUL.

    Two readers have to be served: the program's own splitting, which knows
    quotes and backslashes before them (CommandLineToArgvW), and before it
    cmd.exe, where a caret takes the meaning from the next character. Within
    quotes cmd.exe leaves all but ``%`` alone.
    """
    if _LINE_END.search(word):
        raise ValueError("cmd.exe runs one line; a line break cannot be part of a command")
    if _WINDOWS_PLAIN.fullmatch(word):
        return word
    body = re.sub(r'(\\*)"', r'\1\1\\"', word)
    body = re.sub(r"(\\+)$", r"\1\1", body)
    quoted = f'"{body}"'
    if '"' in word or "%" in word:
        return _CMD_SPECIAL.sub(r"^\g<0>", quoted)
    return quoted


def command_file_text(command: str, folder: str) -> str:
    """What the command file holds: go to ``folder``, then run ``command`` there."""
    if sys.platform == "win32":
        lines = [line.rstrip("\r") for line in command.split("\n")]
        return "\r\n".join(["@echo off", f'cd /d "{folder}" || exit /b 1', *lines, ""])
    return posix_script(command, folder)


def posix_script(command: str, folder: str, head: str = "") -> str:
    """The same for /bin/sh, with lines of comment, ``head``, in front."""
    return f"#!/bin/sh\n{head}cd {posix_word(folder)} || exit 1\n{command}\n"

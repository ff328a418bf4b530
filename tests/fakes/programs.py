"""Programs of the system, faked as programs: put on PATH, they note how they were called."""

from __future__ import annotations

import shlex
from pathlib import Path


class Programs:
    """A folder for PATH with fake programs in it; it may well stand alone there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._calls = folder / "calls"
        self._rules: dict[str, list[str]] = {}
        folder.mkdir()

    def add(self, name: str) -> None:
        """A program that succeeds and says nothing."""
        self._rules.setdefault(name, [])
        self._write(name)

    def answer(self, call: str, code: int, text: str = "", *, times: int = 0) -> None:
        """Let the call ``name ARGUMENTS`` end with ``code`` and ``text``: always, or so often."""
        name, _, arguments = call.partition(" ")
        counter = self.folder / f"count-{sum(map(len, self._rules.values()))}"
        limited = f'echo x >> {counter} && [ "$(grep -c x {counter})" -le {times} ] &&'
        said = f"echo {shlex.quote(text)} && exit {code}"
        rule = f'[ "$*" = {shlex.quote(arguments)} ] && {limited if times else ""} {said}'
        self._rules.setdefault(name, []).insert(0, rule)
        self._write(name)

    def does(self, call: str, shell: str) -> None:
        """Let the call carry out a line of the shell, and succeed."""
        name, _, arguments = call.partition(" ")
        rule = f'[ "$*" = {shlex.quote(arguments)} ] && {{ {shell}\n exit 0; }}'
        self._rules.setdefault(name, []).insert(0, rule)
        self._write(name)

    def calls(self) -> list[str]:
        """Every call so far, in order."""
        return self._calls.read_text(encoding="utf-8").splitlines() if self._calls.exists() else []

    def _write(self, name: str) -> None:
        # The tools of the fakes themselves: PATH may have nothing else.
        head = f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "{name} $*" >> {self._calls}\n'
        file = self.folder / name
        file.write_text(head + "\n".join([*self._rules[name], "exit 0", ""]), encoding="utf-8")
        file.chmod(0o755)

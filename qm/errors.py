"""What can go wrong, said to the person who can mend it."""

from __future__ import annotations


class QMError(Exception):
    """An error with a sentence for a person.

    ``message`` says what is wrong; ``hint`` says what to do, or is empty.
    ``exit_code`` is what the command line ends with.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class FileError(QMError):
    """Something in a file that a person wrote cannot be used.

    ``file`` is the name to show, ``line`` the 1-based line or None where the
    file as a whole is meant; ``found`` and ``expected`` complete the sentence
    ``FILE line N: FOUND; expected EXPECTED``.
    """

    def __init__(
        self, file: str, line: int | None, found: str, expected: str = "", hint: str = ""
    ) -> None:
        where = file if line is None else f"{file} line {line}"
        wanted = f"; expected {expected}" if expected else ""
        super().__init__(f"{where}: {found}{wanted}", hint)
        self.file = file
        self.line = line
        self.found = found
        self.expected = expected


class ConfigError(FileError):
    """QMserv.cfg, an environment variable or an option is wrong."""

    exit_code = 2


class InfoError(FileError):
    """A job's info file cannot be used; the job is refused with this sentence."""


class NotRunning(QMError):
    """The command needs a manager, and none runs on this folder."""

    exit_code = 3


class NoSuchJob(QMError):
    """No job of that id or name."""


class Refused(QMError):
    """QM understood, and does not do it; the message says why."""

"""The page's own log: one line for each thing, whatever names and paths hold."""

from __future__ import annotations

import logging
import sys

from qm.names import shown
from qm.repeats import Repeats


class OneLine(logging.Formatter):
    """Shows control characters as escapes; a traceback follows in lines of its own, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of one record."""
        lines = [_harmless(record.getMessage())]
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            lines += [f"  {_harmless(line)}" for line in trace.splitlines()]
        return "\n".join(lines)


def _harmless(text: str) -> str:
    # Halves of surrogate pairs come with JSON; no file system has them, and shown() takes names.
    return shown(text.encode("utf-8", "backslashreplace").decode("utf-8"))


class LogStream:
    """A file for ``wsgi.errors`` whose lines go into the log, where they are made harmless."""

    def write(self, text: str) -> int:
        """Log each line of ``text``."""
        for line in text.splitlines():
            logging.getLogger("qm.web").error("%s", line)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """As the protocol asks (PEP 3333)."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing waits."""


def start_logging() -> None:
    """Have everything that this process logs printed to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    handler.addFilter(Repeats())
    logging.getLogger().addHandler(handler)
    logging.getLogger("qm.web").setLevel(logging.INFO)
    # One line for each request that has to wait a moment would say nothing.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)

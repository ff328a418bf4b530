"""QM's own log: to the terminal, or to a file that is renamed when it has grown.

``qm.log`` is the newest file, ``qm.log.1`` the one before it, and so on.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from types import TracebackType

from qm.errors import QMError
from qm.repeats import Repeats

NAME = "qm.log"
LARGEST = 2 << 20
"""Bytes; a file that would grow beyond them is renamed."""
FILES = 5
"""How many there are at most, the newest one included."""

_FORMAT = "%(asctime)s %(levelname)s %(message)s"
_TRY_AGAIN = 60.0
_TAIL = 64 << 10

log = logging.getLogger("qm")


def log_folder(own: str) -> str:
    """The folder of the log files below ``own``, the path of ``.qm``."""
    return os.path.join(own, "log")


def log_file(own: str) -> str:
    """The newest log file below ``own``, the path of ``.qm``."""
    return os.path.join(log_folder(own), NAME)


def start_logging(*, debug: bool, file: str | None = None) -> None:
    """Send QM's log to ``file``, or to stderr where that is None.

    What nobody caught in any thread, and Python's warnings, go there too.
    Raises QMError where the file cannot be written.
    """
    handler = logging.StreamHandler(sys.stderr) if file is None else _open(file)
    if file is not None:
        _speak_utf8()
    handler.setFormatter(logging.Formatter(_FORMAT))
    if not debug:
        handler.addFilter(Repeats())
    logging.basicConfig(level=_level(debug=debug), handlers=[handler])
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


def set_debug(debug: bool) -> None:
    """Tell every detail from now on, or no longer."""
    logging.getLogger().setLevel(_level(debug=debug))


def current_log_file() -> str | None:
    """The file that this process logs to; None if it logs to a terminal, or not at all."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogFile):
            return handler.baseFilename
    return None


def _level(*, debug: bool) -> int:
    return logging.DEBUG if debug else logging.INFO


def _speak_utf8() -> None:
    """What is said past the log lies in a file as well, and is read as the log is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")


def _open(file: str) -> LogFile:
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        return LogFile(file)
    except OSError as error:
        raise QMError(
            f"the log {file} cannot be written: {error.strerror}",
            "`qm serve` shows the log here instead.",
        ) from error


class LogFile(RotatingFileHandler):
    """A log file that no disk and no reader can stop: what cannot be done is done later."""

    def __init__(
        self,
        file: str,
        largest: int = LARGEST,
        files: int = FILES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            file, maxBytes=largest, backupCount=files - 1, encoding="utf-8", errors="replace"
        )
        self._clock = clock
        self._not_before = clock()

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802
        """True if the record does not fit any more, and no try has failed just now."""
        return self._clock() >= self._not_before and bool(super().shouldRollover(record))

    def doRollover(self) -> None:  # noqa: N802
        """Rename the files; where somebody has one open on Windows, go on in it for a while."""
        try:
            super().doRollover()
        except OSError:
            self._not_before = self._clock() + _TRY_AGAIN
            if self.stream is None:
                self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A full disk loses lines of the log, and is told nowhere: there is no place for it."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("QM ends: nobody caught this", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is None or issubclass(told.exc_type, SystemExit):
        return
    name = "?" if told.thread is None else told.thread.name
    trace = (told.exc_type, told.exc_value, told.exc_traceback)
    log.error("the thread %s ended: nobody caught this", name, exc_info=trace)


def _log_unraisable(told: sys.UnraisableHookArgs) -> None:
    error = told.exc_value
    trace = None if error is None else (told.exc_type, error, told.exc_traceback)
    log.error("%s: %r", told.err_msg or "ignored", told.object, exc_info=trace)


def end_of(file: str) -> int:
    """The size of a log file in bytes, 0 where there is none: a position for :func:`read_since`."""
    try:
        return os.path.getsize(file)
    except OSError:
        return 0


def read_since(file: str, position: int) -> list[str]:
    """The lines that were written after ``position``, at most the last 64 KiB of them.

    A file that is shorter was renamed meanwhile: then all of the new one.
    """
    try:
        with open(file, "rb") as lines:
            size = lines.seek(0, os.SEEK_END)
            lines.seek(max(position if size >= position else 0, size - _TAIL))
            return lines.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []

"""What every way of telling somebody has in common, and the connection that can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Protocol

from qm.notify.notice import Notice

TIMEOUT = 15.0
"""Seconds that a server may take to accept a connection, or to say the next thing."""


class Undelivered(Exception):
    """It did not arrive; ``detail`` says why, for a person.

    ``final``: trying again is of no use. ``down``: the fault is the target's,
    so that nothing else will arrive there now either.
    """

    def __init__(self, detail: str, *, final: bool = False, down: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.final = final
        self.down = down


class Channel(Protocol):
    """One way of telling somebody. A thread of its own calls ``deliver`` and ``rest``."""

    kind: str
    """``mail``, ``webhook`` or ``command``, as the events have it."""

    def wants(self, notice: Notice) -> bool:
        """Whether this notice goes this way at all. Quick and without faults."""

    def target(self, notice: Notice) -> str:
        """Where to: notices of one target wait together while it does not answer."""

    def deliver(self, notice: Notice, folder: str | None) -> str:
        """Do it, and say in words what was done. ``folder`` is where the job lies now, None where
        that is gone. Raises Undelivered.
        """

    def rest(self) -> None:
        """Nothing more is to be delivered for now: connections are closed."""

    def cut(self) -> None:
        """QM ends: what ``deliver`` is at, in the other thread, fails at once."""


class Connection(Protocol):
    """What has a socket while it is connected: smtplib's and http.client's objects do."""

    sock: socket.socket | None


class Wire:
    """The connection that a channel uses, and its end: by the clock, or because QM ends.

    A timeout of the socket alone would not do: a server that sends a byte now
    and then keeps each single read alive.
    """

    def __init__(self) -> None:
        self._held: Connection | None = None
        self.was_cut = False

    def hold(self, connection: Connection) -> None:
        """This is the one that :meth:`cut` means from now on."""
        self._held = connection
        self.was_cut = False

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Whatever goes on inside is cut after so many seconds."""
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def cut(self) -> None:
        """Shut the connection down; who waits at it in another thread gets an error."""
        held = self._held
        sock = None if held is None else held.sock
        if sock is not None:
            self.was_cut = True
            with contextlib.suppress(OSError):
                # Not the method of an SSLSocket, which goes on in the clear for a moment.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def plain_fault(error: BaseException) -> str:
    """What an error of a connection says, for a person."""
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__

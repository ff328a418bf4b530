"""A web address that is told: an HTTP POST with JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

from qm.notify.address import next_address, server_of
from qm.notify.channel import Undelivered, Wire
from qm.notify.notice import Notice, payload

_REDIRECTS = 3
_FOLLOWED = frozenset({301, 302, 307, 308})
_SEE_OTHER = 303
_TRY_AGAIN = frozenset({408, 425, 429})


class Webhook:
    """Tells the address that ``url_of`` gives for a notice.

    It may be any address that the machine can reach, also inside the own
    network: a job runs with the rights of the person who started QM, so an info
    file that names an address can do no more than the job's script could by
    itself. What comes back is not read but for the status, and is shown to
    nobody. Only http and https are spoken, and where a server sends us on to
    another address, the same holds for that one.
    """

    kind = "webhook"

    def __init__(self, url_of: Callable[[Notice], str | None], host: str) -> None:
        """``host`` is the name of this machine, for the JSON."""
        self._url_of = url_of
        self._host = host
        self._wire = Wire()

    def wants(self, notice: Notice) -> bool:
        """True where there is an address for it."""
        return self._url_of(notice) is not None

    def target(self, notice: Notice) -> str:
        """The server: what else is for it waits while it does not answer."""
        return server_of(self._url_of(notice) or "").lower()

    def deliver(self, notice: Notice, folder: str | None) -> str:
        """POST it; see :class:`qm.notify.channel.Channel`."""
        url = self._url_of(notice)
        if url is None:
            raise Undelivered("there is no address any more", final=True)
        from qm.notify.posting import post

        data = json.dumps(payload(notice, folder, self._host)).encode()
        key = f"{notice.key} {notice.submitted}"
        for _ in range(_REDIRECTS + 1):
            status, location = post(url, data, key, self._wire)
            if status not in _FOLLOWED or location is None:
                return self._judged(url, status)
            url = next_address(url, location)
        raise Undelivered(f"{server_of(url)} sends us on more than {_REDIRECTS} times", final=True)

    def rest(self) -> None:
        """Nothing is kept open."""

    def cut(self) -> None:
        """End the connection at once."""
        self._wire.cut()

    def _judged(self, url: str, status: int) -> str:
        said = f"{server_of(url)} answered {status}"
        if 200 <= status < 300 or status == _SEE_OTHER:
            return said
        again = status in _TRY_AGAIN or status >= 500
        raise Undelivered(said, final=not again, down=again)

"""Sending a job to another QM: what is to come, then its bytes in pieces, then the commit."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qm.errors import QMError
from qm.remote.client import Client, Unreachable
from qm.remote.parcel import Item, Parcel, parcel_of
from qm.submit.orders import Order
from qm.submit.wishes import env_text

PIECE = 8 << 20
"""Bytes in one request; a page takes 16 MiB."""
AT_ONCE = 4
_TRIES = 6
_FIRST_PAUSE = 0.5
_PATIENCE = 120.0

_RAW = {"Content-Type": "application/octet-stream"}


class Upload:
    """A job that is on its way; :meth:`commit` makes it one."""

    def __init__(self, client: Client, id: str, wishes: Mapping[str, Any]) -> None:
        self._client = client
        self.id = id
        self._wishes = wishes

    def send(self, parcel: Parcel) -> None:
        """Send all bytes, several files at once; QMError where that cannot be."""
        with ThreadPoolExecutor(AT_ONCE, "send") as workers:
            sent = [workers.submit(self._send_file, item) for item in parcel.items if item.size]
            try:
                for one in sent:
                    one.result()
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                raise

    def commit(self) -> dict[str, Any]:
        """Make it a job: its id (None while it arrives), name, state and reason."""
        path = ("uploads", self.id, "commit")
        for left in range(_TRIES, 0, -1):
            try:
                answer: dict[str, Any] = self._client.send(
                    "POST", path, self._wishes, timeout=_PATIENCE
                )
                return answer
            except Unreachable:
                # Asked again, the page says what has become of it: nothing happens twice.
                if left == 1:
                    raise
                time.sleep(_FIRST_PAUSE * (_TRIES - left + 1))
        raise AssertionError("the loop returns or raises")

    def cancel(self) -> None:
        """Take it back; where that does not arrive, the page does so after an hour."""
        with contextlib.suppress(QMError):
            self._client.call("DELETE", ("uploads", self.id))

    def _send_file(self, item: Item) -> None:
        offset, tries = 0, 0
        while offset < item.size:
            data = item.read(offset, PIECE)
            try:
                offset = self._send_piece(item, offset, data)
                tries = 0
            except Unreachable:
                tries += 1
                if tries >= _TRIES:
                    raise
                time.sleep(_FIRST_PAUSE * 2**tries)
                offset = self._received(item)

    def _send_piece(self, item: Item, offset: int, data: bytes) -> int:
        reply = self._client.call(
            "PUT",
            ("uploads", self.id, "files", *item.path.split("/")),
            query=[("offset", str(offset))],
            body=data,
            timeout=_PATIENCE,
            headers=_RAW,
        )
        return int(reply.json["received"])

    def _received(self, item: Item) -> int:
        """How much of a file is there already."""
        found = self._client.get("uploads", self.id).json
        here = {file["path"]: int(file["received"]) for file in found.get("files", ())}
        return here.get(item.path, 0)


def _changes(order: Order) -> dict[str, str]:
    """What wins over the info file. Its environment is all that the job gets of the caller's."""
    changes = dict(order.changes)
    if order.variables:
        info = order.checked.info
        own = () if info is None else info.options.env
        changes["env"] = env_text([*own, *order.variables.items()])
    return changes


def upload(client: Client, order: Order, *, hold: bool) -> Upload:
    """Send an order's files; nothing is a job before the commit. QMError where that fails."""
    parcel = parcel_of(order.work)
    plan = {
        "name": parcel.name,
        "files": [
            {"path": item.path, "size": item.size, "executable": item.executable}
            for item in parcel.items
        ],
        "folders": list(parcel.folders),
    }
    begun = client.send("POST", ("uploads",), plan, timeout=_PATIENCE)
    sending = Upload(client, str(begun["id"]), {"hold": hold, "changes": _changes(order)})
    try:
        sending.send(parcel)
    except BaseException:
        sending.cancel()
        raise
    return sending

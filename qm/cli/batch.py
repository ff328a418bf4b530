"""Staged jobs that are synced and committed together: one sync for many is far quicker."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from qm.control.client import who_asks
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.model import Place
from qm.names import shown
from qm.osops.bulk_sync import sync_file_system, syncs_in_bulk
from qm.submit import Caller, Submission, caller_environment
from qm.submit.orders import Order
from qm.submit.stage import Staged, commit, discard, settle, stage

_MOST = 100
_LONGEST = 0.5
"""Seconds from the first job of a batch to its commit, or a little more."""


class Batch:
    """Takes orders, and commits them: each at once, or where there are ``many``, in batches.

    With ``sync`` a job is on disk before it is committed. Sources that are
    moved are committed singly, for they go away with that.
    """

    def __init__(self, layout: Layout, sync: bool, *, many: bool, move: bool) -> None:
        self._layout = layout
        self._move = move
        self._sync = sync
        self._together = many and not move and (not sync or syncs_in_bulk())
        self._staged: list[Staged] = []
        self._since = 0.0
        self._caller = Caller(who_asks(), os.getcwd(), caller_environment(os.environ))

    def add(self, order: Order, hold: bool) -> None:
        """Stage one job; QMError or OSError where that is not possible."""
        staged = stage(
            self._layout,
            order.work,
            replace(self._caller, env={**self._caller.env, **order.variables}),
            move=self._move,
            hold=hold,
            sync=self._sync and not self._together,
            changes=order.changes,
        )
        if not self._staged:
            self._since = time.monotonic()
        self._staged.append(staged)

    def is_due(self) -> bool:
        """True where what is staged is to be committed now."""
        if not self._together or len(self._staged) >= _MOST:
            return bool(self._staged)
        return bool(self._staged) and time.monotonic() - self._since > _LONGEST

    def commit(self) -> list[Submission | QMError]:
        """Commit what is staged: what became of each job. A Ctrl-C shall not come meanwhile."""
        batch, self._staged = self._staged, []
        try:
            if batch and self._sync and self._together:
                sync_file_system(self._layout.place(Place.WAITING))
        except OSError as error:
            for staged in batch:
                discard(staged)
            return [QMError(f"cannot sync {shown(s.name)}: {error.strerror}") for s in batch]
        tried = [(staged, self._commit_one(staged)) for staged in batch]
        done: list[Submission | QMError] = []
        sync = self._sync
        for staged, one in tried:
            if isinstance(one, QMError):
                done.append(one)
            else:
                # The first sync is after all renames, and for all of them.
                done.append(settle(self._layout, staged, one, sync=sync))
                sync = False
        return done

    def discard(self) -> None:
        """Take back what is staged and not committed."""
        for staged in self._staged:
            discard(staged)
        self._staged = []

    def _commit_one(self, staged: Staged) -> Submission | QMError:
        try:
            return commit(self._layout, staged)
        except (QMError, OSError) as error:
            discard(staged)
            return error if isinstance(error, QMError) else QMError(str(error))

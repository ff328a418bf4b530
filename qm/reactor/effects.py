"""Which worker carries out which action, and how its functions are called."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.effects.accept import accept, cannot_write, record
from qm.effects.claim import Claimer, probe, take_back
from qm.effects.finish import Finisher, forget
from qm.effects.lookup import is_unfinished
from qm.folders.inspect import Inspector
from qm.folders.layout import Layout
from qm.index import Index
from qm.inspection import Inspection, Kind
from qm.jobdir import own_folder, write_hold, write_kill, write_suspend
from qm.model import Place, Reason
from qm.osops import end_carriers
from qm.statefile import StateFile
from qm.systems.local import LocalSystem

log = logging.getLogger("qm.effects")

_TREE_PATIENCE = 20.0

DropAction = act.Inspect | act.Accept | act.SaveState | act.Steer | act.EndOfStart
SmallAction = act.Probe | act.SetHold | act.Stop | act.Pause | act.Record
TurnAction = act.Claim | act.Finish | SmallAction
LeaveAction = act.Close | act.Requeue | act.Forget


class DropWork:
    """Looks at drops and writes their first records."""

    def __init__(
        self,
        layout: Layout,
        inspector: Inspector,
        state_file: StateFile,
        index: Index,
        boot: str,
        *,
        sync: bool,
    ) -> None:
        self._layout = layout
        self._index = index
        self._inspector = inspector
        self._state_file = state_file
        self._boot = boot
        self._sync = sync
        self._unsaved = 0

    def __call__(self, actions: Sequence[DropAction]) -> list[ev.Event]:
        events: list[ev.Event] = []
        # One write of state.json for all ids of the moment, before the first record uses one.
        saves = [action.next_id for action in actions if isinstance(action, act.SaveState)]
        self._unsaved = max(saves, default=self._unsaved)
        problem = self._save()
        replaced = [action.replaces for action in actions if isinstance(action, act.Accept)]
        if any(replaced):
            forget(self._index, filter(None, replaced))
        for action in actions:
            if isinstance(action, act.Inspect):
                seen = self._inspector.inspect(action.name, known=action.known)
                unfinished = is_unfinished(self._layout, seen.records)
                events.append(ev.Inspected(replace(seen, unfinished=unfinished)))
            elif isinstance(action, act.Accept):
                events.append(
                    accept(self._layout, action, self._boot, sync=self._sync)
                    if problem is None
                    else ev.NotAccepted(action.job.id, False, problem)
                )
            elif isinstance(action, act.Steer):
                events.append(self._steer(action))
            elif isinstance(action, act.EndOfStart):
                events.append(ev.Found())
        return events

    def _steer(self, action: act.Steer) -> ev.Steered:
        try:
            self._state_file.steer(action.steering)
        except OSError as error:
            log.warning("state.json cannot be written: %s", error.strerror)
            return ev.Steered(action, f"it holds until QM ends, for QM cannot write: {error}")
        return ev.Steered(action, None)

    def _save(self) -> Reason | None:
        """Write the next free id; why not, where the disk is full. Then no id is used."""
        if self._unsaved:
            try:
                self._state_file.save(self._unsaved)
            except OSError as error:
                log.warning("state.json cannot be written: %s", error.strerror)
                return cannot_write(error, self._layout.root)
            self._unsaved = 0
        return None

    @staticmethod
    def failed(action: DropAction, error: Exception) -> ev.Event | None:
        """What becomes of an action whose effect broke."""
        if isinstance(action, act.Accept):
            return ev.NotAccepted(action.job.id, False, Reason("Stuck", f"QM failed: {error}"))
        if isinstance(action, act.Steer):
            return ev.Steered(action, f"QM failed: {error}")
        if isinstance(action, act.Inspect):
            return ev.Inspected(Inspection(action.name, Kind.FOLDER, problem=str(error)))
        return ev.Found() if isinstance(action, act.EndOfStart) else None


class TurnWork:
    """The turn from one job to the next: claims, finishes, and small marks.

    One worker for both: the end of a job and the claim of the next one come
    together, and a second thread would cost more than it saves.
    """

    def __init__(
        self,
        layout: Layout,
        claimer: Claimer,
        finisher: Finisher,
        system: LocalSystem,
        boot: str,
    ) -> None:
        self._layout = layout
        self._boot = boot
        self._claimer = claimer
        self._finisher = finisher
        self._system = system

    def __call__(self, actions: Sequence[TurnAction]) -> Iterator[ev.Event]:
        # Claims first: their scripts run while the ended jobs are put away.
        claims = [action for action in actions if isinstance(action, act.Claim)]
        if claims:
            yield from self._claimer.claim(claims)
        finishes = [action for action in actions if isinstance(action, act.Finish)]
        if finishes:
            yield from self._finisher.finish(finishes)
        for action in actions:
            if isinstance(action, SmallAction):
                event = self._one(action)
                if event is not None:
                    yield event

    def _one(self, action: SmallAction) -> ev.Event | None:
        try:
            if isinstance(action, act.Probe):
                return probe(self._layout, action)
            if isinstance(action, act.SetHold):
                return self._set_hold(action)
            if isinstance(action, act.Pause):
                return self._pause(action)
            if isinstance(action, act.Record):
                with self._finisher.ending:
                    record(self._layout, action.job, self._boot, sync=self._finisher.sync)
            else:
                self._stop(action)
        except OSError as error:
            log.warning("%s of job %d: %s", type(action).__name__, action.job.id, error)
            return self.failed(action, error)
        return None

    def _set_hold(self, action: act.SetHold) -> ev.Event:
        path = self._layout.path(Place.WAITING, action.job.name)
        with own_folder(path) as own:
            write_hold(own, action.reason)
        crash_point("mark.held", action.job.name)
        return ev.Held(action.job.id, action.reason, action.request)

    def _stop(self, action: act.Stop) -> None:
        marked = self._mark(action)
        told = self._system.stop(action.job, action.reason, action.grace)
        if not marked and not told and action.job.token:
            # Its supervisor, of an earlier manager, cannot be reached: its processes can.
            end_carriers(action.job.token, patience=_TREE_PATIENCE)

    def _pause(self, action: act.Pause) -> ev.Event | None:
        job = action.job
        problem = self._mark_pause(action)
        if self._system.pause(job, suspended=action.suspended):
            return None  # Its supervisor tells when it is done.
        if problem is not None:
            raise problem
        # The supervisor of an earlier manager obeys the mark, and can tell nobody.
        return ev.Paused(job.id, job.token or "", action.suspended)

    def _mark_pause(self, action: act.Pause) -> OSError | None:
        """Write the mark that counts where no supervisor of ours can be told; why not."""
        job = action.job
        try:
            found = self._layout.find(job.identity, job.name, action.place)
            if found is not None:
                with own_folder(self._layout.path(*found)) as own:
                    write_suspend(own, job, suspended=action.suspended)
                crash_point("mark.paused", job.name)
        except OSError as error:
            return error
        return None

    def _mark(self, action: act.Stop) -> bool:
        """Write the mark that a supervisor obeys even without a manager; False if impossible."""
        job = action.job
        try:
            found = self._layout.find(job.identity, job.name, action.place)
            if found is None:
                return False
            with own_folder(self._layout.path(*found)) as own:
                write_kill(own, job, action.reason, action.grace, action.request)
            crash_point("mark.killed", job.name)
        except OSError as error:
            log.warning("job %d: its kill mark cannot be written: %s", job.id, error)
            return False
        return True

    @staticmethod
    def failed(action: TurnAction, error: Exception) -> ev.Event | None:
        """What becomes of an action whose effect broke."""
        if isinstance(action, act.Claim):
            return ev.Unclaimable(action.job.id, Reason("Stuck", f"QM failed: {error}"))
        if isinstance(action, act.Finish):
            return ev.Unmovable(action.job.id, f"QM failed: {error}")
        why = f"QM cannot do it: {error}"
        if isinstance(action, act.SetHold):
            return ev.NotHeld(action.job.id, action.reason, action.request, why)
        if isinstance(action, act.Pause):
            return ev.NotPaused(action.job.id, action.suspended, why)
        return None


class LeaveWork:
    """Jobs that leave by other ways, which may take long: every process of theirs is ended."""

    def __init__(self, layout: Layout, finisher: Finisher, boot: str, *, sync: bool) -> None:
        self._layout = layout
        self._finisher = finisher
        self._boot = boot
        self._sync = sync

    def __call__(self, actions: Sequence[LeaveAction]) -> Iterator[ev.Event]:
        for action in actions:
            if isinstance(action, act.Close):
                yield self._finisher.close(action)
            elif isinstance(action, act.Requeue):
                yield self._requeue(action)
            else:
                self._finisher.record_vanished(action.job)

    def _requeue(self, action: act.Requeue) -> ev.Event:
        if action.end_tree and action.job.token:
            end_carriers(action.job.token, patience=_TREE_PATIENCE)
        token = secrets.token_hex(16)
        if action.place in (Place.DONE, Place.LOST):
            # It has not ended any more: after a crash its folder is to be read, not its row.
            forget(self._finisher.index, [action.job.id])
            crash_point("requeue.unlisted", action.job.name)
        try:
            if action.ended is not None:
                self._finisher.history.append([action.ended])
                crash_point("requeue.remembered", action.job.name)
            return take_back(self._layout, action, self._boot, token, sync=self._sync)
        except OSError as error:
            return ev.Unmovable(action.job.id, f"it cannot be put back: {error}")

    @staticmethod
    def failed(action: LeaveAction, error: Exception) -> ev.Event | None:
        """What becomes of an action whose effect broke."""
        if isinstance(action, act.Forget):
            return None
        return ev.Unmovable(action.job.id, f"QM failed: {error}")

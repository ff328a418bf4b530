"""From QM_qJobs to QM_Jobs and back: the claim, and the taking back of a claim."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.errors import InfoError
from qm.faults import apart_fault, closed_fault, disk_fault, fault_of
from qm.folders.inspect import Inspector, command_of
from qm.folders.layout import Layout
from qm.inspection import Usable
from qm.jobdir import (
    archive_attempt,
    own_folder,
    read_hold,
    read_records,
    sweep_staged,
    write_hold,
    write_job,
)
from qm.jobfiles import OWN
from qm.jobinfo.changes import apply_changes
from qm.model import Job, Place, Reason
from qm.osops import FolderHandle, sync_file, sync_folder
from qm.osops.scanning import Scan, scan_open
from qm.records import Claim

ClaimEnd = ev.Claimed | ev.Changed | ev.Unclaimable | ev.Held | ev.Vanished


class Claimer:
    """Claims jobs; ``sync`` makes a claim durable before it is told.

    ``left`` is called with each name that was moved out of QM_qJobs.
    """

    def __init__(
        self,
        layout: Layout,
        inspector: Inspector,
        boot: str,
        left: Callable[[str], None],
        *,
        settle: float,
        sync: bool,
    ) -> None:
        self._left = left
        self._layout = layout
        self._inspector = inspector
        self._boot = boot
        self._settle = settle
        self._sync = sync

    def claim(self, actions: Iterable[act.Claim]) -> list[ClaimEnd]:
        """Claim all of these; their renames are synced once for all."""
        fault = disk_fault(self._layout.root)
        if fault is not None:
            return [ev.Unclaimable(action.job.id, fault, full=True) for action in actions]
        ends = [self._claim_one(action) for action in actions]
        if self._sync and any(isinstance(end, ev.Claimed) for end in ends):
            try:
                sync_folder(self._layout.place(Place.RUNNING))
                sync_folder(self._layout.place(Place.WAITING))
            except OSError as error:
                return [self._not_durable(end, error) for end in ends]
        crash_point("claim.synced")
        return ends

    def _not_durable(self, end: ClaimEnd, error: OSError) -> ClaimEnd:
        """A claim that may not be on disk starts nothing: the job goes back."""
        if not isinstance(end, ev.Claimed):
            return end
        job = end.job
        try:
            back = self._back(self._layout.path(Place.RUNNING, job.name), job.name)
        except OSError:
            return ev.Vanished(job.id)
        return ev.Changed(job.id, back) if back != job.name else self._unclaimable(job, error)

    def _claim_one(self, action: act.Claim) -> ClaimEnd:
        job = action.job
        path = self._layout.path(Place.WAITING, job.name)
        try:
            with FolderHandle.open(path) as folder, folder.sub(OWN) as own:
                if not folder.identity().same_folder(job.identity):
                    return ev.Vanished(job.id)
                # The clock is needed only where the fingerprint is not known, which is so of
                # jobs that an earlier manager has accepted, and perhaps half written.
                clock = None if action.fingerprint is not None else self._inspector.clock
                if clock is not None:
                    sweep_staged(own)
                scan = scan_open(folder, clock, look_for_writers=True)
                hold = read_hold(own)
                if hold is not None:
                    return ev.Held(job.id, hold)
                if scan.hold or not self._unchanged(folder, scan, action):
                    return ev.Changed(job.id, job.name)
                crash_point("claim.looked", job.name)
                return self._move(job, folder, own, scan)
        except FileNotFoundError:
            return ev.Vanished(job.id)
        except OSError as error:
            return self._unclaimable(job, error)

    def _unchanged(self, folder: FolderHandle, scan: Scan, action: act.Claim) -> bool:
        """Whether it is what was accepted, and nobody is at work in it."""
        if scan.writer is not None:
            return False
        if action.fingerprint is not None:
            return scan.fingerprint == action.fingerprint
        # Accepted by an earlier manager: then its quiet and its info file must speak for it.
        if scan.fs_now - scan.newest_change < self._settle * 1e9:
            return False
        found, _ = self._inspector.find_info(folder, scan.names)
        if found is None or isinstance(found, InfoError) or found.missing:
            return False
        return self._same_wish(found, action.job)

    def _same_wish(self, found: Usable, job: Job) -> bool:
        """Whether the info file, with what a person set beside it, still says what was recorded."""
        now = datetime.now(UTC)
        try:
            limits = self._inspector.limits
            options, _ = apply_changes(found.info.options, dict(job.changes), limits, now)
        except InfoError:
            return False
        if options.begin is not None and job.options.begin is not None:
            # "+2h" means another time with each reading; the first one counts.
            options = replace(options, begin=job.options.begin)
        return options == job.options

    def _move(self, job: Job, folder: FolderHandle, own: FolderHandle, scan: Scan) -> ClaimEnd:
        running = self._layout.place(Place.RUNNING)
        name = self._layout.free_name(running, job.name)
        try:
            target = self._layout.move(folder.path, Place.RUNNING, name)
        except FileNotFoundError:
            return ev.Vanished(job.id)
        except OSError as error:
            return self._unclaimable(job, error)
        crash_point("claim.renamed", job.name)
        self._left(job.name)
        folder.path, own.path = target, os.path.join(target, OWN)
        # Whoever wrote into the folder between look and rename wrote into a job that was
        # to start: it goes back and settles again.
        try:
            again = scan_open(folder, None, look_for_writers=False)
            if again.fingerprint != scan.fingerprint:
                return ev.Changed(job.id, self._back(target, job.name))
            crash_point("claim.looked_again", job.name)
            job = replace(job, name=name)
            runs_in = os.path.join(target, job.options.cwd or "")
            command, note = command_of(runs_in, job.options.script)
            write_job(own, job, Claim(self._boot, claimed=True), sync=self._sync)
            crash_point("claim.recorded", job.name)
        except OSError as error:
            try:
                back = self._back(target, job.name)
            except OSError:
                return ev.Vanished(job.id)
            if back != job.name:
                return ev.Changed(job.id, back)
            return self._unclaimable(job, error)
        return ev.Claimed(job, command, note)

    def _back(self, target: str, name: str) -> str:
        waiting = self._layout.place(Place.WAITING)
        free = self._layout.free_name(waiting, name)
        self._layout.move(target, Place.WAITING, free)
        return free

    def _unclaimable(self, job: Job, error: OSError) -> ev.Unclaimable:
        fault = fault_of(error, self._layout.root)
        folders = self._layout.place(Place.WAITING), self._layout.place(Place.RUNNING)
        if fault is None and isinstance(error, PermissionError):
            fault = closed_fault(*folders)
        if fault is None and error.errno == errno.EXDEV:
            fault = apart_fault(*folders)
        return ev.Unclaimable(job.id, fault or _cannot_move(error), full=fault is not None)


def _cannot_move(error: OSError) -> Reason:
    if error.errno == errno.EXDEV:
        text = "QM_qJobs and QM_Jobs are not on one file system (two mounts of a container?)"
        return Reason("Stuck", text)
    if error.errno == errno.EBUSY:
        return Reason("Stuck", "the folder is a mount point")
    return Reason("Stuck", f"the folder cannot be moved: {error.strerror}")


def take_back(
    layout: Layout, action: act.Requeue, boot: str, new_token: str, *, sync: bool
) -> ev.Requeued | ev.StillLocked | ev.Vanished:
    """Fence an attempt, archive it, and put the job back into QM_qJobs.

    The new token is durable before the lock is let go and before the folder
    moves: a supervisor that comes late finds that the job is not its any more.
    """
    job = action.job
    found = layout.find(job.identity, job.name, action.place)
    if found is None:
        return ev.Vanished(job.id)
    place, name = found
    path = layout.path(place, name)
    among_ended = place in (Place.DONE, Place.LOST)
    # A script may have removed its records. Of one that has ended for sure they are made anew.
    anew = action.ended is not None
    with FolderHandle.open(path) as folder, folder.sub(OWN, create=anew) as own:
        lock = own.lock("lock")
        if lock is None:
            return ev.StillLocked(job.id)
        try:
            sweep_staged(own)
            crash_point("requeue.fencing", name)
            fenced = replace(job, token=new_token, name=name, cpus=(), gpus=())
            write_job(own, fenced, Claim(boot, claimed=False), sync=sync)
            crash_point("requeue.fenced", name)
            # Of a job among the ended ones these records show, until it has left, that it
            # is on its way: without them a person would have moved it there.
            if not among_ended:
                archive_attempt(folder, own, job.attempt)
            if action.hold is not None or among_ended:
                write_hold(own, action.hold)
            crash_point("requeue.archived", name)
        finally:
            lock.release()
    if place is not Place.WAITING:
        free = layout.free_name(layout.place(Place.WAITING), name)
        path = layout.move(path, Place.WAITING, free)
        name = free
        crash_point("requeue.moved", name)
    if among_ended:
        # A crash before this leaves a log that the next attempt sets aside, no more.
        with FolderHandle.open(path) as folder, folder.sub(OWN) as own:
            archive_attempt(folder, own, job.attempt)
    crash_point("requeue.done", name)
    return ev.Requeued(job.id, name, action.hold)


def probe(layout: Layout, action: act.Probe) -> ev.Probed | ev.Vanished:
    """Try the lock of a claimed job and read its records under it."""
    job = action.job
    found = layout.find(job.identity, job.name, action.place)
    if found is None:
        return ev.Vanished(job.id)
    place, name = found
    path = layout.path(place, name)
    try:
        with own_folder(path) as own:
            lock = own.lock("lock")
            try:
                records = read_records(path, name, job)
                if lock is not None and records.exit is not None:
                    _make_durable(own)
            finally:
                if lock is not None:
                    lock.release()
    except FileNotFoundError:
        # Its records were taken away: nothing will ever say how it ended.
        return ev.Vanished(job.id)
    found_job = replace(records.job or job, identity=job.identity)
    return ev.Probed(found_job, place, records, locked=lock is None)


def _make_durable(own: FolderHandle) -> None:
    """An end that no supervisor has told: it may have been killed before it synced the record,
    and nobody shall count on what a power cut can take.
    """
    with contextlib.suppress(PermissionError):
        fd = own.append("exit.json")
        try:
            sync_file(fd)
        finally:
            os.close(fd)
        own.sync()

"""The end of a job: history, index, and the move to its last place."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.effects.accept import make_writable
from qm.effects.intents import Intent, remove_intent, void_intents, write_intent
from qm.folders.layout import Layout
from qm.history import History
from qm.index import Index, row_of
from qm.jobdir import own_folder, read_records, set_aside_old, sweep_staged, write_ended
from qm.jobfiles import LOG, OWN, set_aside
from qm.model import PLACE_OF, Job, Place, State
from qm.notify import Notice, notice_of
from qm.osops import FolderHandle, end_carriers, rename_folder, sync_folder, write_all
from qm.records import Claim, encode, job_record

FinishEnd = ev.Moved | ev.Unmovable
_TREE_PATIENCE = 20.0


def _lock() -> AbstractContextManager[object]:
    return threading.Lock()


def _tell_nobody(notices: list[Notice]) -> None:
    """Where nothing is to be told, as in tests."""


@dataclass(frozen=True, slots=True)
class Finisher:
    """Brings ended jobs to their last place."""

    layout: Layout
    history: History
    index: Index
    boot: str
    sync: bool
    left: Callable[[str], None]
    """Called with each name that was moved out of QM_qJobs."""
    tell: Callable[[list[Notice]], None] = _tell_nobody
    """Called with what is to be told of ended jobs, before the history knows of them."""
    ending: AbstractContextManager[object] = field(default_factory=_lock)
    """Held while an end is written into its folder. Who binds a waiting job to others looks for
    an end and writes under it: between the two, an end would be written over."""

    def finish(self, actions: Iterable[act.Finish]) -> list[FinishEnd]:
        """Jobs with an exit record, together: a line each in the history, one commit of the
        index, then the renames. Whoever sees the folder finds the index complete.
        """
        batch = list(actions)
        try:
            self._record([action.job for action in batch])
            crash_point("finish.remembered")
            for action in batch:
                self.index.put(row_of(action.job))
            flush(self.index)
            crash_point("finish.indexed")
        except OSError as error:
            where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
            why = f"{where}{error.strerror or error}"
            return [ev.Unmovable(action.job.id, why) for action in batch]
        ends = [self._move(action.job, action.place, Place.DONE) for action in batch]
        crash_point("finish.moved")
        return ends

    def record_vanished(self, job: Job) -> None:
        """A job whose folder a person took away while it ran: only history and index know."""
        with contextlib.suppress(OSError):
            self._record([job], vanished=True)
        crash_point("finish.vanished", job.name)
        self.index.put(row_of(job, vanished=True))
        # No folder is left from which a row that a crash took could be made again.
        flush(self.index)

    def _record(self, jobs: list[Job], *, vanished: bool = False) -> None:
        """The notices first: once the history knows an end, it is not told again."""
        new = self.history.unknown(self.history.unknown(jobs), vanished=vanished)
        self.tell([notice_of(job, self.layout.path(job.place, job.name)) for job in new])
        crash_point("finish.noticed")
        self.history.append(jobs, vanished=vanished)

    def _move(self, job: Job, first: Place, to: Place, wanted: str | None = None) -> FinishEnd:
        try:
            found = self.layout.find(job.identity, job.name, first)
        except OSError as error:
            return ev.Unmovable(job.id, f"QM cannot look for it: {error.strerror}")
        if found is None:
            self.record_vanished(job)
            return ev.Moved(job.id, job.state, job.name, gone=True)
        place, name = found
        if place is to:
            return ev.Moved(job.id, job.state, name)
        folder = self.layout.place(to)
        while True:
            target = self.layout.free_name(folder, wanted or name)
            if target != job.name:
                self.index.put(row_of(replace(job, name=target)))
                flush(self.index)
            try:
                self.layout.move(self.layout.path(place, name), to, target)
                if place is Place.WAITING:
                    self.left(name)
                return ev.Moved(job.id, job.state, target)
            except FileExistsError:
                continue
            except OSError as error:
                return ev.Unmovable(job.id, f"it cannot be moved to {to.value}: {error.strerror}")

    def close(self, action: act.Close) -> FinishEnd:
        """An end without an exit record: intent, end.json, history, index, move, intent away."""
        job = action.job
        if action.end_tree and job.token:
            end_carriers(job.token, patience=_TREE_PATIENCE)
        intent = self._intent(action)
        if action.replaces is not None:
            forget(self.index, [action.replaces])
        try:
            write_intent(self.layout, intent, sync=self.sync)
            crash_point("close.intended", job.name)
            moved = self.carry_out(intent, job)
            if isinstance(moved, ev.Moved):
                crash_point("close.moved", job.name)
                remove_intent(self.layout, job.id, sync=self.sync)
                crash_point("close.forgotten", job.name)
                with contextlib.suppress(OSError):  # The next start finds that it is void.
                    void_intents(self.layout, [action.replaces], sync=self.sync)
                return replace(moved, request=action.request)
            self._undo(intent, job)
            return moved
        except OSError as error:
            self._undo(intent, job)
            return ev.Unmovable(job.id, f"QM cannot write: {error.strerror}")

    def _undo(self, intent: Intent, job: Job) -> None:
        """An end that could not be carried out now is not to happen behind a later decision.

        But once it stands in the folder, only the intent says that this is no
        job that a person put back to run again.
        """
        if not self._end_stands(intent, job):
            self.index.remove(job.id)
            with contextlib.suppress(OSError):
                remove_intent(self.layout, job.id, sync=self.sync)

    def _end_stands(self, intent: Intent, job: Job) -> bool:
        try:
            found = self.layout.find(job.identity, intent.name, intent.place)
            return found is not None and self._has_end(found, job)
        except OSError:
            return True

    def _intent(self, action: act.Close) -> Intent:
        job = action.job
        return Intent(
            id=job.id,
            identity=job.identity,
            place=action.place,
            name=job.name,
            target=action.target or job.name,
            end=action.end,
            job=job_record(job, Claim(self.boot, claimed=False)),
            log=action.log,
            fresh=action.fresh,
        )

    def carry_out(self, intent: Intent, job: Job) -> FinishEnd:
        """Do, or do again after a crash, what an intent says. OSError on a full disk."""
        found = self.layout.find(job.identity, intent.name, intent.place)
        to = PLACE_OF[intent.end.state]
        told = True
        if found is not None and not (found[0] is to and self._has_end(found, job)):
            with self.ending:
                told = self._write_end(self.layout.path(*found), intent, job)
        self._record([job])
        self.index.put(row_of(job))
        flush(self.index)
        crash_point("close.remembered", job.name)
        moved = self._move(job, intent.place, to, intent.target)
        if self.sync and isinstance(moved, ev.Moved):
            # Durable before the intent goes: a file system may bring the later change to disk,
            # and not the earlier one of another folder.
            sync_folder(self.layout.place(to))
        if isinstance(moved, ev.Moved) and not moved.gone and not told:
            self._tell_beside(moved.name, intent.log)
        return moved

    def _has_end(self, found: tuple[Place, str], job: Job) -> bool:
        """Whether an earlier try came so far; a person may have moved a job here without one."""
        records = read_records(self.layout.path(*found), found[1])
        return records.job is not None and records.job.id == job.id and records.ended

    def _write_end(self, path: str, intent: Intent, job: Job) -> bool:
        """The end in the folder itself; False where QM may not write there."""
        make_writable(path)
        try:
            with FolderHandle.open(path) as folder:
                if intent.fresh and not _has_own_record(folder, job):
                    set_aside_old(folder)
                with folder.sub(OWN, create=True) as own:
                    sweep_staged(own)
                    claim = Claim(self.boot, claimed=False)
                    write_ended(own, job, claim, intent.end, sync=self.sync)
                    crash_point("close.ended", job.name)
                _write_log(folder, intent.log, replace_it=job.state is not State.LOST)
                crash_point("close.logged", job.name)
        except PermissionError:
            return False
        return True

    def _tell_beside(self, name: str, log: str) -> None:
        with FolderHandle.open(self.layout.place(Place.LOST)) as folder:
            folder.write(f"{name}.reason.txt", log.encode("utf-8", "replace"))


def _has_own_record(folder: FolderHandle, job: Job) -> bool:
    """After a crash in the middle: the job's own record is there already."""
    records = read_records(folder.path, job.name)
    return records.job is not None and records.job.id == job.id and records.is_ours


def _write_log(folder: FolderHandle, text: str, *, replace_it: bool) -> None:
    """A lost job's log gets its last line; one that never ran gets a log of its own."""
    if not text:
        return
    data = text.encode("utf-8", "replace")
    if not replace_it and folder.exists(LOG):
        fd = folder.append(LOG)
    else:
        set_aside(folder, LOG)
        fd = folder.create(LOG)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)


def forget(index: Index, jobs: Iterable[int]) -> None:
    """Take the rows of jobs away whose folders are to be other jobs'.

    On disk before the folder has the other one's records: after a crash, the old row would
    speak for the folder, and where a person moved it among the ended ones, nobody would look.
    """
    for job_id in jobs:
        index.remove(job_id)
    flush(index)


def flush(index: Index) -> None:
    """Write the index; a view that cannot be written now is made anew later."""
    with contextlib.suppress(sqlite3.Error):
        index.flush()


def remove_to_trash(layout: Layout, place: Place, name: str, request: str) -> str:
    """Move an ended job's folder to the trash by one rename; returns its name there.

    The request's id is stored with it first: asked twice, it happens once.
    """
    path = layout.path(place, name)
    with own_folder(path, create=True) as own:
        removal = {"request": request, "name": name, "place": place.value}
        sweep_staged(own)
        own.write("removed", encode(removal))
        crash_point("remove.recorded", name)
    target = layout.free_name(layout.trash, name)
    rename_folder(path, os.path.join(layout.trash, target))
    crash_point("remove.moved", name)
    return target

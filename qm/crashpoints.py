"""Crash points: the moments at which a crash could hurt, each with a name. A testing aid.

Between any two steps that a crash may separate stands ``crash_point("claim.renamed")``. It
does nothing unless this process was armed by its environment:

``QM_CRASH_AT``
    ``NAME``, ``NAME:3`` (the third time that this process comes there), or
    ``NAME@TEXT:3`` (only where TEXT is a part of what the point concerns, such as
    the name of a record). The process then ends as by SIGKILL: no handler runs,
    nothing is flushed.
``QM_CRASH_NOTE``
    The path of a file that the dying process writes first. Only one process can make
    it: whoever inherits the variables does not die of them once more.

The tests walk through :data:`POINTS`. Imports next to nothing: a supervisor imports it.
"""

from __future__ import annotations

import os
from itertools import count

VARIABLE = "QM_CRASH_AT"
NOTE_VARIABLE = "QM_CRASH_NOTE"
_SIGKILL = 9
"""On Windows, where no signals are, os.kill takes it as TerminateProcess's exit code."""

POINTS = {
    "record.staged": "A record is complete under a dot-name; its name still has the old one.",
    "record.filled": "An exit record stands in the file that was reserved for it, nameless yet.",
    "state.saved": "The next free id is on disk, and no job has the ids before it yet.",
    "accept.set_aside": "What a drop brought along has other names now; it has no record yet.",
    "accept.held": "The hold mark of a drop is there, its record is not.",
    "accept.recorded": "A drop has its record, and the core does not know.",
    "bind.recorded": "A waiting job is bound to the jobs before it, and nothing else happened.",
    "claim.looked": "A job was found unchanged; it still lies in QM_qJobs.",
    "claim.renamed": "It lies in QM_Jobs; its record says that nobody has claimed it.",
    "claim.looked_again": "It was found unchanged after the move, and is not recorded yet.",
    "claim.recorded": "Its record says that it is claimed; the two folders are not synced.",
    "claim.synced": "All of its claim is on disk, and the core does not know.",
    "start.chosen": "A supervisor is to have the claimed job and has not been told.",
    "start.sent": "A supervisor was told its job; whether it has begun is not known.",
    "supervisor.told": "The supervisor knows its job and has touched nothing.",
    "supervisor.locked": "It holds the job's lock; the job is its to run.",
    "supervisor.log_opened": "The first line of process.log is there.",
    "supervisor.reserved": "The space for the exit record is there.",
    "supervisor.start_recorded": "The start record is there; the script does not run yet.",
    "supervisor.script_started": "The script runs.",
    "supervisor.script_ended": "The script and all its processes are gone; nothing says so.",
    "supervisor.footer_written": "The last line of process.log is there; there is no exit record.",
    "supervisor.exit_recorded": "The exit record is there, and the lock is still held.",
    "supervisor.lock_freed": "The lock is free; the manager has not been told.",
    "finish.noticed": "The notice of an end lies in the spool; the history has no line.",
    "finish.remembered": "The history has the line of an end; the index does not know it.",
    "finish.indexed": "The index shows the end; the folder lies in QM_Jobs.",
    "finish.moved": "The folder lies in its last place; the core does not know.",
    "finish.vanished": "The history has the line of a job that was taken away; no row yet.",
    "close.intended": "The intent of an end is there; the folder knows nothing.",
    "close.recorded": "The folder has its job's record, and no end record.",
    "close.ended": "The folder has its end record; its log does not tell.",
    "close.logged": "The log tells the end; the history has no line.",
    "close.remembered": "History and index have the end; the folder is not moved.",
    "close.moved": "The folder lies in QM_lost+found; the intent is still there.",
    "close.forgotten": "The intent is gone; the core does not know.",
    "requeue.unlisted": "An ended job that is to run again has no row in the index any more.",
    "requeue.remembered": "The history has the failed attempt that is to be tried again.",
    "requeue.fencing": "The lock of a job that is taken back is held by the manager.",
    "requeue.fenced": "Its record has a new token; the old attempt's records lie there.",
    "requeue.archived": "The old attempt is put away; the folder is where it was.",
    "requeue.moved": "The folder lies in QM_qJobs; of a job that had ended, so does its end.",
    "requeue.done": "It waits again, and the core does not know.",
    "archive.records_moved": "The records of an attempt are put away; its log is not.",
    "mark.held": "The hold mark was set or taken away, and the core does not know.",
    "mark.killed": "The mark to end is there; the supervisor has not been told.",
    "mark.paused": "The mark to stand still was set or taken away; nobody was told.",
    "request.read": "A request was read; nothing has come of it.",
    "request.done": "What was asked has happened; there is no answer.",
    "request.answered": "The answer is there, beside the request.",
    "request.removed": "The answer is there, the request is gone.",
    "remove.recorded": "A job that is removed says so; its folder lies where it was.",
    "remove.moved": "It lies in the trash; the index shows it where it was.",
    "restore.moved": "It is back out of the trash; its records still say that it was removed.",
    "restore.forgotten": "It is back, nothing says that it was removed, and it has no row.",
    "redrop.moved": "A refused job lies in QM_qJobs again; nobody was answered.",
    "client.asked": "A request is there; whoever asked dies before the answer.",
    "client.answer_read": "Whoever asked has read the answer; its file is still there.",
    "notice.written": "A notice lies in the spool; nobody delivers it yet.",
    "notice.delivered": "A notice has arrived; the spool still has it.",
    "notice.removed": "It is out of the spool; the events do not tell of it.",
    "index.writing": "A transaction of the index is written, and not committed.",
    "index.committed": "It is committed.",
    "index.removed": "The index was deleted, to be made anew.",
    "index.begun": "The new index has the vanished jobs, and no others.",
    "recovery.swept": "What a crash left half-written is gone; nothing else was recovered.",
    "recovery.cleared": "The index shows no job that has not ended.",
    "recovery.intent_read": "An intent of the earlier manager was read; nothing was done.",
    "recovery.intent_done": "What it says was done again; it is still there.",
    "recovery.intents_done": "All intents are done; the claimed jobs were not looked at.",
    "recovery.probed": "A claimed job was looked at; nothing was decided.",
    "stop.put_back": "A manager that ends has put back a claimed job, and perhaps not all.",
}
"""Each point, and what is on disk when a process comes there."""


class _Armed:
    """The one point at which this process is to die."""

    __slots__ = ("_comes", "_detail", "_name", "_note", "_nth")

    def __init__(self, name: str, detail: str, nth: int, note: str | None) -> None:
        self._name = name
        self._detail = detail
        self._nth = nth
        self._note = note
        self._comes = count(1)

    def reach(self, name: str, concerned: str) -> None:
        """Die where this is the point, for the wanted time."""
        if name == self._name and self._detail in concerned and next(self._comes) == self._nth:
            if self._note is not None:
                try:
                    fd = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
                except FileExistsError:
                    return
                os.write(fd, f"{os.getpid()} {name} {concerned}\n".encode("utf-8", "replace"))
                os.close(fd)
            os.kill(os.getpid(), _SIGKILL)  # noqa: TID251 its own pid, on both systems


_armed: list[_Armed] = []
"""At most one; a list, because a function may add to it."""


def crash_point(name: str, concerned: str = "") -> None:
    """End this process here, if it was armed for it; ``concerned`` tells like moments apart."""
    if _armed:
        _armed[0].reach(name, concerned)


def arm(*, inherited: bool = False) -> None:
    """Read the environment, once, at the start of a process.

    ``inherited``: leave the variables to the processes that this one starts.
    ValueError for a name that no point has: a test of nothing would pass.
    """
    wish, note = os.environ.get(VARIABLE), os.environ.get(NOTE_VARIABLE)
    if not inherited:
        os.environ.pop(VARIABLE, None)
        os.environ.pop(NOTE_VARIABLE, None)
    if wish is None:
        return
    place, _, nth = wish.partition(":")
    name, _, detail = place.partition("@")
    if name not in POINTS:
        raise ValueError(f"{VARIABLE}: there is no crash point {name!r}")
    _armed[:] = [_Armed(name, detail, int(nth or 1), note)]

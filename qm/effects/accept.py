"""The first record of a job: what a drop brought along steps aside first."""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.effects.intents import void_intents
from qm.faults import fault_of
from qm.folders.layout import Layout
from qm.jobdir import read_hold, records_of, set_aside_old, write_hold, write_job
from qm.model import Job, Place, Reason
from qm.names import shown
from qm.osops import FolderHandle
from qm.osops.owner import owner_name
from qm.records import Claim

log = logging.getLogger("qm.effects")


def accept(
    layout: Layout, action: act.Accept, boot: str, *, sync: bool
) -> ev.Accepted | ev.NotAccepted:
    """Write ``job.json`` into the folder in QM_qJobs, and the hold mark where asked.

    The first record of a job is not synced, for without it the folder is the same
    drop again. One with tries or changes to lose is, with ``sync``.
    """
    job = action.job
    path = layout.path(Place.WAITING, job.name)
    try:
        return _accept(layout, path, action, boot, sync=sync)
    except FileNotFoundError:
        return ev.NotAccepted(job.id, True, Reason("Gone", "its folder was taken away"))
    except OSError as error:
        why = error
    if isinstance(why, PermissionError) and make_writable(path):
        try:
            return _accept(layout, path, action, boot, sync=sync)
        except OSError as error:
            why = error
    return ev.NotAccepted(job.id, False, cannot_write(why, layout.root, path))


def _accept(
    layout: Layout, path: str, action: act.Accept, boot: str, *, sync: bool
) -> ev.Accepted | ev.NotAccepted:
    job = action.job
    with FolderHandle.open(path) as folder:
        if not folder.identity().same_folder(job.identity):
            return ev.NotAccepted(job.id, True, Reason("Gone", "another folder took its name"))
        if action.fresh:
            _tell_of_damage(folder, job)
            set_aside_old(folder)
            crash_point("accept.set_aside", job.name)
        with folder.sub(".qm", create=True) as own:
            if action.hold is not None:
                write_hold(own, action.hold)
                crash_point("accept.held", job.name)
            write_job(own, job, Claim(boot, claimed=False), sync=sync and _has_past(job))
            crash_point("accept.recorded", job.name)
            void_intents(layout, (job.id, action.replaces), sync=sync)
            return ev.Accepted(job.id, action.hold or (None if action.fresh else read_hold(own)))


def _has_past(job: Job) -> bool:
    """Whether its record says what its info file does not."""
    return job.attempt > 0 or bool(job.changes)


def _tell_of_damage(folder: FolderHandle, job: Job) -> None:
    """A job of ours may have lost its id: whoever looks for it is to find it again."""
    if "job.json" in records_of(folder, job.name).damaged:
        log.warning(
            "job %d (%s) is a new one: its job.json could not be understood;"
            " what lay in .qm is kept beside it",
            job.id,
            shown(job.name),
        )


def record(layout: Layout, job: Job, boot: str, *, sync: bool) -> None:
    """Write the record of a waiting job again, bound to other jobs, where it still lies there
    and says nothing else: it may be on its way out, or have been changed. OSError otherwise.
    """
    with FolderHandle.open(layout.path(Place.WAITING, job.name)) as folder:
        there = records_of(folder, job.name)
        if there.job is None or not there.is_ours or there.ended:
            return
        known = replace(there.job, state=job.state, reason=job.reason, depends=job.depends)
        if replace(known, token=job.token, identity=job.identity) == job:
            with folder.sub(".qm") as own:
                write_job(own, job, Claim(boot, claimed=False), sync=sync and _has_past(job))
                crash_point("bind.recorded", job.name)


def make_writable(path: str) -> bool:
    """Give the owner the right to write into a folder copied from a read-only place.

    True if that was missing and is there now.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IWUSR:
            return False
        os.chmod(path, stat.S_IMODE(status.st_mode) | stat.S_IWUSR | stat.S_IXUSR)
    except OSError:
        return False
    return True


def cannot_write(error: OSError, root: str, path: str = "") -> Reason:
    """Why the drop at ``path`` is not accepted yet, with its owner's name where that may help."""
    fault = fault_of(error, root)
    if fault is not None:
        return fault
    text = f"QM may not write into the folder: {error.strerror}"
    try:
        owner = owner_name(os.lstat(path))
    except OSError:
        owner = ""
    return Reason("Stuck", f"{text} (it belongs to {owner})" if owner else text)

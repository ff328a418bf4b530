"""What an earlier manager left: ends that were decided, jobs that were claimed."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace

from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import crash_point
from qm.effects.claim import probe, take_back
from qm.effects.finish import Finisher
from qm.effects.intents import Intent, read_intents, remove_intent
from qm.folders.layout import Layout
from qm.jobdir import Records, own_folder, read_records, sweep_staged
from qm.model import Job, Place, State
from qm.names import shown
from qm.records import job_from_record

log = logging.getLogger("qm")


class Recovery:
    """Brings to an end what a crash or a stop has left halfway."""

    def __init__(self, layout: Layout, finisher: Finisher, boot: str, *, sync: bool) -> None:
        self._layout = layout
        self._finisher = finisher
        self._boot = boot
        self._sync = sync

    def replay_intents(self) -> list[int]:
        """Finish the ends that were decided; returns their ids."""
        intents, damaged = read_intents(self._layout)
        for name in damaged:
            log.error("the intent %s is damaged and was left alone", name)
        for intent in intents:
            try:
                self._replay(intent)
            except OSError as error:
                log.error("the end of job %d cannot be finished: %s", intent.id, error)
        return [intent.id for intent in intents]

    def _replay(self, intent: Intent) -> None:
        crash_point("recovery.intent_read", intent.name)
        job, _ = job_from_record({"format": 1, **intent.job}, intent.name)
        job = _ended(job, intent)
        if self._is_void(intent, job):
            remove_intent(self._layout, intent.id, sync=self._finisher.sync)
            return
        done = self._finisher.carry_out(intent, job)
        if isinstance(done, ev.Moved):
            crash_point("recovery.intent_done", intent.name)
            remove_intent(self._layout, intent.id, sync=self._finisher.sync)
            log.info("job %d (%s): its end was finished", intent.id, shown(intent.name))

    def _is_void(self, intent: Intent, job: Job) -> bool:
        """Whether the folder is another job's by now, or this one's that has run since."""
        found = self._layout.find(job.identity, intent.name, intent.place)
        if found is None:
            return False
        records = read_records(self._layout.path(*found), found[1])
        if records.job is None or not records.is_ours:
            return False
        return records.job.id != intent.id or records.exit is not None

    def probe_claimed(self, *, moved: bool) -> Iterator[ev.Probed | ev.Vanished]:
        """The locks and records of everything in QM_Jobs; ``moved``: QM_FOLDER was restored."""
        folder = self._layout.place(Place.RUNNING)
        for name in sorted(os.listdir(folder)):
            if name.startswith("."):
                continue
            path = os.path.join(folder, name)
            try:
                records = read_records(path, name)
            except OSError as error:
                log.warning("%s in QM_Jobs cannot be read: %s", shown(name), error)
                continue
            if records.job is None or not (records.is_ours or moved):
                log.warning("%s in QM_Jobs %s: left alone", shown(name), _not_ours(records))
                continue
            job = replace(records.job, identity=records.identity)
            with contextlib.suppress(OSError), own_folder(path) as own:
                sweep_staged(own)
            try:
                found = probe(self._layout, act.Probe(job, Place.RUNNING))
            except OSError as error:
                log.error("job %d (%s) cannot be looked at: %s", job.id, shown(name), error)
                continue
            crash_point("recovery.probed", name)
            yield found

    def put_back(self, job: Job) -> None:
        """Claimed, and given to nobody: it waits in QM_qJobs while no manager runs."""
        action = act.Requeue(replace(job, state=State.QUEUED), Place.RUNNING)
        try:
            token = secrets.token_hex(16)
            take_back(self._layout, action, self._boot, token, sync=self._sync)
            crash_point("stop.put_back", job.name)
        except OSError as error:
            log.warning("job %d is put back by the next manager: %s", job.id, error)


def _not_ours(records: Records) -> str:
    if records.damaged:
        return f"cannot be followed, for its {', '.join(records.damaged)} cannot be understood"
    return "is not a job of this QM"


def _ended(job: Job, intent: Intent) -> Job:
    """The job as its intent says that it ended."""
    outcome = intent.end.outcome
    return replace(
        job,
        state=intent.end.state,
        reason=outcome.reason,
        started=outcome.started,
        outcome=outcome,
    )

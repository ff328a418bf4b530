"""Bugs to plant in QM: each leaves one thing out, or does two in the wrong order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qm.core import actions as act
from qm.core import events as ev
from qm.effects.claim import probe
from qm.effects.intents import write_intent
from qm.history import History
from qm.jobdir import write_job
from qm.osops import FolderHandle
from qm.policy import Evidence, Reading, read_evidence
from qm.recovery import Recovery
from qm.statefile import SavedState, StateFile

Patch = pytest.MonkeyPatch


def _nothing(*arguments: object, **options: object) -> None:
    """It is left out."""


def the_claim_is_not_synced(patch: Patch) -> None:
    def unsynced(own: FolderHandle, job: Any, claim: Any, *, sync: bool = False) -> None:
        write_job(own, job, claim, sync=False)

    patch.setattr("qm.effects.claim.write_job", unsynced)


def the_exit_record_is_not_synced(patch: Patch) -> None:
    write = FolderHandle.write_reserved

    def unsynced(self: FolderHandle, reserved: str, name: str, data: bytes, *, sync: bool) -> None:
        write(self, reserved, name, data, sync=False)

    patch.setattr(FolderHandle, "write_reserved", unsynced)


def the_intent_is_not_synced(patch: Patch) -> None:
    patch.setattr(
        "qm.effects.finish.write_intent",
        lambda layout, intent, *, sync: write_intent(layout, intent, sync=False),
    )


def there_is_no_intent(patch: Patch) -> None:
    patch.setattr("qm.effects.finish.write_intent", _nothing)


def intents_are_not_replayed(patch: Patch) -> None:
    patch.setattr(Recovery, "replay_intents", lambda self: [])


def the_history_forgets_what_it_told(patch: Patch) -> None:
    patch.setattr(History, "_unknown", lambda self, jobs, vanished: jobs)


def the_lock_is_not_looked_at(patch: Patch) -> None:
    def blind(layout: Any, action: act.Probe) -> Any:
        found = probe(layout, action)
        return replace(found, locked=False) if isinstance(found, ev.Probed) else found

    patch.setattr("qm.reactor.effects.probe", blind)
    patch.setattr("qm.recovery.probe", blind)


def the_boot_does_not_count(patch: Patch) -> None:
    def read(facts: Evidence) -> Reading:
        if not facts.has_start:
            facts = replace(facts, claim_boot=facts.boot)
        return read_evidence(facts)

    patch.setattr("qm.core.probing.read_evidence", read)


def ids_are_not_kept(patch: Patch) -> None:
    patch.setattr(StateFile, "save", _nothing)


def the_reserved_block_of_ids_does_not_count(patch: Patch) -> None:
    patch.setattr(SavedState, "first_free", lambda self, boot: self.next_id)


def what_a_copy_brings_along_stays(patch: Patch) -> None:
    patch.setattr("qm.effects.accept.set_aside_old", _nothing)


def the_supervisor_takes_no_lock(patch: Patch) -> None:
    class Dummy:
        def release(self) -> None:
            """Nothing was held."""

    patch.setattr("qm.supervisor.run.JobRun._take_lock", lambda self, records: Dummy())


MUTATIONS: tuple[Callable[[Patch], None], ...] = (
    the_claim_is_not_synced,
    the_exit_record_is_not_synced,
    the_intent_is_not_synced,
    there_is_no_intent,
    intents_are_not_replayed,
    the_history_forgets_what_it_told,
    the_lock_is_not_looked_at,
    the_boot_does_not_count,
    ids_are_not_kept,
    the_reserved_block_of_ids_does_not_count,
    what_a_copy_brings_along_stays,
    the_supervisor_takes_no_lock,
)

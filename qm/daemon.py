"""The manager: puts the parts together, recovers what an earlier one left, runs until told."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from qm.config import Config
from qm.core import Core, Settings
from qm.core import actions as act
from qm.core import events as ev
from qm.drops import Rules
from qm.effects.claim import Claimer, probe, take_back
from qm.effects.finish import Finisher
from qm.effects.intents import Intent, read_intents, remove_intent
from qm.effects.listing import Lister
from qm.effects.reconcile import Librarian
from qm.errors import QMError
from qm.folders.inspect import Inspector
from qm.folders.layout import Layout
from qm.folders.selftest import SelfTest, self_test
from qm.history import History
from qm.index import Index
from qm.jobdir import read_records
from qm.model import Job, Place, State
from qm.names import shown
from qm.osops import FolderHandle, boot_id
from qm.osops.limits import raise_file_limit
from qm.osops.scanning import FsClock
from qm.policy import Capacity
from qm.reactor.answering import ControlWork, RequestReader
from qm.reactor.effects import DropWork, LeaveWork, TurnWork
from qm.reactor.lane import Lane
from qm.reactor.looking import IndexKeeper, QueueWatcher
from qm.reactor.reactor import Inbox, Reactor, Workers
from qm.records import RecordError, job_from_record
from qm.resources import limits_of
from qm.shims import make_python_shim
from qm.statefile import SavedState, StateFile
from qm.systems.local import LocalSystem, Site
from qm.webprocess import WebProcess

log = logging.getLogger("qm")

_LOCK_PATIENCE = 2.0
_STOP_PATIENCE = 20.0


def serve(config: Config, *, web: bool) -> int:
    """Be the manager of ``config.folder`` until SIGINT or SIGTERM; returns the exit code.

    QMError where another manager has the folder, or it cannot be used.
    """
    logging.basicConfig(
        level=logging.DEBUG if config.debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    raise_file_limit()
    layout = Layout(str(config.folder))
    try:
        layout.create()
    except OSError as error:
        raise QMError(
            f"QM cannot make its folders in {layout.root}: {error.strerror}",
            "Choose another folder with --folder, or QM_FOLDER in QMserv.cfg.",
        ) from error
    with _one_manager(layout):
        layout.sweep()
        tested = self_test(layout)
        for finding in tested.findings:
            log.warning("%s", finding)
        return Manager(config, layout, tested).run(web=web)


@contextlib.contextmanager
def _one_manager(layout: Layout) -> Iterator[None]:
    """Hold the manager's lock. Somebody who only looks may hold it for a moment."""
    until = time.monotonic() + _LOCK_PATIENCE
    with FolderHandle.open(layout.own) as own:
        while (lock := own.lock("manager.lock")) is None:
            if time.monotonic() > until:
                holder = (own.read("manager.lock", 4096) or b"").decode("utf-8", "replace")
                raise QMError(
                    f"a manager runs on {layout.root} already: {holder.strip()}",
                    "One manager serves one folder; `qm status` tells about it.",
                )
            time.sleep(0.02)
    try:
        lock.write(f"host {socket.gethostname()}, process {os.getpid()}\n")
        yield
    finally:
        lock.release()


class Manager:
    """One run of the manager."""

    def __init__(self, config: Config, layout: Layout, tested: SelfTest) -> None:
        self._config = config
        self._layout = layout
        self._tested = tested
        self._boot = boot_id()
        self._host = socket.gethostname()
        self._inbox = Inbox()
        self._state_file = StateFile(layout.own, self._boot, sync=config.sync)
        self._index = Index(layout.index_file)
        self._history = History(layout.history_file)
        self._clock = FsClock(os.path.join(layout.own, "clock"))
        self._inspector = Inspector(layout, limits_of(config), self._clock)
        self._lister = Lister(layout)
        self._finisher = Finisher(
            layout, self._history, self._index, self._boot, config.sync, self._lister.forget
        )
        self._capacity = Capacity(config.max_nb_processors, config.blocking)
        self._system = LocalSystem(self._site(), self._slots(), self._inbox.post)

    def _site(self) -> Site:
        return Site(
            running=self._layout.place(Place.RUNNING),
            shims=self._layout.shims,
            host=self._host,
            boot=self._boot,
            kill_grace=self._config.kill_grace,
            sync=self._config.sync,
        )

    def _slots(self) -> int:
        return 1 if self._config.blocking else self._config.max_nb_processors

    def run(self, *, web: bool) -> int:
        """Recover, serve, and leave the running jobs to their supervisors."""
        saved = self._load_state()
        fresh_index = self._index.open()
        if not fresh_index:
            self._index.clear_open()
        self._tell_about_us()
        make_python_shim(self._layout.shims)
        self._system.warm_up()
        moved = saved.root is not None and not self._is_same_root(saved)
        intents = self._replay_intents()
        core = self._core(saved, moved, first_id=max(intents, default=0) + 1)
        workers = self._workers()
        reactor = Reactor(core, self._inbox, workers, self._system, self._index)
        stop = self._stop_on_signals()
        self._probe_claimed(moved)
        for event in self._lister.look():
            self._inbox.post(event)
        self._inbox.post(ev.Listed())
        for lane in workers.all():
            lane.start()
        with self._lookers(rebuild=fresh_index, adopt=moved), self._web(web):
            log.info("QM serves %s", self._layout.root)
            reactor.run()
        log.info("QM stops (%s); running jobs go on", stop[0] if stop else "told to")
        self._shut_down(workers)
        return 0

    def _load_state(self) -> SavedState:
        try:
            return self._state_file.load()
        except RecordError as error:
            raise QMError(
                f"{self._layout.state_file} cannot be understood: {error}",
                "It holds the next job id. Move it away to let QM count on from the jobs it finds.",
            ) from error

    def _is_same_root(self, saved: SavedState) -> bool:
        with FolderHandle.open(self._layout.own) as own:
            return saved.root is not None and saved.root.same_folder(own.identity())

    def _core(self, saved: SavedState, moved: bool, *, first_id: int) -> Core:
        settings = Settings(
            capacity=self._capacity,
            boot=self._boot,
            host=self._host,
            rules=Rules(
                settle=self._config.settle,
                refuse_after=self._config.refuse_after,
                empty_after=self._config.empty_after,
                trust_ctime=self._tested.trust_ctime,
            ),
            kill_grace=self._config.kill_grace,
            adopt_records=moved,
        )
        next_id = max(saved.first_free(self._boot), first_id)
        return Core(settings, lambda: secrets.token_hex(16), next_id=next_id)

    def _tell_about_us(self) -> None:
        capacity = {"processors": self._capacity.processors, "blocking": self._capacity.blocking}
        self._index.put_fact("capacity", json.dumps(capacity))
        manager = {"host": self._host, "pid": os.getpid(), "started": time.time()}
        self._index.put_fact("manager", json.dumps(manager))
        self._index.put_fact("obstacle", "Starting: QM has just started")

    def _replay_intents(self) -> list[int]:
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
        job, _ = job_from_record({"format": 1, **intent.job}, intent.name)
        job = _ended(job, intent)
        if self._is_void(intent, job):
            remove_intent(self._layout, intent.id)
            return
        done = self._finisher.carry_out(intent, job)
        if isinstance(done, ev.Moved):
            remove_intent(self._layout, intent.id)
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

    def _probe_claimed(self, moved: bool) -> None:
        """Read the locks and records of everything in QM_Jobs."""
        folder = self._layout.place(Place.RUNNING)
        for name in sorted(os.listdir(folder)):
            if name.startswith("."):
                continue
            try:
                records = read_records(os.path.join(folder, name), name)
            except OSError as error:
                log.warning("%s in QM_Jobs cannot be read: %s", shown(name), error)
                continue
            if records.job is None or not (records.is_ours or moved):
                log.warning("%s in QM_Jobs is not a job of this QM: left alone", shown(name))
                continue
            job = replace(records.job, identity=records.identity)
            self._inbox.post(probe(self._layout, act.Probe(job, Place.RUNNING)))

    def _workers(self) -> Workers:
        config, layout, post = self._config, self._layout, self._inbox.post
        drops = DropWork(layout, self._inspector, self._state_file, self._boot)
        claimer = Claimer(
            layout,
            self._inspector,
            self._boot,
            self._lister.forget,
            settle=config.settle,
            sync=config.sync,
        )
        turns = TurnWork(layout, claimer, self._finisher, self._system)
        leaves = LeaveWork(layout, self._finisher, self._boot, sync=config.sync)
        control = ControlWork(layout, self._index)
        return Workers(
            drops=Lane("drops", drops, drops.failed, post),
            turns=Lane("turns", turns, turns.failed, post),
            leaves=Lane("leaves", leaves, leaves.failed, post),
            control=Lane("control", control, control.failed, post),
        )

    def _stop_on_signals(self) -> list[str]:
        """Let SIGINT and SIGTERM end the reactor; the list holds the signal's name then."""
        told: list[str] = []

        def stop(number: int, frame: object) -> None:
            told.append(signal.Signals(number).name)
            self._inbox.stop()

        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
                if hasattr(signal, name):
                    signal.signal(getattr(signal, name), stop)
        return told

    @contextlib.contextmanager
    def _lookers(self, *, rebuild: bool, adopt: bool) -> Iterator[None]:
        config, layout, post = self._config, self._layout, self._inbox.post
        poll = max(config.poll, 1.0) if self._tested.network else config.poll
        requests = RequestReader(layout.requests, config.poll, post)
        queue = QueueWatcher(self._lister, layout.place(Place.WAITING), poll, config.rescan, post)
        librarian = Librarian(
            layout,
            self._index,
            lambda job, place: post(ev.Strayed(job, place)),
            adopt=adopt,
        )
        keeper = IndexKeeper(self._index, librarian, config.rescan, post, rebuild=rebuild)
        watches = [queue.watch, requests.watch] if config.watch and not self._tested.network else []
        for watch in watches:
            watch.start()
        threads = (queue, requests, keeper)
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.stop()
            for watch in watches:
                watch.stop()
            for thread in threads:
                thread.join(5.0)

    @contextlib.contextmanager
    def _web(self, wanted: bool) -> Iterator[None]:
        if not wanted:
            yield
            return
        page = WebProcess(self._config)
        page.start()
        try:
            yield
        finally:
            page.stop()

    def _shut_down(self, workers: Workers) -> None:
        """Finish what is under way, so that the next start has nothing to mend."""
        until = time.monotonic() + _STOP_PATIENCE
        for lane in workers.all():
            lane.stop(max(0.1, until - time.monotonic()))
        claimed = [event.job for event in self._inbox.rest() if isinstance(event, ev.Claimed)]
        for job in [*claimed, *self._system.close()]:
            self._put_back(job)
        self._index.put_fact("manager", "")
        self._index.close()
        self._clock.close()

    def _put_back(self, job: Job) -> None:
        """Claimed, and given to nobody: it waits in QM_qJobs while no manager runs."""
        action = act.Requeue(replace(job, state=State.QUEUED), Place.RUNNING)
        try:
            token = secrets.token_hex(16)
            take_back(self._layout, action, self._boot, token, sync=self._config.sync)
        except OSError as error:
            log.warning("job %d is put back by the next manager: %s", job.id, error)


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

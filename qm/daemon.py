"""The manager: puts the parts together, recovers what an earlier one left, runs until told."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from qm.config import Config
from qm.control.managerlock import one_manager
from qm.core import Core, Settings
from qm.core import actions as act
from qm.core import events as ev
from qm.crashpoints import arm, crash_point
from qm.effects.claim import Claimer
from qm.effects.finish import Finisher
from qm.effects.listing import Lister
from qm.effects.reconcile import VERIFIED, Librarian
from qm.errors import QMError
from qm.folders.inspect import Inspector
from qm.folders.layout import Layout
from qm.folders.selftest import SelfTest, self_test
from qm.history import History
from qm.index import Index
from qm.logfile import current_log_file, set_debug
from qm.model import PLACE_OF, Place
from qm.notify import Notice, Notifier, brake_notice
from qm.osops import FolderHandle, boot_id
from qm.osops.limits import raise_file_limit
from qm.osops.scanning import FsClock
from qm.reactor.answering import ControlWork, RequestReader
from qm.reactor.effects import DropWork, LeaveWork, TurnWork
from qm.reactor.lane import Lane
from qm.reactor.looking import IndexKeeper, QueueWatcher
from qm.reactor.reactor import Inbox, Reactor, Workers, capacity_text
from qm.reconfigure import differences, settings_of
from qm.records import RecordError
from qm.recovery import Recovery
from qm.resources import limits_of
from qm.shims import make_python_shim
from qm.statefile import SavedState, StateFile
from qm.systems.local import LocalSystem, Site
from qm.webprocess import WebProcess

log = logging.getLogger("qm")

_STOP_PATIENCE = 20.0
_NOTIFIER_PATIENCE = 2.0
"""Seconds for a notice that is being delivered; it is delivered again after the next start."""


def serve(
    config: Config,
    *,
    web: bool,
    idle_exit: float | None = None,
    reread: Callable[[], Config] | None = None,
) -> int:
    """Be the manager of ``config.folder`` until SIGINT or SIGTERM; returns the exit code.

    ``idle_exit``: seconds without any job after which it ends, in place of what
    the configuration says. ``reread`` reads the configuration again; without
    it, that is refused. QMError where another manager has the folder, or it
    cannot be used.
    """
    arm(inherited=True)
    raise_file_limit()
    layout = Layout(str(config.folder))
    try:
        layout.create()
    except OSError as error:
        raise QMError(
            f"QM cannot make its folders in {layout.root}: {error.strerror}",
            "Choose another folder with --folder, or QM_FOLDER in QMserv.cfg.",
        ) from error
    with one_manager(layout, socket.gethostname()):
        layout.sweep()
        crash_point("recovery.swept")
        tested = self_test(layout)
        for finding in tested.findings:
            log.warning("%s", finding)
        manager = Manager(config, layout, tested, reread)
        return manager.run(web=web, idle_exit=config.idle_exit if idle_exit is None else idle_exit)


class Manager:
    """One run of the manager."""

    def __init__(
        self,
        config: Config,
        layout: Layout,
        tested: SelfTest,
        reread: Callable[[], Config] | None = None,
    ) -> None:
        self._config = config
        self._reread = reread
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
        self._notifier = Notifier(config, layout.notices, layout.events_file, self._locate)
        self._finisher = Finisher(
            layout,
            self._history,
            self._index,
            self._boot,
            config.sync,
            self._lister.forget,
            self._notifier.tell,
        )
        self._recovery = Recovery(layout, self._finisher, self._boot, sync=config.sync)
        self._system = LocalSystem(self._site(), self._slots(), self._inbox.post)

    def _locate(self, notice: Notice) -> str | None:
        try:
            found = self._layout.find(notice.identity, notice.name, PLACE_OF[notice.state])
        except OSError:
            return None
        return None if found is None else self._layout.path(*found)

    def _site(self) -> Site:
        return Site(
            running=self._layout.place(Place.RUNNING),
            shims=self._layout.shims,
            host=self._host,
            boot=self._boot,
            kill_grace=self._config.kill_grace,
            sync=self._config.sync,
            nice=self._config.nice,
            enforce=self._config.enforce,
            gpus=self._inspector.limits.gpus,
        )

    def _slots(self) -> int:
        return 1 if self._config.blocking else self._config.max_nb_processors

    def run(self, *, web: bool, idle_exit: float | None = None) -> int:
        """Recover, serve, and leave the running jobs to their supervisors."""
        saved = self._load_state()
        fresh_index = self._index.open()
        if not fresh_index:
            self._index.clear_open()
            crash_point("recovery.cleared")
        make_python_shim(self._layout.shims)
        self._system.warm_up()
        self._notifier.start()
        moved = saved.root is not None and not self._is_same_root(saved)
        intents = self._recovery.replay_intents()
        crash_point("recovery.intents_done")
        # A refusal may have been recorded before its id was.
        told = max(self._history.highest_id, *intents, 0)
        core = self._core(saved, moved, first_id=told + 1)
        self._tell_about_us(core, web=web, idle_exit=idle_exit)
        workers = self._workers_of = self._workers()
        reactor = Reactor(
            core,
            self._inbox,
            workers,
            self._system,
            self._index,
            reload=self._reload,
            tell_brake=self._tell_brake,
            idle_exit=idle_exit,
        )
        stop = self._stop_on_signals()
        for found in self._recovery.probe_claimed(moved=moved):
            self._inbox.post(found)
        for event in self._lister.look():
            self._inbox.post(event)
        self._inbox.post(ev.Listed())
        for lane in workers.all():
            lane.start()
        doubt = saved.boot != self._boot
        with self._lookers(rebuild=fresh_index, adopt=moved, doubt=doubt), self._web(web):
            log.info("QM serves %s", self._layout.root)
            reactor.run()
        log.info("QM stops (%s)%s", stop[0] if stop else "told to", core.going_on())
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
        settings = self._settings(self._config, adopt_records=moved)
        next_id = max(saved.first_free(self._boot), first_id)
        try:
            self._state_file.save(next_id)  # So that a block is reserved before an id is used.
        except OSError as error:
            log.warning("state.json cannot be written: %s", error.strerror)
        return Core(
            settings,
            lambda: secrets.token_hex(16),
            next_id=next_id,
            steering=saved.steering,
        )

    def _settings(self, config: Config, *, adopt_records: bool = False) -> Settings:
        return settings_of(
            config,
            boot=self._boot,
            host=self._host,
            trust_ctime=self._tested.trust_ctime,
            adopt_records=adopt_records,
        )

    def _reload(self, action: act.Reload) -> None:
        """Read the configuration again; one that is wrong changes nothing."""
        try:
            if self._reread is None:
                raise QMError("this QM was started without a configuration to read again")
            new = self._reread()
        except QMError as error:
            self._workers_of.control.put(
                act.Answer(action.request, False, {"error": error.message, "hint": error.hint})
            )
            return
        changed = differences(self._config, new)
        later = [one.name for one in changed if one.restart]
        for one in changed:
            log.info("%s is %s now; it was %s", one.name, one.new, one.old)
        self._config = replace(new, folder=self._config.folder)
        settings = self._settings(self._config)
        self._inspector.limits = settings.limits
        self._system.adapt(self._site())
        self._notifier.reconfigure(self._config)
        set_debug(self._config.debug)
        self._inbox.post(ev.Reconfigured(settings))
        answer = act.Answer(
            action.request, True, {"changed": [one.as_json() for one in changed], "restart": later}
        )
        self._workers_of.control.put(answer)

    def _tell_brake(self, action: act.TellBrake) -> None:
        log.warning("%s; held: %s", action.reason.text, ", ".join(map(str, action.held)) or "none")
        folder = self._layout.path(Place.DONE, action.job.name)
        notice = brake_notice(action.job, action.failed, action.held, action.reason, folder)
        self._notifier.tell([notice])

    def _tell_about_us(self, core: Core, *, web: bool, idle_exit: float | None) -> None:
        capacity = capacity_text(core.state.capacity, core.reserve_after)
        self._index.put_fact("capacity", capacity)
        manager = {
            "host": self._host,
            "pid": os.getpid(),
            "started": time.time(),
            "web": web,
            "idle_exit": idle_exit,
            "log": current_log_file(),
        }
        self._index.put_fact("manager", json.dumps(manager))
        self._index.put_fact("obstacle", "Starting: QM has just started")

    def _workers(self) -> Workers:
        config, layout, post = self._config, self._layout, self._inbox.post
        drops = DropWork(
            layout,
            self._inspector,
            self._state_file,
            self._index,
            self._boot,
            sync=config.sync,
        )
        claimer = Claimer(
            layout,
            self._inspector,
            self._boot,
            self._lister.forget,
            settle=config.settle,
            sync=config.sync,
        )
        turns = TurnWork(layout, claimer, self._finisher, self._system, self._boot)
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
    def _lookers(self, *, rebuild: bool, adopt: bool, doubt: bool) -> Iterator[None]:
        config, layout, post = self._config, self._layout, self._inbox.post
        poll = max(config.poll, 1.0) if self._tested.network else config.poll
        requests = RequestReader(layout.requests, config.poll, post)
        queue = QueueWatcher(self._lister, layout.place(Place.WAITING), poll, config.rescan, post)
        librarian = Librarian(
            layout,
            self._index,
            lambda job, place: post(ev.Strayed(job, place)),
            boot=self._boot,
            adopt=adopt,
            # An earlier manager of this boot may have been killed before it had read every folder.
            unread=doubt or self._index.fact(VERIFIED) != self._boot,
            doubt=doubt,
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
        self._notifier.stop()
        for lane in workers.all():
            lane.stop(max(0.1, until - time.monotonic()))
        claimed = [event.job for event in self._inbox.rest() if isinstance(event, ev.Claimed)]
        for job in [*claimed, *self._system.close()]:
            self._recovery.put_back(job)
        self._notifier.join(_NOTIFIER_PATIENCE)
        self._index.put_fact("manager", "")
        self._index.close()
        self._clock.close()

"""File events: they wake, they are watched over, and everything bears their absence."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

import qm.watch
from qm.watch import Hint, Watch


class Watched:
    """A folder with its watch, and the hints that came."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.hints: SimpleQueue[Hint] = SimpleQueue()
        self.watch = Watch(str(folder), self.hints.put)

    def wait_for(self, name: str, timeout: float = 10.0) -> Hint:
        until = time.monotonic() + timeout
        seen: list[Hint] = []
        while True:
            try:
                hint = self.hints.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                raise AssertionError(f"no hint of {name}; seen: {seen}") from None
            seen.append(hint)
            # Some systems tell only that something in the folder changed.
            if hint.name in (name, ""):
                return hint


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "watched")
    yield watched
    watched.watch.stop()


def wait_until(fact: Callable[[], bool], timeout: float = 10.0) -> None:
    until = time.monotonic() + timeout
    while not fact():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.005)


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_what_comes_into_the_folder_is_told(watched: Watched, tmp_path: Path) -> None:
    watched.watch.start()
    assert watched.watch.trouble is None
    (watched.folder / "made").mkdir()
    watched.wait_for("made")
    (tmp_path / "moved").mkdir()
    os.rename(tmp_path / "moved", watched.folder / "moved")
    watched.wait_for("moved")
    os.rename(watched.folder / "moved", watched.folder / "renamed")
    watched.wait_for("renamed")


def test_a_stop_leaves_no_thread(watched: Watched) -> None:
    # One thread of watchdog's own is shared by all watches of a process.
    watched.watch.start()
    watched.watch.stop()
    before = threads()
    watched.watch.start()
    assert threads() > before
    watched.watch.stop()
    wait_until(lambda: threads() <= before)
    watched.watch.stop()


def test_a_folder_that_was_replaced_is_watched_anew(watched: Watched, tmp_path: Path) -> None:
    watched.watch.start()
    watched.folder.rename(tmp_path / "old")
    watched.folder.mkdir()
    watched.watch.supervise()
    (watched.folder / "new").mkdir()
    watched.wait_for("new")


def test_a_thread_that_died_is_started_anew(watched: Watched) -> None:
    watched.watch.start()
    observer = watched.watch._observer
    assert observer is not None
    for emitter in observer.emitters:
        emitter.stop()
        emitter.join(10)
    watched.watch.supervise()
    assert watched.watch._observer is not observer
    (watched.folder / "new").mkdir()
    watched.wait_for("new")


def test_a_watch_that_is_well_is_left_alone(watched: Watched) -> None:
    watched.watch.start()
    observer = watched.watch._observer
    watched.watch.supervise()
    assert watched.watch._observer is observer


def test_while_the_folder_is_gone_nothing_is_done_and_afterwards_it_is_watched(
    watched: Watched, tmp_path: Path
) -> None:
    watched.watch.start()
    watched.folder.rename(tmp_path / "away")
    watched.watch.supervise()
    watched.folder.mkdir()
    watched.watch.supervise()
    (watched.folder / "new").mkdir()
    watched.wait_for("new")


class NoObserver:
    """As watchdog behaves where the user has no inotify instance left."""

    emitters: frozenset[object] = frozenset()

    def schedule(self, *arguments: Any, **options: Any) -> None:
        pass

    def start(self) -> None:
        raise OSError(24, "inotify instance limit reached")


def test_no_inotify_left_is_told_as_trouble_and_mended_later(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(qm.watch, "new_observer", NoObserver)
        watched.watch.start()
        assert watched.watch.trouble is not None
        assert "inotify instance limit reached" in watched.watch.trouble
        watched.watch.supervise()
        assert watched.watch.trouble is not None
    watched.watch.supervise()
    assert watched.watch.trouble is None
    (watched.folder / "new").mkdir()
    watched.wait_for("new")


LIMITED = """
import resource, sys, threading
from qm.watch import Watch
import qm.osops.observer, watchdog.observers, watchdog.observers.api, watchdog.events
watch = Watch(sys.argv[1], print)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
watch.start()
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
print(watch.trouble, threading.active_count())
watch.supervise()
print(watch.trouble)
watch.stop()
"""


def test_a_real_limit_of_open_files_is_trouble_and_no_exception_and_passes(
    watched: Watched,
) -> None:
    pytest.importorskip("resource")
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(watched.folder)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stderr
    before, after = result.stdout.splitlines()
    assert before.startswith("no file events: ") and before.endswith("the folder is polled 1")
    assert after == "None"


def test_without_watchdog_the_folder_is_polled(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise ModuleNotFoundError("No module named 'watchdog'")

    monkeypatch.setattr(qm.watch, "new_observer", absent)
    watched.watch.start()
    assert watched.watch.trouble is not None and "is polled" in watched.watch.trouble


def test_a_receiver_that_breaks_does_not_end_the_events(tmp_path: Path) -> None:
    came: SimpleQueue[Hint] = SimpleQueue()

    def breaks_first(hint: Hint) -> None:
        came.put(hint)
        if came.qsize() == 1:
            raise RuntimeError("a bug")

    watch = Watch(str(tmp_path), breaks_first)
    watch.start()
    try:
        (tmp_path / "a").mkdir()
        wait_until(lambda: came.qsize() > 0)
        (tmp_path / "b").mkdir()
        wait_until(lambda: came.qsize() > 1)
    finally:
        watch.stop()

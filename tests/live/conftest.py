"""Each live test gets a queue of its own; what it leaves behind fails it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.harness import Queue


@pytest.fixture
def make_queue(tmp_path: Path) -> Iterator[Callable[..., Queue]]:
    """Make queues, with options; they are ended after the test."""
    queues: list[Queue] = []

    def make(**options: object) -> Queue:
        queue = Queue(tmp_path / f"q{len(queues)}" / "QM", **options)
        queues.append(queue)
        return queue

    yield make
    left = [pid for queue in queues for pid in queue.end_everything()]
    assert not left, f"processes outlived the test: {left}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    """One queue with a running manager for all tests of a module, which use different names."""
    queue = Queue(tmp_path_factory.mktemp("shared") / "QM", MaxNbProcessors="4").start()
    yield queue
    left = queue.end_everything()
    assert not left, f"processes outlived the tests: {left}"


@pytest.fixture
def queue(make_queue: Callable[..., Queue]) -> Queue:
    """A queue with a running manager and quick times."""
    return make_queue().start()

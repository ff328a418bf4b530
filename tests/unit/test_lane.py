"""A worker thread: effects in order, in batches, and nothing waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue

import pytest

from qm.core import events as ev
from qm.reactor.lane import Lane


class Bench:
    """A lane of numbers; each is told as the vanishing of a job of that number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.posted: SimpleQueue[ev.Event] = SimpleQueue()
        self.go = threading.Event()
        self.go.set()

    def work(self, items: Sequence[int]) -> Iterable[ev.Event]:
        assert self.go.wait(10)
        self.batches.append(list(items))
        return [ev.Vanished(item) for item in items]

    def lane(self, work: Callable[[Sequence[int]], Iterable[ev.Event]]) -> Lane[int]:
        return Lane("test", work, self.failed, self.posted.put)

    @staticmethod
    def failed(item: int, error: Exception) -> ev.Event | None:
        return ev.Unmovable(item, str(error)) if item % 2 else None

    def take(self, count: int) -> list[ev.Event]:
        return [self.posted.get(timeout=10) for _ in range(count)]


def test_effects_happen_in_order_and_a_stop_works_off_what_is_queued() -> None:
    bench = Bench()
    lane = bench.lane(bench.work)
    for number in range(200):
        lane.put(number)
    lane.start()
    assert lane.stop(10)
    assert bench.take(200) == [ev.Vanished(number) for number in range(200)]
    assert bench.posted.empty()
    assert [number for batch in bench.batches for number in batch] == list(range(200))
    assert max(len(batch) for batch in bench.batches) == 64


def test_what_comes_while_it_works_is_the_next_batch() -> None:
    bench = Bench()
    bench.go.clear()
    lane = bench.lane(bench.work)
    lane.start()
    for number in range(5):
        lane.put(number)
    bench.go.set()
    assert bench.take(5) == [ev.Vanished(number) for number in range(5)]
    assert lane.stop(10)


def test_an_effect_that_breaks_tells_so_for_each_item_and_the_lane_works_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()

    def broken(items: Sequence[int]) -> Iterable[ev.Event]:
        if 1 in items:
            raise RuntimeError("a bug")
        return bench.work(items)

    lane = bench.lane(broken)
    for number in (0, 1, 2, 3):
        lane.put(number)
    lane.start()
    assert bench.take(2) == [ev.Unmovable(1, "a bug"), ev.Unmovable(3, "a bug")]
    lane.put(8)
    assert bench.take(1) == [ev.Vanished(8)]
    assert lane.stop(10)
    assert "an effect failed" in caplog.text


def test_a_stop_does_not_wait_longer_than_it_is_told() -> None:
    bench = Bench()
    bench.go.clear()
    lane = bench.lane(bench.work)
    lane.start()
    lane.put(1)
    assert not lane.stop(0.05)
    bench.go.set()
    assert bench.take(1) == [ev.Vanished(1)]
    assert lane.stop(10)

"""The modules ``threading``, ``queue``, ``time`` and ``secrets`` of the simulation."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from bench.simulate.kernel import Kernel, Strand, Waiters


class Event:
    """As `threading.Event`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._waiters = Waiters()
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._waiters.wake()

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._kernel.block(self._waiters, timeout)
        return self._set


class Lock:
    """As `threading.Lock`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._waiters = Waiters()
        self._held = False

    def acquire(self) -> bool:
        while self._held:
            self._kernel.block(self._waiters, None)
        self._held = True
        return True

    def release(self) -> None:
        self._held = False
        self._waiters.wake()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class SimpleQueue:
    """As `queue.SimpleQueue`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._waiters = Waiters()
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._waiters.wake()

    def get(self, timeout: float | None = None) -> Any:
        until = None if timeout is None else self._kernel.seconds + timeout
        while not self._items:
            left = None if until is None else until - self._kernel.seconds
            if left is not None and left <= 0:
                raise queue.Empty
            self._kernel.block(self._waiters, left)
        return self._items.popleft()

    def get_nowait(self) -> Any:
        if not self._items:
            raise queue.Empty
        return self._items.popleft()


class Threading:
    """Stands in for the module; `Thread` is the real class, whose ``start`` makes a strand."""

    Thread = threading.Thread

    def __init__(self, kernel: Kernel) -> None:
        self.Event: Callable[[], Event] = lambda: Event(kernel)
        self.Lock: Callable[[], Lock] = lambda: Lock(kernel)

    def current_thread(self) -> object:
        return self

    def main_thread(self) -> object:
        return None


class Queues:
    """Stands in for the module ``queue``."""

    Empty = queue.Empty

    def __init__(self, kernel: Kernel) -> None:
        self.SimpleQueue: Callable[[], SimpleQueue] = lambda: SimpleQueue(kernel)


class Times:
    """Stands in for the module ``time``: the kernel's clock, and UTC everywhere."""

    strptime = staticmethod(time.strptime)
    strftime = staticmethod(time.strftime)
    gmtime = staticmethod(time.gmtime)
    localtime = staticmethod(time.gmtime)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def monotonic(self) -> float:
        return self._kernel.seconds

    def time(self) -> float:
        return self._kernel.now() / 1e9

    def time_ns(self) -> int:
        return self._kernel.now()

    def sleep(self, seconds: float) -> None:
        self._kernel.block(None, seconds)


class Secrets:
    """Stands in for ``secrets``: tokens that nobody has had before."""

    def __init__(self) -> None:
        self._last = 0

    def token_hex(self, size: int) -> str:
        self._last += 1
        return f"{self._last:0{2 * size}x}"


_real = (threading.Thread.start, threading.Thread.join, threading.Thread.is_alive)


class Threads:
    """While it is entered, a thread that a simulated process starts is a strand of it."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._strands: dict[threading.Thread, tuple[Strand, Waiters]] = {}

    def __enter__(self) -> None:
        kernel, strands = self._kernel, self._strands

        def start(thread: threading.Thread) -> None:
            if kernel.strand is None:
                _real[0](thread)
                return
            waiters = Waiters()

            def run() -> None:
                try:
                    thread.run()
                finally:
                    waiters.wake()

            strands[thread] = kernel.spawn(kernel.current, run, thread.name), waiters

        def is_alive(thread: threading.Thread) -> bool:
            known = strands.get(thread)
            return _real[2](thread) if known is None else not known[0].done

        def join(thread: threading.Thread, timeout: float | None = None) -> None:
            known = strands.get(thread)
            if known is None:
                _real[1](thread, timeout)
                return
            until = None if timeout is None else kernel.seconds + timeout
            while not known[0].done and (until is None or kernel.seconds < until):
                kernel.block(known[1], None if until is None else until - kernel.seconds)

        patched: Any = threading.Thread
        patched.start, patched.join, patched.is_alive = start, join, is_alive

    def __exit__(self, *error: object) -> None:
        patched: Any = threading.Thread
        patched.start, patched.join, patched.is_alive = _real
        self._strands.clear()

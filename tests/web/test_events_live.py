"""The events of a page that is really served: who may listen, how many, and who misbehaves."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from qm.folders.layout import Layout
from qm.index import Index
from tests.live.harness import Queue, wait_for
from tests.web.cost import is_hardly_slower, seconds_of
from tests.web.listener import Listener
from tests.web.served import Served, free_port, page_of_empty_queue, served, write_config
from tests.web.test_events import row
from web.tokens import new_token

pytestmark = [pytest.mark.live]

ADDRESSES = [f"127.0.0.{number}" for number in range(1, 6)]
PLACES = 48
DRIPPING = 30.0
"""Seconds."""
FLOOD = """
import threading, time
from web.hub import Hub
from web.__main__ import main

FIGURES = {"log": 1, "fraction": 0.5, "text": "x" * 60, "left": 1.0}
JOBS = {str(job): FIGURES for job in range(400)}

def flood(hub):
    while True:
        time.sleep(0.02)
        hub.publish({"queue"}, JOBS)

begin = Hub.__init__

def begin_flooded(self):
    begin(self)
    threading.Thread(target=flood, args=(self,), daemon=True).start()

Hub.__init__ = begin_flooded
main()
"""
"""The page as it is, but fifty large events come in a second."""
MORE_THAN_SOCKETS_HOLD = 12_000_000


def needs_many_addresses() -> None:
    """Skips where this machine has only one loopback address, as macOS does."""
    try:
        with socket.socket() as probe:
            probe.bind((ADDRESSES[-1], 0))
    except OSError:
        pytest.skip("this system has one loopback address only")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with page_of_empty_queue(tmp_path_factory.mktemp("events")) as page:
        yield page


def threads_of(page: Served) -> int:
    return psutil.Process(page.process.pid).num_threads()


def healthz(page: Served, count: int = 1) -> list[float]:
    """Seconds that the page takes to say that it is there."""
    return [seconds_of(lambda: page.ask("/healthz")) for _ in range(count)]


def places_taken(page: Served) -> int:
    """How many listen, as the page says."""
    taken: int = page.ask("/api/v1/system").json["streams"]["taken"]
    return taken


def wait_for_free_places(page: Served, timeout: float = 20.0) -> None:
    """Wait until nobody listens any more."""
    wait_for("the places are free", lambda: places_taken(page) == 0, timeout)


@contextmanager
def listeners(
    page: Served, count: int, query: str = "", *, mute: bool = False
) -> Iterator[list[Listener]]:
    """So many at once, from several addresses."""
    with ExitStack() as stack:
        found = []
        for number in range(count):
            address = ADDRESSES[number // 12]
            one = Listener.begin(page, query, address, mute=mute)
            stack.callback(one.close)
            found.append(one)
        yield found


def test_nobody_listens_without_a_login_where_others_can_reach_the_page(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path, Host="0.0.0.0") as page:
        refused = Listener.begin(page)
        assert refused.status == 401 and refused.headers["content-type"] != "text/event-stream"
        refused.close()
        wrong = Listener.begin(page, headers={"Authorization": "Bearer nonsense"})
        assert wrong.status == 401
        wrong.close()
        shown = Listener.begin(page, headers={"Authorization": f"Bearer {page.token().viewer}"})
        assert shown.status == 200
        shown.close()


def test_an_event_stream_is_what_browsers_expect(page: Served) -> None:
    listener = Listener.begin(page, "?topics=queue")
    assert listener.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert listener.headers["cache-control"] == "no-store"
    assert listener.headers["x-accel-buffering"] == "no"
    assert "default-src 'none'" in listener.headers["content-security-policy"]
    assert listener.wait_reset().data == {}
    listener.close()


def test_a_question_for_the_head_alone_holds_no_place(page: Served) -> None:
    for _ in range(60):
        assert page.ask("/api/v1/events", "HEAD").status == 200


@pytest.mark.parametrize(
    "query", ["?topics=", "?topics=nonsense", "?x=1", "?topics=queue&topics=x"]
)
def test_what_cannot_be_listened_to_is_refused(page: Served, query: str) -> None:
    answer = page.ask(f"/api/v1/events{query}")
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.slow
def test_sixty_listeners_at_once_of_whom_forty_eight_find_a_place(page: Served) -> None:
    needs_many_addresses()
    wait_for_free_places(page)
    alone = healthz(page, 40)
    with listeners(page, 60) as some:
        served_ones = [one for one in some if one.status == 200]
        others = [one for one in some if one.status == 503]
        assert len(served_ones) == PLACES and len(others) == 12
        assert all(one.headers["retry-after"] == "15" for one in others)
        assert all(one.wait_reset() for one in served_ones)
        assert is_hardly_slower(healthz(page, 40), alone)
        index = Index(Layout(str(page.folder)).index_file)
        index.open()
        index.put(row(1, "QUEUED"))
        index.flush()
        assert all(one.wait_told("queue") for one in served_ones)
    wait_for_free_places(page)


@pytest.mark.slow
def test_places_of_silent_goers_are_free_again_and_no_thread_is_left(page: Served) -> None:
    needs_many_addresses()
    wait_for_free_places(page)
    before = threads_of(page)
    with listeners(page, PLACES, mute=True) as some:
        assert all(one.status == 200 for one in some)
    wait_for_free_places(page)
    wait_for("the threads are as many as before", lambda: threads_of(page) <= before + 1)


def test_one_address_gets_a_dozen_places_and_one_session_four(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page, ExitStack() as stack:

        def status(**headers: str) -> int:
            one = Listener.begin(page, headers=headers)
            stack.callback(one.close)
            return one.status

        cookie = page.operator().headers["Cookie"]
        assert [status(Cookie=cookie) for _ in range(5)] == [200] * 4 + [503]
        assert [status() for _ in range(13)] == [200] * 12 + [503]


@pytest.mark.slow
def test_listeners_that_never_read_cost_hardly_any_memory(tmp_path: Path) -> None:
    Layout(str(tmp_path / "QM")).create()
    port = free_port()
    config = write_config(tmp_path / "web.cfg", tmp_path / "QM", port)
    command = [sys.executable, "-c", FLOOD, "--config", str(config)]
    with served(tmp_path / "QM", config, port, command) as page, ExitStack() as stack:
        process = psutil.Process(page.process.pid)
        reader = Listener.begin(page)
        stack.callback(reader.close)
        reader.wait_told("queue")
        alone = healthz(page, 20)
        before, told = process.memory_info().rss, len(reader.told)
        for _ in range(10):
            stack.callback(Listener.begin(page, mute=True).close)

        def enough() -> bool:
            return sum(len(str(one.data)) for one in reader.told[told:]) > MORE_THAN_SOCKETS_HOLD

        wait_for("more events than the sockets can hold", enough, timeout=60)
        grown = process.memory_info().rss - before
        assert is_hardly_slower(healthz(page, 20), alone)
    assert grown < 20 << 20, f"{grown / (1 << 20):.1f} MiB"


@pytest.mark.slow
def test_ninety_connections_that_drip_hinder_nobody(page: Served) -> None:
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            while not over.wait(0.5):
                connection.sendall(b"x")

    alone = healthz(page, 40)
    with ExitStack() as stack:
        threads = []
        for _ in range(90):
            connection = socket.create_connection(("127.0.0.1", page.port), timeout=10)
            stack.callback(connection.close)
            threads.append(threading.Thread(target=drip, args=(connection,), daemon=True))
            threads[-1].start()
        times: list[float] = []
        until = time.monotonic() + DRIPPING
        while time.monotonic() < until:
            times += healthz(page)
            over.wait(0.05)
        over.set()
        for thread in threads:
            thread.join(5)
    assert is_hardly_slower(times, alone), sorted(times)[-5:]


def test_the_stream_of_a_session_ends_with_it(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        operator = page.operator()
        listener = Listener.begin(page, headers={"Cookie": operator.headers["Cookie"]})
        assert listener.status == 200
        assert operator.submit("/logout").status == 303
        wait_for("the stream ends", listener.ended.is_set)
        listener.close()


def test_the_streams_of_a_token_end_when_there_is_another_one(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path, Host="0.0.0.0") as page:
        session = Listener.begin(page, headers={"Cookie": page.operator().headers["Cookie"]})
        program = Listener.begin(page, headers={"Authorization": f"Bearer {page.token().secret}"})
        assert session.status == program.status == 200
        cookie = page.operator().headers["Cookie"]
        new_token(page.token_file)
        wait_for("both end", lambda: session.ended.is_set() and program.ended.is_set())
        for one in (session, program):
            one.close()
        again = Listener.begin(page, headers={"Cookie": cookie})
        assert again.status == 401
        again.close()


def test_the_change_of_a_real_job_is_told(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "QM").start()
    try:
        port = free_port()
        config = write_config(tmp_path / "web.cfg", queue.folder, port)
        with served(queue.folder, config, port) as page:
            listener = Listener.begin(page, "?topics=queue,progress,job:1")
            listener.wait_reset()
            queue.drop("a", "echo 3 / 4; sleep 600")
            queue.wait_running("a")
            told = listener.wait_told("progress")
            assert told.data["jobs"]["1"]["text"] == "3 / 4"
            listener.wait_told("job:1")
            heard = len(listener.told)
            assert queue.run("kill", "1").returncode == 0
            listener.wait_told("queue", heard)
            listener.wait_told("job:1", heard)
            listener.close()
    finally:
        queue.end_everything()


def test_a_manager_that_dies_and_comes_back_is_told(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "QM").start()
    try:
        port = free_port()
        config = write_config(tmp_path / "web.cfg", queue.folder, port)
        with served(queue.folder, config, port) as page:
            listener = Listener.begin(page, "?topics=manager")
            listener.wait_reset()
            queue.kill_manager()
            listener.wait_told("manager")
            heard = len(listener.told)
            queue.start()
            listener.wait_told("manager", heard)
            listener.close()
    finally:
        queue.end_everything()


def test_who_comes_again_misses_nothing(page: Served) -> None:
    first = Listener.begin(page, "?topics=queue")
    last = first.wait_reset().id
    stays = Listener.begin(page, "?topics=queue")
    first.close()
    index = Index(Layout(str(page.folder)).index_file)
    index.open()
    index.put(row(9, "HELD"))
    index.flush()
    stays.wait_told("queue")
    for query, headers in (
        ("?topics=queue", {"Last-Event-ID": last}),
        (f"?topics=queue&last={last}", {}),
    ):
        again = Listener.begin(page, query, headers=headers)
        again.wait_told("queue")
        assert again.told[0].kind == "change"
        again.close()
    stays.close()

"""What measures the page: gates, requests, the relay, and each figure on a tiny scale."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import web
from bench.plan import plan_of
from bench.series import Series
from bench.webbrowser import NoBrowserError
from bench.webgate import HEADS, Figure, Gated, Of, Told, section_of
from bench.weblog import LAST, WORD, write_log
from bench.webplan import WebPlan, web_plan
from bench.webserver import Visitor, parse_head
from bench.webtimes import measure_counts, measure_pages, measure_search
from bench.webwire import Relay, relayed

ROOT = Path(__file__).resolve().parents[2]


def gated(*values: float, limit: float = 10.0, of: Of = Of.P95, or_equal: bool = False) -> Gated:
    return Gated(Series("it", "ms", values), limit, of, or_equal)


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (gated(9.99), True),
        (gated(10.0), False),
        (gated(10.0, or_equal=True), True),
        (gated(*[1.0] * 95, *[99.0] * 5), True),
        (gated(*[1.0] * 94, *[99.0] * 6), False),
        (gated(*[1.0] * 99, 99.0, of=Of.HIGHEST), False),
        (gated(1.0, 2.0, 99.0, of=Of.MEDIAN), True),
    ],
)
def test_a_gate_is_met_by_what_it_is_about_and_never_by_a_hair(figure: Gated, met: bool) -> None:
    assert figure.is_met is met
    assert figure.verdict == ("met" if met else "NOT met")


def test_a_gate_is_told_as_it_is_read() -> None:
    assert gated(1.0, limit=25.0).gate == "p95 < 25 ms"
    five = Gated(Series("requests", "", (5.0,)), 5, Of.HIGHEST, or_equal=True)
    assert five.gate == "highest <= 5"


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=30), st.floats(0.01, 100))
def test_what_meets_a_gate_by_its_highest_meets_it_by_all_else(
    values: list[float], limit: float
) -> None:
    if gated(*values, limit=limit, of=Of.HIGHEST).is_met:
        assert gated(*values, limit=limit).is_met
        assert gated(*values, limit=limit, of=Of.MEDIAN).is_met


def test_the_section_names_what_has_missed_its_gate_and_what_was_not_measured() -> None:
    figures: list[Figure] = [gated(1.0), gated(11.0), Told(Series("beside", "s", (3.0,)))]
    section = section_of("What it is.", "Figures", figures, ["live could not be measured: no."])
    assert section.missed == ("it", "live could not be measured: no.")
    assert section.notes[0] == "1 of 2 gates are met."
    (table,) = section.tables
    assert table.heads == HEADS
    assert [row[-1] for row in table.rows] == ["met", "NOT met", ""]
    assert section.as_json()["missed"] == list(section.missed)
    assert section_of("", "Figures", figures[:1]).missed == ()


def test_a_quick_plan_is_small_in_every_size(tmp_path: Path) -> None:
    quick, full = web_plan(plan_of(tmp_path, quick=True)), web_plan(plan_of(tmp_path))
    assert (full.ended, full.log_bytes, full.browsers) == (100_000, 1 << 30, 50)
    for name in WebPlan.__slots__:
        if name != "where":
            assert getattr(quick, name) < getattr(full, name), name


def test_what_could_not_be_measured_is_no_gate_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_browser(plan: WebPlan) -> list[Figure]:
        raise NoBrowserError("there is no Chromium on this machine")

    monkeypatch.setattr(web, "FIGURES", {"paint": no_browser, "zip": lambda plan: [gated(1.0)]})
    section = web.measure(plan_of(tmp_path, quick=True))
    assert section.missed == ("paint could not be measured: there is no Chromium on this machine.",)
    assert web.measure(plan_of(tmp_path, quick=True), ["zip"]).missed == ()


def test_a_large_log_has_just_its_size_and_at_its_end_what_is_to_be_found(tmp_path: Path) -> None:
    path = tmp_path / "process.log"
    for size in (3 << 20, (3 << 20) + 77):
        write_log(path, size)
        assert path.stat().st_size == size
        assert path.read_bytes().endswith(f"\n{WORD}\n{LAST}\n".encode())
        assert path.read_bytes().count(WORD.encode()) == 1


class Server:
    """Answers each request over a connection with the next of these bytes, a few at a time."""

    def __init__(self, *answers: bytes, piece: int = 7) -> None:
        self.asked: list[bytes] = []
        self._answers = answers
        self._piece = piece
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            for answer in self._answers:
                asked = connection.recv(65536)
                if not asked:
                    return
                self.asked.append(asked)
                for at in range(0, len(answer), self._piece):
                    connection.sendall(answer[at : at + self._piece])

    def close(self) -> None:
        self._thread.join(30)
        self._listening.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A page of three answers."""
    made = Server(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: x\r\n\r\n123456789",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    )
    yield made
    made.close()


def test_a_request_counts_every_byte_of_its_answer(server: Server) -> None:
    with Visitor(server.port) as who:
        first = who.ask("/QM")
        assert (first.status, first.body, first.wire) == (200, b"123456789", 56)
        assert 0 < first.first <= first.whole
        again = who.ask("/QM", If_None_Match="x")
        assert (again.status, again.body, again.wire) == (304, b"", 38)
        with pytest.raises(RuntimeError, match="answered with 404"):
            who.ask("/none")
    assert b"If-None-Match: x\r\n" in server.asked[1]


def test_a_relay_knows_every_request_and_every_byte(server: Server) -> None:
    with relayed(server.port) as relay:
        with Visitor(port_of(relay)) as who:
            who.ask("/QM?q=1")
            who.ask("/parts/main")
            with pytest.raises(RuntimeError):
                who.ask("/none")
        assert [one.target for one in relay.requests] == ["/QM?q=1", "/parts/main", "/none"]
        assert relay.received == 56 + 38 + 47


def test_a_relay_refuses_what_it_is_told_to(server: Server) -> None:
    with (
        relayed(server.port, refused="/api/v1/events") as relay,
        Visitor(port_of(relay)) as who,
        pytest.raises(RuntimeError, match="503"),
    ):
        who.ask("/api/v1/events?topics=queue")
    assert server.asked == []


def port_of(relay: Relay) -> int:
    return int(relay.origin.rpartition(":")[2])


def test_a_head_is_read_by_names_in_lower_case() -> None:
    assert parse_head(b"HTTP/1.1 200 OK\r\nETag: a:b\r\nX:y") == (200, {"etag": "a:b", "x": "y"})


@pytest.mark.live
def test_pages_searches_and_counts_are_measured_on_a_small_queue(tmp_path: Path) -> None:
    plan = WebPlan(where=tmp_path, ended=300, waiting=5, requests=3, changed=1)
    figures = [*measure_pages(plan), *measure_search(plan), *measure_counts(plan)]
    names = [figure.series.name for figure in figures]
    assert len(set(names)) == len(names) == 10
    assert all(figure.series.low > 0 for figure in figures)
    assert len(figures[0].series.values) == 3


@pytest.mark.live
def test_the_exit_code_says_whether_all_gates_are_met(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ["--quick", "--only", "zip", "--dir", str(tmp_path), "--json", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "web", *options],
        capture_output=True,
        text=True,
        timeout=170,
        cwd=ROOT,
        check=False,
    )
    (found,) = json.loads(file.read_bytes())["benchmarks"]
    assert done.returncode == (1 if found["missed"] else 0), done.stderr
    assert "zip of 2 MiB: first byte" in done.stdout and " met" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]

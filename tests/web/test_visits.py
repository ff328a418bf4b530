"""What a visit asks for: one script, a page that is not sent twice, and nothing in vain."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.filled import filled
from bench.webwire import Relay, relayed
from qm.folders.layout import Layout
from qm.index import reading
from qm.model import State
from qm.times import utc_text
from tests.live.harness import wait_for
from tests.web.browser import a_browser, a_tab
from tests.web.filled import filled_page
from tests.web.served import Served
from web.pages.ended import EndedReader
from web.pages.filters import Filters
from web.pages.kept import KeptParts, Part
from web.pages.standing import StandingReader
from web.static_files import FOLDER, SCRIPT, StaticFiles, script_of

live = pytest.mark.live


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page of ended jobs; nothing runs or waits."""
    with filled_page(tmp_path_factory.mktemp("visits"), 0, 200) as (made, index):
        with reading(str(made.folder / ".qm" / "index.sqlite3")) as reader:
            running = reader.rows("ended IS NULL")
        for row in running:
            index.put(row._replace(state="FINISHED", ended=utc_text(time.time())))
        index.flush()
        yield made


def test_every_script_is_in_the_one_that_is_sent_and_the_worker_stands_first() -> None:
    sent = StaticFiles.load().by_name[SCRIPT].data
    scripts = {path.name: path.read_bytes() for path in FOLDER.glob("*.js")}
    assert script_of(scripts) == sent
    assert sent.startswith(scripts["events.js"])
    for name, text in scripts.items():
        assert text in sent, name


def test_a_small_picture_is_within_the_page_and_a_large_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "small.svg").write_text("<svg>#</svg>", encoding="utf-8")
    (tmp_path / "large.svg").write_text(f"<svg>{' ' * 600}</svg>", encoding="utf-8")
    static = StaticFiles.load(tmp_path)
    assert static.url("small.svg") == "data:image/svg+xml,%3Csvg%3E%23%3C/svg%3E"
    assert static.url("large.svg").startswith("/static/large.")


def test_what_many_ask_for_at_the_same_moment_is_made_once(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "QM"))
    layout.create()
    now, made = [0.0], list[int]()

    def make() -> Part:
        made.append(len(made))
        return Part(str(made[-1]), b"", b"")

    kept = KeptParts(layout, lambda: now[0])
    assert [kept.get("all", make).tag for _ in range(3)] == ["0"] * 3
    assert kept.get("mine", make).tag == "1"
    Path(layout.index_file).write_bytes(b"changed")
    assert [kept.get("all", make).tag for _ in range(2)] == ["2"] * 2
    now[0] += 0.3
    assert kept.get("all", make).tag == "3"


def test_of_what_was_kept_there_is_never_much(tmp_path: Path) -> None:
    kept = KeptParts(Layout(str(tmp_path)), lambda: 0.0)
    for key in range(1000):
        kept.get(key, lambda: Part("", b"", b""))
    assert len(kept._kept) < 50


def test_an_answer_that_could_not_be_made_is_made_by_the_next_who_asks(tmp_path: Path) -> None:
    kept = KeptParts(Layout(str(tmp_path)), lambda: 0.0)

    def fail() -> Part:
        raise OSError

    with pytest.raises(OSError):
        kept.get("all", fail)
    assert kept.get("all", lambda: Part("made", b"", b"")).tag == "made"


def test_what_was_read_while_much_changed_says_that_it_is_worth_another_look(
    tmp_path: Path,
) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.1
        return now[0]

    with filled(tmp_path / "QM", 3, 10, 1.0) as (layout, index):
        standings, ended = StandingReader(layout, clock), EndedReader(layout, lambda: now[0])

        def look() -> tuple[float, float]:
            standing = standings.read()
            return standing.newer_in, ended.read(standing, Filters(), 1.0e9).newer_in

        assert look() == look() == (0, 0)
        with reading(layout.index_file) as reader:
            (row, *_) = reader.rows("state = ?", (State.RUNNING.value,))
        index.put(row._replace(state=State.FINISHED.value, ended=utc_text(time.time())))
        index.flush()
        behind = look()
        assert all(0 < seconds < 2 for seconds in behind)
        now[0] += max(behind)
        assert look() == (0, 0)


@live
def test_the_page_is_not_sent_again_to_who_has_it(page: Served) -> None:
    # What nothing runs in changes by itself only when five minutes are over.
    def again() -> bool:
        first = page.ask("/QM")
        assert first.headers["cache-control"] == "private, no-cache"
        second = page.ask("/QM", **{"If-None-Match": f'"x", {first.headers["etag"]}'})
        return (second.status, second.body) == (304, b"")

    wait_for("an answer without a page", again)


@live
def test_who_sees_another_page_gets_it(page: Served) -> None:
    tag = page.ask("/QM").headers["etag"]
    for path, headers in (("/QM?q=1", {}), ("/QM", {"Cookie": "qm_theme=dark"})):
        assert page.ask(path, **{"If-None-Match": tag, **headers}).status == 200


@live
def test_what_somebody_sees_who_has_logged_in_is_kept_by_no_browser(page: Served) -> None:
    answer = page.operator().ask("/QM")
    assert "etag" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@live
def test_the_part_is_named_in_the_page_and_asked_for_only_if_it_is_another(page: Served) -> None:
    def same() -> bool:
        text = page.ask("/QM").text
        tag = text.partition('data-tag="')[2].partition('" ')[0].replace("&quot;", '"')
        return page.ask("/parts/main", **{"If-None-Match": tag}).status == 304

    wait_for("the part that the page has", same)


@live
def test_a_first_visit_asks_five_times_and_the_next_one_for_no_file(page: Served) -> None:
    with (
        a_browser() as browser,
        relayed(page.port) as relay,
        a_tab(browser, page, base_url=relay.origin) as tab,
    ):
        tab.page.goto("/QM")
        wait_for("the look at what changes", lambda: "/parts/main" in paths_of(relay))
        asked = paths_of(relay)
        assert asked[0] == "/QM" and len(asked) == 5
        assert sum(path.startswith("/static/") for path in asked) == 2
        assert {"/api/v1/events", "/parts/main"} < set(asked)
        tab.page.reload()
        wait_for("the next look", lambda: paths_of(relay).count("/parts/main") == 2)
        assert not [path for path in paths_of(relay)[5:] if path.startswith("/static/")]


def paths_of(relay: Relay) -> list[str]:
    """What a browser has asked for, in its order."""
    return [request.target.partition("?")[0] for request in relay.requests]

"""Pages of ended jobs: the same from the index and from the folders, none skipped or doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.folders.layout import Layout
from qm.index import Index, IndexReader, Row, reading
from qm.model import PLACE_OF, State
from qm.times import utc_text
from qm.view.ended import (
    Cursor,
    EndedPage,
    EndedQuery,
    count_by_index,
    count_of,
    cursor_of,
    page_by_index,
    page_of,
)
from qm.view.entries import Entry, entry_of

STATES = (State.FINISHED, State.FAILED, State.KILLED, State.LOST)
OWNERS = ("anna", "bert")
JOBS = 120


def row(number: int) -> Row:
    """Job ``number``; several ended in the same millisecond, as after a power cut."""
    state = STATES[number % 7 % len(STATES)]
    ended = None if number % 10 == 9 else utc_text(1000.0 + number // 4)
    return Row(
        id=number,
        name=f"run_{number:04}%",
        state=(State.QUEUED if ended is None else state).value,
        reason=None,
        exit_code=None,
        signal=None,
        nb_proc=1,
        priority=0,
        owner=OWNERS[number % 3 % 2],
        info="Half_Done" if number % 5 == 0 else None,
        submitted=utc_text(900.0),
        started=utc_text(950.0),
        ended=ended,
        place=PLACE_OF[state].value,
        arrival=number,
        attempt=1,
        mem=None,
        walltime=None,
        cpu_seconds=None,
        peak_memory=None,
        inode=number,
        nb_gpu=0,
        token=None,
    )


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(str(tmp_path_factory.mktemp("ended") / "QM"))
    made.create()
    index = Index(made.index_file)
    index.open()
    for number in range(1, JOBS + 1):
        index.put(row(number))
    index.close()
    return made


@pytest.fixture(scope="module")
def index(layout: Layout) -> Iterator[IndexReader]:
    with reading(layout.index_file) as opened:
        yield opened


@pytest.fixture(scope="module")
def entries(layout: Layout) -> list[Entry]:
    return [entry_of(row(number), layout) for number in range(JOBS, 0, -1)]


def walk(page_at: Callable[[Cursor | None], EndedPage]) -> list[EndedPage]:
    """All pages from the newest to the oldest."""
    pages = [page_at(None)]
    while pages[-1].older is not None:
        pages.append(page_at(pages[-1].older))
        assert len(pages) <= JOBS
    return pages


QUERIES = st.builds(
    EndedQuery,
    states=st.frozensets(st.sampled_from([state.value for state in STATES])),
    owner=st.sampled_from([None, *OWNERS, "nobody"]),
    text=st.sampled_from(["", "run_00", "RUN", "%", "_", "half_d", "7", "no such", "!"]),
    since=st.sampled_from([None, utc_text(1010.0), utc_text(2000.0)]),
)


@given(query=QUERIES, size=st.integers(1, 60), sparse=st.booleans())
def test_the_pages_of_the_index_are_those_of_the_folders(
    layout: Layout,
    index: IndexReader,
    entries: list[Entry],
    query: EndedQuery,
    size: int,
    sparse: bool,
) -> None:
    pages = walk(
        lambda before: page_by_index(index, layout, query, size, before=before, sparse=sparse)
    )
    assert pages == walk(lambda before: page_of(entries, query, size, before=before))
    shown = [entry for page in pages for entry in page.entries]
    whole = page_of(entries, query, JOBS).entries
    assert shown == list(whole)
    for newer, older in pairwise(shown):
        assert cursor_of(newer) > cursor_of(older)
    counts = count_by_index(index, query)
    assert counts == count_of(entries, query)
    asked = {state: n for state, n in counts.items() if state in (query.states or counts)}
    assert sum(asked.values()) == len(shown)


@given(query=QUERIES, size=st.integers(1, 30), sparse=st.booleans())
def test_the_way_back_shows_the_same_pages(
    layout: Layout,
    index: IndexReader,
    entries: list[Entry],
    query: EndedQuery,
    size: int,
    sparse: bool,
) -> None:
    pages = walk(lambda before: page_by_index(index, layout, query, size, before=before))
    for earlier, later in pairwise(pages):
        assert later.newer is not None
        back = page_by_index(index, layout, query, size, after=later.newer, sparse=sparse)
        assert back.entries == earlier.entries
        assert back == page_of(entries, query, size, after=later.newer)


def test_a_percent_sign_in_a_search_is_just_a_percent_sign(
    layout: Layout, index: IndexReader
) -> None:
    assert page_by_index(index, layout, EndedQuery(text="%%"), 10).entries == ()
    assert page_by_index(index, layout, EndedQuery(text="4%"), 10).entries != ()


def test_an_id_is_found_and_so_are_names_with_its_digits(
    layout: Layout, index: IndexReader
) -> None:
    found = page_by_index(index, layout, EndedQuery(text="12"), 50).entries
    assert [entry.id for entry in found] == [120, 112, 12]


def test_a_page_beyond_the_last_one_is_empty(layout: Layout, index: IndexReader) -> None:
    page = page_by_index(index, layout, EndedQuery(), 10, before=Cursor("", 0))
    assert page == EndedPage((), None, None)


def test_a_page_and_the_counts_are_read_by_ranges_of_an_index(index: IndexReader) -> None:
    for where, order in (
        ("ended IS NOT NULL", "ORDER BY ended DESC, id DESC"),
        ("ended IS NOT NULL AND state = 'LOST'", "ORDER BY ended DESC, id DESC"),
        ("ended IS NOT NULL AND owner = 'x' AND state = 'LOST'", "ORDER BY ended DESC, id DESC"),
        ("ended IS NOT NULL", "GROUP BY state"),
        ("ended IS NOT NULL", "GROUP BY owner"),
    ):
        columns = "state, count(*)" if order.startswith("GROUP") else "*"
        query = f"EXPLAIN QUERY PLAN SELECT {columns} FROM jobs WHERE {where} {order}"
        steps = [step[3] for step in index._connection.execute(query)]
        assert len(steps) == 1 and "INDEX" in steps[0], (query, steps)

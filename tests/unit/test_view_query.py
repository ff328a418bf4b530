"""Which jobs a list shows: the index and the folders answer alike, in the order asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qm.folders.layout import Layout
from qm.index import ArrivalRow, Index
from qm.model import END_STATES, State
from qm.times import utc_text
from qm.view import Entry, load
from qm.view.entries import arriving, entry_of
from qm.view.query import (
    SORTS,
    Query,
    arrange,
    has_wildcard,
    likeness,
    matcher,
    missing,
    shortened,
)
from tests.fakes.shown import NOW, a_row, managed, put

NAMES = ("run-1", "run-2", "fit", "a[b]", "7", "Zeta", "zeta", "ünder")
STATES = [State.QUEUED, State.HELD, State.RUNNING, State.FINISHED, State.FAILED, State.KILLED]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return Layout(str(tmp_path_factory.mktemp("QM")))


@pytest.fixture(scope="module")
def index(layout: Layout) -> Iterator[Index]:
    """60 jobs of every kind, and 4 arrivals."""
    with managed(layout) as made:
        for number in range(1, 61):
            state = STATES[number % len(STATES)]
            ran = state in END_STATES or state is State.RUNNING
            start = utc_text(NOW + 7 * (number % 11)) if ran else None
            end = utc_text(NOW + 100 + 13 * (number % 17)) if state in END_STATES else None
            name = NAMES[number % len(NAMES)]
            row = a_row(number, state, name=name, priority=number % 5, started=start, ended=end)
            made.put(row._replace(owner=("anna", "bert")[number % 2], reason="X: given"))
        for number in range(4):
            when = utc_text(NOW + number)
            made.put_arrival(f"drop{number}", ArrivalRow(f"drop{number}", "Settling: x", when))
        made.flush()
        yield made


QUERIES = st.builds(
    Query,
    states=st.frozensets(st.sampled_from([*map(str, STATES), "ARRIVING", "LOST"]), max_size=3),
    owners=st.lists(st.sampled_from(["anna", "b*", "nobody", "?nna"]), max_size=2).map(tuple),
    names=st.lists(
        st.sampled_from(["run-*", "fit", "[!a]*", "a[b]", "zeta", "ü*", "*"]), max_size=2
    ).map(tuple),
    targets=st.lists(
        st.sampled_from(["7", "12", "fit", "99", "drop*", "drop1", "9" * 30]), max_size=3
    ).map(tuple),
    until=st.none() | st.integers(0, 350).map(lambda s: utc_text(NOW + s)),
    sort=st.sampled_from(SORTS),
    reverse=st.booleans(),
    limit=st.none() | st.integers(0, 70),
)
MOMENTS = st.none() | st.integers(0, 350).map(lambda s: utc_text(NOW + s))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(QUERIES, MOMENTS)
def test_the_index_selects_sorts_and_limits_as_a_look_at_every_job_does(
    layout: Layout, index: Index, query: Query, since: str | None
) -> None:
    everything = load(layout, since).entries
    wanted = arrange(filter(matcher(query), everything), query, NOW)
    found = load(layout, since, query).entries
    if query.sort == "duration":
        # What runs goes on running between the two looks.
        assert sorted(map(str, found)) == sorted(map(str, wanted)) or query.limit is not None
    else:
        assert found == wanted


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), MOMENTS)
def test_a_short_list_leaves_out_and_counts_what_waits_longest_and_what_ended_first(
    layout: Layout, index: Index, brief: int, since: str | None
) -> None:
    everything = load(layout, since).entries
    kept, waiting, ended = shortened(everything, brief)
    view = load(layout, since, Query(brief=brief))
    assert (view.more_waiting, view.more_ended) == (waiting, ended)
    assert set(kept) == set(view.entries)
    assert len(view.entries) + waiting + ended == len(everything)


@given(st.lists(st.integers(1, 99), unique=True, max_size=20), st.sampled_from(SORTS))
def test_what_lacks_the_value_that_is_sorted_by_comes_last_either_way(
    ids: list[int], sort: str
) -> None:
    entries = [an_entry(number) for number in ids]
    drop = arriving(ArrivalRow("drop", "x", utc_text(NOW)), Layout("QM"))
    for reverse in (False, True):
        found = arrange([*entries, drop], Query(sort=sort, reverse=reverse), NOW)
        assert len(found) == len(ids) + 1
        if sort in ("id", "priority", "started", "ended", "duration"):
            assert found[-1] is drop or sort in ("started", "ended", "duration")
            known = [getattr(e, sort, 0) is not None for e in found if sort != "duration"]
            assert known == sorted(known, reverse=True)


def an_entry(number: int) -> Entry:
    state = STATES[number % len(STATES)]
    start = None if number % 3 else utc_text(NOW - number)
    return entry_of(a_row(number, state, started=start, priority=number % 4), Layout("QM"))


@given(st.sampled_from(SORTS), st.booleans())
def test_equals_stay_in_the_order_of_their_ids(sort: str, reverse: bool) -> None:
    entries = [entry_of(a_row(number, name="same"), Layout("QM")) for number in (3, 1, 2)]
    if sort != "id":
        found = arrange(entries, Query(sort=sort, reverse=reverse), NOW)
        assert [entry.id for entry in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("patterns", "text", "like"),
    [
        (("run-*",), "run-7", True),
        (("run-*",), "my run-7", False),
        (("a[b]",), "a[b]", True),
        (("a[b]",), "ab", True),
        (("[!a]*",), "abc", False),
        (("fit",), "Fit", False),
        (("x", "f?t"), "fit", True),
        (("*",), "two\nlines", True),
    ],
)
def test_a_name_is_like_a_pattern_or_is_the_pattern_itself(
    patterns: tuple[str, ...], text: str, like: bool
) -> None:
    assert likeness(patterns)(text) is like


def test_only_names_without_wildcards_can_be_missing() -> None:
    entries = [entry_of(a_row(7, name="fit"), Layout("QM"))]
    query = Query(targets=("fit", "7", "no*", "nobody", "8", "nobody"))
    assert missing(query, entries) == ["nobody", "8"]
    assert [*map(has_wildcard, ("fit", "f*", "f?", "[f]"))] == [False, True, True, True]


def test_a_job_is_shown_once_where_it_has_just_stopped_to_arrive(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "QM"))
    with managed(layout) as index:
        index.put_arrival("job1", ArrivalRow("job1", "Settling: x", utc_text(NOW)))
        put(index, a_row(1))
        for query in (Query(), Query(brief=5), Query(limit=3)):
            assert [entry.id for entry in load(layout, None, query).entries] == [1]


def test_every_queued_job_that_is_shown_has_its_reason_however_few_are_shown(
    tmp_path: Path,
) -> None:
    layout = Layout(str(tmp_path / "QM"))
    with managed(layout) as index:
        put(index, *(a_row(number) for number in range(1, 30)))
        whole = {entry.id: entry.reason for entry in load(layout, None).entries}
        for query in (Query(limit=3, reverse=True), Query(targets=("29",)), Query(brief=2)):
            shown = load(layout, None, query).entries
            assert shown and all(whole[entry.id] == entry.reason for entry in shown)
            assert all(entry.reason for entry in shown)


def test_without_a_manager_the_same_is_asked_of_the_folders(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "QM"))
    layout.create()
    for name in ("a", "b", "c"):
        (Path(layout.root) / "QM_qJobs" / name).mkdir()
    found = load(layout, None, Query(names=("[ab]",), sort="name", reverse=True)).entries
    assert [entry.name for entry in found] == ["b", "a"]
    short = load(layout, None, Query(brief=1))
    assert (len(short.entries), short.more_waiting) == (1, 2)


def test_every_state_has_its_place_in_the_order_of_a_jobs_life() -> None:
    entries = [
        entry_of(a_row(n, state), Layout("QM")) for n, state in enumerate(reversed(State), 1)
    ]
    found = arrange(entries, Query(sort="state"), NOW)
    assert [entry.state for entry in found] == list(State)
    pairs = itertools.pairwise(found)
    assert all(State(one.state) is not State(other.state) for one, other in pairs)

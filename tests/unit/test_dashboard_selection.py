"""The selection stays on its job, wherever its row goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qm.dashboard.selection import TABLES, Selection, at, keep, step
from qm.folders.layout import Layout
from qm.index import ArrivalRow
from qm.view import Entry
from qm.view.entries import arriving
from tests.fakes.served import an_entry

Tables = dict[str, tuple[Entry, ...]]


def tables(running: str = "", waiting: str = "", recent: str = "") -> Tables:
    """Tables with the jobs of these ids; a letter is the name of a drop that is no job yet."""
    texts = dict(zip(TABLES, (running, waiting, recent), strict=True))
    return {table: tuple(map(an_entry_of, text.split())) for table, text in texts.items()}


def an_entry_of(word: str) -> Entry:
    if word.isdigit():
        return an_entry(int(word))
    return arriving(ArrivalRow(word, "Settling: 1 file", ""), Layout("QM"))


def test_at_first_the_first_row_is_selected() -> None:
    assert keep(None, tables("", "5 6", "1")) == Selection("waiting", 0, "5")
    assert keep(None, tables()) is None


def test_the_selection_stays_on_its_job_when_rows_come_and_go_above_it() -> None:
    place = Selection("waiting", 1, "6")
    assert keep(place, tables("", "3 4 5 6")) == Selection("waiting", 3, "6")
    assert keep(place, tables("", "6 7")) == Selection("waiting", 0, "6")


def test_the_selection_goes_with_its_job_into_another_table() -> None:
    place = Selection("running", 0, "5")
    assert keep(place, tables("6 7", "8", "5 1")) == Selection("recent", 0, "5")


def test_a_drop_stays_selected_when_it_becomes_a_job() -> None:
    place = Selection("waiting", 2, "+job9")
    assert keep(place, tables("9", "5 6")) == Selection("running", 0, "9")


def test_where_the_job_is_gone_the_selection_stays_at_its_place() -> None:
    place = Selection("recent", 1, "5")
    assert keep(place, tables("1", "", "7 8 9")) == Selection("recent", 1, "8")
    assert keep(place, tables("1", "", "7")) == Selection("recent", 0, "7")
    assert keep(place, tables("1", "2", "")) == Selection("running", 0, "1")
    assert keep(place, tables()) is None


def test_a_step_at_the_end_of_a_table_leads_into_the_next_that_has_rows() -> None:
    rows = tables("1 2", "", "7 8")
    assert step(at("running", 1, rows), True, rows) == Selection("recent", 0, "7")
    assert step(at("recent", 0, rows), False, rows) == Selection("running", 1, "2")
    assert step(at("recent", 1, rows), True, rows) == Selection("recent", 1, "8")
    assert step(at("running", 0, rows), False, rows) == Selection("running", 0, "1")
    assert step(None, True, rows) == Selection("running", 0, "1")
    assert step(None, True, tables()) is None


ids = st.lists(st.integers(1, 12).map(str), max_size=6, unique=True).map(" ".join)


@given(st.builds(tables, ids, ids, ids), st.builds(tables, ids, ids, ids), st.booleans())
def test_the_selection_is_always_a_row_that_is_there(
    before: Tables, after: Tables, down: bool
) -> None:
    selection = keep(step(keep(None, before), down, before), after)
    if selection is None:
        assert not any(after.values())
    else:
        assert str(after[selection.table][selection.index].id) == selection.key

"""Tables of sweeps: as programs and spreadsheets write them; what is wrong names its place."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import FileError
from qm.submit.table import Table, read_table, variable_of

CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), min_size=1, max_size=10
).filter(lambda text: text.strip() and not text.startswith(" "))


def table(text: str, encoding: str = "utf-8") -> Table:
    return read_table("t.csv", text.encode(encoding))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_usual_form_is_the_same_table(delimiter: str, encoding: str, end: str) -> None:
    lines = ["lr,größe", '0.1,"a,b;c\td ""e"""', "", "0.2,x"]
    text = end.join(lines)
    if delimiter != ",":
        text = text.replace("lr,", f"lr{delimiter}").replace("0.1,", f"0.1{delimiter}")
        text = text.replace("0.2,", f"0.2{delimiter}")
    read = table(text, encoding)
    assert read.columns == ("lr", "größe")
    assert [dict(row.values) for row in read.rows] == [
        {"lr": "0.1", "größe": 'a,b;c\td "e"'},
        {"lr": "0.2", "größe": "x"},
    ]
    assert [(row.number, row.line) for row in read.rows] == [(1, 2), (2, 4)]


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_what_a_program_writes_is_read_back(rows: list[tuple[str, str]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("a", "b"), *rows])
    read = table(stream.getvalue())
    assert [tuple(row.values.values()) for row in read.rows] == rows


def test_a_line_break_in_a_cell_is_kept_and_lines_are_counted() -> None:
    read = table('a,b\n1,"x\ny"\n2,z\n')
    assert [row.values["b"] for row in read.rows] == ["x\ny", "z"]
    assert [row.line for row in read.rows] == [2, 4]


def test_blanks_behind_commas_and_around_names_do_not_count() -> None:
    read = table("lr , n\n0.1, 2\n")
    assert dict(read.rows[0].values) == {"lr": "0.1", "n": "2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "no row"),
        ("a,b\n1,2\n3\n", r't.csv line 3: row 2 has no value for the column "b"'),
        ("a,b\n1,2,3\n", r"line 2: row 1 has 3 values.*\"3\""),
        ("a,a\n1,2\n", r'line 1: column "a" comes twice'),
        ("lr,LR\n1,2\n", r'line 1: column "LR" is too much like "lr"'),
        ("a,,b\n1,2,3\n", "column 2 has no name"),
        ("a{,b\n1,2\n", "without braces"),
        ('a,b\n1,"x\n', "cannot be read as CSV"),
        ("a\n\0\n", "line 2: there is a NUL"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_column(text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        table(text)


def test_a_table_that_is_not_utf_8_is_told_with_its_line() -> None:
    with pytest.raises(FileError, match=r"t.csv line 2: is not UTF-8") as error:
        read_table("t.csv", "a\ngröße\n".encode("latin-1"))
    assert "CSV UTF-8" in error.value.hint


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_table_or_a_sentence(data: bytes) -> None:
    try:
        read = read_table("t.csv", data)
    except FileError:
        return
    assert all(set(row.values) == set(read.columns) for row in read.rows)


def test_a_row_is_in_the_environment_of_its_job() -> None:
    (row,) = table("learning rate,ε\n0.1,x\n").rows
    assert row.variables() == {"QM_ROW": "1", "QM_SWEEP_LEARNING_RATE": "0.1"}
    assert variable_of("a-b c") == "QM_SWEEP_A_B_C"

"""The table of a sweep: a CSV file with a header, as programs and spreadsheets write it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qm.errors import FileError
from qm.jobinfo.items import quoted

MOST_BYTES = 64 << 20
"""Bytes of the largest table that is read."""
ROW_VARIABLE = "QM_ROW"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DELIMITERS = ",;\t"
_QUOTED = re.compile(r'"[^"]*"')
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number (the first below the header is 1), its line, its values by column."""

    number: int
    line: int
    values: Mapping[str, str]

    def variables(self) -> dict[str, str]:
        """What its job finds in its environment: QM_ROW, and QM_SWEEP_ with each column."""
        named = {variable_of(column): value for column, value in self.values.items()}
        named.pop("", None)
        return {ROW_VARIABLE: str(self.number), **named}


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was read; ``file`` is its name as shown."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def variable_of(column: str) -> str:
    """The environment variable of a column: ``learning rate`` is QM_SWEEP_LEARNING_RATE.

    Nothing for a name without a letter or digit of ASCII, which shells need.
    """
    name = _NOT_IN_A_NAME.sub("_", column.upper()).strip("_")
    return f"QM_SWEEP_{name}" if name else ""


def read_table(file: str, data: bytes) -> Table:
    """Read a table with a header; commas, semicolons or tabs divide, double quotes hold together.

    Empty lines do not count. Raises FileError, which names the line and the column.
    """
    lines = _lines(file, data)
    header_line, header = next(lines, (1, []))
    columns = tuple(name.strip() for name in header)
    _check_columns(file, header_line, columns)
    rows: list[Row] = []
    for line, fields in lines:
        _check_width(file, line, len(rows) + 1, columns, fields)
        values = dict(zip(columns, fields, strict=True))
        rows.append(Row(len(rows) + 1, line, values))
    if not rows:
        raise FileError(file, None, "has no row below its header", "one row for each job")
    return Table(file, columns, tuple(rows))


def _lines(file: str, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The fields of each line that has any, with the line on which they begin."""
    text = _decode(file, data)
    first = next((line for line in text.splitlines() if line.strip()), "")
    plain = _QUOTED.sub("", first)
    delimiter = max(_DELIMITERS, key=plain.count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    line = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileError(file, line, f"cannot be read as CSV: {error}") from error


def _decode(file: str, data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise FileError(file, None, f"is larger than {MOST_BYTES >> 20} MiB", "a table")
    mark, encoding = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FileError(
            file, line, "is not UTF-8", "UTF-8 text", "Save the table as CSV UTF-8."
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise FileError(file, line, "there is a NUL character", "text")
    return text


def _check_columns(file: str, line: int, columns: Sequence[str]) -> None:
    if not columns:
        raise FileError(file, None, "is empty", "a header with the names of the columns")
    seen: dict[str, str] = {}
    for number, column in enumerate(columns, 1):
        if not column:
            raise FileError(file, line, f"column {number} has no name in the header", "a name")
        if any(letter in "{}\n\r" or not letter.isprintable() for letter in column):
            raise FileError(
                file, line, f"column {quoted(column)}", "a name without braces, on one line"
            )
        variable = variable_of(column) or column
        if variable in seen:
            earlier = seen[variable]
            same = "comes twice" if earlier == column else f"is too much like {quoted(earlier)}"
            raise FileError(file, line, f"column {quoted(column)} {same}", "a name for each column")
        seen[variable] = column


def _check_width(
    file: str, line: int, row: int, columns: Sequence[str], fields: Sequence[str]
) -> None:
    if len(fields) < len(columns):
        missing = columns[len(fields)]
        raise FileError(file, line, f"row {row} has no value for the column {quoted(missing)}")
    if len(fields) > len(columns):
        extra = fields[len(columns)]
        raise FileError(
            file,
            line,
            f"row {row} has {len(fields)} values, and the header names {len(columns)}; "
            f"the first one too many is {quoted(extra)}",
            hint="Put a value that holds a comma, a semicolon or a tab into double quotes.",
        )

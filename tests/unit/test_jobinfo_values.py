"""Values with a grammar of their own: after, begin, env, paths."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from qm.jobinfo.dependencies import parse_after
from qm.jobinfo.environment import parse_env
from qm.jobinfo.moments import begin_text, parse_begin
from qm.jobinfo.values import Unusable, file_path, folder_path
from qm.times import utc_seconds

NOW = datetime(2030, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", ()),
        ("prep", ("afterok:prep",)),
        ("12", ("afterok:12",)),
        ("afterok:12:13", ("afterok:12", "afterok:13")),
        ("AfterAny:prep", ("afterany:prep",)),
        ("a, b c,,d", ("afterok:a", "afterok:b", "afterok:c", "afterok:d")),
        ("a,afternotok:b:c", ("afterok:a", "afternotok:b", "afternotok:c")),
        ("a a afterok:a", ("afterok:a",)),
    ],
)
def test_dependencies_become_one_entry_for_each_job(text: str, entries: tuple[str, ...]) -> None:
    assert parse_after(text) == entries


@pytest.mark.parametrize(
    "text", ["afterok", "afterok:", "afterok::1", "prep:1", "after:1", ":1", "afterok:1?afterok:2"]
)
def test_other_dependencies_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(Unusable, match=r"afterok:.*afterany:.*afternotok:"):
        parse_after(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2030-01-31T08:00Z", "2030-01-31T08:00:00.000Z"),
        ("2030-01-31T08:00:00.250+01:00", "2030-01-31T07:00:00.250Z"),
        ("2030-01-31 08:00:05-0530", "2030-01-31T13:30:05.000Z"),
        ("+90", "2030-01-31T12:01:30.500Z"),
        ("+2h", "2030-01-31T14:00:00.500Z"),
    ],
)
def test_moments_are_stored_in_utc(text: str, shown: str) -> None:
    begin = parse_begin(text)
    assert begin is not None
    assert begin_text(begin, NOW) == shown


@pytest.mark.parametrize("text", ["2030-07-01T08:00", "2030-07-01", "2030-01-01 23:59:59"])
def test_a_time_without_a_zone_is_one_of_this_machines_clock(text: str) -> None:
    begin = parse_begin(text)
    assert isinstance(begin, datetime)
    assert utc_seconds(begin_text(begin, None)) == datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("text", ["00:00", "8:30", "12:00:01", "23:59:59"])
def test_a_time_of_day_is_the_next_one_on_this_machines_clock(text: str) -> None:
    begin = parse_begin(text)
    assert begin is not None
    seconds = utc_seconds(begin_text(begin, NOW))
    assert NOW.timestamp() < seconds <= NOW.timestamp() + 90_000
    local = datetime.fromtimestamp(seconds, tz=UTC).astimezone()
    assert local.time() == begin


def test_a_time_of_day_that_is_now_is_tomorrows() -> None:
    local = NOW.astimezone().replace(microsecond=0)
    begin = parse_begin(f"{local:%H:%M:%S}")
    assert begin is not None
    tomorrow = datetime.fromisoformat(begin_text(begin, local)).astimezone()
    assert tomorrow.date() - local.date() == timedelta(days=1)


@pytest.mark.parametrize("text", ["8:30", "+1h"])
def test_what_counts_from_now_needs_now(text: str) -> None:
    begin = parse_begin(text)
    assert begin is not None
    with pytest.raises(Unusable, match="a date and a time"):
        begin_text(begin, None)


@pytest.mark.parametrize(
    "text",
    ["x", "25:00", "8", "2030", "2030-13-01", "2030-02-30", "20300131", "+", "+x", "2030-W01-1",
     "2030-01-31T", "12:60", "٠٨:٣٠"],
)  # fmt: skip
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        parse_begin(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "1900-01-01T00:00Z"])
def test_a_time_before_clocks_is_refused(text: str) -> None:
    begin = parse_begin(text)
    assert begin is not None
    with pytest.raises(Unusable):
        begin_text(begin, NOW)


def test_the_end_of_the_calendar_is_survived() -> None:
    begin = parse_begin("+876000h")
    assert begin is not None
    with pytest.raises(Unusable):
        begin_text(begin, datetime.combine(date(9990, 1, 1), datetime.min.time(), tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", ()),
        ("A=1", (("A", "1"),)),
        ("A=1 _b2=x=y", (("A", "1"), ("_b2", "x=y"))),
        ("A='two words' B=\"it's\" C=", (("A", "two words"), ("B", "it's"), ("C", ""))),
        (r"DATA=C:\data\new", (("DATA", r"C:\data\new"),)),
        ("A=a,b;c B=#2", (("A", "a,b;c"), ("B", "#2"))),
        ("A='x, B=1' C=2", (("A", "x, B=1"), ("C", "2"))),
        ("A=$HOME B=`x` C=%P%", (("A", "$HOME"), ("B", "`x`"), ("C", "%P%"))),
    ],
)
def test_variables(text: str, variables: tuple[tuple[str, str], ...]) -> None:
    assert parse_env(text) == variables


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A", "NAME=value"),
        ("=1", "NAME=value"),
        ("1A=1", "NAME=value"),
        ("é=1", "NAME=value"),
        ("A B=1", "NAME=value"),
        ("A='open", "NAME=value"),
        ("A=1, B=2", "NAME=value"),
        ("A=1; B=2", "NAME=value"),
        ("NB_PROC=4", "NB_PROC"),
        ("qm_job_id=4", "QM_"),
        ("A=1 A=2", "only once"),
    ],
)
def test_other_variables_are_refused(text: str, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        parse_env(text)


@pytest.mark.parametrize(
    "path", ["work", "a/b", "./a", "a/../b", ".", "a b", "/tmp/x", r"C:\x", r"\\srv\x", "..a"]
)
def test_a_folder_inside_the_job_or_an_absolute_one_is_taken_as_written(path: str) -> None:
    assert folder_path(path) == path


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", r"a\..\..\x", "./../x", "~", "~/x"])
def test_a_way_out_of_the_job_is_refused_with_a_hint(path: str) -> None:
    for parse in (folder_path, file_path):
        with pytest.raises(Unusable) as error:
            parse(path)
        assert error.value.hint


@pytest.mark.parametrize("path", [".", "a/", "a/..", "a\\", "./", "a/.", ".qm/x", ".QM"])
def test_what_is_no_file_to_write_is_refused(path: str) -> None:
    with pytest.raises(Unusable):
        file_path(path)


@pytest.mark.parametrize("path", ["", "process.log", "./Process.LOG"])
def test_the_log_of_qm_is_where_output_goes_anyway(path: str) -> None:
    assert file_path(path) is None


def test_other_files_are_taken_as_written() -> None:
    assert file_path("logs/process.log") == "logs/process.log"
    assert file_path("/dev/null") == "/dev/null"

"""Options of the command line that win over an info file: checked at once, told by their names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import QMError, Refused
from qm.jobinfo.environment import parse_env
from qm.jobinfo.limits import Limits
from qm.submit.wishes import Wishes, env_text

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIMITS = Limits(max_processors=4, max_memory=1 << 30)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True).filter(
    lambda name: not name.upper().startswith(("QM_", "NB_PROC"))
)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"))


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_variables_come_back_exactly(variables: dict[str, str]) -> None:
    assert parse_env(env_text(list(variables.items()))) == tuple(variables.items())


def test_variables_are_added_to_those_of_the_info_file_and_win() -> None:
    wishes = Wishes({"nb_proc": "2"}, [("B", "new"), ("C", "x y")])
    changes = wishes.changes([("A", "1"), ("B", "old")])
    assert changes == {"nb_proc": "2", "env": "A=1 B=new C='x y'"}
    assert Wishes({"env": "Z=9"}, [("C", "3")]).changes([("A", "1")])["env"] == "Z=9 C=3"
    assert Wishes({"nb_proc": "2"}).changes([("A", "1")]) == {"nb_proc": "2"}


def test_a_variable_with_a_line_break_is_told() -> None:
    with pytest.raises(Refused, match=r"A is .*line break"):
        env_text([("A", "1\n2")])


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("nb_proc", "four", '--opt: nb_proc = "four"; expected a whole number'),
        ("mem", "2G", "--opt: .*at most"),
        ("begin", "soon", "--opt: begin"),
        ("nb_prok", "1", "--opt: there is no key 'nb_prok'"),
        ("cwd", "~/x", "--opt: .*without"),
        ("info", "a\nb", "--opt: .*more than one line"),
    ],
)
def test_a_bad_value_is_told_by_the_name_of_its_option(key: str, text: str, message: str) -> None:
    wishes = Wishes({key: text}, (), {key: "--opt"})
    with pytest.raises(QMError, match=message):
        wishes.placed("/home/me").settled(LIMITS, NOW)


def test_a_time_counts_from_the_submission() -> None:
    assert Wishes({"begin": "+2h"}).settled(LIMITS, NOW).keys["begin"] == "2026-05-01T14:00:00.000Z"


def test_paths_of_what_has_no_folder_begin_where_it_was_written() -> None:
    placed = Wishes({"cwd": "..", "stdout": "/tmp/x", "mem": "1M"}).placed("/home/me")
    assert placed.keys == {"cwd": "/home/me/..", "stdout": "/tmp/x", "mem": "1M"}
    assert placed.settled(LIMITS, NOW).keys == placed.keys

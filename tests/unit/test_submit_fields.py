"""``{column}`` in texts: what a value becomes there, and that none of it is ever run."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.jobinfo.environment import parse_env
from qm.osops.shell import is_plain
from qm.submit import fields
from qm.submit.fields import Unfilled

HOSTILE = (
    "a b",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "x' ; touch pwned ; '",
    'x" ; touch pwned ; "',
    "new\nline; touch pwned",
    "*",
    "~",
    "$HOME",
    "a\\",
    "#",
    "&& touch pwned",
)
VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=12
).filter(str.strip)
SAFE_PLACES = ("{v}", "'{v}'", '"{v}"', "--name={v}", "{v}.txt", "'a b'{v}")
ODD_PLACES = (
    '"a {v}"',
    "'a {v}'",
    "$(echo {v})",
    "`echo {v}`",
    '"$(echo {v})"',
    "\\{v}",
    "x # {v}",
    "<<E\n{v}\nE",
    "$'{v}'",
    '"\\"{v}"',
    "${x:-{v}}",
    '$"{v}"',
    "x;#{v}",
    "'a'\\''{v}'",
)


def run_sh(line: str, folder: str) -> bytes:
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("there is no sh here")
    return subprocess.run([shell, "-c", line.encode()], capture_output=True, cwd=folder).stdout


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", SAFE_PLACES)
def test_a_hostile_value_is_one_word_of_the_command(
    tmp_path_factory: pytest.TempPathFactory, place: str, value: str
) -> None:
    folder = tmp_path_factory.mktemp("run")
    line = fields.fill_command(f"printf '%s' {place}", {"v": value})
    expected = place.replace("'a b'", "a b").strip("'\"").replace("{v}", value)
    assert run_sh(line, str(folder)).decode() == expected
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", ODD_PLACES)
def test_where_no_quotes_help_only_plain_words_go_in(value: str, place: str) -> None:
    with pytest.raises(Unfilled) as unfilled:
        fields.fill_command(f"echo {place}", {"v": value})
    assert "QM_SWEEP_V" in unfilled.value.hint or "without quotes" in unfilled.value.hint
    assert "0.1" in fields.fill_command(f"echo {place}", {"v": "0.1"})


@given(
    st.lists(st.sampled_from([*SAFE_PLACES, *ODD_PLACES, " ", "x", "'", '"', "\\", "$", "`"])),
    VALUES.filter(lambda text: not is_plain(text)),
)
def test_no_value_ever_leaves_its_quotes(parts: list[str], value: str) -> None:
    """Either it is refused, or the shell's reader sees as many commands as for a plain word."""
    line = "".join(parts)
    try:
        filled = fields.fill_command(line, {"v": value})
    except Unfilled:
        return
    plain = fields.fill_command(line, {"v": "plainword"})
    assert _outside_quotes(filled) == _outside_quotes(plain).replace("plainword", "")


def _outside_quotes(line: str) -> str:
    """What stands outside of quotes, without the quotes; plain values count as nothing."""
    outside, inside, skip = "", "", False
    for letter in line:
        if skip:
            skip = False
            outside += "" if inside else letter
        elif letter == "\\" and inside != "'":
            skip = True
        elif inside:
            inside = "" if letter == inside else inside
        elif letter in "'\"":
            inside = letter
        else:
            outside += letter
    return outside


@given(VALUES.filter(lambda text: "\n" not in text))
def test_a_variable_of_env_gets_exactly_the_value(value: str) -> None:
    for text in ("A={v} B=2", "A='{v}' B=2", 'A="{v}" B=2'):
        assert parse_env(fields.fill_env(text, {"v": value})) == (("A", value), ("B", "2"))


@given(VALUES)
def test_json_stays_json(value: str) -> None:
    assert json.loads(fields.fill_json('{"a": "{v}", "b": {"c": 1}}', {"v": value})) == {
        "a": value,
        "b": {"c": 1},
    }
    assert fields.fill_json('{"lr": {v}}', {"v": "0.1"}) == '{"lr": 0.1}'


def test_markup_in_a_value_is_text() -> None:
    assert fields.fill_xml('<a b="{v}"/>', {"v": '"<x>&'}) == '<a b="&quot;&lt;x&gt;&amp;"/>'


@pytest.mark.parametrize("value", ["a b", "x()", "'", "a\nb"])
def test_code_takes_plain_words_only(value: str) -> None:
    with pytest.raises(Unfilled, match="only a plain word") as unfilled:
        fields.fill_code("lr = {v}", {"v": value})
    assert unfilled.value.hint.endswith("QM_SWEEP_V")
    assert fields.fill_code("lr = {v}", {"v": "-1e-3"}) == "lr = -1e-3"


def test_only_names_of_columns_are_fields() -> None:
    text = '{"a": {x}} ${lr} {lr:.2f} {0} {} { lr } f"{loss}" {lr}'
    assert fields.fill_text(text, {"lr": "1"}) == text[:-4] + "1"
    assert fields.fields_in(text, ["lr", "loss", "y"]) == {"lr", "loss"}


def test_a_value_with_braces_is_not_filled_in_again() -> None:
    assert fields.fill_text("{a}{b}", {"a": "{b}", "b": "{a}"}) == "{b}{a}"


def test_an_empty_value_is_told_where_it_is_used() -> None:
    with pytest.raises(Unfilled, match='no value for the column "a"'):
        fields.fill_text("{a}", {"a": " ", "b": ""})
    assert fields.fill_text("{c}", {"a": "", "c": "1"}) == "1"


@pytest.mark.parametrize(
    ("text", "hint"), [("{lrr}", "mean {lr}"), ("x {batchsize} y", "mean {batch}"), ("{q}", "lr")]
)
def test_an_unknown_field_is_told_with_the_nearest_column(text: str, hint: str) -> None:
    with pytest.raises(Unfilled, match="is no column") as unfilled:
        fields.refuse_unknown(text, ["lr", "batch"])
    assert hint in unfilled.value.hint


@pytest.mark.parametrize("text", ["${lr}", "{lr}", "{1..5}", "{a,b}", "{ print }", "{}"])
def test_what_is_no_field_is_no_unknown_one(text: str) -> None:
    fields.refuse_unknown(text, ["lr"])

"""Which paths Windows would read as other ones: text only, so it is tested everywhere."""

from __future__ import annotations

import ntpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.osops.windows_names import is_misread, native, verbatim

HERE = "C:\\Users\\me"
NAMES = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='<>:"/\\|?*'),
    min_size=1,
    max_size=20,
).filter(lambda name: set(name) != {"."})


@pytest.mark.parametrize(
    "name",
    [
        "NUL",
        "nul",
        "aux.txt",
        "Com1",
        "LPT9.tar.gz",
        "COM¹",
        "con .txt",
        "CONOUT$",
        "a.",
        "a ",
        "a. .",
    ],
)
def test_devices_and_dots_and_blanks_at_the_end_are_misread(name: str) -> None:
    assert is_misread(name)


@pytest.mark.parametrize("name", ["nulls", "COM", "COM10", ".qm", "..", ".", "a b", "a.b", " a"])
def test_ordinary_names_are_read_as_they_are(name: str) -> None:
    assert not is_misread(name)


@given(NAMES)
def test_what_windows_itself_changes_is_known_as_misread(name: str) -> None:
    # On Windows this asks the system; elsewhere ntpath changes nothing.
    path = f"C:\\folder\\{name}"
    assert is_misread(name) or ntpath.abspath(path) == path


@given(st.lists(NAMES, min_size=1, max_size=40))
def test_a_path_stays_as_it_is_where_that_is_safe(names: list[str]) -> None:
    path = "\\".join(["C:", *names])
    made = native(path, HERE)
    if made == path:
        assert len(path) < 248
        assert not any(is_misread(name) for name in names)
    else:
        assert made == "\\\\?\\" + path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\a\\b", "\\\\?\\C:\\a\\b"),
        ("C:/a/../b/./c.", "\\\\?\\C:\\b\\c."),
        ("jobs\\NUL", "\\\\?\\C:\\Users\\me\\jobs\\NUL"),
        ("\\rooted", "\\\\?\\C:\\rooted"),
        ("\\\\server\\share\\job", "\\\\?\\UNC\\server\\share\\job"),
        ("\\\\?\\C:\\a.", "\\\\?\\C:\\a."),
    ],
)
def test_the_verbatim_form_of_a_path(path: str, expected: str) -> None:
    assert verbatim(path, HERE) == expected
    assert native(expected, HERE) == expected

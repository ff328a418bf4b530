"""Which paths an upload may have, and which of two would be one file on some system."""

from __future__ import annotations

import ntpath
import posixpath
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.osops.windows_names import is_misread
from web.uploads.names import (
    LONGEST_PART,
    LONGEST_PATH,
    Tree,
    fault_of_job_name,
    fault_of_part,
    fault_of_path,
    folded,
    one_top_folder,
    quoted,
)

USUAL = st.text(st.characters(categories=("L", "N"), include_characters="-_ .+()"), min_size=1)
ANYTHING = st.text(st.characters(categories=("C", "L", "M", "N", "P", "S", "Z")), max_size=40)
ODD = st.sampled_from(
    ["..", ".", "", "CON", "nul.txt", "C:", "a\\b", "a:b", "\x00", "\u202e", "e\u0301", "a.", " a"]
)
PATHS = st.lists(ANYTHING | ODD | USUAL, max_size=6).map("/".join)


def is_hidden(text: str) -> bool:
    """True where a letter of it moves the cursor, divides lines or swaps what is read."""
    hidden = {"Cc", "Cs", "Zl", "Zp"}
    return any(unicodedata.category(x) in hidden or x in "\u200f\u202e\u2066" for x in text)


@pytest.mark.parametrize(
    "path",
    [
        "proc_config.cfg",
        "data/2024/spectrum 1.fid",
        "é/ü/日本語/emoji 👩‍💻.txt",
        ".hidden/.bashrc",
        ".qm-ready",
        "a/.qm/x",
        "sub/process.log",
        "COM/CONSOLE.txt",
        "a..b",
        "100% sure #1 (copy).txt",
        "x" * LONGEST_PART,
        "/".join("abcdefghijklmnopqrst"),
    ],
)
def test_a_usual_path_is_taken(path: str) -> None:
    assert fault_of_path(path) is None


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/etc/passwd", "absolute"),
        ("\\\\server\\share\\x", "absolute"),
        ("//server/share", "absolute"),
        ("C:\\x", "absolute"),
        ("c:x", "absolute"),
        ("../x", "leads elsewhere"),
        ("a/../../x", "leads elsewhere"),
        ("a/./b", "leads elsewhere"),
        ("..", "leads elsewhere"),
        ("", "is empty"),
        ("a//b", "is empty"),
        ("a/", "is empty"),
        ("a\\..\\b", "has a \\"),
        ("a/x:ads", "has a :"),
        ("xy::$DATA", "has a :"),
        ("what?", "has a ?"),
        ("a*", "has a *"),
        ('"', 'has a "'),
        ("a<b", "has a <"),
        ("a|b", "has a |"),
        ("a\x00b", "U+0000"),
        ("a\r\nb", "U+000D"),
        ("a\x1b[2J", "U+001B"),
        ("\u202egnp.exe", "U+202E"),
        ("a\u200bb", "U+200B"),
        ("a\ud800b", "U+D800"),
        ("\udcff", "U+DCFF"),
        (" a", "blank"),
        ("a ", "blank"),
        ("a\u00a0/b", "blank"),
        ("a.", "dot"),
        ("a./b", "dot"),
        ("...", "dot"),
        ("CON", "device"),
        ("con.txt", "device"),
        ("a/Nul.tar.gz", "device"),
        ("COM0", "device"),
        ("lpt9.log", "device"),
        ("cafe\u0301", "NFC"),
        ("x" * 256, "255 bytes"),
        ("é" * 128, "255 bytes"),
        ("/".join(["x" * 200] * 6), "1024 bytes"),
        ("/".join("abcdefghijklmnopqrstu"), "21 levels"),
        (".qm/job.json", "QM writes itself"),
        (".QM/x", "QM writes itself"),
        ("process.log", "QM writes itself"),
        ("Process.Log", "QM writes itself"),
        ("process.log.1", "QM writes itself"),
    ],
)
def test_what_is_refused_is_told_why(path: str, says: str) -> None:
    fault = fault_of_path(path)
    assert fault is not None and says in fault


@given(PATHS)
def test_a_path_that_is_taken_stays_inside_the_folder_on_every_system(path: str) -> None:
    if fault_of_path(path) is not None:
        return
    assert posixpath.normpath(posixpath.join("/q/job", path)) == f"/q/job/{path}"
    windows = path.replace("/", "\\")
    assert ntpath.normpath(ntpath.join("C:\\q\\job", windows)) == f"C:\\q\\job\\{windows}"
    assert len(path.encode()) <= LONGEST_PATH
    for part in path.split("/"):
        assert part == unicodedata.normalize("NFC", part) == part.strip()
        assert len(part.encode()) <= LONGEST_PART and not is_misread(part)
        assert not is_hidden(part)


@given(USUAL)
def test_letters_and_numbers_are_no_fault(part: str) -> None:
    part = unicodedata.normalize("NFC", part).strip().rstrip(". ")
    usual = bool(part) and not is_misread(part) and len(part.encode()) <= LONGEST_PART
    assert (fault_of_part(part) is None) == usual


@given(st.lists(PATHS, max_size=8))
def test_the_files_of_a_plan_can_all_be_made_and_none_is_another(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    tree, taken = Tree(), []
    for path in paths:
        if fault_of_path(path) is None and tree.add(path, is_file=True) is None:
            taken.append(path)
    folder = tmp_path_factory.mktemp("plan")
    for path in taken:
        file = folder / Path(*path.split("/"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path, encoding="utf-8")
    assert len({folded(path) for path in taken}) == len(taken)
    for path in taken:
        assert (folder / Path(*path.split("/"))).read_text(encoding="utf-8") == path


@given(ANYTHING)
def test_a_name_in_a_sentence_is_plain_text_of_bounded_length(text: str) -> None:
    told = quoted(text)
    assert len(told) <= 82 and not is_hidden(told)
    told.encode("utf-8")


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("Data.txt", "data.TXT", "upper and lower case"),
        ("DATA/a", "data/b", "upper and lower case"),
        ("straße", "STRASSE", "upper and lower case"),
        ("a", "a", "twice"),
        ("a/b", "a/b", "twice"),
        ("a", "a/b", "a file and a folder"),
        ("a/b/c", "a/b", "a file and a folder"),
    ],
)
def test_two_paths_that_are_one_somewhere_are_refused(first: str, second: str, says: str) -> None:
    tree = Tree()
    assert tree.add(first, is_file=True) is None
    fault = tree.add(second, is_file=True)
    assert fault is not None and says in fault


def test_a_folder_may_be_named_beside_the_files_in_it() -> None:
    tree = Tree()
    assert tree.add("a/b.txt", is_file=True) is None
    assert tree.add("a", is_file=False) is None
    assert tree.add("a/c", is_file=False) is None
    assert tree.add("a/c/d.txt", is_file=True) is None


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "CON", "lost+found", "", "a.", "~$x"])
def test_a_name_that_is_none_of_a_job_is_refused(name: str) -> None:
    assert fault_of_job_name(name) is not None


@pytest.mark.parametrize("name", ["job", "2024-11-02 run (3)", "é", "a.b"])
def test_a_usual_name_of_a_job_is_taken(name: str) -> None:
    assert fault_of_job_name(name) is None


def test_one_folder_at_the_top_of_all_is_found() -> None:
    assert one_top_folder(["a/b", "a/c/d", "a/"]) == "a"
    assert one_top_folder(["a/b", "c"]) is None
    assert one_top_folder(["a"]) is None
    assert one_top_folder([]) is None

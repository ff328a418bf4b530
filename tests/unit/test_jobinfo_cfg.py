"""The cfg format."""

from __future__ import annotations

import pytest

from qm.errors import InfoError
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import JobInfo

LIMITS = Limits(max_processors=8)


def read(text: str, name: str = "proc_config.cfg") -> JobInfo:
    return read_info(name, text.encode(), LIMITS)


def refusal(text: str) -> InfoError:
    with pytest.raises(InfoError) as error:
        read(text)
    return error.value


def test_the_example_of_the_manual_is_read() -> None:
    info = read(
        "[QMOptions]          ; options of the job\n"
        "nb_proc : 4\n"
        "e_mail : me@example.org\n"
        "info : some description of the job\n"
        "script : python process.py param1 param2\n"
    )
    assert info.file == "proc_config.cfg"
    assert info.warnings == ()
    assert info.options.nb_proc == 4
    assert info.options.e_mail == "me@example.org"
    assert info.options.info == "some description of the job"
    assert info.options.script == "python process.py param1 param2"
    assert info.options.dialect == "qm"


def test_an_ini_file_is_a_cfg_file() -> None:
    assert read("[QMOptions]\nscript = x\n", "JOB.INI").options.script == "x"


def test_a_percent_sign_in_a_script_is_just_a_percent_sign() -> None:
    script = "date +%Y-%m > %(name)s.txt %"
    assert read(f"[QMOptions]\nscript : {script}\n").options.script == script


def test_the_first_colon_or_equals_sign_divides() -> None:
    assert read("[QMOptions]\nscript = a=b:c\n").options.script == "a=b:c"
    assert read("[QMOptions]\nscript : a=b:c\n").options.script == "a=b:c"


def test_comment_signs_inside_a_value_belong_to_it() -> None:
    assert read("[QMOptions]\nscript : a ; b # c\n").options.script == "a ; b # c"


def test_a_comment_behind_a_number_gets_a_hint() -> None:
    error = refusal("[QMOptions]\nscript : x\nnb_proc : 4 ; processors\n")
    assert error.line == 3
    assert "line of its own" in error.hint


@pytest.mark.parametrize("name", ["qmoptions", "QMOPTIONS", " QmOptions "])
def test_the_section_is_found_in_any_case(name: str) -> None:
    assert read(f"[{name}]\nscript : x\n").options.script == "x"


@pytest.mark.parametrize("key", ["NB_PROC", "nb-proc", "Nb_Proc"])
def test_case_and_dashes_of_keys_make_no_difference(key: str) -> None:
    assert read(f"[QMOptions]\nscript : x\n{key} : 3\n").options.nb_proc == 3


def test_other_sections_belong_to_the_script_however_odd() -> None:
    text = (
        "[Proc]\nSize : 1\nSize : 2\nodd line\n   deeper\n[Proc]\n[]\n[open\n: none\n"
        "[QMOptions]\nscript : x\n[Proc2]\nnb_proc : four\n\x07\n"
    )
    info = read(text)
    assert info.options.script == "x"
    assert info.options.nb_proc == 1
    assert info.warnings == ()


def test_a_value_in_another_section_that_looks_like_ours_is_not_ours() -> None:
    info = read("[Proc]\nlist :\n  [QMOptions]\n[QMOptions]\nscript : x\n")
    assert info.options.script == "x"


def test_all_keys_may_be_indented_alike() -> None:
    assert read("[QMOptions]\n  nb_proc : 2\n  script : x\n").options.nb_proc == 2


def test_a_continued_value_is_refused_with_a_way_out() -> None:
    error = refusal("[QMOptions]\nscript : rm -rf\n  /data/x\n")
    assert error.line == 3
    assert "continues line 2" in error.found
    assert "script : sh run.sh" in error.hint


def test_an_indented_comment_continues_nothing() -> None:
    assert read("[QMOptions]\nscript : x\n   # nothing\n").options.script == "x"


@pytest.mark.parametrize("line", ["nonsense", ": 4", "= x", "[broken"])
def test_a_line_that_says_nothing_is_refused_with_its_line(line: str) -> None:
    error = refusal(f"[QMOptions]\nscript : x\n{line}\n")
    assert error.line == 3
    assert "key : value" in error.expected


def test_a_file_without_a_section_is_refused() -> None:
    error = refusal("nb_proc : 4\nscript : x\n")
    assert error.line == 1
    assert "[QMOptions]" in error.expected


def test_a_file_without_our_section_is_refused_and_a_near_miss_is_named() -> None:
    assert "no section [QMOptions]" in str(refusal("[Proc]\nscript : x\n"))
    assert "[QM Option]" in refusal("[QM Option]\nscript : x\n").hint


def test_only_comments_make_no_section() -> None:
    assert "no section" in str(refusal("# nothing\n; here\n"))


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    error = refusal("[QMOptions]\nscript : x\nnb_proc : 1\nNB-PROC : 2\n")
    assert error.line == 4
    assert "line 3" in error.found


def test_a_foreign_key_given_twice_is_refused_with_both_lines() -> None:
    error = refusal("[QMOptions]\nmesh : x\nmesh : y\nscript : x\n")
    assert error.line == 3
    assert "line 2" in error.found


def test_a_section_given_twice_is_refused_with_both_lines() -> None:
    error = refusal("[QMOptions]\nscript : x\n[Other]\n[qmoptions]\nnb_proc : 1\n")
    assert error.line == 4
    assert "line 1" in error.found


def test_an_option_on_the_line_of_the_section_is_refused() -> None:
    error = refusal("[QMOptions] nb_proc : 4\nscript : x\n")
    assert error.line == 1
    assert "nb_proc : 4" in error.found


def test_a_file_without_a_script_is_refused_with_an_example() -> None:
    error = refusal("[QMOptions]\nnb_proc : 1\n")
    assert "no script" in error.found
    assert "script : python process.py" in error.expected


def test_an_empty_script_is_refused_with_its_line() -> None:
    assert refusal("[QMOptions]\nscript :\n").line == 2

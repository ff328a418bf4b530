"""Bytes of info files: encodings, marks, line ends, sizes."""

from __future__ import annotations

import pytest

from qm.errors import InfoError
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.jobinfo.text import READ_AT_MOST, decode

LIMITS = Limits(max_processors=8)
PLAIN = "[QMOptions]\nnb_proc : 4\ninfo : été\nscript : python process.py\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_of_every_editor_are_read_alike(encoding: str, end: str) -> None:
    data = PLAIN.replace("\n", end).encode(encoding)
    info = read_info("proc_config.cfg", data, LIMITS)
    assert info.options.nb_proc == 4
    assert info.options.info == "été"
    assert info.options.script == "python process.py"
    assert info.warnings == ()


def test_a_big_endian_file_with_a_mark_is_read() -> None:
    data = b"\xfe\xff" + PLAIN.encode("utf-16-be")
    assert read_info("proc_config.cfg", data, LIMITS).options.info == "été"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_alike_for_all_line_ends(end: str) -> None:
    data = end.join(["[QMOptions]", "", "script : x", "nb_proc : four"]).encode()
    with pytest.raises(InfoError) as error:
        read_info("proc_config.cfg", data, LIMITS)
    assert error.value.line == 4


def test_a_form_feed_is_not_the_end_of_a_line() -> None:
    data = b"[QMOptions]\n# page\x0cbreak\nnb_proc : four\n"
    with pytest.raises(InfoError) as error:
        read_info("proc_config.cfg", data, LIMITS)
    assert error.value.line == 3


def test_latin_1_in_the_description_is_replaced_and_told() -> None:
    data = PLAIN.encode("latin-1")
    info = read_info("proc_config.cfg", data, LIMITS)
    assert info.options.info == "\ufffdt\ufffd"
    assert len(info.warnings) == 1
    assert info.warnings[0].startswith("proc_config.cfg line 3: info is not UTF-8")


@pytest.mark.parametrize("key", ["script", "e_mail", "cwd", "after"])
def test_latin_1_in_what_qm_uses_is_refused_with_its_line(key: str) -> None:
    data = f"[QMOptions]\nscript2 : é\n{key} : \xe9t\xe9\n".encode("latin-1")
    with pytest.raises(InfoError, match="not UTF-8") as error:
        read_info("proc_config.cfg", data, LIMITS)
    assert error.value.line == 3


def test_latin_1_in_keys_of_the_script_does_not_matter() -> None:
    data = "[QMOptions]\nscript : x\ntitre : é\n[été]\né\n".encode("latin-1")
    assert read_info("proc_config.cfg", data, LIMITS).warnings == ()


@pytest.mark.parametrize("name", ["proc_config.cfg", "infos.xml", "job.sh"])
def test_a_nul_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(InfoError, match="NUL") as error:
        read_info(name, b"first\nsecond\0\n", LIMITS)
    assert error.value.line == 2


def test_utf_16_without_a_mark_is_refused_as_no_utf_8() -> None:
    with pytest.raises(InfoError, match="UTF-8"):
        read_info("proc_config.cfg", PLAIN.encode("utf-16-le"), LIMITS)


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["proc_config.cfg", "infos.xml", "job.sh"])
def test_an_empty_file_is_refused_as_empty(name: str, data: bytes) -> None:
    with pytest.raises(InfoError, match="is empty"):
        read_info(name, data, LIMITS)


@pytest.mark.parametrize("name", ["proc_config.cfg", "infos.xml", "job.sh"])
def test_a_file_above_the_limit_is_refused(name: str) -> None:
    with pytest.raises(InfoError, match="larger than 64 KiB"):
        read_info(name, b" " * (READ_AT_MOST + 1), LIMITS)


def test_a_file_of_exactly_the_limit_is_read() -> None:
    start = b"[QMOptions]\nscript : x\n#"
    data = start + b"a" * (READ_AT_MOST - len(start))
    assert read_info("proc_config.cfg", data, LIMITS).options.script == "x"


def test_decode_keeps_the_mark_and_tells_damage() -> None:
    assert decode("f", b"\xef\xbb\xbfa").mark == b"\xef\xbb\xbf"
    assert not decode("f", "\ufffd".encode()).damaged
    assert decode("f", b"\xe9").damaged

"""The text of QMserv.cfg: how it is read, what is refused and how that is said."""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.config import parse_config
from qm.errors import ConfigError

ORIGINAL = Path(__file__).parents[1] / "data" / "QMserv.original.cfg"
SERVER, MAIL, WEB = "QMServer", "Mail", "WEB_QMserver"


def parse(*lines: str) -> dict[tuple[str, str], Any]:
    return parse_config("\n".join(lines), "QMserv.cfg", Path("/etc/qm"))


def complaint(*lines: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(*lines)
    assert caught.value.file == "QMserv.cfg"
    assert caught.value.exit_code == 2
    return caught.value


def test_the_file_of_the_original_is_accepted_as_it_is() -> None:
    values = parse_config(ORIGINAL.read_text(encoding="utf-8"), "QMserv.cfg", Path("/etc/qm"))
    assert values == {
        (SERVER, "QM_FOLDER"): Path(os.path.abspath("/home/user/QM")),
        (SERVER, "MaxNbProcessors"): 4,
        (SERVER, "launch_type"): False,
        (SERVER, "job_file"): ("proc_config.cfg",),
        (SERVER, "MailActive"): False,
        (SERVER, "Debug"): True,
        (WEB, "Host"): "localhost",
        (WEB, "The_Port"): 8000,
        (WEB, "Refresh_Rate"): 5.0,
        (WEB, "Display_details"): True,
        (WEB, "Delete_Jobs"): True,
        (WEB, "Licence_to_kill"): True,
        (WEB, "Debug"): True,
    }


def test_names_of_sections_and_options_may_be_in_upper_or_lower_case() -> None:
    values = parse("[qmserver]", "maxnbprocessors = 3", "DEBUG=on", "[Web_QMServer]", "HOST : h")
    assert values == {(SERVER, "MaxNbProcessors"): 3, (SERVER, "Debug"): True, (WEB, "Host"): "h"}


def test_the_same_name_in_both_sections_is_two_options() -> None:
    values = parse("[QMServer]", "Debug : yes", "[WEB_QMserver]", "Debug : no")
    assert values == {(SERVER, "Debug"): True, (WEB, "Debug"): False}


def test_a_percent_sign_is_just_a_percent_sign() -> None:
    assert parse("[QMServer]", "QM_FOLDER : /data/100%(done)s")[SERVER, "QM_FOLDER"] == Path(
        os.path.abspath("/data/100%(done)s")
    )


def test_an_indented_option_is_an_option_and_not_more_of_the_value_above() -> None:
    values = parse("[QMServer]", "MaxNbProcessors : 3", "    Debug : yes")
    assert values == {(SERVER, "MaxNbProcessors"): 3, (SERVER, "Debug"): True}


def test_a_comment_may_follow_a_value_after_a_space() -> None:
    values = parse("[QMServer] ; the manager", "Settle : 3 s  # slow disk", "job_file : a#1;b.cfg")
    assert values == {(SERVER, "Settle"): 3.0, (SERVER, "job_file"): ("a#1;b.cfg",)}


def test_a_section_may_be_continued_further_down() -> None:
    values = parse("[QMServer]", "Debug : 1", "[WEB_QMserver]", "[QMServer]", "Sync : 0")
    assert values == {(SERVER, "Debug"): True, (SERVER, "Sync"): False}


WORDS = st.text(alphabet="abcXYZ019._-", min_size=1, max_size=8)


@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), st.sampled_from(":="))
def test_plain_lines_mean_what_they_mean_to_configparser(names: list[str], mark: str) -> None:
    text = f"[QMServer]\n# a comment\n\njob_file {mark} {','.join(names)}\n"
    standard = configparser.ConfigParser(interpolation=None)
    standard.read_string(text)
    try:
        ours = parse_config(text, "QMserv.cfg", Path())
    except ConfigError:
        assert {".", ".."} & set(names)
    else:
        assert ",".join(ours[SERVER, "job_file"]) == standard["QMServer"]["job_file"]


@given(st.text(max_size=80))
def test_every_text_is_read_or_refused_with_a_line(text: str) -> None:
    lines = len(text.splitlines()) + 1
    try:
        parse_config(f"[QMServer]\n{text}", "QMserv.cfg", Path())
        line: int | None = 1
    except ConfigError as error:
        line = error.line
    assert line is not None and 1 <= line <= lines


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("MaxNbProcessors", "AUTO", os.cpu_count() or 1),
        ("launch_type", "Blocking", True),
        ("job_file", "a.cfg, b.xml,a.cfg,", ("a.cfg", "b.xml")),
        ("MaxMemory", "16G", 16 * 1024**3),
        ("MaxMemory", "auto", None),
        ("NbGPUs", "auto", None),
        ("NbGPUs", "2", 2),
        ("Default_mem", "500M", 500 * 1024**2),
        ("Default_mem", "none", None),
        ("Default_walltime", "1-00:00:00", 86_400.0),
        ("Settle", "500ms", 0.5),
        ("Kill_grace", "0", 0.0),
        ("Watch", "off", False),
        ("Sync", "Off", False),
    ],
)
def test_a_value_is_read_as_its_kind(name: str, text: str, value: object) -> None:
    assert parse("[QMServer]", f"{name} : {text}") == {(SERVER, name): value}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("Port", "auto", None),
        ("Port", "587", 587),
        ("Security", "STARTTLS", "starttls"),
        ("User", "none", None),
        ("User", "a user", "a user"),
        ("From", "qm@example.org", "qm@example.org"),
        ("From", "auto", None),
        ("To", "a@x.org, b@y.org,a@x.org", ("a@x.org", "b@y.org")),
        ("To", "none", None),
        ("Min_duration", "1h 30m", 5400.0),
    ],
)
def test_a_value_of_the_mail_section_is_read_as_its_kind(
    name: str, text: str, value: object
) -> None:
    assert parse("[Mail]", f"{name} : {text}") == {(MAIL, name): value}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Security", "tls"),
        ("Port", "0"),
        ("From", "QM <qm@example.org>"),
        ("From", "qm"),
        ("From", "a@b@c"),
        ("To", "a@x.org, nobody"),
        ("To", "a@x.org\x07"),
        ("User", ""),
    ],
)
def test_a_value_that_mail_cannot_use_is_refused(name: str, text: str) -> None:
    error = complaint("[Mail]", f"{name} : {text}")
    assert (error.line, error.found.split()[0]) == (2, name)


@pytest.mark.parametrize(
    "text", ["ftp://x.org/", "x.org", "http://", "http://x.org:port/", "https://x.org/a b"]
)
def test_a_web_address_that_cannot_be_one_is_refused(text: str) -> None:
    error = complaint("[QMServer]", f"Notify_url : {text}")
    assert "begins with http:// or https://" in error.expected


@pytest.mark.parametrize("text", ["~/big disk/QM", '"~/big disk/QM"'])
def test_a_tilde_is_the_home_folder_and_quotes_around_a_path_are_taken_off(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    values = parse("[QMServer]", f"QM_FOLDER = {text}")
    assert values[SERVER, "QM_FOLDER"] == tmp_path / "big disk" / "QM"


@pytest.mark.parametrize(
    ("section", "name", "text", "allowed"),
    [
        (SERVER, "QM_FOLDER", "", "a folder"),
        pytest.param(
            *(SERVER, "QM_FOLDER", "~no-such-user-here/QM", "a folder"),
            marks=pytest.mark.skipif(
                sys.platform == "win32", reason="Windows takes any name for a user beside this one"
            ),
        ),
        (SERVER, "MaxNbProcessors", "0", "auto, or a whole number from 1"),
        (SERVER, "MaxNbProcessors", "four", "auto, or a whole number from 1"),
        (SERVER, "MaxNbProcessors", "2.5", "a whole number"),
        (SERVER, "launch_type", "parallel", "blocking or non-blocking"),
        (SERVER, "job_file", "", "plain file names"),
        (SERVER, "job_file", ",", "plain file names"),
        (SERVER, "job_file", "a.cfg, in/b.cfg", "no path"),
        (SERVER, "job_file", r"in\b.cfg", "no path"),
        (SERVER, "job_file", "..", "no path"),
        (SERVER, "job_file", "process.log", "not QM's own"),
        (SERVER, "MailActive", "maybe", "yes or no"),
        (SERVER, "MaxMemory", "16", "at least 1 MiB"),
        (SERVER, "MaxMemory", "lots", "500M, 2G"),
        (SERVER, "NbGPUs", "-1", "a whole number from 0"),
        (SERVER, "Default_mem", "0", "at least 1 MiB"),
        (SERVER, "Default_walltime", "0", "at least 1 s"),
        (SERVER, "Settle", "soon", "45m, 2 h"),
        (SERVER, "Settle", "0", "at least 10 ms"),
        (SERVER, "Poll", "2 h", "at most 1 h"),
        (SERVER, "Watch", "on", "auto or off"),
        (WEB, "Host", "http://localhost", "without http://"),
        (WEB, "Host", "localhost:8000", "without a port"),
        (WEB, "The_Port", "0", "from 1 to 65535"),
        (WEB, "The_Port", "65536", "from 1 to 65535"),
        (WEB, "Refresh_Rate", "nan", "45m, 2 h"),
    ],
)
def test_a_bad_value_is_told_with_line_value_and_what_is_allowed(
    section: str, name: str, text: str, allowed: str
) -> None:
    error = complaint("# first", f"[{section}]", f"{name} : {text}")
    assert error.line == 3
    assert name in error.found
    assert f'"{text}"' in error.found if text else "no value" in error.found
    assert allowed in error.expected


def test_a_bad_value_makes_one_plain_sentence() -> None:
    assert str(complaint("[WEB_QMserver]", "The_Port : http")) == (
        'QMserv.cfg line 2: The_Port is "http"; expected a whole number from 1 to 65535'
    )


@pytest.mark.parametrize(
    ("section", "typo", "nearest"),
    [
        (SERVER, "MaxNbProcesors", "MaxNbProcessors"),
        (SERVER, "max_nb_processors", "MaxNbProcessors"),
        (SERVER, "jobfile", "job_file"),
        (WEB, "port", "The_Port"),
        (WEB, "License_to_kill", "Licence_to_kill"),
    ],
)
def test_an_unknown_option_is_told_with_the_nearest_known_one(
    section: str, typo: str, nearest: str
) -> None:
    error = complaint(f"[{section}]", "", f"{typo} = 1")
    assert error.line == 3
    assert typo in error.found and section in error.found
    assert f"The nearest one is {nearest};" in error.hint


def test_an_option_in_the_wrong_section_is_told_where_it_belongs() -> None:
    error = complaint("[QMServer]", "the_port : 80")
    assert error.hint == "The_Port belongs to [WEB_QMserver]."


def test_an_option_of_several_other_sections_is_told_with_all_of_them() -> None:
    assert complaint("[QMServer]", "host : a").hint == "Host belongs to [Mail] or [WEB_QMserver]."


@pytest.mark.parametrize("section", ["Web", "WEB_QMserv", "DEFAULT", "", "Mails"])
def test_an_unknown_section_is_told_with_the_known_ones_even_if_it_is_empty(section: str) -> None:
    error = complaint("[QMServer]", f"[{section}]")
    assert error.line == 2
    assert f"[{section}]" in error.found
    assert error.expected == "[QMServer] or [Mail] or [WEB_QMserver]"
    assert "The nearest one is [" in error.hint


def test_an_option_that_is_set_twice_is_told_with_both_lines() -> None:
    error = complaint("[QMServer]", "Debug : yes", "[qmserver]", "debug : no")
    assert error.line == 4
    assert "Debug" in error.found and "line 2" in error.found


def test_an_option_before_any_section_is_told() -> None:
    error = complaint("Debug : yes")
    assert (error.line, error.expected) == (1, "[QMServer]")


@pytest.mark.parametrize("line", ["Debug", ": yes", "= 3", "[QMServer", "<xml/>"])
def test_a_line_that_is_neither_section_nor_option_is_told(line: str) -> None:
    error = complaint("[QMServer]", line)
    assert error.line == 2
    assert line in error.found


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (("Settle : 1 min",), 2),
        (("Refuse_after : 1 s",), 2),
        (("Refuse_after : 5 s", "Settle : 6 s"), 3),
        (("Settle : 20 s", "Empty_after : 10 s"), 3),
        (("Rescan : 100 ms",), 2),
        (("Default_mem : 2G", "MaxMemory : 1G"), 3),
    ],
)
def test_settings_that_contradict_each_other_are_told_at_the_later_line(
    lines: tuple[str, ...], line: int
) -> None:
    error = complaint("[QMServer]", *lines)
    assert error.line == line
    assert "is more than" in error.found
    assert error.hint.startswith("Lower ")


def test_settings_that_fit_each_other_are_accepted() -> None:
    lines = ("Settle : 1 min", "Refuse_after : 1 min", "Default_mem : 2G", "MaxMemory : auto")
    assert len(parse("[QMServer]", *lines)) == 4

"""The one validator: keys, values, limits."""

from __future__ import annotations

import difflib
from dataclasses import fields, replace

import pytest

from qm.errors import InfoError
from qm.jobinfo.keys import KEYS
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import JobInfo, JobOptions

G = 1 << 30
LIMITS = Limits(max_processors=8, max_memory=16 * G, gpus=1)


def read(*lines: str, limits: Limits = LIMITS) -> JobInfo:
    text = "\n".join(["[QMOptions]", "script : x", *lines])
    return read_info("proc_config.cfg", text.encode(), limits)


def refusal(*lines: str, limits: Limits = LIMITS) -> InfoError:
    with pytest.raises(InfoError) as error:
        read(*lines, limits=limits)
    return error.value


def test_every_option_of_a_job_but_the_dialect_has_a_key() -> None:
    assert set(KEYS) == {each.name for each in fields(JobOptions)} - {"dialect"}


@pytest.mark.parametrize("key", KEYS)
def test_the_example_of_every_key_is_accepted(key: str) -> None:
    example = KEYS[key].example
    text = f"[QMOptions]\nscript : x\n{key} : {example}\n" if key != "script" else ""
    text = text or f"[QMOptions]\nscript : {example}\n"
    info = read_info("proc_config.cfg", text.encode(), LIMITS)
    assert info.warnings == ()
    assert getattr(info.options, key) not in {None, (), 0}


def test_no_two_keys_are_taken_for_slips_of_each_other() -> None:
    for key in KEYS:
        others = [other for other in KEYS if other != key]
        assert difflib.get_close_matches(key, others, n=1, cutoff=0.8) == []


def test_defaults() -> None:
    assert read().options == JobOptions(script="x")


def test_defaults_of_the_server_fill_in_for_memory_and_walltime() -> None:
    limits = replace(LIMITS, default_mem=G, default_walltime=60.0)
    assert read(limits=limits).options == JobOptions(script="x", mem=G, walltime=60.0)
    options = read("mem : 2G", "walltime : 2m", limits=limits).options
    assert (options.mem, options.walltime) == (2 * G, 120.0)


def test_too_many_processors_are_lowered_with_a_note() -> None:
    info = read("nb_proc : 16")
    assert info.options.nb_proc == 8
    assert info.warnings == (
        "proc_config.cfg line 3: nb_proc 16 lowered to 8, what this QM may use",
    )


@pytest.mark.parametrize("value", ["0", "-3", "twelve", "4.5", "1e9", "", "٤", "4 4", "9" * 5000])
def test_processors_that_are_no_whole_number_are_refused(value: str) -> None:
    error = refusal(f"nb_proc : {value}")
    assert error.line == 3
    assert error.found.startswith('nb_proc = "')
    assert error.expected == "a whole number of at least 1"


def test_a_thousand_million_processors_are_only_lowered() -> None:
    assert read("nb_proc : 1000000000").options.nb_proc == 8


def test_more_memory_than_there_is_is_refused_with_the_numbers() -> None:
    error = refusal("mem : 64G")
    assert error.line == 3
    assert 'mem = "64G"' in error.found
    assert "16 GiB" in error.expected
    assert "64 GiB" in error.expected
    assert "MaxMemory" in error.hint
    assert read("mem : 16G").options.mem == 16 * G


def test_memory_is_not_judged_where_nobody_knows_how_much_there_is() -> None:
    assert read("mem : 64G", limits=replace(LIMITS, max_memory=None)).options.mem == 64 * G


def test_more_gpus_than_there_are_are_refused_with_the_numbers() -> None:
    assert "at most 1" in refusal("nb_gpu : 2").expected
    assert "no GPU" in refusal("nb_gpu : 2", limits=replace(LIMITS, gpus=0)).expected
    assert read("nb_gpu : 0", limits=replace(LIMITS, gpus=0)).options.nb_gpu == 0


@pytest.mark.parametrize("address", ["me@example.org", "a@b.c, d@e.f", "me@localhost", ""])
def test_an_address_is_taken(address: str) -> None:
    info = read(f"e_mail : {address}")
    assert (info.options.e_mail, info.warnings) == (address or None, ())


@pytest.mark.parametrize("address", ["me", "me at home", "a@b@c", "a@b,", "@"])
def test_an_odd_address_is_a_warning(address: str) -> None:
    info = read(f"e_mail : {address}")
    assert info.options.e_mail == address
    assert "does not look like an address" in info.warnings[0]
    assert "line 3" in info.warnings[0]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("nbproc", "nb_proc"),
        ("email", "e_mail"),
        ("wall_time", "walltime"),
        ("prioritiy", "priority"),
    ],
)
def test_a_near_miss_of_a_key_is_told(key: str, meant: str) -> None:
    info = read(f"{key} : 3")
    assert info.warnings == (
        f'proc_config.cfg line 3: {key} = "3" is left to the script; did you mean {meant}?',
    )


@pytest.mark.parametrize("key", ["mesh_size", "temperature", "n", "k" * 5000])
def test_a_foreign_key_is_nobodys_business(key: str) -> None:
    assert read(f"{key} : anything \x07").warnings == ()


@pytest.mark.parametrize("word", ["yes", "TRUE", "On", "1"])
def test_words_for_yes(word: str) -> None:
    assert read(f"hold : {word}", f"rerunnable : {word}").options.rerunnable
    assert read(f"hold : {word}").options.hold


@pytest.mark.parametrize("word", ["no", "False", "OFF", "0"])
def test_words_for_no(word: str) -> None:
    assert not read(f"hold : {word}").options.hold


@pytest.mark.parametrize(
    "line",
    [
        "hold : maybe",
        "hold :",
        "rerunnable : 2",
        "priority : high",
        "retries : -1",
        "retries : many",
        "mem : 0",
        "mem : lots",
        "walltime : soon",
        "walltime : 0",
        "settle : x",
        "nb_gpu : -1",
        "notify_url : ftp://example.org",
        "notify_url : http://",
        "notify_url : http://[::1",
        "notify_url : http://a b/",
        "notify_url : http://a:99999/",
        "notify_url : javascript:alert(1)",
        "system : a b",
        "system : ../x",
        "after : before:x",
        "begin : later",
        "env : A",
        "cwd : ..",
        "stdout : ../x",
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_line_and_key(line: str) -> None:
    error = refusal(line)
    assert error.line == 3
    assert error.found.startswith(line.split(" ", maxsplit=1)[0] + ' = "')
    assert error.expected


def test_values_in_plain_units() -> None:
    options = read(
        "mem : 1.5G",
        "walltime : 1-00:00:00",
        "priority : -7",
        "retries : 2",
        "size : huge",
        "notify_url : https://user@example.org:8443/x?y=z",
        "system : local",
        "settle : 1m",
    ).options
    assert options.mem == 3 * G // 2
    assert options.walltime == 86400.0
    assert (options.priority, options.retries, options.size) == (-7, 2, "huge")
    assert options.notify_url == "https://user@example.org:8443/x?y=z"
    assert (options.system, options.settle) == ("local", 60.0)


@pytest.mark.parametrize("letter", ["\x1b", "\x07", "\x85", "\x7f"])
def test_a_control_character_is_refused_and_shown_as_an_escape(letter: str) -> None:
    error = refusal(f"cwd : a{letter}b")
    assert error.line == 3
    assert f"U+{ord(letter):04X}" in error.found
    assert letter not in str(error)


def test_a_tab_is_a_blank() -> None:
    info = read_info("a.cfg", b"[QMOptions]\nscript : a\tb\n", LIMITS)
    assert info.options.script == "a\tb"


def test_a_long_value_is_shortened_in_the_message() -> None:
    assert len(str(refusal(f"nb_proc : {'x' * 60_000}"))) < 300

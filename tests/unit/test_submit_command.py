"""A command as a job: its info file brings it back exactly; its name; words for the shells."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.errors import Refused
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.osops.shell import COMMAND_FILE, join_words, posix_word, windows_word
from qm.submit.command import command_job
from qm.submit.naming import name_of_command, usable_name
from qm.submit.source import Made

CFG = ("proc_config.cfg", "infos.xml", "job.sh")
FOLDER = "/home/me/my work"
ANY = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)
PRINTABLE = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1
).filter(lambda text: text == text.strip())


def info_of(made: Made) -> tuple[str, str | None]:
    """The command and the folder that a manager reads from a job."""
    data = made.files[made.info_file]
    options = read_info(made.info_file, data, Limits(max_processors=4)).options
    return options.script, options.cwd


@pytest.mark.parametrize("files", [CFG, CFG[1:], ("a.ini",)])
@given(command=PRINTABLE)
def test_every_printable_command_comes_back_exactly(files: tuple[str, ...], command: str) -> None:
    made = command_job(command, FOLDER, {"nb_proc": "2"}, files, "name")
    assert info_of(made) == (command, FOLDER)
    assert (made.info_file, list(made.files)) == (files[0], [files[0]])


@pytest.mark.parametrize(
    "command",
    ["echo 100% done", "a ; b # c", "x = 1 : 2", "[QMOptions]", "; echo", "# no", "tab\there"],
)
def test_what_means_something_to_a_cfg_is_just_the_command(command: str) -> None:
    assert info_of(command_job(command, FOLDER, {}, CFG, "n")) == (command, FOLDER)


@pytest.mark.parametrize(
    ("command", "cwd"),
    [
        ("echo a\necho b", FOLDER),
        (" echo a\\ ", FOLDER),
        ("echo \x1b", FOLDER),
        ("echo " + "x" * 9000, FOLDER),
        ("pwd", "/home/me/two\nlines"),
        ("echo \udcff", FOLDER),
    ],
)
def test_what_no_line_can_hold_goes_into_a_script_that_does_it_in_the_folder(
    command: str, cwd: str
) -> None:
    made = command_job(command, cwd, {}, CFG, "n")
    script, _ = info_of(made)
    assert COMMAND_FILE in script and "QM_JOB_DIR" in script
    text = made.files[COMMAND_FILE]
    assert command.encode("utf-8", "surrogateescape") in text
    assert b"cd " in text


@given(ANY)
def test_every_command_is_somewhere_in_its_job(command: str) -> None:
    if not command.strip():
        with pytest.raises(Refused, match="no command"):
            command_job(command, FOLDER, {}, CFG)
        return
    made = command_job(command, FOLDER, {}, CFG, "n")
    if list(made.files) == [made.info_file]:
        assert info_of(made) == (command, FOLDER)
    else:
        assert command.replace("\r", "") in made.files[COMMAND_FILE].decode().replace("\r", "")


def test_where_only_scripts_are_info_files_the_command_is_one() -> None:
    made = command_job("echo {a,b}", "/home/me/it's", {"nb_proc": "3"}, ("job.sh",), "n")
    text = made.files["job.sh"].decode()
    assert text == "#!/bin/sh\n#QM nb_proc : 3\ncd '/home/me/it'\"'\"'s' || exit 1\necho {a,b}\n"
    options = read_info("job.sh", made.files["job.sh"], Limits(max_processors=4)).options
    assert options.nb_proc == 3


def test_options_go_into_the_info_file_of_a_command() -> None:
    made = command_job("make", FOLDER, {"nb_proc": "2", "info": 'a "test" <x>'}, CFG[1:], "n")
    options = read_info("infos.xml", made.files["infos.xml"], Limits(max_processors=4)).options
    assert (options.nb_proc, options.info) == (2, 'a "test" <x>')


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python train.py --epochs 50", "train"),
        ("python -u src/train.py", "train"),
        ("OMP_NUM_THREADS=1 python3 train.py", "train"),
        ("./run.sh a b", "run"),
        ("sleep 300", "sleep"),
        ("/usr/bin/env python x.py", "x"),
        ("python -m package.tool --fast", "package.tool"),
        ("mpirun -n 4 ./solver input.dat", "mpirun"),
        ("java -jar tools/fit.jar", "fit"),
        ("cd data && make all", "cd"),
        ("echo 'not closed", "echo"),
        ("Rscript analysis.R", "analysis"),
        ("'my program.exe' x", "my_program"),
        ("|", "command"),
        ("con", "con_"),
    ],
)
def test_a_command_gives_its_job_a_name(command: str, name: str) -> None:
    assert name_of_command(command) == name


@given(ANY)
def test_a_name_that_qm_makes_is_one_that_every_system_takes(text: str) -> None:
    for name in (usable_name(text), name_of_command(text)):
        assert 0 < len(name) <= 61
        assert not set(name) & set("<>:\"/\\|?* \t\n;$&()'`")
        assert not name.startswith(".") and not name.endswith((".", " "))
        assert name.split(".")[0].upper() not in {"CON", "NUL", "AUX", "PRN", "COM1", "LPT1"}


@given(st.lists(ANY, min_size=1, max_size=4))
def test_words_for_a_posix_shell_come_back(words: list[str]) -> None:
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("there is no sh here")
    line = "printf '%s\\0' " + " ".join(map(posix_word, words))
    said = subprocess.run([shell, "-c", line.encode()], capture_output=True, check=True)
    assert said.stdout.decode().split("\0")[:-1] == words


def cmd_then_program(line: str) -> list[str]:
    """What a program gets: first cmd.exe reads carets and quotes, then the program its words."""
    passed, quoted, at = "", False, 0
    while at < len(line):
        letter = line[at]
        if letter == "^" and not quoted:
            at += 1
            passed += line[at]
        else:
            assert quoted or letter not in "&|<>()", f"cmd.exe reads {letter} in {line}"
            assert letter != "%", f"cmd.exe looks for a variable in {line}"
            quoted ^= letter == '"'
            passed += letter
        at += 1
    return _words(passed)


def _words(line: str) -> list[str]:
    """As CommandLineToArgvW: 2n backslashes before a quote are n, one more keeps the quote."""
    words, word, inside, begun, slashes = [], "", False, False, 0
    for letter in line + " ":
        if letter == "\\":
            slashes += 1
            continue
        if letter == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                inside, begun = not inside, True
        else:
            word += "\\" * slashes
            if letter in " \t" and not inside:
                if word or begun:
                    words.append(word)
                word, begun = "", False
            else:
                word += letter
        slashes = 0
    return words


@given(st.lists(st.text(st.sampled_from('ab \\"%^&|<>()!$;,='), max_size=8), min_size=1))
def test_words_for_windows_come_back_and_start_nothing_else(words: list[str]) -> None:
    assert cmd_then_program(" ".join(map(windows_word, words))) == words


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a", "b c"], 'a "b c"'),
        (["C:\\Program Files\\x\\"], '"C:\\Program Files\\x\\\\"'),
        (["a&b"], '"a&b"'),
        (['say "x"'], '^"say \\^"x\\^"^"'),
        (["100%"], '^"100^%^"'),
        ([""], '""'),
    ],
)
def test_plain_words_stay_plain_on_windows(words: list[str], line: str) -> None:
    assert " ".join(map(windows_word, words)) == line


def test_what_no_argument_can_hold_is_told() -> None:
    with pytest.raises(ValueError, match="line break"):
        windows_word("a\nb")
    with pytest.raises(ValueError, match="NUL"):
        posix_word("a\0b")
    assert join_words(["python", "x y.py"]).startswith("python ")

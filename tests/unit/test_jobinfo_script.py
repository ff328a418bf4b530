"""Scripts with directives in their head."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qm.errors import InfoError
from qm.jobinfo.limits import Limits
from qm.jobinfo.read import read_info
from qm.model import JobInfo

LIMITS = Limits(max_processors=8, max_memory=64 << 30, gpus=4)


def read(text: str | bytes, name: str = "job.sh") -> JobInfo:
    return read_info(name, text.encode() if isinstance(text, str) else text, LIMITS)


def refusal(text: str | bytes) -> InfoError:
    with pytest.raises(InfoError) as error:
        read(text)
    return error.value


@pytest.mark.parametrize(
    ("name", "first_line", "command"),
    [
        ("job.sh", "#!/bin/bash -l", "/bin/bash -l ./job.sh"),
        ("job.py", "#!/usr/bin/env python3", "/usr/bin/env python3 ./job.py"),
        ("job.sh", "#! /bin/sh\t-e ", "/bin/sh -e ./job.sh"),
        ("job.sh", "echo", "/bin/sh ./job.sh"),
        ("job", "#", "/bin/sh ./job"),
        ("job.sh", "#!", "/bin/sh ./job.sh"),
        ("job.py", "import sys", "python ./job.py"),
        ("my job.sh", "echo", "/bin/sh './my job.sh'"),
        ("-job;x.sh", "echo", "/bin/sh './-job;x.sh'"),
        ("job.sh", "#!/bin/sh; rm -rf x", "'/bin/sh;' rm -rf x ./job.sh"),
    ],
)
def test_the_first_line_or_the_name_says_what_runs_a_script(
    name: str, first_line: str, command: str
) -> None:
    assert read(f"{first_line}\n", name).options.script == command


@pytest.mark.skipif(sys.platform == "win32", reason="needs /bin/sh")
def test_the_command_runs_the_script_whatever_its_name(tmp_path: Path) -> None:
    name = "it's $(a) job.sh"
    (tmp_path / name).write_text("#!/bin/sh\n#QM nb_proc : 2\necho ran\n", encoding="utf-8")
    command = read((tmp_path / name).read_bytes(), name).options.script
    run = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=True
    )
    assert run.stdout == b"ran\n"


def test_directives_of_qm_are_keys_as_in_a_cfg_file() -> None:
    info = read(
        "#!/bin/sh\n# A comment: not ours\n\n#QM nb_proc : 4\n#QM\te-mail = me@example.org\n"
        "#QM\n#QM env : A=1 B='2 3'\nset -e\n"
    )
    assert info.options.nb_proc == 4
    assert info.options.e_mail == "me@example.org"
    assert info.options.env == (("A", "1"), ("B", "2 3"))
    assert info.options.dialect == "qm"
    assert info.warnings == ()


def test_the_head_ends_at_the_first_command_and_later_directives_are_told() -> None:
    info = read("#!/bin/sh\n#QM nb_proc : 2\necho\n#QM mem : 1G\n#SBATCH -n 4\n")
    assert (info.options.nb_proc, info.options.mem, info.options.dialect) == (2, None, "qm")
    assert len(info.warnings) == 1
    assert info.warnings[0].startswith("job.sh line 4:")
    assert "line 3" in info.warnings[0]
    assert "1 more" in info.warnings[0]


@pytest.mark.parametrize("line", ["# QM nb_proc : 2", "#qm nb_proc : 2", "  #SBATCH --mem=1G"])
def test_a_directive_that_is_almost_one_is_told(line: str) -> None:
    info = read(f"#!/bin/sh\n{line}\n")
    assert info.options.nb_proc == 1
    assert len(info.warnings) == 1
    assert "line 2" in info.warnings[0]


def test_a_directive_that_is_commented_out_is_not_told() -> None:
    assert read("#!/bin/sh\n##SBATCH --mem=1G\n##QM mem : 1G\n").warnings == ()


def test_a_script_option_in_a_script_is_refused() -> None:
    error = refusal("#!/bin/sh\n#QM script : python x.py\n")
    assert error.line == 2
    assert "cfg file" in error.hint


@pytest.mark.parametrize("line", ["#QM nb_proc 4", "#QM : 4"])
def test_a_malformed_directive_is_refused_with_its_line(line: str) -> None:
    error = refusal(f"#!/bin/sh\n{line}\n")
    assert (error.line, error.expected) == (2, "#QM key : value")


def test_a_directive_given_twice_is_refused_with_both_lines() -> None:
    error = refusal("#QM mem : 1G\n#QM mem : 2G\n")
    assert error.line == 2
    assert "line 1" in error.found


def test_windows_line_ends_are_read_and_warned_about() -> None:
    info = read("#!/bin/bash -l\r\n#QM nb_proc : 2\r\necho\r\n")
    assert info.options.nb_proc == 2
    assert info.options.script == "/bin/bash -l ./job.sh"
    assert len(info.warnings) == 1
    assert "CRLF" in info.warnings[0]


def test_old_mac_line_ends_are_read_and_warned_about() -> None:
    info = read("#!/bin/sh\r#QM nb_proc : 2\recho\r")
    assert info.options.nb_proc == 2
    assert "all one line" in info.warnings[0]


def test_python_does_not_mind_windows_line_ends() -> None:
    assert read("#QM nb_proc : 2\r\nprint()\r\n", "job.py").warnings == ()


def test_a_byte_order_mark_is_read_over_and_warned_about() -> None:
    info = read(b"\xef\xbb\xbf#!/bin/bash\n#QM nb_proc : 2\n")
    assert info.options.script == "/bin/bash ./job.sh"
    assert info.options.nb_proc == 2
    assert "byte order mark" in info.warnings[0]


def test_utf_16_is_refused_as_no_shell_reads_it() -> None:
    assert "UTF-16" in refusal("#!/bin/sh\necho\n".encode("utf-16")).found


def test_bytes_of_any_encoding_may_stand_in_the_script_itself() -> None:
    info = read("#!/bin/sh\n# été\n#QM nb_proc : 2\necho été\n".encode("latin-1"))
    assert (info.options.nb_proc, info.warnings) == (2, ())


def test_options_of_qm_win_over_those_of_a_cluster_with_a_warning() -> None:
    info = read("#SBATCH --mem=2G -c 2\n#QM mem : 1G\n")
    assert (info.options.mem, info.options.nb_proc) == (1 << 30, 2)
    assert info.warnings == ("job.sh line 1: --mem=2G gives way to #QM mem on line 2",)


def test_pbs_is_ignored_beside_slurm_with_a_warning() -> None:
    info = read("#PBS -l ncpus=4\n#SBATCH -c 2\n")
    assert (info.options.nb_proc, info.options.dialect) == (2, "slurm")
    assert len(info.warnings) == 1
    assert "#PBS is ignored" in info.warnings[0]


def test_a_flood_of_warnings_is_cut() -> None:
    info = read("".join(f"#SBATCH --mem={n}G\n" for n in range(1, 1000)) + "#QM mem : 1G\n")
    assert len(info.warnings) == 51
    assert info.warnings[-1].startswith("and ")

"""Looking at command lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qm.jobinfo.command import script_files, with_interpreter


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("python process.py param1 param2", ("process.py",)),
        ("python3 -u process.py", ("process.py",)),
        ("python3.12 -uB -W ignore -X dev src/process.py -m x", ("src/process.py",)),
        ("/usr/bin/python3 process.py", ("process.py",)),
        ("python.exe process.py", ("process.py",)),
        ("python -- process.py", ("process.py",)),
        ("python '../my process.py'", ("../my process.py",)),
        ("sh run.sh", ("run.sh",)),
        ("bash -eu -o pipefail run.sh", ("run.sh",)),
        ("/bin/bash -l ./job.sh", ("./job.sh",)),
        ("/usr/bin/env python3 ./job.py", ("./job.py",)),
        ("OMP_NUM_THREADS=2 A=b python x.py", ("x.py",)),
        ("perl -w x.pl", ("x.pl",)),
        ("ruby x.rb", ("x.rb",)),
        ("Rscript --vanilla x.R", ("x.R",)),
        ("julia --project=. -t 4 x.jl", ("x.jl",)),
        ("node --max-old-space-size=4096 x.js", ("x.js",)),
        ("octave --no-gui x.m", ("x.m",)),
        ("python /data/x.py", ("/data/x.py",)),
        ("./run", ("./run",)),
        ("./run.sh a b", ("./run.sh",)),
    ],
)
def test_the_script_of_a_plain_line_is_found(command: str, files: tuple[str, ...]) -> None:
    assert script_files(command) == files


@pytest.mark.parametrize(
    "command",
    [
        "",
        "   ",
        "python",
        "python -m http.server",
        "python -c pass x.py",
        "python -uc pass",
        "python -",
        "python --version",
        "python --frobnicate x.py",
        "sh -c ls",
        "perl -e 1 x",
        "node -e 1",
        "Rscript -e 1",
        "octave --eval 1",
        "make all",
        "mpirun -n 4 python x.py",
        "process.py",
        "env -i python x.py",
        "python 'open.py",
        "python ''",
        f"{'0' * 60_000}x y",
    ],
)
def test_a_line_that_does_not_tell_its_script_needs_no_file(command: str) -> None:
    assert script_files(command) == ()


@pytest.mark.parametrize("sign", list("|&;<>()$`*?[]{}!#~\\%^\n"))
def test_a_line_with_signs_of_a_shell_is_not_judged(sign: str) -> None:
    assert script_files(f"python x.py {sign}") == ()
    assert with_interpreter(f"./x.py {sign}", b"", False) == (f"./x.py {sign}", None)


@pytest.mark.parametrize(
    ("command", "first_bytes", "changed"),
    [
        ("./x a b", b"#!/bin/bash -e\necho", "/bin/bash -e ./x a b"),
        ("./x", b"#!/usr/bin/env python3\r\n", "/usr/bin/env python3 ./x"),
        ("./x.py 'a b'", b"import sys\n", "python ./x.py 'a b'"),
        ("./x.SH", b"", "sh ./x.SH"),
        ("./x.R", b"", "Rscript ./x.R"),
        ("./x.py", b"\xef\xbb\xbf#!/bin/pypy\n", "/bin/pypy ./x.py"),
    ],
)
def test_a_script_that_is_not_executable_gets_its_interpreter(
    command: str, first_bytes: bytes, changed: str
) -> None:
    result, note = with_interpreter(command, first_bytes, False)
    assert result == changed
    assert note is not None
    assert "is not executable" in note


@pytest.mark.parametrize(
    ("command", "first_bytes", "executable"),
    [
        ("./x.py", b"#!/bin/sh", True),
        ("./x", b"\x7fELF\0\0", False),
        ("./x", b"", False),
        ("python x.py", b"", False),
        ("A=1 ./x.py", b"", False),
        ("", b"", False),
    ],
)
def test_all_other_lines_stay_as_they_are(
    command: str, first_bytes: bytes, executable: bool
) -> None:
    assert with_interpreter(command, first_bytes, executable) == (command, None)


@pytest.mark.skipif(sys.platform == "win32", reason="needs /bin/sh")
def test_the_changed_line_runs_the_script(tmp_path: Path) -> None:
    script = tmp_path / "my run"
    script.write_text('#!/bin/sh -u\necho "$1"\n', encoding="utf-8")
    script.chmod(0o644)
    command, _ = with_interpreter("'./my run' 'two  words'", script.read_bytes(), False)
    run = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=True
    )
    assert run.stdout == b"two  words\n"

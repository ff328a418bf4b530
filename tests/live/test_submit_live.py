"""``qm submit`` against a real manager: commands, pipes, options, sweeps and many at once."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.live.harness import Queue, wait_for

pytestmark = pytest.mark.live


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder that a person submits from; its name is an awkward one."""
    folder = tmp_path / "my 100% work; $HOME"
    folder.mkdir()
    return folder


def submit(
    queue: Queue, here: Path, *arguments: str, given: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        queue.command("submit", *arguments),
        capture_output=True,
        text=True,
        input=given,
        cwd=here,
        env={**queue.environment, **variables},
        timeout=60,
    )


def test_a_command_runs_where_it_was_written_and_its_log_lies_in_its_job(
    queue: Queue, here: Path
) -> None:
    said = submit(
        queue,
        here,
        "-n",
        "2",
        "--env",
        "TITLE=a 'b'",
        'echo "$COLOUR $NB_PROC $TITLE [$MY_TOKEN]" > result; echo logged; pwd',
        COLOUR="green",
        MY_TOKEN="hidden",
    )
    assert (said.returncode, said.stdout) == (0, "Submitted job 1 (echo)\n"), said.stderr
    folder = queue.wait_done("echo")
    assert (here / "result").read_text() == "green 2 a 'b' []\n"
    assert f"logged\n{here}\n" in queue.process_log("echo")
    assert not (folder / "result").exists() and os.listdir(here) == ["result"]


def test_what_stands_behind_two_dashes_reaches_the_program_as_it_is(
    queue: Queue, here: Path
) -> None:
    words = ["a b", "$(touch pwned)", "it's", '"', "*", "\\n", "two\nlines"]
    script = 'for word in "$@"; do printf "%s\\0" "$word"; done > words'
    said = submit(queue, here, "--name", "words", "--", "sh", "-c", script, "x", *words)
    assert said.stdout == "Submitted job 1 (words)\n", said.stderr
    queue.wait_done("words")
    assert (here / "words").read_text().split("\0")[:-1] == words
    assert os.listdir(here) == ["words"]


def test_a_script_from_a_pipe_runs_with_its_directives_where_it_was_written(
    queue: Queue, here: Path
) -> None:
    text = "#!/bin/sh\n#QM info : piped\necho $NB_PROC $1 > piped\n"
    said = submit(queue, here, "-", "-n", "2", given=text)
    assert said.stdout == "Submitted job 1 (stdin)\n", said.stderr
    queue.wait_done("stdin")
    assert (here / "piped").read_text() == "2\n"
    row = queue.row("stdin")
    assert row is not None and row["info"] == "piped"


def test_options_win_over_the_info_file_and_leave_it_alone(queue: Queue, here: Path) -> None:
    folder = queue.job("a", "echo $NB_PROC $A $B", nb_proc=1, env="A=1 B=2", retries=0)
    before = (folder / "proc_config.cfg").read_bytes()
    said = submit(queue, here, str(folder), "-n", "2", "--env", "B=3", "--set", "info=changed")
    assert said.returncode == 0, said.stderr
    done = queue.wait_done("a")
    assert "\n2 1 3\n" in queue.process_log("a")
    assert (done / "proc_config.cfg").read_bytes() == before
    row = queue.row("a")
    assert row is not None and row["info"] == "changed"


def test_a_held_command_waits_and_wait_returns_when_all_have_ended(
    queue: Queue, here: Path
) -> None:
    said = submit(queue, here, "--hold", "--name", "later", "echo now > out")
    assert said.stdout == "Submitted job 1 (later), held; `qm release 1` lets it start\n"
    assert queue.run("release", "1").returncode == 0
    queue.wait_done("later")
    said = submit(queue, here, "--wait", "true 1", "exit 3")
    assert said.returncode == 1, said.stdout
    assert "(exit) is FAILED" in said.stderr and "Submitted job 2 (true)\n" in said.stdout


def test_a_sweep_of_five_rows_runs_each_with_its_values(queue: Queue, here: Path) -> None:
    values = ["plain", "two words", '$(touch pwned) "x"', "it's; touch pwned", "*"]
    rows = "".join(
        '{},"{}"\r\n'.format(n, value.replace('"', '""')) for n, value in enumerate(values, 1)
    )
    (here / "t.csv").write_bytes(b"\xef\xbb\xbfn,word\r\n" + rows.encode())
    template = queue.job("run", 'printf "%s|%s|%s" {n} {word} "$QM_SWEEP_WORD" > out')
    (template / "data.in").write_text("n = {n}\nkeep {this}\n")
    said = submit(queue, here, "--each", "t.csv", str(template), "--name", "run-{n}")
    assert said.stdout.splitlines() == [f"Submitted job {n} (run-{n})" for n in range(1, 6)]
    for number, value in enumerate(values, 1):
        done = queue.wait_done(f"run-{number}")
        assert (done / "out").read_text() == f"{number}|{value}|{value}"
        assert (done / "data.in").read_text() == f"n = {number}\nkeep {{this}}\n"
        assert not (done / "pwned").exists()


def test_a_swept_command_gets_hostile_values_as_words(queue: Queue, here: Path) -> None:
    values = ["a b", "$(touch pwned)", "`touch pwned`", "x\ny; touch pwned", "'; touch pwned; '"]
    rows = "".join(f'"{value}"\n' for value in values)
    (here / "t.csv").write_text(f"v\n{rows}", "utf-8")
    said = submit(queue, here, "--each", "t.csv", "--name", "v", "printf '%s' {v} > out$QM_ROW")
    assert said.returncode == 0 and said.stdout.count("Submitted job") == 5, said.stderr
    wait_for("all are done", lambda: len(os.listdir(queue.folder / "QM_dJobs")) == 5)
    found = {name: (here / name).read_text() for name in os.listdir(here) if name != "t.csv"}
    assert found == {f"out{n}": value for n, value in enumerate(values, 1)}


def test_names_that_are_taken_get_numbers(queue: Queue, here: Path) -> None:
    said = submit(queue, here, "--hold", "true 1", "true 2", "true 3")
    names = [line.partition("(")[2].partition(")")[0] for line in said.stdout.splitlines()]
    assert names == ["true", "true.2", "true.3"]


def test_two_hundred_folders_are_submitted_in_order_and_all_run(queue: Queue, here: Path) -> None:
    for number in range(200):
        folder = here / f"j{number:03}"
        folder.mkdir()
        text = "[QMOptions]\nscript : true\n" + ("nb_proc : x\n" if number == 50 else "")
        (folder / "proc_config.cfg").write_text(text)
    said = submit(queue, here, "--json", "--force", "j*")
    jobs = json.loads(said.stdout)
    assert [job["name"] for job in jobs] == [f"j{n:03}" for n in range(200)]
    assert sorted(job["id"] for job in jobs) == list(range(1, 201))
    states = {job["name"]: job["state"] for job in jobs}
    assert said.returncode == 1 and states.pop("j050") == "REJECTED"
    assert set(states.values()) <= {"QUEUED", "RUNNING"}
    wait_for("all are done", lambda: len(os.listdir(queue.folder / "QM_dJobs")) == 199, 60)


def test_a_bad_option_reaches_no_manager(queue: Queue, here: Path) -> None:
    said = submit(queue, here, "--walltime", "soon", "sleep 1")
    assert said.returncode == 1 and said.stderr.startswith("qm: --walltime: walltime = ")
    assert os.listdir(queue.folder / "QM_qJobs") == []

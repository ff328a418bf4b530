"""Every command of README.md is run, in its order, as a person would who reads it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from qm.samples import sample_jobs_folder
from tests.live.harness import QUICK, wait_for
from tests.readme import ROOT, Block, block
from tests.web.served import answers, free_port

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are for a POSIX shell"),
]

SERVE = "qm serve\n"
FAKES = {
    "qm": 'exec "{python}" -m qm "$@"\n',
    # To another machine: here it is this one, and its home is ours.
    "scp": 'for last; do :; done\nset -- "$2" "${{last#*:}}"\nexec cp -r "$1" "$HOME/$2"\n',
    "rsync": 'exec cp -R "$2" "$3"\n',
    "unzip": 'exec "{python}" -m zipfile -e "$2" "$4"\n',
}
"""Programs that may be missing here, or would need another machine."""
ALWAYS_FAKED = frozenset({"qm", "scp"})


@dataclass
class Reader:
    """A person with an empty home who types what the README says."""

    home: Path
    port: int
    manager: subprocess.Popen[bytes] | None = None
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.here = self.home / "checkout"
        self.here.mkdir(parents=True)
        shutil.copytree(sample_jobs_folder(), self.here / "sample_jobs")
        self.programs = self.home / "bin"
        self.programs.mkdir()
        for name, text in FAKES.items():
            if name in ALWAYS_FAKED or shutil.which(name) is None:
                program = self.programs / name
                program.write_text("#!/bin/sh\n" + text.format(python=sys.executable))
                program.chmod(0o755)
        config = self.home / "quick.cfg"
        options = [f"{name} = {value}" for name, value in QUICK.items()]
        lines = ["[QMServer]", *options, "[WEB_QMserver]", f"The_Port = {self.port}"]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        path = os.pathsep.join([str(self.programs), os.environ["PATH"]])
        self.environment = {**os.environ, "HOME": str(self.home), "PATH": path}
        self.environment["QM_CONFIG"] = str(config)
        for name in ("QM_FOLDER", "XDG_CONFIG_HOME"):
            self.environment.pop(name, None)

    def type(self, typed: Block) -> None:
        """Run one block to its end; `qm serve` stays in its terminal."""
        if typed.text == SERVE:
            self.serve()
            return
        done = self.run("bash", "-euo", "pipefail", "-c", typed.text)
        self.said.append(done.stdout)
        assert done.returncode == 0, f"{typed}:\n{typed.text}\n{done.stdout}\n{done.stderr}"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One command, in the folder that the README is read in."""
        return subprocess.run(
            command,
            cwd=self.here,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def serve(self) -> None:
        """QM in a terminal of its own."""
        with (self.home / "serve.log").open("wb") as log:
            self.manager = subprocess.Popen(
                [str(self.programs / "qm"), "serve"],
                cwd=self.here,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for("QM runs", lambda: self.run("qm", "status").returncode == 0)
        wait_for("its page answers", lambda: answers(self.port))

    def wait_until_nothing_waits(self, after: Block) -> None:
        """Each block finds the queue that a person finds who reads on a little later."""

        def open_jobs() -> list[str]:
            said = self.run("qm", "list", "--all", "--json")
            jobs = json.loads(said.stdout) if said.returncode == 0 else []
            return [f"{job['name']} {job['state']}" for job in jobs if job["ended"] is None]

        try:
            wait_for("nothing waits or runs", lambda: not open_jobs(), timeout=30)
        except AssertionError as error:
            raise AssertionError(f"{after}: {open_jobs()}\n{self.log()}") from error

    def log(self) -> str:
        """What `qm serve` printed."""
        return (self.home / "serve.log").read_text(encoding="utf-8", errors="replace")

    def leave(self) -> None:
        """End QM and what it runs."""
        if self.manager is None or self.manager.poll() is not None:
            return
        below = psutil.Process(self.manager.pid).children(recursive=True)
        self.manager.terminate()
        self.manager.wait(30)
        _, alive = psutil.wait_procs(below, timeout=20)
        for process in alive:
            process.kill()
        assert not alive


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path / "home", free_port())
    yield made
    made.leave()


def test_the_commands_of_the_readme_work_in_their_order(reader: Reader) -> None:
    commands = block("sh")
    assert SERVE in [one.text for one in commands]
    for typed in commands:
        reader.type(typed)
        if reader.manager is not None:
            reader.wait_until_nothing_waits(typed)
    done = reader.home / "QM" / "QM_dJobs"
    expected = {"hello", "hello.2", "synced", "later"}
    assert expected <= {path.name for path in done.iterdir()}, reader.log()
    for folder in done.iterdir():
        log = (folder / "process.log").read_text(encoding="utf-8")
        assert "Hello." in log and "with code 0" in log
    assert any("Hello." in said for said in reader.said)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_the_first_command_works_in_a_fresh_clone_with_an_empty_home(tmp_path: Path) -> None:
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True, timeout=60)
    (command,) = block("sh", "run-command")
    environment = {**os.environ, "HOME": str(home)}
    for name in ("QM_FOLDER", "QM_CONFIG", "PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.text],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "is FINISHED. Its folder lies in" in done.stdout
    assert (home / "QM-demo" / "QM_dJobs").is_dir()

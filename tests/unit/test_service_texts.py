"""What each system is given to start QM: the texts, word for word."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qm.config import Config
from qm.errors import QMError
from qm.service.choose import SYSTEMS, installed_for, service_on
from qm.service.launchd import LaunchdAgent
from qm.service.program import Program, this_program
from qm.service.steps import DeleteRunValue, RemoveFile, Run, SetRunValue, Step, WriteFile, describe
from qm.service.systemd import SystemdUnit, quoted, unit_text
from qm.service.windows import LogonEntry, logon_command

PROGRAM = Program(
    python="/opt/qm/bin/python",
    windowless="/opt/qm/bin/python",
    boot=("-P", "-m", "qm"),
    folder="/data/QM",
    config="/data/QMserv.cfg",
)
ON_WINDOWS = Program(
    python=r"C:\Program Files\qm\python.exe",
    windowless=r"C:\Program Files\qm\pythonw.exe",
    boot=("-P", "-m", "qm"),
    folder="D:\\QM jobs",
    config=None,
)
UNIT = """\
[Unit]
Description=QM batch queue on /data/QM
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart=/opt/qm/bin/python -P -m qm --folder /data/QM --config /data/QMserv.cfg \
serve --log-to-file
ExecReload=/opt/qm/bin/python -P -m qm --folder /data/QM --config /data/QMserv.cfg reload
WorkingDirectory=~
Environment=PATH=/opt/bin:/usr/bin:/bin
# Jobs outlive QM: only QM itself is told to end, never their processes.
KillMode=process
# A job that takes all memory does not end QM.
OOMPolicy=continue
TimeoutStopSec=60
Restart=on-failure
RestartSec=5

[Install]
WantedBy=default.target
"""
PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>org.qm-queue.qm</string>
	<key>ProgramArguments</key>
	<array>
		<string>/opt/qm/bin/python</string>
		<string>-P</string>
		<string>-m</string>
		<string>qm</string>
		<string>--folder</string>
		<string>/data/QM</string>
		<string>--config</string>
		<string>/data/QMserv.cfg</string>
		<string>serve</string>
		<string>--log-to-file</string>
	</array>
	<key>EnvironmentVariables</key>
	<dict>
		<key>PATH</key>
		<string>/opt/bin:/usr/bin</string>
	</dict>
	<key>WorkingDirectory</key>
	<string>/Users/me</string>
	<key>StandardOutPath</key>
	<string>/Users/me/Library/Logs/QM/qm-console.log</string>
	<key>StandardErrorPath</key>
	<string>/Users/me/Library/Logs/QM/qm-console.log</string>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>30</integer>
	<key>AbandonProcessGroup</key>
	<true/>
	<key>ProcessType</key>
	<string>Interactive</string>
</dict>
</plist>
"""
AGENT = LaunchdAgent(PROGRAM, "qm", "/opt/bin:/usr/bin", "/Users/me", 501)


def with_folder(folder: str) -> Program:
    return Program("/usr/bin/python3", "/usr/bin/python3", ("-P", "-m", "qm"), folder, None)


def test_the_systemd_unit_is_this_text() -> None:
    assert unit_text(PROGRAM, "/opt/bin:/usr/bin:/bin") == UNIT


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd")
@pytest.mark.parametrize("folder", ["/data/QM", "/d/100 % $HOME", '/d/it\'s "mine"; \\n é'])
def test_systemd_itself_understands_the_unit(tmp_path: Path, folder: str) -> None:
    unit = tmp_path / "qm.service"
    program = Program(sys.executable, sys.executable, ("-P", "-m", "qm"), folder, None)
    unit.write_text(unit_text(program, os.environ["PATH"] + ":/100 %"), encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        timeout=60,
        check=False,
    )
    # It looks at the person's other units as well, and may have something to say about those.
    assert checked.returncode == 0 and "qm.service" not in checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("/data/QM", "/data/QM"),
        ("/my data", '"/my data"'),
        ("100%", "100%%"),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("two\nlines", '"two\\nlines"'),
        ("it's", '"it\'s"'),
        (";", '";"'),
        ("", '""'),
    ],
)
def test_words_are_quoted_as_systemd_reads_them(word: str, text: str) -> None:
    assert quoted(word) == text


def test_a_dollar_sign_in_a_path_is_no_variable() -> None:
    lines = unit_text(with_folder("/data/$HOME"), "/p/$x").splitlines()
    start = next(line for line in lines if line.startswith("ExecStart="))
    assert "--folder /data/$$HOME serve" in start
    assert "Environment=PATH=/p/$x" in lines


def test_the_launchd_agent_is_this_text() -> None:
    assert AGENT.text() == PLIST
    assert AGENT.where == "/Users/me/Library/LaunchAgents/org.qm-queue.qm.plist"


@pytest.mark.skipif(not shutil.which("plutil"), reason="no macOS")
def test_macos_itself_understands_the_agent(tmp_path: Path) -> None:
    file = tmp_path / "agent.plist"
    file.write_text(AGENT.text(), encoding="utf-8")
    subprocess.run(["plutil", "-lint", str(file)], check=True, timeout=60)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1))
def test_any_folder_comes_back_out_of_the_agent(name: str) -> None:
    agent = LaunchdAgent(with_folder(f"/{name}"), "qm", "/usr/bin", "/Users/me", 501)
    words = plistlib.loads(agent.text().encode())["ProgramArguments"]
    assert words[-4:] == ["--folder", f"/{name}", "serve", "--log-to-file"]
    assert agent.is_ours(agent.text()) and not AGENT.is_ours(agent.text())


def test_the_logon_entry_is_this_command_line() -> None:
    assert logon_command(ON_WINDOWS) == (
        r'"C:\Program Files\qm\pythonw.exe" -P -m qm --folder "D:\QM jobs" start'
    )


def test_a_command_line_that_windows_would_not_start_is_refused() -> None:
    long = Program("p", "p", ("-m", "qm"), "D:\\" + "x" * 250, None)
    with pytest.raises(QMError, match=r"has 276 characters.* only what has 260"):
        LogonEntry(long, "qm").install(start=False)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_service_knows_whose_it_is(system: str) -> None:
    mine, other = with_folder("/data/QM"), with_folder("/data/QM2")
    for program in (mine, other):
        text = _text_of(service_on(system, program, "qm", {}).install(start=False))
        assert service_on(system, mine, "qm", {}).is_ours(text) is (program is mine)


def _text_of(steps: Sequence[Step]) -> str:
    for step in steps:
        if isinstance(step, WriteFile):
            return step.text
        if isinstance(step, SetRunValue):
            return step.command
    raise AssertionError(steps)


@pytest.mark.parametrize("system", ["linux", "macos"])
@pytest.mark.parametrize("text", ["", "ExecStart=", "<plist/>", "--folder /data/QM ", "\0"])
def test_a_file_of_somebody_else_is_not_ours(system: str, text: str) -> None:
    assert not service_on(system, PROGRAM, "qm", {}).is_ours(text)


def test_units_lie_where_the_person_keeps_them() -> None:
    found = service_on("linux", PROGRAM, "lab", {"XDG_CONFIG_HOME": "/my/config"})
    assert found.where == os.path.join("/my/config", "systemd", "user", "lab.service")
    usual = service_on("linux", PROGRAM, "qm", {}).where
    assert usual == os.path.expanduser(os.path.join("~", ".config/systemd/user/qm.service"))


def test_jobs_get_the_path_that_the_person_has() -> None:
    environ = {"PATH": "/conda/bin:/usr/bin", "XDG_CONFIG_HOME": "/c"}
    assert "Environment=PATH=/conda/bin:/usr/bin\n" in _text_of(
        service_on("linux", PROGRAM, "qm", environ).install(start=True)
    )
    agent = _text_of(service_on("macos", PROGRAM, "qm", environ).install(start=True))
    assert plistlib.loads(agent.encode())["EnvironmentVariables"] == {"PATH": environ["PATH"]}


def test_the_steps_of_an_installation_and_of_its_end() -> None:
    unit = SystemdUnit(PROGRAM, "qm", "/usr/bin", "/c")
    control = ("systemctl", "--user")
    reload = (*control, "daemon-reload")
    file, text = os.path.join("/c", "qm.service"), unit_text(PROGRAM, "/usr/bin")
    assert unit.install(start=True) == [
        WriteFile(file, text),
        Run(reload),
        Run((*control, "enable", "--now", "qm.service")),
    ]
    assert unit.install(start=False)[-1] == Run((*control, "enable", "qm.service"))
    assert unit.remove() == [
        Run((*control, "disable", "--now", "qm.service"), may_fail=True),
        RemoveFile(file),
        Run(reload, may_fail=True),
    ]
    entry = LogonEntry(ON_WINDOWS, "qm")
    assert entry.install(start=False) == [SetRunValue("qm", logon_command(ON_WINDOWS))]
    assert entry.remove() == [DeleteRunValue("qm")] and entry.start() == []


def test_steps_are_shown_as_a_person_would_take_them() -> None:
    steps: list[Step] = [
        WriteFile("/f", "a\nb\n"),
        Run(("run", "my file")),
        Run(("x",), may_fail=True),
    ]
    assert describe(steps) == [
        *("# write /f:", "a", "b", ""),
        *("# run:", "run 'my file'"),
        *("# run (it may fail):", "x"),
    ]


def test_a_checkout_that_is_not_installed_is_started_all_the_same(tmp_path: Path) -> None:
    config = Config(folder=tmp_path / "QM")
    command = this_program(config).command("--version")
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    said = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environ, check=False
    )
    assert said.returncode == 0 and said.stdout.startswith("qm, version "), said.stderr
    assert os.path.isabs(command[0]) and str(tmp_path / "QM") in command


def test_where_nothing_is_installed_no_service_is_found(tmp_path: Path) -> None:
    program = with_folder(str(tmp_path))
    for system in SYSTEMS:
        assert installed_for(program, system) is None


def test_what_was_started_so_starts_others_in_the_same_way(tmp_path: Path) -> None:
    program = this_program(Config(folder=tmp_path))
    ask = "from qm.config import Config; from qm.service.program import this_program as t;"
    ask += f"print(t(Config()).boot == {program.boot!r})"
    boot = [word.replace("from qm.cli import main; main()", ask) for word in program.boot]
    if boot == list(program.boot):
        boot = ["-P", "-c", ask]
    said = subprocess.run(
        [sys.executable, *boot], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert said.stdout == "True\n", said.stderr

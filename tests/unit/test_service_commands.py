"""``qm service`` with fake programs of the system, and what each of them is told."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qm.cli.main import run
from qm.folders.layout import Layout
from qm.osops import FolderHandle
from qm.osops.logon import RUN_KEY
from tests.fakes.programs import Programs


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Desk:
    """A person's home with fake programs, and command lines on one QM_FOLDER."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.home = root / "home"
        self.folder = root / "QM"
        self.programs = Programs(root / "bin")
        self.units = self.home / "config" / "systemd" / "user"
        self._capture = capture
        self.home.mkdir()

    def __call__(self, *arguments: str, folder: Path | None = None) -> Said:
        code = run(["--folder", str(folder or self.folder), "service", *arguments])
        return Said(code, *self._capture.readouterr())


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    made = Desk(tmp_path, capsys)
    for name in ("QM_CONFIG", "QM_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(made.home))
    monkeypatch.setenv("USERPROFILE", str(made.home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made.home / "config"))
    monkeypatch.setenv("PATH", str(made.programs.folder))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qm.service.choose.system_name", lambda: "linux")
    return made


@pytest.fixture
def linux(desk: Desk) -> Desk:
    """Linux with a systemd that serves the person."""
    desk.programs.add("systemctl")
    return desk


@pytest.fixture
def macos(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("qm.service.choose.system_name", lambda: "macos")
    desk.programs.add("launchctl")
    return desk


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The Run key of a Windows that is not there."""
    values: dict[str, str] = {}
    monkeypatch.setattr("qm.service.choose.system_name", lambda: "windows")
    monkeypatch.setattr("qm.service.windows.run_value", values.get)
    monkeypatch.setattr("qm.service.steps.set_run_value", values.__setitem__)
    monkeypatch.setattr("qm.service.steps.delete_run_value", lambda name: values.pop(name, None))
    return values


@pytest.fixture
def manager(desk: Desk) -> Iterator[None]:
    """Somebody holds the manager's lock."""
    layout = Layout(str(desk.folder))
    layout.create()
    with FolderHandle.open(layout.own) as own:
        lock = own.lock("manager.lock")
    assert lock is not None
    lock.write("host here, process 12\n")
    yield
    lock.release()


def test_install_writes_the_unit_and_tells_systemd(linux: Desk) -> None:
    said = linux("install")
    unit = linux.units / "qm.service"
    assert said.code == 0 and f"Installed the systemd user unit {unit}" in said.out
    assert f" --folder {linux.folder} serve" in unit.read_text(encoding="utf-8")
    assert linux.programs.calls() == [
        "systemctl --user show-environment",
        "systemctl --user daemon-reload",
        "systemctl --user enable --now qm.service",
    ]
    assert oct(unit.stat().st_mode & 0o777) in {"0o644", "0o600", "0o664"}


def test_the_person_is_told_of_lingering_only_where_it_is_off(linux: Desk) -> None:
    assert "loginctl enable-linger" in linux("install").out
    who = os.getuid() if hasattr(os, "getuid") else 0
    linux.programs.answer(f"loginctl show-user {who} --property=Linger --value", 0, "yes")
    assert "enable-linger" not in linux("install").out


def test_without_systemctl_nothing_is_written_and_cron_is_named(desk: Desk) -> None:
    said = desk("install")
    assert said.code == 1 and "qm: this system has no systemctl" in said.err
    line = said.err.split("@reboot ")[1].strip()
    assert shlex.split(line)[-3:] == ["--folder", str(desk.folder), "start"]
    assert not desk.units.exists()


def test_where_systemd_does_not_serve_the_person_nothing_is_written(linux: Desk) -> None:
    linux.programs.answer("systemctl --user show-environment", 1, "Failed to connect to bus")
    said = linux("install")
    assert said.code == 1 and "does not serve you here: Failed to connect to bus" in said.err
    assert "crontab -e" in said.err and not linux.units.exists()


def test_what_systemctl_complains_of_is_told(linux: Desk) -> None:
    linux.programs.answer("systemctl --user enable --now qm.service", 5, "Unit is masked.")
    said = linux("install")
    assert said.code == 1 and "enable --now qm.service ended with code 5" in said.err
    assert "Unit is masked." in said.err


@pytest.mark.usefixtures("manager")
def test_a_qm_that_runs_already_is_not_started_a_second_time(linux: Desk) -> None:
    said = linux("install")
    assert said.code == 0 and "`qm restart` hands it over to the service" in said.out
    assert linux.programs.calls()[-1] == "systemctl --user enable qm.service"


def test_a_unit_of_another_folder_is_left_alone(linux: Desk, tmp_path: Path) -> None:
    linux("install")
    before = (linux.units / "qm.service").read_text(encoding="utf-8")
    for command in ("install", "remove"):
        said = linux(command, folder=tmp_path / "other")
        assert said.code == 1 and "is for another folder than" in said.err
    assert (linux.units / "qm.service").read_text(encoding="utf-8") == before
    assert linux("install", "--name", "other", folder=tmp_path / "other").code == 0
    assert (linux.units / "other.service").exists()


def test_a_second_installation_replaces_the_first(
    linux: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    linux("install")
    monkeypatch.setenv("PATH", f"{linux.programs.folder}{os.pathsep}/new/bin")
    assert linux("install").code == 0
    assert "/new/bin" in (linux.units / "qm.service").read_text(encoding="utf-8")
    assert os.listdir(linux.units) == ["qm.service"]


def test_remove_ends_it_and_takes_the_unit_away(linux: Desk) -> None:
    linux("install")
    linux.programs.answer("systemctl --user disable --now qm.service", 1, "not loaded")
    said = linux("remove")
    assert (said.code, os.listdir(linux.units)) == (0, []), said.err
    assert linux.programs.calls()[-2:] == [
        "systemctl --user disable --now qm.service",
        "systemctl --user daemon-reload",
    ]
    said = linux("remove")
    assert said.code == 0 and said.out.startswith("There is no systemd user unit")


def test_status_tells_what_systemd_knows(linux: Desk) -> None:
    said = linux("status")
    assert said.code == 3 and "`qm service install` makes it" in said.out
    linux("install")
    linux.programs.answer("systemctl --user is-active --quiet qm.service", 3)
    told = json.loads(linux("status", "--json").out)
    assert (told["installed"], told["enabled"], told["active"]) == (True, True, False)
    said = linux("status")
    assert said.code == 0
    assert said.out.endswith("Logins start QM by it. It does not run QM now.\n")


def test_status_of_another_folder_is_told_as_that(linux: Desk, tmp_path: Path) -> None:
    linux("install")
    said = linux("status", folder=tmp_path / "other")
    assert said.code == 3 and "is for another folder than" in said.out


def test_status_where_systemd_is_gone_tells_of_the_file(linux: Desk) -> None:
    linux("install")
    shutil.rmtree(linux.programs.folder)
    said = linux("status")
    assert said.code == 0 and "cannot be asked about it from here" in said.out


def test_install_writes_the_agent_and_loads_it(macos: Desk) -> None:
    who = os.getuid() if hasattr(os, "getuid") else 0
    target = f"gui/{who}/org.qm-queue.qm"
    agent = macos.home / "Library" / "LaunchAgents" / "org.qm-queue.qm.plist"
    macos.programs.answer(f"launchctl bootout {target}", 3, "No such process")
    # launchd needs a moment to let go of an agent, and says so in its own way.
    call = f"launchctl bootstrap gui/{who} {agent}"
    macos.programs.answer(call, 5, "Bootstrap failed: 5: Input/output error", times=1)
    said = macos("install")
    assert said.code == 0 and agent.exists(), said.err
    assert "Full Disk Access" in said.out
    assert (macos.home / "Library" / "Logs" / "QM").is_dir()
    assert macos.programs.calls() == [
        f"launchctl bootout {target}",
        f"launchctl enable {target}",
        call,
        call,
    ]


@pytest.mark.usefixtures("manager")
def test_an_agent_is_not_loaded_beside_a_qm_that_runs(macos: Desk) -> None:
    assert macos("install").code == 0
    assert macos.programs.calls() == []


def test_the_agent_is_asked_for_and_removed(macos: Desk) -> None:
    who = os.getuid() if hasattr(os, "getuid") else 0
    macos("install")
    ask = f"launchctl print gui/{who}/org.qm-queue.qm"
    macos.programs.answer(ask, 0, "org.qm-queue.qm = {\n\tstate = running\n\tpid = 512\n}")
    assert macos("status").out.endswith("Logins start QM by it. It runs QM now.\n")
    macos.programs.answer(ask, 113, "Could not find service")
    told = json.loads(macos("status", "--json").out)
    assert (told["enabled"], told["active"]) == (False, False)
    assert macos("remove").code == 0
    assert macos("status").code == 3


@pytest.mark.usefixtures("manager")
def test_the_logon_entry_comes_and_goes(desk: Desk, registry: dict[str, str]) -> None:
    said = desk("install")
    assert said.code == 0 and f"HKEY_CURRENT_USER\\{RUN_KEY}\\qm" in said.out
    assert registry["qm"].endswith(f"--folder {desk.folder} start")
    assert desk("status").out.endswith("is installed. Logins start QM by it.\n")
    assert desk("remove").code == 0 and registry == {}
    assert desk("status").code == 3


@pytest.mark.parametrize(
    ("system", "word"),
    [("linux", "KillMode=process"), ("macos", "AbandonProcessGroup"), ("windows", RUN_KEY)],
)
def test_print_shows_it_for_any_system_and_does_nothing(desk: Desk, system: str, word: str) -> None:
    for command in ("install", "remove"):
        said = desk(command, "--print", "--for", system)
        assert said.code == 0 and said.err == ""
        assert (word in said.out) is (command == "install" or system == "windows")
    assert os.listdir(desk.home) == [] and desk.programs.calls() == []


@pytest.mark.parametrize(
    "arguments",
    [("install", "--for", "macos"), ("install", "--name", "../x"), ("install", "--for", "plan9")],
)
def test_options_that_make_no_sense_are_refused(desk: Desk, arguments: tuple[str, ...]) -> None:
    said = desk(*arguments)
    assert said.code == 2 and "Usage: qm service install" in said.err


def test_a_folder_whose_name_is_no_text_is_refused(linux: Desk, tmp_path: Path) -> None:
    said = linux("install", folder=tmp_path / "caf\udce9")
    assert said.code == 1 and "cannot name a path with '\\udce9' in it" in said.err


def test_a_unit_that_cannot_be_written_is_told(linux: Desk) -> None:
    linux.units.parent.mkdir(parents=True)
    linux.units.write_text("a file in the place of the folder", encoding="utf-8")
    said = linux("install")
    assert said.code == 1 and str(linux.units) in said.err and "mistake in QM" not in said.err

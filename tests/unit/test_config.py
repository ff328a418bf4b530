"""QMserv.cfg: where it is found, how it is read, what is refused and how that is said."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import platformdirs
import pytest

from qm.config import Config, MailConfig, WebConfig, load_config, option_help, parse_config
from qm.config.example import render_example
from qm.config.options import options
from qm.errors import ConfigError

ROOT = Path(__file__).parents[2]
ORIGINAL = ROOT / "tests" / "data" / "QMserv.original.cfg"
SERVER, WEB = "QMServer", "WEB_QMserver"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, in which the platform's configuration folder lies too."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    place = home / "configuration"
    monkeypatch.setattr(
        platformdirs,
        "user_config_path",
        lambda appname, appauthor: {("QM", False): place / "QM"}[appname, appauthor],
    )
    return home


@pytest.fixture
def here(tmp_path: Path, home: Path) -> Path:
    """A current folder with nothing in it."""
    here = tmp_path / "here"
    here.mkdir()
    return here


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_without_any_file_all_options_have_their_defaults_in_the_home_folder(
    here: Path, home: Path
) -> None:
    config = load_config(environ={}, cwd=here)
    assert config == Config(folder=home / "QM")
    assert config.source is None
    assert config.max_nb_processors == (os.cpu_count() or 1)
    assert not config.blocking
    assert config.job_files == ("proc_config.cfg", "infos.xml", "job.sh")
    assert (config.settle, config.refuse_after, config.kill_grace) == (2.0, 30.0, 10.0)
    assert (config.empty_after, config.rescan, config.poll) == (600.0, 5.0, 0.25)
    assert (config.max_memory, config.nb_gpus) == (None, 0)
    assert (config.default_mem, config.default_walltime) == (None, None)
    assert config.sync and config.watch and not config.mail_active and not config.debug
    assert (config.web.host, config.web.port, config.web.refresh_rate) == ("localhost", 8000, 5.0)


def test_a_page_that_nobody_configured_may_not_delete_or_kill() -> None:
    web = WebConfig()
    assert web.display_details
    assert not (web.delete_jobs or web.licence_to_kill or web.debug or web.open_browser)


def test_the_named_file_wins_then_the_variable_then_the_current_folder_then_the_users_own(
    here: Path, home: Path, tmp_path: Path
) -> None:
    named = write(tmp_path / "named.cfg", "[QMServer]", "MaxNbProcessors : 1")
    variable = write(tmp_path / "variable.cfg", "[QMServer]", "MaxNbProcessors : 2")
    current = write(here / "QMserv.cfg", "[QMServer]", "MaxNbProcessors : 3")
    own = write(home / "configuration/QM/QMserv.cfg", "[QMServer]", "MaxNbProcessors : 4")
    environ = {"QM_CONFIG": str(variable)}

    seen = [load_config(named, environ=environ, cwd=here), load_config(environ=environ, cwd=here)]
    seen.append(load_config(environ={"QM_CONFIG": ""}, cwd=here))
    current.unlink()
    seen.append(load_config(environ={}, cwd=here))

    assert [config.source for config in seen] == [named, variable, current, own]
    assert [config.max_nb_processors for config in seen] == [1, 2, 3, 4]


def test_the_users_own_file_lies_where_the_platform_keeps_configurations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    place = platformdirs.user_config_path("QM", appauthor=False)
    if tmp_path not in place.parents:
        pytest.skip("this platform's configuration folder cannot be moved by the environment")
    own = write(place / "QMserv.cfg", "[QMServer]", "Debug : yes")
    assert load_config(environ={}, cwd=tmp_path).source == own


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_named_file_that_does_not_exist_is_an_error_that_says_who_named_it(
    here: Path, by_variable: bool
) -> None:
    write(here / "QMserv.cfg", "[QMServer]")
    environ = {"QM_CONFIG": "gone.cfg"} if by_variable else {}
    with pytest.raises(ConfigError) as caught:
        load_config(None if by_variable else Path("gone.cfg"), environ=environ, cwd=here)
    assert caught.value.file == str(here / "gone.cfg")
    assert caught.value.exit_code == 2
    assert ("QM_CONFIG" if by_variable else "--config") in caught.value.hint


def test_the_current_folder_of_the_process_counts_when_none_is_given(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here / "QMserv.cfg", "[QMServer]", "Debug : yes")
    monkeypatch.chdir(here)
    assert load_config(environ={}).debug


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
def test_a_current_folder_that_is_gone_is_told_in_a_sentence(here: Path) -> None:
    code = (
        "import os, sys; os.rmdir(os.getcwd())\n"
        "from qm.config import load_config\n"
        "from qm.errors import ConfigError\n"
        "try: load_config()\n"
        "except ConfigError as error: sys.exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "the current folder is gone" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_folder_of_the_command_line_wins_then_the_variable_then_the_file(
    here: Path, home: Path
) -> None:
    write(here / "QMserv.cfg", "[QMServer]", "QM_FOLDER : from file")
    environ = {"QM_FOLDER": "from environment"}
    assert load_config(folder=Path("given"), environ=environ, cwd=here).folder == here / "given"
    assert load_config(folder=Path("~/given"), environ={}, cwd=here).folder == home / "given"
    assert load_config(environ=environ, cwd=here).folder == here / "from environment"
    assert load_config(environ={"QM_FOLDER": ""}, cwd=here).folder == here / "from file"


def test_a_relative_folder_starts_at_the_folder_of_the_file_and_not_at_the_current_one(
    here: Path, tmp_path: Path
) -> None:
    file = write(tmp_path / "etc" / "a.cfg", "[QMServer]", "QM_FOLDER : ../queue")
    assert load_config(file, environ={}, cwd=here).folder == tmp_path / "queue"


def test_a_file_without_a_folder_means_the_one_in_the_home_folder(here: Path, home: Path) -> None:
    write(here / "QMserv.cfg", "[QMServer]", "Debug : yes")
    assert load_config(environ={}, cwd=here).folder == home / "QM"


def test_a_home_that_is_not_known_is_told_with_where_it_is_written(here: Path) -> None:
    nobody = "~no-such-user-here/QM"
    with pytest.raises(ConfigError, match=r"QM_FOLDER.*no-such-user-here"):
        load_config(environ={"QM_FOLDER": nobody}, cwd=here)
    with pytest.raises(ConfigError, match=r"--folder.*no-such-user-here"):
        load_config(folder=Path(nobody), environ={}, cwd=here)


def test_the_settings_of_the_original_reach_the_program(here: Path) -> None:
    config = load_config(ORIGINAL, environ={"QM_FOLDER": str(here)}, cwd=here)
    assert (config.source, config.folder, config.max_nb_processors) == (ORIGINAL, here, 4)
    assert config.job_files == ("proc_config.cfg",)
    assert config.web == replace(
        WebConfig(), delete_jobs=True, licence_to_kill=True, debug=True, refresh_rate=5.0
    )


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(here: Path) -> None:
    plain = load_config(ORIGINAL, environ={}, cwd=here)
    text = ORIGINAL.read_text(encoding="utf-8").replace("\n", "\r\n")
    copy = here / "windows.cfg"
    copy.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_config(copy, environ={}, cwd=here) == replace(plain, source=copy)


@pytest.mark.parametrize(
    "data",
    [
        b"[QMServer]\n# caf\xe9\n",
        "[QMServer]\nDebug : yes\n".encode("utf-16"),
        "[QMServer]\nDebug : yes\n".encode("utf-16-le"),
    ],
)
def test_a_file_that_is_not_utf_8_is_told_with_the_line(here: Path, data: bytes) -> None:
    file = here / "odd.cfg"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match="UTF-8") as caught:
        load_config(file, environ={}, cwd=here)
    assert caught.value.file == str(file)
    assert caught.value.line == (2 if data.endswith(b"\xe9\n") else 1)


def test_a_file_that_cannot_be_read_is_told_and_not_passed_over(here: Path) -> None:
    (here / "QMserv.cfg").mkdir()
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_config(environ={}, cwd=here)
    assert caught.value.file == str(here / "QMserv.cfg")


def test_every_field_of_the_configuration_is_in_the_table_with_its_own_name_and_help() -> None:
    in_table = {(option.section, option.field) for option in options()}
    in_classes = {
        (section.SECTION, entry.name)
        for section in (Config, MailConfig, WebConfig)
        for entry in fields(section)
    }
    assert in_classes - in_table == {(SERVER, "mail"), (SERVER, "web"), (SERVER, "source")}
    assert len({(option.section, option.name.lower()) for option in options()}) == len(in_table)
    assert all(option.help.endswith(".") for option in options())


def test_the_configuration_cannot_be_changed_by_accident() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().debug = True  # type: ignore[misc]


def test_the_example_file_is_what_the_table_says() -> None:
    assert (ROOT / "QMserv.cfg.example").read_text(encoding="utf-8") == render_example(), (
        "run: python -m qm.config.example > QMserv.cfg.example"
    )


def test_the_example_sets_every_option_to_its_default(here: Path, home: Path) -> None:
    text = render_example()
    assert set(parse_config(text, "example", here)) == {
        (option.section, option.name) for option in options()
    }
    file = here / "QMserv.cfg"
    file.write_text(text, encoding="utf-8")
    config = load_config(environ={}, cwd=here)
    assert replace(config, source=None) == Config()
    assert text.isascii(), "it is written through consoles of any encoding"


def test_the_example_can_be_written_anew_with_one_command() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "qm.config.example"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (render_example(), "")


def test_the_help_has_a_row_of_text_for_every_option() -> None:
    rows = {(row.section, row.name): row for row in option_help()}
    assert len(rows) == len(options())
    assert rows[WEB, "The_Port"].default == "8000"
    assert rows[SERVER, "MaxMemory"].type == "size or auto"
    assert all(cell and isinstance(cell, str) for row in rows.values() for cell in row)


def test_the_help_of_mail_names_the_section_that_says_how() -> None:
    row = next(row for row in option_help() if row.name == "MailActive")
    assert "section Mail" in row.help
    assert all("yet" not in row.help for row in option_help() if row.section == "Mail")


def test_files_for_mail_start_at_the_folder_of_the_configuration_as_other_paths_do(
    here: Path, tmp_path: Path
) -> None:
    lines = ("[Mail]", "Password_file : secrets/mail", "CA_file : ~/ca.pem", "From : a@b.org")
    file = write(tmp_path / "etc" / "a.cfg", *lines)
    mail = load_config(file, environ={}, cwd=here).mail
    assert mail.password_file == tmp_path / "etc" / "secrets" / "mail"
    assert mail.ca_file == Path.home() / "ca.pem"
    assert mail.sender == "a@b.org"


def test_a_start_that_goes_well_loads_neither_difflib_nor_platformdirs(here: Path) -> None:
    write(here / "QMserv.cfg", "[QMServer]", "Debug : yes")
    code = (
        "import sys\nfrom qm.config import load_config\nassert load_config(environ={}).debug\n"
        "print(*{'difflib', 'platformdirs', 'textwrap', 'configparser'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == ""

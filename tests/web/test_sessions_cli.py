"""`qm web`: the page alone, the link that logs in, the token."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qm.folders.layout import Layout
from tests.live.harness import wait_for
from tests.web.served import Served, answers, cookie_of, free_port, log_of, write_config

pytestmark = pytest.mark.live


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """For a page of an empty queue."""
    Layout(str(tmp_path / "QM")).create()
    return write_config(tmp_path / "QMserv.cfg", tmp_path / "QM", free_port())


def command(config: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "qm", "--config", str(config), *arguments]


def run(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(config, *arguments), capture_output=True, text=True, timeout=30, check=False
    )


def test_qm_web_serves_the_page_and_login_logs_in(config: Path) -> None:
    port = free_port()
    with (
        log_of(config).open("wb") as log,
        subprocess.Popen(command(config, "web", "--port", str(port)), stderr=log) as process,
    ):
        try:
            wait_for("the page answers", lambda: answers(port))
            page = Served(process, port, config.parent / "QM", config)
            said = run(config, "web", "--port", str(port), "login")
            link = said.stdout.strip()
            assert said.returncode == 0 and link.startswith(f"http://localhost:{port}/login?code=")
            cookie = cookie_of(page.ask(link.partition(str(port))[2]))
            assert "You are logged in as operator" in page.ask("/login", Cookie=cookie).text
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert f"http://localhost:{port}/ shows" in log_of(config).read_text(encoding="utf-8")


def test_the_token_is_shown_made_once_and_made_anew(config: Path) -> None:
    first = run(config, "web", "token")
    assert first.returncode == 0 and len(first.stdout.strip()) >= 43
    assert run(config, "web", "token").stdout == first.stdout
    viewer = run(config, "web", "token", "--viewer").stdout
    assert viewer.startswith("view-") and viewer != first.stdout
    fresh = run(config, "web", "token", "--new").stdout
    assert fresh != first.stdout
    assert run(config, "web", "token").stdout == fresh
    assert run(config, "web", "token", "--viewer").stdout != viewer


def test_a_page_for_others_without_a_token_does_not_start(config: Path) -> None:
    port = free_port()
    said = run(config, "web", "--host", "0.0.0.0", "--port", str(port))
    assert said.returncode == 2
    assert "others could open the page, and there is no token" in said.stderr
    assert "`qm web token --new` makes one" in said.stderr
    assert not answers(port)


def test_a_page_with_a_name_for_others_without_a_token_does_not_start(tmp_path: Path) -> None:
    port = free_port()
    config = write_config(tmp_path / "c.cfg", tmp_path / "QM", port, Allowed_hosts="qm.example.org")
    said = run(config, "web")
    assert said.returncode == 2 and "Allowed_hosts has qm.example.org: others" in said.stderr
    assert not answers(port)


def test_a_token_in_the_queue_does_not_start_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "QM"
    Layout(str(folder)).create()
    config = write_config(
        tmp_path / "c.cfg", folder, free_port(), Token_file=folder / "QM_dJobs" / "token"
    )
    for arguments in (["web"], ["web", "login"], ["web", "token", "--new"]):
        said = run(config, *arguments)
        assert said.returncode == 2 and "lies in QM_FOLDER" in said.stderr
    assert not (folder / "QM_dJobs" / "token").exists()


def test_open_calls_the_browser_with_a_link_that_logs_in(config: Path, tmp_path: Path) -> None:
    opened = tmp_path / "opened.txt"
    browser = tmp_path / "browser.py"
    browser.write_text(f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])\n")
    called = f"{sys.executable} {browser} %s"
    said = subprocess.run(
        command(config, "web", "login", "--open"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "BROWSER": called},
    )
    assert (said.returncode, said.stdout) == (0, "")
    assert "/login?code=" in opened.read_text(encoding="utf-8")

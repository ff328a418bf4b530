"""The page as a browser gets it: what it shows, and whom it refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qm.folders.layout import Layout
from tests.live.conftest import make_queue
from tests.live.harness import Queue, wait_for
from tests.web.served import Served, answers, free_port, served, web_command, write_config

__all__ = ["make_queue"]  # A fixture.

pytestmark = pytest.mark.live

NASTY = "<script>alert('x')</script> & \"quoted\""
SLEEPS = f'"{sys.executable}" -c "import time; time.sleep(120)"'
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Served]:
    """The page of an empty queue without a manager."""
    folder = tmp_path / "QM"
    Layout(str(folder)).create()
    port = free_port()
    config = write_config(tmp_path / "QMserv.cfg", folder, port, Refresh_Rate="1500 ms")
    with served(folder, config, port) as opened:
        yield opened


def test_without_a_manager_the_page_says_so_and_what_to_do(page: Served) -> None:
    answer = page.ask()
    assert answer.status == 200
    assert "<title>QM is not running</title>" in answer.text
    assert "QM is not running." in answer.text
    assert f"qm --folder &quot;{page.folder}&quot; serve" in answer.text


def test_an_empty_queue_says_where_to_drop_a_job(page: Served) -> None:
    text = page.ask().text
    assert "Nothing runs." in text
    assert "Nothing waits. Drop a job folder into QM_qJobs." in text
    assert "Nothing has ended yet." in text
    assert "<table" not in text


def test_without_a_folder_the_page_says_how_to_make_it(page: Served) -> None:
    os.rename(page.folder, page.folder.with_name("elsewhere"))
    text = page.ask().text
    assert f"There is no folder {page.folder}." in text
    assert f"qm --folder &quot;{page.folder}&quot; init" in text


def test_the_page_refreshes_itself_without_a_script(page: Served) -> None:
    text = page.ask().text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text


def test_its_style_sheet_is_served(page: Served) -> None:
    (address,) = re.findall(r'href="(/static/qm\.[0-9a-f]{12}\.css)"', page.ask().text)
    answer = page.ask(address)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/css")


def drop_empty(page: Served, name: str) -> None:
    """An empty folder in QM_qJobs, on file systems that take its name."""
    try:
        (page.folder / "QM_qJobs" / name).mkdir()
    except OSError as error:
        pytest.skip(f"no such name here: {error}")


def test_a_name_with_markup_in_it_is_only_a_name(page: Served) -> None:
    drop_empty(page, NASTY.replace("/", "\N{FRACTION SLASH}"))
    text = page.ask().text
    assert "<script>" not in text
    assert "&lt;script&gt;alert(&#039;x&#039;)" in text
    assert "&quot;quoted&quot;" in text


def test_a_name_with_control_characters_shows_them_as_escapes(page: Served) -> None:
    drop_empty(page, "a\x1b[31m\u202eb")
    assert "a\\x1b[31m\\u202eb" in page.ask().text


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:{port}", "localhost.:{port}"),
        *("127.0.0.1:{port}", "127.3.2.1", "[::1]:{port}"),
    ],
)
def test_the_names_of_this_machine_are_answered(page: Served, host: str) -> None:
    assert page.ask(Host=host.format(port=page.port)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:{port}",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
        ),
        *("localhost.evil.example", "192.168.0.7", "[fe80::1]", "0.0.0.0", "localhost:x", "[::1"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/static/qm.css", "/nothing"])
def test_another_host_name_gets_nothing(page: Served, host: str, path: str) -> None:
    answer = page.ask(path, Host=host.format(port=page.port))
    assert (answer.status, answer.text) == (421, "")


@pytest.mark.parametrize(
    "request_text",
    [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
    ids=["no Host", "two Hosts", "an absolute address"],
)
def test_a_request_whose_host_is_unclear_gets_nothing(page: Served, request_text: str) -> None:
    answer = page.raw(request_text.encode())
    assert answer.split(b"\r\n", 1)[0].split()[1] in {b"421", b"400"}
    assert b"QM is not running" not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_looking_is_allowed(page: Served, method: str) -> None:
    answer = page.ask(method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_head_is_answered_without_a_body(page: Served) -> None:
    answer = page.ask(method="HEAD")
    assert (answer.status, answer.text) == (200, "")


@pytest.mark.parametrize(
    ("path", "method", "host"),
    [
        ("/", "GET", "localhost"),
        ("/static/qm.css", "GET", "localhost"),
        ("/nothing", "GET", "localhost"),
        ("/", "POST", "localhost"),
        ("/", "GET", "evil.example"),
    ],
)
def test_every_answer_carries_the_policy(page: Served, path: str, method: str, host: str) -> None:
    headers = page.ask(path, method, Host=host).headers
    assert headers["content-security-policy"].startswith(POLICY)
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/nothing", "/static/../app.py", "/static/%2e%2e/app.py"])
def test_another_page_is_told_not_to_be_there(page: Served, path: str) -> None:
    answer = page.ask(path)
    assert answer.status in {403, 404}
    assert "bottle" not in answer.text


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no polite signal")
def test_the_page_ends_cleanly_when_it_is_told_to(page: Served) -> None:
    page.process.send_signal(signal.SIGTERM)
    assert page.process.wait(10) == 0


def test_running_waiting_and_ended_jobs_are_shown_with_their_reasons(
    make_queue: Callable[..., Queue], tmp_path: Path
) -> None:
    queue = make_queue().start()
    queue.drop("broken", "exit 3")
    queue.wait_done("broken")
    queue.drop("long", SLEEPS, nb_proc=2, info="a long one")
    queue.wait_running("long")
    queue.drop("next", "exit 0")
    wait_for("it waits", lambda: (queue.row("next") or {}).get("state") == "QUEUED")
    port = free_port()
    config = write_config(tmp_path / "page.cfg", queue.folder, port)
    with served(queue.folder, config, port) as page:
        text = page.ask().text
    assert "<title>(1 running) QM</title>" in text
    assert "QM is not running" not in text
    assert "a long one" in text
    assert "Resources: needs 1 processor, 0 free (2 holds 2)" in text
    assert "ExitCode: 3" in text
    assert queue.run("kill", "long", "next").returncode == 0


def run_page(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        web_command(config, *arguments), capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "*"])
def test_a_page_that_others_could_open_is_refused_without_a_token(
    tmp_path: Path, host: str
) -> None:
    port = free_port()
    config = write_config(tmp_path / "QMserv.cfg", tmp_path / "QM", port, Host=host)
    said = run_page(config)
    assert said.returncode == 2
    assert f'Host = "{host}"' in said.stderr and "others could open the page" in said.stderr
    assert "`qm web token --new` makes one" in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert not answers(port)


def test_a_host_that_is_not_known_is_told(tmp_path: Path) -> None:
    config = write_config(
        tmp_path / "QMserv.cfg", tmp_path / "QM", free_port(), Host="no-such.invalid"
    )
    said = run_page(config)
    assert said.returncode == 2 and 'Host = "no-such.invalid" is not known' in said.stderr


def test_a_taken_port_is_told_in_one_line(page: Served, tmp_path: Path) -> None:
    said = run_page(tmp_path / "QMserv.cfg")
    assert said.returncode == 3
    assert said.stderr == (
        f"the web page cannot be opened: port {page.port} is taken."
        " Choose another The_Port in [WEB_QMserver] of QMserv.cfg, and restart QM.\n"
    )

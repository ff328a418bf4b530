"""A real manager tells by mail, to web addresses and by a command how its jobs ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qm.notify import read_events
from tests.fakes.mail_server import (
    PASSWORD,
    USER,
    Authority,
    MailServer,
    free_port,
    mail_server,
    make_authority,
    silent_server,
)
from tests.fakes.web_server import WebServer, web_server
from tests.live.harness import QUICK, Queue, wait_for

pytestmark = pytest.mark.live

MakeQueue = Callable[..., Queue]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path / "authority")


@pytest.fixture
def smtp(authority: Authority) -> Iterator[MailServer]:
    """With STARTTLS and login."""
    with mail_server(authority.context, login=True) as running:
        yield running


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


def configuration(queue: Queue, mail: dict[str, Any], **options: Any) -> str:
    """QMserv.cfg with mail switched on."""
    server = {**QUICK, "MaxNbProcessors": 2, "MailActive": "yes", **options}
    lines = ["[QMServer]", f"QM_FOLDER = {queue.folder}"]
    lines += [f"{name} = {value}" for name, value in server.items()]
    lines += ["[Mail]", "From = qm@lab.example"]
    lines += [f"{name} = {value}" for name, value in mail.items()]
    return "\n".join(lines) + "\n"


def encrypted_mail(folder: Path, port: int, authority: Authority) -> dict[str, Any]:
    """How to reach the server of this authority, with a password file that is there."""
    password = folder / "password"
    password.write_text(PASSWORD, "utf-8")
    password.chmod(0o600)
    return {
        "Host": "localhost",
        "Port": port,
        "Security": "starttls",
        "User": USER,
        "Password_file": password,
        "CA_file": authority.file,
    }


def events(queue: Queue, ok: bool) -> list[dict[str, Any]]:
    """What has become of the tries so far."""
    found = read_events(str(queue.folder / ".qm" / "events.jsonl"))
    return [event for event in found if event["ok"] is ok]


def notices(queue: Queue) -> list[str]:
    """What has not been told yet."""
    return sorted(file.name for file in (queue.folder / ".qm" / "notices").glob("[0-9]*"))


def test_a_failed_job_is_told_by_mail_web_and_command_with_the_end_of_its_log(
    make_queue: MakeQueue, tmp_path: Path, smtp: MailServer, web: WebServer, authority: Authority
) -> None:
    queue = make_queue()
    hook = tmp_path / "hook.py"
    hook.write_text(f"import sys; open({str(tmp_path / 'told')!r}, 'w').write(sys.stdin.read())")
    mail = encrypted_mail(tmp_path, smtp.port, authority)
    command = f'"{sys.executable}" "{hook}"'
    queue.serve_with(configuration(queue, mail, Notify_url=web.url("/all"), Notify_command=command))
    script = "echo almost there; echo not quite; exit 3"
    queue.drop("train", script, e_mail="anna@example.org", notify_url=web.url("/own"))
    folder = queue.wait_done("train")
    wait_for("all four have been told", lambda: len(events(queue, ok=True)) == 4)

    (arrived,) = smtp.mails
    assert arrived["Subject"] == "QM: job 1 (train) FAILED, exit code 3"
    assert arrived["To"] == "anna@example.org"
    assert (smtp.encrypted, smtp.logins) == ([True], [(USER, PASSWORD)])
    text = str(arrived.get_content()).replace("\r\n", "\n")
    assert f"Folder:    {folder}\n" in text
    assert "    almost there\n    not quite\n" in text
    assert "Reason:    ExitCode: 3\n" in text and "Duration:" in text

    told = {posted.path: posted.json() for posted in web.requests}
    assert set(told) == {"/all", "/own"}
    assert (told["/own"]["state"], told["/own"]["exit_code"]) == ("FAILED", 3)
    assert told["/own"]["folder"] == str(folder)
    assert '"name": "train"' in (tmp_path / "told").read_text("utf-8")
    assert wait_for("nothing is left to tell", lambda: not notices(queue))
    assert events(queue, ok=False) == []


def test_dead_servers_change_nothing_for_the_jobs_nor_for_the_end_of_qm(
    make_queue: MakeQueue,
) -> None:
    queue = make_queue()
    with silent_server() as silent:
        mail = {"Host": "localhost", "Port": free_port()}
        command = f'"{sys.executable}" -c "import time; time.sleep(600)"'
        queue.serve_with(
            configuration(
                queue, mail, Notify_url=f"http://127.0.0.1:{silent}/", Notify_command=command
            )
        )
        for number in range(10):
            queue.drop(f"j{number}", f"exit {number % 2}", e_mail="anna@example.org")
        for number in range(10):
            queue.wait_done(f"j{number}")
        rows = {row["name"]: row["state"] for row in queue.listed()}
        assert rows == {f"j{n}": "FAILED" if n % 2 else "FINISHED" for n in range(10)}
        wait_for("mail has failed", lambda: events(queue, ok=False))
        assert len(notices(queue)) == 10
        # Ends while it waits for a server and for a command.
        process = queue.process
        queue.stop()
        assert process is not None and process.poll() == 0
    assert len(notices(queue)) == 10


def test_what_a_killed_manager_had_not_told_is_told_by_the_next_one_once(
    make_queue: MakeQueue, web: WebServer
) -> None:
    queue = make_queue()
    port = free_port()
    mail = {"Host": "localhost", "Port": port}
    queue.serve_with(configuration(queue, mail, Notify_url=web.url()))
    for number in range(5):
        queue.drop(f"j{number}", "true", e_mail="anna@example.org")
    for number in range(5):
        queue.wait_done(f"j{number}")
    wait_for("the address knows of all", lambda: len(events(queue, ok=True)) == 5)
    queue.kill_manager()
    assert len(notices(queue)) == 5
    with mail_server() as smtp:
        queue.serve_with(configuration(queue, {**mail, "Port": smtp.port}, Notify_url=web.url()))
        wait_for("all mail has arrived", lambda: not notices(queue))
        assert len(smtp.mails) == 5
    assert sorted(posted.json()["name"] for posted in web.requests) == [f"j{n}" for n in range(5)]


def test_a_short_job_is_not_worth_a_mail_but_the_brake_is(make_queue: MakeQueue) -> None:
    queue = make_queue()
    with mail_server() as smtp:
        mail = {"Host": "localhost", "Port": smtp.port, "To": "desk@example.org"}
        mail["Min_duration"] = "1 h"
        queue.serve_with(configuration(queue, mail, Brake=3, launch_type="blocking"))
        # All five wait before the first one fails: one that came later would not be counted.
        assert queue.run("drain", "on").returncode == 0
        for number in range(5):
            queue.drop(f"j{number}", "exit 1")
        wait_for("all wait", lambda: sum(r["state"] == "QUEUED" for r in queue.listed()) == 5)
        assert queue.run("drain", "off").returncode == 0
        wait_for("the brake is told", lambda: smtp.mails)
        wait_for("nothing is left to tell", lambda: not notices(queue))
        (arrived,) = smtp.mails
        assert "keep failing, 2 on hold" in arrived["Subject"]
        assert arrived["To"] == "desk@example.org"


def test_a_refused_job_is_told_with_the_reason(make_queue: MakeQueue) -> None:
    queue = make_queue()
    with mail_server() as smtp:
        mail = {"Host": "localhost", "Port": smtp.port, "To": "desk@example.org"}
        queue.serve_with(configuration(queue, mail))
        queue.drop("odd", "true", nb_proc="four")
        folder = queue.wait_lost("odd")
        wait_for("it is told", lambda: smtp.mails)
        text = str(smtp.mails[0].get_content()).replace("\r\n", "\n")
        assert "(odd) was REJECTED" in text
        assert 'nb_proc = "four"' in text
        assert f"Folder:    {folder}\n" in text

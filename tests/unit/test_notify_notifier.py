"""The manager's door: what is kept, tried again, given up, and what never happens."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qm.config import Config, MailConfig
from qm.model import State
from qm.notify import Event, Notice, Notifier, Schedule, read_events
from qm.notify.channel import Undelivered
from qm.notify.notifier import LARGEST
from qm.notify.spool import Parcel, Spool
from tests.fakes.mail_server import MailServer, free_port, mail_server, silent_server
from tests.fakes.notices import SUBMITTED, a_notice
from tests.fakes.web_server import WebServer, web_server
from tests.live.harness import wait_for

ROOT = Path(__file__).parents[2]
QUICK = Schedule(settle=0.0, pauses=(0.05, 0.1))


class Desk:
    """A notifier on a folder, and what it has left there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "notices"
        self.events_file = folder / "events.jsonl"
        self.located: list[str] = []
        self.notifiers: list[Notifier] = []

    def locate(self, notice: Notice) -> str | None:
        self.located.append(threading.current_thread().name)
        return str(self.folder / notice.name)

    def config(self, mail_port: int | None = None, **options: Any) -> Config:
        """Mail goes to this port, if any."""
        mail = MailConfig(host="localhost", port=mail_port or 1, sender="qm@lab.example")
        return Config(
            folder=self.folder, mail_active=mail_port is not None, mail=mail, sync=False, **options
        )

    def open(self, config: Config, schedule: Schedule = QUICK, **options: Any) -> Notifier:
        """As a manager at its start."""
        files = (str(self.spool), str(self.events_file))
        notifier = Notifier(config, *files, self.locate, host="lab", schedule=schedule, **options)
        self.notifiers.append(notifier)
        notifier.start()
        return notifier

    def waiting(self) -> list[str]:
        """The notices in the spool."""
        return sorted(os.listdir(self.spool)) if self.spool.exists() else []

    def events(self, ok: bool | None = None) -> list[dict[str, Any]]:
        """The events of this outcome, or all."""
        return [one for one in read_events(str(self.events_file)) if ok in (None, one["ok"])]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """What is still open is closed, and no thread outlives its test."""
    made = Desk(tmp_path)
    yield made
    for notifier in made.notifiers:
        notifier.stop()
    ended = [notifier.join(10) for notifier in made.notifiers]
    assert all(ended), [thread.name for thread in threading.enumerate()]


@pytest.fixture
def smtp() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


def wait_until(what: str, fact: Callable[[], Any]) -> Any:
    return wait_for(what, fact, timeout=15)


def test_where_nobody_is_to_be_told_nothing_is_written_and_no_thread_starts(desk: Desk) -> None:
    threads = threading.active_count()
    notifier = desk.open(desk.config())
    notifier.tell(a_notice(number) for number in range(100))
    assert notifier.waiting() == 0
    assert os.listdir(desk.folder) == []
    assert threading.active_count() == threads


def test_a_manager_that_tells_nobody_loads_nothing_for_it() -> None:
    code = (
        "import sys\nfrom qm.config import Config\nfrom qm.notify import Notifier\n"
        "Notifier(Config(), 'notices', 'events.jsonl', str).start()\n"
        "print(*{'smtplib', 'ssl', 'http.client', 'email.message', 'subprocess'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_each_way_is_told_and_the_notice_is_gone(
    desk: Desk, smtp: MailServer, web: WebServer
) -> None:
    line = f'"{sys.executable}" -c "import os; print(os.environ[\'QM_JOB_DIR\'])"'
    config = desk.config(smtp.port, notify_url=web.url("/all"), notify_command=line)
    notifier = desk.open(config)
    notifier.tell([a_notice(notify_url=web.url("/own"))])
    wait_until("all have been told", lambda: notifier.waiting() == 0)
    assert smtp.subjects() == ["QM: job 7 (job7) FAILED, exit code 2"]
    assert sorted(posted.path for posted in web.requests) == ["/all", "/own"]
    assert web.requests[0].json()["folder"] == str(desk.folder / "job7")
    assert desk.waiting() == []
    events = {(event["kind"], event["job"], event["ok"]) for event in desk.events()}
    assert events == {(kind, 7, True) for kind in ("mail", "webhook", "command")}
    assert len(desk.events()) == 4
    (ran,) = [event for event in desk.events() if event["kind"] == "command"]
    assert ran["detail"] == f"it ran; it said: {desk.folder / 'job7'}"


def test_ways_that_come_to_their_end_together_do_not_disturb_each_other(
    desk: Desk, web: WebServer, smtp: MailServer
) -> None:
    notifier = desk.open(desk.config(smtp.port, notify_url=web.url("/all")))
    for number in range(100):
        notifier.tell([a_notice(number, notify_url=web.url("/own"))])
    wait_until("all have been told", lambda: notifier.waiting() == 0)
    assert (len(web.requests), len(smtp.mails)) == (200, 100)
    assert (len(desk.events(ok=True)), desk.waiting()) == (300, [])


def test_a_job_that_names_the_address_of_all_is_told_there_once(desk: Desk, web: WebServer) -> None:
    notifier = desk.open(desk.config(notify_url=web.url("/all")))
    notifier.tell([a_notice(7, notify_url=web.url("/all")), a_notice(8)])
    wait_until("both have been told", lambda: notifier.waiting() == 0)
    assert sorted(posted.json()["id"] for posted in web.requests) == [7, 8]


def test_what_a_crash_left_in_the_spool_is_delivered_by_the_next_manager(
    desk: Desk, smtp: MailServer
) -> None:
    crashed = Spool(str(desk.spool))
    for number in range(20):
        crashed.write(Parcel(a_notice(number), SUBMITTED, frozenset({"mail"})))
    (desk.spool / "77-1-ended.json").write_bytes(b"torn")
    notifier = desk.open(desk.config(smtp.port))
    wait_until("all have arrived", lambda: notifier.waiting() == 0)
    assert len(smtp.mails) == 20
    assert smtp.connections == 1
    assert desk.waiting() == ["77-1-ended.json.damaged"]


def test_a_notice_is_in_the_spool_before_tell_returns(desk: Desk) -> None:
    notifier = desk.open(desk.config(free_port()), Schedule(settle=3600))
    notifier.tell([a_notice(7), a_notice(8, event=Event.LOST, state=State.LOST)])
    assert desk.waiting() == ["7-1-ended.json", "8-1-lost.json"]


def test_what_is_noted_twice_is_told_once(desk: Desk, smtp: MailServer) -> None:
    notifier = desk.open(desk.config(smtp.port), Schedule(settle=0.2))
    for _ in range(3):
        notifier.tell([a_notice()])
    assert notifier.waiting() == 1
    wait_until("it has arrived", lambda: notifier.waiting() == 0)
    assert len(smtp.mails) == 1


def test_only_the_way_that_failed_is_tried_again_also_by_the_next_manager(
    desk: Desk, web: WebServer
) -> None:
    port = free_port()
    notice = a_notice(notify_url=web.url("/own"))
    first = desk.open(desk.config(port, notify_url=web.url("/all")), Schedule(settle=0))
    first.tell([notice])
    wait_until("both addresses have it", lambda: len(web.requests) == 2)
    wait_until("mail has failed", lambda: desk.events(ok=False))
    wait_until("it is noted", lambda: len(desk.events(ok=True)) == 2)
    first.stop()
    assert first.join(10)
    (left,), _ = Spool(str(desk.spool)).load()
    assert left.pending == {"mail"}
    assert "; next try in 10 s" in desk.events(ok=False)[0]["detail"]
    with mail_server() as smtp:
        second = desk.open(desk.config(smtp.port, notify_url=web.url("/all")))
        wait_until("mail has arrived", lambda: second.waiting() == 0)
        assert len(smtp.mails) == 1
    assert len(web.requests) == 2


def test_a_server_that_comes_back_gets_everything(desk: Desk) -> None:
    with web_server() as web:
        web.answers = {"/": 503}
        notifier = desk.open(desk.config(notify_url=web.url()))
        notifier.tell(a_notice(number) for number in range(1, 6))
        wait_until("it was tried some times", lambda: len(desk.events(ok=False)) >= 3)
        web.answers = {}
        wait_until("all have arrived", lambda: notifier.waiting() == 0)
        assert len({posted.json()["id"] for posted in web.requests[-5:]}) == 5


def test_many_notices_do_not_pile_up_in_front_of_a_dead_server(desk: Desk) -> None:
    schedule = Schedule(settle=0, pauses=(0.2,))
    notifier = desk.open(desk.config(free_port()), schedule)
    start = time.monotonic()
    notifier.tell(a_notice(number) for number in range(500))
    wait_until("it was tried some times", lambda: len(desk.events(ok=False)) >= 4)
    tries = len(desk.events(ok=False))
    assert tries <= (time.monotonic() - start) / 0.2 + 2
    assert notifier.waiting() == 500


def test_pauses_grow_and_the_last_one_goes_on() -> None:
    schedule = Schedule()
    pauses = [schedule.pause(failures) for failures in range(1, 7)]
    assert pauses == [10.0, 60.0, 300.0, 1800.0, 1800.0, 1800.0]


def test_one_dead_address_does_not_keep_another_waiting(desk: Desk, web: WebServer) -> None:
    dead = f"http://localhost:{free_port()}/"
    notifier = desk.open(desk.config(), Schedule(settle=0, pauses=(3600,)))
    notifier.tell([a_notice(number, notify_url=dead) for number in range(1, 20)])
    notifier.tell([a_notice(20, notify_url=web.url())])
    wait_until("the living one has it", lambda: web.requests)
    assert [posted.json()["id"] for posted in web.requests] == [20]
    assert len(desk.events(ok=False)) == 1


def test_a_mail_that_is_refused_for_now_does_not_keep_others_waiting(
    desk: Desk, smtp: MailServer
) -> None:
    smtp.recipient_answer = "450 later"
    notifier = desk.open(desk.config(smtp.port), Schedule(settle=0, pauses=(3600,)))
    notifier.tell([a_notice(1)])
    wait_until("it was refused", lambda: desk.events(ok=False))
    smtp.recipient_answer = "250 OK"
    notifier.tell([a_notice(2)])
    wait_until("the next one has arrived", lambda: smtp.mails)
    wait_until("the refused one waits alone", lambda: notifier.waiting() == 1)


def test_what_is_refused_for_good_is_told_once_and_given_up(desk: Desk, web: WebServer) -> None:
    web.answers["/"] = 404
    notifier = desk.open(desk.config())
    notifier.tell([a_notice(notify_url=web.url())])
    wait_until("it is given up", lambda: notifier.waiting() == 0)
    (event,) = desk.events()
    assert not event["ok"] and "answered 404" in event["detail"]
    assert (len(web.requests), desk.waiting()) == (1, [])


def test_a_notice_is_given_up_after_a_day_but_not_before_it_was_tried(desk: Desk) -> None:
    noted = 1_767_225_600.0  # SUBMITTED.
    crashed = Spool(str(desk.spool))
    for number in range(1, 51):
        crashed.write(Parcel(a_notice(number), SUBMITTED, frozenset({"mail"})))
    config = desk.config(free_port())
    clock = [noted + 3600.0]
    notifier = desk.open(config, clock=lambda: clock[0])
    wait_until("it was tried", lambda: len(desk.events(ok=False)) >= 2)
    assert notifier.waiting() == 50
    clock[0] = noted + 90_000.0
    wait_until("all are given up", lambda: notifier.waiting() == 0)
    given_up = [one for one in desk.events() if "given up after 1 d 1 h" in one["detail"]]
    assert {one["job"] for one in given_up} == set(range(1, 51))
    assert desk.waiting() == []


def test_a_notice_that_waited_while_qm_was_off_is_tried_first(desk: Desk, smtp: MailServer) -> None:
    Spool(str(desk.spool)).write(Parcel(a_notice(), SUBMITTED, frozenset({"mail"})))
    notifier = desk.open(desk.config(smtp.port))
    wait_until("it has arrived", lambda: notifier.waiting() == 0)
    assert len(smtp.mails) == 1


def test_to_wake_it_tries_everything_at_once(desk: Desk) -> None:
    with web_server() as web:
        web.answers = {"/": 500}
        notifier = desk.open(desk.config(notify_url=web.url()), Schedule(settle=0, pauses=(3600,)))
        notifier.tell([a_notice(1), a_notice(2)])
        wait_until("it has failed", lambda: desk.events(ok=False))
        web.answers = {}
        notifier.wake()
        wait_until("both have arrived", lambda: notifier.waiting() == 0)


def test_another_configuration_counts_for_what_waits_as_well(desk: Desk, smtp: MailServer) -> None:
    schedule = Schedule(settle=0, pauses=(3600,))
    notifier = desk.open(desk.config(free_port(), notify_command="exit 3"), schedule)
    notifier.tell([a_notice(number) for number in (1, 2)])
    wait_until("both ways have failed", lambda: len(desk.events(ok=False)) == 2)
    notifier.reconfigure(desk.config(smtp.port))
    wait_until("nothing waits", lambda: notifier.waiting() == 0)
    assert len(smtp.mails) == 2
    off = [one for one in desk.events() if "switched off" in one["detail"]]
    assert [(one["kind"], one["ok"]) for one in off] == [("command", False)] * 2


@pytest.mark.parametrize("way", ["mail", "web", "command"])
def test_the_threads_end_at_once_when_they_are_stopped_in_the_middle(desk: Desk, way: str) -> None:
    with silent_server() as port:
        sleep = f'"{sys.executable}" -c "import time; print(flush=True); time.sleep(600)"'
        config = desk.config(
            port if way == "mail" else None,
            notify_url=f"http://127.0.0.1:{port}/" if way == "web" else None,
            notify_command=sleep if way == "command" else None,
        )
        notifier = desk.open(config)
        notifier.tell([a_notice()])
        wait_until("it is at it", lambda: desk.located)
        start = time.monotonic()
        notifier.stop()
        assert notifier.join(10)
        assert time.monotonic() - start < 8
        notifier.tell([a_notice(8)])
    assert not [one for one in threading.enumerate() if one.name.startswith("notify")]
    assert desk.waiting() == ["7-1-ended.json", "8-1-ended.json"]


def test_one_that_was_never_used_stops_as_well(desk: Desk) -> None:
    notifier = desk.open(desk.config())
    notifier.stop()
    assert notifier.join(0)


def test_a_spool_that_cannot_be_written_keeps_nobody_from_being_told(
    desk: Desk, smtp: MailServer
) -> None:
    desk.spool.write_text("in the way", "utf-8")
    notifier = desk.open(desk.config(smtp.port))
    notifier.tell([a_notice()])
    wait_until("it has arrived all the same", lambda: notifier.waiting() == 0)
    assert len(smtp.mails) == 1


def test_a_fault_of_our_own_is_an_event_and_ends_no_thread(
    desk: Desk, smtp: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(notice: Notice) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr(desk, "locate", broken)
    notifier = desk.open(desk.config(smtp.port))
    notifier.tell([a_notice()])
    wait_until("it has arrived without its folder", lambda: notifier.waiting() == 0)
    assert "moved away or deleted" in str(smtp.mails[0].get_content())


def test_a_way_that_breaks_is_tried_again(
    desk: Desk, smtp: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[BaseException] = [RuntimeError("a bug"), Undelivered("not now")]

    def shaky(notice: Notice) -> str:
        if faults:
            raise faults.pop(0)
        return "QM: at last"

    monkeypatch.setattr("qm.notify.mail.subject", shaky)
    notifier = desk.open(desk.config(smtp.port))
    notifier.tell([a_notice()])
    wait_until("it has arrived", lambda: notifier.waiting() == 0)
    assert smtp.subjects() == ["QM: at last"]
    assert "a fault of QM: RuntimeError('a bug')" in desk.events(ok=False)[0]["detail"]


def test_a_way_that_a_later_version_knows_is_passed_over(desk: Desk, smtp: MailServer) -> None:
    Spool(str(desk.spool)).write(Parcel(a_notice(), SUBMITTED, frozenset({"mail", "pigeon"})))
    notifier = desk.open(desk.config(smtp.port))
    wait_until("mail has arrived", lambda: notifier.waiting() == 0)
    assert (len(smtp.mails), desk.waiting()) == (1, [])


def test_notices_that_nobody_takes_do_not_grow_without_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LARGEST >= 1000
    monkeypatch.setattr("qm.notify.notifier.LARGEST", 3)
    notifier = desk.open(desk.config(free_port()), Schedule(settle=3600))
    notifier.tell(a_notice(number) for number in range(1, 6))
    assert (notifier.waiting(), len(desk.waiting())) == (3, 3)
    assert [one["job"] for one in desk.events(ok=False)] == [4, 5]

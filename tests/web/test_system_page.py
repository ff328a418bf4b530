"""The page that tells how QM and its machine stand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.filled import filled
from qm.config import Config, WebConfig
from qm.config.mail import MailConfig
from qm.config.options import options
from qm.folders.layout import Layout
from qm.model import Drain, Steering
from qm.statefile import StateFile
from tests.web.listener import Listener
from tests.web.served import free_port, page_of_empty_queue, served, write_config
from web.configured import rows_of
from web.system import SystemReader, count_entries, findings_in, trash_of
from web.warnings import MOST, failures_in, warnings_in

LOG = """\
2026-11-21 14:36:48,123 INFO job 7 has started
2026-11-21 14:36:49,123 WARNING the disk is nearly full
Traceback (most recent call last):
  File "x.py", line 1, in x
2026-11-21 14:36:50,123 ERROR \x1b[31mred\x1b[0m
"""


def test_warnings_are_the_last_ones_of_the_log_and_cannot_move_a_cursor() -> None:
    found = warnings_in(LOG.splitlines())
    assert [(one.time, one.level) for one in found] == [
        ("2026-11-21 14:36:50", "error"),
        ("2026-11-21 14:36:49", "warning"),
    ]
    assert found[0].text == "\\x1b[31mred\\x1b[0m"


@given(st.lists(st.text(max_size=60), max_size=30))
def test_any_log_can_be_read(lines: list[str]) -> None:
    assert len(warnings_in([*lines, *LOG.splitlines()])) <= MOST


def test_long_complaints_are_cut_and_many_are_counted_out() -> None:
    lines = [f"2026-11-21 14:36:49,123 WARNING {n} {'x' * 9000}" for n in range(100)]
    found = warnings_in(lines)
    assert len(found) == MOST and found[0].text.startswith("99 x")
    assert all(len(one.text) < 600 for one in found)


def event(job: int, **values: Any) -> dict[str, Any]:
    return {"time": "2026-11-21T14:36:48.000Z", "kind": "mail", "job": job, "ok": False} | {
        "detail": "no such host",
        **values,
    }


def test_failures_are_the_notices_that_did_not_arrive_newest_first() -> None:
    events = [event(1), event(2, ok=True), event(3), {"ok": False}, {**event(4), "job": "<b>"}]
    assert [one.job for one in failures_in(events)] == [3, 1]
    many = failures_in([event(n) for n in range(100)])
    assert [one.job for one in many] == list(range(99, 99 - MOST, -1))


def test_every_option_is_there_and_no_secret() -> None:
    config = Config(
        notify_url="https://hooks.example.org/T00/SECRET?key=SECRET",
        notify_command="post --key SECRET",
        mail=MailConfig(user="SECRET", password_file=Path("/x/SECRET")),
        web=WebConfig(port=8123, token_file=Path("/x/SECRET")),
    )
    rows = {(row.section, row.name): row for row in rows_of(config)}
    assert set(rows) == {(option.section, option.name) for option in options()}
    assert "SECRET" not in "".join(row.value for row in rows.values())
    assert rows["QMServer", "Notify_url"].value == "https://hooks.example.org/…"
    assert rows["Mail", "User"].value == "set, not shown"
    assert rows["WEB_QMserver", "The_Port"].changed
    assert not rows["WEB_QMserver", "Host"].changed
    assert [row.name for row in rows_of(Config()) if row.changed] == []


def test_hidden_entries_do_not_count_and_a_missing_folder_has_no_number(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "job").mkdir()
    assert count_entries(str(tmp_path)) == 1
    assert count_entries(str(tmp_path / "none")) is None


def test_the_size_of_a_large_trash_is_told_as_far_as_it_was_found(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"job{number}").mkdir()
        (tmp_path / f"job{number}" / "data").write_bytes(b"x" * 100)
    whole = trash_of(str(tmp_path), lambda: 0.0)
    assert (whole.entries, whole.size, whole.whole) == (5, 500, True)
    moments = iter([0.0, 0.0, 0.0, 0.1, 9.0])
    part = trash_of(str(tmp_path), lambda: next(moments))
    assert (part.entries, part.size, part.whole) == (5, 300, False)
    assert trash_of(str(tmp_path / "none"), lambda: 0.0).entries is None


def test_many_who_ask_cost_one_look(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "QM"))
    layout.create()
    moment = [0.0]
    reader = SystemReader(layout, Config(), clock=lambda: moment[0])
    first = reader.read()
    assert reader.read() is first
    moment[0] += 6
    assert reader.read() is not first


@pytest.mark.live
def test_without_a_manager_the_page_says_so_and_shows_what_there_is(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        own = page.folder / ".qm"
        (own / "log").mkdir()
        (own / "log" / "qm.log").write_text(LOG.replace("disk", "<disk>"), encoding="utf-8")
        (own / "events.jsonl").write_text(json.dumps(event(7)) + "\n", encoding="utf-8")
        os.rename(page.folder / "QM_lost+found", page.folder / "elsewhere")
        answer = page.ask("/system")
        assert answer.status == 200
        assert "QM is not running." in answer.text
        assert "the &lt;disk&gt; is nearly full" in answer.text
        assert "no such host" in answer.text and 'href="/job/7"' in answer.text
        assert '<span class="bad">not there</span>' in answer.text
        assert f"<b>{page.port}</b>" in answer.text
        assert "set, not shown" in answer.text and str(page.token_file) not in answer.text


@pytest.mark.live
def test_without_a_folder_the_page_says_how_to_make_it(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path) as page:
        os.rename(page.folder, page.folder.with_name("elsewhere"))
        answer = page.ask("/system")
        assert answer.status == 200
        assert f"There is no folder {page.folder}." in answer.text


@pytest.mark.live
def test_a_manager_is_shown_with_what_is_in_use(tmp_path: Path) -> None:
    with filled(tmp_path / "QM", 3, 5, 1.0) as (layout, _):
        port, root = free_port(), Path(layout.root)
        with served(root, write_config(tmp_path / "QMserv.cfg", root, port), port) as page:
            text = page.ask("/system").text
    assert f"host here, process {os.getpid()}" in text and "QM is not running" not in text
    assert '<th scope="row">Processors</th><td class="n">7</td><td class="n">4</td>' in text


@pytest.mark.live
def test_configuration_and_log_are_for_operators_where_details_are_off(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path, Display_details="no") as page:
        (page.folder / ".qm" / "log").mkdir()
        (page.folder / ".qm" / "log" / "qm.log").write_text(LOG, encoding="utf-8")
        page.token()
        viewer, operator = page.ask("/system").text, page.operator().ask("/system").text
        assert "nearly full" not in viewer and "Kill_grace" not in viewer
        assert "nearly full" in operator and "Kill_grace" in operator


@pytest.mark.live
def test_what_the_doctor_warns_of_and_who_follows_is_shown(tmp_path: Path) -> None:
    with page_of_empty_queue(tmp_path, Display_details="no") as page:
        page.token()
        layout = Layout(str(page.folder))
        StateFile(layout.own, "boot", sync=False).steer(
            Steering(drain=Drain("2026-01-01T00:00:00.000Z", "<bob>"))
        )
        text = page.operator().ask("/system").text
        assert "Nothing is started: &lt;bob&gt; turned drain on" in text
        assert "`qm drain off` ends it." in text
        assert "To look at" not in page.ask("/system").text
        assert "<dd>0 of 48 places taken" in text
        listener = Listener.begin(page)
        listener.wait_reset()
        assert "<dd>1 of 48 places taken" in page.ask("/system").text
        listener.close()


def test_nothing_is_found_odd_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    config = Config(enforce=frozenset())
    assert findings_in(config, Layout(str(tmp_path / "none"))) == []

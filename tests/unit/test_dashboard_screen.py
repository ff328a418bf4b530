"""The dashboard on a terminal of 80 x 24: what it shows, keys, questions and answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qm.dashboard.app import Dashboard
from qm.dashboard.dialogs import Confirm, Help
from qm.dashboard.logscreen import LogScreen
from qm.dashboard.look import Meters
from qm.errors import QMError
from qm.model import State
from tests.fakes.served import ServedFolder
from tests.fakes.terminal import Steps, Terminal, sit_at
from tests.unit.test_dashboard_reading import Busy


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedFolder]:
    with ServedFolder(tmp_path / "QM") as folder:
        yield folder


class Manager:
    """Remembers what it is asked, and answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answer: Mapping[str, Any] = {}
        self.error: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()

    def __call__(self, verb: str, target: str) -> Mapping[str, Any]:
        self.asked.append((verb, target))
        assert self.answers.wait(20)
        if self.error is not None:
            raise self.error
        return self.answer


def at_terminal(
    served: ServedFolder,
    steps: Steps,
    manager: Manager | None = None,
    size: tuple[int, int] = (80, 24),
) -> None:
    """Run the dashboard, and these steps."""

    meters = Meters(Busy, lambda pid, token: None)
    sit_at(Dashboard(served.layout, manager or Manager(), meters), steps, size)


def some_jobs(served: ServedFolder) -> None:
    served.put(1, State.RUNNING, name="train", log="epoch 13 / 100\n")
    served.put(2, State.QUEUED, name="next", options={"nb_proc": 8})
    served.put(3, State.HELD, name="later")
    served.put(4, State.FAILED, name="broken", log="no such file\n")


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 12), (200, 60)])
def test_everything_stands_on_the_screen(served: ServedFolder, size: tuple[int, int]) -> None:
    some_jobs(served)

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("QM ", "RUNNING 1", "RECENT 1", "13 / 100"[:4])
        assert all(len(line) <= size[0] for line in terminal.text().splitlines())
        if size[0] >= 80:
            await terminal.sees("running since", "jobs use █░░░░░░░ 1/8 proc", "cpu 10 %")
            await terminal.sees("█░░░░░░░ 13 / 100", "Resources: needs 8 proc", "LOG of job 1")
            await terminal.sees("epoch 13 / 100", "HELD", "FAILED", "broken", "q Leave")

    at_terminal(served, steps, size=size)


def test_without_jobs_it_teaches_how_to_drop_one(served: ServedFolder) -> None:
    async def steps(terminal: Terminal) -> None:
        await terminal.sees("No jobs", "proc_config.cfg", "qm submit")
        served.put(1, State.RUNNING)
        await terminal.sees("RUNNING 1", "job1")

    at_terminal(served, steps)


def test_arrows_and_tab_move_through_the_tables(served: ServedFolder) -> None:
    some_jobs(served)

    async def steps(terminal: Terminal) -> None:
        await terminal.wait_for(lambda: terminal.selected == "train")
        await terminal.press("down")
        assert terminal.selected == "next"
        await terminal.press("j", "j")
        assert terminal.selected == "broken"
        await terminal.sees("no such file")
        await terminal.press("tab")
        assert terminal.selected == "train"
        await terminal.press("shift+tab", "up")
        assert terminal.selected == "later"
        await terminal.press("home", "end", "pageup", "pagedown")
        assert terminal.selected == "later"

    at_terminal(served, steps)


def test_the_selection_follows_its_job_to_its_end(served: ServedFolder) -> None:
    some_jobs(served)
    job = served.put(7, State.RUNNING, name="watched", log="watched me\n")

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("watched")
        await terminal.select("watched")
        await terminal.sees("watched me")
        served.move(job, State.FINISHED)
        await terminal.sees("RECENT 2")
        assert terminal.selected == "watched"
        await terminal.sees("watched me")

    at_terminal(served, steps)


def test_a_click_selects_and_a_second_one_opens_the_log(served: ServedFolder) -> None:
    some_jobs(served)

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("broken")
        await terminal.pilot.click("#recent", offset=(10, 1))
        await terminal.wait_for(lambda: terminal.selected == "broken")
        await terminal.pilot.click("#recent", offset=(10, 1), times=2)
        await terminal.wait_for(lambda: isinstance(terminal.app.screen, LogScreen))

    at_terminal(served, steps)


def test_a_job_is_killed_only_after_a_question_that_names_it(served: ServedFolder) -> None:
    some_jobs(served)
    manager = Manager()
    manager.answer = {"state": "KILLED"}

    async def steps(terminal: Terminal) -> None:
        await terminal.wait_for(lambda: terminal.selected == "train")
        await terminal.press("k")
        await terminal.wait_for(lambda: isinstance(terminal.app.screen, Confirm))
        await terminal.sees("Kill job 1 (train)?")
        await terminal.press("escape")
        await terminal.wait_for(lambda: not isinstance(terminal.app.screen, Confirm))
        assert manager.asked == []
        await terminal.press("k", "enter")
        await terminal.told("Killed job 1 (train)")
        assert manager.asked == [("kill", "1")]

    at_terminal(served, steps, manager)


@pytest.mark.parametrize(
    ("row", "key", "verb"),
    [
        ("next", "h", "hold"),
        ("later", "r", "release"),
        ("broken", "R", "rerun"),
        ("train", "s", "suspend"),
        ("paused", "s", "resume"),
    ],
)
def test_every_key_asks_for_its_verb(served: ServedFolder, row: str, key: str, verb: str) -> None:
    some_jobs(served)
    served.put(9, State.SUSPENDED, name="paused")
    manager = Manager()

    async def steps(terminal: Terminal) -> None:
        await terminal.select(row)
        await terminal.press(key, "y")
        await terminal.wait_for(lambda: bool(manager.asked))
        assert manager.asked[0][0] == verb

    at_terminal(served, steps, manager)


def test_what_makes_no_sense_is_told_and_not_asked(served: ServedFolder) -> None:
    some_jobs(served)

    async def steps(terminal: Terminal) -> None:
        await terminal.wait_for(lambda: terminal.selected == "train")
        await terminal.press("h")
        await terminal.told("Job 1 (train) is RUNNING: hold is for jobs that wait.")
        assert not isinstance(terminal.app.screen, Confirm)

    at_terminal(served, steps)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (QMError("no QM runs here", "`qm serve` starts one."), "Kill job 1 (train): no QM runs"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_a_no_is_told(served: ServedFolder, error: Exception, text: str) -> None:
    some_jobs(served)
    manager = Manager()
    manager.error = error

    async def steps(terminal: Terminal) -> None:
        await terminal.wait_for(lambda: terminal.selected == "train")
        await terminal.press("k", "y")
        await terminal.told(text)

    at_terminal(served, steps, manager)


def test_a_manager_that_does_not_answer_keeps_nobody_waiting(served: ServedFolder) -> None:
    some_jobs(served)
    manager = Manager()
    manager.answers.clear()

    async def steps(terminal: Terminal) -> None:
        await terminal.wait_for(lambda: terminal.selected == "train")
        await terminal.press("k", "y")
        await terminal.wait_for(lambda: bool(manager.asked))
        await terminal.press("down")
        assert terminal.selected == "next"
        served.put(8, State.RUNNING, name="another")
        await terminal.sees("RUNNING 2", "another")
        await terminal.press("q")

    at_terminal(served, steps, manager)
    manager.answers.set()


def test_a_dead_manager_is_shown_in_words(served: ServedFolder) -> None:
    some_jobs(served)

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("running since")
        served.die()
        await terminal.sees("NOT RUNNING", "`qm serve` in another terminal")
        await terminal.sees("next")

    at_terminal(served, steps)


def test_of_ten_thousand_waiting_jobs_the_first_are_shown_and_the_rest_counted(
    served: ServedFolder,
) -> None:
    template = served.put(1, State.QUEUED)
    served.show(*[replace(template, id=n, name=f"job{n}", arrival=n) for n in range(1, 10_001)])

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("WAITING 10,000")
        await terminal.press("end")
        await terminal.sees("job200", "… and 9,800 more")
        await terminal.press("slash", *"job9999", "enter")
        await terminal.sees("WAITING 1 with 'job9999'")

    at_terminal(served, steps)


def test_a_filter_shows_only_names_with_its_text_until_escape(served: ServedFolder) -> None:
    some_jobs(served)

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("broken")
        await terminal.press("slash", *"BROK")
        await terminal.sees("RUNNING 0 with", "no name with 'BROK'", "RECENT 1 with")
        assert terminal.selected == "broken"
        await terminal.press("enter", "escape")
        await terminal.sees("RUNNING 1")
        assert "RUNNING 1 with" not in terminal.text()

    at_terminal(served, steps)


def test_letters_in_the_filter_are_text_and_no_commands(served: ServedFolder) -> None:
    some_jobs(served)

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("broken")
        await terminal.press("slash", *"kqhr")
        await terminal.sees("with 'kqhr'")
        assert not isinstance(terminal.app.screen, Confirm)

    at_terminal(served, steps)


def test_the_log_on_the_whole_screen_follows_until_somebody_scrolls_up(
    served: ServedFolder,
) -> None:
    some_jobs(served)
    log = Path(served.layout.root, "QM_Jobs", "train", "process.log")
    log.write_text("".join(f"line {n}\n" for n in range(200)), encoding="ascii")

    async def steps(terminal: Terminal) -> None:
        await terminal.wait_for(lambda: terminal.selected == "train")
        await terminal.press("enter")
        await terminal.sees("Log of job 1 (train)", "following", "line 199")
        log.write_text(log.read_text(encoding="ascii") + "line 200\n", encoding="ascii")
        await terminal.sees("line 200")
        await terminal.press("pageup")
        await terminal.sees("held: f follows", "line 170")
        log.write_text(log.read_text(encoding="ascii") + "line 201\n", encoding="ascii")
        await terminal.press("home")
        await terminal.sees("line 0")
        await terminal.press("f")
        await terminal.sees("following", "line 201")
        await terminal.press("escape")
        await terminal.sees("RUNNING 1")

    at_terminal(served, steps)


def test_a_binary_log_does_no_harm(served: ServedFolder) -> None:
    data = bytes(range(256)) * 3000 + b"\x1b[2J\x1b]0;pwned\x07\nthe end\n"
    served.put(1, State.RUNNING, name="binary", log=data)

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("the end")
        await terminal.press("l")
        await terminal.sees("the end", "KiB before this")
        assert "pwned" not in terminal.text()

    at_terminal(served, steps)


def test_a_name_with_markup_is_shown_as_it_is(served: ServedFolder) -> None:
    served.put(1, State.RUNNING, name="[red]x")

    async def steps(terminal: Terminal) -> None:
        await terminal.sees("[red]x")
        await terminal.press("k")
        await terminal.sees("Kill job 1 ([red]x)?")
        await terminal.press("y")
        await terminal.told("[red]x")

    at_terminal(served, steps)


def test_help_lists_the_keys_and_closes(served: ServedFolder) -> None:
    async def steps(terminal: Terminal) -> None:
        await terminal.press("question_mark")
        await terminal.sees("Keys of the dashboard", "k ", "kill", "q ", "leave")
        await terminal.press("escape")
        await terminal.wait_for(lambda: not isinstance(terminal.app.screen, Help))

    at_terminal(served, steps)


def test_q_leaves(served: ServedFolder) -> None:
    async def steps(terminal: Terminal) -> None:
        await terminal.sees("No jobs")
        await terminal.press("q")
        await terminal.wait_for(lambda: not terminal.app.is_running)

    at_terminal(served, steps)

"""The dashboard as a program: screens, the thread that looks, and what is asked of QM."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from qm.dashboard.actions import Act, Action, fits, outcome, question, refusal, target_of
from qm.dashboard.board import Board
from qm.dashboard.dialogs import Confirm, Help
from qm.dashboard.logscreen import LIMIT, LogScreen
from qm.dashboard.look import Meters, Observer
from qm.dashboard.looker import Looker, Told
from qm.dashboard.snapshot import LogTail, Snapshot, key_of
from qm.errors import QMError
from qm.folders.layout import Layout
from qm.view import Entry

_PANE = 32 * 1024
"""Bytes of a log that are read for the pane of the board."""


class Dashboard(App[None]):
    """Shows one QM_FOLDER until ``q``."""

    TITLE = "QM"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "quit", "Leave", show=False, priority=True)
    ]

    class Looked(Message):
        """What the looker has seen."""

        def __init__(self, snapshot: Snapshot) -> None:
            super().__init__()
            self.snapshot = snapshot

    class LogRead(Message):
        """What the looker has read."""

        def __init__(self, tail: LogTail) -> None:
            super().__init__()
            self.tail = tail

    class Answered(Message):
        """How it went: what was asked of QM, or a look."""

        def __init__(self, text: str, *, well: bool) -> None:
            super().__init__()
            self.text, self.well = text, well

    def __init__(self, layout: Layout, act: Act, meters: Meters) -> None:
        super().__init__()
        self._act = act
        self.board = Board()
        told = Told(
            lambda snapshot: self._tell(self.Looked(snapshot)),
            lambda tail: self._tell(self.LogRead(tail)),
            lambda error: self._tell(self.Answered(f"Looking failed: {error}", well=False)),
        )
        self._looker = Looker(Observer(layout, meters), told)
        self._trouble = ""

    def get_default_screen(self) -> Screen[None]:
        """The board."""
        return self.board

    def on_ready(self) -> None:
        """Begin to look: now the board has its tables."""
        self._looker.start()

    def on_unmount(self) -> None:
        """Nothing goes on behind a terminal that was given back."""
        self._looker.stop()

    def _tell(self, message: Message) -> None:
        """From any thread; after the end nobody listens."""
        with contextlib.suppress(RuntimeError):
            self.post_message(message)

    def on_dashboard_looked(self, event: Looked) -> None:
        """Show it."""
        if self.board.is_running:
            self.board.show(event.snapshot)

    def on_dashboard_log_read(self, event: LogRead) -> None:
        """Show it where its job is shown."""
        if not isinstance(self.screen, LogScreen):
            self.board.show_log(event.tail)
        elif key_of(self.screen.entry) == event.tail.key:
            self.screen.show(event.tail)

    def on_dashboard_answered(self, event: Answered) -> None:
        """Tell it once, and look what has become of it."""
        if event.well or event.text != self._trouble:
            if event.well:
                self.notify(event.text, markup=False)
            else:
                self.notify(event.text, severity="error", timeout=12, markup=False)
        self._trouble = "" if event.well else event.text
        if event.well:
            self._looker.hurry()

    def on_board_selected(self, event: Board.Selected) -> None:
        """Read its log; a log on the whole screen stays with its job."""
        if not isinstance(self.screen, LogScreen):
            self._looker.watch(event.entry, _PANE)
        elif event.entry is not None and key_of(event.entry) == key_of(self.screen.entry):
            self.screen.renew(event.entry)
            self._looker.watch(event.entry, LIMIT)

    def on_board_sought(self, event: Board.Sought) -> None:
        """Look for these names only."""
        self._looker.seek(event.part)

    def on_board_log_wanted(self, event: Board.LogWanted) -> None:
        """Its log on the whole screen."""

        def back(_: None) -> None:
            self._looker.watch(self.board.selected, _PANE)

        self.push_screen(LogScreen(event.entry), back)
        self._looker.watch(event.entry, LIMIT)

    def on_board_wanted(self, event: Board.Wanted) -> None:
        """Ask the person first."""
        action, entry = event.action, event.entry
        if not fits(action, entry):
            self.notify(refusal(action, entry), severity="warning", markup=False)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._carry_out(action, entry)

        self.push_screen(Confirm(question(action, entry, time.time()), action.word), answered)

    def _carry_out(self, action: Action, entry: Entry) -> None:
        """In a thread of its own: the manager may take its time, or be dead."""

        def work() -> None:
            try:
                text, well = outcome(action, entry, self._act(action.verb, target_of(entry)))
            except QMError as error:
                text, well = f"{action.word} {entry.label}: {error}", False
            except Exception as error:
                text, well = f"{action.word} {entry.label}: {type(error).__name__}: {error}", False
            self._tell(self.Answered(text, well=well))

        # A daemon: what was asked for happens, whether somebody waits for the answer or leaves.
        threading.Thread(target=work, name=f"ask {action.verb}", daemon=True).start()

    def action_help(self) -> None:
        """The keys."""
        self.push_screen(Help())

"""The log of one job on the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from qm.dashboard.snapshot import LogTail
from qm.dashboard.widgets import LogView, key_line
from qm.quantities import format_size
from qm.view import Entry

LIMIT = 256 * 1024
"""Bytes of the log that can be scrolled through."""


class LogScreen(Screen[None]):
    """Follows until somebody scrolls up; End follows again."""

    DEFAULT_CSS = "LogScreen LogView { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l,enter", "dismiss", "Back", key_display="Esc"),
        Binding("f", "follow", "Follow or hold"),
        Binding("up", "move('scroll_up')", "Up", show=False),
        Binding("down,j", "move('scroll_down')", "Down", show=False),
        Binding("pageup,b", "move('page_up')", "Page up", show=False),
        Binding("pagedown,space", "move('page_down')", "Page down", show=False),
        Binding("left", "move('scroll_left')", "Left", show=False),
        Binding("right", "move('scroll_right')", "Right", show=False),
        Binding("home,g", "move('scroll_home')", "Begin", show=False),
        Binding("end,G", "end", "End"),
    ]

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry
        self._before = 0

    def compose(self) -> ComposeResult:
        """The log, and the keys."""
        yield LogView(id="whole")
        yield key_line()

    @property
    def view(self) -> LogView:
        """The log."""
        return self.query_one("#whole", LogView)

    def on_mount(self) -> None:
        """Whose log it is is known before it is read."""
        self._entitle()

    def show(self, tail: LogTail) -> None:
        """What was read."""
        if self.view.following:
            self._before = tail.before
        self.view.show(tail)
        self._entitle()

    def renew(self, entry: Entry) -> None:
        """The job as it is now."""
        self.entry = entry
        self._entitle()

    def _entitle(self) -> None:
        parts = [f"Log of {self.entry.label}", self.entry.state]
        parts.append("following" if self.view.following else "held: f follows")
        if self._before:
            parts.append(f"{format_size(self._before)} before this: `qm logs` shows all")
        self.view.entitle(", ".join(parts))

    def action_follow(self) -> None:
        """Follow, or hold still."""
        self.view.follow(not self.view.following)
        self._entitle()

    def action_end(self) -> None:
        """To the end, and follow."""
        self.view.follow(True)
        self._entitle()

    def action_move(self, how: str) -> None:
        """Scroll; who goes up wants to read, not to follow."""
        if how in ("scroll_up", "page_up", "scroll_home"):
            self.view.following = False
        moves = {
            "scroll_up": self.view.scroll_up,
            "scroll_down": self.view.scroll_down,
            "page_up": self.view.scroll_page_up,
            "page_down": self.view.scroll_page_down,
            "scroll_left": self.view.scroll_left,
            "scroll_right": self.view.scroll_right,
            "scroll_home": self.view.scroll_home,
        }
        moves[how](animate=False)
        self._entitle()

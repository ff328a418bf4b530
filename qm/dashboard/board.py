"""The main screen: the folder's standing, three tables, and the log of the selected job."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from qm.dashboard import headline
from qm.dashboard.actions import HOLD, KILL, RELEASE, RERUN, RESUME, SUSPEND, Action, fits
from qm.dashboard.rows import (
    RECENT_COLUMNS,
    RUNNING_COLUMNS,
    WAITING_COLUMNS,
    recent_rows,
    running_rows,
    waiting_rows,
)
from qm.dashboard.selection import RECENT, RUNNING, TABLES, WAITING, Selection, at, keep, step
from qm.dashboard.snapshot import LogTail, Snapshot
from qm.dashboard.widgets import JobTable, LogView, TextLine, key_line
from qm.model import State
from qm.view import Entry

WIDE = 140
"""Cells from which on the log stands beside the tables."""

_ACTIONS = {action.verb: action for action in (KILL, HOLD, RELEASE, RERUN, SUSPEND, RESUME)}
_NOTHING = {
    RUNNING: "nothing runs",
    WAITING: "nothing waits",
    RECENT: "nothing has ended lately",
}


class Board(Screen[None]):
    """Shows a snapshot, keeps the selection on its job, and tells what a person wants."""

    DEFAULT_CSS = """
    Board { layout: vertical; }
    Board #notice, Board #filter, Board #empty { display: none; }
    Board #filter { dock: bottom; height: 1; border: none; padding: 0 1; margin-bottom: 1; }
    Board #empty { height: 1fr; padding: 1 2; }
    Board #body { height: 1fr; layout: vertical; }
    Board #tables { height: 16fr; }
    Board #running { height: 6fr; }
    Board #waiting { height: 6fr; }
    Board #recent { height: 4fr; }
    Board #log { height: 5fr; }
    Board.-wide #body { layout: horizontal; }
    Board.-wide #tables { width: 3fr; height: 1fr; }
    Board.-wide #log { width: 2fr; height: 1fr; border-left: vkey $panel; }
    """
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,enter", "log", "Log", key_display="l"),
        Binding("k", "ask('kill')", "Kill"),
        Binding("h", "ask('hold')", "Hold"),
        Binding("r", "ask('release')", "Release"),
        Binding("s", "ask('suspend')", "Suspend"),
        Binding("R", "ask('rerun')", "Rerun"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("f", "follow", "Follow", show=False),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("q", "app.quit", "Leave"),
        Binding("up", "step(False)", "Up", show=False),
        Binding("down,j", "step(True)", "Down", show=False),
        Binding("tab", "table(1)", "Next table", show=False),
        Binding("shift+tab", "table(-1)", "Table before", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "page(-1000)", "First row", show=False),
        Binding("end", "page(1000)", "Last row", show=False),
        Binding("escape", "end_filter", "No filter", show=False),
    ]

    class Selected(Message):
        """Another job is selected, or the same one has changed; None where there are none."""

        def __init__(self, entry: Entry | None) -> None:
            super().__init__()
            self.entry = entry

    class Wanted(Message):
        """A person wants something to be done with a job."""

        def __init__(self, action: Action, entry: Entry) -> None:
            super().__init__()
            self.action, self.entry = action, entry

    class Sought(Message):
        """A person wants to see only jobs with this part in their names."""

        def __init__(self, part: str) -> None:
            super().__init__()
            self.part = part

    class LogWanted(Message):
        """A person wants to see a job's log on the whole screen."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self) -> None:
        super().__init__()
        self._snapshot: Snapshot | None = None
        self._selection: Selection | None = None
        self._tables: dict[str, tuple[Entry, ...]] = dict.fromkeys(TABLES, ())
        self._filter = ""

    def compose(self) -> ComposeResult:
        """From the top to the bottom."""
        yield TextLine(id="standing")
        yield TextLine(id="gauges")
        yield TextLine(id="notice")
        yield TextLine(id="empty")
        with Container(id="body"):
            with Vertical(id="tables"):
                yield JobTable(RUNNING_COLUMNS, id=RUNNING)
                yield JobTable(WAITING_COLUMNS, id=WAITING)
                yield JobTable(RECENT_COLUMNS, id=RECENT)
            yield LogView(id="log")
        yield Input(id="filter", placeholder="part of a name; Enter keeps it, Esc shows all")
        yield key_line()

    @property
    def selected(self) -> Entry | None:
        """The job of the selected row."""
        place = self._selection
        return None if place is None else self._tables[place.table][place.index]

    @property
    def log_view(self) -> LogView:
        """The log of the selected job."""
        return self.query_one("#log", LogView)

    def on_resize(self) -> None:
        """The lines at the top and the place of the log go by the width."""
        self.set_class(self.size.width >= WIDE, "-wide")
        self._show_headline()

    def show(self, snapshot: Snapshot) -> None:
        """What was seen."""
        self._snapshot = snapshot
        self._show()

    def show_log(self, tail: LogTail) -> None:
        """What was read of the selected job's log."""
        if self._selection is not None and tail.key == self._selection.key:
            self.log_view.show(tail)

    def _show(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        self._tables = {
            RUNNING: snapshot.running,
            WAITING: snapshot.waiting,
            RECENT: snapshot.recent,
        }
        self._selection = keep(self._selection, self._tables)
        self._show_headline()
        self._show_tables(snapshot)
        self._tell_selected()

    def _show_headline(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        width = self.size.width
        self.query_one("#standing", TextLine).show(headline.standing(snapshot, width))
        self.query_one("#gauges", TextLine).show(headline.gauges(snapshot.machine))
        notice, line = headline.notice(snapshot), self.query_one("#notice", TextLine)
        line.display = notice is not None
        line.show(notice or Text())
        empty, body = self.query_one("#empty", TextLine), self.query_one("#body")
        found = snapshot.running or snapshot.waiting or snapshot.recent
        empty.display = not (found or snapshot.part)
        body.display = not empty.display
        empty.show(Text(headline.teaching(snapshot)))

    def _show_tables(self, snapshot: Snapshot) -> None:
        rows = {RUNNING: running_rows, WAITING: waiting_rows, RECENT: recent_rows}
        for table in TABLES:
            shown_rows = rows[table](snapshot, self._tables[table])
            more = snapshot.more_waiting if table == WAITING else 0
            title = f"{table.upper()} {len(shown_rows) + more:,}"
            if snapshot.part:
                title += f" with {snapshot.part!r}"
            note = f"… and {more:,} more" if more else ""
            if not shown_rows:
                note = f"no name with {snapshot.part!r}" if snapshot.part else _NOTHING[table]
            place = self._selection
            chosen = place.index if place is not None and place.table == table else None
            self.query_one(f"#{table}", JobTable).show(title, shown_rows, note, chosen)

    def _select(self, selection: Selection | None) -> None:
        if self._snapshot is not None and selection != self._selection:
            self._selection = selection
            self._show_tables(self._snapshot)
            self._tell_selected()

    def _tell_selected(self) -> None:
        entry = self.selected
        held = "" if self.log_view.following else ", held: f follows"
        self.log_view.entitle("LOG" if entry is None else f"LOG of {entry.label}{held}")
        if entry is None:
            self.log_view.show(None)
        self.post_message(self.Selected(entry))

    def action_step(self, down: bool) -> None:
        """To the next row, also of another table."""
        self._select(step(self._selection, down, self._tables))

    def action_table(self, by: int) -> None:
        """To the first row of the next table that has rows."""
        filled = [table for table in TABLES if self._tables[table]]
        if self._selection is None or not filled:
            return
        place = (filled.index(self._selection.table) + by) % len(filled)
        self._select(at(filled[place], 0, self._tables))

    def action_page(self, by: int) -> None:
        """Some rows on within the table."""
        if self._selection is None:
            return
        table = self._selection.table
        rows = self.query_one(f"#{table}", JobTable).page * by
        last = len(self._tables[table]) - 1
        self._select(at(table, min(max(self._selection.index + rows, 0), last), self._tables))

    def on_job_table_clicked(self, event: JobTable.Clicked) -> None:
        """To the row that was clicked; twice opens its log."""
        if event.index < len(self._tables[event.table]):
            self._select(at(event.table, event.index, self._tables))
            if event.twice:
                self.action_log()

    def action_ask(self, verb: str) -> None:
        """Something is to be done with the selected job."""
        entry, action = self.selected, _ACTIONS[verb]
        if entry is None:
            self.notify("There is no job to do that with.", severity="warning")
            return
        if action is SUSPEND and (fits(RESUME, entry) or entry.state == State.SUSPENDED):
            action = RESUME
        self.post_message(self.Wanted(action, entry))

    def action_log(self) -> None:
        """The selected job's log, large."""
        if self.selected is not None:
            self.post_message(self.LogWanted(self.selected))

    def action_follow(self) -> None:
        """Follow the log, or hold it still."""
        self.log_view.follow(not self.log_view.following)
        self._tell_selected()

    def action_filter(self) -> None:
        """Ask for a part of a name."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only names with this text."""
        self._filter = event.value
        self.post_message(self.Sought(event.value))

    def on_input_submitted(self) -> None:
        """Keep the filter, and go back to the tables."""
        self.query_one("#filter", Input).display = bool(self._filter)
        self.set_focus(None)

    def action_end_filter(self) -> None:
        """Show all names again."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.set_focus(None)

"""The parts of the screen that draw line by line, and draw anew only what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Footer

from qm.dashboard.columns import GAP, Cell, Column, Row, fit, widths
from qm.dashboard.snapshot import LogTail

_MARK = "> "
_TITLE_COLUMNS = 3


class TextLine(Widget):
    """A text that is drawn anew only when it is another one."""

    DEFAULT_CSS = "TextLine { height: 1; width: 1fr; }"
    _shown: Text = Text()

    def show(self, text: Text) -> None:
        """Draw this from now on."""
        if text != self._shown or text.spans != self._shown.spans:
            self._shown = text
            self.refresh()

    def render(self) -> Text:
        """What is drawn."""
        return self._shown


def key_line() -> Footer:
    """The keys of the screen at its bottom, as many as there is room for."""
    footer = Footer(show_command_palette=False)
    footer.compact = True
    return footer


class JobTable(ScrollView, can_focus=False):
    """A table of jobs below one line with its title and heads; one row may be selected."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"jobs--head", "jobs--selected", "jobs--note"}
    DEFAULT_CSS = """
    JobTable {
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        .jobs--head { text-style: bold; background: $panel; color: $foreground; }
        .jobs--selected { text-style: bold; background: $primary-muted; }
        .jobs--note { color: $text-muted; text-style: italic; }
    }
    """

    class Clicked(Message):
        """A row was clicked; twice in a row if ``twice``."""

        def __init__(self, table: str, index: int, *, twice: bool) -> None:
            super().__init__()
            self.table, self.index, self.twice = table, index, twice

    def __init__(self, columns: Sequence[Column], *, id: str) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._title = ""
        self._rows: tuple[Row, ...] = ()
        self._note = ""
        self._selected: int | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """What it shows."""
        return self._rows

    @property
    def page(self) -> int:
        """How many rows there is room for."""
        return max(1, self.size.height - 1)

    def show(self, title: str, rows: tuple[Row, ...], note: str, selected: int | None) -> None:
        """Draw this from now on: ``note`` stands below the rows."""
        changed = _changes(self._rows, rows)
        if selected != self._selected:
            changed |= {index for index in (selected, self._selected) if index is not None}
        if note != self._note:
            changed.add(len(rows))
        if title != self._title:
            self._title = title
            self.refresh(Region(0, 0, self.size.width, 1))
        moved = selected != self._selected
        self._rows, self._note, self._selected = rows, note, selected
        self.virtual_size = Size(0, 1 + len(rows) + bool(note))
        for index in changed:
            self.refresh_line(1 + index)
        if moved:
            self._bring_into_view()

    def _bring_into_view(self) -> None:
        if self._selected is None:
            return
        ends = self._selected == len(self._rows) - 1
        top = round(self.scroll_y)
        last = self._selected + bool(ends and self._note) - self.page + 1
        if self._selected < top or last > top:
            target = last if last > top else self._selected
            self.call_after_refresh(self.scroll_to, y=target, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """One line: the heads, a row, the note, or nothing."""
        width = self.scrollable_content_region.width
        places = widths(self._columns, width - len(_MARK))
        if y == 0:
            return _strip(self._heads(places), self._look("jobs--head"), width)
        index = y - 1 + round(self.scroll_y)
        if index < len(self._rows):
            chosen = index == self._selected
            base = self._look("jobs--selected") if chosen else self.rich_style
            return _strip(self._row(self._rows[index], places, chosen=chosen), base, width)
        if index == len(self._rows) and self._note:
            note = Cell(fit("  " + self._note, width))
            return _strip([note], self._look("jobs--note"), width)
        return Strip.blank(width, self.rich_style)

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(name)

    def _heads(self, places: Sequence[int]) -> list[Cell]:
        """The title over the first columns, and the heads of the others."""
        title = sum(places[:_TITLE_COLUMNS]) + GAP * (_TITLE_COLUMNS - 1) + len(_MARK)
        cells = [Cell(fit(" " + self._title, title))]
        rest = zip(self._columns[_TITLE_COLUMNS:], places[_TITLE_COLUMNS:], strict=True)
        return cells + [
            Cell(" " * GAP + fit(column.head, place, right=column.right)) for column, place in rest
        ]

    def _row(self, row: Row, places: Sequence[int], *, chosen: bool) -> list[Cell]:
        cells = [Cell(_MARK if chosen else " " * len(_MARK))]
        for place, (column, cell, width) in enumerate(
            zip(self._columns, row.cells, places, strict=True)
        ):
            gap = " " * GAP if place else ""
            cells.append(Cell(gap + fit(cell.text, width, right=column.right), cell.style))
        return cells

    async def on_click(self, event: events.Click) -> None:
        """Tell which row was clicked."""
        index = event.y - 1 + round(self.scroll_y)
        if event.y > 0 and index < len(self._rows):
            self.post_message(self.Clicked(self.id or "", index, twice=event.chain > 1))


class LogView(ScrollView, can_focus=False):
    """The end of a log below a line that says whose it is; it follows, or is held."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--head"}
    DEFAULT_CSS = """
    LogView {
        overflow-x: auto; overflow-y: auto;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
        .log--head { text-style: bold; background: $panel; color: $foreground; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._title = ""
        self._key: str | None = None
        self._lines: tuple[str, ...] = ()
        self.following = True

    @property
    def lines(self) -> tuple[str, ...]:
        """What it shows."""
        return self._lines

    def entitle(self, title: str) -> None:
        """What the line above the log says."""
        if title != self._title:
            self._title = title
            self.refresh(Region(0, 0, self.size.width, 1))

    def show(self, tail: LogTail | None) -> None:
        """Draw this log; while it is held, only that of another job."""
        key, lines = (None, ()) if tail is None else (tail.key, tail.lines)
        if lines == self._lines or (key == self._key and not self.following):
            return
        self._key, self._lines = key, lines
        longest = max((_length(line) for line in lines), default=0)
        self.virtual_size = Size(longest, 1 + len(lines))
        self.refresh()
        self.call_after_refresh(self._go_to_end)

    def follow(self, on: bool) -> None:
        """Stay at the end as the log grows, or hold still."""
        self.following = on
        if on:
            self._go_to_end()

    def _go_to_end(self) -> None:
        if self.following:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def on_resize(self) -> None:
        """Stay at the end."""
        self.call_after_refresh(self._go_to_end)

    def render_line(self, y: int) -> Strip:
        """One line: the title, or one of the log."""
        width = self.scrollable_content_region.width
        if y == 0:
            head = self.get_component_rich_style("log--head")
            return _strip([Cell(fit(" " + self._title, width))], head, width)
        index = y - 1 + round(self.scroll_y)
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        left = round(self.scroll_x)
        line = Strip([Segment(" " + self._lines[index], self.rich_style)])
        return line.crop_extend(left, left + width, self.rich_style)


def _changes(old: Sequence[Row], new: Sequence[Row]) -> set[int]:
    """The places of rows that differ, and of the line below the last one if that has moved."""
    common = min(len(old), len(new))
    changed = {place for place in range(common) if old[place] != new[place]}
    if len(old) != len(new):
        changed |= set(range(common, max(len(old), len(new)) + 1))
    return changed


def _length(line: str) -> int:
    return 1 + (len(line) if line.isascii() else cell_len(line))


def _strip(cells: Sequence[Cell], base: Style, width: int) -> Strip:
    """The cells side by side, filled up to ``width``."""
    parts = [
        Segment(cell.text, base + Style.parse(cell.style) if cell.style else base) for cell in cells
    ]
    return Strip(parts).adjust_cell_length(width, base)

"""What lies over the screen: a question before something is done, and the list of keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

KEYS = """\
 up, down, j      the job before or after this one
 Tab, Shift-Tab   the next table, the one before
 PgUp, PgDn, Home, End   through a table
 Enter, l         its log on the whole screen (Esc comes back)
 f                follow the log, or hold it still
 k                kill: a running job ends, a waiting one is cancelled
 h, r             hold it, release it
 s                suspend it while it runs, resume it
 R                run it again after its end
 /                show only names with this text (Esc ends that)
 ?, q             this help; leave. Jobs go on without the dashboard.

 States: R running, P suspended. PROC processors asked for, CPU in use
 (100 % is one), LEFT ~ by its progress, < at most by its time limit.\
"""


class Confirm(ModalScreen[bool]):
    """A question that is answered by Enter or y, or by Esc or n."""

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 64; max-width: 90%; height: auto; padding: 1 2;
        background: $surface; border: round $warning;
    }
    Confirm Horizontal { height: auto; margin-top: 1; align-horizontal: right; }
    Confirm Button { margin-left: 2; height: 1; border: none !important; min-width: 12; }
    Confirm Button:focus { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, text: str, word: str) -> None:
        super().__init__()
        self._text = text
        self._word = word

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with Vertical():
            yield Static(self._text, markup=False)
            with Horizontal():
                yield Button(f"{self._word} (y)", id="yes", variant="warning")
                yield Button("No (n)", id="no")

    def on_mount(self) -> None:
        """Enter says yes."""
        self.query_one("#yes").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the two."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """By a key."""
        self.dismiss(yes)


class Help(ModalScreen[None]):
    """All keys; any of them closes it."""

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help > Static {
        width: 76; max-width: 100%; height: auto; padding: 0 1;
        background: $surface; border: round $primary; border-title-align: center;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,space", "dismiss", "Close")
    ]

    def compose(self) -> ComposeResult:
        """The list."""
        keys = Static(KEYS, markup=False)
        keys.border_title = "Keys of the dashboard (Esc closes)"
        yield keys

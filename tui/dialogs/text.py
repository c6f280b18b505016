"""A long text, to be read."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from engine.terminal_text import shown, without_tabs
from tui.columns import width_of
from tui.dialogs.overlay import Overlay
from tui.keys import bind

FRAME = 7  # columns of the border, of what is left free inside it, and of the scroll bar
HINT = "y: copy · Esc: back"


class TextScreen(Overlay[None]):
    """As large as the text, up to the whole screen: then it scrolls."""

    AUTO_FOCUS = "#text"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("text", "back", "Back", action="dismiss"),
        bind("text", "open", "Back", action="dismiss", show=False),
        bind("text", "down", action="scroll(1)", show=False),
        bind("text", "up", action="scroll(-1)", show=False),
        bind("text", "copy", "Copy", "to your clipboard (OSC 52)", show=False),
    ]

    def __init__(self, title: str, text: str, *, hint: str = HINT) -> None:
        """`hint`: what is said of its keys."""
        super().__init__()
        self._title, self._text, self._hint = title, text, hint
        self._lines = [shown(without_tabs(line)) for line in text.split("\n")]
        self._width = max(width_of([hint]), width_of([shown(title)]), width_of(self._lines)) + FRAME

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="text") as box:
            box.border_subtitle = self._hint
            yield Static(f"{shown(self._title)}\n", id="title", markup=False)
            yield Static("\n".join(self._lines), id="body", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#text").styles.width = min(self._width, event.size.width)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#text").scroll_relative(y=lines, animate=False)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
        self.notify("copied", timeout=2)

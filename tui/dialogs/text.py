"""A long text, to be read."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from engine.terminal_text import shown, without_tabs
from tui.dialogs.overlay import Overlay
from tui.keys import bind


class TextScreen(Overlay[None]):
    """Scrolls."""

    AUTO_FOCUS = "#text"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("text", "back", "Back", action="dismiss"),
        bind("text", "open", "Back", action="dismiss", show=False),
        bind("text", "down", action="scroll(1)", show=False),
        bind("text", "up", action="scroll(-1)", show=False),
        bind("text", "copy", "Copy", "to your clipboard (OSC 52)", show=False),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="text"):
            yield Static(f"{shown(self._title)}\n", id="title", markup=False)
            lines = (shown(without_tabs(line)) for line in self._text.split("\n"))
            yield Static("\n".join(lines), id="body", markup=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#text").scroll_relative(y=lines, animate=False)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
        self.notify("copied", timeout=2)

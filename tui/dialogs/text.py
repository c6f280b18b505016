"""A long text, to be read."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from engine.terminal_text import shown, shown_lines
from tui.dialogs.overlay import Overlay


class TextScreen(Overlay[None]):
    """Scrolls."""

    AUTO_FOCUS = "#text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,p", "dismiss", "Back", key_display="esc", id="text.back"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="text.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="text.up"),
        Binding("y", "copy", "Copy", show=False, id="text.copy", tooltip="to your clipboard (OSC 52)"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="text"):
            yield Static(f"{shown(self._title)}\n", id="title", markup=False)
            yield Static(shown_lines(self._text), id="body", markup=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#text").scroll_relative(y=lines, animate=False)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
        self.notify("copied", timeout=2)

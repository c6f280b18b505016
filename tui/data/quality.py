"""Which kind of suspicious images to find, and why an image is one."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.evaluation.quality import KINDS
from tui.dialogs.overlay import Overlay
from tui.format import count
from tui.keys import bind
from tui.widgets.text import set_text


class QualityScreen(Overlay[str | None]):
    """Gives the kind, of `quality.KINDS`, or None where the person goes back."""

    AUTO_FOCUS = "#kinds"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("quality", "back", "Back", action="dismiss"),
        bind("quality", "open", "Find and show", "where they are known: show"),
        bind("quality", "down", action="move(1)", show=False),
        bind("quality", "up", action="move(-1)", show=False),
    ]

    def __init__(self, known: Mapping[str, Mapping[str, int]]) -> None:
        """`known`: how many suspicious images each split has, of the kinds that were searched for."""
        super().__init__()
        self._known = known

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            yield Static("Suspicious images", id="title", markup=False)
            options = []
            for name, kind in KINDS.items():
                found = self._known.get(name, {})
                numbers = ", ".join(f"{count(number)} in {split}" for split, number in found.items())
                options.append(Option(Content.assemble(f"{kind.title:<18}", numbers), id=name))
            yield OptionList(*options, id="kinds")
            yield Static(id="why", markup=False)
            yield Static("Enter: find and show them · Esc: back", id="keys", markup=False)

    def action_move(self, by: int) -> None:
        kinds = self.query_one(OptionList)
        kinds.action_cursor_down() if by > 0 else kinds.action_cursor_up()

    def action_open(self) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        name = str(event.option_id)
        kind = KINDS[name]
        takes = f" Takes {kind.takes}." if kind.takes and name not in self._known else ""
        why = Content.assemble(f"Suspicious: {kind.why}.{takes}\n", (f"Source: {kind.source}.", "$text-muted"))
        set_text(self.query_one("#why", Static), why)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(str(event.option_id))

"""A question with a few answers, each with its letter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.terminal_text import shown, shown_lines
from tui.dialogs.by_itself import ByItself


@dataclass(frozen=True)
class Choice:
    """An answer. `key`: a letter; `meaning`: what it does, in a sentence."""

    key: str
    words: str
    meaning: str = ""


class ChoiceScreen(ByItself[str | None]):
    """Gives the letter of the answer; None where the person cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="choice.back"),
        Binding("j", "move(1)", "Down", show=False, id="choice.down"),
        Binding("k", "move(-1)", "Up", show=False, id="choice.up"),
    ]

    def __init__(self, title: str, about: str, choices: Sequence[Choice], *, by_itself: bool = False) -> None:
        """`by_itself`: no key opens it."""
        super().__init__(by_itself=by_itself)
        self._title, self._about, self._choices = title, about, tuple(choices)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(shown(self._title), id="question", markup=False)
            if self._about:
                yield Static(shown_lines(self._about), id="about", markup=False)
            yield OptionList(*(Option(self._row(one), id=one.key) for one in self._choices), id="choices")

    def _row(self, one: Choice) -> Content:
        meaning = f"\n   {shown(one.meaning)}" if one.meaning else ""
        return Content.assemble((f"{one.key}  {shown(one.words)}", "bold"), meaning)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def on_key(self, event: events.Key) -> None:
        if any(one.key == event.key for one in self._choices):
            event.stop()
            self.dismiss(event.key)

    def action_move(self, by: int) -> None:
        choices = self.query_one(OptionList)
        if by > 0:
            choices.action_cursor_down()
        else:
            choices.action_cursor_up()

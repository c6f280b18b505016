"""Asks how to leave a run that trains: stop it, leave it training, or keep going."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.terminal_text import shown

STOP, DETACH, KEEP = "stop", "detach", "keep"
_CHOICES = {
    STOP: ("s", "stop and save", "ends the run after this step and saves a checkpoint"),
    DETACH: ("d", "detach (leave it training)", "closes this view; the run keeps going, even after you log out"),
    KEEP: ("g", "keep going", "back to the run; nothing changes"),
}


class StopDialog(ModalScreen[str]):
    """Returns STOP, DETACH or KEEP."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "choose('stop')", "Stop and save", id="stop.stop"),
        Binding("d", "choose('detach')", "Detach", id="stop.detach"),
        Binding("g,escape", "choose('keep')", "Keep going", id="stop.keep"),
        Binding("j", "move(1)", "Down", show=False, id="stop.down"),
        Binding("k", "move(-1)", "Up", show=False, id="stop.up"),
    ]

    def __init__(self, run: str, *, can_detach: bool = True) -> None:
        """`run`: its title. `can_detach`: whether the run is on the screen, so that it can be left."""
        super().__init__()
        self._run = run
        self._choices = {name: words for name, words in _CHOICES.items() if can_detach or name != DETACH}

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(shown(f"Stop {self._run}?"), id="question", markup=False)
            yield OptionList(
                *(
                    Option(
                        Content.assemble((f"{key}  {words}\n", "bold"), f"   {meaning}"),
                        id=name,
                    )
                    for name, (key, words, meaning) in self._choices.items()
                ),
                id="choices",
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id or KEEP)

    def action_choose(self, name: str) -> None:
        if name in self._choices:
            self.dismiss(name)

    def action_move(self, by: int) -> None:
        choices = self.query_one(OptionList)
        if by > 0:
            choices.action_cursor_down()
        else:
            choices.action_cursor_up()

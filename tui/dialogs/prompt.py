"""Asks for one line of text, and says at each key what it would do, or why it can't."""

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.errors import EngineError
from engine.terminal_text import shown, shown_lines
from tui.dialogs.paths import PathSuggester

MOST_CHOICES = 12


class PromptScreen(ModalScreen[str | None]):
    """Gives the text, or None where the person cancels."""

    AUTO_FOCUS = "#line"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="prompt.back"),
        Binding("tab", "complete", "Complete", show=False, priority=True, id="prompt.complete", tooltip="a path"),
    ]

    def __init__(
        self,
        title: str,
        about: str,
        check: Callable[[str], str],
        *,
        value: str = "",
        suggester: PathSuggester | None = None,
    ) -> None:
        """`about`: what can be typed. `check`: what a text would do, in words; raises EngineError where it can't.
        `suggester`: completes what is typed, at right what it shows, at tab as far as that is certain."""
        super().__init__()
        self._title = title
        self._about = about
        self._check = check
        self._value = value
        self._suggester = suggester

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield Static(shown(self._title), id="title", markup=False)
            yield Static(shown_lines(self._about), id="about", markup=False)
            yield Input(self._value, id="line", compact=True, select_on_focus=False, suggester=self._suggester)
            yield Static("", id="verdict", markup=False)
            completes = " · Tab: complete the path" if self._suggester is not None else ""
            yield Static(f"Enter: OK{completes} · Esc: cancel", id="keys", markup=False)

    def on_mount(self) -> None:
        self._show_verdict(self._value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show_verdict(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._show_verdict(event.value):
            self.app.delay_update()  # the prompt's end and what it changes are sent together
            self.dismiss(event.value)

    @work(group="complete", exclusive=True)
    async def action_complete(self) -> None:
        """As a shell does: as far as all go on alike, then what there is."""
        line = self.query_one("#line", Input)
        if self._suggester is None:
            return
        typed = line.value
        value, choices = await self._suggester.completed(typed)
        if not self.query("#line") or line.value != typed:
            return  # something else is typed by now
        if value != typed:
            line.value = value
            line.cursor_position = len(value)
        elif choices:
            some = "  ".join(shown(choice) for choice in choices[:MOST_CHOICES])
            more = f"  and {len(choices) - MOST_CHOICES} more" if len(choices) > MOST_CHOICES else ""
            self.query_one("#verdict", Static).update(Content(f"{some}{more}"))

    def _show_verdict(self, text: str) -> bool:
        try:
            words, style = self._check(text), "$text-success"
        except EngineError as error:
            words, style = str(error), "$text-error"
        for verdict in self.query("#verdict").results(Static):  # none where the screen goes already
            verdict.update(Content.styled(shown_lines(words), style))
        return style == "$text-success"

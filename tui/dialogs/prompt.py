"""Asks for one line of text, and says at each key what it would do, or why it can't."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from engine.errors import EngineError
from engine.terminal_text import shown, shown_lines
from tui.dialogs.by_itself import ByItself
from tui.dialogs.completing import Completer
from tui.widgets.text import shown_content
from tui.widgets.text_field import TextField

MOST_CHOICES = 12
MOST_KEPT = 50  # earlier entries of a prompt
_entries: WeakKeyDictionary[App[Any], dict[str, list[str]]] = WeakKeyDictionary()  # by the prompt's title, oldest first


@dataclass(frozen=True)
class PromptKeys:
    """What is said of its keys. A prompt of a text in another language may say it in that."""

    enter: str = "Enter: OK"
    complete: str = "Tab: complete the path"
    earlier: str = "↑: earlier entries"
    back: str = "Esc: cancel"


KEYS = PromptKeys()


class PromptScreen(ByItself[str | None]):
    """Gives the text, or None where the person cancels."""

    AUTO_FOCUS = "#line"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="prompt.back"),
        Binding("tab", "complete", "Complete", show=False, priority=True, id="prompt.complete", tooltip="a path"),
        Binding("up", "recall(-1)", "Earlier entry", show=False, priority=True, id="prompt.earlier"),
        Binding("down", "recall(1)", "Later entry", show=False, priority=True, id="prompt.later"),
    ]

    def __init__(
        self,
        title: str,
        about: str | Content,
        check: Callable[[str], str],
        *,
        value: str = "",
        suggester: Completer | None = None,
        password: bool = False,
        kept: bool = True,
        by_itself: bool = False,
        keys: PromptKeys = KEYS,
    ) -> None:
        """`about`: what can be typed. `check`: what a text would do, in words; raises EngineError where it can't.
        `suggester`: completes what is typed, at right what it shows, at tab as far as that is certain. `password`: what
        is typed is not shown. `kept`: among the earlier entries of this prompt. `by_itself`: no key opens it."""
        super().__init__(by_itself=by_itself)
        self._keys = keys
        self._title = title
        self._about = about
        self._check = check
        self._value = value
        self._suggester = suggester
        self._password, self._kept = password, kept and not password
        self._recalled = 0  # how many entries back; 0 is what is being typed
        self._typed = value

    def compose(self) -> ComposeResult:
        with Vertical(id="prompt"):
            yield Static(shown(self._title), id="title", markup=False)
            about = self._about
            yield Static(
                shown_content(about) if isinstance(about, Content) else shown_lines(about), id="about", markup=False
            )
            yield TextField(
                self._value, id="line", select_on_focus=False, suggester=self._suggester, password=self._password
            )
            yield Static("", id="verdict", markup=False)
            keys, completes = self._keys, self._suggester is not None
            said = (keys.enter, completes and keys.complete, self._earlier and keys.earlier, keys.back)
            yield Static(" · ".join(one for one in said if one), id="keys", markup=False)

    def on_mount(self) -> None:
        self._show_verdict(self._value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show_verdict(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._show_verdict(event.value):
            self._keep(event.value)
            self.app.delay_update()  # the prompt's end and what it changes are sent together
            self.dismiss(event.value)

    def action_recall(self, by: int) -> None:
        """Put an earlier entry of this prompt, or a later one again, in place of what is typed."""
        line = self.query_one("#line", Input)
        if self._recalled == 0:
            self._typed = line.value
        self._recalled = max(0, min(len(self._earlier), self._recalled - by))
        line.value = self._earlier[-self._recalled] if self._recalled else self._typed
        line.cursor_position = len(line.value)

    @property
    def _earlier(self) -> list[str]:
        """What was entered in prompts of this title since the start of the app, oldest first, each once."""
        return _entries.setdefault(self.app, {}).setdefault(self._title, [])

    def _keep(self, text: str) -> None:
        if text.strip() and self._kept:
            others = [entry for entry in self._earlier if entry != text]
            self._earlier[:] = [*others[1 - MOST_KEPT :], text]

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

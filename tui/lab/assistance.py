"""Help while one types: completion from the kernel, and what a name is."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.errors import EngineError
from engine.lab.client import Completion
from engine.terminal_text import shown
from tui.columns import width_of
from tui.dialogs.text import TextScreen
from tui.lab.code_field import CodeField
from tui.lab.lab_session import LabSession
from tui.lab.words import LabWords

Assistance = Callable[[Screen[Any], CodeField, LabSession, LabWords], Coroutine[Any, Any, None]]
MOST = 200  # names that are listed
HEIGHT = 10  # lines of the list


class CompletionScreen(ModalScreen[str | None]):
    """The names that may stand there, beside the cursor. Typing on narrows them; gives the one that is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="completion.back"),
        Binding("tab", "take", "Take", show=False, priority=True, id="completion.take"),
    ]

    def __init__(self, found: Completion, typed: str, at: Offset) -> None:
        """`typed`: what stands there now; `at`: where on the screen it begins."""
        super().__init__()
        self._found, self._typed, self._at = found, typed, at

    def compose(self) -> ComposeResult:
        yield OptionList(id="names")

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        names = self.query_one(OptionList)
        types = dict(zip(self._found.matches, self._found.types, strict=False))
        fitting = [one for one in self._found.matches if one.startswith(self._typed)][:MOST]
        names.clear_options()
        width = width_of(fitting)
        names.add_options(
            Option(Content.assemble(f"{shown(one):<{width}} ", (shown(types.get(one, "")), "dim")), id=f"n{at}")
            for at, one in enumerate(fitting)
        )
        self._fitting = fitting
        if fitting:
            names.highlighted = 0
        wide = min(self.size.width - 2, width + max(width_of(types.values()), 8) + 5)
        high = min(HEIGHT, len(fitting)) + 2
        below = self._at.y + 1 + high <= self.size.height - 1
        names.styles.width, names.styles.height = wide, high
        names.styles.offset = (
            max(0, min(self._at.x - 1, self.size.width - wide)),
            self._at.y + 1 if below else max(0, self._at.y - high),
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._fitting[event.option_index])

    def action_take(self) -> None:
        names = self.query_one(OptionList)
        if names.highlighted is not None and self._fitting:
            self.dismiss(self._fitting[names.highlighted])

    def on_key(self, event: events.Key) -> None:
        """Another letter narrows the names, backspace widens them; what fits no name is typed, and closes this."""
        if event.key == "backspace" and self._typed:
            event.stop()
            self._typed = self._typed[:-1]
        elif event.character and (event.character.isalnum() or event.character in "_.[]'\""):
            event.stop()
            self._typed += event.character
        else:
            return
        if any(one.startswith(self._typed) for one in self._found.matches):
            self._show()
        else:
            self.dismiss(self._typed)


async def complete(screen: Screen[Any], field: CodeField, session: LabSession, words: LabWords) -> None:
    """Complete the name before the cursor; of several, ask which."""
    source, position = field.text, field.offset_in_text
    try:
        found = await asyncio.to_thread(session.complete, source, position)
    except EngineError as error:
        screen.notify(str(error), severity="warning", timeout=4, markup=False)
        return
    if not field.is_attached or field.text != source or field.offset_in_text != position:
        return  # something else is typed by now
    typed = source[found.start : found.end]
    common = _common(found.matches)
    if not found.matches:
        screen.notify(words.no_completion, timeout=2)
    elif len(found.matches) == 1:
        field.replace_part(found.start, found.end, found.matches[0])
    else:
        if len(common) > len(typed) and common.startswith(typed):
            field.replace_part(found.start, found.end, common)
            typed = common
        row, column = field.location_of(found.start)
        at = field.content_region.offset + Offset(column, row - field.scroll_offset.y)
        chosen = await screen.app.push_screen_wait(CompletionScreen(found, typed, at))
        if chosen is not None and field.is_attached:
            field.replace_part(found.start, found.start + len(typed), chosen)


async def explain(screen: Screen[Any], field: CodeField, session: LabSession, words: LabWords) -> None:
    """The signature and the docstring of the name at the cursor."""
    try:
        text = await asyncio.to_thread(session.inspect, field.text, field.offset_in_text)
    except EngineError as error:
        screen.notify(str(error), severity="warning", timeout=4, markup=False)
        return
    if text and field.is_attached:
        screen.app.push_screen(TextScreen(words.at_cursor, text, hint=words.text_keys))
    elif not text:
        screen.notify(words.nothing_known, timeout=3)


def _common(names: tuple[str, ...]) -> str:
    """The beginning that all of them share."""
    if not names:
        return ""
    first, last = min(names), max(names)
    at = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:at]

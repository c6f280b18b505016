"""The bottom line of every screen: the keys that do something now, or why the key that was pressed does not.

One widget, where Textual's Footer is one a key.
"""

from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from engine.terminal_text import shown
from tui.columns import width_of
from tui.widgets.key_words import key_words

_HELP, _QUIT = Binding("", "help", "Help", id="app.help"), Binding("", "quit", "Quit", id="app.quit")
REASON_S = 6.0  # that a reason is shown, where no key follows it


class KeyLine(Static):
    """Follows the screen's active bindings; what does not fit is left out at the end, `? Help` never."""

    DEFAULT_CSS = """
    KeyLine {
        dock: bottom;
        height: 1;
        background: $panel;
        color: $foreground;
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._reason = ""
        self._clear: Timer | None = None
        self._due = False

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._show_soon)
        self._show(self.screen)

    def on_resize(self) -> None:
        self._show(self.screen)

    def _show_soon(self, screen: Screen[object]) -> None:
        """Once for what changes at once: a screen that opens says several times that its keys have changed."""
        if not self._due:
            self._due = True
            self.call_later(self._show_due)

    def _show_due(self) -> None:
        self._due = False
        self._show(self.screen)

    def explain(self, key: str, what: str, reason: str) -> None:
        """Say why a key does not act: its name, what it would do, the reason."""
        self._reason = f" {shown(key)}: {shown(what)} – {shown(reason)}"
        if self._clear is not None:
            self._clear.stop()
        self._clear = self.set_timer(REASON_S, self.clear_reason)
        self._show(self.screen)

    def clear_reason(self) -> None:
        """Show the keys again."""
        if self._reason:
            self._reason = ""
            self._show(self.screen)

    def _show(self, screen: Screen[object]) -> None:
        if not screen.is_mounted:
            return
        line = Content.styled(self._reason, "$text-warning") if self._reason else self._keys(screen)
        if str(line.markup) != str(getattr(self.content, "markup", "")):
            self.update(line)

    def _keys(self, screen: Screen[object]) -> Content:
        said = key_words(screen)
        entries: list[tuple[str, str]] = []
        last = [said.of(one)[0] for one in (_HELP, _QUIT)]  # the app's own; the order is kept else
        actions = set[str]()
        for _, binding, enabled, _ in screen.active_bindings.values():
            if enabled and binding.show and binding.description and binding.action not in actions:
                actions.add(binding.action)  # its first key is enough
                entries.append((self.app.get_key_display(binding), said.of(binding)[0]))
        entries.sort(key=lambda entry: entry[1] in last)
        while entries and sum(width_of([key]) + width_of([words]) + 3 for key, words in entries) > self.size.width:
            droppable = [entry for entry in entries if entry[1] != last[0]]
            if not droppable:
                break
            entries.remove(droppable[-1])
        line = Content("")
        for key, words in entries:
            line += Content.styled(f" {key} ", "bold $text-accent") + Content(f"{words} ")
        return line

"""The bottom line of every screen: the keys that do something now. One widget, where Textual's Footer is one a key."""

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static


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

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._show)
        self._show(self.screen)

    def on_resize(self) -> None:
        self._show(self.screen)

    def _show(self, screen: Screen[object]) -> None:
        if not screen.is_mounted:
            return
        entries: list[tuple[str, str, bool]] = []
        actions = set[str]()
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and binding.description and binding.action not in actions:  # its first key is enough
                actions.add(binding.action)
                entries.append((self.app.get_key_display(binding), binding.description, enabled))
        entries.sort(key=lambda entry: entry[1] in ("Help", "Quit"))  # the app's own last; the order is kept else
        while entries and sum(len(key) + len(words) + 3 for key, words, _ in entries) > self.size.width:
            droppable = [entry for entry in entries if entry[1] != "Help"]
            if not droppable:
                break
            entries.remove(droppable[-1])
        line = Content("")
        for key, words, enabled in entries:
            line += Content.styled(f" {key} ", "bold $text-accent" if enabled else "dim")
            line += Content.styled(f"{words} ", "" if enabled else "dim")
        if str(line.markup) != str(getattr(self.content, "markup", "")):
            self.update(line)

"""Every key of the screen beneath, read from the bindings themselves."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static


class HelpScreen(ModalScreen[None]):
    """Closed by escape, `?` or q."""

    AUTO_FOCUS = "#keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close", key_display="esc", id="help.close"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="help.up"),
    ]

    def __init__(self, beneath: Screen[object]) -> None:
        super().__init__()
        self._beneath = beneath

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="keys"):
            yield Static(self._text(), markup=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#keys").scroll_relative(y=lines, animate=False)

    def _text(self) -> Content:
        text = Content.styled("Keys\n", "bold")
        for title, bindings in self._groups():
            text += Content.styled(f"\n{title}\n", "bold $text-primary")
            for keys, description in bindings:
                text += Content.styled(f"  {keys:<14}", "bold") + Content(f"{description}\n")
        text += Content.styled("\nesc closes this. ctrl+p: find a command by its name.", "dim")
        return text

    def _groups(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """The bindings of the focused widget, its parents, the screen and the app, each with a heading."""
        node: DOMNode | None = self._beneath.focused or self._beneath
        chain: list[DOMNode] = []
        while node is not None:
            chain.append(node)
            node = node.parent
        for holder in chain:
            keys: dict[tuple[str, str], list[str]] = {}
            for key, bindings in holder._bindings.key_to_bindings.items():
                for binding in bindings:
                    if not binding.description or binding.id is None or "." not in binding.id:
                        continue
                    words = f"{binding.description}: {binding.tooltip}" if binding.tooltip else binding.description
                    keys.setdefault((binding.action, words), []).append(self._shown(key))
            if keys:
                title = (
                    "Everywhere" if holder is self.app else ("This screen" if isinstance(holder, Screen) else "Here")
                )
                yield title, [(" ".join(dict.fromkeys(shown)), words) for (_, words), shown in keys.items()]

    def _shown(self, key: str) -> str:
        return self.app.get_key_display(Binding(key, "", ""))

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

from tui.dialogs.overlay import MODE_KEYS
from tui.textual_private import bindings_of


class HelpScreen(ModalScreen[None]):
    """Closed by escape, `?` or q."""

    AUTO_FOCUS = "#keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close", key_display="esc", id="help.close"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="help.up"),
        *(
            Binding(key, f"go('{mode}')", mode.capitalize(), show=False, id=f"help.{mode}")
            for key, mode in MODE_KEYS.items()
        ),
    ]

    def __init__(self, beneath: Screen[object]) -> None:
        super().__init__()
        self._beneath = beneath
        self._now = {binding.id for _, binding, enabled, _ in beneath.active_bindings.values() if enabled}

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="keys"):
            yield Static(self._text(), markup=False)

    async def action_go(self, mode: str) -> None:
        """To another screen; the help is gone when the person comes back."""
        self.dismiss()
        await self.app.switch_mode(mode)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#keys").scroll_relative(y=lines, animate=False)

    def _text(self) -> Content:
        text = Content.styled("Keys\n", "bold")
        for title, bindings in self._groups():
            text += Content.styled(f"\n{title}\n", "bold $text-primary")
            for keys, description, now in bindings:
                text += Content.styled(f"  {keys:<14}", "bold" if now else "dim")
                text += Content.styled(f"{description}{'' if now else ' (not now)'}\n", "" if now else "dim")
        text += Content.styled("\nEsc: close · Ctrl+P: find a command by name", "dim")
        return text

    def _groups(self) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
        """The bindings of the focused widget, its parents, the screen and the app, each with a heading: the keys, what
        they do, whether they do it now."""
        node: DOMNode | None = self._beneath.focused or self._beneath
        chain: list[DOMNode] = []
        while node is not None:
            chain.append(node)
            node = node.parent
        taken = set[str]()  # by who is nearer
        everywhere: dict[tuple[str, str, bool], list[str]] = {}
        for holder in chain:
            here = everywhere if holder is self.app else {}
            own = {key: found for key, found in bindings_of(holder).items() if key not in taken}
            taken |= set(own)
            for key, bindings in own.items():
                for binding in bindings:
                    if not binding.description or binding.id is None or "." not in binding.id:
                        continue
                    words = f"{binding.description}: {binding.tooltip}" if binding.tooltip else binding.description
                    group = everywhere if binding.id.startswith("overlay.") else here
                    now = binding.id in self._now or binding.priority
                    group.setdefault((binding.action, words, now), []).append(self._shown(key))
            if here and holder is not self.app:
                yield "This screen" if isinstance(holder, Screen) else "Here", _joined(here)
        yield "Everywhere", _joined(everywhere)

    def _shown(self, key: str) -> str:
        return self.app.get_key_display(Binding(key, "", ""))


def _joined(keys: dict[tuple[str, str, bool], list[str]]) -> list[tuple[str, str, bool]]:
    return [(" ".join(dict.fromkeys(shown)), words, now) for (_, words, now), shown in keys.items()]

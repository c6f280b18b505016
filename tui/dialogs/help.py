"""Every key of the screen beneath, read from the bindings themselves, in columns, with a search."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from tui.columns import width_of
from tui.dialogs.overlay import MODE_KEYS
from tui.keys import reason_against
from tui.textual_private import bindings_of
from tui.widgets.key_words import key_words
from tui.widgets.lines import padded, wrapped_words
from tui.widgets.text import set_text
from tui.widgets.text_field import TextField

GAP = 3  # cells between two columns
WORDS = 34  # cells for what a key does, at least, where there are several columns


@dataclass(frozen=True)
class Key:
    """One line: the keys as they are shown, what they do, and why they do nothing now ("": they act)."""

    keys: str
    words: str
    reason: str = ""


@dataclass(frozen=True)
class Group:
    """Keys under a heading."""

    title: str
    keys: tuple[Key, ...]


FRAME = 5  # cells of the border, the padding and the scroll bar


class HelpScreen(ModalScreen[None]):
    """Closed by escape, `?` or q; `/` searches."""

    AUTO_FOCUS = "#keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Close", key_display="esc", id="help.back"),
        Binding("question_mark,q,enter", "dismiss", "Close", show=False, id="help.close"),
        Binding("slash", "search", "Search", key_display="/", id="help.filter"),
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
        self._words = key_words(beneath)
        self._groups = groups(beneath)

    def compose(self) -> ComposeResult:
        yield TextField(placeholder=self._words.part, id="search")
        with VerticalScroll(id="keys"):
            yield Static(id="columns", markup=False)
        yield Static(self._words.hint, id="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one("#search").display = False
        self.query_one("#keys").border_title = self._words.title
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one("#keys").focus()

    def action_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = True
        self._show()
        search.focus()

    def action_back(self) -> None:
        """The search first, then the help."""
        search = self.query_one("#search", Input)
        if not search.display:
            self.dismiss()
            return
        search.value = ""
        search.display = False
        self._show()
        self.query_one("#keys").focus()

    async def action_go(self, mode: str) -> None:
        """To another screen; the help is gone when the person comes back."""
        self.dismiss()
        await self.app.switch_mode(mode)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#keys").scroll_relative(y=lines, animate=False)

    def _show(self) -> None:
        wanted = self.query_one("#search", Input).value.casefold().strip()
        shown = [found for group in self._groups if (found := _matching(group, wanted)).keys]
        width = self.size.width - FRAME
        below = 1 + self.query_one("#search").display  # the hint, and the search
        self.query_one("#keys").styles.max_height = max(3, self.size.height - below)
        text = in_columns(shown, width) if shown else Content(self._words.none)
        set_text(self.query_one("#columns", Static), text)


def groups(screen: Screen[object]) -> list[Group]:
    """The keys of the focused widget, its parents, the screen and the app, each with a heading; those that do nothing
    now stand at the end."""
    app, said = screen.app, key_words(screen)
    chain: list[DOMNode] = list((screen.focused or screen).ancestors_with_self)
    taken = set[str]()  # by who is nearer
    found = list[Group]()
    everywhere: dict[Key, list[str]] = {}
    idle: dict[Key, list[str]] = {}
    for holder in chain:
        here: dict[Key, list[str]] = everywhere if holder is app else {}
        own = {key: bindings for key, bindings in bindings_of(holder).items() if key not in taken}
        taken |= set(own)
        for key, binding in ((key, binding) for key, bindings in own.items() for binding in bindings):
            if not binding.description or binding.id is None or "." not in binding.id:
                continue
            words = ": ".join(part for part in said.of(binding) if part)
            reason = "" if binding.priority else reason_against(holder, binding)
            group = idle if reason else everywhere if binding.id.startswith("overlay.") else here
            shown = binding.key_display if binding.key_display and key == binding.key.split(",")[0] else ""
            line = Key(binding.action, words, reason)
            group.setdefault(line, []).append(shown or app.get_key_display(Binding(key, "", "")))
        if here and holder is not app:
            found.append(Group(said.screen if isinstance(holder, Screen) else said.panel, _joined(here)))
    found.append(Group(said.everywhere, _joined(everywhere)))
    return [*found, *([Group(said.not_now, _joined(idle))] if idle else [])]


def in_columns(shown: list[Group], width: int) -> Content:
    """The groups one below the other, in as many columns as fit `width` cells, each about as long as the others; what
    is said of a key is in one column."""
    names = max((width_of([key.keys]) for group in shown for key in group.keys), default=1)
    count = max(1, (width + GAP) // (names + 2 + WORDS + GAP))
    column = (width - GAP * (count - 1)) // count
    entries = list(_entries(shown, names, column))
    height = -(-sum(map(len, entries)) // count)
    while len(columns := _poured(entries, height)) > count:
        height += 1
    height = max(map(len, columns))
    text = Content("")
    for row in range(height):
        for at, one in enumerate(columns):
            text += Content(" " * GAP if at else "")
            text += one[row] if row < len(one) else Content(" " * column)
        text += Content("\n")
    return text


def _matching(group: Group, wanted: str) -> Group:
    keys = tuple(key for key in group.keys if wanted in f"{key.keys} {_words(key)}".casefold())
    return Group(group.title, keys)


def _entries(shown: list[Group], names: int, width: int) -> Iterator[list[Content]]:
    """Each key with its words, in lines of `width` cells; the first of a group with the heading, and an empty line
    before it."""
    for at, group in enumerate(shown):
        lines = [Content(" " * width)] if at else []
        lines.append(Content.styled(padded(group.title, width), "bold $text-primary"))
        for key in group.keys:
            room = width - names - 2
            for row, piece in enumerate(wrapped_words(_words(key), room) or [""]):
                name = padded("" if row else key.keys, names)
                line = Content.assemble(
                    (name, "$text-muted" if key.reason else "bold $text-accent"),
                    ("  " + padded(piece, room), "$text-muted" if key.reason else ""),
                )
                lines.append(line)
            yield lines
            lines = []


def _poured(entries: list[list[Content]], height: int) -> list[list[Content]]:
    """The entries in columns of at most `height` lines, or of one entry; none begins with an empty line."""
    columns = list[list[Content]]()
    for entry in entries:
        if columns and len(columns[-1]) + len(entry) <= height:
            columns[-1] += entry
        else:
            columns.append(entry[1:] if not entry[0].plain.strip() else list(entry))
    return columns


def _words(key: Key) -> str:
    return f"{key.words} ({key.reason})" if key.reason else key.words


def _joined(keys: dict[Key, list[str]]) -> tuple[Key, ...]:
    return tuple(Key(" ".join(dict.fromkeys(shown)), line.words, line.reason) for line, shown in keys.items())

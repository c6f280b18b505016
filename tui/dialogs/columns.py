"""Asks which columns a table has, and in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.columns import width_of
from tui.config.preference import Preference
from tui.config.preferences import Preferences
from tui.keys import move_keys
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.text import set_text

OTHER_LINES = 6  # of the dialog: its border, and what stands above and below the columns
AUTOMATIC = "automatic: those that differ and fit"


@dataclass(frozen=True)
class ColumnChoice:
    """What can be chosen of a table, and where it is kept."""

    table: str  # its name, in a title
    preferences: Preferences
    preference: Preference[tuple[str, ...]]
    every: Mapping[str, str]  # the titles, and what is in each
    automatic: Sequence[str]  # the titles that the table has where none were chosen
    always: str  # the one that can't be switched off

    @property
    def chosen(self) -> tuple[str, ...]:
        """The titles; none: the automatic ones."""
        return self.preferences.get(self.preference)

    def dialog(self) -> "ColumnsDialog":
        return ColumnsDialog(self.table, self.every, self.chosen, self.automatic, self.always)

    def keep(self, titles: tuple[str, ...]) -> bool:
        """Keep another choice; False where it is the one that is kept already."""
        if titles == self.chosen:
            return False
        self.preferences.keep(self.preference, titles)
        return True


class ColumnsDialog(ModalScreen[tuple[str, ...] | None]):
    """Gives the titles in their order, none for the automatic choice; None where the person cancels."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        *move_keys("columns"),
        Binding("space", "switch", "On or off", id="columns.switch"),
        Binding("J,shift+down", "carry(1)", "Move it down", id="columns.carry_down"),
        Binding("K,shift+up", "carry(-1)", "Move it up", id="columns.carry_up"),
        Binding("0", "automatic", "Automatic", id="columns.automatic", tooltip="those that differ and fit"),
        Binding("enter", "keep", "OK", id="columns.keep"),
        Binding("escape", "dismiss", "Cancel", id="columns.back"),
    ]

    def __init__(
        self,
        table: str,
        every: Mapping[str, str],
        chosen: Sequence[str],
        automatic: Sequence[str],
        always: str,
    ) -> None:
        """`every`: the titles, and what is in each. `chosen`: those that were chosen before, none for `automatic`,
        which the table has then. `always`: the one that can't be switched off."""
        super().__init__()
        self._table, self._every, self._automatic, self._always = table, every, tuple(automatic), always
        self._is_automatic = not chosen
        self._on: set[str] = set()
        self._titles: list[str] = []
        self._take(chosen or automatic)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(f"Columns of {self._table}", id="title", markup=False)
            yield Static("", id="state", markup=False)
            width = width_of(self._every)
            yield Rows((Column("", 3), Column("column", width), Column("what is in it", -20)), gap=1, id="columns")
            yield Static("Space: on/off · J K: move · 0: automatic · Enter: OK · Esc: cancel", id="keys",
                         markup=False)  # fmt: skip

    def on_mount(self) -> None:
        self.query_one("#dialog").styles.height = len(self._every) + OTHER_LINES
        self._show()

    def _take(self, titles: Sequence[str]) -> None:
        """Switch these on, and put them before the others."""
        self._on = {self._always, *titles}
        first = [title for title in dict.fromkeys(titles) if title in self._every]
        if self._always not in first:
            first.insert(0, self._always)
        self._titles = [*first, *(title for title in self._every if title not in first)]

    def _show(self) -> None:
        rows = []
        for title in self._titles:
            mark = "[x]" if title in self._on else "[ ]"
            about = f"{self._every[title]} (always)" if title == self._always else self._every[title]
            rows.append(Row(title, (mark, title, about), style="" if title in self._on else "dim"))
        self.query_one(Rows).show(rows)
        chosen = f"{len(self._on)} of {len(self._every)} chosen"
        set_text(self.query_one("#state", Static), AUTOMATIC if self._is_automatic else chosen)

    def action_move(self, by: int) -> None:
        self.query_one(Rows).move(by)

    def action_page(self, by: int) -> None:
        table = self.query_one(Rows)
        table.move(by * table.room)

    def action_end(self, which: int) -> None:
        self.query_one(Rows).move(which * len(self._titles))

    def action_switch(self) -> None:
        title = self.query_one(Rows).key
        if title is not None and title != self._always:
            self._on ^= {title}
            self._is_automatic = False
            self._show()

    def action_carry(self, by: int) -> None:
        """Put the column under the cursor before or behind its neighbour."""
        at = self.query_one(Rows).cursor
        if 0 <= at + by < len(self._titles):
            self._titles[at], self._titles[at + by] = self._titles[at + by], self._titles[at]
            self._is_automatic = False
            self._show()

    def action_automatic(self) -> None:
        self._is_automatic = True
        self._take(self._automatic)
        self._show()

    def action_keep(self) -> None:
        chosen = tuple(title for title in self._titles if title in self._on)
        self.dismiss(() if self._is_automatic else chosen)

    def on_rows_pointed(self, event: Rows.Pointed) -> None:
        """A click on the cursor's row switches it."""
        if event.again:
            self.action_switch()

"""Screens with one large table, whose rows and columns the keys go along."""

from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.widgets.rows import Rows


def table_keys(screen: str, *, page: str = "pagedown,space") -> list[BindingType]:
    """The keys of a TableScreen; `screen` begins their ids, `page` are those that turn the page."""
    return [
        Binding("down,j", "move(1)", "Down", show=False, id=f"{screen}.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id=f"{screen}.up"),
        Binding(page, "page(1)", "Page down", show=False, id=f"{screen}.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id=f"{screen}.page_up"),
        Binding("home,g", "end(-1)", "First", show=False, id=f"{screen}.first"),
        Binding("end,G", "end(1)", "Last", show=False, id=f"{screen}.last"),
        Binding("right,l", "slide(1)", "More columns", show=False, id=f"{screen}.right", tooltip="where not all fit"),
        Binding("left,h", "slide(-1)", "Columns before", show=False, id=f"{screen}.left", tooltip="where not all fit"),
    ]


class TableScreen(Screen[None]):
    """Has the actions of these keys."""

    @property
    def table(self) -> Rows:
        return self.query_one(Rows)

    def moved(self) -> None:
        """The cursor is on another row, or the last of them that there is."""

    def action_move(self, by: int) -> None:
        self.table.move(by)
        self.moved()

    def action_page(self, by: int) -> None:
        self.action_move(by * self.table.room)

    def action_end(self, which: int) -> None:
        self.action_move(which * len(self.table.rows))

    def action_slide(self, by: int) -> None:
        self.table.slide(by)

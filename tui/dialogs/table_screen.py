"""Screens with one large table, whose rows and columns the keys go along, and whose rows can be filtered."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from tui.dialogs.columns import ColumnChoice
from tui.dialogs.completing import Completer
from tui.dialogs.key_screen import KeyScreen
from tui.dialogs.prompt import PromptKeys, PromptScreen
from tui.keys import bind, move_keys
from tui.widgets.rows import Rows
from tui.widgets.scrolled_lines import ScrolledLines


def table_keys(screen: str) -> list[BindingType]:
    """The keys of a TableScreen; `screen` begins their ids."""
    return move_keys(screen, sideways=("Columns before", "More columns"))


def panel_keys(screen: str) -> list[BindingType]:
    """The keys that go round the panels of a TableScreen; in one without a table, the keys that move scroll."""
    return [
        bind(screen, "next_panel", action="panel(1)", show=False),
        bind(screen, "previous_panel", action="panel(-1)", show=False),
    ]


def columns_key(screen: str) -> Binding:
    """The key that asks for the columns."""
    return bind(screen, "columns", "Columns", "which, and in which order; they are kept", show=False)


def filter_key(screen: str, by: str) -> Binding:
    """The key that asks for the filter; `by`: what it goes by, such as "by name"."""
    return bind(screen, "filter", "Filter", by)


FILTER_KEYS = PromptKeys(complete="Tab: complete")
MOST_LINES = 1_000_000  # of a panel beside the table


class TableScreen(KeyScreen[None]):
    """Has the actions of these keys. A screen with a filter says what can be typed (`FILTER_ABOUT`), counts what a text
    lets through (`count_matching`), and shows the rows that pass `filter_text` (`filter_changed`). One whose columns
    can be chosen says which there are (`column_choice`), and shows those that were chosen (`columns_changed`)."""

    FILTER_ABOUT: ClassVar[str] = ""

    filter_text = ""  # what is typed as the filter; "" shows every row

    @property
    def table(self) -> Rows:
        return self.query_one(Rows)

    @property
    def row_key(self) -> str:
        """The key of the row under the cursor; "" where there is none, or no table yet."""
        table = self.query_one_optional(Rows)
        return "" if table is None else table.key or ""

    def moved(self) -> None:
        """The cursor is on another row, or the last of them that there is."""

    def count_matching(self, text: str) -> str:
        """How many of the rows pass the filter `text`, in words, such as `2 of 3 runs`."""
        raise NotImplementedError

    def filter_prompt(self) -> PromptScreen:
        """What asks for the filter."""
        about, suggester = self.FILTER_ABOUT, self.filter_completer()
        value = self.filter_text
        return PromptScreen("Filter", about, self.count_typed, value=value, suggester=suggester, keys=FILTER_KEYS)

    def filter_completer(self) -> Completer | None:
        """What completes the filter while it is typed; None: nothing does."""
        return None

    def filter_changed(self) -> None:
        """Show the rows that pass `filter_text`."""
        raise NotImplementedError

    def column_choice(self) -> ColumnChoice:
        """What can be chosen of the table that is shown."""
        raise NotImplementedError

    def columns_changed(self) -> None:
        """Show the columns that were chosen."""
        raise NotImplementedError

    def sort_by(self, title: str) -> None:
        """The title of a column was clicked."""

    @work(group="prompt", exclusive=True)
    async def action_filter(self) -> None:
        prompt = self.filter_prompt()
        text = await self.app.push_screen_wait(prompt)
        if text is not None and text.strip() != self.filter_text:
            self.filter_text = text.strip()
            self.filter_changed()

    @work(group="columns", exclusive=True)
    async def action_columns(self) -> None:
        choice = self.column_choice()
        chosen = await self.app.push_screen_wait(choice.dialog())
        if chosen is not None and choice.keep(chosen):
            self.columns_changed()

    def count_typed(self, text: str) -> str:
        return self.count_matching(text.strip())

    def clear_filter(self) -> bool:
        """Show every row again; False where there was no filter."""
        if not self.filter_text:
            return False
        self.filter_text = ""
        self.filter_changed()
        return True

    def describe_filter(self) -> str:
        """The filter, and how to be rid of it; "" without one."""
        return f"filter: {self.filter_text} (Esc: show all)" if self.filter_text else ""

    def on_rows_pointed(self, event: Rows.Pointed) -> None:
        """A click moves the cursor, one on the cursor's row opens it."""
        self.moved()
        if event.again:
            self.call_later(self.run_action, "open")

    def on_rows_headed(self, event: Rows.Headed) -> None:
        self.sort_by(event.title)

    @property
    def scrolled(self) -> ScrolledLines | None:
        """The lines in the panel that has the focus, where that is not the table's: the keys scroll them."""
        focused = self.focused
        if focused is None or focused.query(Rows):
            return None
        return next((lines for lines in focused.query(ScrolledLines).results() if lines.display), None)

    def action_move(self, by: int) -> None:
        if (lines := self.scrolled) is not None:
            lines.scroll_by(by)
            return
        self.table.move(by)
        self.moved()

    def action_page(self, by: int) -> None:
        lines = self.scrolled
        self.action_move(by * (self.table.room if lines is None else max(1, lines.size.height - 1)))

    def action_end(self, which: int) -> None:
        lines = self.scrolled
        self.action_move(which * (len(self.table.rows) if lines is None else MOST_LINES))

    def action_panel(self, by: int) -> None:
        """The focus to the next panel, or to the one before."""
        if by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def why_not_panel(self) -> str:
        """Why the focus has nowhere to go; "" where it has."""
        return "" if len(self.focus_chain) > 1 else "there is one panel"

    def action_slide(self, by: int) -> None:
        self.table.slide(by)

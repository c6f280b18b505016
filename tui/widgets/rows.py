"""A table of many rows with a cursor, of which only what is in view is drawn, and only what changed is sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from textual import events
from textual.message import Message

from tui.columns import fit, width_of
from tui.format import position
from tui.widgets.lines import Line, Lines, fit_end, fit_parts, padded


@dataclass(frozen=True)
class Column:
    """How a column looks."""

    title: str
    width: int  # cells; below 0: what is left, so many at least, for one column
    right: bool = False
    style: str = ""
    ends: bool = False  # what does not fit is cut at its beginning: names such as those of tensors differ at their ends
    parts: bool = False  # what does not fit is cut behind a comma: a number among the arguments of a call stays whole


@dataclass(frozen=True)
class Row:
    """One row: its key, its cells, a style over all of them, and styles for single cells by their columns' titles."""

    key: str
    cells: tuple[str, ...]
    style: str = ""
    styles: Mapping[str, str] = field(default_factory=dict)


def whole_numbers(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns, those of numbers (`right`) as wide as their widest cell: a number that is cut is another number."""
    return tuple(
        replace(column, width=width_of([column.title, *(row.cells[place] for row in rows)])) if column.right else column
        for place, column in enumerate(columns)
    )


def localized(
    columns: Sequence[Column], rows: Sequence[Row], titles: Mapping[str, str]
) -> tuple[tuple[Column, ...], list[Row]]:
    """The columns and the rows with other titles, by the ones they have; a title that is not there stays."""
    named = tuple(
        replace(
            column,
            title=titles.get(column.title, column.title),
            width=column.width if column.width < 0 else max(column.width, width_of([titles.get(column.title, "")])),
        )
        for column in columns
    )
    return named, [
        replace(row, styles={titles.get(title, title): style for title, style in row.styles.items()}) for row in rows
    ]


def snug(columns: Sequence[Column], rows: Sequence[Row], sorted_by: str = "") -> tuple[Column, ...]:
    """The columns, those of a fixed width as wide as their widest cell or title: of numbers whatever that is, of other
    things no wider than they were. `sorted_by`: the title that has a mark behind it."""

    def title(column: Column) -> str:
        return column.title + " " * (column.title == sorted_by)

    return tuple(
        replace(column, width=max(column.width, width_of([title(column)])))
        if column.right
        else column
        if column.width < 0
        else replace(column, width=min(column.width, width_of([title(column), *(row.cells[place] for row in rows)])))
        for place, column in enumerate(whole_numbers(columns, rows))
    )


def chosen_columns(
    columns: Sequence[Column], rows: Sequence[Row], titles: Sequence[str], always: str
) -> tuple[tuple[Column, ...], list[Row]]:
    """The columns of these titles in their order, and the rows with their cells. Where `titles` lacks the column that
    is `always` there, it comes first."""
    order = titles if always in titles else (always, *titles)
    place = {column.title: at for at, column in enumerate(columns)}
    places = [place[title] for title in order if title in place]
    return (
        tuple(columns[at] for at in places),
        [replace(row, cells=tuple(row.cells[at] for at in places)) for row in rows],
    )


class Rows(Lines):
    """Shows the first columns and as many of the others as fit; the cursor stays on its key when the rows change."""

    DEFAULT_CSS = "Rows { height: 1fr; width: 1fr; }"

    class Pointed(Message):
        """The mouse moved the cursor; `again`: it was clicked where the cursor was already."""

        def __init__(self, *, again: bool) -> None:
            super().__init__()
            self.again = again

    class Widened(Message):
        """The table has another width, so many cells: what was cut to fit the one before may be made anew."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.width = width

    class Headed(Message):
        """The title of a column was clicked."""

        def __init__(self, title: str) -> None:
            super().__init__()
            self.title = title

    def __init__(
        self,
        columns: Sequence[Column] = (),
        *,
        gap: int = 2,
        fixed: int = 1,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`gap`: cells between two columns. `fixed`: how many of the first columns are always shown."""
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.gap = gap
        self.fixed = fixed
        self.sorted_by, self.falling = "", False  # the title of a column, which is marked; the largest first
        self.rows: tuple[Row, ...] = ()
        self.cursor = 0
        self._top = 0
        self._across = 0  # columns after the fixed ones that are passed over
        self._last = 0  # the place of the last column that is shown
        self._cells = 0  # across, at the last resize

    def show(
        self,
        rows: Sequence[Row],
        columns: Sequence[Column] | None = None,
        *,
        sorted_by: str = "",
        falling: bool = False,
    ) -> None:
        """Other rows. `sorted_by`: the title of the column that they are sorted by, which is marked; `falling`: the
        largest first."""
        key = self.key
        self.sorted_by, self.falling = sorted_by, falling
        self.rows = tuple(rows)
        if columns is not None:
            if [one.title for one in self.columns] != [one.title for one in columns]:
                self._across = 0
            self.columns = tuple(columns)
        found = next((at for at, row in enumerate(self.rows) if row.key == key), None)
        self.cursor = found if found is not None else max(0, min(self.cursor, len(self.rows) - 1))
        self.repaint()

    @property
    def key(self) -> str | None:
        """Of the row under the cursor."""
        return self.rows[self.cursor].key if self.cursor < len(self.rows) else None

    @property
    def place(self) -> str:
        """Which row the cursor is on: `3 of 1,000`; empty without rows."""
        return position(self.cursor + 1, len(self.rows)) if self.rows else ""

    @property
    def room(self) -> int:
        """Rows that are in view."""
        return max(1, self.size.height - 1)

    def move(self, by: int) -> None:
        self.go(self.cursor + by)

    def go(self, to: int) -> None:
        """Put the cursor on a row, the nearest there is."""
        self.cursor = max(0, min(len(self.rows) - 1, to))
        self.repaint()

    def slide(self, by: int) -> None:
        """Show other columns, where not all fit."""
        self._across = max(0, self._across + by)
        self.repaint()

    def reveal(self, title: str) -> None:
        """Show the column of that title, where there is one."""
        place = next((at for at, column in enumerate(self.columns) if column.title == title), 0)
        if self.fixed <= place < self.fixed + self._across:
            self.slide(place - self.fixed - self._across)
        while self.size.width and place > self._last and self._across < len(self.columns) - 1 - self.fixed:
            self.slide(1)

    def find(self, holds: Callable[[Row], bool]) -> bool:
        """Put the cursor on the first row for which that is so."""
        for at, row in enumerate(self.rows):
            if holds(row):
                self.go(at)
                return True
        return False

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._cells:
            self._cells = event.size.width
            self.post_message(self.Widened(event.size.width))

    def on_click(self, event: events.Click) -> None:
        at = self._top + event.y - 1
        if event.y > 0 and at < len(self.rows):
            again = at == self.cursor
            self.go(at)
            self.post_message(self.Pointed(again=again))
        elif event.y == 0:
            left = 1
            for place, cells in self._placed(self.size.width):
                left += self.gap if place else 0
                if left <= event.x < left + cells:
                    self.post_message(self.Headed(self.columns[place].title))
                left += cells

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(1)
        self.post_message(self.Pointed(again=False))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-1)
        self.post_message(self.Pointed(again=False))

    def paint(self, width: int, height: int) -> list[Line]:
        shown = self._placed(width)
        more = "›" if self._last < len(self.columns) - 1 else ""
        room = max(1, height - 1)
        self._top = max(0, min(self._top, self.cursor, len(self.rows) - room))
        self._top = max(self._top, self.cursor - room + 1)
        gap = " " * self.gap
        heads: Line = [(" ", "dim")]
        for place, cells in shown:
            title, marked = (
                self.columns[place].title,
                bool(self.sorted_by) and self.columns[place].title == self.sorted_by,
            )
            if marked and len(title) < cells:
                title += "▼" if self.falling else "▲"
            text = padded(title, cells, right=self.columns[place].right)
            heads.append(((gap if place else "") + text, "strong" if marked else "dim"))
        if more or self._across:
            used = sum(width_of([text]) for text, _ in heads)
            heads.append((" " * (width - 3 - used) + (" ‹" if self._across else "  ") + more, "dim"))
        lines: list[Line] = [heads]
        for at in range(self._top, min(len(self.rows), self._top + room)):
            row = self.rows[at]
            here = at == self.cursor
            line: Line = [("▸" if here else " ", "chosen" if here else "")]
            for place, cells in shown:
                column = self.columns[place]
                cut = fit_end if column.ends else fit_parts if column.parts else fit
                text = cut(row.cells[place], cells)
                style = "chosen" if here else row.styles.get(column.title) or row.style or column.style
                line.append(((gap if place else "") + padded(text, cells, right=column.right), style))
            lines.append(line)
        return lines

    def _placed(self, width: int) -> list[tuple[int, int]]:
        """The places of the columns that are shown, and their widths in cells."""
        whole = self._fitting(width, 0)
        if len(whole) == len(self.columns):
            self._across = 0
        else:
            width -= 3  # for the signs that there are more
            self._across = min(self._across, max(0, len(self.columns) - 1 - self.fixed))
            while self._across and self._fitting(width, self._across - 1)[-1] == len(self.columns) - 1:
                self._across -= 1
            whole = self._fitting(width, self._across)
        self._last = whole[-1] if whole else 0
        widths = [abs(self.columns[place].width) for place in whole]
        left = width - 1 - sum(widths) - self.gap * (len(whole) - 1)
        return [
            (place, cells + (max(0, left) if self.columns[place].width < 0 else 0))
            for place, cells in zip(whole, widths, strict=True)
        ]

    def _fitting(self, width: int, across: int) -> list[int]:
        """The places of the columns that fit, with so many passed over after the fixed ones."""
        used, places = 1, list[int]()
        for place, column in enumerate(self.columns):
            if self.fixed <= place < self.fixed + across:
                continue
            needed = abs(column.width) + (self.gap if place else 0)
            if used + needed > width and places:
                break
            places.append(place)
            used += needed
        return places

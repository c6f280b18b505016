"""A table of many rows with a cursor, of which only what is in view is drawn, and only what changed is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.widgets.lines import Line, Lines, fit, padded


@dataclass(frozen=True)
class Column:
    """How a column looks."""

    title: str
    width: int  # cells; below 0: what is left, so many at least, for one column
    right: bool = False
    style: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its key, its cells, and a style over all of them."""

    key: str
    cells: tuple[str, ...]
    style: str = ""


class Rows(Lines):
    """Shows the columns that fit, from the left on; the cursor stays on its key when the rows change."""

    DEFAULT_CSS = "Rows { height: 1fr; width: 1fr; }"

    def __init__(self, columns: Sequence[Column] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.rows: tuple[Row, ...] = ()
        self.cursor = 0
        self._top = 0

    def show(self, rows: Sequence[Row], columns: Sequence[Column] | None = None) -> None:
        """Other rows."""
        key = self.key
        self.rows = tuple(rows)
        if columns is not None:
            self.columns = tuple(columns)
        found = next((at for at, row in enumerate(self.rows) if row.key == key), None)
        self.cursor = found if found is not None else max(0, min(self.cursor, len(self.rows) - 1))
        self.repaint(now=True)

    @property
    def key(self) -> str | None:
        """Of the row under the cursor."""
        return self.rows[self.cursor].key if self.cursor < len(self.rows) else None

    @property
    def room(self) -> int:
        """Rows that are in view."""
        return max(1, self.size.height - 1)

    def move(self, by: int) -> None:
        self.go(self.cursor + by)

    def go(self, to: int) -> None:
        """Put the cursor on a row, the nearest there is."""
        self.cursor = max(0, min(len(self.rows) - 1, to))
        self.repaint(now=True)

    def find(self, holds: Callable[[Row], bool]) -> bool:
        """Put the cursor on the first row for which that is so."""
        for at, row in enumerate(self.rows):
            if holds(row):
                self.go(at)
                return True
        return False

    def paint(self, width: int, height: int) -> list[Line]:
        widths = self._widths(width)
        room = max(1, height - 1)
        self._top = max(0, min(self._top, self.cursor, len(self.rows) - room))
        self._top = max(self._top, self.cursor - room + 1)
        shown = list(zip(self.columns, widths, strict=False))
        heads = [padded(column.title, cells, right=column.right) for column, cells in shown]
        lines: list[Line] = [[(" " + "  ".join(heads), "dim")]]
        for at in range(self._top, min(len(self.rows), self._top + room)):
            row = self.rows[at]
            here = at == self.cursor
            line: Line = [("▸" if here else " ", "chosen" if here else "")]
            for place, (column, cells) in enumerate(shown):
                text = padded(fit(row.cells[place], cells), cells, right=column.right)
                style = "chosen" if here else row.style or column.style
                line.append((("  " if place else "") + text, style))
            lines.append(line)
        return lines

    def _widths(self, width: int) -> list[int]:
        """Of the columns that fit."""
        used, widths = 1, list[int]()
        for column in self.columns:
            needed = abs(column.width) + 2
            if used + needed - 2 > width and widths:
                break
            widths.append(abs(column.width))
            used += needed
        left = width - used + 2
        for place, column in enumerate(self.columns[: len(widths)]):
            if column.width < 0:
                widths[place] += max(0, left)
        return widths

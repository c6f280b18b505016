"""A window of a large table of numbers, with a cursor; the numbers come from elsewhere, a window at a time."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.widgets.line_widget import LineWidget


class Cells(LineWidget):
    """Shows text cells with the numbers of their rows and columns. `window` says which part is wanted."""

    DEFAULT_CSS = "Cells { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.height = self.width = 0  # of the whole table
        self.row = self.column = 0  # of the cursor
        self.top = self.left = 0  # of what is in view
        self._cells: Sequence[Sequence[str]] = ()
        self._at = (0, 0)  # where the cells that are known begin
        self._cell = 10

    def take(self, height: int, width: int, top: int, left: int, cells: Sequence[Sequence[str]]) -> None:
        """What a window holds."""
        self.height, self.width, self._at, self._cells = height, width, (top, left), cells
        longest = max((len(text) for row in cells for text in row), default=1)
        self._cell = max(longest + 1, len(str(left + len(cells[0]) if cells else 1)) + 1, 4)
        self.row, self.column = min(self.row, max(0, height - 1)), min(self.column, max(0, width - 1))
        self.refresh()

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Top, left, rows and columns of what fits."""
        rows, columns = self._room()
        return self.top, self.left, rows, columns

    @property
    def value(self) -> str:
        """The cell under the cursor, as it is shown; empty where it is not known yet."""
        row, column = self.row - self._at[0], self.column - self._at[1]
        if 0 <= row < len(self._cells) and 0 <= column < len(self._cells[row]):
            return self._cells[row][column]
        return ""

    def move(self, rows: int, columns: int) -> bool:
        """Put the cursor elsewhere. Whether another window is wanted for that."""
        before = self._region(self.row, self.column)
        self.row = max(0, min(self.height - 1, self.row + rows))
        self.column = max(0, min(self.width - 1, self.column + columns))
        seen_rows, seen_columns = self._room()
        was = self.top, self.left
        self.top = min(max(self.top, self.row - seen_rows + 1), self.row)
        self.left = min(max(self.left, self.column - seen_columns + 1), self.column)
        if (self.top, self.left) != was:
            return True
        self.refresh(before, self._region(self.row, self.column))
        return False

    def begin(self) -> None:
        """Back to the first cell."""
        self.row = self.column = self.top = self.left = 0

    def render_line(self, y: int) -> Strip:
        base = self.base
        head, cell = self._head, self._cell
        if not self._cells:
            return Strip.blank(self.size.width, base)
        top, left = self._at
        whole = self._room()[1]  # columns that fit: none is cut
        dim = base + Style(dim=True)
        if y == 0:
            numbers = [Segment(f"{left + at:>{cell - 1}} ", dim) for at in range(min(len(self._cells[0]), whole))]
            return Strip([Segment(" " * head, dim), *numbers]).adjust_cell_length(self.size.width, base)
        row = y - 1
        if row >= len(self._cells):
            return Strip.blank(self.size.width, base)
        segments = [Segment(f"{top + row:>{head - 1}} ", dim)]
        for at, text in enumerate(self._cells[row][:whole]):
            here = (top + row, left + at) == (self.row, self.column)
            style = base + Style(reverse=True, bold=True) if here else base
            segments += [Segment(f"{text:>{cell - 1}}", style), Segment(" ", base)]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    @property
    def _head(self) -> int:
        return len(str(max(self.height - 1, 0))) + 2

    def _room(self) -> tuple[int, int]:
        return max(1, self.size.height - 1), max(1, (self.size.width - self._head) // self._cell)

    def _region(self, row: int, column: int) -> Region:
        top, left = self._at
        return Region(self._head + (column - left) * self._cell, 1 + row - top, self._cell, 1)

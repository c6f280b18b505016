"""A window of a large table of numbers, with a cursor; the numbers come from elsewhere, a window at a time."""

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from tui.widgets.line_widget import LineWidget

BETWEEN = 3  # cells between stretches of a table that stand beside each other
WHOLE_TENS = 10  # from so many values a line on, a line of a vector has a multiple of them

Window = tuple[int, int, int, int]  # top, left, rows, columns


class Cells(LineWidget):
    """Shows text cells with the numbers of their rows and columns. `window` says which part is wanted.

    A vector, a table of one row, is folded: line by line, as text is. A table that is longer than the widget and so
    narrow that it fits more than once stands in stretches beside each other, as the columns of a newspaper.
    """

    DEFAULT_CSS = "Cells { height: 1fr; width: 1fr; }"

    class Short(Message):
        """There is room for cells that it does not have."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.height = self.width = 0  # of the whole table
        self.row = self.column = 0  # of the cursor
        self.top = self.left = 0  # of what is in view
        self.vector = False
        self._cells: Sequence[Sequence[str]] = ()
        self._at = (0, 0)  # where the cells that are known begin
        self._cell, self._widest = 10, 0

    def take(
        self, height: int, width: int, top: int, left: int, cells: Sequence[Sequence[str]], *, vector: bool = False
    ) -> None:
        """What a window holds. The cells of one table grow wider with the values that come into view, never narrower,
        so that columns stay where they are. `vector`: the table is one row, which is to be folded."""
        self.height, self.width, self._at, self._cells = height, width, (top, left), cells
        self.vector = vector
        longest = max((len(text) for row in cells for text in row), default=1)
        last = width - 1 if not vector else 0  # the longest number of a column
        self._widest = max(self._widest, longest + 1)
        self._cell = max(self._widest, len(str(max(0, min(last, left + len(cells[0]) if cells else 1)))) + 1, 4)
        self.row, self.column = min(self.row, max(0, height - 1)), min(self.column, max(0, width - 1))
        self.refresh()

    def on_resize(self) -> None:
        if self._cells and not self.holds((*self._at, len(self._cells), len(self._cells[0]))):
            self.post_message(self.Short())

    @property
    def window(self) -> Window:
        """Top, left, rows and columns of what fits."""
        rows, columns = self._room(*self.size)
        if self.vector:
            return 0, self.left // columns * columns, 1, rows * columns
        return self.top, self.left, rows * self._stretches(*self.size), columns

    @property
    def page(self) -> int:
        """Rows, or lines of a vector, that are seen at once."""
        rows = self._room(*self.size)[0]
        return rows if self.vector else rows * self._stretches(*self.size)

    def holds(self, window: Window) -> bool:
        """Whether a window has all that is wanted now."""
        top, left, rows, columns = self.window
        return (
            window[0] <= top
            and window[1] <= left
            and min(top + rows, self.height) <= window[0] + window[2]
            and min(left + columns, self.width) <= window[1] + window[3]
        )

    def needs(self, across: int, down: int) -> tuple[int, int]:
        """How much of a room of so many cells and lines the table takes, with the numbers of its rows and columns."""
        columns = self._room(across, down)[1]
        if self.vector:
            return min(across, self._head + columns * self._cell), min(down, 1 + -(-self.width // columns))
        stretches = self._stretches(across, down)
        block = self._head + self.width * self._cell
        return min(across, stretches * (block + BETWEEN) - BETWEEN), min(down, 1 + self.height)

    @property
    def value(self) -> str:
        """The cell under the cursor, as it is shown; empty where it is not known yet."""
        return self._text(self.row, self.column) or ""

    def move(self, rows: int, columns: int) -> bool:
        """Put the cursor elsewhere. Whether another window is wanted for that."""
        before, was = self._region(self.row, self.column), self.window[:2]
        if self.vector:
            self._move_folded(rows, columns)
        else:
            self._move(rows, columns)
        if self.window[:2] != was:
            return True
        self.refresh(before, self._region(self.row, self.column))
        return False

    def _move_folded(self, lines: int, columns: int) -> None:
        rows, fold = self._room(*self.size)
        last = max(0, self.width - 1)
        line = max(0, min(last // fold, self.column // fold + lines))
        self.column = max(0, min(last, line * fold + self.column % fold + columns))
        line, top = self.column // fold, self.left // fold
        self.left = min(max(top, line - rows + 1), line) * fold

    def _move(self, rows: int, columns: int) -> None:
        seen_rows, seen_columns = self._room(*self.size)
        stretches = self._stretches(*self.size)
        row, column = self.row + rows, self.column + columns
        if stretches > 1 and column in (-1, self.width) and 0 <= row + columns * seen_rows < self.height:
            row, column = row + columns * seen_rows, 0 if columns > 0 else self.width - 1  # into the stretch beside it
        self.row = max(0, min(self.height - 1, row))
        self.column = max(0, min(self.width - 1, column))
        self.left = min(max(self.left, self.column - seen_columns + 1), self.column)
        if stretches == 1:
            self.top = min(max(self.top, self.row - seen_rows + 1), self.row)
        elif not self.top <= self.row < self.top + stretches * seen_rows:  # by whole stretches
            here = self.row // seen_rows
            self.top = seen_rows * (here if self.row < self.top else here - stretches + 1)

    def begin(self) -> None:
        """Back to the first cell, of another table."""
        self.row = self.column = self.top = self.left = 0
        self._widest = 0

    def render_line(self, y: int) -> Strip:
        base = self.base
        if not self._cells:
            return Strip.blank(self.size.width, base)
        segments: list[Segment] = []
        for head, numbers in self._parts(y - 1):
            if segments:
                segments.append(Segment(" " * BETWEEN, base))
            segments.append(Segment(f"{head:>{self._head - 1}} ", self.aside))
            for row, column in numbers:
                text = self._text(row, column) if y else str(self._named(column))
                here = (row, column) == (self.row, self.column) and y > 0
                style = base + Style(reverse=True, bold=True) if here else base if y else self.aside
                segments += [Segment(f"{text or '':>{self._cell - 1}}", style), Segment(" ", base)]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _parts(self, line: int) -> Iterator[tuple[str, list[tuple[int, int]]]]:
        """What stands in a line, -1 for the one with the numbers of the columns: the head of each stretch, and the
        rows and columns of its values."""
        rows, across = self._room(*self.size)
        top, left = self._at
        if self.vector:
            first = left + max(0, line) * across
            columns = range(first, min(self.width, first + across))
            if columns:
                yield "" if line < 0 else str(first), [(0, column) for column in columns]
            return
        columns = range(left, min(self.width, left + min(across, len(self._cells[0]))))
        for stretch in range(self._stretches(*self.size)):
            row = top + stretch * rows + max(0, line)
            if row < min(self.height, top + len(self._cells)):
                yield "" if line < 0 else str(row), [(row, column) for column in columns]

    def _named(self, column: int) -> int:
        """The number over a column: of a folded vector how far it is from the line's head."""
        return column - self._at[1] if self.vector else column

    def _text(self, row: int, column: int) -> str | None:
        row, column = row - self._at[0], column - self._at[1]
        if 0 <= row < len(self._cells) and 0 <= column < len(self._cells[row]):
            return self._cells[row][column]
        return None

    @property
    def _head(self) -> int:
        return len(str(max((self.width if self.vector else self.height) - 1, 0))) + 2

    def _room(self, across: int, down: int) -> tuple[int, int]:
        """Lines of values, and how many of them a line has: none is cut."""
        fit = max(1, (across - self._head) // self._cell)
        if self.vector:
            fit = self.width if 0 < self.width <= fit else fit // WHOLE_TENS * WHOLE_TENS or fit
        return max(1, down - 1), fit

    def _stretches(self, across: int, down: int) -> int:
        """How many stand beside each other."""
        block = self._head + self.width * self._cell
        if self.vector or not self.height or not self.width or block > across:
            return 1
        return max(1, min((across + BETWEEN) // (block + BETWEEN), -(-self.height // max(1, down - 1))))

    def _region(self, row: int, column: int) -> Region:
        top, left = self._at
        rows, across = self._room(*self.size)
        stretch, line, at = 0, row - top, column - left
        if self.vector:
            line, at = divmod(column - left, across)
        elif self._stretches(*self.size) > 1:
            stretch, line = divmod(row - top, rows)
        before = stretch * (self._head + self.width * self._cell + BETWEEN)
        return Region(before + self._head + at * self._cell, 1 + line, self._cell, 1)

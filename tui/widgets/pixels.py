"""An image's pixels as numbers, with a cursor on one of them; drawn by lines, so that a move sends two cells."""

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from tui.graphics.image import grey
from tui.widgets.line_widget import LineWidget

if TYPE_CHECKING:
    from tui.graphics.image import Picture

HEAD = 4  # columns of a row's number
MIDDLE = 117  # the grey up to which white is read better on it than black
AROUND = 2  # pixels that stay in view beside the cursor's


class PixelTable(LineWidget):
    """Shows as many pixels around the cursor as fit, rows and columns numbered, each on its own grey."""

    DEFAULT_CSS = "PixelTable { width: 1fr; height: 1fr; }"

    class Pointed(Message):
        """A click put the cursor on another pixel."""

    def __init__(self, *, id: str | None = None, colours: bool = True) -> None:  # noqa: A002
        super().__init__(id=id)
        self._colours = colours
        self._image: Picture | None = None
        self.row, self.column = 0, 0
        self.channel = 0  # of an image in colour: red, green, blue
        self.scaled = False  # 0 to 1, as the network gets them, not 0 to 255
        self._top, self._left = 0, 0

    def show(self, image: "Picture") -> None:
        self._image = image
        self.refresh()

    def move(self, rows: int, columns: int) -> None:
        """Put the cursor elsewhere; turn to where it is."""
        if self._image is None:
            return
        height, width = self._image.shape[:2]
        before = self._cell(self.row, self.column)
        self.row = max(0, min(height - 1, self.row + rows))
        self.column = max(0, min(width - 1, self.column + columns))
        if self._scroll():
            self.refresh()
        else:
            self.refresh(before, self._cell(self.row, self.column))

    def next_channel(self) -> None:
        """The numbers of the next channel of an image in colour."""
        self.channel = (self.channel + 1) % 3
        self.refresh()

    def scale(self) -> None:
        """The other numbers."""
        self.scaled = not self.scaled
        self._scroll()
        self.refresh()

    def on_resize(self) -> None:
        self._scroll()

    def on_click(self, event: events.Click) -> None:
        row, column = self._top + event.y - 1, self._left + (event.x - HEAD) // self.cell
        if event.y > 0 and event.x >= HEAD:
            self.move(row - self.row, column - self.column)
            self.post_message(self.Pointed())

    def width_of(self, columns: int) -> int:
        """Cells that so many columns of pixels take."""
        return HEAD + columns * self.cell

    @property
    def cell(self) -> int:
        """Columns of a number with the space after it."""
        return 5 if self.scaled else 4

    def render_line(self, y: int) -> Strip:
        base = self.base
        image = self._image
        if image is None:
            return Strip.blank(self.size.width, base)
        rows, columns = self._room()
        shown = range(self._left, min(image.shape[1], self._left + columns))
        if y == 0:
            heads = (Segment(f"{column:>{self.cell - 1}} ", self.aside) for column in shown)
            return Strip([Segment(" " * HEAD, self.aside), *heads])
        row = self._top + y - 1
        if y > rows or row >= image.shape[0]:
            return Strip.blank(self.size.width, base)
        segments = [Segment(f"{row:>{HEAD - 1}} ", self.aside)]
        for column in shown:
            value = int(image[row, column] if image.ndim == 2 else image[row, column, self.channel])
            text = f"{value / 255:.2f}" if self.scaled else f"{value:>3}"
            style = base
            if self._colours:
                style = Style(color=grey(0 if value > MIDDLE else 255), bgcolor=grey(value))
            if (row, column) == (self.row, self.column):
                style = (
                    Style(color="black", bgcolor="yellow", bold=True) if self._colours else base + Style(reverse=True)
                )
            segments.append(Segment(text + " ", style))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _room(self) -> tuple[int, int]:
        return max(1, self.size.height - 1), max(1, (self.size.width - HEAD) // self.cell)

    def _scroll(self) -> bool:
        """Have the cursor in view, with what is around it. Whether that moved anything."""
        if self._image is None:
            return False
        rows, columns = self._room()
        before = self._top, self._left
        self._top = _first(self._top, self.row, rows, self._image.shape[0])
        self._left = _first(self._left, self.column, columns, self._image.shape[1])
        return before != (self._top, self._left)

    def _cell(self, row: int, column: int) -> Region:
        return Region(HEAD + (column - self._left) * self.cell, 1 + row - self._top, self.cell, 1)


def _first(first: int, at: int, seen: int, of: int) -> int:
    """The first of `of` that is seen, where `seen` of them are and `first` was it before: moved as little as shows `at`
    and AROUND more on either side; nothing is left free at the end."""
    around = min(AROUND, (seen - 1) // 2)
    first = min(max(first, at + around - seen + 1), at - around)
    return max(0, min(first, of - seen))

"""A page of labelled thumbnails with a cursor, drawn by lines: only what changed is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from tui.graphics.image import half_block_lines, resized
from tui.graphics.pictures import Pictures, Placed
from tui.widgets import tiling
from tui.widgets.lines import padded
from tui.widgets.picture_widget import PictureWidget
from tui.widgets.tiling import Grid

if TYPE_CHECKING:
    from tui.graphics.image import Picture

WIDTHS = (6, 8, 10, 14, 18, 22, 28, 36, 42, 56, 70, 84, 112)  # cells of a picture that can be asked for


@dataclass(frozen=True)
class Tile:
    """One picture of the page."""

    image: "Picture"  # of any size
    caption: str


class ImagePage(PictureWidget):
    """Shows the tiles it is given and a cursor on one of them. Without another wish they have the size that fills the
    page. How many fit is `capacity`."""

    DEFAULT_CSS = "ImagePage { height: 1fr; }"

    class Resized(Message):
        """Another number of tiles fits now."""

    class Pointed(Message):
        """A tile was clicked; `again`: the cursor was there already."""

        def __init__(self, tile: int, *, again: bool) -> None:
            super().__init__()
            self.tile, self.again = tile, again

    class Turned(Message):
        """The wheel was turned, by a page: 1 or -1."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self, pictures: Pictures, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(pictures, id=id)
        self._tiles: list[Tile] = []
        self._cursor = 0
        self._figure: tuple[int, int] | None = None  # columns and rows that shall be seen at once
        self._width_asked: int | None = None
        self._drawn: dict[tuple[int, int], list[list[Segment]]] = {}
        self._grid_known: Grid | None = None

    @property
    def tiles(self) -> Grid:
        """Where they stand: as a figure, in the size that was asked for, else in the one that fills."""
        if self._figure is not None:
            return tiling.holding(*self._figure, self.size)
        if self._width_asked is not None:
            return tiling.of_width(self._width_asked, self.size)
        return tiling.many(self.size) if self.pictures.pixels else tiling.filling(self.size)

    @property
    def grid(self) -> tuple[int, int]:
        """Columns and rows of tiles."""
        tiles = self.tiles
        return tiles.columns, tiles.rows

    @property
    def capacity(self) -> int:
        return self.tiles.capacity

    @property
    def caption_width(self) -> int:
        """Cells of a caption, beside the cursor's; of the last column, which may have fewer."""
        grid = self.tiles
        last = self.size.width - grid.left - (grid.columns - 1) * grid.across
        return max(0, min(grid.across - 1, last) - 1)

    def ask_width(self, width: int | None) -> None:
        """Draw pictures so many cells wide from now on; None: in the size that fills the page."""
        self._width_asked = width
        self._grid_known = self.tiles
        self.refresh()

    def other_width(self, by: int) -> int:
        """The next larger (1) or smaller (-1) width than that of now at which as many as one fit."""
        now = self.tiles.width
        largest = max(WIDTHS[0], min(self.size.width, 2 * (self.size.height - tiling.CAPTION)))
        if by > 0:
            return next((width for width in WIDTHS if now < width <= largest), now)
        return next((width for width in reversed(WIDTHS) if width < now), now)

    def redraw(self) -> None:
        self._drawn.clear()
        self.refresh()
        self.on_resize()

    def figure(self, columns: int = 0, rows: int = 0) -> None:
        """Show so many beside and below one another, as large as they can be; without numbers, a page again."""
        self._figure = (columns, rows) if columns else None
        self._grid_known = self.tiles

    def show(self, tiles: list[Tile], cursor: int) -> None:
        """Another page."""
        self._tiles, self._cursor = tiles, cursor
        self._drawn.clear()
        self.refresh()

    def move(self, cursor: int) -> None:
        """The cursor on another tile of the page; only the two captions are sent."""
        old, self._cursor = self._cursor, cursor
        self.refresh(self._caption_region(old), self._caption_region(cursor))

    def text(self) -> list[str]:
        """The page's lines in characters alone."""
        known, self._drawn = self._drawn, {}
        grid = self.tiles
        for index in range(len(self._tiles)):
            self._drawn[index, grid.width] = half_block_lines(resized(self._tiles[index].image, grid.width), "ascii")
        lines = [self.render_line(y).text for y in range(self.size.height)]
        self._drawn = known
        return lines

    def placed(self) -> Iterable[Placed]:
        grid = self.tiles
        for index, tile in enumerate(self._tiles[: grid.capacity]):
            row, column = divmod(index, grid.columns)
            yield Placed(grid.left + column * grid.across, row * grid.down, tile.image, grid.width)

    def render_line(self, y: int) -> Strip:
        grid, base = self.tiles, self.base
        row, line = divmod(y, grid.down)
        if row >= grid.rows or line > grid.lines:
            return Strip.blank(self.size.width, base)
        segments, width = [Segment(" " * grid.left, base)], self.size.width
        shown = range(row * grid.columns, min((row + 1) * grid.columns, len(self._tiles)))
        if line < grid.lines:
            gap = Segment(" " * (grid.across - grid.width), base)
            for index in shown:
                segments += [*self._picture(index, grid.width)[line], gap]
            left = width - grid.left - len(shown) * grid.across  # beside the last one's gap, which may have no room
            if shown and left + grid.across >= grid.width:
                segments[-1] = Segment(" " * (grid.across - grid.width + left), base)
                return Strip(segments, width)  # known: to count a thousand segments takes as long as to make them
        else:
            for index in shown:
                start = grid.left + index % grid.columns * grid.across
                segments += self._caption(index, min(grid.across - 1, width - start), base)
        return Strip(segments).adjust_cell_length(width, base)

    def on_resize(self) -> None:
        if self.tiles != self._grid_known:
            self._grid_known = self.tiles
            self.post_message(self.Resized())

    def on_click(self, event: events.Click) -> None:
        grid = self.tiles
        column, row = (event.x - grid.left) // grid.across, event.y // grid.down
        tile = row * grid.columns + column
        if 0 <= column < grid.columns and tile < min(len(self._tiles), grid.capacity):
            self.post_message(self.Pointed(tile, again=tile == self._cursor))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.post_message(self.Turned(1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.post_message(self.Turned(-1))

    def _picture(self, index: int, width: int) -> list[list[Segment]]:
        key = (index, width)
        if key not in self._drawn:
            self._drawn[key] = self.pictures.lines(self._tiles[index].image, width)
        return self._drawn[key]

    def _caption(self, index: int, width: int, base: Style) -> list[Segment]:
        chosen = index == self._cursor
        text = ("▸" if chosen else " ") + self._tiles[index].caption
        style = base + Style(reverse=True, bold=True) if chosen else base
        return [Segment(padded(text, width), style), Segment(" ", base)]

    def _caption_region(self, index: int) -> Region:
        grid = self.tiles
        row, column = divmod(index, grid.columns)
        return Region(grid.left + column * grid.across, row * grid.down + grid.lines, grid.across, 1)

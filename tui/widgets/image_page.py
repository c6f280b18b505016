"""A page of labelled thumbnails with a cursor, drawn by lines: only what changed is sent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.image import PictureStyle, fitted, half_block_lines, halved
from tui.widgets.lines import padded

if TYPE_CHECKING:
    from tui.widgets.image import Picture

SIZES = {"full": 28, "half": 14}  # a picture's width in cells; it is half as many high, and a line for its label
GAP = 2  # cells between two pictures


@dataclass(frozen=True)
class Tile:
    """One picture of the page."""

    image: "Picture"  # any size: it is drawn at 28 × 28 pixels
    caption: str


class ImagePage(Widget):
    """Shows the tiles it is given and a cursor on one of them. How many fit is `capacity`."""

    DEFAULT_CSS = "ImagePage { height: 1fr; }"

    class Resized(Message):
        """Another number of tiles fits now."""

    def __init__(self, style: PictureStyle, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._picture_style: PictureStyle = style
        self._tiles: list[Tile] = []
        self._cursor = 0
        self._together = 0  # tiles that shall be seen at once
        self._size_asked = ""  # "full" or "half"; empty: what fits best
        self._pictures: dict[tuple[int, str], list[list[Segment]]] = {}
        self._grid_known = (0, 0)

    @property
    def tile_size(self) -> str:
        """full or half: what was asked for, else full where 3 × 2 of them fit."""
        if self._size_asked:
            return self._size_asked
        columns, rows = self._grid_of("full", self.size)
        return "full" if columns >= 3 and rows >= 2 and columns * rows >= self._together else "half"

    @property
    def grid(self) -> tuple[int, int]:
        """Columns and rows of tiles."""
        return self._grid_of(self.tile_size, self.size)

    @property
    def capacity(self) -> int:
        columns, rows = self.grid
        return columns * rows

    def ask_size(self, size: str) -> None:
        """Take `full` or `half` from now on."""
        self._size_asked = size
        self.refresh()

    def ask_style(self, style: PictureStyle) -> None:
        """Draw in another way from now on."""
        self._picture_style = style
        self._pictures.clear()
        self.refresh()

    def keep_together(self, tiles: int) -> None:
        """Choose a size at which so many are seen at once, where none was asked for."""
        self._together = tiles

    def show(self, tiles: list[Tile], cursor: int) -> None:
        """Another page."""
        self._tiles, self._cursor = tiles, cursor
        self._pictures.clear()
        self.refresh()

    def move(self, cursor: int) -> None:
        """The cursor on another tile of the page; only the two captions are sent."""
        old, self._cursor = self._cursor, cursor
        self.refresh(self._caption_region(old), self._caption_region(cursor))

    def text(self) -> list[str]:
        """The page's lines in characters alone."""
        style = self._picture_style
        self.ask_style("ascii")
        lines = [self.render_line(y).text for y in range(self.size.height)]
        self.ask_style(style)
        return lines

    def render_line(self, y: int) -> Strip:
        size = self.tile_size
        columns, rows = self._grid_of(size, self.size)
        width = SIZES[size]
        row, line = divmod(y, width // 2 + 1)
        base = self.rich_style
        segments: list[Segment] = []
        for index in range(row * columns, min((row + 1) * columns, len(self._tiles), columns * rows)):
            if line < width // 2:
                segments += self._picture(index, size)[line]
                segments.append(Segment(" " * GAP, base))
            else:
                segments += self._caption(index, width + GAP, base)
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def on_resize(self, _event: events.Resize) -> None:
        if self.grid != self._grid_known:
            self._grid_known = self.grid
            self.post_message(self.Resized())

    def _picture(self, index: int, size: str) -> list[list[Segment]]:
        key = (index, size)
        if key not in self._pictures:
            image = fitted(self._tiles[index].image, SIZES["full"])
            image = halved(image) if size == "half" else image
            self._pictures[key] = half_block_lines(image, self._picture_style)
        return self._pictures[key]

    def _caption(self, index: int, width: int, base: Style) -> list[Segment]:
        chosen = index == self._cursor
        text = ("▸" if chosen else " ") + self._tiles[index].caption
        style = base + Style(reverse=True, bold=True) if chosen else base
        return [Segment(padded(text, width - 1), style), Segment(" ", base)]

    def _caption_region(self, index: int) -> Region:
        columns, _ = self.grid
        row, column = divmod(index, max(1, columns))
        width = SIZES[self.tile_size]
        return Region(column * (width + GAP), row * (width // 2 + 1) + width // 2, width + GAP, 1)

    @staticmethod
    def _grid_of(size: str, room: Size) -> tuple[int, int]:
        width = SIZES[size]
        return max(1, (room.width + GAP) // (width + GAP)), max(1, room.height // (width // 2 + 1))

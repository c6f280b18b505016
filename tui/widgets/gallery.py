"""Pictures side by side, each with its caption, and a cursor on one pixel of the first."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.graphics.image import PLAIN, fitted
from tui.graphics.pictures import Pictures, Placed
from tui.widgets.image_page import Tile
from tui.widgets.lines import padded
from tui.widgets.picture_widget import PictureWidget

if TYPE_CHECKING:
    from tui.graphics.image import Picture

SIDE = 28  # cells across, and twice the lines: pixels of the smallest picture
GAP = 2
CURSOR = (255, 200, 0)


class Gallery(PictureWidget):
    """Shows as many as fit, line by line."""

    DEFAULT_CSS = f"Gallery {{ height: {SIDE // 2 + 1}; width: 1fr; }}"

    def __init__(self, pictures: Pictures, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(pictures, id=id)
        self._tiles: tuple[Tile, ...] = ()
        self._images: list[Picture] = []  # as they are drawn
        self._drawn: list[list[list[Segment]]] = []  # of each picture, its lines
        self._cursor: tuple[int, int] | None = None
        self._wanted = (1, SIDE // 2 + 1)  # pictures that there will be, and lines that they may take
        self._side = SIDE

    def fit_to(self, pictures: int, height: int) -> None:
        """Take the size with which so many pictures fill the width and at most `height` lines; the smallest where not
        all fit."""
        self._wanted = (pictures, height)
        width = self.size.width
        if not width:
            return
        side, lines = SIDE, max(1, height // (SIDE // 2 + 1))
        lines = min(lines, -(-pictures // max(1, (width + GAP) // (SIDE + GAP))))
        for across in range(1, pictures + 1):
            rows = -(-pictures // across)
            most = min((width + GAP) // across - GAP, 2 * (height // rows - 1)) // 2 * 2
            if most > side:
                side, lines = most, rows
        if side != self._side:
            self._side = side
            self.show(self._tiles, self._cursor)
        self.styles.height = self.line_height * lines

    @property
    def line_height(self) -> int:
        """Lines of a picture, with its caption."""
        return self._side // 2 + 1

    def on_resize(self) -> None:
        self.fit_to(*self._wanted)

    def redraw(self) -> None:
        self.show(self._tiles, self._cursor)

    def placed(self) -> Iterable[Placed]:
        for index, image in enumerate(self._images[: self._shown]):
            line, column = divmod(index, self.across)
            yield Placed(column * (self._side + GAP), line * self.line_height + 1, image, self._side)

    def show(self, tiles: Sequence[Tile], cursor: tuple[int, int] | None = None) -> None:
        """Other pictures. `cursor`: row and column of a pixel of the first."""
        self._tiles, self._cursor = tuple(tiles), cursor
        pixels = self.pictures.pixels
        pictures = [fitted(tile.image, max(tile.image.shape[:2]) if pixels else self._side) for tile in tiles]
        coloured = self.pictures.cells == "blocks"
        if cursor is not None and tiles and coloured:
            rows, columns = _places(pictures[0], cursor, tiles[0].image.shape[:2])
            pictures[0] = _marked(pictures[0], rows, columns)
        self._images = pictures
        self._drawn = [
            [[Segment(padded(tile.caption, self._side))], *self.pictures.lines(picture, self._side)]
            for tile, picture in zip(tiles, pictures, strict=True)
        ]
        if cursor is not None and tiles and not coloured:
            rows, columns = _places(pictures[0], cursor, tiles[0].image.shape[:2])
            for line in range(rows.start // 2, (rows.stop + 1) // 2):
                self._drawn[0][1 + line] = _reversed(self._drawn[0][1 + line], columns)
        self.refresh()

    @property
    def across(self) -> int:
        """Pictures in a line."""
        return max(1, (self.size.width + GAP) // (self._side + GAP))

    @property
    def captions(self) -> list[str]:
        """Of the pictures that fit."""
        return [tile.caption for tile in self._tiles[: self._shown]]

    @property
    def _shown(self) -> int:
        """Pictures that there is room for."""
        return self.across * max(1, self.size.height // self.line_height)

    def render_line(self, y: int) -> Strip:
        base, across = self.base, self.across
        line, inside = divmod(y, self.line_height)
        pictures = self._drawn[line * across : (line + 1) * across]
        if not pictures or (line + 1) * self.line_height > max(self.line_height, self.size.height):
            return Strip.blank(self.size.width, base)
        between = Segment(" " * GAP, base)
        if not inside:
            pictures = [[[Segment(line.text, base) for line in picture[0]]] for picture in pictures]
        segments = [part for picture in pictures for part in (*picture[inside], between)]
        return Strip(segments).adjust_cell_length(self.size.width, base)


def _places(picture: "Picture", cursor: tuple[int, int], size: Sequence[int]) -> tuple[range, range]:
    """The rows and columns of a square picture that stand for a pixel of its image, which has `size`."""
    import numpy as np

    side = len(picture)
    scale = side / max(size)
    height, width = (max(1, round(one * scale)) for one in size)
    top, left = (side - height) // 2, (side - width) // 2
    rows = np.flatnonzero(np.arange(height) * size[0] // height == cursor[0]) + top
    columns = np.flatnonzero(np.arange(width) * size[1] // width == cursor[1]) + left
    if not len(rows) or not len(columns):  # a picture that is smaller than its image
        rows, columns = np.array([top + int(cursor[0] * scale)]), np.array([left + int(cursor[1] * scale)])
    return range(int(rows[0]), int(rows[-1]) + 1), range(int(columns[0]), int(columns[-1]) + 1)


def _marked(picture: "Picture", rows: range, columns: range) -> "Picture":
    """With a part of it in another colour."""
    import numpy as np

    colour = np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture.copy()
    colour[rows.start : rows.stop, columns.start : columns.stop] = CURSOR
    return colour


def _reversed(line: Sequence[Segment], columns: range) -> list[Segment]:
    """A line of characters with some of them on their own colour, as a cursor is where there are no colours."""
    text = "".join(part.text for part in line)
    before, here, after = text[: columns.start], text[columns.start : columns.stop], text[columns.stop :]
    return [Segment(before, PLAIN), Segment(here, Style(reverse=True, bold=True)), Segment(after, PLAIN)]

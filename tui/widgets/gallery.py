"""Pictures side by side, each with its caption, and a cursor on one pixel of the first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.image import PictureStyle, fitted, half_block_lines
from tui.widgets.image_page import Tile
from tui.widgets.lines import padded

if TYPE_CHECKING:
    from tui.widgets.image import Picture

SIDE = 28  # cells across, and twice the lines: pixels of a picture
HEIGHT = SIDE // 2 + 1  # lines of a picture, with its caption
GAP = 2
CURSOR = (255, 200, 0)


class Gallery(Widget):
    """Shows as many as fit, line by line."""

    DEFAULT_CSS = f"Gallery {{ height: {HEIGHT}; width: 1fr; }}"

    def __init__(self, style: PictureStyle, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._picture_style: PictureStyle = style
        self._tiles: tuple[Tile, ...] = ()
        self._drawn: list[list[list[Segment]]] = []  # of each picture, its lines
        self._wanted = (1, 1)  # pictures that there will be, and lines of them at most

    def fit_to(self, pictures: int, lines: int) -> None:
        """Be as high as so many pictures need, in at most so many lines of pictures."""
        self._wanted = (pictures, lines)
        if self.size.width:
            self.styles.height = HEIGHT * min(lines, -(-pictures // self.across))

    def on_resize(self, event: events.Resize) -> None:
        self.fit_to(*self._wanted)

    def show(self, tiles: Sequence[Tile], cursor: tuple[int, int] | None = None) -> None:
        """Other pictures. `cursor`: row and column of a pixel of the first."""
        self._tiles = tuple(tiles)
        pictures = [fitted(tile.image, SIDE) for tile in tiles]
        if cursor is not None:
            pictures[0] = _marked(pictures[0], cursor, tiles[0].image.shape[:2])
        self._drawn = [
            [[Segment(padded(tile.caption, SIDE))], *half_block_lines(picture, self._picture_style)]
            for tile, picture in zip(tiles, pictures, strict=True)
        ]
        self.refresh()

    @property
    def across(self) -> int:
        """Pictures in a line."""
        return max(1, (self.size.width + GAP) // (SIDE + GAP))

    @property
    def captions(self) -> list[str]:
        """Of the pictures that fit."""
        return [tile.caption for tile in self._tiles[: self.across * max(1, self.size.height // HEIGHT)]]

    def render_line(self, y: int) -> Strip:
        base, across = self.rich_style, self.across
        line, inside = divmod(y, HEIGHT)
        pictures = self._drawn[line * across : (line + 1) * across]
        if not pictures or (line + 1) * HEIGHT > max(HEIGHT, self.size.height):
            return Strip.blank(self.size.width, base)
        between = Segment(" " * GAP, base)
        if not inside:
            pictures = [[[Segment(line.text, base) for line in picture[0]]] for picture in pictures]
        segments = [part for picture in pictures for part in (*picture[inside], between)]
        return Strip(segments).adjust_cell_length(self.size.width, base)


def _marked(picture: "Picture", cursor: tuple[int, int], size: Sequence[int]) -> "Picture":
    """With the pixel that stands for the one under the cursor in another colour."""
    import numpy as np

    scale = SIDE / max(size)
    top, left = (round((SIDE - side * scale) / 2) for side in size)
    colour = np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture.copy()
    colour[min(SIDE - 1, top + int(cursor[0] * scale)), min(SIDE - 1, left + int(cursor[1] * scale))] = CURSOR
    return colour

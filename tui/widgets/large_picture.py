"""One image, as large as its place allows."""

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.strip import Strip

from tui.widgets.image import PictureStyle, half_block_lines, resized
from tui.widgets.line_widget import LineWidget
from tui.widgets.tiling import picture_side

if TYPE_CHECKING:
    from tui.widgets.image import Picture


class LargePicture(LineWidget):
    """Square, in the middle of its width and at its top; it grows and shrinks with the widget."""

    DEFAULT_CSS = "LargePicture { width: 1fr; height: 1fr; }"

    def __init__(self, style: PictureStyle, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._picture_style: PictureStyle = style
        self._image: Picture | None = None
        self._side = 0  # cells across of what is drawn
        self._drawn: list[list[Segment]] = []

    def show(self, image: "Picture | None") -> None:
        """Another image; None: no image."""
        self._image = image
        self._draw()

    def ask_style(self, style: PictureStyle) -> None:
        """Draw in another way from now on."""
        self._picture_style = style
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    @property
    def side(self) -> int:
        """Cells across, and twice the lines."""
        return self._side

    def _draw(self) -> None:
        if self._image is None or not self.size:
            self._drawn = []
        else:
            self._side = picture_side(max(self._image.shape[:2]), self.size.width, self.size.height)
            self._drawn = half_block_lines(resized(self._image, self._side), self._picture_style, spaces=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        base = self.base
        if y >= len(self._drawn):
            return Strip.blank(self.size.width, base)
        before = Segment(" " * max(0, (self.size.width - self._side) // 2), base)
        return Strip([before, *self._drawn[y]]).adjust_cell_length(self.size.width, base)

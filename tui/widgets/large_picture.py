"""One image, as large as its place allows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip

from tui.graphics.pictures import Pictures, Placed
from tui.widgets.picture_widget import PictureWidget
from tui.widgets.tiling import picture_side

if TYPE_CHECKING:
    from tui.graphics.image import Picture


class LargePicture(PictureWidget):
    """Square, in the middle of its width and at its top; it grows and shrinks with the widget."""

    DEFAULT_CSS = "LargePicture { width: 1fr; height: 1fr; }"

    def __init__(self, pictures: Pictures, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(pictures, id=id)
        self._image: Picture | None = None
        self._side = 0  # cells across of what is drawn
        self._drawn: list[list[Segment]] = []

    def show(self, image: "Picture | None") -> None:
        """Another image; None: no image."""
        self._image = image
        self._draw()

    def redraw(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def placed(self) -> Iterable[Placed]:
        if self._image is not None and self._drawn:
            yield Placed(self._before, 0, self._image, self._side)

    @property
    def side(self) -> int:
        """Cells across, and twice the lines."""
        return self._side

    def _draw(self) -> None:
        if self._image is None or not self.size:
            self._drawn = []
        else:
            self._side = picture_side(max(self._image.shape[:2]), self.size.width, self.size.height)
            self._drawn = self.pictures.lines(self._image, self._side, spaces=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        base = self.base
        if y >= len(self._drawn):
            return Strip.blank(self.size.width, base)
        before, after = self._before, self.size.width - self._before - self._side
        line = [Segment(" " * before, base), *self._drawn[y], Segment(" " * max(0, after), base)]
        return Strip(line, self.size.width) if after >= 0 else Strip(line).adjust_cell_length(self.size.width, base)

    @property
    def _before(self) -> int:
        """Cells to its left."""
        return max(0, (self.size.width - self._side) // 2)

"""A widget with images in it."""

from collections.abc import Iterable

from tui.graphics.pictures import Pictures, Placed
from tui.widgets.line_widget import LineWidget


class PictureWidget(LineWidget):
    """`pictures` draws its images, in the way of the terminal that the app is in."""

    def __init__(self, pictures: Pictures, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.pictures = pictures

    def redraw(self) -> None:
        """Images are drawn in another way from now on."""
        raise NotImplementedError

    def placed(self) -> Iterable[Placed]:
        """Where the images are, in the cells of the widget's content: for terminals that paint over them."""
        raise NotImplementedError

"""The panel about the chosen image: the image, large, and what is known of it."""

from textual import events
from textual.geometry import Size

from tui.data import facts
from tui.data.facts import FactLines, Facts
from tui.graphics.pictures import Pictures
from tui.widgets.large_picture import LargePicture
from tui.widgets.panel import Panel
from tui.widgets.tiling import picture_side

FROM = 110  # columns of a screen that has this panel
LEAST = 40  # cells of the panel
FRAME = 4  # cells of its borders and of the space within them
LINES = 16  # of a screen that the picture leaves to the rest
SHARE = 0.45  # of a screen's width that the panel takes, at most
HALF = 14  # pixels of an image are an even number of half blocks at multiples of this


def width_beside(screen: Size) -> int:
    """Cells of the panel on a screen of this size, so that the image is drawn as large as it can be; 0: no panel."""
    if screen.width < FROM:
        return 0
    side = min(2 * (screen.height - LINES), int(screen.width * SHARE) - FRAME)
    return max(LEAST, side // HALF * HALF + FRAME)


class ImageDetail(Panel):
    """Follows the cursor: all that it shows is known at once."""

    DEFAULT_CSS = """
    ImageDetail {
        & LargePicture { height: 14; margin: 0 1; }
        & FactLines { margin: 1 1 0 1; }
    }
    """

    def __init__(self, pictures: Pictures, *, advice: str = "", id: str | None = None) -> None:  # noqa: A002
        """`advice`: what is said where no prediction is known."""
        self._picture = LargePicture(pictures)
        self._lines = FactLines(advice=advice)
        super().__init__(self._picture, self._lines, title="Image", id=id, focusable=False)
        self._facts: Facts | None = None

    def show(self, found: Facts | None) -> None:
        """Other facts; None: there is no image."""
        self._facts = found
        self._picture.show(None if found is None else found.image)
        self._lines.show(found)
        self._divide()
        if found is None:
            self.describe(title="Image", right="", below="", below_right="")
            return
        duplicate = "" if found.duplicate is None else f"near-duplicate: {found.duplicate}"
        self.describe(
            title=f"image {found.index} {found.name}",
            right=f"label {found.label}",
            below=duplicate,
            below_right=found.place or ("✓ marked" if found.marked else "not marked"),
        )

    def on_resize(self, event: events.Resize) -> None:
        self._divide()

    def _divide(self) -> None:
        """The picture takes the lines that the facts leave."""
        width, height = self.size.width - FRAME, self.size.height - 2
        if self._facts is not None and height > 0:
            room = height - 1 - facts.needed_lines(self._facts)
            self._picture.styles.height = max(2, picture_side(max(self._facts.image.shape[:2]), width, room) // 2)

"""One image, large."""

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.format import count
from tui.widgets.image import PictureStyle, half_block_lines, large_lines

if TYPE_CHECKING:
    from engine.data.dataset import Split
    from tui.widgets.image import Grey


class Picture(Widget):
    """An image with two cells a pixel where there is room, else half blocks."""

    DEFAULT_CSS = "Picture { width: auto; height: auto; }"

    def __init__(self, style: PictureStyle, *, large: bool) -> None:
        super().__init__()
        self._style = style
        self._large = large
        self._lines: list[list[Segment]] = []
        self.styles.width, self.styles.height = (56, 28) if large else (28, 14)

    def show(self, image: "Grey") -> None:
        self._lines = (large_lines if self._large else half_block_lines)(image, self._style)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return Strip(self._lines[y]) if y < len(self._lines) else Strip.blank(self.size.width)


class EnlargedScreen(ModalScreen[int]):
    """Gives the index of the image it showed last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "close", "Back", key_display="esc", id="enlarged.close"),
        Binding("right,l,down,j", "move(1)", "Next image", show=False, id="enlarged.next"),
        Binding("left,h,up,k", "move(-1)", "Previous image", show=False, id="enlarged.previous"),
    ]

    def __init__(self, split: "Split", classes: tuple[str, ...], index: int, title: str, style: PictureStyle) -> None:
        super().__init__()
        self._split, self._names, self._index = split, classes, index
        self._title, self._picture_style = title, style

    def compose(self) -> ComposeResult:
        large = self.app.size.width >= 64 and self.app.size.height >= 37
        with Vertical(id="frame"):
            yield Picture(self._picture_style, large=large)
            yield Static(id="facts", markup=False)

    def on_mount(self) -> None:
        self._show()

    def action_move(self, by: int) -> None:
        index = self._index + by
        if 0 <= index < len(self._split):
            self._index = index
            self._show()

    def action_close(self) -> None:
        self.dismiss(self._index)

    def _show(self) -> None:
        image, label = self._split.images[self._index], int(self._split.labels[self._index])
        self.query_one(Picture).show(image)
        text = Content.assemble(
            (f"{self._names[label]}", "bold"), f" (label {label})\n",
            f"{self._split.name} image {count(self._index)} of {count(len(self._split))}, {self._title}\n",
            f"pixels {image.min()}–{image.max()}, mean {image.mean():.1f}; uint8, 28 × 28\n",
            ("← → other images, esc back", "dim"),
        )  # fmt: skip
        self.query_one("#facts", Static).update(text)

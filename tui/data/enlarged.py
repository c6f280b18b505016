"""One image, large: as a picture, or as its pixels' numbers."""

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.dialogs.overlay import Overlay
from tui.format import count
from tui.widgets.image import PictureStyle, half_block_lines, inverted, large_lines, stretched
from tui.widgets.pixels import PixelTable
from tui.widgets.text import update_text

if TYPE_CHECKING:
    from tui.data.browse import Browse
    from tui.widgets.image import Picture


class Enlarged(Widget):
    """An image with two cells a pixel where there is room, else half blocks."""

    DEFAULT_CSS = "Enlarged { width: auto; height: auto; }"

    def __init__(self, style: PictureStyle, *, large: bool) -> None:
        super().__init__()
        self._style = style
        self._large = large
        self._lines: list[list[Segment]] = []
        self.styles.width, self.styles.height = (56, 28) if large else (28, 14)
        self.styles.margin = (0, 2 if large else 16)  # in the middle of the lines below

    def show(self, image: "Picture") -> None:
        self._lines = (large_lines if self._large else half_block_lines)(image, self._style)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return Strip(self._lines[y]) if y < len(self._lines) else Strip.blank(self.size.width)


class EnlargedScreen(Overlay[None]):
    """Moves through what is browsed; in the numbers, the arrows move a cursor from pixel to pixel."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "close", "Back", key_display="esc", id="enlarged.close"),
        Binding("right,l", "arrow(0, 1)", "Next image, pixel to the right", show=False, id="enlarged.right"),
        Binding("left,h", "arrow(0, -1)", "Previous image, pixel to the left", show=False, id="enlarged.left"),
        Binding("down,j", "arrow(1, 0)", "Next image, pixel below", show=False, id="enlarged.down"),
        Binding("up,k", "arrow(-1, 0)", "Previous image, pixel above", show=False, id="enlarged.up"),
        Binding("n,pagedown,space", "move(1)", "Next image", show=False, id="enlarged.next"),
        Binding("p,pageup", "move(-1)", "Previous image", show=False, id="enlarged.previous"),
        Binding("v", "numbers", "Numbers", id="enlarged.numbers", tooltip="the pixels' values, with a cursor"),
        Binding("u", "unit", "0–255 or 0–1", id="enlarged.unit", tooltip="as in the file, or as the network gets them"),
        Binding("x", "channel", "Channel", id="enlarged.channel", tooltip="red, green, blue, of an image in colour"),
        Binding("i", "invert", "Invert", id="enlarged.invert", tooltip="black for white"),
        Binding("c", "contrast", "Contrast", id="enlarged.contrast", tooltip="stretch the greys to 0–255"),
        Binding("m", "mark", "Mark", id="enlarged.mark", tooltip="for export"),
    ]

    def __init__(self, browse: "Browse", title: str, style: PictureStyle) -> None:
        super().__init__()
        self._browse = browse
        self._title, self._picture_style = title, style
        self._inverted = self._stretched = self._numbers = False

    def compose(self) -> ComposeResult:
        large = self.app.size.width >= 64 and self.app.size.height >= 38
        with Vertical(id="frame"):
            yield Enlarged(self._picture_style, large=large)
            yield PixelTable(id="pixels", colours=self._picture_style == "blocks")
            yield Static(id="facts", markup=False)

    def on_mount(self) -> None:
        self._show()

    def action_arrow(self, rows: int, columns: int) -> None:
        if self._numbers:
            self._pixels.move(rows, columns)
            self._show_facts()
        else:
            self.action_move(rows + columns)

    def action_move(self, by: int) -> None:
        position = self._browse.position + by
        if 0 <= position < self._browse.total and self._browse.go_to(position):
            self._show()

    def action_numbers(self) -> None:
        self._numbers = not self._numbers
        self._show()

    def action_unit(self) -> None:
        if self._numbers:
            self._pixels.scale()
            self._show_facts()

    def action_channel(self) -> None:
        self._pixels.next_channel()
        self._show_facts()

    def action_invert(self) -> None:
        self._inverted = not self._inverted
        self._show()

    def action_contrast(self) -> None:
        self._stretched = not self._stretched
        self._show()

    def action_mark(self) -> None:
        self._browse.mark()
        self._show()

    def action_close(self) -> None:
        self.dismiss()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "channel":
            shown = self._shown()
            return self._numbers and shown is not None and shown.ndim == 3
        return self._numbers if action == "unit" else True

    @property
    def _pixels(self) -> PixelTable:
        return self.query_one(PixelTable)

    def _shown(self) -> "Picture | None":
        """The image as it is drawn."""
        sample = self._browse.sample(self._browse.index)
        if sample is None:
            return None
        image = stretched(sample[0]) if self._stretched else sample[0]
        return inverted(image) if self._inverted else image

    def _show(self) -> None:
        image = self._shown()
        if image is None:  # the last marked one lost its mark
            self.dismiss()
            return
        self.set_class(self._numbers, "-numbers")
        self.query_one(Enlarged).show(image)
        self._pixels.show(image)
        self._show_facts()
        self.refresh_bindings()

    def _show_facts(self) -> None:
        browse, shown = self._browse, self._shown()
        index, sample = browse.index, browse.sample(browse.index)
        if sample is None or shown is None or index is None:
            return
        image, label = sample
        changes = [words for words, on in (("contrast stretched", self._stretched), ("inverted", self._inverted)) if on]
        mark = " ✓ marked" if index in browse.marks[browse.split] else ""
        if self._numbers:
            row, column = self._pixels.row, self._pixels.column
            channel = self._pixels.channel if shown.ndim == 3 else None
            value = int(shown[row, column] if channel is None else shown[row, column, channel])
            which = "" if channel is None else f" {('red', 'green', 'blue')[channel]} (x)"
            last = f"pixel [{row}, {column}]{which}: {value}, for the network {value / 255:.4f}"
        else:
            size = " × ".join(map(str, image.shape))
            last = f"pixels {image.min()}–{image.max()}, mean {image.mean():.1f}; uint8, {size}"
        text = Content.assemble(
            (browse.classes[label], "bold"), f" (label {label}){mark}\n",
            f"{browse.split} image {count(index)} of {count(browse.samples)}, {self._title}\n",
            f"{last}{'; ' + ', '.join(changes) if changes else ''}\n",
            ("v picture · u 0–255/0–1 · n p others · i c · Esc" if self._numbers
             else "← → others · v numbers · i invert · c contrast · m mark", "dim"),
        )  # fmt: skip
        update_text(self, "#facts", text)

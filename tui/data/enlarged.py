"""One image in the whole window: as a picture, or as its pixels' numbers."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from tui.data import facts
from tui.data.facts import FactLines
from tui.dialogs.key_screen import KeyScreen
from tui.dialogs.overlay import Overlay
from tui.format import count
from tui.graphics.image import inverted, stretched
from tui.graphics.pictures import Pictures
from tui.keys import bind
from tui.widgets.keyline import KeyLine
from tui.widgets.large_picture import LargePicture
from tui.widgets.panel import Panel
from tui.widgets.pixels import PixelTable
from tui.widgets.tiling import picture_side

if TYPE_CHECKING:
    from tui.data.browse import Browse
    from tui.graphics.image import Picture

CHANNELS = ("red", "green", "blue")
WORDS = 34  # cells that the facts take beside the picture, at least
THUMBNAIL = 16  # cells beside the numbers in which a picture is worth it
FACTS = 9  # lines below the numbers in which facts are worth it


class EnlargedScreen(KeyScreen[None], Overlay[None]):
    """Moves through what is browsed; in the numbers, the arrows move a cursor from pixel to pixel. All of it follows
    the window's size."""

    AUTO_FOCUS = "#frame"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("enlarged", "back", "Back", action="close"),
        bind("enlarged", "right", "Next image, pixel to the right", action="arrow(0, 1)", show=False),
        bind("enlarged", "left", "Previous image, pixel to the left", action="arrow(0, -1)", show=False),
        bind("enlarged", "down", "Next image, pixel below", action="arrow(1, 0)", show=False),
        bind("enlarged", "up", "Previous image, pixel above", action="arrow(-1, 0)", show=False),
        bind("enlarged", "next", "Next image", action="move(1)"),
        bind("enlarged", "previous", "Previous", "the image before", action="move(-1)"),
        bind("enlarged", "page_down", "Next image", action="move(1)", show=False),
        bind("enlarged", "page_up", "Previous image", action="move(-1)", show=False),
        bind("enlarged", "first", "First image", action="end(-1)", show=False),
        bind("enlarged", "last", "Last image", action="end(1)", show=False),
        bind("enlarged", "view", "Numbers", "the pixels' values, with a cursor; the picture again", action="numbers"),
        bind("enlarged", "unit", "0–255 or 0–1", "as in the file, or as the network gets them"),
        bind("enlarged", "other", "Channel", "red, green, blue, of an image in colour", action="channel"),
        bind("enlarged", "invert", "Invert", "black for white"),
        bind("enlarged", "contrast", "Contrast", "stretch the greys to 0–255"),
        bind("enlarged", "reset", "As it is", "neither inverted nor stretched", show=False),
        bind("enlarged", "mark", "Mark", "for export"),
    ]

    def __init__(self, browse: "Browse", title: str, pictures: Pictures) -> None:
        super().__init__()
        self._browse = browse
        self._title, self._pictures = title, pictures
        self._inverted = self._stretched = self._numbers = False

    def compose(self) -> ComposeResult:
        with Panel(id="frame"), Horizontal():
            with Vertical(id="left"):
                yield PixelTable(id="pixels", colours=self._pictures.cells == "blocks")
                yield FactLines(id="facts")
            with Vertical(id="right"):
                yield LargePicture(self._pictures, id="picture")
                yield FactLines(id="more")
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("unit", "channel") and not self._numbers:
            return "only with the numbers, which v shows"
        if action == "channel" and (shown := self._shown()) is not None and shown.ndim == 2:
            return "the image is grey"
        if action == "reset" and not (self._inverted or self._stretched):
            return "it is shown as it is"
        return ""

    def action_arrow(self, rows: int, columns: int) -> None:
        if self._numbers:
            self._pixels.move(rows, columns)
            self._describe()
        else:
            self.action_move(rows + columns)

    def action_move(self, by: int) -> None:
        position = self._browse.position + by
        if 0 <= position < self._browse.total and self._browse.go_to(position):
            self._show()

    def action_end(self, which: int) -> None:
        if self._browse.go_to(0 if which < 0 else self._browse.total - 1):
            self._show()

    def action_numbers(self) -> None:
        self._numbers = not self._numbers
        self._show()

    def action_unit(self) -> None:
        self._pixels.scale()
        self._lay_out()

    def action_channel(self) -> None:
        self._pixels.next_channel()
        self._describe()

    def action_invert(self) -> None:
        self._inverted = not self._inverted
        self._show()

    def action_contrast(self) -> None:
        self._stretched = not self._stretched
        self._show()

    def action_reset(self) -> None:
        self._inverted = self._stretched = False
        self._show()

    def action_mark(self) -> None:
        self._browse.mark()
        self._show()

    def action_close(self) -> None:
        self.dismiss()

    def on_pixel_table_pointed(self) -> None:
        self._describe()

    # Showing

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
        image, found = self._shown(), facts.of(self._browse)
        if image is None or found is None:  # the last marked one lost its mark
            self.dismiss()
            return
        self.query_one(LargePicture).show(image)
        self._pixels.show(image)
        for lines in self.query(FactLines):
            lines.show(found)
        self._lay_out()
        self._describe()
        self.refresh_bindings()

    def _lay_out(self) -> None:
        """The picture at the right, as large as fits beside the words or the numbers, which take the rest."""
        image = self._shown()
        width, height = self.size.width - 2, self.size.height - 3
        if image is None or width < 1 or height < 1:
            return
        left, right = self.query_one("#left"), self.query_one("#right")
        picture, below, beside = self.query_one(LargePicture), self.query_one("#facts"), self.query_one("#more")
        rows, columns = image.shape[:2]
        self._pixels.display = self._numbers
        if self._numbers:
            table = min(width, self._pixels.width_of(columns))
            rest = width - table - 1
            left.styles.width = width if rest < THUMBNAIL else table
            right.display, right.styles.width = rest >= THUMBNAIL, rest
            self._pixels.styles.height = min(height, rows + 1)
            below.display = height - rows - 1 >= FACTS
            beside.display = not below.display and rest >= WORDS
            side = picture_side(max(rows, columns), rest, height - FACTS if beside.display else height)
            picture.styles.height = max(1, side // 2)
        else:
            side = picture_side(max(rows, columns), max(2, width - WORDS - 1), height)
            left.styles.width = width - side - 1
            right.display, right.styles.width = True, side + 1
            below.display, beside.display = True, False
            picture.styles.height = height

    def _describe(self) -> None:
        """The border."""
        browse, shown = self._browse, self._shown()
        index, sample = browse.index, browse.sample(browse.index)
        if sample is None or shown is None or index is None:
            return
        label = sample[1]
        changes = [words for words, on in (("contrast stretched", self._stretched), ("inverted", self._inverted)) if on]
        mark = " · ✓ marked" if index in browse.marks[browse.split] else ""
        below = self._title
        if self._numbers:
            row, column = self._pixels.row, self._pixels.column
            channel = self._pixels.channel if shown.ndim == 3 else None
            value = int(shown[row, column] if channel is None else shown[row, column, channel])
            which = "" if channel is None else f" {CHANNELS[channel]}"
            below = f"pixel [{row}, {column}]{which}: {value}, for the network {value / 255:.4f}"
        self.query_one("#frame", Panel).describe(
            title=f"{browse.split} image {count(index)} of {count(browse.samples)} · {browse.classes[label]}",
            right=f"label {label}{mark}",
            below=below,
            below_right=", ".join(changes),
        )

"""What a network says of an image: the image and its saliency as pictures, and the classes' probabilities as bars."""

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from engine.inspection.forward_requests import ForwardPass, Saliency
from tui import format as fmt
from tui.graphics.pictures import Pictures
from tui.widgets.bars import Bars, Opinion
from tui.widgets.gallery import Gallery
from tui.widgets.heatmap import colours, limit_of
from tui.widgets.image_page import Tile
from tui.widgets.pixels import PixelTable
from tui.widgets.text import update_text

if TYPE_CHECKING:
    from engine.data.dataset import Bytes

WIDE = 110  # columns from which on the numbers are beside the bars
TALL = 28  # lines from which on the bars are below the pictures, not beside them
BARS = 11  # lines: a note and ten bars
CAPTION = 28  # cells
PICTURES = 3  # the image, its gradient, what occlusion does


class AnswerPane(Vertical):
    """Of one network, and of a second one that it is compared with."""

    DEFAULT_CSS = """
    AnswerPane { width: 1fr; padding: 0 1; }
    AnswerPane #note { height: auto; color: $text-muted; }
    AnswerPane.-short { layout: horizontal; }
    AnswerPane.-short #gallery { width: 30; }
    AnswerPane.-short #bars { margin: 1 0 0 0; }
    AnswerPane #numbers { display: none; margin: 0 0 0 2; }
    AnswerPane.-numbers #numbers { display: block; }
    """

    def __init__(self, pictures: Pictures, *, numbers: bool = False) -> None:
        """`numbers`: with the pixels around the cursor as numbers, where there is room for them."""
        super().__init__(id="answer")
        self._numbers = numbers
        self._pictures = pictures
        self._passed: ForwardPass | None = None
        self._edits = 0
        self._saliency: Saliency | None = None
        self._first = 0  # of the pictures: the image, its gradient, what occlusion does

    def compose(self) -> ComposeResult:
        yield Gallery(self._pictures, id="gallery")
        with Horizontal():
            with Vertical():
                yield Static(id="note", markup=False)
                yield Bars(id="bars")
            if self._numbers:
                yield PixelTable(id="numbers", colours=self._pictures.cells == "blocks")

    def on_resize(self, event: events.Resize) -> None:
        """Arrange the parts for the room there is: a picture more than needed is never lost to a larger one."""
        lines = event.size.height
        self.update_classes({"-short": lines < TALL, "-numbers": lines >= TALL and event.size.width >= WIDE})
        self.query_one(Gallery).fit_to(PICTURES, lines - BARS if lines >= TALL else lines)

    @property
    def image(self) -> "Bytes | None":
        """[H, W] or [H, W, 3] uint8, as edited."""
        return self._passed.image if self._passed is not None else None

    @property
    def saliency(self) -> Saliency | None:
        return self._saliency

    def show(self, passed: ForwardPass, other: ForwardPass | None, *, edits: int) -> None:
        """Another answer, whose saliency is not known yet; the same answer keeps it."""
        self._saliency = self._saliency if passed is self._passed else None
        self._passed, self._edits = passed, edits
        opinions = [
            Opinion(one.logits, one.probabilities)
            for one in (passed, other)
            if one is not None and one.logits and one.probabilities and one.classes == passed.classes
        ]
        self.query_one(Bars).show(passed.classes, opinions, passed.label)

    def take_saliency(self, saliency: Saliency) -> None:
        self._saliency = saliency

    def next_picture(self) -> None:
        """Begin with the next of the pictures; the caller draws them."""
        self._first += 1

    def draw(self, cursor: tuple[int, int] | None = None) -> None:
        """The pictures, the image first where a pixel of it is marked by `cursor`; then what they show."""
        if self._passed is None:
            return
        tiles = self._tiles(self._passed)
        if cursor is None:
            first = self._first % len(tiles)
            tiles = tiles[first:] + tiles[:first]
        self.query_one(Gallery).show(tiles, cursor)
        if cursor is not None and self._numbers:
            table = self.query_one(PixelTable)
            table.show(self._passed.image)
            table.move(cursor[0] - table.row, cursor[1] - table.column)

    @property
    def pointed(self) -> tuple[int, int]:
        """Row and column of the pixel under the cursor of the numbers."""
        table = self.query_one(PixelTable)
        return table.row, table.column

    def note(self, text: str) -> None:
        """A line between the pictures and the bars."""
        update_text(self, "#note", text)

    @property
    def explanation(self) -> str:
        """What the saliency's pictures show; empty until they are there."""
        if self._passed is None or self._saliency is None:
            return ""
        name, patch = self._passed.classes[self._saliency.target], self._saliency.patch
        occluded = f"{patch}×{patch} occluded"
        if self._pictures.cells == "ascii":
            return f"∂ logit/∂ pixel of {name}, and if {occluded}; denser: larger"
        return f"∂ logit/∂ pixel of {name}; blue: less likely if {occluded}"

    def _tiles(self, passed: ForwardPass) -> list[Tile]:
        tiles = [Tile(passed.image, "the image, edited" if self._edits else "the image")]
        if self._saliency is not None:
            gradient, falls = self._saliency.gradient, self._saliency.occlusion
            name = passed.classes[self._saliency.target]
            tiles.append(Tile(colours(gradient, limit_of(gradient)), f"gradient of {name}"[:CAPTION]))
            most = f"occlusion: {-100 * float(falls.max()):+.1f} points".replace("-", "−") if falls.size else ""
            tiles.append(Tile(colours(-falls, limit_of(falls)), most))
        return tiles


def image_words(passed: ForwardPass, edits: int) -> str:
    """The image: `test image 2, Pullover, edited (1)`."""
    edited = f", edited ({edits})" if edits else ""
    return f"{passed.split} image {fmt.count(passed.index)}, {passed.classes[passed.label]}{edited}"


def answer_words(passed: ForwardPass) -> str:
    """What the network says: `Pullover 96.1%, correct; loss 0.0398`; what is wrong where it says nothing."""
    if passed.prediction is None or passed.probabilities is None or passed.loss is None:
        return passed.problem
    right = "correct" if passed.prediction == passed.label else "wrong"
    share = fmt.percent(passed.probabilities[passed.prediction])
    return f"{passed.classes[passed.prediction]} {share}, {right}; loss {fmt.loss(passed.loss)}"

"""How images get to this terminal: as true pixels by kitty's protocol or as sixels, else as cells."""

import contextlib
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from tui.graphics import kitty, sixel
from tui.graphics.image import PLAIN, CellStyle, half_block_lines, resized

if TYPE_CHECKING:
    from PIL.Image import Image

    from tui.graphics.image import Picture
    from tui.graphics.terminal import Answers

PictureStyle = Literal["kitty", "sixel", "blocks", "ascii"]
Lines = list[list[Segment]]
KEPT = 600  # images that the terminal holds at once: several pages
KEPT_SIXELS = 4_000_000  # bytes that are kept for it
CELL = (10, 20)  # pixels, where the terminal does not say
SHARP = 6  # from so many pixels for one of the image on they are drawn as squares, not left to the terminal to smooth
SQUARES = 2  # as sixels from so many on: what is smoothed takes up to five times the bytes
SMALL = 160  # pixels across of a picture that gets by with few colours as sixels: each of them takes bytes
FEW = {2: 15, 3: 64}  # greys, colours
BLACK = Color.from_rgb(0, 0, 0)


@dataclass(frozen=True)
class Placed:
    """A picture in the cells of a widget, which are left empty for it."""

    column: int
    row: int
    image: "Picture"
    side: int  # cells across, and twice the lines


Beside = tuple[Placed, ...]  # pictures of one size on the same lines, from left to right; all greys, or all colours


def rows_of(pictures: Iterable[Placed]) -> list[Beside]:
    """Those that can be painted together. Greys and colours would take each other's."""
    rows: dict[tuple[int, int, int], list[Placed]] = {}
    for one in pictures:
        rows.setdefault((one.row, one.side, one.image.ndim), []).append(one)
    return [tuple(sorted(row, key=lambda one: one.column)) for row in rows.values()]


class Pictures:
    """Draws images for widgets. `style` is how, and may change: the widgets are to be drawn anew then.

    What a terminal needs besides the cells is made ready in a thread, and sent when it is: `send` takes it from any
    thread. `ready` is called in that thread, when a picture is there that `sixels` did not have.
    """

    def __init__(
        self,
        style: PictureStyle,
        *,
        send: Callable[[str], None] = lambda sequence: None,
        ready: Callable[[], None] = lambda: None,
        tmux: bool = False,
    ) -> None:
        self.style: PictureStyle = style
        self.cell = CELL
        self.colours = 16
        self._styles: tuple[PictureStyle, ...] = tuple(dict.fromkeys((style, "blocks", "ascii")))
        self._send, self._ready, self._tmux = send, ready, tmux
        self._numbers: OrderedDict[Hashable, int] = OrderedDict()  # kitty's, the least recently drawn first
        self._drawn: set[int] = set()  # kitty's numbers of the images that are not forgotten
        self._next_number = random.randrange(1 << 16, kitty.LARGEST_NUMBER)  # others may draw in this terminal too
        self._sixels: OrderedDict[Hashable, str] = OrderedDict()
        self._sixels_kept = 0  # bytes
        self._wanted: set[Hashable] = set()
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._closed = False

    @property
    def cells(self) -> CellStyle:
        """How what is not an image is drawn, such as a map of numbers."""
        return "ascii" if self.style == "ascii" else "blocks"

    @property
    def pixels(self) -> bool:
        """Whether images are true pixels: small ones are sharp then."""
        return self.style in ("kitty", "sixel")

    def take(self, answers: "Answers", style: PictureStyle | None) -> bool:
        """What the terminal says of itself; `style`: what to draw with from now on. Whether it is another."""
        self.cell = answers.cell if all(answers.cell) else self.cell
        self.colours = answers.colours
        if style in (None, self.style):
            return False
        assert style is not None
        self.style = style
        self._styles = tuple(dict.fromkeys((style, *self._styles)))
        return True

    def other_style(self) -> PictureStyle:
        """Go on to the next way that this terminal has."""
        self.style = self._styles[(self._styles.index(self.style) + 1) % len(self._styles)]
        return self.style

    def lines(self, image: "Picture", side: int, *, spaces: bool = False) -> Lines:
        """The image as `side / 2` lines of `side` cells. Of one that is not square, what is beside it is black.
        `spaces`: as of `half_block_lines`."""
        if self.style == "kitty":
            return self._kitty_lines(image, side)
        if self.style == "sixel":
            return [[Segment(" " * side, PLAIN)] for _ in range(side // 2)]
        return half_block_lines(resized(image, side), self.cells, spaces=spaces)

    def close(self) -> None:
        """Have the terminal forget all images. Nothing is sent after this."""
        self._closed = True
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
        for number in self._numbers.values():
            self._forget(number)
        self._numbers.clear()

    # Kitty

    def _kitty_lines(self, image: "Picture", side: int) -> Lines:
        side = min(side, len(kitty.marks()))
        key = (image.shape, image.tobytes(), side)
        if key in self._numbers:
            self._numbers.move_to_end(key)
        else:
            self._add(key, image, side)
        number = self._numbers[key]
        style = Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255), bgcolor=BLACK)
        return [[Segment(kitty.cells(row, side), style)] for row in range(side // 2)]

    def _add(self, key: Hashable, image: "Picture", side: int) -> None:
        while len(self._numbers) >= KEPT:
            self._forget(self._numbers.popitem(last=False)[1])
        self._next_number = self._next_number % kitty.LARGEST_NUMBER + 1
        number = self._numbers[key] = self._next_number
        self._drawn.add(number)
        self._later(lambda: self._transmit(number, image, side))

    def _transmit(self, number: int, image: "Picture", side: int) -> None:
        file = BytesIO()
        _pillow(self._in_pixels(image, side)).save(file, "PNG")
        with self._lock:
            if number in self._drawn:  # else it was forgotten meanwhile
                self._send(kitty.transmission(number, file.getvalue(), side, side // 2, tmux=self._tmux))

    def _forget(self, number: int) -> None:
        """Have the terminal forget an image, whether it has it yet or not."""
        with self._lock:
            self._drawn.discard(number)
            self._send(kitty.deletion(number, tmux=self._tmux))

    def _in_pixels(self, image: "Picture", side: int) -> "Picture":
        """No more pixels than are seen; of an image with much fewer, squares of them. In between, as it is: the
        terminal scales it."""
        import numpy as np

        shown, longest = side * self.cell[0], max(image.shape[:2])
        if longest > shown:
            return resized(image, shown)
        times = shown // longest
        return np.repeat(np.repeat(image, times, axis=0), times, axis=1) if times >= SHARP else image

    # Sixels

    def sixels(self, row: Beside) -> str:
        """What paints pictures that stand beside one another, from the place of the first on; empty while that is being
        made ready. What each would say of its colours is said once: half the bytes of as many pictures alone."""
        places = tuple(
            (one.image.shape, one.image.tobytes(), one.column - row[0].column, one.side) for one in row
        )  # what it depends on
        key = (places, self.cell, self.colours)
        with self._lock:
            if key in self._sixels:
                self._sixels.move_to_end(key)
                return self._sixels[key]
            if key in self._wanted:
                return ""
            self._wanted.add(key)
        self._later(lambda: self._encode(key, row))
        return ""

    def _encode(self, key: Hashable, row: Beside) -> None:
        import numpy as np

        drawn = [self._in_sixels(one) for one in row]
        few = _pillow(np.concatenate([one.reshape(1, -1, *one.shape[2:]) for one in drawn], axis=1))
        few = few.quantize(self._colours_of(row))
        palette = np.array(few.getpalette(), np.uint8).reshape(-1, 3)[: self.colours]
        columns = [(one.column - row[0].column) * self.cell[0] for one in row]
        shape = max(len(one) for one in drawn), columns[-1] + drawn[-1].shape[1]
        indices, painted = np.zeros(shape, np.uint8), np.zeros(shape, bool)
        rest = np.asarray(few)[0]
        for left, one in zip(columns, drawn, strict=True):
            height, width = one.shape[:2]
            indices[:height, left : left + width] = rest[: height * width].reshape(height, width)
            painted[:height, left : left + width] = True
            rest = rest[height * width :]
        sequence = sixel.sequence(indices, palette, painted)
        with self._lock:
            self._wanted.discard(key)
            self._sixels[key] = sequence
            self._sixels_kept += len(sequence)
            while self._sixels_kept > KEPT_SIXELS and len(self._sixels) > 1:
                self._sixels_kept -= len(self._sixels.popitem(last=False)[1])
        if not self._closed:
            self._ready()

    def _in_sixels(self, picture: Placed) -> "Picture":
        """The picture, a pixel of the terminal for each of its own."""
        import numpy as np

        shown, longest = self._shown(picture), max(picture.image.shape[:2])
        if shown < SQUARES * longest:
            drawn = resized(picture.image, min(shown, longest))
            return drawn if longest >= shown else np.asarray(_pillow(drawn).resize((shown, shown)))
        if shown < SHARP * longest and shown % longest:
            return resized(picture.image, shown)
        scale = shown // longest
        return resized(picture.image, longest).repeat(scale, axis=0).repeat(scale, axis=1)

    def _shown(self, picture: Placed) -> int:
        """Pixels of the terminal across, and down."""
        return min(picture.side * self.cell[0], picture.side // 2 * self.cell[1])

    def _colours_of(self, row: Beside) -> int:
        """Greys are the same in all pictures, colours are each one's own."""
        wanted = FEW[3] * len(row) if row[0].image.ndim == 3 else FEW[2]
        return self.colours if self._shown(row[0]) > SMALL else min(self.colours, wanted)

    # In a thread

    def _later(self, what: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
        with contextlib.suppress(RuntimeError):  # closed
            self._thread.submit(what).add_done_callback(_fail_loudly)


def _fail_loudly(done: "Future[None]") -> None:
    """An exception goes where those of threads go."""
    if not done.cancelled() and (error := done.exception()) is not None:
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))


def _pillow(image: "Picture") -> "Image":
    from PIL import Image

    return Image.fromarray(image)

"""How images get to this terminal: as true pixels by kitty's protocol or as sixels, else as cells."""

import contextlib
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
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
KEPT = 600  # images that the terminal, or we for it, hold at once: several pages
CELL = (10, 20)  # pixels, where the terminal does not say
SHARP = 6  # from so many pixels for one of the image on they are drawn as squares, not left to the terminal to smooth
SQUARES = 2  # as sixels from so many on: what is smoothed takes up to five times the bytes
SMALL = 100  # pixels across of a picture that gets by with few colours as sixels: each of them takes bytes
FEW = {2: 16, 3: 64}  # greys, colours
BLACK = Color.from_rgb(0, 0, 0)


@dataclass(frozen=True)
class Placed:
    """A picture in the cells of a widget, which are left empty for it."""

    column: int
    row: int
    image: "Picture"
    side: int  # cells across, and twice the lines


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

    def sixels(self, picture: Placed) -> str:
        """What paints it; empty while that is being made ready."""
        key = (picture.image.shape, picture.image.tobytes(), picture.side, self.cell, self.colours)
        with self._lock:
            if key in self._sixels:
                self._sixels.move_to_end(key)
                return self._sixels[key]
            if key in self._wanted:
                return ""
            self._wanted.add(key)
        self._later(lambda: self._encode(key, picture))
        return ""

    def _encode(self, key: Hashable, picture: Placed) -> None:
        import numpy as np

        width, height = picture.side * self.cell[0], picture.side // 2 * self.cell[1]
        shown, longest = min(width, height), max(picture.image.shape[:2])
        squares = shown >= SQUARES * longest
        scale = shown // longest if squares and (shown >= SHARP * longest or shown % longest == 0) else 1
        drawn = _pillow(resized(picture.image, shown if squares and scale == 1 else min(shown, longest)))
        if not squares and longest < shown:
            drawn = drawn.resize((shown, shown))
        few = drawn.quantize(self._colours_of(picture.image, shown))
        palette = np.array(few.getpalette(), np.uint8).reshape(-1, 3)
        sequence = sixel.sequence(np.asarray(few), palette[: self.colours], scale=scale)
        with self._lock:
            self._wanted.discard(key)
            self._sixels[key] = sequence
            while len(self._sixels) > KEPT:
                self._sixels.popitem(last=False)
        if not self._closed:
            self._ready()

    def _colours_of(self, image: "Picture", shown: int) -> int:
        return self.colours if shown > SMALL else min(self.colours, FEW[image.ndim])

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

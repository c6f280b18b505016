"""The images among a document's outputs: read in a thread when they come into view."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING

from rich.segment import Segment

from engine.lab.views import OutputView

if TYPE_CHECKING:
    from PIL import Image

    from tui.graphics.image import Picture
    from tui.lab.cells_view import CellsView

LARGEST = 1200  # pixels along a side that are kept
MOST_PIXELS = 64_000_000  # of an image that is read
KEPT = 40  # images


class OutputImages:
    """For one view. An image that can't be read has no picture: its text is shown."""

    def __init__(self, view: "CellsView") -> None:
        self._view = view
        self._read: OrderedDict[OutputView, Picture | None] = OrderedDict()
        self._reading: set[OutputView] = set()
        self._sides: dict[OutputView, int] = {}
        self._thread: ThreadPoolExecutor | None = None

    def drawn(self, output: OutputView) -> "tuple[Picture, int] | None":
        """The picture, and how many cells it is wide; None where it is not there yet, or can't be read."""
        image = self._read.get(output)
        return None if image is None else (image, self._sides.get(output, 2))

    def lines(self, output: OutputView, room: int, most: int) -> list[list[Segment]]:
        """The picture in at most `room` cells and `most` lines; empty where it can't be read."""
        if output not in self._read:
            self._ask(output)
            return [[Segment("reading the image …")]]
        image = self._read[output]
        self._read.move_to_end(output)
        if image is None:
            return []
        side = max(2, min(room, 2 * most * max(image.shape[:2]) // image.shape[0], 2 * max(image.shape[:2])) // 2 * 2)
        self._sides[output] = side
        lines = self._view.pictures.lines(image, side, spaces=True)
        if self._view.pictures.style == "sixel":  # painted as a whole
            return lines
        high = max(1, -(-side * image.shape[0] // (2 * max(image.shape[:2]))))  # without the black above and below
        above = (len(lines) - high) // 2
        return lines[above : above + high]

    def _ask(self, output: OutputView) -> None:
        if output in self._reading:
            return
        self._reading.add(output)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="output images")
        self._thread.submit(read, output.image).add_done_callback(lambda done: self._take(output, done))

    def _take(self, output: OutputView, done: "Future[Picture | None]") -> None:
        """In the thread."""

        def take() -> None:
            self._reading.discard(output)
            self._read[output] = done.result()
            while len(self._read) > KEPT:
                self._sides.pop(self._read.popitem(last=False)[0], None)
            self._view.image_ready()

        if self._view.is_running:
            self._view.call_later(take)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)


def _in_8_bits(image: "Image.Image") -> "Image.Image":
    """Of grey values of 16 bits the upper 8: Pillow's own conversion takes all above 255 for white."""
    import numpy as np
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))


def read(file: bytes) -> "Picture | None":
    """The image in a file, over white, [rows, columns, 3]; None where it can't be read."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(BytesIO(file)) as image:
            if image.width * image.height > MOST_PIXELS or not image.width or not image.height:
                return None
            whole = _in_8_bits(image).convert("RGBA")
        whole.thumbnail((LARGEST, LARGEST))
        ground = Image.new("RGBA", whole.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(ground, whole).convert("RGB"), np.uint8).copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None

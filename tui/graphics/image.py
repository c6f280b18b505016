"""Images as terminal cells: half blocks where the terminal has greys, characters where it has not."""

import functools
import itertools
import locale
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]  # (rows, columns) grey, or (rows, columns, 3) red, green, blue

CellStyle = Literal["blocks", "ascii"]
RAMP = " .:-=+*#%@"
UPPER_HALF = "▀"
PLAIN = Style()  # Textual's filters for NO_COLOR need a style, even an empty one
CODES = {1: [0x010101], 3: [0x010000, 0x000100, 0x000001]}  # what a channel adds to 0xRRGGBB


def cell_style(color_system: str | None, environ: Mapping[str, str], encoding: str | None = None) -> CellStyle:
    """What a terminal can show: half blocks need at least 256 colours and UTF-8, and that nobody asked for no colour.

    `color_system` is Rich's: None, "standard", "256" or "truecolor".
    """
    encoding = encoding or locale.getpreferredencoding(False)
    greys = color_system in ("256", "truecolor") and not environ.get("NO_COLOR")
    return "blocks" if greys and encoding.lower().replace("-", "") == "utf8" else "ascii"


def resized(image: "Picture", side: int) -> "Picture":
    """The image at `side` × `side` pixels, its shape kept, with black beside it. A pixel is the mean of what it covers;
    in a picture that is twice as large or more, the nearest one."""
    import numpy as np

    longest = max(image.shape[:2])
    if side >= 2 * longest or image.shape[:2] == (side, side):
        return fitted(image, side)
    rows, columns = image.shape[:2]
    height, width = (max(1, round(pixels * side / longest)) for pixels in (rows, columns))
    channels = np.moveaxis(np.atleast_3d(image), 2, 0).astype(np.float64)
    sums = (_coverage(rows, height) @ channels @ _coverage(columns, width).T).astype(np.int64)
    parts = rows * columns
    small = np.moveaxis((2 * sums + parts) // (2 * parts), 0, 2).reshape(height, width, *image.shape[2:])
    whole = np.zeros((side, side, *image.shape[2:]), np.uint8)
    whole[(side - height) // 2 :, (side - width) // 2 :][:height, :width] = small
    return whole


@functools.lru_cache(maxsize=256)
def _coverage(pixels: int, size: int) -> "npt.NDArray[np.float64]":
    """How much each of `size` new pixels in a row takes of each of `pixels` old ones: [size, pixels], whole numbers,
    rows sum to `pixels`. Sums of whole numbers are exact, in whatever order a machine adds them."""
    import numpy as np

    edges = np.arange(size + 1)[:, None] * pixels
    ends = np.minimum(edges[1:], np.arange(1, pixels + 1) * size)
    starts = np.maximum(edges[:-1], np.arange(pixels) * size)
    covered: npt.NDArray[np.float64] = np.clip(ends - starts, 0, None).astype(np.float64)
    return covered


def fitted(image: "Picture", side: int) -> "Picture":
    """The image at `side` × `side` pixels where it has another size, each the nearest one; its shape is kept, with
    black beside it."""
    import numpy as np

    rows, columns = image.shape[:2]
    if rows == columns == side:
        return image
    scale = side / max(rows, columns)
    height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
    small = image[np.arange(height) * rows // height][:, np.arange(width) * columns // width]
    whole = np.zeros((side, side, *image.shape[2:]), np.uint8)
    whole[(side - height) // 2 :, (side - width) // 2 :][:height, :width] = small
    return whole


def greyed(image: "Picture") -> "Picture":
    """Its luminance: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), as Pillow's mode L."""
    import numpy as np

    if image.ndim == 2:
        return image
    luminance: Picture = ((image.astype(np.int64) @ np.array([299, 587, 114]) + 500) // 1000).astype(np.uint8)
    return luminance


def inverted(image: "Picture") -> "Picture":
    """Black for white."""
    return 255 - image


def stretched(image: "Picture") -> "Picture":
    """The greys spread over 0 to 255."""
    import numpy as np

    low, high = int(image.min()), int(image.max())
    if low == high:
        return image
    spread: Picture = ((image.astype(np.float32) - low) * (255 / (high - low))).round().astype(np.uint8)
    return spread


def half_block_lines(image: "Picture", style: CellStyle, *, spaces: bool = False) -> list[list[Segment]]:
    """The image with a cell for 1 × 2 pixels: `rows / 2` lines of `columns` cells. `spaces`: a cell of one colour is a
    space on it, half the bytes; for pictures that are drawn twice as large."""
    drawn = greyed(image) if style == "ascii" else _coded(image)
    pairs = drawn.reshape(drawn.shape[0] // 2, 2, drawn.shape[1])
    if style == "ascii":
        return [_ramp_line(line) for line in pairs.mean(axis=1)]
    return [_line(upper, lower, spaces) for upper, lower in pairs.tolist()]


def _coded(image: "Picture") -> "npt.NDArray[np.uint32]":
    """Each pixel as one number, 0xRRGGBB: [rows, columns]."""
    import numpy as np

    channels = image[:, :, None] if image.ndim == 2 else image
    coded: npt.NDArray[np.uint32] = (channels.astype(np.uint32) * CODES[channels.shape[2]]).sum(axis=2, dtype=np.uint32)
    return coded


def _ramp_line(row: "npt.NDArray[np.number]") -> list[Segment]:
    return [Segment("".join(RAMP[int(grey) * len(RAMP) // 256] for grey in row), PLAIN)]


def _line(upper: list[int], lower: list[int], spaces: bool) -> list[Segment]:
    """A line of cells, `upper` their colours, `lower` their backgrounds; alike neighbours are one segment: each is some
    40 bytes on the wire."""
    segments = []
    for (top, bottom), alike in itertools.groupby(zip(upper, lower, strict=True)):
        one = spaces and top == bottom
        cell, style = (" ", _plane(top)) if one else (UPPER_HALF, _style(top, bottom))
        segments.append(Segment(cell * len(list(alike)), style))
    return segments


@functools.lru_cache(maxsize=1024)
def _plane(color: int) -> Style:
    return Style.from_color(bgcolor=_color(color))


@functools.lru_cache(maxsize=4096)  # more than a page has; all there can be would take 60 MB
def _style(top: int, bottom: int) -> Style:
    return Style.from_color(_color(top), _color(bottom))  # a third of the time of Style()


@functools.lru_cache(maxsize=1024)
def _color(code: int) -> Color:
    return Color.from_rgb(code >> 16, code >> 8 & 255, code & 255)


@functools.cache
def grey(level: int) -> Color:
    """A grey of 0 to 255 as a terminal's colour."""
    return Color.from_rgb(level, level, level)

"""Grey images as terminal cells: half blocks where the terminal has greys, characters where it has not."""

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

    Grey = npt.NDArray[np.uint8]  # (rows, columns)

PictureStyle = Literal["blocks", "ascii"]
RAMP = " .:-=+*#%@"
UPPER_HALF = "▀"
PLAIN = Style()  # Textual's filters for NO_COLOR need a style, even an empty one
PIXEL = "  "  # a pixel of an enlarged picture, two cells wide: about square


def picture_style(color_system: str | None, environ: Mapping[str, str], encoding: str | None = None) -> PictureStyle:
    """What a terminal can show: half blocks need at least 256 colours and UTF-8, and that nobody asked for no colour.

    `color_system` is Rich's: None, "standard", "256" or "truecolor".
    """
    encoding = encoding or locale.getpreferredencoding(False)
    greys = color_system in ("256", "truecolor") and not environ.get("NO_COLOR")
    return "blocks" if greys and encoding.lower().replace("-", "") == "utf8" else "ascii"


def halved(image: "Grey") -> "Grey":
    """The image at half its width and height: each pixel the mean of 2×2."""
    import numpy as np

    rows, columns = image.shape
    half: Grey = image.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)).astype(np.uint8)
    return half


def inverted(image: "Grey") -> "Grey":
    """Black for white."""
    return 255 - image


def stretched(image: "Grey") -> "Grey":
    """The greys spread over 0 to 255."""
    import numpy as np

    low, high = int(image.min()), int(image.max())
    if low == high:
        return image
    spread: Grey = ((image.astype(np.float32) - low) * (255 / (high - low))).round().astype(np.uint8)
    return spread


def half_block_lines(image: "Grey", style: PictureStyle) -> list[list[Segment]]:
    """The image with a cell for 1 × 2 pixels: `rows / 2` lines of `columns` cells."""
    pairs = image.reshape(image.shape[0] // 2, 2, image.shape[1])
    if style == "ascii":
        return [_ramp_line(line, 1) for line in pairs.mean(axis=1)]
    return [_line(UPPER_HALF, upper, lower) for upper, lower in pairs.tolist()]


def large_lines(image: "Grey", style: PictureStyle) -> list[list[Segment]]:
    """The image with two cells for each pixel: `rows` lines of `2 × columns` cells."""
    if style == "ascii":
        return [_ramp_line(row, 2) for row in image]
    return [_line(PIXEL, row, row) for row in image.tolist()]


def _ramp_line(row: "npt.NDArray[np.number]", width: int) -> list[Segment]:
    return [Segment("".join(RAMP[int(grey) * len(RAMP) // 256] * width for grey in row), PLAIN)]


def _line(cell: str, upper: list[int], lower: list[int]) -> list[Segment]:
    """A line of cells, `upper` their colours, `lower` their backgrounds; alike neighbours are one segment: each is some
    40 bytes on the wire."""
    return [
        Segment(cell * len(list(alike)), _style(*greys))
        for greys, alike in itertools.groupby(zip(upper, lower, strict=True))
    ]


@functools.cache
def _style(top: int, bottom: int) -> Style:
    return Style(color=grey(top), bgcolor=grey(bottom))


@functools.cache
def grey(level: int) -> Color:
    """A grey of 0 to 255 as a terminal's colour."""
    return Color.from_rgb(level, level, level)

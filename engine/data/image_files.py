"""Image files as arrays of one size: SIDE × SIDE. Imports no torch."""

import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from engine import plain_file
from engine.data.dataset import SIDE, Bytes
from engine.errors import DataError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")  # Pillow's names
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
_ENDINGS = frozenset(SUFFIXES)
GREY = ("1", "L", "LA")  # Pillow's modes of bytes without colour
SIXTEEN_BITS = 65535  # white
SIXTEEN_BITS_SCALED = "16-bit values scaled to 8 bits"  # in a title
MOST_PIXELS = 50_000_000  # of a file; more counts as a decompression bomb
MOST_BYTES = 512 << 20  # of a file; so many pixels of 4 channels of 16 bits have 400 MB

Floats = npt.NDArray[np.float32]

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it says of a damaged file would go over the screen


@dataclass(frozen=True, eq=False)
class Picture:
    """One image file, resized."""

    pixels: Bytes | Floats  # uint8 or float32 [SIDE, SIDE], or uint8 [SIDE, SIDE, 3]
    size: tuple[int, int]  # the width and height that it had
    sixteen_bits: bool = False  # whether its 16-bit values were scaled to bytes
    limits: tuple[float, float] | None = None  # the lowest and highest value of a float32 image, which has no white
    more_frames: bool = False  # whether it is the first of several


def is_named_so(name: str) -> bool:
    """Whether a file's name has the ending of an image."""
    return name[name.rfind(".") :].lower() in _ENDINGS


def read(path: "str | Path") -> Picture:
    """One image: grey unless it is coloured, not only saved so. Of a file with several, the first.

    Turned as its EXIF says; transparency on black; resized with Pillow's bilinear filter, which averages in shrinking.
    Values of 16 bits become bytes, 65,535 white; 32-bit and floating-point values stay, for `range_of` and `scaled`.
    Raises DataError, with the reason alone, where the file is not an image that can be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a decompression bomb is refused below, odd metadata does not matter
            # Of a file that it opens itself, Pillow maps some formats, and libtiff others.
            data = io.BytesIO(plain_file.read(Path(path), MOST_BYTES))
            with Image.open(data, formats=FORMATS) as opened:
                size = opened.size
                if size[0] * size[1] > MOST_PIXELS:
                    raise DataError(f"it has {size[0]} × {size[1]} pixels, which is too many to be a sample")
                more = bool(getattr(opened, "is_animated", False))
                colours = any(";16" in str(tile[3]) for tile in opened.tile)  # which Pillow itself makes 8 bits of
                opened.load()
                image = ImageOps.exif_transpose(opened)
                # These formats hold at most 16 bits; Pillow gives some such files as 32-bit integers.
                sixteen = image.mode.startswith("I;16") or (image.mode == "I" and opened.format in ("PNG", "PPM"))
        if sixteen or image.mode in ("I", "F"):
            return _deep(image, size, sixteen, more)
        return Picture(_of_bytes(image), size, sixteen_bits=colours, more_frames=more)
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except plain_file.NotPlainError as error:
        raise DataError(f"it is {error.strerror}") from None
    except UnidentifiedImageError:
        raise DataError("it is not a PNG, JPEG, BMP, WebP, GIF, TIFF or PPM image") from None
    except DataError:
        raise
    except Exception as error:  # a decoder may raise anything over a damaged file
        if isinstance(error, OSError) and error.strerror:  # the system's, not the decoder's
            raise DataError(f"it can't be read ({error.strerror})") from None
        words = str(error).strip().splitlines()
        raise DataError(f"it can't be decoded ({words[0] if words else type(error).__name__})") from None


def range_of(low: float, high: float) -> tuple[float, float, str]:
    """The values that become 0 and 255 in a data set whose lowest and highest values these are, all alike, and what is
    done in words: empty where nothing is.

    From 0 to 1, 1 is white; to 255, nothing is scaled; to 65,535, that is white. Other values go from the lowest to the
    highest.
    """
    if low >= 0 and high <= SIXTEEN_BITS:
        white = next(white for white in (1, 255, SIXTEEN_BITS) if high <= white)
        words = {1: "values 0–1 scaled to 0–255", 255: "", SIXTEEN_BITS: SIXTEEN_BITS_SCALED}[white]
        return 0.0, float(white), words
    return low, high, f"values {low:g} to {high:g} scaled to 0–255"


def scaled(values: Bytes | Floats, low: float, high: float) -> Bytes:
    """The values as bytes: `low` becomes 0, `high` 255."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values  # type: ignore[return-value]
    span = high - low if high > low else 1.0
    return np.clip(np.rint((values.astype(np.float64) - low) * (255 / span)), 0, 255).astype(np.uint8)


def _of_bytes(image: Image.Image) -> Bytes:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)
    image = image.convert("L" if image.mode in GREY else "RGB")
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, 0]
    return pixels.copy()


def _deep(image: Image.Image, size: tuple[int, int], sixteen: bool, more: bool) -> Picture:
    """An image of more than 8 bits, which Pillow's own conversion would clip at 255."""
    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError("it holds values that are not finite")
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # one value that is transparent
        values[values == transparent] = 0
    limits = float(values.min()), float(values.max())
    if values.shape != (SIDE, SIDE):
        values = np.asarray(Image.fromarray(values).resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32)
    if sixteen:
        return Picture(scaled(values, 0.0, SIXTEEN_BITS), size, sixteen_bits=True, more_frames=more)
    return Picture(values.copy(), size, limits=limits, more_frames=more)

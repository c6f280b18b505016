"""Image files as arrays of one size: SIDE × SIDE. Imports no torch."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.data.dataset import SIDE, Bytes
from engine.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
GREY = ("1", "L", "LA", "I", "I;16", "F")  # Pillow's modes without colour
MOST_PIXELS = 50_000_000  # of a file; more counts as a decompression bomb


def read(path: Path) -> tuple[Bytes, tuple[int, int]]:
    """One image: uint8 [SIDE, SIDE], or [SIDE, SIDE, 3] where it is coloured, not only saved so; its own width and
    height.

    Turned as its EXIF says; transparency on black; resized with Pillow's bilinear filter, which averages in shrinking.
    Raises DataError, with the reason alone, where the file is no image that can be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG", "BMP", "WEBP")) as opened:
                size = opened.size
                if size[0] * size[1] > MOST_PIXELS:
                    raise DataError(f"it has {size[0]} × {size[1]} pixels, which is too many to be a sample")
                opened.load()
                image = ImageOps.exif_transpose(opened)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)
        image = image.convert("L" if image.mode in GREY else "RGB")
        if image.size != (SIDE, SIDE):
            image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = np.asarray(image, np.uint8)
        if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
            pixels = pixels[:, :, 0]
        return pixels.copy(), size
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except UnidentifiedImageError:
        raise DataError("it is no PNG, JPEG, BMP or WebP image") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        words = str(error).strip().splitlines()
        raise DataError(f"it can't be decoded ({words[0] if words else type(error).__name__})") from None

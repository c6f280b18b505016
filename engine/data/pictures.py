"""Image files as arrays of one size: grey, SIDE × SIDE. Imports no torch."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.data.contents import SIDE, Bytes
from engine.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
MOST_PIXELS = 50_000_000  # of a file; more is taken for a decompression bomb


def read(path: Path) -> tuple[Bytes, tuple[int, int], str]:
    """One image: uint8 [SIDE, SIDE]; its own width and height; its mode, as Pillow names it ("L", "RGB", …).

    Turned as its EXIF says; transparency on black; resized with Pillow's bilinear filter, which averages in shrinking.
    Raises DataError, with the reason alone, where the file is no image that can be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG", "BMP", "WEBP")) as opened:
                size, mode = opened.size, opened.mode
                if size[0] * size[1] > MOST_PIXELS:
                    raise DataError(f"it has {size[0]} × {size[1]} pixels, which is too many to be a sample")
                opened.load()
                image = ImageOps.exif_transpose(opened)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)
        grey = image.convert("L")
        if grey.size != (SIDE, SIDE):
            grey = grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return np.asarray(grey, np.uint8).copy(), size, mode
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except UnidentifiedImageError:
        raise DataError("it is no PNG, JPEG, BMP or WebP image") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        words = str(error).strip().splitlines()
        raise DataError(f"it can't be decoded ({words[0] if words else type(error).__name__})") from None

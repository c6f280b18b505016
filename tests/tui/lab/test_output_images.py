"""Files of images as they are drawn."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tui.lab.output_images import read

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (8, 1))


def file(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_grey_values_are_drawn_as_they_are_in_every_mode(mode: str) -> None:
    grey = Image.fromarray(RAMP)
    image = Image.fromarray(RAMP.astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    drawn = read(file(image))
    assert drawn is not None
    assert drawn.shape == (8, 64, 3)
    assert (np.abs(drawn.astype(int) - RAMP[:, :, None]) <= 1).all()


def test_a_bitmap_and_what_is_no_image() -> None:
    drawn = read(file(Image.fromarray(RAMP > 100)))
    assert drawn is not None
    assert np.unique(drawn).tolist() == [0, 255]
    assert read(b"\x89PNG and so on") is None

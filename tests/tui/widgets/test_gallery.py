"""Pictures beside each other: the cursor on a pixel, with colours and without."""

import numpy as np
import pytest
from textual.app import App, ComposeResult

from tui.graphics.pictures import Pictures
from tui.widgets.gallery import CURSOR, Gallery
from tui.widgets.image_page import Tile


class GalleryApp(App[None]):
    def __init__(self, style: str) -> None:
        super().__init__()
        self.gallery = Gallery(Pictures("ascii" if style == "ascii" else "blocks"))

    def compose(self) -> ComposeResult:
        yield self.gallery


@pytest.mark.parametrize("shape", [(28, 28), (20, 28), (40, 64)])
@pytest.mark.parametrize("style", ["ascii", "blocks"])
async def test_the_cursor_is_seen_on_every_pixel_of_any_brightness(style: str, shape: tuple[int, int]) -> None:
    app = GalleryApp(style)
    async with app.run_test(size=(100, 40)) as pilot:
        gallery = app.gallery
        gallery.fit_to(1, 30)
        await pilot.pause()
        for level in (0, 120, 255):
            image = np.full(shape, level, np.uint8)
            for pixel in ((0, 0), (shape[0] // 2, 3), (shape[0] - 1, shape[1] - 1)):
                gallery.show([Tile(image, "one")], pixel)
                found = [
                    (y, part)
                    for y in range(1, gallery.size.height)
                    for part in gallery.render_line(y)
                    if part.style is not None
                    and (
                        part.style.reverse
                        if style == "ascii"
                        else any(
                            colour is not None and colour.triplet is not None and tuple(colour.triplet) == CURSOR
                            for colour in (part.style.color, part.style.bgcolor)
                        )
                    )
                ]
                assert found, (level, pixel)
                assert len(found) <= -(-gallery.line_height // min(shape)) + 1, "and on no other"
                share = (found[0][0] - 1) / (gallery.line_height - 1)
                beside = (max(shape) - shape[0]) / 2
                assert share == pytest.approx((beside + pixel[0]) / max(shape), abs=0.08)
                gallery.show([Tile(image, "one")])
                lines = [gallery.render_line(y) for y in range(1, gallery.size.height)]
                assert not any(part.style is not None and part.style.reverse for line in lines for part in line)

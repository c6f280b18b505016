"""A page of thumbnails: their captions."""

import numpy as np
import pytest
from textual.app import App, ComposeResult

from tui.columns import width_of
from tui.graphics.pictures import Pictures
from tui.widgets.image_page import ImagePage, Tile

LONG = "21 Bag→Ankle Boot 99%"


class PageApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.page = ImagePage(Pictures("ascii"))

    def compose(self) -> ComposeResult:
        yield self.page


@pytest.mark.parametrize("width", [58, 78, 80, 97, 138])
async def test_a_caption_that_is_cut_says_so_in_the_last_column_too(width: int) -> None:
    app = PageApp()
    async with app.run_test(size=(width, 22)) as pilot:
        tiles = [Tile(np.zeros((28, 28), np.uint8), LONG) for _ in range(app.page.capacity)]
        app.page.show(tiles, 0)
        await pilot.pause()
        grid = app.page.tiles
        captions = [line for line in app.page.text() if "Bag" in line]
        assert len(captions) == grid.rows
        for line in captions:
            assert width_of([line]) == width
            whole = sum(LONG in part for part in line.split("  "))
            assert line.count("…") + whole == grid.columns

"""The heat map: how large a matrix is drawn."""

import numpy as np
import pytest
from textual.app import App, ComposeResult

from tui.graphics.image import RAMP, CellStyle
from tui.widgets.heatmap import LARGEST, LETTERS, HeatMap, enlarged

SIGNED = np.array([[1.0, -1.0, 0.5], [0.0, 1.0, -0.5]], np.float32)


class MapApp(App[None]):
    def __init__(self, style: CellStyle) -> None:
        super().__init__()
        self.style = style

    def compose(self) -> ComposeResult:
        yield HeatMap(self.style)

    @property
    def map(self) -> HeatMap:
        return self.query_one(HeatMap)

    def widths(self, y: int) -> list[int]:
        """Of the pieces of one colour in a line, without what lies beside the picture."""
        return [len(segment.text) for segment in self.map._lines[y]]


@pytest.mark.parametrize(
    ("columns", "rows", "times"), [(3, 2, 1), (5, 9, 1), (6, 4, 2), (20, 5, 2), (99, 99, LARGEST), (2, 1, 1)]
)
def test_a_matrix_takes_as_many_whole_cells_as_there_is_room_for(columns: int, rows: int, times: int) -> None:
    drawn = enlarged(SIGNED, columns, rows, whole_cells=False)
    assert drawn.shape == (2 * times, 3 * times)
    assert np.array_equal(drawn[::times, ::times], SIGNED)
    assert np.array_equal(drawn[times - 1 :: times, times - 1 :: times], SIGNED)


def test_without_colours_no_two_values_share_a_cell() -> None:
    assert enlarged(SIGNED, 9, 6, whole_cells=True).shape == (4, 6)
    assert enlarged(SIGNED, 3, 6, whole_cells=True).shape == (2, 3)


async def test_it_grows_and_shrinks_with_the_window() -> None:
    app = MapApp("blocks")
    async with app.run_test(size=(13, 8)) as pilot:
        app.map.show(SIGNED)
        await pilot.pause()
        assert (len(app.map._lines), app.widths(0)) == (4, [4, 4, 4])
        await pilot.resize_terminal(40, 20)
        await pilot.pause()
        assert (len(app.map._lines), app.widths(0)) == (8, [8, 8, 8])
        await pilot.resize_terminal(4, 2)
        await pilot.pause()
        assert (len(app.map._lines), sum(app.widths(0))) == (1, 3)
        app.map.clear()
        await pilot.resize_terminal(40, 20)
        await pilot.pause()
        assert app.map._lines == [], "what is not there is not drawn anew"


async def test_characters_are_repeated_too() -> None:
    app = MapApp("ascii")
    async with app.run_test(size=(13, 8)) as pilot:
        app.map.show(SIGNED)
        await pilot.pause()
        first, second = (app.map._lines[y][0].text for y in (0, 2))
        assert (first[0], first[4]) == (RAMP[-1], LETTERS[-1])
        assert {len(set(line[at : at + 4])) for line in (first, second) for at in (0, 4, 8)} == {1}

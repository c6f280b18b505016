"""Pictures fill their room, whatever it is, and none stands outside it."""

import pytest
from textual.geometry import Size

from tui.widgets import tiling
from tui.widgets.tiling import Grid, picture_side

ROOMS = [Size(78, 20), Size(70, 32), Size(78, 41), Size(138, 41), Size(110, 56), Size(198, 56)]


def inside(grid: Grid, room: Size) -> bool:
    right = grid.left + (grid.columns - 1) * grid.across + grid.width
    return right <= room.width and (grid.rows - 1) * grid.down + grid.lines + 1 <= room.height


@pytest.mark.parametrize("room", ROOMS)
def test_the_size_that_fills_leaves_at_most_a_quarter_empty(room: Size) -> None:
    grid = tiling.filling(room)
    covered = grid.capacity * grid.width * (grid.lines + 1)
    assert covered >= 0.75 * room.area
    assert grid.columns >= 3
    assert grid.rows >= 2
    assert inside(grid, room)


@pytest.mark.parametrize("room", ROOMS)
def test_a_figure_is_as_large_as_it_can_be(room: Size) -> None:
    grid = tiling.holding(3, 3, room)
    assert (grid.columns, grid.rows) == (3, 3)
    assert inside(grid, room)
    larger = tiling.of_width(grid.width + 2, room)
    assert larger.columns < 3 or larger.rows < 3


@pytest.mark.parametrize("width", [2, 8, 28, 112, 500])
@pytest.mark.parametrize("room", [*ROOMS, Size(3, 2), Size(0, 0)])
def test_any_size_shows_one_picture_at_least(room: Size, width: int) -> None:
    grid = tiling.of_width(width, room)
    assert grid.capacity >= 1
    assert grid.width % 2 == 0
    assert inside(grid, room) or room.area < 12


@pytest.mark.parametrize(
    ("width", "height", "side"), [(58, 31, 56), (58, 24, 48), (60, 22, 44), (28, 14, 28), (36, 90, 28), (45, 90, 44)]
)
def test_a_picture_prefers_a_multiple_of_its_pixels(width: int, height: int, side: int) -> None:
    assert picture_side(28, width, height) == side

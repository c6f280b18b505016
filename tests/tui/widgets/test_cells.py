"""A table of numbers of which a window is known: where the cursor goes, and which window it wants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region, Size

from tui.widgets.cells import Cells
from tui.widgets.pixels import PixelTable

HEIGHT, WIDTH = 9, 7


class CellsApp(App[None]):
    short = 0  # how often it was told that there is room for more

    def compose(self) -> ComposeResult:
        yield Cells()

    def on_cells_short(self) -> None:
        self.short += 1

    @property
    def cells(self) -> Cells:
        return self.query_one(Cells)

    def lines(self) -> list[str]:
        return [self.cells.render_line(y).text for y in range(self.cells.size.height)]


def taken(cells: Cells) -> None:
    top, left, rows, columns = cells.window
    texts = [[f"{row}.{column}" for column in range(left, left + columns)] for row in range(top, top + rows)]
    cells.take(HEIGHT, WIDTH, top, left, [row[: WIDTH - left] for row in texts[: HEIGHT - top]])


async def test_room_for_more_than_there_is_is_told() -> None:
    app = CellsApp()
    async with app.run_test(size=(15, 5)) as pilot:
        await pilot.resize_terminal(25, 5)
        assert not app.short  # it has nothing yet, and whoever asks for the first window knows the size
        taken(app.cells)
        taken(app.cells)
        await pilot.resize_terminal(12, 4)
        assert not app.short
        await pilot.resize_terminal(40, 5)
        await pilot.pause()
        assert app.short
        taken(app.cells)
        told = app.short
        await pilot.resize_terminal(200, 50)  # larger than the whole table
        await pilot.pause()
        taken(app.cells)
        await pilot.resize_terminal(201, 51)
        await pilot.pause()
        assert app.short <= told + 1


async def test_the_cursor_stays_in_the_table_and_the_window_follows_it() -> None:
    app = CellsApp()
    async with app.run_test(size=(15, 5)):
        cells = app.cells
        taken(cells)
        taken(cells)  # now the cells' width is known
        assert cells.window == (0, 0, 4, 3)
        assert cells.move(-1, -1) is False
        assert (cells.row, cells.column, cells.value) == (0, 0, "0.0")
        assert cells.move(3, 2) is False
        assert (cells.value, cells.window[:2]) == ("3.2", (0, 0))
        assert cells.move(1, 0) is True
        assert (cells.row, cells.window[:2], cells.value) == (4, (1, 0), "")
        taken(cells)
        assert cells.value == "4.2"
        assert cells.move(100, 100) is True
        taken(cells)
        assert (cells.row, cells.column, cells.value, cells.window[:2]) == (8, 6, "8.6", (5, 4))
        assert cells.move(1, 1) is False
        assert (cells.row, cells.column) == (8, 6)
        assert cells.move(-3, -2) is False
        assert cells.move(-1, 0) is True
        assert cells.window[:2] == (4, 4)
        cells.begin()
        assert (cells.row, cells.column, cells.window[:2]) == (0, 0, (0, 0))


async def test_rows_and_columns_have_their_numbers() -> None:
    app = CellsApp()
    async with app.run_test(size=(15, 5)):
        cells = app.cells
        taken(cells)
        cells.move(5, 4)
        taken(cells)
        assert [line.split() for line in app.lines()] == [
            ["2", "3", "4"], ["2", "2.2", "2.3", "2.4"], ["3", "3.2", "3.3", "3.4"], ["4", "4.2", "4.3", "4.4"],
            ["5", "5.2", "5.3", "5.4"],
        ]  # fmt: skip


async def test_a_smaller_table_takes_the_cursor_to_its_end() -> None:
    app = CellsApp()
    async with app.run_test(size=(15, 5)):
        taken(app.cells)
        app.cells.move(3, 2)
        app.cells.take(2, 1, 0, 0, [["a"], ["b"]])
        assert (app.cells.row, app.cells.column, app.cells.value) == (1, 0, "b")


class PixelsApp(App[None]):
    def compose(self) -> ComposeResult:
        yield PixelTable(colours=False)


@pytest.mark.parametrize(("moves", "place"), [((-1, -1), (0, 0)), ((99, 99), (27, 19)), ((27, 0), (27, 0))])
async def test_the_pixel_cursor_stays_in_the_image(moves: tuple[int, int], place: tuple[int, int]) -> None:
    image = (np.arange(28)[:, None] * 9 + np.arange(20)).astype(np.uint8)
    app = PixelsApp()
    async with app.run_test(size=(24, 6)):
        table = app.query_one(PixelTable)
        table.show(image)
        table.move(*moves)
        assert (table.row, table.column) == place
        shown = "\n".join(table.render_line(y).text for y in range(6))
        assert f"{int(image[place]):>3}" in shown
        assert f"{place[0]:>3} " in shown


async def test_a_column_that_does_not_fit_whole_is_not_drawn_and_the_cursor_stays_in_view() -> None:
    app = CellsApp()
    async with app.run_test(size=(30, 5)):
        cells = app.cells
        cells.take(HEIGHT, WIDTH, 0, 0, [["1.25"] * WIDTH] * 4)
        assert cells.window[3] == 5
        assert cells.render_line(1).text.split() == ["0", *["1.25"] * 5]
        assert cells.move(0, 4) is False
        cells.take(HEIGHT, WIDTH, 0, 0, [["-1.2500e-03"] * WIDTH] * 4)
        assert cells.window[3] == 2
        assert cells.render_line(0).text.split() == ["0", "1"]
        assert cells.render_line(1).text.split() == ["0", *["-1.2500e-03"] * 2]
        assert cells.move(0, 0) is True, "another window is wanted, with the cursor in it"
        assert cells.window[1] == 3


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 300), st.booleans(), st.integers(20, 160), st.integers(4, 50),
    st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), max_size=6),
)  # fmt: skip
def test_the_cursor_is_in_view_and_every_value_stands_once_wherever_it_goes(
    width: int, height: int, vector: bool, across: int, down: int, moves: list[tuple[int, int]]
) -> None:
    width, height = (width * height, 1) if vector else (width, height)
    cells = Sized(across, down)

    def answer() -> None:
        while True:
            top, left, rows, columns = cells.window
            found = [
                [f"{row}.{column}" for column in range(left, min(width, left + columns))]
                for row in range(top, min(height, top + rows))
            ]
            cells.take(height, width, top, left, found, vector=vector)
            if not cells.move(0, 0) and cells.holds((top, left, rows, columns)):
                return

    answer()
    answer()
    for move in moves:
        cells.move(*move)
        answer()
    shown = [cells.render_line(y).text for y in range(down)]
    words = [word for line in shown[1:] for word in line.split() if "." in word]
    assert len(set(words)) == len(words), "no value stands twice"
    place = f"{cells.row}.{cells.column}"
    assert cells.value == place
    assert words.count(place) == 1
    region = cells.where
    assert shown[region.y][region.x : region.right].split() == [place]
    wide, high = cells.needs(across, down)
    assert all(not line[wide:].strip() for line in shown), "it takes no more room than it says"
    assert all(not line.strip() for line in shown[high:])


class Sized(Cells):
    """Of a fixed size, without an app."""

    base = Style()

    def __init__(self, across: int, down: int) -> None:
        super().__init__()
        self._extent = Size(across, down)

    @property
    def size(self) -> Size:
        return self._extent

    def refresh(self, *regions: Region, **_: object) -> "Sized":
        return self

    @property
    def where(self) -> Region:
        return self._region(self.row, self.column)

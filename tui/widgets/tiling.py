"""How pictures of one size are laid out in a room of cells: their size, and how many stand beside and below one
another."""

import functools
from dataclasses import dataclass

from textual.geometry import Size

GAP = 2  # cells between two pictures, at least
CAPTION = 1  # lines below a picture
FILLING = range(14, 38, 2)  # widths among which the one that fills is looked for
NATIVE = 28  # pixels, so cells, of a picture that is drawn as it is
MANY = 100  # pictures that a page is to hold where they are true pixels
SMALLEST = 6  # cells, some 60 pixels, of such a picture
SPREAD = (12, 2)  # cells and lines that a gap grows by at most, where there is room left


@dataclass(frozen=True)
class Grid:
    """Where each picture stands. A picture is half as many lines high as it is cells wide."""

    width: int  # cells of a picture
    columns: int
    rows: int
    across: int  # cells from one picture to the next
    down: int  # lines from one to the one below
    left: int  # cells before the first column

    @property
    def capacity(self) -> int:
        return self.columns * self.rows

    @property
    def lines(self) -> int:
        """Of a picture."""
        return self.width // 2


def of_width(width: int, room: Size, *, below: int = CAPTION) -> Grid:
    """As many pictures as fit, each `width` cells wide, or less where not even one fits. `below`: lines that each has
    under it."""
    width = max(2, min(width, room.width, 2 * (room.height - below)) // 2 * 2)
    columns = max(1, (room.width + GAP) // (width + GAP))
    rows = max(1, room.height // (width // 2 + below))
    return _spread(width, columns, rows, room, below)


@functools.lru_cache(maxsize=32)
def filling(room: Size, *, below: int = CAPTION) -> Grid:
    """Pictures of the size that leaves the least of the room empty; a size that is nearer to a picture's own counts
    for a little."""

    def score(grid: Grid) -> float:
        covered = grid.columns * grid.width * grid.rows * (grid.lines + below)
        few = grid.columns < 3 or grid.rows < 2
        return covered / max(1, room.area) + 0.1 * min(grid.width, NATIVE) / NATIVE - few

    return max((of_width(width, room, below=below) for width in FILLING), key=score)


def many(room: Size, *, below: int = CAPTION) -> Grid:
    """Pictures that are sharp however small: the largest size at which `MANY` of them fit, and not below `SMALLEST`."""
    widths = range(max(SMALLEST, min(room.width, NATIVE)) // 2 * 2, SMALLEST, -2)
    sizes = (of_width(width, room, below=below) for width in widths)
    return next((grid for grid in sizes if grid.capacity >= MANY), of_width(SMALLEST, room, below=below))


def holding(columns: int, rows: int, room: Size, *, below: int = CAPTION) -> Grid:
    """So many pictures, as large as they can be."""
    width = min((room.width + GAP) // columns - GAP, 2 * (room.height // rows - below))
    return _spread(max(2, width // 2 * 2), columns, rows, room, below)


def all_of(pictures: int, room: Size, *, below: int = CAPTION, least: int = 14) -> Grid:
    """So many pictures at once, as large as they can be; of `least` cells where that is more than the room holds, in
    rows that go on below it."""

    def width(columns: int) -> int:
        rows = -(-pictures // columns)
        return min((room.width + GAP) // columns - GAP, 2 * (room.height // rows - below)) // 2 * 2

    columns = max(range(1, max(1, pictures) + 1), key=width)
    if width(columns) >= least:
        return _spread(width(columns), columns, -(-pictures // columns), room, below)
    columns = max(1, (room.width + GAP) // (least + GAP))
    rows = -(-pictures // columns)
    return _spread(least, columns, rows, Size(room.width, rows * (least // 2 + below)), below)


def _spread(width: int, columns: int, rows: int, room: Size, below: int) -> Grid:
    """What is left of the room goes between the pictures, as far as that looks well; half of the rest before them."""
    across = min((room.width + GAP) // columns, width + GAP + SPREAD[0])
    down = min(room.height // rows, width // 2 + below + SPREAD[1])
    left = max(0, room.width - (columns - 1) * across - width) // 2
    return Grid(width, columns, rows, max(width + GAP, across), max(width // 2 + below, down), left)


def picture_side(pixels: int, width: int, height: int) -> int:
    """Cells that one picture is wide in a room of so many cells and lines: a multiple of its `pixels` where that takes
    nearly as much, since each pixel is then as large as the next."""
    side = max(2, min(width, 2 * height) // 2 * 2)
    even = side // pixels * pixels
    return even if even >= 0.75 * side and even % 2 == 0 else side

"""Cells that curves are drawn on: of braille dots, 2 × 4 a cell, or of plain characters. plotext draws the axes around
them; its own curves take 180 ms where twelve of them lie over each other, and have one colour a cell by chance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.widgets.chart.axes import Axis

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tui.widgets.chart.series import Floats

    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

PLAIN_DOTS = ".o'"  # without braille: low, in the middle, and high in its row
BRAILLE = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))  # of the left and right dots, from the bottom


class Canvas:
    """What is drawn later hides what is in the same cell. Rows are counted from the bottom."""

    def __init__(self, x: Axis, y: Axis, ascii_only: bool = False) -> None:
        self.x, self.y = x, y
        self.characters = [[" "] * x.cells for _ in range(y.cells)]
        self.styles = [["dim"] * x.cells for _ in range(y.cells)]
        self._ascii = ascii_only
        self._across, self._up = (1, 1) if ascii_only else (2, 4)  # dots of a cell

    def put(self, row: int, column: int, character: str, style: str) -> None:
        self.characters[row][column] = character
        self.styles[row][column] = style

    def line(self, x: "Floats", low: "Floats", mean: "Floats", high: "Floats", style: str, sign: str = "*") -> "Ints":
        """A line through `mean`, as high in each column of dots as its points' `low` and `high` are apart. x does not
        decrease. `sign`: without braille. Returns the row of each column of cells where there is a line, else -1."""
        import numpy as np

        spans = self._spans(x, low, mean, high)
        lows, highs = spans
        rows = np.arange(self.y.cells * self._up)[:, None]
        self._fill((rows >= lows) & (rows <= highs), style, sign)
        lows, highs = lows[self._across - 1 :: self._across], highs[self._across - 1 :: self._across]
        return np.where(lows <= highs, (lows + highs) // 2 // self._up, -1)

    def lines(self, curves: Sequence[tuple["Floats", "Floats"]], style: str, sign: str = "*") -> None:
        """Many lines of one style, each by its x, which does not decrease, and its y: at about the cost of one."""
        import numpy as np

        rows = np.arange(self.y.cells * self._up)[:, None]
        dots = np.zeros((self.y.cells * self._up, self.x.cells * self._across), dtype=np.bool_)
        for x, y in curves:
            lows, highs = self._spans(x, y, y, y)
            dots |= (rows >= lows) & (rows <= highs)
        self._fill(dots, style, sign)

    def band(self, x: "Floats", low: "Floats", high: "Floats", style: str) -> None:
        """Every other dot between two curves."""
        import numpy as np

        below, _ = self._spans(x, low, low, low)
        _, above = self._spans(x, high, high, high)
        rows = np.arange(self.y.cells * self._up)[:, None]
        columns = np.arange(self.x.cells * self._across)[None, :]
        self._fill((rows >= below) & (rows <= above) & ((rows + columns) % 2 == 0), style, ":")

    def dots(self, x: "Floats", y: "Floats", style: str) -> list[tuple[int, int]]:
        """Each a block of 2 × 3 braille dots around its place; without braille one character, which is high, in the
        middle or low in its row. Returns their cells."""
        bits: dict[tuple[int, int], int] = {}
        cells: dict[tuple[int, int], str] = {}
        for a, b in zip(self.x.places(x).tolist(), self.y.places(y).tolist(), strict=True):
            if not (0 <= a < self.x.cells and -0.5 <= b < self.y.cells + 0.5):
                continue
            if self._ascii:
                row = min(self.y.cells - 1, max(0, int(b)))
                cells[row, int(a)] = PLAIN_DOTS[min(2, int(b % 1 * 3))]
                continue
            for column in (0, 1):
                for up in (-1, 0, 1):
                    dot_x = min(2 * self.x.cells - 2, max(0, round(a * 2) - 1)) + column
                    dot_y = min(4 * self.y.cells - 2, max(1, int(b * 4))) + up
                    at = dot_y // 4, dot_x // 2
                    bits[at] = bits.get(at, 0) | BRAILLE[dot_x % 2][dot_y % 4]
        cells |= {at: chr(0x2800 + number) for at, number in bits.items()}
        for (row, column), character in cells.items():
            self.put(row, column, character, style)
        return list(cells)

    def signs(self, x: "Floats", y: "Floats", sign: str, style: str) -> list[tuple[int, int]]:
        """A character at each place."""
        cells = []
        for a, b in zip(self.x.places(x).tolist(), self.y.places(y).tolist(), strict=True):
            if 0 <= a < self.x.cells and 0 <= b < self.y.cells:
                cells.append((int(b), int(a)))
                self.put(int(b), int(a), sign, style)
        return cells

    def _spans(self, x: "Floats", low: "Floats", mean: "Floats", high: "Floats") -> tuple["Ints", "Ints"]:
        """For each column of dots the lowest and the highest dot of the line, from the bottom; where there is none, the
        highest is below the lowest."""
        import numpy as np

        columns, rows = self.x.cells * self._across, self.y.cells * self._up
        places = self.x.places(x) * self._across
        bottom, middle, top = (self.y.places(one) * self._up for one in (low, mean, high))
        lows, highs = np.full(columns, np.nan), np.full(columns, np.nan)
        at: Ints = np.asarray(np.floor(places), dtype=np.int64)
        inside = (at >= 0) & (at < columns)
        if inside.any():
            seen: Ints = at[inside]
            starts = np.flatnonzero(np.diff(seen, prepend=-1))
            filled = seen[starts]
            lows[filled] = np.minimum.reduceat(bottom[inside], starts)
            highs[filled] = np.maximum.reduceat(top[inside], starts)
        if len(places) > 1:  # between two points the line is straight
            centers = np.arange(columns) + 0.5
            between = np.isnan(lows) & (centers > places[0]) & (centers < places[-1])
            lows[between] = highs[between] = np.interp(centers[between], places, middle)
        there = ~np.isnan(lows)
        first = np.where(there, np.clip(np.floor(np.nan_to_num(lows)), -1, rows), 1).astype(np.int64)
        last = np.where(there, np.clip(np.floor(np.nan_to_num(highs)), -1, rows), 0).astype(np.int64)
        _join(first, last, there)
        return first, last

    def _fill(self, dots: "Bools", style: str, sign: str) -> None:
        """Draw the dots, given by rows from the bottom and columns."""
        import numpy as np

        cells = dots.reshape(self.y.cells, self._up, self.x.cells, self._across)
        weights = np.ones((1, 1)) if self._ascii else np.array(BRAILLE)
        numbers = np.zeros((self.y.cells, self.x.cells), dtype=np.int64)
        np.einsum("rucd,du->rc", cells, weights, out=numbers, casting="unsafe")
        for row, column in np.argwhere(numbers).tolist():
            self.put(row, column, sign if self._ascii else chr(0x2800 + int(numbers[row, column])), style)


def _join(first: "Ints", last: "Ints", there: "Bools") -> None:
    """Close the gap between two columns side by side: each goes half of the way."""
    import numpy as np

    both = there[:-1] & there[1:]
    rises = both & (first[1:] > last[:-1] + 1)
    falls = both & (first[:-1] > last[1:] + 1)
    up, down = (last[:-1] + first[1:]) // 2, (first[:-1] + last[1:]) // 2
    last[:-1] = np.where(rises, up, last[:-1])
    first[1:] = np.where(rises, up + 1, first[1:])
    last[1:] = np.where(falls, down, last[1:])
    first[:-1] = np.where(falls, down + 1, first[:-1])


def right_labels(labels: Sequence[tuple[int, str, str]], rows: int) -> dict[int, tuple[str, str]]:
    """Each label in a row of its own, as near as can be to the row that it asks for, from the bottom: `(row, text,
    style)`. Where there are too many, those given first stay."""
    placed: dict[int, tuple[str, str]] = {}
    for row, text, style in labels[:rows]:
        near = sorted(range(rows), key=lambda at: abs(at - row))
        free = next(at for at in near if at not in placed)
        placed[free] = (text, style)
    return placed

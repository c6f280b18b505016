"""Sixel graphics: pixels that are painted over the cells, six rows at a time, in numbered colours.

https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Indices = npt.NDArray[np.uint8]  # [rows, columns] of colours
    Mask = npt.NDArray[np.bool_]  # [rows, columns]
    Palette = npt.NDArray[np.uint8]  # [colours, 3] red, green, blue, 0 to 255

BAND = 6  # rows
NOTHING = 63  # the character of six pixels that are left as they are
REPEATED = 4  # from so many alike on, a count is shorter
FULL = 100  # a colour's parts are given in percent


def sequence(indices: "Indices", palette: "Palette", painted: "Mask | None" = None) -> str:
    """The picture, a pixel of the terminal for each of its own. It is painted from the cursor's place on. Shorter for
    fewer colours and for larger areas of one colour. `painted`: which pixels are; the others stay as they are; None:
    all."""
    import numpy as np

    rows, columns = indices.shape
    mask = np.ones(indices.shape, bool) if painted is None else painted
    parts = [f'\x1bP0;1q"1;1;{columns};{rows}']
    for number, colour in enumerate((palette.astype(int) * FULL + 127) // 255):
        parts.append("#{};2;{};{};{}".format(number, *colour))
    for start in range(0, rows, BAND):
        parts.append(_band(indices[start : start + BAND], mask[start : start + BAND]))
    parts.append("\x1b\\")
    return "".join(parts)


def _band(rows: "Indices", painted: "Mask") -> str:
    """Up to six rows, then the next line: colour after colour, the most frequent first. What a later colour paints over
    may have any colour before, so that runs are long."""
    import numpy as np

    starts = _firsts_of_alike(rows, painted)
    lengths = np.diff(np.append(starts, rows.shape[1]))
    rows, painted = rows[:, starts], painted[:, starts]
    bits = (1 << np.arange(len(rows)))[:, None]
    counts = np.bincount(rows[painted], weights=np.broadcast_to(lengths, rows.shape)[painted])
    taken = (~painted * bits).sum(axis=0)  # of each column the pixels that have their colour already
    lines = []
    for colour in np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].tolist():
        wanted = (((rows == colour) & painted) * bits).sum(axis=0)
        lines.append(f"#{colour}" + _line(wanted.tolist(), taken.tolist(), lengths.tolist()))
        taken |= wanted
    return "$".join(lines) + "-"


def _firsts_of_alike(rows: "Indices", painted: "Mask") -> "npt.NDArray[np.int64]":
    """Of each stretch of columns that are alike, the first."""
    import numpy as np

    changes = (rows[:, 1:] != rows[:, :-1]) | (painted[:, 1:] != painted[:, :-1])
    return np.concatenate([[0], np.flatnonzero(changes.any(axis=0)) + 1])


def _line(wanted: list[int], taken: list[int], lengths: list[int]) -> str:
    """One colour's pixels: of each stretch of columns those that must have it, and those that must not. The others are
    free."""
    runs = []
    value = forbidden = length = 0
    for must, must_not, columns in zip(wanted, taken, lengths, strict=True):
        if (value | must) & (forbidden | must_not):
            runs.append((value, length))
            value = forbidden = length = 0
        value, forbidden, length = value | must, forbidden | must_not, length + columns
    if value:
        runs.append((value, length))
    return "".join(_run(NOTHING + value, length) for value, length in runs)


def _run(code: int, length: int) -> str:
    return f"!{length}{chr(code)}" if length >= REPEATED else chr(code) * length


def at(row: int, column: int, picture: str) -> str:
    """The picture with its upper left corner in a cell (both from 0); the cursor is where it was afterwards."""
    return f"\x1b7\x1b[{row + 1};{column + 1}H{picture}\x1b8"

"""Sixel graphics: pixels that are painted over the cells, six rows at a time, in numbered colours.

https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Indices = npt.NDArray[np.uint8]  # [rows, columns] of colours
    Palette = npt.NDArray[np.uint8]  # [colours, 3] red, green, blue, 0 to 255

BAND = 6  # rows
NOTHING = 63  # the character of six pixels that are left as they are
REPEATED = 4  # from so many alike on, a count is shorter
FULL = 100  # a colour's parts are given in percent


def sequence(indices: "Indices", palette: "Palette", *, scale: int = 1) -> str:
    """The picture, each of its pixels `scale` × `scale` pixels of the terminal, square. It is painted from the cursor's
    place on. Shorter for fewer colours and for larger areas of one colour."""
    import numpy as np

    rows, columns = indices.shape
    parts = [f'\x1bP0;1q"1;1;{columns * scale};{rows * scale}']
    for number, colour in enumerate((palette.astype(int) * FULL + 127) // 255):
        parts.append("#{};2;{};{};{}".format(number, *colour))
    tall = np.repeat(indices, scale, axis=0) if scale > 1 else indices
    for start in range(0, len(tall), BAND):
        parts.append(_band(tall[start : start + BAND], scale))
    parts.append("\x1b\\")
    return "".join(parts)


def _band(rows: "Indices", scale: int) -> str:
    """Up to six rows, then the next line: colour after colour, the most frequent first. What a later colour paints over
    may have any colour before, so that runs are long."""
    import numpy as np

    weights = (1 << np.arange(len(rows)))[:, None]
    colours, counts = np.unique(rows, return_counts=True)
    taken = np.zeros(rows.shape[1], int)  # of each column the pixels that have their colour already
    lines = []
    for colour in colours[np.argsort(-counts)].tolist():
        wanted = ((rows == colour) * weights).sum(axis=0)
        lines.append(f"#{colour}" + _line(wanted.tolist(), taken.tolist(), scale))
        taken |= wanted
    return "$".join(lines) + "-"


def _line(wanted: list[int], taken: list[int], scale: int) -> str:
    """One colour's pixels: of each column those that must have it, and those that must not. The others are free."""
    runs = []
    value = forbidden = length = 0
    for must, must_not in zip(wanted, taken, strict=True):
        if (value | must) & (forbidden | must_not):
            runs.append((value, length * scale))
            value = forbidden = length = 0
        value, forbidden, length = value | must, forbidden | must_not, length + 1
    if value:
        runs.append((value, length * scale))
    return "".join(_run(NOTHING + value, length) for value, length in runs)


def _run(code: int, length: int) -> str:
    return f"!{length}{chr(code)}" if length >= REPEATED else chr(code) * length


def at(row: int, column: int, picture: str) -> str:
    """The picture with its upper left corner in a cell (both from 0); the cursor is where it was afterwards."""
    return f"\x1b7\x1b[{row + 1};{column + 1}H{picture}\x1b8"

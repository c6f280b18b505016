"""How *Model* divides its lines between a table and the panel about what is chosen in it."""

from dataclasses import dataclass

WIDE = 110  # columns from which on the detail panel is always shown
DETAIL_LINES = 9  # of the detail panel, at least, below a table
STACKED = 0.6  # of the lines that a table may take which has the detail panel below it in a wide terminal
EDGES = 3  # lines of a table's panel beside its rows


@dataclass(frozen=True)
class Arrangement:
    """`stacked`: the detail panel stands below the table, else beside it. `height`: lines of the table's panel; None:
    all there are."""

    detail: bool
    stacked: bool = False
    height: int | None = None


def arranged(width: int, lines: int, rows: int, *, many_columns: bool, valueless: bool) -> Arrangement:
    """For a table of so many rows. The detail panel stands below a short one and one of many columns; beside a long
    one; in a narrow terminal only below one that leaves it room. `valueless`: it has little to say."""
    needed = rows + EDGES
    if width < WIDE:
        fits = needed + DETAIL_LINES <= lines
        return Arrangement(fits, fits, needed if fits else None)
    most = lines - DETAIL_LINES if valueless else int(STACKED * lines)
    stacked = needed <= most or many_columns
    return Arrangement(True, stacked, min(needed, most) if stacked else None)

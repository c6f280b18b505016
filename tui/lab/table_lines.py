"""The table of a data frame in the room there is: columns that do not fit are left out in its middle, as by pandas."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.lab.html_tables import Table
from tui.columns import fit, width_of
from tui.widgets.lines import padded

GAP = 2  # cells between columns
WIDEST = 32  # cells of a column, at most
LEFT_OUT = "…"


@dataclass(frozen=True)
class TableLines:
    """`heads` and `rows`: their lines. `shown` of `columns` are in them, without those that name the rows."""

    heads: list[str]
    rows: list[str]
    shown: int
    columns: int


def table_lines(table: Table, room: int) -> TableLines:
    """In lines of at most `room` cells. The columns that name the rows are always there."""
    every = [*table.heads, *table.rows]
    widths = [min(WIDEST, max(1, width_of(row[at] for row in every))) for at in range(len(every[0]))]
    index, values = list(range(table.index)), list(range(table.index, len(widths)))
    while index and sum(widths[at] + GAP for at in index) > room // 2 and max(widths[at] for at in index) > 4:
        longest = max(index, key=lambda at: widths[at])
        widths[longest] -= 1
    left = room - sum(widths[at] + GAP for at in index)
    first, last = _chosen([widths[at] for at in values], left)
    shown = [*values[:first], *values[len(values) - last :]]
    if values and not shown:
        shown, first, last = values[:1], 1, 0
        widths[shown[0]] = max(1, left - (GAP + len(LEFT_OUT) if len(values) > 1 else 0))
    gap_at = len(index) + first if len(shown) < len(values) else -1
    chosen = [*index, *shown]

    def line(row: Sequence[str]) -> str:
        parts = [padded(row[at], widths[at], right=at >= table.index) for at in chosen]
        if gap_at >= 0:
            parts.insert(gap_at, LEFT_OUT)
        return fit((" " * GAP).join(parts), room)

    return TableLines([line(row) for row in table.heads], [line(row) for row in table.rows], len(shown), len(values))


def _chosen(widths: Sequence[int], room: int) -> tuple[int, int]:
    """How many of the first and of the last columns there is room for, with an ellipsis between them where those are
    not all."""
    if not widths or sum(width + GAP for width in widths) - GAP <= room:
        return len(widths), 0
    first = last = 0
    left = room - len(LEFT_OUT)
    while True:
        at = first if first <= last else len(widths) - 1 - last
        left -= widths[at] + GAP
        if left < 0:
            return first, last
        first, last = (first + 1, last) if first <= last else (first, last + 1)

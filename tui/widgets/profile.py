"""The values of a vector as bars, above and below a line for zero, by their index."""

import math
from collections.abc import Sequence

from engine.digits import significant
from tui.widgets.lines import Line

MARGIN = 10  # cells for the numbers at the left
WIDEST = 8  # cells of a bar
LEAST = 4  # lines: two of bars, the axis and its numbers


def profile_lines(values: Sequence[float], count: int, width: int, height: int) -> list[Line]:
    """`height` lines of `width` cells: a bar for each of `values`, up from zero or down, as high as half a line is
    exact; what is not finite is "!". At the left the highest value, zero and the lowest, below the first and the last
    index. `values`: at most `width` less MARGIN; each the mean of its part of the vector, which has `count`. Nothing
    where there is no room."""
    finite = [value for value in values if math.isfinite(value)]
    rows = height - 2
    if rows < 2 or not finite:
        return []
    low, high = min(0.0, *finite), max(0.0, *finite)
    lowest = _label(low)
    labels = {0: _label(high), rows - 1: lowest}
    across = min(WIDEST, (width - MARGIN) // len(values))
    if across < 1:
        return []
    halves = 2 * rows
    largest = max(high, -low) or 1.0  # of which the others are shares: no number is too large, or too small
    values = [value / largest for value in values]
    high, low = high / largest, low / largest
    scale = (halves - (low < 0 < high)) / (high - low) if high > low else 0.0
    zero = round(high * scale)  # half lines above it
    at_zero = min(rows - 1, zero // 2)
    if low < 0 < high:
        labels[at_zero] = "0"
        labels[rows - 1] = lowest
    gap = " " if across > 2 else ""
    lines: list[Line] = []
    for row in range(rows):
        line: Line = [(f"{labels.get(row, ''):>{MARGIN - 1}} ", "dim")]
        for value in values:
            sign = _sign(value, row, zero, scale) if math.isfinite(value) else "!" if row == at_zero else " "
            line.append((sign * (across - len(gap)), "bad" if sign == "!" else "train"))
            line.append((gap, ""))
        lines.append(line)
    span = across * len(values)
    lines.append([(" " * MARGIN + "└" + "─" * max(0, span - 2) + "┘" * (span > 1), "dim")])
    last = str(count - 1) if count > 1 else ""
    lines.append([(" " * MARGIN + "0" + f"{last:>{span - 1}}" if span > 1 else " " * MARGIN + "0", "dim")])
    return lines


def _label(value: float) -> str:
    """To three digits, or where that has no room, as of -7.61e+135, to two."""
    text = significant(value, 3)
    return text if len(text) < MARGIN else significant(value, 2)


def _sign(value: float, row: int, zero: int, scale: float) -> str:
    """What a bar shows in a line."""
    tip = zero - round(value * scale)
    first, last = min(zero, tip), max(zero, tip)
    above, below = (first <= half < last for half in (2 * row, 2 * row + 1))
    return "█" if above and below else "▀" if above else "▄" if below else " "

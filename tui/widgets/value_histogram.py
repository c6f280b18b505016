"""A histogram several lines high, with the ends of its axis below."""

from collections.abc import Sequence

from engine.digits import significant
from tui.widgets.lines import Line, padded

BLOCKS = " ▁▂▃▄▅▆▇█"


def histogram_lines(counts: Sequence[int], low: float, high: float, width: int, height: int) -> list[Line]:
    """`height` lines and one for the axis, in `width` cells: each part of the counts as a bar, the largest the whole
    height; then the lowest and the highest value. No lines where nothing is counted."""
    most = max(counts, default=0)
    if not most or width < len(counts):
        return []
    across = width // len(counts)
    eighths = [0 if not count else max(1, round(8 * height * count / most)) for count in counts]
    lines: list[Line] = []
    for level in reversed(range(height)):
        cells = "".join(BLOCKS[max(0, min(8, one - 8 * level))] * across for one in eighths)
        lines.append([(cells, "train")])
    left, right = significant(low, 3), significant(high, 3)
    span = across * len(counts)
    return [*lines, [(left + padded(right, span - len(left), right=True), "dim")]]

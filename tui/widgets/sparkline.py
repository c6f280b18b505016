"""A curve in one line of text."""

import itertools
import math
from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], cells: int) -> str:
    """The curve from its lowest value to its highest, in as many cells as it has values, at most so many: then each is
    the mean of a stretch. Values that are not finite are left out."""
    there = [value for value in values if math.isfinite(value)]
    if not there or cells < 1:
        return ""
    if len(there) > cells:
        edges = [round(at * len(there) / cells) for at in range(cells + 1)]
        there = [sum(there[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(there), max(there)
    span = high - low or 1.0
    return "".join(LEVELS[min(len(LEVELS) - 1, int(len(LEVELS) * (value - low) / span))] for value in there)

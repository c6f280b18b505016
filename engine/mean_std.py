"""The mean of some results and their standard deviation. Imports no torch."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class MeanStd:
    """The mean of some runs' results and their standard deviation."""

    mean: float
    std: float | None  # of a sample (n - 1 below); None: of one run
    count: int


def mean_std(values: Sequence[float | None]) -> MeanStd | None:
    """Of the values that are finite numbers; None where there are none."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    return MeanStd(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None, len(known))

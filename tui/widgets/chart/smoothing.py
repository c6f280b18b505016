"""Exponential smoothing, debiased as TensorBoard's."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats, Series


def smoothed(values: "Floats", weight: float) -> "Floats":
    """Each value's exponential mean over itself and all before it: those before count `weight` times as much for each
    value since. What the zero that it begins with adds is taken out. What is not finite is left out of it and stays."""
    import numpy as np

    found = np.array(values, dtype=np.float64)
    total = bias = 0.0
    for at, value in enumerate(found.tolist()):
        if value - value == 0:  # finite
            total = weight * total + (1 - weight) * value
            bias = weight * bias + 1 - weight
            found[at] = total / bias
    return found


def smooth_line(series: "Series", weight: float) -> "Floats":
    """The series' values smoothed: as it knows them itself, of all values before thinning, else of its points."""
    return series.smoothed[weight] if weight in series.smoothed else smoothed(series.mean, weight)

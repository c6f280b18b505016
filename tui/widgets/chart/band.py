"""The mean of several runs, such as those of one setting with several seeds, with the band that they fill."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from tui.widgets.chart.series import Counted, Places, Series
from tui.widgets.chart.smoothing import smooth_line
from tui.widgets.chart.view import SMOOTHINGS

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats

Band = Literal["range", "deviation"]


def mean_with_band(series: Sequence[Series], name: str, *, style: str, sign: str = "", band: Band = "range") -> Series:
    """The mean of the series, from the epoch on at which all of them have begun. From where one ends, the mean is of
    those that go on: `Series.counted` says of how many. It is at the places of the one with the most points, and at
    the ends; the others are taken between their points. `band`: from the lowest to the highest of them, or the mean
    plus and minus the standard deviation of a sample (over n - 1). Of one series the band is the line; all is empty
    where no epoch is in all of them.

    Smoothing smooths each run, then takes the mean.
    """
    import numpy as np

    series = [one for one in series if len(one)]
    first = max((float(one.places.epoch[0]) for one in series), default=0.0)
    ends = np.array([float(one.places.epoch[-1]) for one in series])
    if not series or ends.min() < first:
        empty = np.zeros(0)
        return Series(name, Places(empty, empty, empty), empty, empty, empty, style=style, sign=sign, band=True)
    epochs = _places(series, first)
    there = epochs <= ends[:, np.newaxis]  # [series, places]
    runs = there.sum(axis=0)

    def mean_of(values: "Sequence[Floats]") -> "Floats":
        at = np.array([np.interp(epochs, one.places.epoch, own) for one, own in zip(series, values, strict=True)])
        found: Floats = np.where(there, at, 0.0).sum(axis=0) / runs
        return found

    values = np.array([np.interp(epochs, one.places.epoch, one.mean) for one in series])
    mean = mean_of([one.mean for one in series])
    low = np.where(there, values, np.inf).min(axis=0)
    high = np.where(there, values, -np.inf).max(axis=0)
    if band == "deviation":
        squares = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0)
        deviation = np.sqrt(squares / np.maximum(1, runs - 1))
        low, high = mean - deviation, mean + deviation
    step, time = (mean_of([one.places.along(axis) for one in series]) for axis in ("step", "time"))
    # Where a slow run ends, the mean of the times would go back.
    places = Places(epochs, np.maximum.accumulate(step), np.maximum.accumulate(time))
    smoothed = {weight: mean_of([smooth_line(one, weight) for one in series]) for weight in SMOOTHINGS if weight}
    return Series(
        name, places, mean, low, high, smoothed, style=style, sign=sign, band=True, text=series[0].text,
        counted=_counted(ends.tolist()),
    )  # fmt: skip


def _places(series: Sequence[Series], first: float) -> "Floats":
    """The epochs from `first` on at which the mean is taken: those of the one with the most points, beyond its end
    those of the next that goes on, and each one's end."""
    import numpy as np

    found, reached = list["Floats"](), -np.inf
    for one in sorted(series, key=len, reverse=True):
        own = one.places.epoch
        found += [own[(own >= first) & (own > reached)], own[-1:]]
        reached = max(reached, float(own[-1]))
    return np.unique(np.concatenate(found))


def _counted(ends: Sequence[float]) -> tuple[Counted, ...]:
    """Of how many runs the mean is, from which of their ends on."""
    before = sorted(set(ends))[:-1]
    return Counted(-math.inf, len(ends)), *(Counted(end, sum(one > end for one in ends)) for end in before)

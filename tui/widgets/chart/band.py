"""The mean of several runs, such as those of one setting with several seeds, with the band that they fill."""

from collections.abc import Sequence
from typing import Literal

from tui.widgets.chart.series import Places, Series
from tui.widgets.chart.smoothing import smooth_line
from tui.widgets.chart.view import SMOOTHINGS

Band = Literal["range", "deviation"]


def mean_with_band(series: Sequence[Series], name: str, *, style: str, sign: str = "", band: Band = "range") -> Series:
    """The mean over the epochs that all of the series have, at the places of the one with the most points, the others
    between their points. `band`: from the lowest to the highest of them, or the mean plus and minus the standard
    deviation of a sample (over n - 1). With one series the band is the line; it is empty without an epoch that all
    have.

    Smoothing smooths each run, then takes the mean.
    """
    import numpy as np

    series = [one for one in series if len(one)]
    if not series:
        empty = np.zeros(0)
        return Series(name, Places(empty, empty, empty), empty, empty, empty, style=style, sign=sign, band=True)
    first = max(float(one.places.epoch[0]) for one in series)
    last = min(float(one.places.epoch[-1]) for one in series)
    finest = max(series, key=len).places.epoch
    epochs = finest[(finest >= first) & (finest <= last)]

    def at(one: Series, values: "np.typing.NDArray[np.float64]") -> "np.typing.NDArray[np.float64]":
        return np.interp(epochs, one.places.epoch, values)

    values = np.array([at(one, one.mean) for one in series])
    mean = values.mean(axis=0)
    low, high = values.min(axis=0), values.max(axis=0)
    if band == "deviation":
        deviation = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
        low, high = mean - deviation, mean + deviation
    step, time = (
        np.array([at(one, along) for one, along in zip(series, all_along, strict=True)]).mean(axis=0)
        for all_along in ([one.places.step for one in series], [one.places.time for one in series])
    )
    smoothed = {
        weight: np.array([at(one, smooth_line(one, weight)) for one in series]).mean(axis=0)
        for weight in SMOOTHINGS
        if weight
    }
    places = Places(epochs, step, time)
    return Series(name, places, mean, low, high, smoothed, style=style, sign=sign, band=True, text=series[0].text)

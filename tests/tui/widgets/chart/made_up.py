"""Series, charts and plots for the tests of charts."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tui.widgets.chart.plot import Plot, plot
from tui.widgets.chart.series import Chart, Place, Places, Series
from tui.widgets.chart.view import View

Numbers = Sequence[float]


def line(x: Numbers, y: Numbers, high: Numbers | None = None, **how: Any) -> Series:
    """A series whose epochs are `x`; an epoch has 100 steps and takes 10 seconds."""
    epochs, low = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
    top = low if high is None else np.array(high, dtype=np.float64)
    given: dict[str, Any] = {"name": "train", **how}
    return Series(places=Places(epochs, 100 * epochs, 10 * epochs), mean=low / 2 + top / 2, low=low, high=top, **given)


def dots(x: Numbers, y: Numbers, **how: Any) -> Series:
    return line(x, y, **{"name": "test", "style": "test", "dots": True, **how})


def falling(points: int, epochs: float = 10.0, **how: Any) -> Series:
    x = [epochs * (at + 1) / points for at in range(points)]
    return line(x, [2 * math.exp(-one / 3) for one in x], [2.1 * math.exp(-one / 3) + 0.1 for one in x], **how)


def chart(*series: Series, epochs: float = 10.0, **how: Any) -> Chart:
    return replace(Chart(series=series, end=Place(epochs, 100 * epochs, 10 * epochs)), **how)


def drawn(shown: Chart, width: int = 70, height: int = 14, *, ascii_only: bool = False, **view: Any) -> Plot:
    """A window stays where it is, unless it is to `follow`."""
    return plot(shown, View(**{"follow": False, **view}), width, height, ascii_only=ascii_only)


def is_braille(character: str) -> bool:
    return "⠀" < character <= "⣿"


def canvas(plotted: Plot) -> list[str]:
    """What is between the y axis and the right edge's values, from the bottom."""
    return [row[plotted.left : plotted.left + plotted.x.cells] for row in plotted.text()[:-2]][::-1]


def ticks(plotted: Plot) -> list[tuple[int, float]]:
    """Row from the bottom and number of each tick of y, from the bottom."""
    rows = plotted.text()[:-2][::-1]
    return [(at, float(row.split("┤")[0].replace(",", ""))) for at, row in enumerate(rows) if "┤" in row]


def names_of_x(plotted: Plot) -> list[str]:
    """The names below the x axis."""
    return plotted.text()[-1][plotted.left : plotted.left + plotted.x.cells].split()

"""What stands at the cursor: each series' value there, the place, and the marks."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.widgets.chart.series import Chart, Mark, Place, Series
from tui.widgets.chart.smoothing import smooth_line
from tui.widgets.chart.view import View

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats


@dataclass(frozen=True)
class Reading:
    """One series at the cursor."""

    name: str
    words: str  # its value; "–" where it has none there
    style: str
    sign: str


@dataclass(frozen=True)
class Readout:
    """`place`: of the point that is nearest to the cursor, of any series."""

    place: Place
    readings: tuple[Reading, ...]  # of the series that are drawn
    also: tuple[Reading, ...]  # of the others
    marks: tuple[Mark, ...]


def readout(chart: Chart, view: View, reach: float) -> Readout | None:
    """None without a cursor, or where there is no point to read. `reach`: half a column, in units of the x axis; marks
    further away are not at the cursor."""
    cursor = view.cursor
    lines = [one for one in chart.series if len(one) and not one.parent]
    if cursor is None or not lines:
        return None
    known = [*lines, *(one for one in chart.also if len(one))]  # what is drawn may have a point at each epoch alone
    nearest = min(
        (_nearest(one, view, cursor) for one in known), key=lambda place: abs(place.along(view.x_axis) - cursor)
    )
    return Readout(
        nearest,
        tuple(_reading(one, view, cursor, reach, in_a_run=not chart.x_name) for one in chart.series),
        tuple(_reading(one, replace(view, smoothing=0.0), cursor, reach) for one in chart.also),
        tuple(mark for mark in chart.marks if abs(mark.place.along(view.x_axis) - cursor) <= reach),
    )


def index_at(series: Series, view: View, cursor: float, reach: float) -> int | None:
    """The point that is read at the cursor: of a line the nearest, of dots the last one at or before it; None where the
    line has not begun or has ended."""
    import numpy as np

    x = series.places.along(view.x_axis)
    if not len(x):
        return None
    at = int(np.searchsorted(x, cursor + reach if series.dots else cursor, side="right"))
    if series.dots:
        return at - 1 if at else None
    if cursor < x[0] - max(reach, _apart(x, 0)) or cursor > x[-1] + max(reach, _apart(x, len(x) - 2)):
        return None
    return min((at - 1, at), key=lambda one: abs(x[one] - cursor) if 0 <= one < len(x) else float("inf"))


def _reading(series: Series, view: View, cursor: float, reach: float, *, in_a_run: bool = True) -> Reading:
    """`in_a_run`: whether x are places in a run; else a dot's own words say where it is."""
    at = index_at(series, view, cursor, reach)
    if at is None:
        return Reading(series.label, "–", series.style, series.sign)
    words = series.text(float(series.mean[at]))
    among = f", of {series.runs_at(float(series.places.epoch[at]))}" if len(series.counted) > 1 else ""
    if view.smoothing and not series.dots:
        smooth = float(smooth_line(series, view.smoothing)[at])
        words = f"{series.text(smooth)} (raw {words})"
    elif series.dots:
        x = series.places.along(view.x_axis)[at]
        if in_a_run and abs(x - cursor) > reach:
            words += f" (epoch {series.places.epoch[at]:g})"
    return Reading(series.label, words + among, series.style, series.sign)


def _nearest(series: Series, view: View, cursor: float) -> Place:
    import numpy as np

    at = int(np.argmin(np.abs(series.places.along(view.x_axis) - cursor)))
    return Place(*(float(along[at]) for along in series.places))


def _apart(x: "Floats", at: int) -> float:
    """How far two neighbouring points are apart."""
    return float(x[at + 1] - x[at]) if 0 <= at < len(x) - 1 else 0.0

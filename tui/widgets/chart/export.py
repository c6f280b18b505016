"""A chart in a file: its numbers as CSV, or a picture as one would print it, by matplotlib."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import PathError
from tui.widgets.chart.plot import extent_of
from tui.widgets.chart.series import Chart, Series
from tui.widgets.chart.smoothing import smooth_line
from tui.widgets.chart.view import View, window_of

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats

PICTURES = (".png", ".svg", ".pdf")
COLUMNS = ("series", "epoch", "step", "seconds", "value", "lowest", "highest", "smoothed")
SIZE = (6.4, 4.0)  # inches
DPI = 200
MARKERS = "osD^vP*Xhp<>"  # of runs that lie over each other
MARKERS_SHOWN = 12  # on a line


def check_ending(path: Path) -> None:
    """Raises PathError where a file of that ending can't be made."""
    ending = path.suffix.lower()
    if ending != ".csv" and ending not in PICTURES:
        raise PathError(f"end the name in .csv for the numbers, or in {', '.join(PICTURES)} for a picture")


def export(path: Path, chart: Chart, view: View) -> None:
    """Write what the view shows of the chart. Raises PathError; a file that is there already stays as it is."""
    check_ending(path)
    content = csv_text(chart, view).encode() if path.suffix.lower() == ".csv" else picture(path, chart, view)
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        raise PathError(f"{path} is there already; give another name") from None
    except OSError as error:
        raise PathError(f"{path} can't be written ({error.strerror or error})") from None


def csv_text(chart: Chart, view: View) -> str:
    """A line for each point in the window. `lowest` and `highest` are those of the values that the point stands for;
    `smoothed` is empty where the view does not smooth."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for series in chart.series:
        part = _in_window(chart, view, series)
        smooth = smooth_line(series, view.smoothing)[part] if view.smoothing else None
        columns = (*series.places, series.mean, series.low, series.high)
        for at, numbers in enumerate(zip(*(column[part].tolist() for column in columns), strict=True)):
            smoothed = "" if smooth is None else _number(float(smooth[at]))
            name = series.label
            writer.writerow([name, *map(_number, numbers), smoothed])
    return text.getvalue()


def picture(path: Path, chart: Chart, view: View) -> bytes:
    """The chart as matplotlib draws it, in the format that the path's ending names."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    shown = [one for one in chart.series if len(one)]
    styles = list(dict.fromkeys(one.style for one in shown if not one.parent))  # a run has one colour and one marker
    for series in shown:
        _draw(axes, chart, view, series, 0 if series.parent else styles.index(series.style))
    for mark in chart.marks:
        if mark.kind != "checkpoint":
            axes.axvline(mark.place.along(view.x_axis), color="0.6", linewidth=0.8, linestyle=":")
    start, end = window_of(view, extent_of(chart, view))
    if view.log_x:
        axes.set_xscale("log")
    else:
        axes.set_xlim(start, end if view.window is not None else min(end, chart.newest.along(view.x_axis) * 1.02))
    if view.log_y and chart.log:
        axes.set_yscale("log")
    axes.set_xlabel({"epoch": "epoch", "step": "step", "time": "seconds of training"}[view.x_axis])
    axes.set_ylabel(chart.title)
    axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.legend(frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix.lower()[1:])
    return content.getvalue()


def _draw(axes: Any, chart: Chart, view: View, series: Series, number: int) -> None:
    part = _in_window(chart, view, series)
    x, y = series.places.along(view.x_axis)[part], series.mean[part]
    color = "0.6" if series.parent else f"C{number % 10}"
    name = series.label
    if series.dots and not series.joined:
        marker = MARKERS[number % len(MARKERS)] if chart.overlaid else "o"
        axes.plot(x, y, color=color, linestyle="", marker=marker, markersize=5, markerfacecolor="white", label=name)
        return
    if series.band:
        axes.fill_between(x, series.low[part], series.high[part], color=color, alpha=0.2, linewidth=0)
    elif view.smoothing:
        axes.plot(x, y, color=color, alpha=0.3, linewidth=0.7)
    if view.smoothing:
        y = smooth_line(series, view.smoothing)[part]
    marker = MARKERS[number % len(MARKERS)] if chart.overlaid else "o" if series.dots else ""
    every = 1 if series.dots else max(1, len(x) // MARKERS_SHOWN)
    axes.plot(x, y, color=color, linewidth=1.2, marker=marker, markevery=every, markersize=4, label=name)


def _in_window(chart: Chart, view: View, series: Series) -> slice:
    import numpy as np

    start, end = window_of(view, extent_of(chart, view))
    x: Floats = series.places.along(view.x_axis)
    return slice(int(np.searchsorted(x, start, "left")), int(np.searchsorted(x, end, "right")))


def _number(value: float) -> str:
    """As short as it can be without losing a digit."""
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)

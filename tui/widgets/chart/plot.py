"""Draws a chart as lines of text. plotext draws the axes, `Canvas` the curves: everything stands within half a braille
dot of where the ticks have it. plotext is imported with the first drawing, or before, by `preload` in a thread: 0.2 s.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.digits import short_exponent
from tui.columns import fit
from tui.widgets.chart import axes
from tui.widgets.chart.axes import Axis
from tui.widgets.chart.canvas import Canvas, right_labels
from tui.widgets.chart.series import Chart, Series
from tui.widgets.chart.smoothing import smooth_line
from tui.widgets.chart.view import Extent, View, window_of
from tui.widgets.lines import Line

if TYPE_CHECKING:
    from tui.widgets.chart.series import Floats

DOT, MARK, GUIDE, EDIT, SAVED, CURSOR = "⠿", "✗", "┊", "▽", "▵", "│"
PARENT = "·"  # the curve of the run that this one branched off from
MARKS = {"edit": (EDIT, "edit"), "not finite": (MARK, "bad"), "checkpoint": (SAVED, "dim")}
MIN_WIDTH, MIN_HEIGHT = 24, 6
LEFT, RIGHT = 7, 9  # columns beside every chart, so that those below each other have their x in the same columns
NARROW_LEFT = 5  # the same beside charts that are too narrow for the newest values; only longer names take more
ROOM_FOR_RIGHT = 60  # columns from which the newest values stand beside the chart
LARGEST = 1e300  # what is beyond is not drawn, as what is not finite
MARKS_EVERY = 4  # cells for each checkpoint, at least
USUAL = 0.95  # of a series' values: what only the rest are may lie beyond the axis
DOTS_UP = 4  # of a cell
FEW = 4  # one of so many series may go beyond the axis, or one of twice as many two: where trials diverge, some do
FLAT = 4  # times as high as the middle one's maximum, a series leaves the others less than a quarter of the chart
SIGN_EVERY = 24  # cells between two signs of a curve; its end has one too


@dataclass(frozen=True)
class Plot:
    """A chart as rows of styled text."""

    rows: list[Line]
    x: Axis
    y: Axis
    left: int  # columns before the canvas
    dots: frozenset[tuple[int, int]]  # row and column, on the screen, of what stands for dots
    beyond: bool = False  # whether values lie beyond the y axis, which would make the others flat

    def text(self) -> list[str]:
        """The rows without their styles."""
        return ["".join(piece for piece, _ in row) for row in self.rows]


@dataclass(frozen=True)
class _Part:
    """What of a series is in the window, a point more at either side."""

    series: Series
    x: "Floats"
    low: "Floats"
    mean: "Floats"
    high: "Floats"
    smooth: "Floats"
    seen: slice  # those that are in the window


def extent_of(chart: Chart, view: View) -> Extent:
    """The whole of a chart's x axis."""
    newest = chart.newest.along(view.x_axis)
    return Extent(0.0, max(chart.end.along(view.x_axis), newest, 1e-9), newest)


def plot(chart: Chart, view: View, width: int, height: int, *, ascii_only: bool = False) -> Plot:
    """The chart in so many columns and rows."""
    start, end = window_of(view, extent_of(chart, view))
    rows = height - 2  # the axis and its names
    right = RIGHT if width >= ROOM_FOR_RIGHT else 0
    if right and view.window is not None and not view.log_x:  # the axis may go on beyond the window: so do the lines
        start, end = axes.across(start, end, width - LEFT - 1 - right, view.x_axis).ends
        start = max(0.0, start)
    parts = [part for one in chart.series if (part := _part(one, view, start, end, log_y=view.log_y and chart.log))]
    y, beyond = _y_axis(parts, (start, end), rows, chart, log=view.log_y and chart.log)
    left = LEFT if right else max(NARROW_LEFT, *map(len, y.names))
    x = _x_axis(view, parts, *window_of(view, extent_of(chart, view)), width - left - 1 - right)
    canvas = Canvas(x, y, ascii_only)
    for mark in (mark for mark in chart.marks if mark.kind == "not finite"):  # where the trouble began
        if (column := _column(x, mark.place.along(view.x_axis))) is not None:
            for row in range(rows):
                canvas.put(row, column, GUIDE, "bad")
        break
    dots = [cell for cells in _draw(canvas, parts, view, overlaid=chart.overlaid) for cell in cells]
    saved = sum(mark.kind == "checkpoint" for mark in chart.marks)
    for mark in chart.marks:
        if mark.kind == "checkpoint" and saved > x.cells / MARKS_EVERY:  # a row of them says nothing
            continue
        if (column := _column(x, mark.place.along(view.x_axis))) is not None:
            sign, style = MARKS[mark.kind]
            row = 0 if mark.kind == "checkpoint" else rows - 1
            if mark.kind != "checkpoint" or canvas.characters[row][column] == " ":  # no result is hidden by one
                canvas.put(row, column, sign, style)
    if view.cursor is not None and (column := _column(x, view.cursor)) is not None:
        for row in range(rows):
            sign = canvas.characters[row][column]
            canvas.put(row, column, CURSOR if sign == " " else sign, "cursor")
    labels = right_labels(list(_labels(parts, y, overlaid=chart.overlaid)), rows) if right else {}
    drawn = []
    for number, frame in enumerate(_frame(x, y, left, height)):
        row = rows - 1 - number
        pieces: Line = [(frame[: left + 1], "dim")]
        if row >= 0:
            pieces += _pieces(canvas.characters[row], canvas.styles[row])
            text, style = labels.get(row, ("", ""))
        else:
            pieces.append((frame[left + 1 :].ljust(x.cells)[: x.cells], "dim"))
            text, style = (chart.x_name or _unit(view, end), "dim") if row == -2 else ("", "")
        if right:
            pieces.append((f" {text}".ljust(right), style))
        drawn.append(pieces)
    places = frozenset((rows - 1 - row, left + 1 + column) for row, column in dots)
    return Plot(drawn, x, y, left + 1, places, beyond)


def preload() -> None:
    """Import what the first chart needs; for a thread."""
    import numpy  # noqa: F401
    import textual_plotext.plot  # noqa: F401


def _part(series: Series, view: View, start: float, end: float, *, log_y: bool) -> _Part | None:
    """What of a series can be drawn in the window; None where there is nothing."""
    import numpy as np

    x = series.places.along(view.x_axis)
    first, last = int(np.searchsorted(x, start, "left")), int(np.searchsorted(x, end, "right"))
    near = slice(max(0, first - 1), min(len(x), last + 1))
    x, low, mean, high = x[near], series.low[near], series.mean[near], series.high[near]
    smooth = smooth_line(series, view.smoothing)[near] if view.smoothing else mean
    good = (np.abs(low) < LARGEST) & (np.abs(high) < LARGEST)  # NaN is not either
    if log_y:
        good &= (low > 0) & (smooth > 0)
    if view.log_x:
        good &= x > 0
    x, low, mean, high, smooth = x[good], low[good], mean[good], high[good], smooth[good]
    if not len(x):
        return None
    seen = slice(int(np.searchsorted(x, start, "left")), int(np.searchsorted(x, end, "right")))
    return _Part(series, x, low, mean, high, smooth, seen)


def _y_axis(
    parts: list[_Part], window: tuple[float, float], rows: int, chart: Chart, *, log: bool
) -> tuple[Axis, bool]:
    """For what is in the window, the lines at its edges too; and whether values are left out that would flatten the
    rest."""
    import numpy as np

    values: list[float] = []
    limit = math.inf if log or math.isfinite(chart.ceiling) else _limit(parts, rows)
    beyond = False
    for part in parts:
        low, high = part.low[part.seen], part.high[part.seen]
        near = (np.abs(low) <= limit) & (np.abs(high) <= limit)
        beyond = beyond or not bool(near.all())
        if near.any():
            values += [float(low[near].min()), float(high[near].max())]
        if not part.series.dots or part.series.joined:
            edges = np.clip(window, part.x[0], part.x[-1])
            values += [value for value in np.interp(edges, part.x, part.mean).tolist() if abs(value) <= limit]
    return _short(axes.logarithmic(values, rows) if log else axes.linear(values, rows, chart.ceiling)), beyond


def _limit(parts: list[_Part], rows: int) -> float:
    """How large a value may be before what most series show lies within a single dot of an axis that holds it: of a run
    that diverged beside others that did not, or of a spike. Where only a few of many series leave the others less than
    a quarter of the chart, the highest value of the others."""
    import numpy as np

    usual = sorted(float(np.quantile(np.abs(part.mean[part.seen]), USUAL)) for part in parts if len(part.x[part.seen]))
    middle = usual[(len(usual) - 1) // 2] if usual else 0.0
    limit = middle * rows * DOTS_UP if middle else math.inf
    highest = sorted(_highest(part, limit) for part in parts)
    most = FLAT * highest[(len(highest) - 1) // 2] if highest else 0.0
    others = [high for high in highest if high <= most]
    if most and len(highest) - len(others) <= len(highest) // FEW:
        limit = min(limit, others[-1])
    return limit


def _highest(part: _Part, limit: float) -> float:
    """The highest value in the window of those within the limit; 0 where none is."""
    import numpy as np

    values = np.maximum(np.abs(part.low[part.seen]), np.abs(part.high[part.seen]))
    return float(values[values <= limit].max(initial=0.0))


def _x_axis(view: View, parts: list[_Part], start: float, end: float, cells: int) -> Axis:
    if view.log_x:
        smallest = min((float(part.x[0]) for part in parts), default=end / 100)
        low = max(start, smallest)
        return axes.logarithmic([low, max(end, low * 1.01)], cells, across=True)
    return axes.across(start, end, cells, view.x_axis)


def _draw(canvas: Canvas, parts: list[_Part], view: View, *, overlaid: bool) -> Iterator[list[tuple[int, int]]]:
    """The series, and the cells of their dots: first what lies below."""
    for part in parts:
        if part.series.parent:
            canvas.signs(part.x, part.mean, PARENT, "parent")
        elif part.series.band:
            canvas.band(part.x, part.low, part.high, f"{part.series.style}_faint")
    lines = [part for part in parts if not part.series.parent and (not part.series.dots or part.series.joined)]
    if view.smoothing:
        for part in lines:
            if not part.series.band:
                canvas.line(part.x, part.low, part.mean, part.high, f"{part.series.style}_faint", ".")
    number = 0
    for part in lines:
        thin = view.smoothing or part.series.band
        low, high = (part.smooth, part.smooth) if thin else (part.low, part.high)
        heights = canvas.line(part.x, low, part.smooth, high, part.series.style, "." if part.series.dots else "*")
        if overlaid and part.series.sign:
            drawn = [column for column, row in enumerate(heights) if 0 <= row < canvas.y.cells]
            for column in {*range((7 * number + 3) % SIGN_EVERY, canvas.x.cells, SIGN_EVERY), *drawn[-1:]} & {*drawn}:
                canvas.put(int(heights[column]), column, part.series.sign, part.series.style)
            if not drawn:  # it begins and ends in one column
                canvas.signs(part.x[-1:], part.smooth[-1:], part.series.sign, part.series.style)
            number += 1
    for part in parts:
        if part.series.dots and not part.series.parent:
            if part.series.sign:
                yield canvas.signs(part.x, part.mean, part.series.sign, part.series.style)
            else:
                yield canvas.dots(part.x, part.mean, part.series.style)


def _labels(parts: list[_Part], y: Axis, *, overlaid: bool) -> Iterator[tuple[int, str, str]]:
    """The last value in the window of each series."""
    for part in parts:
        seen = part.mean if part.series.dots else part.smooth
        if part.series.parent or not len(seen[part.seen]) or (part.series.dots and overlaid and not part.series.joined):
            continue
        value = float(seen[part.seen][-1])
        sign = f"{part.series.sign} " if part.series.sign else ""
        yield y.cell(value), f"{sign}{_number(part.series.text(value), RIGHT - 1 - len(sign))}", part.series.style


def _frame(x: Axis, y: Axis, left: int, height: int) -> list[str]:
    """The axes, drawn by plotext: it gets whole cells, so that each tick stands in the middle of its own."""
    from textual_plotext.plot import Plot as Figure

    figure: Any = Figure()
    figure._set_size(left + 1 + x.cells, height)  # plotsize() would cut it to the terminal of the process
    figure.theme("clear")
    figure.xaxes(True, False)
    figure.yaxes(True, False)
    figure.xlim(0, max(1, x.cells - 1))
    figure.ylim(0, max(1, y.cells - 1))
    figure.scatter([-9.0], [0.0], marker=" ")  # without any data plotext draws no axes
    figure.yticks([float(cell) for cell in y.tick_cells], [name.rjust(left) for name in y.names])
    figure.xticks([float(cell) for cell in x.tick_cells], x.names)
    return [row.removesuffix("\x1b[0m") for row in figure.build().split("\n")[:height]]


def _short(axis: Axis) -> Axis:
    """With names that fit beside every chart."""
    names = tuple(
        name if len(name) <= LEFT else short_exponent(f"{float(name.replace(',', '')):.1e}")[:LEFT]
        for name in axis.names
    )
    return replace(axis, names=names)


def _number(text: str, width: int) -> str:
    """The text of a number in so many columns: without its unit, which the title has, or with fewer digits and a
    shorter exponent where it has one."""
    number = text.split(" ")[0]
    if len(text) <= width or "e" not in number:
        return text if len(text) <= width else fit(number, width)
    text = number
    for digits in (4, 3, 2, 1):
        mantissa, _, exponent = f"{float(text):.{digits - 1}e}".partition("e")
        if len(short := f"{mantissa}e{int(exponent)}") <= width:
            return short
    return fit(text, width)


def _column(x: Axis, value: float) -> int | None:
    """The column of a place, where it is on the canvas."""
    if x.log and value <= 0:
        return None
    column = math.floor(x.place(value))
    return column if 0 <= column < x.cells else None


def _unit(view: View, end: float) -> str:
    if view.x_axis == "time":
        return "seconds" if view.log_x else axes.time_unit(end)
    return f"{view.x_axis}s"


def _pieces(characters: list[str], styles: list[str]) -> Line:
    """A row in pieces of one style each."""
    pieces: Line = []
    for character, style in zip(characters, styles, strict=True):
        if pieces and (character == " " or pieces[-1][1] == style):
            pieces[-1] = (pieces[-1][0] + character, pieces[-1][1])
        else:
            pieces.append((character, style))
    return pieces

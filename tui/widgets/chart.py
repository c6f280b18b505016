"""A chart by epoch: a line, points, and marks for steps and edits.

plotext draws (a figure of its own for each chart), `Lines` sends what changed. plotext is imported with the first
drawing, or before, by `preload` in a thread: 0.2 s.
"""

import locale
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tui.widgets.lines import Line, Lines, fit

DOT, MARK, GUIDE, EDIT, CURSOR = "●", "✗", "┊", "▽", "┃"
PARENT = "·"  # the curve of the run that this one branched off from
MIN_WIDTH, MIN_HEIGHT = 24, 6
_ASCII = str.maketrans("┌┐└┘─│┤┬●✗┊▽┃–…·⠤⠒", "++++-|++ox:v|-..**")


@dataclass(frozen=True)
class Chart:
    """What to draw. x is in epochs; nothing non-finite but in `marks`."""

    title: str = ""
    line: tuple[tuple[float, float, float], ...] = ()  # x, low, high
    line_name: str = ""
    dots: tuple[tuple[float, float], ...] = ()  # x, y
    dots_name: str = ""
    joined: bool = False  # a line through the dots
    marks: tuple[float, ...] = ()  # x of each step whose loss was not finite
    edits: tuple[float, ...] = ()  # x of each change of a setting
    parent: tuple[tuple[float, float, float], ...] = ()  # x, low, high of the run that it branched off from
    parent_dots: tuple[tuple[float, float], ...] = ()
    cursor: float | None = None  # x of the chosen checkpoint
    x_limit: float = 1.0
    log_y: bool = False
    ceiling: float = math.inf  # y never needs more: 100 for percents


def round_limit(epochs: int, x: float) -> float:
    """The right end of an axis: all `epochs` where they are few; else 5, 10, 20, 50, … so that it holds `x` and seldom
    changes."""
    if epochs <= 10:
        return max(1, epochs)
    return float(min(epochs, next(limit for limit in _round_numbers(5) if limit >= x)))


class ChartView(Lines):
    """Draws a `Chart`: a title with the key to the signs, then the plot."""

    DEFAULT_CSS = "ChartView { height: 1fr; width: 1fr; }"
    interval = 1.0

    def __init__(self, *, id: str | None = None, classes: str | None = None, ascii_only: bool | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._chart = Chart()
        self._ascii = _plain_terminal() if ascii_only is None else ascii_only

    def show(self, chart: Chart, *, now: bool = False) -> None:
        if chart != self._chart:
            first = not (self._chart.line or self._chart.dots)
            self._chart = chart
            self.repaint(now=now or first)

    def paint(self, width: int, height: int) -> list[Line]:
        title = _title(self._chart, width)
        if width < MIN_WIDTH or height < MIN_HEIGHT:
            return [title, [(fit("too small for a chart", width), "dim")]]
        lines = [title, *(_styled(row) for row in draw(self._chart, width, height - 1, self._ascii))]
        if self._ascii:
            lines = [[(text.translate(_ASCII), style) for text, style in line] for line in lines]
        return lines


def draw(chart: Chart, width: int, height: int, ascii_only: bool = False) -> list[str]:
    """The plot as rows of text: braille for the line, DOT, MARK and GUIDE for the rest. 2 to 7 ms."""
    from textual_plotext.plot import Plot

    line = thin(chart.line, chart.x_limit, width)
    dots = [(x, y) for x, y in chart.dots if math.isfinite(y)]
    parent = [point for point in thin(chart.parent, chart.x_limit, width) if point[0] <= chart.x_limit]
    parent_dots = [(x, y) for x, y in chart.parent_dots if math.isfinite(y) and x <= chart.x_limit]
    values = [y for _, y in (*line, *dots, *parent, *parent_dots)]
    if chart.log_y:
        line, dots, parent, parent_dots = _log(line), _log(dots), _log(parent), _log(parent_dots)
        y_ticks, y_names = _log_ticks([y for _, y in (*line, *dots, *parent, *parent_dots)], height)
    else:
        y_ticks, y_names = _ticks(values, chart.ceiling, height)
    figure: Any = Plot()
    figure._set_size(width, height)  # plotsize() would cut it to the terminal of the process
    figure.theme("clear")
    if parent:
        figure.plot(*_columns(parent), marker=PARENT)
    elif parent_dots:
        figure.plot(*_columns(parent_dots), marker=PARENT)
    if line:
        figure.plot(*_columns(line), marker="*" if ascii_only else "braille")
    if dots and chart.joined:
        figure.plot(*_columns(dots), marker="." if ascii_only else "braille")
    span = y_ticks[-1] - y_ticks[0]
    guide = [y_ticks[0] + span * i / (2 * height) for i in range(2 * height)]
    if chart.edits:
        edits = list({int(width * x / chart.x_limit): x for x in chart.edits}.values())  # one a column
        figure.scatter(edits, [y_ticks[-1]] * len(edits), marker=EDIT)
    if chart.marks:
        figure.scatter(chart.marks[:1] * len(guide), guide, marker=GUIDE)  # where the trouble began
        marks = list({int(width * x / chart.x_limit): x for x in chart.marks}.values())  # one a column
        figure.scatter(marks, [y_ticks[-1]] * len(marks), marker=MARK)
    if dots:
        figure.scatter(*_columns(dots), marker=DOT)
    if chart.cursor is not None:
        figure.scatter([chart.cursor] * len(guide), guide, marker=CURSOR)
    if not (line or dots or chart.marks or chart.edits or parent or parent_dots or chart.cursor is not None):
        figure.scatter([-1.0], [y_ticks[0]], marker=" ")  # axes alone
    figure.xlim(0, chart.x_limit)
    figure.ylim(y_ticks[0], y_ticks[-1])
    figure.yticks(y_ticks, y_names)
    x_ticks = _x_ticks(chart.x_limit, width)
    figure.xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
    return [row.removesuffix("\x1b[0m").ljust(width)[:width] for row in figure.build().split("\n")[:height]]


def thin(points: Sequence[tuple[float, float, float]], limit: float, columns: int) -> list[tuple[float, float]]:
    """At most two points a column, the lowest and the highest, in an order that keeps the line short."""
    buckets: dict[int, list[float]] = {}
    for x, low, high in points:
        if not (math.isfinite(low) and math.isfinite(high)):
            continue
        bucket = buckets.setdefault(min(columns - 1, int(columns * x / limit)), [x, low, high])
        bucket[1], bucket[2] = min(bucket[1], low), max(bucket[2], high)
    thinned: list[tuple[float, float]] = []
    for x, low, high in buckets.values():
        if low == high:
            thinned.append((x, low))
        elif thinned and abs(thinned[-1][1] - low) < abs(thinned[-1][1] - high):
            thinned += [(x, low), (x, high)]
        else:
            thinned += [(x, high), (x, low)]
    return thinned


def preload() -> None:
    """Import what the first chart needs; for a thread."""
    import textual_plotext.plot  # noqa: F401


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _log(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Base-10 logarithms; what is not above zero has none and is left out."""
    return [(x, math.log10(y)) for x, y in points if y > 0]


def _round_numbers(start: int) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, … from `start` on."""
    decade = 1
    while True:
        yield from (n * decade for n in (1, 2, 5) if n * decade >= start)
        decade *= 10


def _step(span: float, pieces: int) -> float:
    """A round step that cuts `span` into at most `pieces`."""
    rough = span / max(1, pieces)
    decade = 10.0 ** math.floor(math.log10(rough))
    return next(n * decade for n in (1, 2, 2.5, 5, 10) if n * decade >= rough * (1 - 1e-9))


def _ticks(values: list[float], ceiling: float, height: int) -> tuple[list[float], list[str]]:
    """Round ticks around the values: the first and the last are the limits of the axis."""
    if not values:
        values = [0.0, min(1.0, ceiling)]
    low, high = min(values), max(values)
    if high - low < 1e-9 + abs(high) * 0.02:
        low, high = low - max(abs(low) * 0.05, 1e-3), high + max(abs(high) * 0.05, 1e-3)
    step = _step(high - low, max(2, min(6, height // 3)))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = min(last, math.ceil(ceiling / step)) if math.isfinite(ceiling) else last
    first = min(max(0, first) if min(values) >= 0 else first, last - 1)
    ticks = [n * step for n in range(first, last + 1)]
    places = max(0, -math.floor(math.log10(step) + 1e-9) + f"{step:e}".startswith("2.5"))
    if step > 5 or places > 6:
        return ticks, [f"{tick:g}" for tick in ticks]
    return ticks, [f"{tick:.{places}f}" for tick in ticks]


def _log_ticks(logs: list[float], height: int) -> tuple[list[float], list[str]]:
    """Ticks at 1, 2 and 5 in each decade around the values (at whole decades where those are many)."""
    low, high = (min(logs), max(logs)) if logs else (0.0, 1.0)
    if high - low > 3:
        exponents = range(math.floor(low), math.ceil(high) + 1)
        every = max(1, len(exponents) // max(2, height // 2) + 1)
        numbers = [10.0**exponent for exponent in exponents[::every]] + [10.0 ** exponents[-1]]
        numbers = sorted(set(numbers))
    else:
        numbers = [n * 10.0**exponent for exponent in range(math.floor(low), math.ceil(high) + 1) for n in (1, 2, 5)]
        below = [number for number in numbers if math.log10(number) <= low + 1e-9]
        above = [number for number in numbers if math.log10(number) >= high - 1e-9]
        numbers = [n for n in numbers if below[-1] <= n <= (above[0] if above[0] > below[-1] else above[1])]
    return [math.log10(number) for number in numbers], [f"{number:g}" for number in numbers]


def _x_ticks(limit: float, width: int) -> list[float]:
    pieces = max(2, min(10, width // 8))
    step = next(float(n) for n in _round_numbers(1) if limit / n <= pieces) if limit > 1 else 0.25
    return [n * step for n in range(int(limit / step + 1e-9) + 1)]


def _title(chart: Chart, width: int) -> Line:
    """The title and the key to the signs; in a narrow chart a short title, and of the key what fits, from the left."""
    key: list[Line] = []
    if chart.line_name:
        key.append([("⠤⠒⠤ ", "train"), (chart.line_name, "train")])
    if chart.dots_name:
        key.append([(f"{DOT} {chart.dots_name}", "test")])
    if chart.marks:
        key.append([(f"{MARK} not finite", "bad")])
    if chart.parent or chart.parent_dots:
        key.append([(f"{PARENT * 3} parent", "parent")])
    if chart.edits:
        key.append([(f"{EDIT} edit", "edit")])
    word = chart.title.split(" ")[0]
    short = [(word, " ", key[:count]) for count in range(len(key), 0, -1)]
    for title, gap, names in ((chart.title, "   ", key), *short):
        line: Line = [(title, "strong")]
        for pieces in names:
            line += [(gap, ""), *pieces]
        if sum(len(text) for text, _ in line) <= width:
            return line
    return [(fit(chart.title, width), "strong")]


_SIGNS = {DOT: "test", MARK: "bad", GUIDE: "bad", EDIT: "edit", CURSOR: "cursor", PARENT: "parent"}


def _styled(row: str) -> Line:
    """The row in pieces of one style each, by the signs themselves: so it reads the same without colour."""
    pieces: Line = []
    for character in row:
        style = "train" if "⠀" < character <= "⣿" else _SIGNS.get(character, "dim")
        if character == " " and pieces:
            style = pieces[-1][1]
        if pieces and pieces[-1][1] == style:
            pieces[-1] = (pieces[-1][0] + character, style)
        else:
            pieces.append((character, style))
    return pieces


def _plain_terminal() -> bool:
    """Whether braille can't be shown: the Linux console, or an encoding that is not UTF-8."""
    return os.environ.get("TERM") in ("linux", "vt100") or "utf" not in locale.getpreferredencoding(False).lower()

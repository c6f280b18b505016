"""A chart by epoch: a line, points, and marks for steps and edits.

plotext draws (a figure of its own for each chart), `Lines` sends what changed. plotext is imported with the first
drawing, or before, by `preload` in a thread: 0.2 s.
"""

import locale
import math
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tui.widgets import axes
from tui.widgets.lines import Line, Lines, fit

DOT, MARK, GUIDE, EDIT, CURSOR = "⠿", "✗", "┊", "▽", "┃"
PLAIN_DOTS = ".o'"  # without braille: low, in the middle, and high in its row
BRAILLE = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))  # of the left and right dots, from the bottom
PARENT = "·"  # the curve of the run that this one branched off from
MIN_WIDTH, MIN_HEIGHT = 24, 6
LARGEST = 1e300  # what is beyond is not drawn, as what is not finite
_ASCII = str.maketrans("┌┐└┘─│┤┬⠿✗┊▽┃–…·⠤⠒", "++++-|++ox:v|-..**")


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
        drawn = plot(self._chart, width, height - 1, self._ascii)
        lines = [
            title,
            *(_styled(row, {at for y, at in drawn.dots if y == number}) for number, row in enumerate(drawn.rows)),
        ]
        if self._ascii:
            lines = [[(text.translate(_ASCII), style) for text, style in line] for line in lines]
        return lines


@dataclass(frozen=True)
class Plot:
    """A chart as rows of text."""

    rows: list[str]
    dots: frozenset[tuple[int, int]]  # row and column of the characters that stand for the test results


def draw(chart: Chart, width: int, height: int, ascii_only: bool = False) -> list[str]:
    """The rows of `plot`."""
    return plot(chart, width, height, ascii_only).rows


def plot(chart: Chart, width: int, height: int, ascii_only: bool = False) -> Plot:
    """The chart in braille, MARK and GUIDE, 2 to 7 ms. plotext gets whole dots, or cells, of its canvas, so that
    everything stands where the axes have it: within half a dot, an eighth of a row, of its value."""
    from textual_plotext.plot import Plot as Figure

    line = thin(chart.line, chart.x_limit, width)
    dots = [(x, y) for x, y in chart.dots if abs(y) < LARGEST]
    parent = [point for point in thin(chart.parent, chart.x_limit, width) if point[0] <= chart.x_limit]
    parent_dots = [(x, y) for x, y in chart.parent_dots if abs(y) < LARGEST and x <= chart.x_limit]
    if chart.log_y:
        line, dots, parent, parent_dots = (_above_0(points) for points in (line, dots, parent, parent_dots))
    values = [y for _, y in (*line, *dots, *parent, *parent_dots)]
    rows = height - 3  # of the canvas: the rest is the frame and the names of the x ticks
    y = axes.logarithmic(values, rows) if chart.log_y else axes.linear(values, rows, chart.ceiling)
    left = max(map(len, y.names)) + 1
    x = axes.along(chart.x_limit, width - left - 1)
    figure: Any = Figure()
    figure._set_size(width, height)  # plotsize() would cut it to the terminal of the process
    figure.theme("clear")
    figure.xlim(0, 2 * x.cells - 1)  # in dots: the canvas is what plotext calls high resolution
    figure.ylim(0, 4 * y.cells - 1)

    def fine(points: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
        """In dots, 2 a column and 4 a row."""
        found = [(float(x.dot(a, 2)), float(y.dot(b, 4))) for a, b in points]
        return [a for a, _ in found], [b for _, b in found]

    def coarse(cells: Iterable[tuple[int, int]]) -> tuple[list[float], list[float]]:
        """Columns and rows from the bottom, as plotext takes them for what fills a cell."""
        across, up = (2 * x.cells - 1) / max(1, x.cells - 1), (4 * y.cells - 1) / max(1, y.cells - 1)
        found = list(cells)
        return [column * across for column, _ in found], [row * up for _, row in found]

    top, whole = y.cells - 1, range(y.cells)
    if chart.marks:  # where the trouble began, under what is drawn there
        figure.scatter(*coarse((x.cell(chart.marks[0]), row) for row in whole), marker=GUIDE)
    if old := parent or parent_dots:
        figure.plot(*coarse((x.cell(a), y.cell(b)) for a, b in old), marker=PARENT)
    if ascii_only:
        for points, sign in ((line, "*"), (dots if chart.joined else [], ".")):
            if points:
                figure.plot(*coarse((x.cell(a), y.cell(b)) for a, b in points), marker=sign)
    else:
        for points in (line, dots if chart.joined else []):
            if points:
                figure.plot(*fine(points), marker="braille")
    if chart.edits:
        figure.scatter(*coarse((column, top) for column in _columns(x, chart.edits)), marker=EDIT)
    if chart.marks:
        figure.scatter(*coarse((column, top) for column in _columns(x, chart.marks)), marker=MARK)
    if chart.cursor is not None:
        figure.scatter(*coarse((x.cell(chart.cursor), row) for row in whole), marker=CURSOR)
    figure.scatter([-9.0], [0.0], marker=" ")  # without any data plotext draws no axes
    for ticks, axis, name in ((figure.yticks, y, y.names), (figure.xticks, x, x.names)):
        places = coarse((cell, cell) for cell in axis.tick_cells)
        ticks(places[1] if axis is y else places[0], name)
    drawn = [row.removesuffix("\x1b[0m").ljust(width)[:width] for row in figure.build().split("\n")[:height]]
    return _with_dots(drawn, _dot_cells(dots, x, y, ascii_only), left)


def _columns(x: axes.Axis, places: Iterable[float]) -> list[int]:
    """Each column once."""
    return list(dict.fromkeys(x.cell(place) for place in places))


def _dot_cells(
    dots: Iterable[tuple[float, float]], x: axes.Axis, y: axes.Axis, ascii_only: bool
) -> dict[tuple[int, int], str]:
    """The test results: by row from the bottom and column, the character. Each is a block of 2 × 3 braille dots around
    its place; without braille one character, which is high, in the middle or low in its row."""
    bits: dict[tuple[int, int], int] = {}
    plain: dict[tuple[int, int], str] = {}
    for a, b in dots:
        across, up = x.place(a) * 2, y.place(b) * 4
        third = math.floor(y.place(b) % 1 * 3)
        plain[y.cell(b), x.cell(a)] = PLAIN_DOTS[min(2, third)]
        for column in (0, 1):
            for row in (-1, 0, 1):
                dot_x = min(2 * x.cells - 2, max(0, round(across) - 1)) + column
                dot_y = min(4 * y.cells - 2, max(1, math.floor(up))) + row
                cell = dot_y // 4, dot_x // 2
                bits[cell] = bits.get(cell, 0) | BRAILLE[dot_x % 2][dot_y % 4]
    return plain if ascii_only else {cell: chr(0x2800 + number) for cell, number in bits.items()}


def _with_dots(rows: list[str], dots: dict[tuple[int, int], str], left: int) -> Plot:
    """The rows with these characters on the canvas, which begins after `left` columns."""
    placed = {(len(rows) - 3 - row, left + column): character for (row, column), character in dots.items()}
    for (row, column), character in placed.items():
        rows[row] = rows[row][:column] + character + rows[row][column + 1 :]
    return Plot(rows, frozenset(placed))


def thin(points: Sequence[tuple[float, float, float]], limit: float, columns: int) -> list[tuple[float, float]]:
    """At most two points a column, the lowest and the highest, in an order that keeps the line short."""
    buckets: dict[int, list[float]] = {}
    for x, low, high in points:
        if not (abs(low) < LARGEST and abs(high) < LARGEST):  # NaN is not either
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


def _above_0(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The others have no logarithm and are left out."""
    return [(x, y) for x, y in points if y > 0]


def _round_numbers(start: int) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, … from `start` on."""
    decade = 1
    while True:
        yield from (n * decade for n in (1, 2, 5) if n * decade >= start)
        decade *= 10


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


_SIGNS = {MARK: "bad", GUIDE: "bad", EDIT: "edit", CURSOR: "cursor", PARENT: "parent"}


def _styled(row: str, dots: Container[int]) -> Line:
    """The row in pieces of one style each: of the characters at `dots` that of the test results, of the others by
    themselves."""
    pieces: Line = []
    for at, character in enumerate(row):
        style = "train" if "⠀" < character <= "⣿" else _SIGNS.get(character, "dim")
        style = "test" if at in dots else style
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

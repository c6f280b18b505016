"""The widget that shows a chart: a line with the key to the signs, or what stands at the cursor, then the plot."""

import locale
import os
import re
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import events
from textual.message import Message

from tui.columns import fit
from tui.widgets.chart import plot as plots
from tui.widgets.chart.plot import DOT, EDIT, MARK, MIN_HEIGHT, MIN_WIDTH, PARENT, SAVED, Plot, extent_of, plot
from tui.widgets.chart.readout import Readout, readout
from tui.widgets.chart.series import Chart
from tui.widgets.chart.view import Extent, View
from tui.widgets.lines import Line, Lines

if TYPE_CHECKING:
    from tui.widgets.chart.axes import Axis

LINE = "⠤⠒⠤"
BEYOND = "larger values cut off, L: log"
MOST_KEYS = 3  # lines that the key to many runs may take
READOUT_SHARE = 4  # what stands at the cursor may take one line in so many
_ASCII = str.maketrans("┌┐└┘─│┤┬⠿✗┊▽▵–…·⠤⠒●○■□▲△◆◇×", "++++-|++ox:v^-..**OoHhAaDdx")


class ChartView(Lines):
    """Draws a `Chart` as its `View` has it. A click asks for the cursor there, the wheel for a closer look."""

    DEFAULT_CSS = "ChartView { height: 1fr; width: 1fr; }"
    interval = 1.0

    class Pointed(Message):
        """A click at a place of the x axis."""

        def __init__(self, view: "ChartView", x: float) -> None:
            super().__init__()
            self.chart_view, self.x = view, x

    class Wheeled(Message):
        """The wheel turned at a place: closer (`factor` above 1) or away."""

        def __init__(self, view: "ChartView", x: float, factor: float) -> None:
            super().__init__()
            self.chart_view, self.x, self.factor = view, x, factor

    def __init__(self, *, id: str | None = None, classes: str | None = None, ascii_only: bool | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.chart = Chart()
        self.view = View()
        self.titled = True  # else a panel's border has the title
        self.busy = ""  # what is read for it now
        self._ascii = plain_terminal() if ascii_only is None else ascii_only
        self._plot: Plot | None = None
        self._heading = 1  # lines above the plot

    def show(self, chart: Chart, view: View, *, now: bool = False) -> None:
        first = not any(map(len, self.chart.series))
        self.chart, self.view = chart, view
        self.repaint(now=now or first)

    @property
    def extent(self) -> Extent:
        """The whole of the x axis."""
        return extent_of(self.chart, self.view)

    @property
    def axis(self) -> "Axis | None":
        """The x axis as it was drawn last."""
        return self._plot.x if self._plot is not None else None

    @property
    def readout(self) -> Readout | None:
        """What stands at the cursor."""
        axis = self.axis
        if axis is None or self.view.cursor is None:
            return None
        place = axis.place(self.view.cursor) if not axis.log or self.view.cursor > 0 else 0.5
        reach = (axis.value(place + 0.5) - axis.value(place - 0.5)) / 2
        return readout(self.chart, self.view, reach)

    def moved(self, cells: int) -> float | None:
        """Where the cursor would be so many cells further on; without one, at the newest point."""
        axis, extent = self.axis, self.extent
        if axis is None:
            return None
        if self.view.cursor is None:
            return extent.newest
        return axis.value(axis.cell(self.view.cursor) + cells + 0.5)

    def paint(self, width: int, height: int) -> list[Line]:
        self._plot = None
        chart = self.chart
        title = chart.title if self.titled else ""
        if width < MIN_WIDTH or height < MIN_HEIGHT:
            return [[(fit(chart.title, width), "strong")], [(fit("too small for a chart", width), "dim")]]
        if not any(map(len, chart.series)) and chart.nothing:
            return [*([[(fit(title, width), "strong")]] if title else []), [(fit(chart.nothing, width), "dim")]]
        heading = heading_lines(chart, self.view, None, width, title)
        drawn = plot(chart, self.view, width, height - len(heading), ascii_only=self._ascii)
        self._plot = drawn
        self._heading = len(heading)
        if self.view.cursor is not None or drawn.beyond:
            beyond = BEYOND if drawn.beyond else ""
            most = max(MOST_KEYS, height // READOUT_SHARE)
            said = heading_lines(chart, self.view, self.readout, width, title, beyond, most)
            if len(said) != len(heading):  # what stands at the cursor may be longer than the key to the signs
                self._plot = drawn = plot(chart, self.view, width, height - len(said), ascii_only=self._ascii)
                self._heading = len(said)
            heading = said
        if self.busy:
            heading[0] = [(fit(f"{title}  {self.busy}".strip(), width), "warning")]
        lines = [*heading, *drawn.rows]
        if self._ascii:
            lines = [[(text.translate(_ASCII), style) for text, style in line] for line in lines]
        return lines

    def on_click(self, event: events.Click) -> None:
        if (x := self._x_at(event.x)) is not None:
            self.post_message(self.Pointed(self, x))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 2.0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 0.5)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        if (x := self._x_at(event.x)) is not None:
            event.stop()
            self.post_message(self.Wheeled(self, x, factor))

    def _x_at(self, column: int) -> float | None:
        if self._plot is None or not 0 <= column - self._plot.left < self._plot.x.cells:
            return None
        return self._plot.x.value(column - self._plot.left + 0.5)


def heading_lines(
    chart: Chart, view: View, at: Readout | None, width: int, title: str, beyond: str = "", most: int = MOST_KEYS
) -> list[Line]:
    """The title with the key to the signs, or with what stands at the cursor. Many runs take up to `most` lines.
    `beyond`: said of what is not drawn."""
    state = " · ".join(filter(None, (beyond, _state(view, chart))))
    entries = _readings(at) if at is not None else _key(chart)
    lines = _flowed(title, entries, width - len(state) - 2 if state else width, most if chart.overlaid else 1)
    if state and (room := width - sum(cell_len(text) for text, _ in lines[0])) >= len(state) + 1:
        lines[0] += [(" " * (room - len(state)), ""), (state, "dim")]
    return lines


def _flowed(title: str, entries: list[Line], width: int, most: int) -> list[Line]:
    """The entries after the title, in at most so many lines; what does not fit any more is left out, from the end. In a
    narrow chart the title is shortened."""
    words, gap = title, "   "
    needed = sum(_length(entry) for entry in entries)
    if most == 1 and entries and cell_len(words) + 3 * len(entries) + needed > width:
        room, gap = width - needed - len(entries), " "
        words = next((one for one in _shorter(title) if cell_len(one) <= room), _shorter(title)[-1])
    lines: list[Line] = [[(fit(words, width), "strong")] if words else []]
    for number, entry in enumerate(entries):
        if _length(lines[-1]) + len(gap) + _length(entry) > width:
            if len(lines) == most:
                if most > 1:
                    _leave_out(lines[-1], len(entries) - number, width)
                break
            lines.append([])
        lines[-1] += [(gap if lines[-1] else "", ""), *entry]
    return lines


def _leave_out(line: Line, more: int, width: int) -> None:
    """Say at the line's end how many entries are left out, and leave out another one where that has no room."""
    while line and _length(line) + len(f" +{more} more") > width:
        while line and line.pop()[1]:  # an entry, and the gap before it, which has no style
            pass
        more += 1
    line.append((f" +{more} more", "dim"))


def _shorter(title: str) -> tuple[str, ...]:
    """A title ever shorter: without its unit, without what it is over, the noun alone: `test accuracy, %`, `test
    accuracy`, `accuracy`."""
    plain = title.split(",")[0]
    head = re.split(r" (?:by|over|of) ", plain)[0]
    return title, plain, head, head.split(" ")[-1]


def _key(chart: Chart) -> list[Line]:
    """What each sign means."""
    key: list[Line] = []
    for one in chart.series:
        if one.parent or not len(one):
            continue
        if one.sign and chart.overlaid:
            if not one.dots or one.joined:
                key.append([(f"{one.sign} {one.name}", one.style)])
        elif one.sign and one.dots:
            key.append([(f"{one.sign} {one.name}", one.style)])
        else:
            key.append([(f"{DOT if one.dots else LINE} {one.name}", one.style)])
    kinds = {mark.kind for mark in chart.marks}
    if "not finite" in kinds:
        key.append([(f"{MARK} not finite", "bad")])
    if any(one.parent for one in chart.series):
        key.append([(f"{PARENT * 3} parent", "parent")])
    if "edit" in kinds:
        key.append([(f"{EDIT} edit", "edit")])
    if "checkpoint" in kinds:
        key.append([(f"{SAVED} checkpoint", "dim")])
    return key


def _readings(at: Readout) -> list[Line]:
    found: list[Line] = []
    for one in at.readings:
        sign = f"{one.sign} " if one.sign else ""
        found.append([(f"{sign}{one.name} ", one.style), (one.words, "strong")])
    found += [[(mark.label, plots.MARKS[mark.kind][1])] for mark in at.marks]
    return found


def _state(view: View, chart: Chart) -> str:
    """How it is looked at, where that is not the plain way."""
    words = []
    if view.smoothing:
        words.append(f"smoothed {view.smoothing:g}")
    log = "".join(one for one in view.log if one == "x" or chart.log)
    if log:
        words.append(f"log {' and '.join(log)}")
    if view.window is not None:
        words.append("zoomed" + ("" if view.follow else ", 0: all"))
    return " · ".join(words)


def _length(line: Line) -> int:
    return sum(cell_len(text) for text, _ in line)


def plain_terminal() -> bool:
    """Whether braille can't be shown: the Linux console, or an encoding that is not UTF-8."""
    return os.environ.get("TERM") in ("linux", "vt100") or "utf" not in locale.getpreferredencoding(False).lower()

"""Charts that are looked at together: what the keys do to one `View` that all charts of a page have."""

from collections.abc import Callable
from dataclasses import replace

from textual.binding import BindingType

from tui.keys import bind
from tui.widgets.chart import view as views
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.series import XAxis
from tui.widgets.chart.view import View


def chart_keys(screen: str, *, ends: bool = True) -> list[BindingType]:
    """The keys of charts, for a screen or a widget with `action_chart`; `screen` begins their ids. `ends`: whether
    home and end are the chart's too, not those of a table beside it."""

    def key(act: str, words: str, about: str = "") -> BindingType:
        return bind(screen, act, words, about, action=f"chart('{act}')", show=False)

    return [
        key("left", "Cursor left", "the chart's: it reads out every series there"),
        key("right", "Cursor right", "the chart's: it reads out every series there"),
        *((key("first", "Cursor to the first point"), key("last", "Cursor to the newest point")) if ends else ()),
        key("smoothing", "Smoothing", "off, 0.6, 0.9, 0.99; the raw line stays, faint"),
        key("series", "Next series", "loss, accuracy, lr, samples/s, gradient norm, load, memory"),
        key("zoom_in", "Zoom in", "at the cursor"),
        key("zoom_out", "Zoom out"),
        key("reset", "All of x", "and follow the newest point again"),
        key("axes", "X axis", "by epoch, by step, or by time"),
        key("log_scale", "Log scale", "off, y, x, both"),
        key("export", "Export the chart", "what it shows, as CSV, PNG or SVG"),
    ]


CHART_HINT = "s smooth · z zoom · X axis · L log · m series · e export"  # for a border


class ChartPage:
    """Has the view, and does what the keys ask for."""

    def __init__(self) -> None:
        self.view = View()
        self.charts: list[ChartView] = []
        self.changed: Callable[[], None] = lambda: None  # called when the charts are looked at in another way

    def add(self, chart: ChartView) -> None:
        """A chart that is drawn anew when the view changes."""
        self.charts.append(chart)

    def act(self, name: str, chart: ChartView) -> bool:
        """Do what a key stands for; `chart`: the one it is about, where only one is. False: it is not of the view."""
        view = self.view
        match name:
            case "left" | "right":
                to = chart.moved(-1 if name == "left" else 1)
                if to is not None:
                    view = views.pointed(view, chart.extent, to)
            case "smoothing":
                view = views.next_smoothing(view)
            case "first" | "last":
                view = views.pointed(view, chart.extent, chart.extent.start if name == "first" else chart.extent.newest)
            case "log_scale":
                view = views.next_scale(view)
            case "axes":
                view = _by(view, views.next_axis(view), chart)
            case "zoom_in":
                view = views.zoomed(view, chart.extent, views.ZOOM)
            case "zoom_out":
                view = views.zoomed(view, chart.extent, 1 / views.ZOOM)
            case "reset":
                view = views.whole_view(view)
            case _:
                return False
        self.show(view, chart)
        return True

    def point(self, chart: ChartView, x: float | None) -> None:
        """The cursor there; None: no cursor."""
        self.show(views.pointed(self.view, chart.extent, x), chart)

    def wheel(self, chart: ChartView, x: float, factor: float) -> None:
        """A closer look at x, or a wider one; the cursor stays."""
        there = replace(self.view, cursor=x)
        self.show(replace(views.zoomed(there, chart.extent, factor), cursor=self.view.cursor), chart)

    def show(self, view: View, first: ChartView | None = None) -> None:
        """Another view; `first`: the chart that a person acts on is drawn at once, the others in turns of their own,
        between which keys are answered. None: all at once."""
        if view != self.view:
            self.view = view
            for chart in sorted(self.charts, key=lambda one: one is not first):
                if first is None or chart is first:
                    chart.repaint(now=True)
                else:
                    chart.call_later(chart.repaint, now=True)
            self.changed()


def _by(view: View, axis: XAxis, chart: ChartView) -> View:
    """By another x axis: the window and the cursor stay at their places."""
    values = {*(view.window or ()), *(() if view.cursor is None else (view.cursor,))}
    return views.converted(view, axis, {value: chart.chart.converted(value, view.x_axis, axis) for value in values})

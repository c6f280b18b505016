"""Charts that are looked at together: what the keys do to one `View` that all charts of a page have."""

from collections.abc import Callable
from dataclasses import replace

from textual.binding import Binding, BindingType

from tui.widgets.chart import view as views
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.series import XAxis
from tui.widgets.chart.view import View


def chart_keys(screen: str) -> list[BindingType]:
    """The keys of charts, for a screen or a widget with `ChartActions`; `screen` begins their ids."""

    def key(keys: str, act: str, words: str, name: str, about: str = "", display: str | None = None) -> Binding:
        return Binding(
            keys, f"chart('{act}')", words, show=False, key_display=display, id=f"{screen}.{name}", tooltip=about
        )

    return [
        key("left,h", "left", "Cursor left", "cursor_left", "the chart's; it reads out every value there"),
        key("right,l", "right", "Cursor right", "cursor_right", "the chart's; it reads out every value there"),
        key("s", "smoothing", "Smoothing", "smoothing", "off, 0.6, 0.9, 0.99; the raw line stays, faint"),
        key("X", "axis", "X axis", "x_axis", "by epoch, by step, or by time"),
        key("z", "closer", "Zoom in", "zoom_in", "at the cursor"),
        key("Z", "away", "Zoom out", "zoom_out"),
        key("0", "all", "All of x", "zoom_all", "and follow the newest point again"),
        key("L", "scale", "Log scale", "log_scale", "off, y, x, both"),
        key("m", "series", "Next series", "series", "loss, accuracy, lr, samples/s, gradient norm, load, memory"),
        key("e", "export", "Export", "export", "what is shown, as CSV, PNG or SVG"),
    ]


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
            case "scale":
                view = views.next_scale(view)
            case "axis":
                view = _by(view, views.next_axis(view), chart)
            case "closer":
                view = views.zoomed(view, chart.extent, views.ZOOM)
            case "away":
                view = views.zoomed(view, chart.extent, 1 / views.ZOOM)
            case "all":
                view = views.whole_view(view)
            case _:
                return False
        self.show(view)
        return True

    def point(self, chart: ChartView, x: float | None) -> None:
        """The cursor there; None: no cursor."""
        self.show(views.pointed(self.view, chart.extent, x))

    def wheel(self, chart: ChartView, x: float, factor: float) -> None:
        """A closer look at x, or a wider one; the cursor stays."""
        there = replace(self.view, cursor=x)
        self.show(replace(views.zoomed(there, chart.extent, factor), cursor=self.view.cursor))

    def show(self, view: View) -> None:
        if view != self.view:
            self.view = view
            for chart in self.charts:
                chart.repaint(now=True)
            self.changed()


def _by(view: View, axis: XAxis, chart: ChartView) -> View:
    """By another x axis: the window and the cursor stay at their places."""
    values = {*(view.window or ()), *(() if view.cursor is None else (view.cursor,))}
    return views.converted(view, axis, {value: chart.chart.converted(value, view.x_axis, axis) for value in values})

"""How a chart is looked at: smoothing, x axis, scales, which part of x, and the cursor. The functions make a new `View`
of one; none of them knows a widget."""

from dataclasses import dataclass, replace
from typing import TypeVar

from tui.widgets.chart.series import X_AXES, XAxis

Choice = TypeVar("Choice")
SMOOTHINGS = (0.0, 0.6, 0.9, 0.99)
SCALES = ("", "y", "x", "xy")  # which axes are logarithmic
ZOOM = 2.0  # a step of it
CLOSEST = 1e-6  # of the whole: no zoom goes further


@dataclass(frozen=True)
class View:
    """`window` and `cursor` are places along `x_axis`."""

    x_axis: XAxis = "epoch"
    smoothing: float = 0.0  # the weight of what was before; 0: none
    log: str = ""  # of SCALES
    window: tuple[float, float] | None = None  # None: all
    follow: bool = True  # the window goes with the newest point
    cursor: float | None = None

    @property
    def log_x(self) -> bool:
        return "x" in self.log

    @property
    def log_y(self) -> bool:
        return "y" in self.log


@dataclass(frozen=True)
class Extent:
    """The whole of x: from `start` to `end`, the data as far as `newest`."""

    start: float
    end: float
    newest: float


def window_of(view: View, extent: Extent) -> tuple[float, float]:
    """What is seen: all, or the window, moved on as far as the newest point has come where it follows it."""
    if view.window is None:
        return extent.start, extent.end
    start, end = view.window
    if view.follow and extent.newest > end:
        return extent.newest - (end - start), extent.newest
    return start, end


def next_smoothing(view: View) -> View:
    """Off, 0.6, 0.9, 0.99, off."""
    return replace(view, smoothing=_next(SMOOTHINGS, view.smoothing))


def next_scale(view: View) -> View:
    """Linear, log y, log x, both."""
    return replace(view, log=_next(SCALES, view.log))


def next_axis(view: View) -> XAxis:
    """By epoch, by step, by time."""
    return _next(X_AXES, view.x_axis)


def zoomed(view: View, extent: Extent, factor: float) -> View:
    """`factor` times as close, around the cursor; without one around the newest point where the window follows it, else
    around the window's middle."""
    start, end = window_of(view, extent)
    whole = extent.end - extent.start
    width = max(whole * CLOSEST, (end - start) / factor)
    if width >= whole:
        return whole_view(view)
    middle = (start + end) / 2
    if view.cursor is not None:
        middle = view.cursor
    elif view.follow and start <= extent.newest <= end:
        middle = extent.newest
    # What it zooms at stays where it is on the screen.
    part = min(1.0, max(0.0, (middle - start) / max(1e-300, end - start)))
    return _windowed(view, extent, middle - part * width, width)


def panned(view: View, extent: Extent, part: float) -> View:
    """The window moved by a part of its width, within the whole."""
    start, end = window_of(view, extent)
    if view.window is None:
        return view
    return _windowed(view, extent, start + part * (end - start), end - start)


def whole_view(view: View) -> View:
    """All of x."""
    return replace(view, window=None, follow=True)


def pointed(view: View, extent: Extent, cursor: float | None) -> View:
    """The cursor there, within the data, and in the window; None: no cursor, and the window follows again where it
    lies at the end."""
    if cursor is None:
        return replace(view, cursor=None)
    cursor = min(max(cursor, extent.start), max(extent.newest, extent.start))
    view = replace(view, cursor=cursor)
    start, end = window_of(view, extent)
    if view.window is not None and not start <= cursor <= end:
        width = end - start
        edge = cursor - 0.25 * width if cursor > end else cursor - 0.75 * width
        return _windowed(view, extent, edge, width)
    return view


def converted(view: View, axis: XAxis, places: dict[float, float]) -> View:
    """By another x axis; `places`: where the window's ends and the cursor are on it."""
    window = None if view.window is None else (places[view.window[0]], places[view.window[1]])
    cursor = None if view.cursor is None else places[view.cursor]
    return replace(view, x_axis=axis, window=window, cursor=cursor)


def _windowed(view: View, extent: Extent, start: float, width: float) -> View:
    start = min(max(start, extent.start), max(extent.start, extent.end - width))
    end = start + width
    return replace(view, window=(start, end), follow=end >= extent.newest)


def _next(choices: tuple[Choice, ...], now: Choice) -> Choice:
    at = choices.index(now) if now in choices else -1
    return choices[(at + 1) % len(choices)]

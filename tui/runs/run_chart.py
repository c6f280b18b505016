"""`RunChart`: the widget that shows a curve of one run, or of several runs laid over each other, with the keys of all
charts. A screen gives it states (`show_run`, `show_runs`); several that are given one `ChartPage` zoom and read out
together. It asks for its screen's help in one thing: `Wanted` is what it can't do itself, such as an export."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.message import Message
from textual.worker import get_current_worker

from engine.home import RunFolder
from engine.runs.curve import Point
from engine.runs.state import RunState
from engine.runs.stretch import read_stretch
from engine.runs.unreadable import UnreadableError
from tui.runs.charts import ShownRun, overlay, run_chart
from tui.runs.metrics import LOSS, METRICS, Metric
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.page import ChartPage, chart_keys
from tui.widgets.chart.series import Chart
from tui.widgets.chart.view import window_of
from tui.widgets.lines import Line

READING = "reading the log…"
NEWER = 4  # one part in so many may be newer than what was read


class RunChart(ChartView, can_focus=True):
    """The charts of a page redraw together when their view changes."""

    BINDINGS: ClassVar[list[BindingType]] = [*chart_keys("chart")]

    class Wanted(Message):
        """A key of the chart that its screen has to act on: `act` is "export"."""

        def __init__(self, run_chart: "RunChart", act: str) -> None:
            super().__init__()
            self.run_chart, self.act = run_chart, act

    def __init__(
        self,
        page: ChartPage | None = None,
        metric: Metric = LOSS,
        *,
        titled: bool = True,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
        ascii_only: bool | None = None,
    ) -> None:
        """`page`: has the view that several charts share; without one the chart has its own. `titled`: whether its
        first line begins with the metric's title, which a panel's border may have."""
        super().__init__(id=id, classes=classes, ascii_only=ascii_only)
        self.titled = titled
        self.page = page or ChartPage()
        self.page.add(self)
        self.metric = metric
        self._runs: tuple[ShownRun, ...] = ()
        self._over: Chart | None = None  # of those runs, while neither they nor the metric change
        self._alone: tuple[RunState, RunState | None] | None = (
            None  # the one run, and the one that it branched off from
        )
        self._folder: RunFolder | None = None
        self._stretch: tuple[Point | None, tuple[Point, ...]] | None = None  # read from the log; the point before it
        self._resumes = 0  # of the run, when it was read
        self._asked: tuple[int, int] | None = None  # the first and the last event of the stretch that was asked for

    def show_run(
        self, state: RunState, *, parent: RunState | None = None, folder: RunFolder | None = None, now: bool = False
    ) -> None:
        """One run; `parent`: the one that it branched off from, drawn faint. `folder`: where its log is, for a closer
        look than the state's curve has."""
        if folder != self._folder:
            self._folder, self._stretch, self._asked = folder, None, None
        if len(state.resumes) != self._resumes:  # what was read may be void
            self._resumes, self._stretch, self._asked = len(state.resumes), None, None
        first = self._alone is None or not self._alone[0].curve
        self._alone, self._runs = (state, parent), ()
        self.repaint(now=now or first)

    def show_runs(self, runs: Sequence[ShownRun], *, now: bool = False) -> None:
        """Several runs over each other."""
        self._runs, self._alone, self._over = tuple(runs), None, None
        self.repaint(now=now)

    def show_metric(self, metric: Metric) -> None:
        """Another series of the runs."""
        self.metric, self._over = metric, None
        self.repaint(now=True)
        self.page.changed()

    def next_metric(self) -> None:
        """The next of METRICS that no other chart of the page shows; of the rare ones those that a run here has."""
        others = [one.metric for one in self.page.charts if isinstance(one, RunChart) and one.region.area]
        choices = [
            metric for metric in METRICS
            if metric is self.metric or (metric not in others and (not metric.rare or self._has(metric)))
        ]  # fmt: skip
        self.show_metric(choices[(choices.index(self.metric) + 1) % len(choices)])

    def _has(self, metric: Metric) -> bool:
        """Whether a run that is shown has anything of it."""
        shown = (self._alone[0],) if self._alone is not None else ()
        every = (*shown, *(state for run in self._runs for state in (run.state, *run.others)))
        return any(metric.name in state.curves for state in every)

    def paint(self, width: int, height: int) -> list[Line]:
        self.view = self.page.view
        self.chart = self._made()
        lines = super().paint(width, height)
        self._look_closer()
        return lines

    def action_chart(self, act: str) -> None:
        """What a key of the chart stands for."""
        if act == "series":
            self.next_metric()
        elif not self.page.act(act, self):
            self.post_message(self.Wanted(self, act))

    def on_chart_view_pointed(self, event: ChartView.Pointed) -> None:
        event.stop()
        self.page.point(self, event.x)

    def on_chart_view_wheeled(self, event: ChartView.Wheeled) -> None:
        event.stop()
        self.page.wheel(self, event.x, event.factor)

    def _made(self) -> Chart:
        if self._alone is None:
            self._over = self._over or overlay(self.metric, self._runs)
            return self._over
        state, parent = self._alone
        also = self.view.cursor is not None
        return run_chart(self.metric, state, parent=parent, detail=self._detail(state), also=also)

    def _detail(self, state: RunState) -> tuple[Point, ...]:
        """The state's curve with the stretch that was read in its place; () where none is, or all is seen."""
        if self._stretch is None or self.view.window is None:
            return ()
        before, points = self._stretch
        first, last = (before.seq if before is not None else -1), points[-1].seq
        earlier = (point for point in state.curve if point.seq <= first)
        return (*earlier, *points, *(point for point in state.curve if point.seq > last))

    def _look_closer(self) -> None:
        """Have the log read where the state's curve has fewer points than the window has columns."""
        if self._alone is None or self._folder is None or self.metric is not LOSS or self.axis is None:
            return
        curve, view = self._alone[0].curve, self.view
        if not curve or view.window is None:
            return
        start, end = (self.chart.converted(one, view.x_axis, "epoch") for one in window_of(view, self.extent))
        wanted = stretch_of(curve, start, end, self.axis.cells)
        if wanted is None:
            return
        before, last = wanted
        seqs = (before.seq if before is not None else 0, last.seq)
        newer = (seqs[1] - seqs[0]) // NEWER
        if self._asked is not None and self._asked[0] <= seqs[0] and seqs[1] - newer <= self._asked[1]:
            return  # it is here, or on its way; the newest part of a run that trains need not be
        margin = (seqs[1] - seqs[0]) // 2
        near = [point for point in curve if seqs[0] - margin <= point.seq <= seqs[1] + margin]
        before = near[0] if near and curve[0] is not near[0] else None
        last = near[-1] if near else last
        self._asked = (before.seq if before is not None else 0, last.seq)
        self.busy = READING
        self.call_later(self.repaint, now=True)
        self._read(self._folder, before, last)

    @work(thread=True, exclusive=True, group="stretch")
    def _read(self, folder: RunFolder, before: Point | None, last: Point) -> None:
        worker = get_current_worker()
        try:
            points = read_stretch(folder, before, last, lambda: worker.is_cancelled)
        except UnreadableError as error:
            self.app.call_from_thread(self._take, None, str(error))
            return
        if not worker.is_cancelled:
            self.app.call_from_thread(self._take, (folder, before, points))

    def _take(self, found: "tuple[RunFolder, Point | None, tuple[Point, ...]] | None", problem: str = "") -> None:
        """What was read of the log, in place of the points that the state's curve has there."""
        self.busy = problem
        if found is not None and found[0] == self._folder and found[2]:
            self._stretch = found[1:]
        self.repaint(now=True)


def stretch_of(curve: tuple[Point, ...], start: float, end: float, columns: int) -> tuple[Point | None, Point] | None:
    """Between which points of a curve the log knows more than they, where a window of so many columns shows it: the
    point before the stretch (None: it begins with the curve) and its last one. None: nothing is to be gained."""
    first = bisect_left(curve, start, key=lambda point: point.x)
    last = min(len(curve) - 1, bisect_right(curve, end, key=lambda point: point.x))
    if last < 0 or last - first >= columns:
        return None
    before = curve[first - 2] if first > 1 else None
    values = curve[last].values - (before.values if before is not None else 0)
    points = last - (first - 2 if first > 1 else -1)
    return (before, curve[last]) if values > points else None

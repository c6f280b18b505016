"""`RunChart`: the widget that shows a curve of one run, or of several runs laid over each other, with the keys of all
charts. A screen gives it states (`show_run`, `show_runs`); several that are given one `ChartPage` zoom and read out
together. It asks for its screen's help in one thing: `Wanted` is what it can't do itself, such as an export."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from engine.runs.curve import Point
from engine.runs.state import RunState
from tui.runs.charts import ShownRun, overlay, run_chart
from tui.runs.metrics import LOSS, METRICS, Metric
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.page import ChartPage, chart_keys
from tui.widgets.chart.series import Chart
from tui.widgets.lines import Line


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
        self._alone: tuple[RunState, RunState | None] | None = (
            None  # the one run, and the one that it branched off from
        )
        self._detail: tuple[Point, ...] = ()

    def show_run(self, state: RunState, *, parent: RunState | None = None, now: bool = False) -> None:
        """One run; `parent`: the one that it branched off from, drawn faint."""
        first = self._alone is None or not self._alone[0].curve
        self._alone, self._runs = (state, parent), ()
        self.repaint(now=now or first)

    def show_runs(self, runs: Sequence[ShownRun], *, now: bool = False) -> None:
        """Several runs over each other."""
        self._runs, self._alone = tuple(runs), None
        self.repaint(now=now)

    def show_metric(self, metric: Metric) -> None:
        """Another series of the runs."""
        self.metric = metric
        self.repaint(now=True)
        self.page.changed()

    def next_metric(self) -> None:
        """The next of METRICS that no other chart of the page shows."""
        others = [one.metric for one in self.page.charts if isinstance(one, RunChart) and one.region.area]
        choices = [metric for metric in METRICS if metric is self.metric or metric not in others]
        self.show_metric(choices[(choices.index(self.metric) + 1) % len(choices)])

    def paint(self, width: int, height: int) -> list[Line]:
        self.view = self.page.view
        self.chart = self._made()
        return super().paint(width, height)

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
            return overlay(self.metric, self._runs)
        state, parent = self._alone
        return run_chart(self.metric, state, parent=parent, detail=self._detail)

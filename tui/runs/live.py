"""One run: its settings and progress, its curves, its log, and the test set by class."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from engine.checkpoints.manifest import Entry
from engine.runs.state import RunState
from tui.runs.confusion import ClassBars, ConfusionMatrix
from tui.runs.facts import Headline, Notice, Numbers
from tui.runs.metrics import ACCURACY, LOSS
from tui.runs.progress_bars import RunBars
from tui.runs.run_chart import RunChart
from tui.runs.text_log import TextLog
from tui.widgets.chart.page import ChartPage
from tui.widgets.chart.readout import Readout

WIDE, TALL = 112, 34  # from this size on, every panel is on the screen at once
NARROW = 76  # below, the loss chart and the panels take turns
PANELS = ("loss", "log", "accuracy", "classes", "confusion")


class LiveView(Vertical, can_focus=True):
    """Shows a `RunState`. In a small terminal one panel stands beside the loss chart, and `next_panel` turns it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes="-compact")
        self._state = RunState()
        self._alive = True
        self._panel = PANELS.index("log")
        self._ancestor: RunState | None = None
        self.page = ChartPage()

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        yield RunBars(id="bars")
        yield Numbers(id="numbers")
        yield Notice(id="notice")
        with Horizontal(id="stage"):
            with Vertical(id="charts"):
                yield RunChart(self.page, LOSS, id="loss")
                yield RunChart(self.page, ACCURACY, id="accuracy")
            with Vertical(id="panels"):
                yield TextLog(id="log")
                yield RunChart(self.page, ACCURACY, id="accuracy-panel")
                yield ClassBars(id="classes")
                yield ConfusionMatrix(id="confusion")

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        was = self.wide
        self.set_class(event.size.width >= WIDE and event.size.height >= TALL, "-wide")
        self.set_class(not self.wide, "-compact")
        self.set_class(event.size.width < NARROW, "-narrow")
        self._arrange()
        if self.wide != was:
            self.screen.refresh_bindings()  # next_panel has a key where not all panels fit

    @property
    def wide(self) -> bool:
        return self.has_class("-wide")

    def identify(self, name: str, place: str) -> None:
        """The run's name, and which of the live runs it is."""
        self.query_one(Headline).identify(name, place)

    def family(self, parent: RunState | None) -> None:
        """The run that this one branched off from, for the charts."""
        self._ancestor = parent

    def choose(self, entry: Entry | None) -> None:
        """The checkpoint that the charts' cursor means, for `Notice`."""
        self.query_one(Notice).choose(entry, self.readout)

    @property
    def charts(self) -> list[RunChart]:
        """Those that are on the screen."""
        return [chart for chart in self.query(RunChart).results(RunChart) if chart.display and chart.region.area]

    @property
    def chart(self) -> RunChart:
        """The chart that the keys are about: the one with the focus, else the first."""
        charts = self.charts or [self.query_one("#loss", RunChart)]
        return next((chart for chart in charts if chart.has_focus), charts[0])

    @property
    def readout(self) -> Readout | None:
        """What stands at the charts' cursor."""
        return self.chart.readout

    @property
    def cursor(self) -> float | None:
        """The cursor, in epochs."""
        view, chart = self.page.view, self.chart.chart
        return None if view.cursor is None else chart.converted(view.cursor, view.x_axis, "epoch")

    def point(self, epochs: float | None) -> None:
        """Put the charts' cursor there, or take it away."""
        view, chart = self.page.view, self.chart
        x = None if epochs is None else chart.chart.converted(epochs, "epoch", view.x_axis)
        self.page.point(chart, x)

    def show(self, state: RunState, alive: bool, *, now: bool = False) -> None:
        """Bring every widget up to date; each sends what changed. `now`: the charts too, at once."""
        self._state, self._alive = state, alive
        now = now or state.done or state.status == "paused"
        self.query_one(Headline).show(state, alive)
        self.query_one(RunBars).show(state, alive)
        self.query_one(Numbers).show(state, alive)
        self.query_one(Notice).show(state, alive)
        self.query_one(TextLog).show(state.log)
        for chart in self.query(RunChart).results(RunChart):
            chart.show_run(state, parent=self._ancestor, now=now)
        names = tuple(str(name) for name in state.dataset.get("classes", ()))
        newest = state.tests[-1] if state.tests else None
        self.query_one(ClassBars).show(newest, names)
        self.query_one(ConfusionMatrix).show(newest, names)

    def next_panel(self, by: int = 1) -> None:
        """The next panel beside the loss chart, where not all fit."""
        self._panel = (self._panel + by) % len(PANELS)
        if not self.has_class("-narrow") and self._panel == 0:
            self._panel = by % len(PANELS)
        self._arrange()

    def scroll_log(self, *, pages: int = 0, lines: int = 0) -> None:
        """Towards the log's beginning, or with negative numbers towards its end."""
        self.query_one(TextLog).scroll_back(pages, lines)

    def _arrange(self) -> None:
        narrow = self.has_class("-narrow")
        if not narrow:
            self._panel = max(1, self._panel)  # the loss chart is there anyway
        chosen = PANELS[self._panel]
        self.query_one("#charts").display = not narrow or chosen == "loss"
        self.query_one("#panels").display = not narrow or chosen != "loss"
        self.query_one("#accuracy").display = self.wide
        self.query_one("#accuracy-panel").display = not self.wide and chosen == "accuracy"
        for panel in ("log", "classes", "confusion"):
            self.query_one(f"#{panel}").display = self.wide or chosen == panel

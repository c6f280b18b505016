"""One run: its settings and progress, its curves, its log, and the test set by class, in panels."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from engine.checkpoints.manifest import Entry
from engine.home import RunFolder
from engine.runs.state import RunState
from tui.runs.charts import title_of
from tui.runs.confusion import ClassBars, ConfusionMatrix
from tui.runs.facts import Headline, Notice, Numbers
from tui.runs.metrics import ACCURACY, LOSS
from tui.runs.progress_bars import RunBars
from tui.runs.run_chart import RunChart
from tui.runs.text_log import TextLog
from tui.widgets.chart.page import CHART_HINT, ChartPage
from tui.widgets.chart.readout import Readout
from tui.widgets.panel import Panel

WIDE, TALL = 112, 38  # from this size on, every panel is on the screen at once
NARROW = 100  # below, one panel at a time
TWO_CHARTS = 34  # rows from which both charts are on the screen, beside one other panel
CHARTS = ("loss", "accuracy")
PANELS = (*CHARTS, "log", "classes", "confusion")  # in the order of tab


class LiveView(Vertical):
    """Shows a `RunState`. What does not fit beside the rest takes turns: `next_panel`."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes="-compact")
        self._state = RunState()
        self._alive = True
        self._panel = PANELS[0]  # the one that has the focus, or had it last
        self._chart, self._other = "loss", "log"  # those that are shown where not all are
        self._named = ("", "")
        self._ancestor: RunState | None = None
        self.page = ChartPage()
        self.folder: RunFolder | None = None  # of the run

    def compose(self) -> ComposeResult:
        with Panel(id="run", focusable=False):
            yield Headline(id="headline")
            yield RunBars(id="bars")
            yield Numbers(id="numbers")
            yield Notice(id="notice")
        with Horizontal(id="stage"):
            with Vertical(id="charts"):
                for name, metric in zip(CHARTS, (LOSS, ACCURACY), strict=True):
                    with Panel(id=f"{name}-panel", focusable=False):
                        yield RunChart(self.page, metric, titled=False, id=name)
            with Vertical(id="panels"):
                with Panel(title="Log", id="log-panel", focusable=False):
                    yield TextLog(id="log")
                with Panel(title="Test accuracy by class", id="classes-panel", focusable=False):
                    yield ClassBars(id="classes")
                with Panel(title="Confusion: true ↓  predicted →", id="confusion-panel", focusable=False):
                    yield ConfusionMatrix(titled=False, id="confusion")

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        wide = event.size.width >= WIDE and event.size.height >= TALL
        self.update_classes({"-wide": wide, "-compact": not wide, "-narrow": event.size.width < NARROW})
        self._arrange()
        self.identify(*self._named)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in PANELS:
            self._panel = event.widget.id
            self._arrange()

    @property
    def wide(self) -> bool:
        return self.has_class("-wide")

    def identify(self, name: str, place: str) -> None:
        """The run's name, and which of the live runs it is."""
        self._named = (name, place)
        self.query_one(Headline).identify("" if self.wide else name, "" if self.wide else place)
        self.query_one("#run", Panel).describe(title=name, right=place)

    def busy(self, doing: str) -> None:
        """What is being done, where the run's name stands; "" when it is done."""
        self.query_one("#run", Panel).busy(doing)

    def family(self, parent: RunState | None) -> None:
        """The run that this one branched off from, for the charts."""
        self._ancestor = parent

    def choose(self, entry: Entry | None) -> None:
        """The checkpoint that the charts' cursor means, and what stands at the cursor, for `Notice`."""
        notice = self.query_one(Notice)
        notice.choose(entry, self.readout)
        notice.show(self._state, self._alive)
        self._describe()

    @property
    def chart(self) -> RunChart:
        """The chart that the keys are about: the one that has the focus, or had it last."""
        return self.query_one(f"#{self._chart}", RunChart)

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
            chart.show_run(state, parent=self._ancestor, folder=self.folder, now=now)
        names = tuple(str(name) for name in state.dataset.get("classes", ()))
        newest = state.results[-1] if state.results else None
        self.query_one(ClassBars).show(newest, names)
        self.query_one(ConfusionMatrix).show(newest, names)
        self._describe()

    def next_panel(self, by: int = 1) -> None:
        """The focus to the next panel, which is shown in place of another where not all fit."""
        self._panel = PANELS[(PANELS.index(self._panel) + by) % len(PANELS)]
        self._arrange()
        self.focus_panel()

    def focus_panel(self) -> None:
        """The focus to the panel that had it last."""
        self.query_one(f"#{self._panel}").focus()

    def scroll_log(self, *, pages: int = 0, lines: int = 0) -> None:
        """Towards the log's beginning, or with negative numbers towards its end."""
        self.query_one(TextLog).scroll_back(pages, lines)
        self._describe()

    def _describe(self) -> None:
        """What stands in the panels' borders."""
        for name in CHARTS:
            metric = self.query_one(f"#{name}", RunChart).metric
            self._panel_of(name).describe(title=title_of(metric, self._state))
        self._panel_of(self._chart).describe(below=CHART_HINT)
        self._panel_of(next(name for name in CHARTS if name != self._chart)).describe(below="")
        back = self.query_one(TextLog).back
        self._panel_of("log").describe(right=f"{back} newer lines below (PgDn)" if back else "")
        results = self._state.results
        epoch = f"epoch {results[-1].epoch}" if results else ""
        which = "Validation" if self._state.validates else "Test"
        self._panel_of("classes").describe(title=f"{which} accuracy by class", right=epoch)
        self._panel_of("confusion").describe(right=epoch, below="enter: the images" if epoch else "")

    def _panel_of(self, name: str) -> Panel:
        return self.query_one(f"#{name}-panel", Panel)

    def _arrange(self) -> None:
        """Show the panels that fit: all of them, the charts and one other, or one."""
        if self._panel in CHARTS:
            self._chart = self._panel
        else:
            self._other = self._panel
        narrow = self.has_class("-narrow")
        if self.wide:
            shown = set(PANELS)
        elif narrow:
            shown = {self._panel}
        else:
            shown = {*(CHARTS if self.size.height >= TWO_CHARTS else (self._chart,)), self._other}
        for name in PANELS:
            self._panel_of(name).display = name in shown
        containers: dict[str, bool] = {"#charts": bool(shown & set(CHARTS)), "#panels": bool(shown - set(CHARTS))}
        for selector, display in containers.items():
            self.query_one(selector, Widget).display = display
        self._describe()

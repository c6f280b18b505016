"""What *Compare* shows: charts over each other, and tables, in panels."""

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from tui import format as fmt
from tui.runs.charts import MOST_RUNS, ShownRun, same_runs
from tui.runs.compare_rows import Table
from tui.runs.metrics import ACCURACY, LOSS
from tui.runs.run_chart import RunChart
from tui.widgets.chart.page import CHART_HINT, ChartPage
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows

WIDE, TALL = 112, 38  # from this size on, every panel is on the screen at once
TWO_CHARTS = 100  # columns from which both charts stand beside each other
BOTH = 30  # rows from which a chart and a table are on the screen
CHARTS = ("loss", "accuracy")
TABLES = ("settings", "classes", "images")
PANELS = (*CHARTS, *TABLES)  # in the order of tab
EDGES = 3  # rows of a table's panel that are none of its rows: two borders, the titles
ABOUT = 3  # of the lines about the images
SETTINGS_SHARE = 3  # the table of the settings takes one row of the screen in so many, at most


class CompareView(Vertical):
    """Shows what it is given. What does not fit beside the rest takes turns: `next_panel`."""

    def __init__(self, *, with_images: bool, id: str | None = None) -> None:  # noqa: A002
        """`with_images`: whether two runs are compared, whose test images can be."""
        super().__init__(id=id)
        self._panels = PANELS if with_images else PANELS[:-1]
        self.page = ChartPage()
        self._panel = PANELS[0]  # the one that has the focus, or had it last
        self._chart, self._table = "loss", "settings"  # those that are shown where not all are
        self._shown: tuple[ShownRun, ...] = ()

    def compose(self) -> ComposeResult:
        with Horizontal(id="charts"):
            for name, metric in zip(CHARTS, (LOSS, ACCURACY), strict=True):
                with Panel(id=f"{name}-panel", focusable=False):
                    yield RunChart(self.page, metric, titled=False, id=name)
        with Panel(title="Settings and results", id="settings-panel"):
            yield Rows(id="settings")
        with Horizontal(id="tables"):
            with Panel(title="Accuracy by class", id="classes-panel"):
                yield Rows(id="classes")
            with Panel(title="Test images", id="images-panel"):
                yield Static("", id="about", markup=False)
                yield Rows(id="images")

    def on_mount(self) -> None:
        self._arrange()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        name = (event.widget.id or "").removesuffix("-panel")
        if name in PANELS:
            self._panel = name
            self._arrange()

    @property
    def chosen(self) -> str:
        """The panel that has the focus, or had it last, one of PANELS."""
        return self._panel

    @property
    def chart(self) -> RunChart:
        """The chart that has the focus, or had it last."""
        return self.query_one(f"#{self._chart}", RunChart)

    @property
    def table(self) -> Rows:
        """The table that has the focus, or had it last."""
        return self.rows(self._table)

    def rows(self, name: str) -> Rows:
        """One of the TABLES."""
        return self.query_one(f"#{name}", Rows)

    def panel(self, name: str) -> Panel:
        """The panel of a chart or a table, by its name in PANELS."""
        return self.query_one(f"#{name}-panel", Panel)

    def show_charts(self, runs: Sequence[ShownRun], count: int, *, now: bool) -> None:
        """The curves of these; `count`: how many are compared. Those that are as they were are not drawn again."""
        if same_runs(runs, self._shown):
            return
        self._shown = tuple(runs)
        right = f"the first {MOST_RUNS} of {fmt.count(count)}" if count > MOST_RUNS else ""
        for name in CHARTS:
            self.panel(name).describe(right=right)
            self.query_one(f"#{name}", RunChart).show_runs(self._shown, now=now)
        self.describe()

    def show_table(self, name: str, table: Table, *, sorted_by: str = "", falling: bool = False) -> None:
        """Other rows."""
        self.rows(name).show(table.rows, table.columns, sorted_by=sorted_by, falling=falling)
        self._arrange()

    def next_panel(self, by: int) -> None:
        """The focus to the next panel, which is shown in place of another where not all fit."""
        self.go_to(self._panels[(self._panels.index(self._panel) + by) % len(self._panels)])

    def go_to(self, name: str) -> None:
        """The focus to a panel, by its name in PANELS."""
        self._panel = name
        self._arrange()
        (self.query_one(f"#{name}") if name in CHARTS else self.panel(name)).focus()

    def describe(self) -> None:
        """What stands in the borders of the charts."""
        for name in CHARTS:
            chart = self.query_one(f"#{name}", RunChart)
            title = chart.metric.title
            if chart.metric is ACCURACY and any(run.state.validates for run in self._shown):
                title = "accuracy, %"  # each run's by the set that it is decided by
            self.panel(name).describe(title=title, below=CHART_HINT if name == self._chart else "")

    def _arrange(self) -> None:
        """Show the panels that fit: all of them, charts and a table, or one."""
        if self._panel in CHARTS:
            self._chart = self._panel
        else:
            self._table = self._panel
        width, height = self.size
        both = CHARTS if width >= TWO_CHARTS else (self._chart,)
        wide = width >= WIDE and height >= TALL
        if wide:
            shown = set(self._panels)
        elif height >= BOTH:
            shown = {*both, self._table}
        else:
            shown = {*both} if self._panel in CHARTS else {self._panel}
        for name in PANELS:
            self.panel(name).display = name in shown
        self.query_one("#charts").display = bool(shown & set(CHARTS))
        self.query_one("#tables").display = bool(shown & {"classes", "images"})
        self._heights(wide=wide, beside_charts=bool(shown & set(CHARTS)))
        self.describe()

    def _heights(self, *, wide: bool, beside_charts: bool) -> None:
        """The tables as high as their rows need, as far as the charts leave room."""
        share = max(EDGES + 2, self.size.height // SETTINGS_SHARE)
        settings = len(self.rows("settings").rows) + EDGES
        others = max(len(self.rows("classes").rows), ABOUT + len(self.rows("images").rows)) + EDGES
        self.panel("settings").styles.height = min(settings, share) if beside_charts else "1fr"
        limit = share + 2 if wide else self.size.height // 2
        self.query_one("#tables").styles.height = min(max(others, 8), limit) if beside_charts else "1fr"

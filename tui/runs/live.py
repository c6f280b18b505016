"""One run: its settings and progress, its curves, its log, and the test set by class."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from engine.checkpoints.manifest import Entry
from engine.runs.state import RunState, place
from tui.runs.charts import accuracy_chart, loss_chart
from tui.runs.confusion import ClassBars, ConfusionMatrix
from tui.runs.facts import Headline, Notice, Numbers
from tui.runs.progress_bars import RunBars
from tui.runs.text_log import TextLog
from tui.widgets.chart import Chart, ChartView

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
        self._log_y = False
        self._ancestor: RunState | None = None
        self._chosen: Entry | None = None

    def compose(self) -> ComposeResult:
        yield Headline(id="headline")
        yield RunBars(id="bars")
        yield Numbers(id="numbers")
        yield Notice(id="notice")
        with Horizontal(id="stage"):
            with Vertical(id="charts"):
                yield ChartView(id="loss")
                yield ChartView(id="accuracy")
            with Vertical(id="panels"):
                yield TextLog(id="log")
                yield ChartView(id="accuracy-panel")
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
        """Put the charts' cursor on a checkpoint, or take it away."""
        self._chosen = entry
        self.query_one(Notice).choose(entry)

    def show(self, state: RunState, alive: bool, *, now: bool = False) -> None:
        """Bring every widget up to date; each sends what changed. `now`: the charts too, at once."""
        self._state, self._alive = state, alive
        now = now or state.done or state.status == "paused"
        self.query_one(Headline).show(state, alive)
        self.query_one(RunBars).show(state, alive)
        self.query_one(Numbers).show(state, alive)
        self.query_one(Notice).show(state, alive)
        self.query_one(TextLog).show(state.log)
        self.query_one("#loss", ChartView).show(self._loss_chart(), now=now)
        accuracy = accuracy_chart(state, parent=self._ancestor, cursor=self._cursor)
        self.query_one("#accuracy", ChartView).show(accuracy, now=now)
        self.query_one("#accuracy-panel", ChartView).show(accuracy, now=now)
        names = tuple(str(name) for name in state.dataset.get("classes", ()))
        newest = state.tests[-1] if state.tests else None
        self.query_one(ClassBars).show(newest, names)
        self.query_one(ConfusionMatrix).show(newest, names)

    def next_panel(self) -> None:
        """The next panel beside the loss chart, where not all fit."""
        self._panel = (self._panel + 1) % len(PANELS)
        self._arrange()

    def toggle_log_y(self) -> None:
        """The loss on a logarithmic axis, or back."""
        self._log_y = not self._log_y
        self.query_one("#loss", ChartView).show(self._loss_chart(), now=True)

    def scroll_log(self, pages: int) -> None:
        self.query_one(TextLog).scroll_back(pages)

    def _loss_chart(self) -> Chart:
        return loss_chart(self._state, log_y=self._log_y, parent=self._ancestor, cursor=self._cursor)

    @property
    def _cursor(self) -> float | None:
        entry = self._chosen
        return None if entry is None else place(entry.epoch, entry.step, self._state.steps)

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

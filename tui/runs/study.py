"""One study: its trials as they are trained, the best so far, and what the parameters do to the result."""

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widgets import Static

from engine.errors import EngineError
from engine.home import Home, StudyFolder
from engine.studies import client
from engine.studies.space import Parameter, Range
from engine.studies.trials import Snapshot, Trial
from tui.dialogs.table_screen import panel_keys, table_keys
from tui.keys import bind
from tui.runs.study_charts import over_parameter
from tui.runs.study_lines import Drawn, StudyLines
from tui.runs.study_made import Made, make
from tui.runs.study_prompts import ChangedStudy
from tui.runs.study_source import StudyReader, StudySeen
from tui.runs.study_table import about, orders
from tui.services import Services
from tui.study_text import about as about_study
from tui.study_text import metric_text, summary
from tui.widgets.chart.chart_view import ChartView, plain_terminal
from tui.widgets.chart.plot import preload
from tui.widgets.keyline import KeyLine
from tui.widgets.order import Order
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows
from tui.widgets.text import set_text
from tui.widgets.topbar import TopBar

REFRESH_S = 1.0
AGES_S = 10.0  # after which the times of the trials that train are shown anew
WIDE = 110  # columns from which the views stand beside the table
MOST_WIDTH = 60  # hundredths of the screen for the table beside them
FRAME, SIDES = 3, 3  # lines of the table's border and heading; cells of its border and cursor
BARS = 2  # lines of the bars at the top and bottom
LEAST_BELOW = 10  # lines that the table has to leave for another view below it
ABOUT_LINES = 9  # of the panel about a trial, beside one for each parameter
VIEWS = ("history", "parameter", "coordinates", "importances")
WORDS = {
    "history": "By trial", "parameter": "Over {}", "coordinates": "Parallel coordinates", "importances": "Importances",
}  # fmt: skip


class StudyScreen(ChangedStudy):
    """Shows what the study's worker writes down; a thread reads it."""

    AUTO_FOCUS = "#trials"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("study"),
        *panel_keys("study"),
        bind("study", "open", "Watch", "the trial's run"),
        bind("study", "view", "View", "by trial, over a parameter, parallel coordinates, importances"),
        bind("study", "next", "Next parameter", action="parameter(1)"),
        bind("study", "previous", "Previous parameter", action="parameter(-1)", show=False),
        bind("study", "sort", "Sort", "by the next column"),
        bind("study", "reverse", "Reverse", "the order", show=False),
        bind("study", "new_run", "Add a trial", "with settings of your own", action="add"),
        bind("study", "more", "More trials"),
        bind("study", "change", "Space", "what is searched, for trials to come"),
        bind("study", "go", "Go on", "with a study that was stopped"),
        bind("study", "stop", "Stop"),
        bind("study", "export", "Export", "the trials as CSV", show=False),
        bind("study", "back", "Back"),
    ]

    def __init__(self, services: Services, folder: StudyFolder) -> None:
        super().__init__(services, folder)
        self._reader = StudyReader(folder)
        self._seen = StudySeen(folder)
        self._view, self._parameter = VIEWS[0], 0
        self._order = Order()
        self._shown_at = 0.0
        self._made: Made | None = None
        self._trouble = ""  # what was said of the storage last
        self._chart = ChartView(id="chart")
        self._chart.titled = False

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        with Container(id="body"):
            with Vertical(id="left"):
                with Panel(title=f"Study {self._folder.id}", id="trials"):
                    yield Rows(id="table")
                with Panel(id="below-panel", focusable=False):
                    yield StudyLines(id="below")
            with Vertical(id="beside"):
                with Panel(id="view", focusable=False):
                    yield self._chart
                    yield StudyLines(id="lines")
                with Panel(id="about-panel", focusable=False):
                    yield Static("", id="about", markup=False)
        yield KeyLine()

    def on_resize(self) -> None:
        self._arrange()

    def on_mount(self) -> None:
        self._looking = self.set_interval(REFRESH_S, self.look)
        self.query_one("#trials", Panel).busy("reading the study …")
        self.look()

    def on_screen_suspend(self) -> None:
        self._looking.pause()

    def on_screen_resume(self) -> None:
        self._looking.resume()
        self.look()

    @work(exclusive=True, group="study")
    async def look(self) -> None:
        """Read the study again, in a thread."""
        await asyncio.to_thread(preload)
        found = await asyncio.to_thread(self._read)
        if not self.query("#table"):
            return
        running = found.snapshot is not None and found.snapshot.count("running")
        sorted_ = self._made is None or self._made.order == self._order
        if found is not self._seen or not sorted_ or (running and time.monotonic() - self._shown_at >= AGES_S):
            await self._make(found)

    def _read(self) -> StudySeen:
        seen = self._reader.read()
        if seen.record is not None and client.needs_worker(self._folder):  # after a restart of the machine
            client.ensure_worker(self._folder)
        return seen

    # Showing

    @property
    def snapshot(self) -> Snapshot | None:
        """The study as it was last seen."""
        return self._seen.snapshot

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        if self.snapshot is None:
            return ()
        try:
            return self.snapshot.definition.read()[0].parameters
        except EngineError:
            return ()

    @property
    def selected(self) -> Trial | None:
        """The trial under the cursor."""
        key = self.table.key
        if self.snapshot is None or key is None:
            return None
        return next((one for one in self.snapshot.trials if str(one.number) == key), None)

    async def _make(self, found: StudySeen) -> None:
        """Show the study, in the order that is chosen."""
        made = await asyncio.to_thread(make, found.snapshot, self._order) if found.snapshot is not None else None
        if self.query("#table"):
            self._seen = found
            self._show(made)

    @work(exclusive=True, group="study")
    async def _make_again(self) -> None:
        await self._make(self._seen)

    def _show(self, made: Made | None) -> None:
        self._shown_at = time.monotonic()
        panel, seen = self.query_one("#trials", Panel), self.snapshot
        panel.busy("")
        if seen is None or made is None:
            panel.say(self._seen.problem or "its worker is starting …")
            self.refresh_bindings()
            return
        panel.say("")
        sorted_anew = self._made is not None and made.order != self._made.order
        self._made, best = made, made.best
        self.table.show(made.rows, made.columns, sorted_by=made.order.title, falling=made.order.falling)
        if sorted_anew:
            self.table.reveal(made.order.title)
        top = f"best {metric_text(seen.definition, best.value)} (trial {best.number})" if best is not None else ""
        panel.describe(
            right=" · ".join(filter(None, (self._seen.state, summary(seen), made.order.words))),
            below=" · ".join(filter(None, (top, about_study(seen.definition)))),
            below_right=self.table.place,
        )
        if seen.trouble and seen.trouble != self._trouble:
            self.notify(seen.trouble, severity="warning", markup=False)
        self._trouble = seen.trouble
        self._arrange()
        self._show_view()
        self._show_about()
        self.refresh_bindings()

    def _arrange(self) -> None:
        """Side by side the table is as wide as its columns, and as long as its rows where that leaves room for another
        view below it."""
        wide, made = self.size.width >= WIDE, self._made
        needed = sum(column.width + self.table.gap for column in made.columns) + SIDES if made is not None else 0
        least, most = self.size.width // 2, self.size.width * MOST_WIDTH // 100
        self.query_one("#left").styles.width = max(least, min(most, needed)) if wide else "1fr"
        rows = (len(made.rows) if made is not None else 0) + FRAME
        below = wide and made is not None and self.size.height - BARS - rows >= LEAST_BELOW
        self.query_one("#below-panel").display = below
        self.query_one("#trials").styles.height = rows if below else "1fr"
        self.query_one("#about-panel").styles.height = min(len(self.parameters) + ABOUT_LINES, self.size.height // 2)

    def _show_view(self) -> None:
        seen, parameters = self.snapshot, self.parameters
        if seen is None:
            return
        one = parameters[self._parameter % len(parameters)] if parameters else None
        as_chart = self._view == "history" or (self._view == "parameter" and isinstance(one, Range))
        lines = self.query_one("#lines", StudyLines)
        self._chart.display, lines.display = as_chart, not as_chart
        title = WORDS[self._view].format(one.name if one is not None else "a parameter")
        right = f"{self._parameter % len(parameters) + 1} of {len(parameters)}" if self._view == "parameter" else ""
        self.query_one("#view", Panel).describe(title=title, right=right, below="v: another view")
        self._show_below(seen)
        if self._view == "history" and self._made is not None:
            self._chart.show(*self._made.history, now=True)
        elif as_chart and isinstance(one, Range):
            self._chart.show(*over_parameter(seen, one), now=True)
        else:
            lines.show(self._drawn(self._view, seen, one))

    def _show_below(self, seen: Snapshot) -> None:
        """Below the table what the panel beside it does not show."""
        view = "coordinates" if self._view != "coordinates" else "importances"
        self.query_one("#below-panel", Panel).describe(title=WORDS[view])
        self.query_one("#below", StudyLines).show(self._drawn(view, seen, None))

    def _drawn(self, view: str, seen: Snapshot, one: Parameter | None) -> Drawn:
        number = self.selected.number if self.selected is not None else -1
        return Drawn(view, seen, self.parameters, one, number, plain_terminal())

    def _show_about(self) -> None:
        one, seen = self.selected, self.snapshot
        panel = self.query_one("#about-panel", Panel)
        if one is None or seen is None:
            panel.describe(title="", right="")
            set_text(self.query_one("#about", Static), "")
            return
        worker = self._seen.record.worker if self._seen.record is not None else ""
        panel.describe(title=f"Trial {one.number}")
        set_text(self.query_one("#about", Static), about(seen, one, worker))

    def moved(self) -> None:
        self.query_one("#trials", Panel).describe(below_right=self.table.place)
        self._show_about()
        if self._view == "coordinates":
            self._show_view()
        elif self.snapshot is not None:
            self._show_below(self.snapshot)
        self.refresh_bindings()

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        seen, record = self.snapshot, self._seen.record
        if record is None and action in ("add", "more", "change", "go", "stop"):
            return "the study can't be read" if self._seen.problem else "the study is being read"
        if action in ("open", "export", "sort", "reverse", "view", "parameter") and seen is None:
            return "there is no trial yet"
        match action:
            case "open":
                return self._why_not_watched()
            case "parameter" if self._view != "parameter":
                return "v shows the result over a parameter first"
            case "go" if record is not None and record.wanted == "go":
                return "it goes on" if self._seen.living else "nothing is left to do: + has more trials made"
            case "stop" if record is not None and record.wanted == "stop":
                return "it is stopped"
            case "stop" if not self._seen.living:
                return "nobody works on it here"
            case "more" if seen is not None and seen.definition.sampler == "grid":
                return "a grid has all its points already"
        return self.why_not_panel() if action == "panel" else ""

    def _why_not_watched(self) -> str:
        one, record = self.selected, self._seen.record
        if one is None:
            return "no trial is chosen"
        if not one.run:
            return "the trial has no run yet"
        if record is not None and one.worker != record.worker:
            return "its run is in another home"
        return ""

    def action_open(self) -> None:
        if (one := self.selected) is not None and one.run:
            folder = Home(self._services.home).run(one.run)
            if Path(one.run).name != one.run or not folder.path.is_dir():
                self.notify("its run is not here any more", severity="warning", markup=False)
                return
            self._services.watch_run(folder)

    def action_view(self) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self._show_view()
        self.refresh_bindings()

    def action_parameter(self, by: int) -> None:
        self._parameter = (self._parameter + by) % max(1, len(self.parameters))
        self._show_view()

    def action_sort(self) -> None:
        if self.snapshot is not None:
            every = orders(self.snapshot)
            titles = [one.title for one in every]
            at = titles.index(self._order.title) if self._order.title in titles else 0
            self._sort(every[(at + 1) % len(every)])

    def action_reverse(self) -> None:
        self._sort(Order(self._order.title, not self._order.falling))

    def sort_by(self, title: str) -> None:
        if title == self._order.title:
            self.action_reverse()
        elif self.snapshot is not None and (found := [one for one in orders(self.snapshot) if one.title == title]):
            self._sort(found[0])

    def _sort(self, order: Order) -> None:
        self._order = order
        self._make_again()

    def action_back(self) -> None:
        self.dismiss()

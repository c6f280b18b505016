"""*Race*: branches of one run, side by side. One is kept and goes on, the others go."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from engine import race as racing
from engine.errors import EngineError
from engine.home import RunFolder
from engine.race import Lane, Race, RaceReader
from engine.runs import store
from engine.runs.ancestors import with_ancestors
from engine.runs.state import RunState
from tui import format as fmt
from tui.config import declared
from tui.dialogs.choice import Choice, ChoiceScreen
from tui.dialogs.table_screen import TableScreen, table_keys
from tui.keys import bind
from tui.race_text import place_words
from tui.runs.chart_export import export_chart
from tui.runs.charts import SIGNS, ShownRun, run_slots
from tui.runs.metrics import LOSS
from tui.runs.run_bar import RunTopBar
from tui.runs.run_chart import RunChart
from tui.services import Services
from tui.widgets.chart.page import CHART_HINT, ChartPage
from tui.widgets.chart.plot import preload
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows

REFRESH_S = 1.0
BEFORE = 0.25  # of the race's length is seen before it
COLUMNS = (
    Column("", 1), Column("changes", -12), Column("state", 9), Column("steps", 12, right=True),
    Column("loss", 7, right=True, style="strong"), Column("accuracy", 8, right=True),
)  # fmt: skip
EDGES = 3  # rows of the table's panel that are none of its rows
ABOUT = "loss: of the training, the mean of the last quarter of the steps"


class RaceScreen(TableScreen):
    """Reads the branches again while it is in view, in a thread."""

    AUTO_FOCUS = "#branches-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("race"),
        bind("race", "open", "Keep", "this branch: it goes on, the others are deleted"),
        bind("race", "stop", "Stop", "the race: all branches are deleted"),
        bind("race", "next_panel", "Next panel", action="panel(1)"),
        bind("race", "previous_panel", action="panel(-1)", show=False),
        bind("race", "back", "Back", "the race goes on; & comes back here"),
    ]

    def __init__(self, services: Services, folders: Sequence[RunFolder]) -> None:
        super().__init__()
        self._services = services
        self._reader = RaceReader(folders)
        self._race: Race | None = None
        self._its_run: RunState | None = None
        self._its_name = "its run"
        self._reading = asyncio.Lock()  # held while the branches are read: a thread that reads them can't be cancelled
        self._doing = ""  # what is being done to the branches
        self._zoomed = False
        self.page = ChartPage()

    def compose(self) -> ComposeResult:
        yield RunTopBar("train")
        with Panel(title="Race", id="chart-panel", focusable=False):
            yield RunChart(self.page, LOSS, titled=False, id="chart")
        with Panel(title="Branches", id="branches-panel"):
            yield Rows(COLUMNS, gap=2, id="branches")
        yield KeyLine()

    def on_mount(self) -> None:
        self.page.view = replace(self.page.view, smoothing=self._services.preferences.get(declared.SMOOTHING))
        self.page.changed = self._looked_otherwise
        self.query_one("#chart-panel", Panel).say("reading the branches …")
        self._looking = self.set_interval(REFRESH_S, self._tick)
        self._look()

    def on_screen_suspend(self) -> None:
        if not self.is_current:  # else it is beneath a dialog, where it is still seen
            self._looking.pause()

    def on_screen_resume(self) -> None:
        self._looking.resume()
        if self._race is not None:
            self._tick()

    # Showing

    def _tick(self) -> None:
        if not self._reading.locked():  # one that takes longer than the time between two is not begun anew
            self._look()

    @work(group="look")
    async def _look(self) -> None:
        async with self._reading:
            if not self.is_active or self._doing:
                return
            await asyncio.to_thread(preload)
            race, states = await asyncio.to_thread(self._reader.read)
            if race is not None and self._its_run is None:
                folder = race.folders[0].other(race.parent)
                try:
                    self._its_run = await asyncio.to_thread(with_ancestors, folder)
                    self._its_name = await asyncio.to_thread(store.title, folder)
                except EngineError:  # it was deleted: the branches race without it
                    self._its_run = RunState()
        if self.query_one_optional(RunChart) is None or self._doing:
            return
        if race is None:
            self.notify("The race is over: its branches are gone, or were kept.", timeout=6)
            self.dismiss()
            return
        self._race = race
        self._show(race, states)

    def _show(self, race: Race, states: Sequence[RunState]) -> None:
        assert self._its_run is not None
        slots = run_slots([race.parent, *(lane.run.id for lane in race.lanes)])
        best = racing.best(race, states)
        rows = []
        for lane, state in zip(race.lanes, states, strict=True):
            stood, slot = racing.standing(race, lane, state), slots[lane.run.id]
            cells = (
                SIGNS[slot],
                lane.words + (" (lowest)" if lane is best else ""),
                lane.run.state,
                f"{fmt.count(stood.done)} of {fmt.count(race.steps)}",
                fmt.NOTHING if stood.loss is None else fmt.loss(stood.loss),
                fmt.accuracy(lane.run.accuracy, tta=lane.run.tta),
            )
            rows.append(Row(lane.run.id, cells, styles={"": f"run{slot}"}))
        self.table.show(rows, COLUMNS)
        branches = self.query_one("#branches-panel", Panel)
        branches.styles.height = len(rows) + EDGES
        branches.describe(right=f"{fmt.count(race.steps)} steps each", below=ABOUT, below_right=self.table.place)
        name = self._its_name
        parents = [ShownRun(race.parent, name, self._its_run)] if self._its_run.curve else []
        lanes = [ShownRun(lane.run.id, lane.words, state) for lane, state in zip(race.lanes, states, strict=True)]
        self._look_at_it(race, states)
        chart = self.query_one(RunChart)
        panel = self.query_one("#chart-panel", Panel)
        panel.say("")
        panel.describe(
            title=f"Race of branches of {name}, {place_words(race, states)}: {chart.metric.title}",
            below=CHART_HINT if chart.has_focus else "",
        )
        chart.show_runs([*parents, *lanes])
        self.refresh_bindings()

    def _look_at_it(self, race: Race, states: Sequence[RunState]) -> None:
        """At first, zoom to where the branches leave their run."""
        begun = [state for state in states if state.steps and state.parent is not None]
        if self.page.view.window is None and begun and not self._zoomed:
            self._zoomed = True
            start, span = begun[0].begun_at, race.steps / begun[0].steps
            window = (max(0.0, start - BEFORE * span), start + span)
            self.page.view = replace(self.page.view, window=window, follow=False)

    def moved(self) -> None:
        self.query_one("#branches-panel", Panel).describe(below_right=self.table.place)
        self.refresh_bindings()

    def _looked_otherwise(self) -> None:
        smoothing = self.page.view.smoothing
        if smoothing != self._services.preferences.get(declared.SMOOTHING):
            self._services.preferences.keep(declared.SMOOTHING, smoothing)

    # Keys

    @property
    def lane(self) -> Lane | None:
        """The branch under the cursor."""
        key = self.row_key
        return next((lane for lane in self._race.lanes if lane.run.id == key), None) if self._race else None

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("open", "stop") and self._doing:
            return self._doing
        if action in ("open", "stop") and self.lane is None:
            return "the branches are being read"
        return ""

    def action_panel(self, by: int) -> None:
        self.set_focus(self.query_one("#branches-panel" if self.query_one(RunChart).has_focus else "#chart"))

    def action_back(self) -> None:
        self.dismiss()

    def on_run_chart_wanted(self, event: RunChart.Wanted) -> None:
        if event.act == "export":
            self.run_worker(export_chart(self, event.run_chart), group="export")

    @work(group="end", exclusive=True)
    async def action_open(self) -> None:
        """Keep the branch under the cursor."""
        race, lane = self._race, self.lane
        if race is None or lane is None:
            return
        if not race.over:
            about = "The branches still train: it is stopped where it is, and goes on by itself from there."
            choices = [Choice("k", f"keep {lane.words}", "the others are deleted")]
            if await self.app.push_screen_wait(ChoiceScreen("Keep it now?", about, choices)) is None:
                return

        def keep() -> None:
            others = [folder for folder in race.folders if folder != lane.run.folder]
            racing.stop(others)
            racing.keep(lane.run.folder)
            self._services.trash.delete(others)

        if await self._do(f"{lane.words} goes on; the others are being deleted", keep):
            self._looking.stop()
            self.app.notify(f"Kept {lane.words}; the others are deleted (u on Runs brings them back).", markup=False)
            self._services.watch_run(lane.run.folder)

    @work(group="end", exclusive=True)
    async def action_stop(self) -> None:
        """Delete all branches."""
        race = self._race
        if race is None:
            return
        choices = [Choice("d", "delete all branches", "their run stays as it is; u on Runs brings them back")]
        if await self.app.push_screen_wait(ChoiceScreen("Stop the race?", "", choices)) is None:
            return

        def stop() -> None:
            racing.stop(race.folders)
            self._services.trash.delete(race.folders)

        if await self._do("the branches are being deleted", stop):
            self.dismiss()

    async def _do(self, what: str, act: Callable[[], None]) -> bool:
        """Do something to the branches, in a thread; whether it was done."""
        self._doing = what
        self.refresh_bindings()
        panel = self.query_one("#branches-panel", Panel)
        panel.busy(what)
        try:
            await asyncio.to_thread(self._services.trusting, act)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return False
        finally:
            self._doing = ""
            panel.busy("")
            self.refresh_bindings()
        return True

"""*Runs*: every run, newest first; from here one is watched, paused or stopped."""

import asyncio
import time
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Static

from engine.checkpoints.manifest import Entry
from engine.errors import EngineError
from engine.queue.shown import watched, with_queue
from engine.runs import run_filter
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.runs.unreadable import left_out_words
from engine.terminal_text import printable
from tui import cells, run_columns
from tui import format as fmt
from tui.config.declared import COLUMNS_RUNS, SORT_RUNS
from tui.dialogs.columns import ColumnChoice
from tui.dialogs.table_screen import columns_key, filter_key, panel_keys, table_keys
from tui.keys import bind
from tui.runs import grouped_rows, list_text, run_actions, runs_keys, to_studies
from tui.runs.chart_export import export_chart
from tui.runs.commanded_runs import CommandedRuns, command_keys
from tui.runs.curves_panel import MOST_OF_GROUP, CurvesPanel
from tui.runs.ordered_runs import nothing_words, order_keys
from tui.runs.run_chart import RunChart
from tui.runs.run_detail import RunDetail
from tui.runs.run_table import NAME
from tui.runs.shown_runs import Shown, shown_runs
from tui.services import Services
from tui.widgets.chart.plot import preload
from tui.widgets.keyline import KeyLine
from tui.widgets.order import Order
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows
from tui.widgets.text import height_in, set_text
from tui.widgets.topbar import TopBar

REFRESH_S = 2.0
LOOK_S, LOOK_MORE_S = 0.1, 1.0  # of reading runs before the first ones are shown, and then before more are
AGES_S = 30.0  # after which the ages are shown anew where nothing else is
AT_ONCE = 200  # runs whose table is made without a thread
FOLLOW_S = 0.03  # that the cursor stands still before the panel beside it follows
LIST_EDGES, CURVES_HEIGHT = 3, 12  # rows: a list's borders and titles, and the least that curves below it need
WIDE = 110  # columns from which the chosen run has a panel


class RunsScreen(CommandedRuns):
    """A table that a thread keeps up to date while it is in view, and only where something changed."""

    AUTO_FOCUS = "#runs"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    FILTER_ABOUT = run_filter.ABOUT
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("runs"),
        *panel_keys("runs"),
        bind("runs", "open", "Open", "watch the run, or fold a group out or in"),
        *command_keys("runs"),
        filter_key("runs", "by words and comparisons, such as lr>=1e-3 -state:failed"),
        bind("runs", "sort", "Sort", "by the next column; a branch stays below its run"),
        bind("runs", "reverse", "Reverse", "the order", show=False),
        columns_key("runs"),
        *order_keys("runs"),
        bind("runs", "overview", "Studies", "searches for the best settings", action="studies"),
        bind("runs", "on_model", "On Model", "with the weights of its newest checkpoint"),
        bind("runs", "back", "All runs", "clear the filter or the marks", action="unfilter", show=False),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._begun = self._looked = False  # whether the runs are being read, and were
        self._left_out = ""  # which runs can't be read, and why
        self._listing = services.runs
        self._order = Order.parse(services.preferences.get(SORT_RUNS))
        self._following: Timer | None = None
        self._shown = Shown()
        self._by_id: dict[str, RunSummary] = {}
        self._whole = False  # whether all of them were
        self._at_first = True  # the cursor stays at the first row: until all runs are read, or a person moves it
        self._put_at = 0.0  # when that was shown, by time.monotonic
        self._unfolded: frozenset[str] = frozenset()  # groups whose runs have rows

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        with Horizontal():
            with Vertical(id="left"):
                with Panel(title="Runs", id="runs"):
                    yield Rows(gap=1, fixed=2, id="table")
                    yield Static("", id="left-out", markup=False)
                yield CurvesPanel(id="curves")
            yield RunDetail(id="run")
        yield KeyLine()

    def on_mount(self) -> None:
        self._looking = self.set_interval(REFRESH_S, self.look)
        self._panel.busy("reading the runs …", empty=True)
        self.look()

    def on_screen_suspend(self) -> None:
        self._looking.pause()

    def on_screen_resume(self) -> None:
        self._looking.resume()
        if self._looked or not self._begun:  # the first look is under way: another would take its place
            self.look()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.show_runs)  # when the panels have their new widths

    def on_rows_widened(self, event: Rows.Widened) -> None:
        """A table that was made before it had a place, as while its panel said what it waits for, is made anew."""
        if event.width != self._shown.width:
            self.show_runs()

    @work(exclusive=True, group="runs")
    async def look(self) -> None:
        """Read the runs again, in a thread, if this screen is in view. Thousands of them come in parts."""
        while self.is_active:
            self._begun = True
            runs = await asyncio.to_thread(self._read, LOOK_MORE_S if self._looked else LOOK_S)
            folders = [one for one in self._listing.unreadable if not one.run]  # a run has a row
            left_out, now = printable(left_out_words(folders)), time.monotonic()
            news = runs != self._runs or left_out != self._left_out or not self._looked
            self._runs, self._left_out, self._looked, self._whole = runs, left_out, True, not self._listing.left
            self._by_id = {run.id: run for run in runs}
            if news or now - self._put_at >= AGES_S:
                await self._make()
            for panel in self.query("#runs").results(Panel):
                panel.busy(fmt.left_to_read(self._listing.left, *self._listing.under_way))
            if not self._listing.left or not self.query("#table"):  # or the app ended meanwhile
                return

    def _read(self, seconds: float) -> list[RunSummary]:
        """All runs, with their places in the queue; in a thread."""
        return with_queue(self._listing.look(seconds), watched(self._services.home))

    def show_runs(self) -> None:
        """Show the runs anew: few at once, many as soon as a thread has made the table."""
        if not self._looked:
            return
        if len(self._runs) <= AT_ONCE:
            self._put(self._shown_now())
        else:
            self._make_many()

    @work(exclusive=True, group="show")
    async def _make_many(self) -> None:
        await self._make()

    async def _make(self) -> None:
        """The table, made in a thread; then the curves."""
        if not self.query("#table"):
            return
        shown = await asyncio.to_thread(self._shown_now)
        if self.query("#table"):
            self._put(shown)

    def _shown_now(self) -> Shown:
        asked = (self.filter_text, self._order, self._width, self._columns, self._unfolded)
        return shown_runs(self._runs, *asked, hidden=self._with_hidden, marked=tuple(self._marked))

    @property
    def _panel(self) -> Panel:
        return self.query_one("#runs", Panel)

    @property
    def selected(self) -> RunSummary | None:
        return self._by_id.get(self.row_key)

    @property
    def group(self) -> Group | None:
        """The group under the cursor."""
        key = self.row_key
        return self._shown.groups.get(key.removeprefix(grouped_rows.KEY)) if key.startswith(grouped_rows.KEY) else None

    @property
    def under_cursor(self) -> list[RunSummary]:
        if (group := self.group) is not None:
            return list(group.runs)
        return [run for run in (self.selected,) if run is not None]

    def as_cell(self) -> str:
        """The run under the cursor, for the lab."""
        return "" if self.selected is None else cells.run(self.selected.id)

    # Showing

    @property
    def _columns(self) -> tuple[str, ...]:
        """The titles that were chosen; none: the table chooses."""
        return self._services.preferences.get(COLUMNS_RUNS)

    @property
    def _width(self) -> int:
        """Cells of the table."""
        return self.table.size.width or self.size.width - 2

    def _put(self, shown: Shown) -> None:
        first = not self._put_at
        self._shown, made, self._put_at = shown, shown.table, time.monotonic()
        self.table.fixed = made.fixed
        self.table.show(made.rows, made.columns, sorted_by=shown.order.title, falling=shown.order.falling)
        if self._at_first:
            self.table.go(0)
            self._at_first = not self._whole
        left_out = self.query_one("#left-out", Static)
        set_text(left_out, self._left_out)
        left_out.display = bool(self._left_out)
        nothing = nothing_words(self.filter_text, shown, any_run=bool(self._runs))
        self._panel.say("" if shown.runs or self._left_out or self._listing.left else nothing)
        self._describe()
        self._place_curves()
        self._show_detail(at_once=not first)  # the first rows are painted before it
        self.refresh_bindings()

    def _place_curves(self) -> None:
        """The curves of the runs, the first of them where they are many, in what the list leaves of the screen."""
        left_out = height_in(self.query_one("#left-out", Static), self.table.size.width)
        needed = len(self.table.rows) + LIST_EDGES + left_out
        room = self.query_one("#left").size.height - needed
        curves = self.query_one(CurvesPanel)
        curves.display = room >= CURVES_HEIGHT and bool(self._shown.with_curves)
        self._panel.styles.height = needed if curves.display else "1fr"
        curves.choose(self._shown.with_curves if curves.display else (), self._shown.groups)

    def _describe(self) -> None:
        """What stands in the borders of the list."""
        right = [list_text.counts(self._shown, len(self._runs), filtered=bool(self.filter_text))]
        right += [*self.order_words(self._shown), self.describe_filter(), self._shown.order.words if self._runs else ""]
        below = ""
        if (group := self.group) is not None:
            below = list_text.of_group(group, unfolded=group.id in self._unfolded)
        elif (run := self.selected) is not None:
            below = list_text.of_run(run, self._runs)
        if below:
            self._panel.describe(below_right=self.table.place)
        self._panel.describe(right=" · ".join(filter(None, right)), below=below)

    def _show_detail(self, *, at_once: bool = False) -> None:
        """The panel about the chosen run: a moment after the cursor, so that it never holds that up."""
        if self._following is not None:
            self._following.stop()
        self._following = None if at_once else self.set_timer(FOLLOW_S, self._detail)
        if at_once:
            self._detail()

    @work(exclusive=True, group="detail")
    async def _detail(self) -> None:
        """Read the states of the runs whose curves are shown, in a thread, and show them."""
        detail, run, group = self.query_one(RunDetail), self.selected, self.group
        wanted = [one.folder for one in self.query_one(CurvesPanel).runs]
        parent = next((one for one in self._runs if run is not None and one.id == run.parent), None)
        if detail.display:
            wanted += [one.folder for one in group.runs[:MOST_OF_GROUP]] if group is not None else []
            wanted += [one.folder for one in (run, parent) if one is not None and not one.problem]
        await asyncio.to_thread(preload)  # only now: beside the first look it would hold up the first rows
        while True:  # long logs in parts: what they came to so far is shown, and the list is read meanwhile
            await asyncio.to_thread(self._listing.read_states, list(dict.fromkeys(wanted)), LOOK_MORE_S)
            if not self.query("#table"):
                return
            self.query_one(CurvesPanel).update_curves(self._listing)
            shown = detail.display and run is self.selected
            if shown:
                detail.show_chosen(group or run, self._runs, self._listing)
            if not self._listing.states_left:
                break
        if shown and run is not None and not run.problem:
            self._read_checkpoints(run)

    @work(exclusive=True, group="checkpoints")
    async def _read_checkpoints(self, run: RunSummary) -> None:
        found: list[Entry] | str
        try:
            found = await asyncio.to_thread(run_actions.checkpoints, run.folder)
        except EngineError as error:
            found = str(error)
        for detail in self.query(RunDetail):
            detail.show_checkpoints(run, self._listing.state(run.folder), self._runs, found)

    def on_run_chart_wanted(self, event: RunChart.Wanted) -> None:
        if event.act == "export":
            self._export(event.run_chart)

    @work(group="export")
    async def _export(self, run_chart: RunChart) -> None:
        await export_chart(self, run_chart)

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        filtered = bool(self.filter_text or self._marked)
        why = runs_keys.why_not(action, self.selected, group=self.group, any_run=bool(self._runs), filtered=filtered)
        return why or (self.why_not_panel() if action == "panel" else self.why_not_order(action))

    def moved(self) -> None:
        self._at_first = False
        self._describe()
        self._show_detail()
        self.refresh_bindings()

    def action_open(self) -> None:
        if (group := self.group) is not None:
            self._unfolded ^= {group.id}
            self.show_runs()
        if (run := self.selected) is not None:
            self._services.watch_run(run.folder)

    def action_studies(self) -> None:
        to_studies.open_studies(self.app, self._services, self.group, self.selected)

    def action_sort(self) -> None:
        every = self._shown.orders
        titles = [one.title for one in every]
        at = titles.index(self._order.title) if self._order.title in titles else 0
        self._sort(every[(at + 1) % len(every)])

    def action_reverse(self) -> None:
        self._sort(Order(self._order.title, not self._order.falling))

    def column_choice(self) -> ColumnChoice:
        automatic = shown_runs(self._runs[:AT_ONCE], self.filter_text, Order(), self._width).table
        titles = [one.title for one in automatic.columns]
        every, preferences = run_columns.columns(), self._services.preferences
        return ColumnChoice("Runs", preferences, COLUMNS_RUNS, every, titles, NAME)

    def columns_changed(self) -> None:
        self.show_runs()

    def sort_by(self, title: str) -> None:
        if title == self._order.title:
            self.action_reverse()
            return
        chosen = next((one for one in self._shown.orders if one.title == title), Order() if title == "age" else None)
        if chosen is not None:
            self._sort(chosen)

    def _sort(self, order: Order) -> None:
        self._order = order
        self._services.preferences.keep(SORT_RUNS, str(order))
        self.show_runs()
        self.table.reveal(order.title)

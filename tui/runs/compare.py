"""*Compare*: runs and groups side by side: their curves, settings, results, classes, and what they get right."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from engine.digits import significant
from engine.errors import EngineError
from engine.evaluation.requests import EvaluationComparison
from engine.evaluation.run_comparison import images_of_two, no_images
from engine.runs.compared_runs import Compared, ComparedRuns
from engine.runs.comparison import RESULTS, Comparison, members
from engine.runs.groups import Group
from engine.terminal_text import printable, shown
from tui import cells, comparison_text
from tui import format as fmt
from tui.compared_images import compared_images
from tui.config import declared
from tui.dialogs.busy import LongRequests
from tui.dialogs.table_screen import TableScreen, table_keys
from tui.keys import bind
from tui.runs import compare_rows
from tui.runs.chart_export import export_chart
from tui.runs.charts import MOST_RUNS, ShownRun, prepare, run_slots
from tui.runs.compare_export import export_table
from tui.runs.compare_view import CompareView
from tui.runs.curves_panel import MOST_OF_GROUP
from tui.runs.run_bar import RunTopBar
from tui.runs.run_chart import RunChart
from tui.services import Services
from tui.widgets.chart.plot import preload
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Rows
from tui.widgets.text import set_text

REFRESH_S = 2.0
ASK = "E asks both runs about the test images, with the weights of their best epochs."
LOOK_S = 1.0  # of reading runs that are new, which nobody waits for here


class CompareScreen(TableScreen):
    """Reads what it compares again while it is in view, in a thread, and shows what is new."""

    AUTO_FOCUS = "#loss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("compare"),
        bind("compare", "next_panel", "Next panel", "charts, settings, classes, images", action="panel(1)"),
        bind("compare", "previous_panel", action="panel(-1)", show=False),
        bind("compare", "open", "Open", "a run on Train; of test images those of the row, on Data"),
        bind("compare", "sort", "Sort", "by the next column; the classes by their difference"),
        bind("compare", "reverse", "Reverse", "the order", show=False),
        bind("compare", "evaluate", "Test images", "that one of two runs alone gets right"),
        bind("compare", "export", "Export", "the table, as CSV or Markdown"),
        bind("compare", "back", "Back", "or cancel what is computed"),
    ]

    def __init__(self, services: Services, chosen: Sequence[Compared]) -> None:
        super().__init__()
        self._services = services
        self._runs = ComparedRuns(chosen)
        self._long = LongRequests(self, services, panel="#images-panel")
        self._column, self._reverse = "", False  # what the settings are sorted by; "": as they were chosen
        self._by_difference = False  # the classes
        self._comparison: Comparison | None = None  # in the order of the table
        self._reading = asyncio.Lock()  # held while the runs are read: a thread that reads them can't be cancelled
        self._shown: Comparison | None = None  # as it was read
        self._shown_by = ("", False)  # in which order
        self._problem = ""  # why the runs could not be read
        self._slots: dict[str, int] = {}  # of those that are on the charts
        self._images: EvaluationComparison | None = None  # of two runs
        self._titles = ("", "")  # what those were called
        self._no_images = no_images(chosen)

    def compose(self) -> ComposeResult:
        yield RunTopBar("runs")
        yield CompareView(with_images=not self._no_images, id="compare")
        yield KeyLine()

    def on_mount(self) -> None:
        smoothing = self._services.preferences.get(declared.SMOOTHING)
        self._view.page.view = replace(self._view.page.view, smoothing=smoothing)
        self._view.page.changed = self._looked_otherwise
        self._looking = self.set_interval(REFRESH_S, self._tick)
        self._view.panel("loss").say("reading the runs …")
        self._say_images()
        self._look()

    def on_screen_suspend(self) -> None:
        if not self.is_current:  # else it is beneath a dialog, where it is still seen
            self._looking.pause()

    def on_screen_resume(self) -> None:
        self._looking.resume()
        if self._comparison is not None:
            self._look()

    # Reading

    def _tick(self) -> None:
        if not self._reading.locked():  # one that takes longer than the time between two is not begun anew
            self._look()

    @work(group="look")
    async def _look(self) -> None:
        """Read the runs again, and show what is new."""
        async with self._reading:
            if not self.is_active:
                return
            await asyncio.to_thread(preload)
            try:
                await asyncio.to_thread(self._read)
                comparison, order = self._runs.comparison, (self._column, self._reverse)
                if comparison is None or (comparison is self._shown and order == self._shown_by):
                    return
                found = self._sorted(comparison)
                charted = await asyncio.to_thread(self._read_curves, found)
            except EngineError as error:
                self._say_problem(str(error))
                return
            if self.query(CompareView) and order == (self._column, self._reverse):
                self._shown, self._shown_by = comparison, order
                self._say_problem("")
                self._show(found, charted)

    def _say_problem(self, problem: str) -> None:
        """Why the runs can't be read, once."""
        if problem and problem != self._problem:
            self.notify(problem, severity="error", timeout=10)
        self._problem = problem

    def _read(self) -> None:
        """In a thread."""
        self._runs.read(self._services.runs.look(LOOK_S))

    def _read_curves(self, found: Comparison) -> list[ShownRun]:
        """What the charts show: the first that have curves, in the order of the table; in a thread."""
        by_id = {one.id: one for one in self._runs.chosen}
        with_curves = [by_id[row.id] for row in found.rows if any(run.curve for run in members(by_id[row.id]))]
        read = self._runs.states(with_curves[:MOST_RUNS], MOST_OF_GROUP)
        charted = [ShownRun(one.id, one.title, states[0], tuple(states[1:])) for one, states in read]
        prepare(charted)
        return charted

    def _sorted(self, found: Comparison) -> Comparison:
        if not self._column or self._column not in [column.name for column in found.columns]:
            return replace(found, rows=found.rows[::-1]) if self._reverse else found
        return found.sorted_by(self._column, reverse=self._reverse)

    # Showing

    @property
    def _view(self) -> CompareView:
        return self.query_one(CompareView)

    @property
    def table(self) -> Rows:
        return self._view.table

    def _show(self, found: Comparison, charted: Sequence[ShownRun]) -> None:
        first = self._comparison is None
        self._comparison = found
        self._slots = run_slots([run.id for run in charted])
        view = self._view
        view.panel("loss").say("" if found.rows else "The runs are gone.")
        view.show_charts(charted, len(found.rows), now=first)
        self._show_settings()
        self._show_classes()
        runs = [run for one in self._runs.chosen for run in members(one)]
        titles = list(dict.fromkeys(run.dataset for run in runs))
        self.query_one(RunTopBar).show_run(", ".join(titles), any(run.demo for run in runs))
        self.refresh_bindings()

    def _show_settings(self) -> None:
        found, rows = self._comparison, self._view.rows("settings")
        if found is None:
            return
        reference = rows.key or found.rows[0].id if found.rows else ""
        table = compare_rows.settings_table(found, reference, self._slots)
        column = next((one for one in found.columns if one.name == self._column), None)
        title = comparison_text.title_of(column) if column is not None else ""
        falling = column is not None and (column.kind == "result" and RESULTS[column.key]) is not self._reverse
        self._view.show_table("settings", table, sorted_by=title, falling=falling)
        other = next((row.title for row in found.rows if row.id == reference), "")
        legend = [f"≠ other than {shown(other)}" if found.settings or found.environment else "all settings are alike"]
        legend += ["• the best"] if any(row.results["best"] for row in found.rows) else []
        what = [fmt.counted(len(found.rows), "row")] + ([f"{self._runs.gone} gone"] if self._runs.gone else [])
        what += [f"by {title}{', reversed' if self._reverse else ''}"] if title else []
        self._view.panel("settings").describe(right=" · ".join(what), below=" · ".join(legend), below_right=rows.place)

    def _show_classes(self) -> None:
        found, panel = self._comparison, self._view.panel("classes")
        if found is None:
            return
        table = compare_rows.classes_table(found, self._slots, by_difference=self._by_difference)
        panel.say("" if table.rows else "No accuracies of classes yet, or the classes are not the same.")
        sorted_by = compare_rows.APART if self._by_difference else ""
        self._view.show_table("classes", table, sorted_by=sorted_by, falling=True)
        number = sum(bool(row.per_class) for row in found.rows)
        apart = "the second less the first" if number == 2 else "the best less the worst"
        panel.describe(
            right="at the best epoch", below=f"• the largest differences · apart: {apart}, in points" if number else ""
        )

    def _say_images(self) -> None:
        """What stands in the panel about the test images."""
        found, panel = self._images, self._view.panel("images")
        if found is None:
            panel.say(
                self._long.refused or "E asks both runs about the test images, with the weights of their best epochs."
            )
            return
        panel.say("")
        first, second = (shown(title) for title in self._titles)
        a, b = (fmt.percent(accuracy) for accuracy in found.accuracy)
        lines = [
            f"{first} {a}, {second} {b} · only {first} right: {fmt.count(len(found.broken))}, only {second}: "
            f"{fmt.count(len(found.fixed))}",
            f"McNemar's test: p = {significant(found.p_value, 3)}, that two equally good models differ this much or "
            "more",
        ]
        set_text(self.query_one("#about", Static), "\n".join(lines))
        self._view.show_table("images", compare_rows.images_table(found, self._titles))
        panel.describe(right=found.data, below="enter: these images on Data")

    def _looked_otherwise(self) -> None:
        """The charts are looked at in another way."""
        preferences, smoothing = self._services.preferences, self._view.page.view.smoothing
        if smoothing != preferences.get(declared.SMOOTHING):
            preferences.keep(declared.SMOOTHING, smoothing)
        self._view.describe()

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        chosen, found = self._view.chosen if self.query(CompareView) else "", self._comparison
        if action == "evaluate" and self._no_images:
            return "only two runs can be asked about their test images"
        if action == "evaluate" and (self._long.doing or len(self._runs.chosen) != 2):
            return "the test images are being looked at" if self._long.doing else "one of the runs is gone"
        if action in ("sort", "reverse", "export", "open", "evaluate") and found is None:
            return "the runs are being read"
        if action in ("sort", "reverse") and chosen == "images":
            return "the images stand by how many they are"
        if action == "reverse" and chosen == "classes":
            return "the classes stand in their order, or the largest difference first: s"
        if action == "open":
            return self._why_not_open(chosen)
        return ""

    def _why_not_open(self, chosen: str) -> str:
        if chosen == "images":
            return "" if self._images is not None and self.table.rows else "ask the runs first, with E"
        if chosen == "settings":
            return "" if self.as_cell() else "a group is chosen: Runs shows its runs"
        return "a run is opened from the table of the settings, images from theirs"

    def as_cell(self) -> str:
        """The run at the cursor of the settings, for the lab."""
        run = self._run
        return "" if run is None or isinstance(run, Group) else cells.run(run.id)

    @property
    def _run(self) -> Compared | None:
        key = self._view.rows("settings").key
        return next((one for one in self._runs.chosen if one.id == key), None)

    def moved(self) -> None:
        if self._view.table.id == "settings":
            self._show_settings()
        self.refresh_bindings()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.refresh_bindings()

    def on_resize(self, event: events.Resize) -> None:
        self.refresh_bindings()

    def action_panel(self, by: int) -> None:
        self._view.next_panel(by)
        self.refresh_bindings()

    def action_back(self) -> None:
        if not self._long.cancel():
            self.dismiss()

    def action_open(self) -> None:
        if self._view.chosen == "images":
            self._open_images()
        elif (run := self._run) is not None and not isinstance(run, Group):
            self._services.watch_run(run.folder)

    def _open_images(self) -> None:
        key, found = self.table.key, self._images
        if key is None or found is None:
            return
        side, label = compare_rows.images_of_key(key)
        right, wrong = self._titles[side], self._titles[1 - side]
        suspects, listed = compared_images(found, f"only {right} is right", wrong, fixed=side == 1, label=label)
        if not len(suspects):
            self.notify("there are none", timeout=3)
            return
        self._services.show_suspects(suspects, found.checksum, listed)

    def action_sort(self) -> None:
        if self._view.chosen == "classes":
            self._by_difference = not self._by_difference
            self._show_classes()
            return
        if self._comparison is None:
            return
        every = ["", *(column.name for column in self._comparison.columns)]
        at = every.index(self._column) if self._column in every else 0
        self._sort(every[(at + 1) % len(every)], reverse=False)

    def action_reverse(self) -> None:
        self._sort(self._column, reverse=not self._reverse)

    def sort_by(self, title: str) -> None:
        if self._comparison is None:
            return
        found = next((one for one in self._comparison.columns if comparison_text.title_of(one) == title), None)
        if found is not None and self._view.chosen not in ("classes", "images"):
            self._sort(found.name, reverse=not self._reverse if found.name == self._column else False)

    def _sort(self, column: str, *, reverse: bool) -> None:
        self._column, self._reverse = column, reverse
        if self._runs.comparison is None:
            return
        self._comparison = self._sorted(self._runs.comparison)
        self._show_settings()
        self._show_classes()
        found = next((one for one in self._comparison.columns if one.name == column), None)
        if found is not None:
            self._view.rows("settings").reveal(comparison_text.title_of(found))
        if len(self._comparison.rows) > MOST_RUNS:  # the charts are of the first
            self._look()

    def on_run_chart_wanted(self, event: RunChart.Wanted) -> None:
        if event.act == "export":
            self._export_chart(event.run_chart)

    @work(group="export")
    async def _export_chart(self, run_chart: RunChart) -> None:
        await export_chart(self, run_chart)

    @work(group="export")
    async def action_export(self) -> None:
        if self._comparison is not None:
            await export_table(self, self._comparison)

    @work(group="images", exclusive=True)
    async def action_evaluate(self) -> None:
        """Ask both runs about the test images."""
        self._view.go_to("images")
        first, second = self._runs.chosen
        found: EvaluationComparison | None = None
        try:
            request = await asyncio.to_thread(images_of_two, (first, second), self._services.data_dir)
            self._view.panel("images").say("")
            found = await self._long.ask(request, "asking both", "test images")
        except EngineError as error:
            self._long.refused = str(error)
        if found is not None:
            self._images, self._titles = found, (printable(first.title), printable(second.title))
        if self.query(CompareView):
            self._say_images()
            self.refresh_bindings()

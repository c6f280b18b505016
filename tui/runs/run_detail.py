"""The panel beside the list of runs: the chosen run's curves, settings and checkpoints."""

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.widgets import Static

from engine.checkpoints.manifest import Entry
from engine.runs.groups import Group
from engine.runs.listing import Listing, RunSummary
from engine.runs.state import RunState
from engine.terminal_text import printable
from tui import format as fmt
from tui.runs import group_text, run_text
from tui.runs.charts import MOST_RUNS, ShownRun
from tui.runs.curves_panel import MOST_OF_GROUP, READING
from tui.runs.metrics import ACCURACY, LOSS
from tui.runs.run_chart import RunChart
from tui.widgets.chart.page import ChartPage
from tui.widgets.panel import Panel
from tui.widgets.text import set_text


class RunDetail(Panel):
    """Shows what it is given; the checkpoints come later than the rest."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, focusable=False)
        self.page = ChartPage()
        self._of = ""  # the id of the run
        self._checkpoints: Sequence[Entry] | str | None = None

    def compose(self) -> ComposeResult:
        self._inside = [
            RunChart(self.page, LOSS, id="loss"),
            RunChart(self.page, ACCURACY, id="accuracy"),
            Static("", id="about", markup=False),
        ]
        yield from super().compose()

    def on_mount(self) -> None:
        self.say(READING)

    def show_chosen(self, chosen: RunSummary | Group | None, runs: Sequence[RunSummary], listing: Listing) -> None:
        """What is under the cursor, as `listing` has last read the states of it and its parent."""
        if isinstance(chosen, Group):
            self.show_group(chosen, [listing.state(one.folder) for one in chosen.runs[:MOST_OF_GROUP]])
        elif chosen is None or chosen.problem:
            self.clear("No run is chosen." if chosen is None else printable(chosen.problem))
        else:
            parent = next((listing.state(one.folder) for one in runs if one.id == chosen.parent), None)
            self.show(chosen, listing.state(chosen.folder), runs, parent)

    def show(self, run: RunSummary, state: RunState, runs: Iterable[RunSummary], parent: RunState | None) -> None:
        """Another run, or news of it. `parent`: the one that it branched off from."""
        charts = list(self.query(RunChart).results(RunChart))
        another = run.id != self._of
        if another:
            self._of, self._checkpoints = run.id, None
            self.page.act("reset", charts[0])
            self.page.point(charts[0], None)
        self.say("")
        self.describe(title=run.title, right=run.state_words, below=run_text.began(run))
        for chart, there in zip(charts, (state.curve, state.results), strict=True):
            chart.display = bool(there)
            chart.show_run(state, parent=parent, now=another)
        set_text(self.query_one("#about", Static), run_text.about(run, state, runs, self._checkpoints))

    def show_checkpoints(
        self, run: RunSummary, state: RunState, runs: Iterable[RunSummary], found: Sequence[Entry] | str
    ) -> None:
        """The run's checkpoints, in the order of the training, or why they can't be read."""
        if run.id == self._of:
            self._checkpoints = found
            set_text(self.query_one("#about", Static), run_text.about(run, state, runs, found))

    def show_group(self, group: Group, states: Sequence[RunState]) -> None:
        """A group: the mean of its runs' curves, and what they came to. `states`: of its runs, as many as were read."""
        self._of, self._checkpoints = "", None
        self.say("")
        below = "O opens the study" if group.study else f"seeds {group.seeds}"
        self.describe(title=group.title, right=fmt.counted(len(group.runs), "run"), below=below)
        known = [state for state in states if state.curve]
        shown = [ShownRun(group.id, group.title, known[0], tuple(known[1:]))] if known else []
        if group.study:  # whose runs differ in more than their seeds: a mean of them says nothing
            pairs = [(run, state) for run, state in zip(group.runs, states, strict=False) if state.curve]
            shown = [ShownRun(run.id, run.title, state) for run, state in pairs[-MOST_RUNS:]]
        there = (bool(known), any(state.results for state in known))
        for chart, one in zip(self.query(RunChart).results(RunChart), there, strict=True):
            chart.display = one
            chart.show_runs(shown)
        set_text(self.query_one("#about", Static), group_text.about(group))

    def clear(self, why: str) -> None:
        """There is no run to show."""
        self._of = ""
        for chart in self.query(RunChart).results(RunChart):
            chart.display = False  # of the run before
        self.describe(title="", right="", below="")
        self.say(why)

"""Below the list of runs: the curves of the first of them over each other; a group is its mean, with a band."""

from collections.abc import Mapping, Sequence

from engine.runs.groups import Group
from engine.runs.listing import Listing, RunSummary
from tui import format as fmt
from tui.runs.charts import MOST_RUNS, ShownRun, same_runs
from tui.runs.run_chart import RunChart
from tui.widgets.panel import Panel

READING = "Reading the runs …"
MOST_OF_GROUP = 50  # runs of a group that its mean is of


class CurvesPanel(Panel):
    """Shows what it is given; the states of the runs are read before."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(RunChart(id="overlay"), title="The runs over each other", id=id, focusable=False)
        self._over: Sequence[RunSummary | Group] = ()
        self._count = 0  # of those that have curves
        self._overlaid: tuple[ShownRun, ...] = ()  # as they are shown

    def on_mount(self) -> None:
        self.say(READING)

    def choose(self, found: Sequence[RunSummary], groups: Mapping[str, Group]) -> None:
        """What is shown of the runs with curves, in the order of the table; nothing where there is no room."""
        over = dict[str, RunSummary | Group]()
        for run in found:
            if run.study:  # trials differ in more than their seeds: a mean of them says nothing
                over[run.id] = run
            else:
                over.setdefault(run.group or run.id, groups.get(run.group, run))
        self._over, self._count = list(over.values())[:MOST_RUNS], len(over)

    @property
    def runs(self) -> list[RunSummary]:
        """The runs whose states it needs."""
        return [run for one in self._over for run in _runs_of(one)]

    def update_curves(self, listing: Listing) -> None:
        """Draw what `choose` was given, as the listing has last read it."""
        states = tuple(_shown(one, listing) for one in self._over)
        if states and not same_runs(states, self._overlaid):
            self._overlaid = states
            right = f"the first {MOST_RUNS} of {fmt.count(self._count)}" if self._count > MOST_RUNS else ""
            self.describe(right=right)
            self.say("")
            self.query_one(RunChart).show_runs(states)


def _runs_of(one: RunSummary | Group) -> Sequence[RunSummary]:
    if isinstance(one, Group):
        return [run for run in one.runs if run.curve][:MOST_OF_GROUP]
    return [one]


def _shown(one: RunSummary | Group, listing: Listing) -> ShownRun:
    first, *others = (listing.state(run.folder) for run in _runs_of(one))
    return ShownRun(one.id, one.title, first, tuple(others))

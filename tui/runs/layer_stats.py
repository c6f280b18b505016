"""The layers of a run while it trains: gradients, weights, updates, activations, over time and at the newest sample."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from engine.digits import short_exponent, significant
from engine.home import RunFolder
from engine.runs.state import RunState, place
from engine.runs.store import title
from engine.training import events as ev
from tui import format as fmt
from tui.dialogs.table_screen import TableScreen, panel_keys
from tui.keys import bind, move_keys
from tui.runs.chart_export import export_chart
from tui.runs.charts import layer_chart
from tui.runs.follow import FollowThread, RunUpdated
from tui.runs.run_actions import RunActions
from tui.runs.run_chart import RunChart
from tui.services import Services
from tui.widgets.chart.page import CHART_HINT, chart_keys
from tui.widgets.chart.series import Chart
from tui.widgets.chart.view import View
from tui.widgets.heatmap import BLOCKS
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.text import set_text
from tui.widgets.topbar import TopBar

Stats = ev.ParameterStats | ev.ActivationStats


@dataclass(frozen=True)
class Metric:
    """What the chart shows of a layer."""

    title: str
    field: str  # of the event's stats
    log: bool = False  # on a logarithmic scale


PARAMETERS = (
    Metric("gradient norm", "gradient_norm", log=True),
    Metric("weight norm", "weight_norm", log=True),
    Metric("|Δw| ÷ |w|", "update_ratio", log=True),
)
ACTIVATIONS = (
    Metric("mean", "mean"),
    Metric("standard deviation", "std", log=True),
    Metric("zeros", "zeros"),
    Metric("dead units", "dead"),
)
PARAMETER_COLUMNS = (
    Column("parameter", -22, ends=True),
    Column("|gradient|", 10, right=True),
    Column("|w|", 9, right=True),
    Column("|Δw|÷|w|", 9, right=True, style="test"),
    Column("over time", 16, style="train"),
)
ACTIVATION_COLUMNS = (
    Column("output of", -18, ends=True),
    Column("mean", 9, right=True),
    Column("std", 9, right=True),
    Column("zeros", 6, right=True),
    Column("dead", 6, right=True, style="test"),
    Column("over time", 16, style="train"),
)
SPARK = 16  # cells
TALL = 30  # lines of the window from which what is said above may take more than one line
CODES = ("non_finite_layer", "exploding_gradient", "vanishing_gradient", "dead_units")


class LayerChart(RunChart):
    """The chart of one layer; its screen knows which, and what of it."""

    def __init__(self, make: Callable[[], Chart], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(titled=False, id=id)
        self._make = make
        self.page.view = View(log="y")

    def action_chart(self, act: str) -> None:
        if act == "series":
            self.post_message(self.Wanted(self, act))
        else:
            super().action_chart(act)

    def _made(self) -> Chart:
        return self._make()


class LayerStatsScreen(TableScreen):
    """Follows the run in its own thread, as `WatchScreen` does."""

    AUTO_FOCUS = "#layers-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *move_keys("layer_stats"),
        *chart_keys("layer_stats", ends=False),
        *panel_keys("layer_stats"),
        bind("layer_stats", "view", "Parameters/outputs", "the other table"),
        bind("layer_stats", "go", "Pause/resume", "between two steps", action="pause"),
        bind("layer_stats", "one_step", "Step", "one training step", action="step"),
        bind("layer_stats", "back", "Back", action="dismiss"),
    ]

    def __init__(self, services: Services, folder: RunFolder) -> None:
        super().__init__()
        self._folder, self._title = folder, title(folder)
        self._actions = RunActions(self, services)
        self._state, self._alive = RunState(), True
        self._follower: FollowThread | None = None
        self._outputs = False  # which table is shown
        self._metrics = {False: 0, True: 0}
        self._chart = LayerChart(self._made_chart, id="chart")

    def compose(self) -> ComposeResult:
        yield TopBar("train")
        yield Static(id="about", markup=False)
        with Panel(title="Parameters", id="layers-panel"):
            yield Rows(PARAMETER_COLUMNS, id="layers")
        with Panel(id="chart-panel", focusable=False):
            yield self._chart
        yield KeyLine()

    def on_mount(self) -> None:
        self._follower = FollowThread(self, self._folder)
        self._follower.start()

    def on_resize(self) -> None:
        self._describe()

    def on_unmount(self) -> None:
        if self._follower is not None:
            self._follower.stop()

    def on_screen_suspend(self) -> None:
        if self._follower is not None:
            self._follower.hold()

    def on_screen_resume(self) -> None:
        if self._follower is not None:
            self._follower.release()

    def on_run_updated(self, message: RunUpdated) -> None:
        changed = (self._state.status, self._alive) != (message.state.status, message.alive)
        self._state, self._alive = message.state, message.alive
        self._show()
        if changed:
            self.refresh_bindings()

    # Showing

    @property
    def _metric(self) -> Metric:
        return (ACTIVATIONS if self._outputs else PARAMETERS)[self._metrics[self._outputs]]

    def _show(self) -> None:
        state = self._state
        self._describe()
        if not state.layer_stats:
            return
        layers = _layers(state.layer_stats[-1], outputs=self._outputs)
        figures = _figures(list(layers.values()))
        rows = [self._row(name, stats, texts) for (name, stats), texts in zip(layers.items(), figures, strict=True)]
        self.table.styles.height = min(len(rows) + 1, max(4, (self.size.height - 10) // 2))
        self.table.show(rows, ACTIVATION_COLUMNS if self._outputs else PARAMETER_COLUMNS)
        self._draw()

    def _row(self, name: str, stats: Stats, figures: Sequence[str]) -> Row:
        """`figures`: its numbers, as their columns have them."""
        cells = [name, *figures]
        if isinstance(stats, ev.ActivationStats):
            cells += [_share(stats.zeros), _share(stats.dead)]
            wrong = stats.mean is None or stats.std is None
        else:
            wrong = stats.gradient_norm is None or stats.weight_norm is None
        points = [value for _, value in self._history(name)]
        return Row(name, (*cells, spark(points)), "bad" if wrong else "")

    def _history(self, name: str) -> list[tuple[float, float]]:
        """x in epochs, and the metric that is chosen, of one layer."""
        state, found = self._state, []
        for one in state.layer_stats:
            stats = _layers(one, outputs=self._outputs).get(name)
            value = getattr(stats, self._metric.field) if stats is not None else None
            if value is not None:
                found.append((place(one.epoch, one.step, state.steps), value))
        return found

    def _draw(self) -> None:
        """The chart of the layer at the table's cursor, and what stands in the borders."""
        self._chart.repaint(now=True)
        title = "Outputs of the modules" if self._outputs else "Parameters"
        self.query_one("#layers-panel", Panel).describe(title=title, right=self.table.place)
        self.query_one("#chart-panel", Panel).describe(title=self._chart.chart.title, below=CHART_HINT)
        self._say_keys()

    def _say_keys(self) -> None:
        """In the borders, what the keys that move act on."""
        chart = self._chart.has_focus
        self.query_one("#layers-panel", Panel).describe(below="" if chart else "↑ ↓ another layer · tab to the chart")
        keys = "← → home end the cursor · ↑ ↓ another layer · tab to the table" if chart else ""
        self.query_one("#chart-panel", Panel).describe(below_right=keys)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._say_keys()

    def _made_chart(self) -> Chart:
        """The metric of the layer at the table's cursor."""
        name, metric = self.table.key, self._metric
        history = self._history(name) if name is not None else []
        return layer_chart(f"{metric.title} of {name}", metric.title, history, self._state, log=metric.log)

    def _describe(self) -> None:
        state = self._state
        every = state.config.get("inspect_every", 0)
        how = (
            f"layers sampled every {fmt.counted(every, 'step')}" if every else "layers not sampled (--inspect-every 0)"
        )
        where = f"epoch {state.epoch} of {state.epochs}, step {fmt.count(state.step)} of {fmt.count(state.steps)}"
        lines = [
            Content.assemble((self._title, "bold"), f": {state.status}, {where}; {how}, and at each single step (.)")
        ]
        newest = state.layer_stats[-1] if state.layer_stats else None
        if newest is None:
            lines.append(Content.styled("no sample yet", "$text-muted"))
        else:
            place = f"epoch {newest.epoch}, step {fmt.count(newest.step)}"
            lines.append(Content(f"newest sample: {place}{_moved(newest)}"))
        if newest is not None and newest.loss_before is not None and newest.loss_after is not None:
            before, after = newest.loss_before, newest.loss_after
            change = short_exponent(f"{after - before:+.2e}")
            lines.append(Content(f"loss of this batch: {before:.6f} before the step, {after:.6f} after ({change})"))
        warnings = [one for one in state.warnings if one.code in CODES]
        if warnings:
            lines.append(Content.styled(warnings[-1].message, "$text-warning"))
        if self.size.height < TALL:  # the chart needs the lines
            lines = [line.truncate(max(1, self.size.width - 2), ellipsis=True) for line in lines]
        set_text(self.query_one("#about", Static), Content("\n").join(lines))

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why an action can't be done now; "" where it can."""
        ended = self._state.done or not self._alive
        return "the run has ended" if action in ("pause", "step") and ended else ""

    def moved(self) -> None:
        self._draw()

    def action_view(self) -> None:
        self._outputs = not self._outputs
        self._show()

    def action_chart(self, act: str) -> None:
        self._chart.action_chart(act)

    def on_run_chart_wanted(self, event: RunChart.Wanted) -> None:
        if event.act == "export":
            self._export()
        elif event.act == "series":
            choices = ACTIVATIONS if self._outputs else PARAMETERS
            self._metrics[self._outputs] = (self._metrics[self._outputs] + 1) % len(choices)
            self._show()

    @work(group="export")
    async def _export(self) -> None:
        await export_chart(self, self._chart)

    def action_pause(self) -> None:
        self._actions.pause_or_resume(self._folder, self._state.status)

    def action_step(self) -> None:
        self._actions.step(self._folder, self._state.status)


def spark(values: list[float]) -> str:
    """A curve in SPARK cells, each the mean of its part of the values, scaled from the lowest to the highest."""
    if not values:
        return ""
    cells = min(SPARK, len(values))
    edges = [round(at * len(values) / cells) for at in range(cells + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return BLOCKS[4] * len(means)
    return "".join(BLOCKS[1 + round(7 * (value - low) / (high - low))] for value in means)


def _layers(sample: ev.LayerStats, *, outputs: bool) -> Mapping[str, Stats]:
    return sample.activations if outputs else sample.parameters


def _moved(sample: ev.LayerStats) -> str:
    """Which parameter the step changed most."""
    ratios = [(one.update_ratio, name) for name, one in sample.parameters.items() if one.update_ratio is not None]
    if not ratios:
        return ""
    ratio, name = max(ratios)
    return f"; changed most: {name}, by {significant(ratio, 2)} of its norm"


def _figures(layers: Sequence[Stats]) -> list[tuple[str, ...]]:
    """The numbers of each layer, those of a column in one format."""
    outputs = any(isinstance(one, ev.ActivationStats) for one in layers)
    names = ("mean", "std") if outputs else ("gradient_norm", "weight_norm", "update_ratio")
    columns = (fmt.alike([getattr(one, name) for one in layers]) for name in names)
    return list(zip(*([text or "not finite" for text in column] for column in columns), strict=True))


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}%"

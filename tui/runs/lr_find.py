"""The learning-rate range test on screen: the curve, and the learning rates that it suggests."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from engine.errors import ConfigError
from engine.inspection.lr_find_requests import LrFinding, LrFindRequest
from engine.training.config import typed_pairs
from engine.training.lr_sweep import Sweep
from engine.weights.misfit import MisfitError
from tui import format as fmt
from tui.dialogs.busy import LongRequests
from tui.dialogs.key_screen import KeyScreen
from tui.dialogs.prompt import PromptScreen
from tui.keys import bind, move_keys
from tui.runs.lr_chart import TITLE, VIEW, lr_chart
from tui.runs.run_bar import RunTopBar
from tui.services import Services
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.plot import preload
from tui.widgets.chart.series import Chart
from tui.widgets.chart.view import pointed
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.text import set_text

COLUMNS = (Column("suggestion", 10), Column("lr", 8, right=True, style="strong"), Column("why", -20))
WIDE = 120  # columns from which the reasons stand whole in the table


def typed_sweep(text: str) -> Sweep:
    """The learning rates of `from=1e-6 to=10 steps=200`; what is not named is the default. Raises ConfigError."""
    typed = typed_pairs(text)
    if other := next((name for name in typed if name not in FIELDS), ""):
        raise ConfigError(other, f"{other!r} is not one of {', '.join(FIELDS)}")
    values: dict[str, Any] = {}
    for name, value in typed.items():
        field, read, example = FIELDS[name]
        try:
            values[field] = read(value)
        except ValueError:
            raise ConfigError(name, f"{name}: {value!r} is not a number such as {example}") from None
    return Sweep(**values)


FIELDS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "from": ("low", float, "1e-6"), "to": ("high", float, "10"), "steps": ("steps", int, "200"),
}  # fmt: skip


def _range_words(text: str) -> str:
    """What would be tried."""
    sweep = typed_sweep(text)
    decades = math.log10(sweep.high / sweep.low)
    return f"{fmt.rate(sweep.low)} to {fmt.rate(sweep.high)}: {sweep.steps / decades:.0f} steps for each factor of 10"


class LrFindScreen(KeyScreen[float | None]):
    """Tests when it is opened, and gives the learning rate that is taken; None: none."""

    AUTO_FOCUS = "#suggestions-panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        *move_keys("lr_find"),
        bind(
            "lr_find",
            "left",
            "Cursor left",
            "the chart's: enter takes the learning rate there",
            action="cursor(-1)",
            show=False,
        ),
        bind(
            "lr_find",
            "right",
            "Cursor right",
            "the chart's: enter takes the learning rate there",
            action="cursor(1)",
            show=False,
        ),
        bind("lr_find", "open", "Take", "this learning rate", action="take"),
        bind("lr_find", "change", "Range", "other learning rates, or more steps"),
        bind("lr_find", "again", "Test again"),
        bind("lr_find", "back", "Back", "or cancel what is computed"),
    ]

    def __init__(self, services: Services, request: LrFindRequest, *, there: str = "the form has") -> None:
        """`there`: said before the learning rate that is set now."""
        super().__init__()
        self._there = there
        self._services = services
        self._request = request
        self._long = LongRequests(self, services)
        self._found: LrFinding | None = None
        self._chart = ChartView(id="chart")
        self._chart.titled = False

    def compose(self) -> ComposeResult:
        yield RunTopBar("train")
        with Panel(title=TITLE, id="chart-panel", focusable=False):
            yield self._chart
        with Panel(title="Suggestions", id="suggestions-panel"):
            yield Rows(COLUMNS, id="suggestions")
            yield Static("", id="reason", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._test()

    @property
    def found(self) -> LrFinding | None:
        """What the test has shown."""
        return self._found

    @property
    def _rows(self) -> Rows:
        return self.query_one(Rows)

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action in ("again", "change") and self._long.doing:
            return "it is being tested"
        if action == "again" and self._found is not None:
            return "it would show the same"
        if action == "cursor" and self._found is None:
            return "it is being tested" if self._long.doing else "there is no curve"
        if action == "take" and self._at_cursor is not None:
            return ""
        if action in ("take", "move", "page", "end") and not self._rows.rows:
            return "it is being tested" if self._long.doing else "nothing is suggested"
        return ""

    @property
    def _at_cursor(self) -> float | None:
        """The learning rate at the chart's cursor, to three digits; None: there is no cursor."""
        cursor = self._chart.view.cursor
        return None if cursor is None else float(f"{cursor:.3g}")

    def action_cursor(self, by: int) -> None:
        self._point(self._chart.moved(by))

    def on_chart_view_pointed(self, event: ChartView.Pointed) -> None:
        event.stop()
        self._point(event.x)

    def _point(self, x: float | None) -> None:
        """The chart's cursor there; None: no cursor."""
        view = replace(VIEW, cursor=None) if x is None else pointed(self._chart.view, self._chart.extent, x)
        self._chart.show(self._chart.chart, view, now=True)
        self._describe()
        self.refresh_bindings()

    def action_move(self, by: int) -> None:
        self._point(None)
        self._rows.move(by)
        self._show_reason()

    def action_page(self, by: int) -> None:
        self.action_move(by * self._rows.room)

    def action_end(self, which: int) -> None:
        self.action_move(which * len(self._rows.rows))

    def action_take(self) -> None:
        if self._at_cursor is not None:
            self.dismiss(self._at_cursor)
        elif self._found is not None:
            self.dismiss(self._found.suggestions.found[self._rows.cursor].lr)

    @work(group="prompt", exclusive=True)
    async def action_change(self) -> None:
        sweep = self._request.sweep
        now = f"from={fmt.setting(sweep.low)} to={fmt.setting(sweep.high)} steps={sweep.steps}"
        about = "The learning rates that are tried, each the one before times the same factor, a training step each."
        text = await self.app.push_screen_wait(PromptScreen("Learning rates", about, _range_words, value=now))
        if text is not None:
            self._request = replace(self._request, sweep=typed_sweep(text))
            self._test()

    def action_again(self) -> None:
        self._test()

    def action_back(self) -> None:
        if self._at_cursor is not None:
            self._point(None)
        elif not self._long.cancel():
            self.dismiss(None)

    def on_resize(self) -> None:
        self._show_reason()

    def on_rows_pointed(self, event: Rows.Pointed) -> None:
        """A click moves the cursor, one on the cursor's row takes it."""
        self._show_reason()
        if event.again:
            self.action_take()

    @work(exclusive=True, group="lr-find")
    async def _test(self) -> None:
        self._found = None
        self._rows.show([])
        set_text(self.query_one("#reason", Static), "")
        panel = self.query_one("#chart-panel", Panel)
        panel.say("")
        self._chart.show(Chart(nothing="a training step for each learning rate …"), VIEW, now=True)
        self.call_after_refresh(self.refresh_bindings)
        await asyncio.to_thread(preload)
        try:
            self._found = await self._long.ask(self._request, "Testing", "steps")
            problem = self._long.refused or "Cancelled: r tests again."
        except MisfitError as error:
            problem = str(error)
        if self._found is not None:
            self._show(self._found)
        else:
            panel.say(problem)
        self.refresh_bindings()

    def _show(self, found: LrFinding) -> None:
        self.query_one(RunTopBar).show_run(found.data, found.demo)
        panel = self.query_one("#chart-panel", Panel)
        panel.say("")
        steps = f"{fmt.count(len(found.curve.lrs))} of {fmt.counted(found.sweep.steps, 'step')}"
        panel.describe(right=found.of, below=steps)
        self._chart.show(lr_chart(found), VIEW, now=True)
        self._describe()
        rates = fmt.settings_alike(one.lr for one in found.suggestions.found)
        rows = [Row(one.name, (one.name, rates[one.lr], one.reason)) for one in found.suggestions.found]
        self._rows.show(rows)
        self._show_reason()

    def _describe(self) -> None:
        """At the right below the chart, what enter takes there, or what is set now."""
        if self._found is None:
            return
        cursor = self._at_cursor
        words = f"{self._there} {fmt.rate(self._found.lr)}"
        taken = "" if cursor is None else f"Enter takes {fmt.rate(cursor)} · "
        self.query_one("#chart-panel", Panel).describe(below_right=taken + words)

    def _show_reason(self) -> None:
        """The whole reason of the suggestion at the cursor, and why the test ended early."""
        if self._found is None:
            return
        suggestions, at = self._found.suggestions, self._rows.cursor
        lines = [suggestions.nothing]
        if suggestions.found and self.size.width < WIDE:
            lines = [suggestions.found[at].reason]
        if suggestions.found:
            lines.append(self._found.curve.stopped)
        set_text(self.query_one("#reason", Static), "\n".join(filter(None, (*lines, *self._found.notes))))

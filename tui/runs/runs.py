"""*Runs*: every run, newest first; from here one is watched, paused or stopped."""

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from engine.runs import listing
from engine.runs.listing import RunSummary
from engine.runs.unreadable import left_out_words
from engine.terminal_text import printable
from tui import format as fmt
from tui.dialogs.table_screen import TableScreen, filter_key, table_keys
from tui.runs.facts import model_name
from tui.runs.run_actions import RunActions
from tui.runs.stop_dialog import STOP, StopDialog
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.rows import Column, Row, Rows
from tui.widgets.text import set_text
from tui.widgets.topbar import TopBar

REFRESH_S = 2.0
EMPTY = "No runs yet. Press 2, then s, to start the first one."
ENDED = "ended without finishing"
STYLES = {"training": "good", "paused": "warning", "failed": "bad", "ended": "bad"}


class RunsScreen(TableScreen):
    """A table that a thread keeps up to date while it is in view, and only where something changed."""

    AUTO_FOCUS = ""
    FILTER_ABOUT = "Part of a name, of a model, of a data set or of a state."
    BINDINGS: ClassVar[list[BindingType]] = [
        *table_keys("runs"),
        Binding("enter", "open", "Watch", id="runs.watch"),
        Binding("p", "pause", "Pause/resume", id="runs.pause"),
        Binding("x", "stop", "Stop", id="runs.stop"),
        Binding("r", "resume", "Resume", id="runs.resume", tooltip="a run that ended, from its newest checkpoint"),
        Binding("b", "branch", "Branch", id="runs.branch", tooltip="a new run from its newest checkpoint"),
        filter_key("runs", "by name, model, data set or state"),
        Binding("escape", "unfilter", "All runs", show=False, id="runs.unfilter"),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._actions = RunActions(self, services)
        self._runs: list[RunSummary] = []
        self._left_out = ""  # which runs can't be read, and why
        self._listing: listing.Listing | None = None

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        yield Static("", id="summary", markup=False)
        yield Rows(_columns(80), gap=1, id="table")
        yield Static(EMPTY, id="empty")
        yield Static("", id="detail", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._looking = self.set_interval(REFRESH_S, self.look)
        self.look()

    def on_screen_suspend(self) -> None:
        self._looking.pause()

    def on_screen_resume(self) -> None:
        self._looking.resume()
        self.look()

    def on_resize(self, event: events.Resize) -> None:
        self._show()

    @work(exclusive=True, group="runs")
    async def look(self) -> None:
        """Read the runs again, in a thread, if this screen is in view."""
        if not self.is_active:
            return
        if self._listing is None:
            self._listing = listing.Listing(self._services.home)
        self._runs = await asyncio.to_thread(self._listing.look)
        self._left_out = printable(left_out_words(self._listing.unreadable))
        if self.query("#table"):  # else the app ended meanwhile
            self._show()

    @property
    def selected(self) -> RunSummary | None:
        """The run under the cursor."""
        key = self.table.key
        return next((run for run in self._runs if run.id == key), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        run = self.selected if action in ("pause", "stop", "resume", "branch") else None
        if action in ("pause", "stop"):
            return True if run is not None and run.state in ("training", "paused") else None
        if action == "resume":
            return True if run is not None and run.state not in ("training", "paused") else None
        if action == "branch":
            return True if run is not None and run.epochs else None
        return bool(self.filter_text) if action == "unfilter" else True

    def moved(self) -> None:
        self._show_detail()
        self.refresh_bindings()

    def action_open(self) -> None:
        if (run := self.selected) is not None:
            self._services.watch_run(run.folder)

    def action_pause(self) -> None:
        if (run := self.selected) is not None:
            self._send(run, "unpause" if run.state == "paused" else "pause")

    @work(group="stop")
    async def action_stop(self) -> None:
        run = self.selected
        if run is not None and await self.app.push_screen_wait(StopDialog(run.title, can_detach=False)) == STOP:
            self._send(run, "stop")

    def action_resume(self) -> None:
        if (run := self.selected) is not None:
            self._actions.resume(run.folder, run.epochs, complete=run.state == "finished")

    def action_branch(self) -> None:
        if (run := self.selected) is not None:
            self._actions.branch(run.folder)

    def action_unfilter(self) -> None:
        self.clear_filter()

    def count_matching(self, text: str) -> str:
        return f"{fmt.count(len(self._matching(text)))} of {fmt.counted(len(self._runs), 'run')}"

    def filter_changed(self) -> None:
        self._show()

    @work(group="commands")
    async def _send(self, run: RunSummary, command: str) -> None:
        await self._actions.command(run.folder, command)
        self.look()

    def _matching(self, text: str) -> list[RunSummary]:
        return [run for run in self._runs if text.casefold() in _searched(run)]

    def _show(self) -> None:
        shown = self._matching(self.filter_text)
        columns = _columns(self.size.width)
        width = self.size.width - sum(column.width + 1 for column in columns if column.width > 0) - 1  # of the run's
        self.table.show([_row(run, depth, width) for depth, run in listing.family(shown)], columns)
        self._show_summary(len(shown))
        self._show_detail()
        self.refresh_bindings()

    def _show_summary(self, shown: int) -> None:
        training = sum(run.state in ("training", "paused") for run in self._runs)
        words = f"{len(self._runs)} runs" if len(self._runs) != 1 else "1 run"
        words += f", {training} live" if training else ""
        words += f", {shown} shown; {self.describe_filter()}" if self.filter_text else ""
        parts = (words if self._runs else "", self._left_out)
        set_text(self.query_one("#summary", Static), "; ".join(filter(None, parts)))
        self.query_one("#empty").display = not self._runs and not self._left_out
        self.table.display = bool(self._runs)

    def _show_detail(self) -> None:
        run = self.selected
        words = ""
        if run is not None:
            began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
            last = f" · last test accuracy {fmt.percent(run.accuracy)}" if run.accuracy is not None else ""
            words = f"{run.id} · started {began}{last}{self._origin(run)}\n{run.folder}"
        set_text(self.query_one("#detail", Static), words)

    def _origin(self, run: RunSummary) -> str:
        """Which run it branched off from, and where; or the file that it began with."""
        if not run.parent:
            return printable(f" · from {Path(run.began_with).name}") if run.began_with else ""
        name = next((other.title for other in self._runs if other.id == run.parent), f"{run.parent} (deleted)")
        return f" · branch of {name} at epoch {run.parent_epoch}, step {run.parent_step}"


def _columns(width: int) -> tuple[Column, ...]:
    """For a terminal of so many cells: of what it has beyond 80, the model and the data get an eighth each, at most
    12, and the run the rest."""
    more = min(max(0, width - 80) // 8, 12)
    return (
        Column("state", len(ENDED)),
        Column("run", -11),
        Column("model", 6 + more),
        Column("data", 13 + more),
        Column("epoch", 7, right=True),
        Column("best", 6, right=True),
        Column("age", 7, right=True),
    )


def _row(run: RunSummary, depth: int, width: int) -> Row:
    """A run's row. `depth`: below how many runs that it branched off from; `width`: of the run's column."""
    cells = (
        ENDED if run.state == "ended" else run.state,
        "  " * (depth - 1) + "└ " * bool(depth) + (run.name or _short(run.id, width - 2 * depth)),
        model_name(run.model),
        "demo data" if run.demo else run.dataset,
        f"{run.epoch}/{run.epochs}",
        fmt.percent(run.best_accuracy),
        fmt.age(time.time() - run.started),
    )
    return Row(run.id, cells, styles={"state": STYLES.get(run.state, ""), "data": "warning" if run.demo else ""})


def _short(run_id: str, width: int) -> str:
    """The id, or of it the month, the day and the time."""
    return run_id if len(run_id) <= width else run_id[4:15]


def _searched(run: RunSummary) -> str:
    state = ENDED if run.state == "ended" else run.state
    return " ".join((run.id, run.name, run.model, run.dataset, "demo" if run.demo else "", state)).casefold()

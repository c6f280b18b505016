"""*Runs*: every run, newest first; from here one is watched, paused or stopped."""

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, Input, Static

from engine.runs import listing
from engine.runs.listing import RunSummary
from engine.runs.unreadable import left_out_words
from engine.terminal_text import printable
from tui import format as fmt
from tui.runs.facts import model_name
from tui.runs.run_actions import RunActions
from tui.runs.stop_dialog import STOP, StopDialog
from tui.services import Services
from tui.widgets.keyline import KeyLine
from tui.widgets.lines import fit
from tui.widgets.text import set_text
from tui.widgets.topbar import TopBar

REFRESH_S = 2.0
EMPTY = "No runs yet. Press 2, then s, to start the first one."
ENDED = "ended without finishing"
WIDTHS = {"state": 24, "run": 13, "model": 7, "data": 14, "epoch": 8, "best": 7, "age": 7}  # 80 columns, no gaps
STYLES = {"training": "$text-success", "paused": "$text-warning", "failed": "$text-error", "ended": "$text-error"}


class RunsScreen(Screen[None]):
    """A table that a thread keeps up to date while it is in view, and only where something changed."""

    AUTO_FOCUS = "#table"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause/resume", id="runs.pause"),
        Binding("x", "stop", "Stop", id="runs.stop"),
        Binding("r", "resume", "Resume", id="runs.resume", tooltip="a run that ended, from its newest checkpoint"),
        Binding("b", "branch", "Branch", id="runs.branch", tooltip="a new run from its newest checkpoint"),
        Binding("slash", "filter", "Filter", key_display="/", id="runs.filter"),
        Binding("j", "move(1)", "Down", show=False, id="runs.down"),
        Binding("k", "move(-1)", "Up", show=False, id="runs.up"),
        Binding("escape", "unfilter", "All runs", show=False, id="runs.unfilter"),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._actions = RunActions(self, services)
        self._runs: list[RunSummary] = []
        self._left_out = ""  # which runs can't be read, and why
        self._listing: listing.Listing | None = None
        self._cells: dict[str, list[Content]] = {}  # what the table shows, by run id

    def compose(self) -> ComposeResult:
        yield TopBar("runs")
        yield Static("", id="summary")
        yield _Table(id="table", cursor_type="row", cell_padding=0, zebra_stripes=False)
        yield Static(EMPTY, id="empty")
        yield Static("", id="detail", markup=False)
        yield Input(placeholder="a part of a name, model, data set or state", id="filter", compact=True)
        yield KeyLine()

    def on_mount(self) -> None:
        self._lay_out_columns()
        self._looking = self.set_interval(REFRESH_S, self.look)
        self.look()

    def on_screen_suspend(self) -> None:
        self._looking.pause()

    def on_screen_resume(self) -> None:
        self._looking.resume()
        self.look()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out_columns()

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
            self._fill()

    @property
    def selected(self) -> RunSummary | None:
        """The run under the cursor."""
        table = self._table
        if not table.row_count:
            return None
        run_id = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return next((run for run in self._runs if run.id == run_id), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        run = self.selected if action in ("pause", "stop", "resume", "branch") else None
        if action in ("pause", "stop"):
            return True if run is not None and run.state in ("training", "paused") else None
        if action == "resume":
            return True if run is not None and run.state not in ("training", "paused") else None
        if action == "branch":
            return True if run is not None and run.epochs else None
        return True

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        if (run := self.selected) is not None:
            self._services.watch_run(run.folder)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self._show_detail()
        self.refresh_bindings()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._table.focus()

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

    def action_filter(self) -> None:
        self._filter.display = True
        self._filter.focus()

    def action_unfilter(self) -> None:
        self._filter.value = ""
        self._filter.display = False
        self._table.focus()

    def action_move(self, by: int) -> None:
        if by > 0:
            self._table.action_cursor_down()
        else:
            self._table.action_cursor_up()

    @work(group="commands")
    async def _send(self, run: RunSummary, command: str) -> None:
        await self._actions.command(run.folder, command)
        self.look()

    def _fill(self) -> None:
        """Bring the table to the runs that pass the filter, touching only cells that differ."""
        wanted = self._filter.value.casefold().strip()
        shown = [run for run in self._runs if wanted in _searched(run)]
        cells = {run.id: self._row(run, depth) for depth, run in listing.family(shown)}
        table = self._table
        if list(cells) != list(self._cells):
            kept = run.id if (run := self.selected) is not None and run.id in cells else None
            table.clear()
            for run_id, row in cells.items():
                table.add_row(*row, key=run_id)
            if kept is not None:
                table.move_cursor(row=table.get_row_index(kept))
        else:
            for run_id, row in cells.items():
                for column, cell in zip(WIDTHS, row, strict=True):
                    if cell != self._cells[run_id][list(WIDTHS).index(column)]:
                        table.update_cell(run_id, column, cell)
        changed = cells != self._cells
        self._cells = cells
        self._show_summary(len(shown))
        if changed:
            self._show_detail()
            self.refresh_bindings()

    def _row(self, run: RunSummary, depth: int) -> list[Content]:
        widths = self._widths
        model = model_name(run.model)
        texts = {
            "state": ENDED if run.state == "ended" else run.state,
            "run": "  " * (depth - 1) + "└ " * bool(depth) + (run.name or _short(run.id, widths["run"] - 2 * depth)),
            "model": model,
            "data": "demo data" if run.demo else run.dataset,
            "epoch": f"{run.epoch}/{run.epochs}",
            "best": fmt.percent(run.best_accuracy),
            "age": fmt.age(time.time() - run.started),
        }
        styles = {"state": STYLES.get(run.state, ""), "data": "$text-warning" if run.demo else ""}
        cells = []
        for column, text in texts.items():
            room = widths[column] - (column != "age")  # a gap after all but the last
            text = fit(text, room)
            if column in ("epoch", "best", "age"):
                text = f"{text:>{room}}"
            cells.append(Content.styled(text, styles.get(column, "")))
        return cells

    @property
    def _widths(self) -> dict[str, int]:
        """The columns' widths: what the terminal has beyond 80 columns goes to the run, the model and the data."""
        more = max(0, self.size.width - 80)
        return WIDTHS | {
            "run": WIDTHS["run"] + min(more // 2, 40),
            "model": WIDTHS["model"] + min(more // 8, 12),
            "data": WIDTHS["data"] + min(more // 8, 12),
        }

    def _lay_out_columns(self) -> None:
        table = self._table
        table.clear(columns=True)
        heads = {"best": "best", "age": "age", "epoch": "epoch"}
        for column, width in self._widths.items():
            label = f"{heads[column]:>{width - (column != 'age')}}" if column in heads else column
            table.add_column(label, width=width, key=column)
        self._cells = {}
        self._fill()

    def _show_summary(self, shown: int) -> None:
        training = sum(run.state in ("training", "paused") for run in self._runs)
        words = f"{len(self._runs)} runs" if len(self._runs) != 1 else "1 run"
        words += f", {training} live" if training else ""
        words += f", {shown} shown" if shown != len(self._runs) else ""
        parts = (words if self._runs else "", self._left_out)
        set_text(self.query_one("#summary", Static), "; ".join(filter(None, parts)))
        self.query_one("#empty").display = not self._runs and not self._left_out
        self._table.display = bool(self._runs)

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

    @property
    def _table(self) -> "_Table":
        return self.query_one("#table", _Table)

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)


class _Table(DataTable[Content]):
    """The runs; enter watches one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Watch", id="runs.watch")]


def _short(run_id: str, width: int) -> str:
    """The id, or of it the month, the day and the time."""
    return run_id if len(run_id) < width else run_id[4:15]


def _searched(run: RunSummary) -> str:
    state = ENDED if run.state == "ended" else run.state
    return " ".join((run.id, run.name, run.model, run.dataset, "demo" if run.demo else "", state)).casefold()

"""*Train*: the run that is watched. It stands over the form (`tui.runs.new_run`) and stays while the form is shown."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from engine.checkpoints.manifest import Entry
from engine.errors import EngineError
from engine.home import Home, RunFolder
from engine.runs import store
from engine.runs.ancestors import with_ancestors
from engine.runs.checkpoint_refs import name_of
from engine.runs.listing import LIVE, state_of
from engine.runs.state import RunState
from tui import cells
from tui import format as fmt
from tui.config import declared
from tui.dialogs.key_screen import KeyScreen
from tui.keys import bind
from tui.runs.chart_export import export_chart
from tui.runs.chosen_checkpoint import at_or_before, epochs_of, next_to
from tui.runs.confusion_matrix import MatrixScreen
from tui.runs.follow import FollowThread, RunUpdated
from tui.runs.live import LiveView
from tui.runs.race_actions import RaceActions
from tui.runs.run_actions import RunActions, checkpoints
from tui.runs.run_bar import RunTopBar
from tui.runs.run_chart import RunChart
from tui.runs.stop_dialog import DETACH, STOP, StopDialog
from tui.services import Services
from tui.widgets.chart.page import chart_keys
from tui.widgets.chart.plot import preload
from tui.widgets.keyline import KeyLine

LIVE_RUNS_S = 2.0  # between two looks for other live runs


class WatchScreen(KeyScreen[None]):
    """Shows one run, turns keys into commands for its host, and goes round the runs that train."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("train", "go", "Pause/resume", "an ended run: from its newest checkpoint", action="pause"),
        bind("train", "one_step", "Step", "do one training step, and stay paused", action="step"),
        bind("train", "write", "Save", "write a checkpoint now", action="checkpoint"),
        bind("train", "stop", "Stop", "after asking: stop and save, detach, or cancel"),
        bind("train", "more", "lr ×2", "at once", action="scale('x2')"),
        bind("train", "less", "lr ÷2", "at once", action="scale('/2')"),
        bind("train", "change", "Change", "lr, epochs, …: while it trains, or to resume it with", action="edit"),
        bind("train", "branch", "Branch", "a new run from the checkpoint at or before the cursor"),
        bind("train", "race", "Race", "several branches with other settings, side by side; one is kept"),
        bind(
            "train",
            "find_lr_there",
            "Find lr",
            "from the checkpoint at or before the cursor",
            action="find_lr",
            show=False,
        ),
        *chart_keys("train"),
        bind("train", "saved_before", "Checkpoint before", "the cursor goes there", action="choose(-1)", show=False),
        bind("train", "saved_after", "Checkpoint after", "the cursor goes there", action="choose(1)", show=False),
        bind("train", "view", "Layers", "gradients, updates, activations as it trains", action="layers"),
        bind("train", "open", "Mistakes", "images of a cell of the confusion matrix", action="confusion", show=False),
        bind("train", "next_panel", action="panel(1)", show=False),
        bind("train", "previous_panel", action="panel(-1)", show=False),
        bind("train", "new_run", "New run", "back to the form; this run keeps going", action="new"),
        bind("train", "next", "Next run", "another run that trains", action="other(1)", show=False),
        bind("train", "previous", "Previous run", "another run that trains", action="other(-1)", show=False),
        bind("train", "on_model", "On Model", "its newest checkpoint, or the cursor's", action="model", show=False),
        bind("train", "up", "Log: a line up", action="scroll_log(1)", show=False),
        bind("train", "down", "Log: a line down", action="scroll_log(-1)", show=False),
        bind("train", "page_up", "Older log", action="scroll(1)", show=False),
        bind("train", "page_down", "Newer log", action="scroll(-1)", show=False),
        bind("train", "back", "Back", "from the cursor to the newest step", action="unchoose", show=False),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._actions, self._races = RunActions(self, services), RaceActions(self, services)
        self.folder: RunFolder | None = None
        self._ready = False  # the widgets are there
        self._shown = asyncio.Event()  # the state of `folder`
        self._follower: FollowThread | None = None
        self._state = RunState()
        self._alive = True
        self._title = ""  # of the run
        self._living: list[RunFolder] = []  # the runs that train
        self._wants_checkpoint = False
        self._entries: list[Entry] = []  # the run's checkpoints
        self._chosen: Entry | None = None  # the one that the charts' cursor means

    def compose(self) -> ComposeResult:
        yield RunTopBar("train")
        yield LiveView(id="live")
        yield KeyLine()

    def on_mount(self) -> None:
        self._ready = True
        smoothing = self._services.preferences.get(declared.SMOOTHING)
        self._live.page.view = replace(self._live.page.view, smoothing=smoothing)
        self._live.page.changed = self._looked_otherwise
        self._preload_charts()
        self._looking = self.set_interval(LIVE_RUNS_S, self._look_for_live_runs)
        if self.folder is not None:
            self._follow(self.folder)

    def on_unmount(self) -> None:
        self._unfollow()

    def on_screen_suspend(self) -> None:
        if self.is_current:
            return  # beneath a dialog, where it is still seen
        self._looking.pause()
        if self._follower is not None:
            self._follower.hold()

    def on_screen_resume(self) -> None:
        if self.folder is None:  # it was deleted meanwhile
            self.call_later(self._services.leave_run)
        self._looking.resume()
        self._live.focus_panel()
        if self._follower is not None:
            self._follower.release()
            self._look_for_live_runs()

    def attach(self, folder: RunFolder) -> None:
        """Watch the run in `folder`, from its beginning."""
        self.folder = folder
        self._shown.clear()
        if self._ready:
            self._follow(folder)

    async def first_state(self, seconds: float) -> None:
        """Wait until the state of the attached run is shown, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._shown.wait(), seconds)

    def detach(self) -> None:
        """Watch nothing; the run is left as it is."""
        self.forget()
        self._services.leave_run()

    def forget(self) -> None:
        """Follow the run no more; the form is shown once this screen is to be shown again."""
        self._unfollow()
        self.folder = None

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why an action can't be done now; "" where it can."""
        state = self._state
        if action in ("pause", "layers", "edit") and not state.seq:
            return "the run has not begun yet"
        if action in ("step", "checkpoint", "stop", "scale") and (state.done or not self._alive):
            return "the run has ended"
        if action == "unchoose" and self._live.cursor is None:
            return "there is no cursor on the chart"
        if action == "confusion" and not state.results:
            return "the first result comes after the first epoch"
        if action in ("branch", "race", "find_lr", "choose", "model") and not state.checkpoints:
            return "no checkpoint is saved yet"
        if action == "other" and len(self._living) <= (self.folder in self._living):
            return "no other run trains"
        return ""

    def on_run_updated(self, message: RunUpdated) -> None:
        if message.folder != self.folder:
            return
        if message.problem and message.problem != self._state.reason:  # in full: the line above the charts is short
            self.notify(message.problem, severity="error", timeout=15, markup=False)
        before, was_alive = self._state, self._alive
        self._state, self._alive = message.state, message.alive
        if self._wants_checkpoint and len(self._state.checkpoints) > len(before.checkpoints):
            self._wants_checkpoint = False
            saved = self._state.checkpoints[-1]
            self.notify(f"checkpoint saved: {saved.file} ({fmt.size(saved.bytes)})", markup=False)
        if self._state.checkpoints != before.checkpoints:
            self._read_checkpoints(message.folder)
        if self._state.parent is not None and self._state.parent.parent and before.parent != self._state.parent:
            self._read_parent(self._state.parent.parent)
        self._show()
        self._live.busy(f"reading the log, {message.read:.0%}" if message.read < 1 else "")
        self._shown.set()
        if (before.status, was_alive) != (self._state.status, self._alive):
            self.refresh_bindings()

    # Commands

    def action_pause(self) -> None:
        if self.folder is None:
            return
        if self._alive and not self._state.done:
            self._actions.pause_or_resume(self.folder, self._state.status)
        else:
            self._actions.resume(self.folder, self._state.epochs, complete=self._state.status == "finished")

    def action_step(self) -> None:
        if self.folder is not None:
            self._actions.step(self.folder, self._state.status)

    def action_checkpoint(self) -> None:
        if self.folder is not None:
            self._wants_checkpoint = True
            self._actions.send(self.folder, "checkpoint")

    @work(group="stop")
    async def action_stop(self) -> None:
        choice = await self.app.push_screen_wait(StopDialog(self._title))
        if choice == STOP and self.folder is not None:
            self._actions.send(self.folder, "stop")
        elif choice == DETACH:
            self.app.notify(f"{self._title} keeps going; it is in Runs (3).", markup=False)
            self.detach()

    def action_scale(self, factor: str) -> None:
        if self.folder is not None:
            self._actions.change(self.folder, {"lr": factor})

    def action_edit(self) -> None:
        if self.folder is not None:
            state = state_of(self._state.status, self._alive)
            self._actions.edit_or_resume(self.folder, self._state.config, self._state.epoch, state)

    def action_branch(self) -> None:
        self._from_checkpoint(self._actions.branch)

    def action_race(self) -> None:
        self._from_checkpoint(self._races.ask)

    def action_find_lr(self) -> None:
        self._from_checkpoint(self._actions.find_lr)

    def _from_checkpoint(self, act: Callable[[RunFolder, Entry | None], None]) -> None:
        """Act from the checkpoint that the cursor means, else from the newest."""
        if self._live.cursor is not None and self._chosen is None:
            self.notify("no checkpoint at or before the cursor: ] goes to the next one", severity="warning")
        elif self.folder is not None:
            act(self.folder, self._chosen)

    def action_model(self) -> None:
        if self.folder is not None:
            at = "last" if self._chosen is None else name_of(self._chosen)
            self._services.show_network(f"{self.folder.id}@{at}")

    # Looking

    def action_chart(self, act: str) -> None:
        self._live.chart.action_chart(act)

    def on_run_chart_wanted(self, event: RunChart.Wanted) -> None:
        if event.act == "export":
            self._export(event.run_chart)

    @work(group="export")
    async def _export(self, run_chart: RunChart) -> None:
        await export_chart(self, run_chart)

    def as_cell(self) -> str:
        """The run, for the lab."""
        return "" if self.folder is None else cells.run(self.folder.id)

    def action_choose(self, by: int) -> None:
        """Move the charts' cursor to the next checkpoint; from none, to the newest."""
        entry = next_to(self._entries, self._live.cursor, self._state.steps, by)
        if entry is not None:
            self._live.point(epochs_of(entry, self._state.steps))

    def action_unchoose(self) -> None:
        self._live.point(None)

    def _looked_otherwise(self) -> None:
        """The charts' cursor is elsewhere, or they are looked at in another way."""
        preferences, smoothing = self._services.preferences, self._live.page.view.smoothing
        if smoothing != preferences.get(declared.SMOOTHING):
            preferences.keep(declared.SMOOTHING, smoothing)
        cursor = self._live.cursor
        self._chosen = None if cursor is None else at_or_before(self._entries, cursor, self._state.steps)
        self._live.choose(self._chosen)
        self.refresh_bindings()

    @work(exclusive=True, group="checkpoints")
    async def _read_checkpoints(self, folder: RunFolder) -> None:
        """Which checkpoints there are still."""
        try:
            entries = await asyncio.to_thread(checkpoints, folder)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return
        if folder == self.folder and self.query(RunChart):  # none where the app ended meanwhile
            self._entries = entries
            self._looked_otherwise()

    @work(group="confusion")
    async def action_confusion(self) -> None:
        """The newest confusion matrix; a cell of it leads to the images."""
        folder, newest = self.folder, self._state.results[-1]
        names = tuple(str(name) for name in self._state.dataset.get("classes", ()))
        cell = await self.app.push_screen_wait(MatrixScreen(newest, names))
        if cell is not None and folder is not None:
            held_out = str(self._state.config.get("val", "")) if newest.split == "val" else ""
            self._services.show_confused(folder, newest.epoch, *cell, held_out=held_out)

    def action_layers(self) -> None:
        from tui.runs.layer_stats import LayerStatsScreen

        if self.folder is not None:
            self.app.push_screen(LayerStatsScreen(self._services, self.folder))

    def action_panel(self, by: int) -> None:
        self._live.next_panel(by)

    def action_scroll(self, pages: int) -> None:
        self._live.scroll_log(pages=pages)

    def action_scroll_log(self, lines: int) -> None:
        self._live.scroll_log(lines=lines)

    # Other runs

    def action_new(self) -> None:
        self._services.show_form()

    def action_other(self, by: int) -> None:
        others = self._living
        here = others.index(self.folder) if self.folder in others else (-1 if by > 0 else 0)
        self._services.watch_run(others[(here + by) % len(others)])

    @work(exclusive=True, group="live runs")
    async def _look_for_live_runs(self) -> None:
        if not self.is_active or self.folder is None:
            return
        runs = await asyncio.to_thread(self._services.runs.look)
        living = [run.folder for run in reversed(runs) if run.state in LIVE]
        if living != self._living:
            self._living = living
            self.refresh_bindings()
            self._identify()

    @work(exclusive=True, group="parent")
    async def _read_parent(self, run_id: str) -> None:
        """The curve of the run that this one branched off from, as it is now."""
        folder = self.folder
        try:
            state = await asyncio.to_thread(with_ancestors, Home(self._services.home).run(run_id))
        except EngineError as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        if folder == self.folder:
            self._live.family(state)
            self._show(now=True)

    @work(thread=True, group="preload")
    def _preload_charts(self) -> None:
        preload()

    def _follow(self, folder: RunFolder) -> None:
        self._unfollow()
        self._state, self._alive = RunState(), True
        self._wants_checkpoint = False
        self._chosen, self._entries = None, []
        self._live.family(None)
        self._live.folder = folder
        self._live.point(None)
        self._title = store.title(folder)
        self._show(now=True)
        self._identify()
        self.refresh_bindings()
        self._follower = FollowThread(self, folder)
        self._follower.start()
        self._look_for_live_runs()

    def _unfollow(self) -> None:
        if self._follower is not None:
            self._follower.stop()
            self._follower = None

    def _show(self, *, now: bool = False) -> None:
        data = self._state.dataset
        self.query_one(RunTopBar).show_run(str(data.get("title", "")), bool(data.get("demo")))
        self._live.show(self._state, self._alive, now=now)

    def _identify(self) -> None:
        living, place = self._living, ""
        if self.folder in living and len(living) > 1:
            place = f"run {living.index(self.folder) + 1} of {len(living)} training (n p)"
        elif self.folder not in living and living:
            place = f"{len(living)} other{'s' if len(living) > 1 else ''} training (n p)"
        self._live.identify(self._title, place)

    @property
    def _live(self) -> LiveView:
        return self.query_one(LiveView)

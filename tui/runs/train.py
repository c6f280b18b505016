"""*Train*: the form for a new run, or the run that is watched."""

import asyncio
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher

from engine import device
from engine.checkpoints.manifest import Entry
from engine.errors import EngineError, RunError
from engine.runs import client
from engine.runs import folder as store
from engine.runs.follower import Follower
from engine.runs.state import RunState, fold
from engine.training.config import TrainConfig
from tui import format as fmt
from tui.runs.confusion_matrix import Cell, MatrixScreen
from tui.runs.follow import FollowThread, RunUpdated
from tui.runs.form import ConfigForm
from tui.runs.live import LiveView
from tui.runs.run_actions import RunActionsScreen, checkpoints
from tui.runs.run_bar import RunTopBar
from tui.runs.stop_dialog import DETACH, STOP, StopDialog
from tui.widgets import chart
from tui.widgets.keyline import KeyLine

LIVE_RUNS_S = 2.0  # between two looks for other live runs


class Host(Protocol):
    """What this screen needs of the app."""

    home: Path
    data_dir: Path | None
    settings: dict[str, Any]
    watched: Path | None

    def watch_run(self, folder: Path) -> None: ...

    def show_confused(self, folder: Path, epoch: int, true: int, predicted: int) -> None: ...


class TrainScreen(RunActionsScreen):
    """Turns keys into commands for the watched run's host, and its news into the live view."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause/go on", id="train.pause", tooltip="between two steps"),
        Binding(
            "full_stop",
            "step",
            "Step",
            key_display=".",
            id="train.step",
            tooltip="do one training step, and stay paused",
        ),
        Binding("c", "checkpoint", "Save", id="train.checkpoint", tooltip="write a checkpoint now"),
        Binding("x", "stop", "Stop", id="train.stop", tooltip="after asking: stop and save, detach, or go on"),
        Binding("plus,equals_sign", "scale('x2')", "lr ×2", key_display="+", id="train.faster", tooltip="at once"),
        Binding("minus", "scale('/2')", "lr ÷2", key_display="-", id="train.slower", tooltip="at once"),
        Binding("e", "edit", "Change", id="train.edit", tooltip="learning rate, momentum, epochs, … while it trains"),
        Binding("r", "resume", "Resume", id="train.resume", tooltip="go on with a run that ended"),
        Binding("b", "branch", "Branch", id="train.branch", tooltip="a new run from the chosen checkpoint"),
        Binding("left,h", "choose(-1)", "Checkpoint", show=False, id="train.earlier", tooltip="choose an earlier one"),
        Binding("right,l", "choose(1)", "Checkpoint", show=False, id="train.later", tooltip="choose a later one"),
        Binding("enter", "confusion", "Mistakes", show=False, id="train.confusion", tooltip="a confusion's images"),
        Binding("i", "layers", "Layers", id="train.layers", tooltip="gradients, updates, activations as it trains"),
        Binding("v", "panel", "Panel", id="train.panel", tooltip="on small terminals, show the next panel"),
        Binding("L", "log_scale", "Log y", id="train.log_scale", tooltip="the loss on a logarithmic scale"),
        Binding("n", "new", "New run", id="train.new", tooltip="back to the form; this run goes on"),
        Binding(
            "left_square_bracket",
            "other(-1)",
            "Previous run",
            show=False,
            key_display="[",
            id="train.previous",
            tooltip="watch another run that trains",
        ),
        Binding(
            "right_square_bracket",
            "other(1)",
            "Next run",
            show=False,
            key_display="]",
            id="train.next",
            tooltip="watch another run that trains",
        ),
        Binding("pageup", "scroll(1)", "Older log", show=False, id="train.older"),
        Binding("pagedown", "scroll(-1)", "Newer log", show=False, id="train.newer"),
        Binding("escape", "back", "Back", id="train.back", tooltip="to the run; from the checkpoints to the newest"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.folder: Path | None = None
        self._follower: FollowThread | None = None
        self._state = RunState()
        self._alive = True
        self._run_name = ""
        self._living: list[Path] = []
        self._wants_checkpoint = False
        self._chosen: Entry | None = None  # a checkpoint, on the chart

    def compose(self) -> ComposeResult:
        host = self._host
        yield RunTopBar("train")
        with ContentSwitcher(initial="form", id="views"):
            yield ConfigForm(host.settings, data_dir=host.data_dir, id="form")
            yield LiveView(id="live")
        yield KeyLine()

    def on_mount(self) -> None:
        self._preload_charts()
        self._looking = self.set_interval(LIVE_RUNS_S, self._look_for_live_runs)
        if self.folder is not None:
            self._watch(self.folder)
        else:
            self._form.focus()

    def on_unmount(self) -> None:
        self._unwatch()

    def on_screen_suspend(self) -> None:
        # Out of sight or under a dialog: a message that reaches a covered screen sends the whole terminal again.
        self._looking.pause()
        if self._follower is not None:
            self._follower.hold()

    def on_screen_resume(self) -> None:
        self._form.reread()
        self._looking.resume()
        if self._follower is not None:
            self._follower.release()
            self._look_for_live_runs()

    def attach(self, folder: Path) -> None:
        """Watch the run in `folder`."""
        self.folder = folder
        if self.is_mounted:
            self._watch(folder)

    def detach(self) -> None:
        """Watch nothing; the run is left as it is."""
        self._unwatch()
        self.folder = None
        self._host.watched = None
        self._switch("form")

    @property
    def watching(self) -> bool:
        """Whether the live view is on the screen."""
        return self.is_mounted and self.query_one("#views", ContentSwitcher).current == "live"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "back":
            return (not self.watching and self.folder is not None) or (self.watching and self._chosen is not None)
        going = self._alive and not self._state.done
        if action in ("pause", "step", "checkpoint", "stop", "scale", "edit"):
            return self.watching and going
        if action == "confusion":
            return self.watching and bool(self._state.tests)
        if action == "resume":
            return self.watching and not going and self._state.seq > 0
        if action in ("branch", "choose"):
            return self.watching and bool(self._state.checkpoints)
        if action == "other":
            return self.watching and len(self._living) > (self.folder in self._living)
        if action == "layers":
            return self.watching and self._state.seq > 0
        if action == "panel":
            return self.watching and not self._live.wide
        if action in ("log_scale", "new", "scroll"):
            return self.watching
        return True

    # The form

    def on_config_form_submitted(self, event: ConfigForm.Submitted) -> None:
        self._start(event.config, event.name)

    def on_config_form_devices_wanted(self) -> None:
        self._find_devices()

    @work(exclusive=True, group="start")
    async def _start(self, config: TrainConfig, name: str) -> None:
        host = self._host
        try:
            folder = await asyncio.to_thread(client.start, host.home, config, name=name, data_dir=host.data_dir)
        except EngineError as error:
            self._form.refuse(error)
            return
        self._form.started()
        host.watch_run(folder)

    @work(exclusive=True, group="devices")
    async def _find_devices(self) -> None:
        self._form.offer_devices(await asyncio.to_thread(device.devices_in_child))

    @work(exclusive=True, group="parent")
    async def _read_parent(self, run_id: str) -> None:
        """The curve of the run that this one branched off from, as it is now."""
        folder = self.folder
        state = await asyncio.to_thread(_curve_of, self._host.home / "runs" / run_id)
        if folder == self.folder:
            self._live.family(state)
            self._show(now=True)

    @work(thread=True, group="preload")
    def _preload_charts(self) -> None:
        chart.preload()

    # The watched run

    def on_run_updated(self, message: RunUpdated) -> None:
        if message.folder != self.folder:
            return
        before, was_alive = self._state, self._alive
        self._state, self._alive = message.state, message.alive
        if self._wants_checkpoint and len(self._state.checkpoints) > len(before.checkpoints):
            self._wants_checkpoint = False
            saved = self._state.checkpoints[-1]
            self.notify(f"checkpoint saved: {saved.file} ({fmt.size(saved.bytes)})", markup=False)
        if self._state.parent is not None and self._state.parent.parent and before.parent != self._state.parent:
            self._read_parent(self._state.parent.parent)
        self._show()
        if (before.status, was_alive) != (self._state.status, self._alive):
            self.refresh_bindings()

    def action_pause(self) -> None:
        self._send("unpause" if self._state.status == "paused" else "pause")

    def action_step(self) -> None:
        if self._state.status == "paused":
            self._send("step")
        else:
            self._send("pause", "step")

    def action_checkpoint(self) -> None:
        self._wants_checkpoint = True
        self._send("checkpoint")

    def action_stop(self) -> None:
        self.app.push_screen(StopDialog(self._run_name), self._after_dialog)

    def action_scale(self, factor: str) -> None:
        if self.folder is not None:
            self._edit(self.folder, {"lr": factor})

    def action_edit(self) -> None:
        if self.folder is not None:
            self.edit_run(self.folder, self._run_name, self._state.config, self._state.epoch)

    def action_resume(self) -> None:
        if self.folder is not None:
            complete = self._state.status == "finished"
            self.resume_run(self.folder, self._run_name, self._state.epochs, complete=complete)

    def action_branch(self) -> None:
        if self.folder is not None:
            self.branch_run(self.folder, self._run_name, self._chosen)

    def action_choose(self, by: int) -> None:
        """Move the cursor on the chart to the next checkpoint; from none, to the newest."""
        if self.folder is None or not (entries := checkpoints(self.folder)):
            return
        index = len(entries) - 1 if by < 0 else 0
        if self._chosen is not None:
            here = [entry.place for entry in entries]
            index = max(0, min(len(entries) - 1, bisect_left(here, self._chosen.place) + by))
        self._choose(entries[index])

    def _choose(self, entry: Entry | None) -> None:
        self._chosen = entry
        self._live.choose(entry)
        self._show(now=True)
        self.refresh_bindings()

    def action_confusion(self) -> None:
        """The newest confusion matrix; a cell of it leads to the images."""
        folder, newest = self.folder, self._state.tests[-1]

        def chosen(cell: Cell | None) -> None:
            if cell is not None and folder is not None:
                self._host.show_confused(folder, newest.epoch, *cell)

        names = tuple(str(name) for name in self._state.dataset.get("classes", ()))
        self.app.push_screen(MatrixScreen(newest, names), chosen)

    def action_layers(self) -> None:
        from tui.runs.layer_stats import LayerStatsScreen

        if self.folder is not None:
            self.app.push_screen(LayerStatsScreen(self.folder, self._run_name))

    def action_panel(self) -> None:
        self._live.next_panel()

    def action_log_scale(self) -> None:
        self._live.toggle_log_y()

    def action_scroll(self, pages: int) -> None:
        self._live.scroll_log(pages)

    def action_new(self) -> None:
        self._switch("form")

    def action_back(self) -> None:
        if self.watching:
            self._choose(None)
        else:
            self._switch("live")

    def action_other(self, by: int) -> None:
        others = self._living
        here = others.index(self.folder) if self.folder in others else (-1 if by > 0 else 0)
        self._host.watch_run(others[(here + by) % len(others)])

    def _after_dialog(self, choice: str | None) -> None:
        if choice == STOP:
            self._send("stop")
        elif choice == DETACH:
            name = self._run_name
            self.detach()
            self.notify(f"{name} goes on; it is in Runs (3).", markup=False)

    @work(group="commands")
    async def _send(self, *commands: str) -> None:
        if self.folder is None:
            return
        try:
            for command in commands:
                await asyncio.to_thread(client.command, self.folder, command)
        except RunError as error:
            self.notify(str(error), severity="warning", markup=False)

    @work(exclusive=True, group="live runs")
    async def _look_for_live_runs(self) -> None:
        if not (self.is_active and self.watching):
            return
        living = await asyncio.to_thread(_living_runs, self._host.home)
        if living != self._living:
            self._living = living
            self.refresh_bindings()
            self._identify()

    def _watch(self, folder: Path) -> None:
        self._unwatch()
        self._state, self._alive = RunState(), True
        self._wants_checkpoint = False
        self._chosen = None
        self._live.choose(None)
        self._live.family(None)
        self._run_name = _name_of(folder)
        self._switch("live")
        self._identify()
        self._follower = FollowThread(self, folder)
        self._follower.start()
        self._look_for_live_runs()

    def _unwatch(self) -> None:
        if self._follower is not None:
            self._follower.stop()
            self._follower = None

    def _switch(self, view: str) -> None:
        self.query_one("#views", ContentSwitcher).current = view
        (self._live if view == "live" else self._form).focus()
        self._show(now=True)
        self.refresh_bindings()

    def _show(self, *, now: bool = False) -> None:
        data = self._state.dataset if self.watching else {}
        self.query_one(RunTopBar).tell_run(str(data.get("title", "")), bool(data.get("demo")))
        if self.watching:
            self._live.show(self._state, self._alive, now=now)

    def _identify(self) -> None:
        living, place = self._living, ""
        if self.folder in living and len(living) > 1:
            place = f"run {living.index(self.folder) + 1} of {len(living)} training [ ]"
        elif self.folder not in living and living:
            place = f"{len(living)} other{'s' if len(living) > 1 else ''} training [ ]"
        self._live.identify(self._run_name, place)

    @property
    def _host(self) -> Host:
        return cast(Host, self.app)

    @property
    def _form(self) -> ConfigForm:
        return self.query_one(ConfigForm)

    @property
    def _live(self) -> LiveView:
        return self.query_one(LiveView)


def _living_runs(home: Path) -> list[Path]:
    """The runs whose host lives, oldest first."""
    return [folder for folder in reversed(store.run_folders(home)) if store.alive(folder)]


def _curve_of(folder: Path) -> RunState:
    """The state of a run; of a branch, with its parents' curves before it."""
    state = fold(Follower(folder).poll())
    if state.parent is None or state.parent.parent == folder.name:
        return state
    before, begun = _curve_of(folder.with_name(state.parent.parent)), state.begun_at
    curve = tuple(point for point in before.curve if point.x <= begun) + state.curve
    return replace(state, curve=curve, tests=tuple(test for test in before.tests if test.x <= begun) + state.tests)


def _name_of(folder: Path) -> str:
    try:
        return str(store.read_run(folder).get("name") or folder.name)
    except RunError:
        return folder.name

"""*Train*: the form for a new run, or the run that is watched."""

import asyncio
from pathlib import Path
from typing import ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from engine import device
from engine.errors import EngineError, RunError
from engine.runs import client, store
from engine.runs.state import RunState
from engine.training.config import TrainConfig
from tui import format as fmt
from tui.follow import FollowThread, RunUpdated
from tui.screens.live import LiveView
from tui.screens.stop_dialog import DETACH, STOP, StopDialog
from tui.widgets import chart
from tui.widgets.config_form import ConfigForm
from tui.widgets.keyline import KeyLine
from tui.widgets.run_bar import RunTopBar

LIVE_RUNS_S = 2.0  # between two looks for other live runs


class Host(Protocol):
    """What this screen needs of the app."""

    home: Path
    data_dir: Path | None
    dataset: str
    watched: Path | None

    def attach(self, folder: Path) -> None: ...


class TrainScreen(Screen[None]):
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
        Binding("escape", "back", "Back to the run", id="train.back"),
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

    def compose(self) -> ComposeResult:
        host = self._host
        yield RunTopBar("train")
        with ContentSwitcher(initial="form", id="views"):
            yield ConfigForm(data_dir=host.data_dir, dataset=host.dataset, id="form")
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
            return not self.watching and self.folder is not None
        if action in ("pause", "step", "checkpoint", "stop"):
            return False if not self.watching else (True if self._alive and not self._state.done else None)
        if action == "other":
            return self.watching and len(self._living) > (self.folder in self._living)
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
        host.attach(folder)

    @work(exclusive=True, group="devices")
    async def _find_devices(self) -> None:
        self._form.offer_devices(await asyncio.to_thread(device.devices_in_child))

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

    def action_panel(self) -> None:
        self._live.next_panel()

    def action_log_scale(self) -> None:
        self._live.toggle_log_y()

    def action_scroll(self, pages: int) -> None:
        self._live.scroll_log(pages)

    def action_new(self) -> None:
        self._switch("form")

    def action_back(self) -> None:
        self._switch("live")

    def action_other(self, by: int) -> None:
        others = self._living
        here = others.index(self.folder) if self.folder in others else (-1 if by > 0 else 0)
        self._host.attach(others[(here + by) % len(others)])

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


def _name_of(folder: Path) -> str:
    try:
        return str(store.read_run(folder).get("name") or folder.name)
    except RunError:
        return folder.name

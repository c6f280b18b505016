"""The app: its screens, the keys that hold everywhere, and which run is watched."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.app import SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.filter import LineFilter
from textual.reactive import reactive
from textual.screen import Screen

from engine.errors import EngineError
from engine.home import RunFolder
from engine.terminal_text import encoding, shown_lines
from engine.worker.client import WorkerClient
from tui import crash
from tui.cells import GivesCell
from tui.config import declared
from tui.config.preferences import Preferences
from tui.dialogs.by_itself import ByItself
from tui.dialogs.key_commands import key_commands
from tui.dialogs.overlay import MODE_KEYS
from tui.gc_tuning import GcTuning
from tui.keys import reason_against
from tui.rooms_app import RoomsApp
from tui.screens import SCREENS, first_screen, read_all
from tui.terminal_filter import TerminalText
from tui.textual_private import bindings_of, is_exiting, screens_of_mode, whole_screen
from tui.type_ahead import TypeAhead
from tui.widgets.key_words import key_words
from tui.widgets.keyline import KeyLine

if TYPE_CHECKING:
    from engine.checkpoints.manifest import Entry
    from engine.runs.listing import Listing
    from tui.runs.watch import WatchScreen
    from tui.services import Services

HERE = Path(__file__).parent
PLAIN_KEYS = {"⏎": "enter", "⌫": "backspace"}  # on terminals that lack the signs
FIRST_STATE_S = 0.3  # that a screen waits for the state of the run that it shows
PRELOAD_S = 2.0  # from the first screen to the worker process's import of torch, in the background
FAILURE_S = 60  # that a failure is shown
SCREENSHOT_S = 15  # that a screenshot's place is shown


class FmnistApp(RoomsApp):
    """A disposable viewer: it may die at any moment, the runs it shows are other processes."""

    data_shown: reactive[tuple[str, bool]] = reactive(("", False))  # the browsed data's title; whether it is the demo

    # All of them at the start: a sheet read when its screen first opens would hold up that key press.
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        HERE / "app.tcss",
        *sorted(HERE.glob("*/*.tcss")),
    ]
    TITLE = "fmnist-tui"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(key, f"switch_mode('{mode}')", mode.capitalize(), show=False, id=f"app.{mode}")
            for key, mode in MODE_KEYS.items()
        ),
        Binding("question_mark", "help", "Help", key_display="?", id="app.help", tooltip="the keys of this screen"),
        Binding(
            "percent_sign",
            "as_cell",
            "Into the Lab",
            show=False,
            key_display="%",
            id="app.as_cell",
            tooltip="what is chosen here, as a cell",
        ),
        Binding("q", "quit", "Quit", id="app.quit", tooltip="a run that trains keeps going"),
        Binding(
            "ctrl+l", "redraw", "Redraw", show=False, priority=True, id="app.redraw", tooltip="the whole screen anew"
        ),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit_anywhere"),
    ]

    def __init__(
        self,
        *,
        home: Path,
        data_dir: Path | None = None,
        dataset: str = "auto",
        watch: RunFolder | None = None,
        start: str = "",
        images: str = "",
        preferences: Preferences | None = None,
        preload: bool = False,
        lab_idle: float | None = None,
        lab_language: str = "",
        notice: str = "",
    ) -> None:
        """`watch`: the folder of a run to show first. `start`: the first screen else; empty: as the preferences say.
        `images`: how they are drawn; empty: as the preferences say. `preferences`: None: the defaults, kept nowhere.
        `preload`: have the worker process import torch before anything is asked of it. `lab_idle`: seconds that the
        kernel of a lab which is begun here may have nothing to do; None: as the preferences say. `lab_language`: of
        the course; empty: as the preferences say. `notice`: what the person is told first."""
        watch_css = bool(os.environ.get("FMNIST_TUI_WATCH_CSS"))
        super().__init__(preferences or Preferences(), images=images, watch_css=watch_css)
        for mode in SCREENS:
            self.add_mode(mode, partial(first_screen, mode, self))
        self._preload = preload
        self.lab_idle = self.preferences.get(declared.LAB_IDLE) if lab_idle is None else lab_idle
        self.lab_language = lab_language or self.preferences.get(declared.LAB_LANGUAGE).removeprefix("auto")
        self.animation_level = "none"  # nothing moves by itself: an idle screen sends nothing
        self.home = home
        self.data_dir = data_dir
        self.dataset = dataset
        self.watched: RunFolder | None = watch
        self.worker = WorkerClient(home, self.code_trust.settles)
        self._terminal_text = TerminalText()
        self._garbage: GcTuning | None = None
        self._type_ahead = TypeAhead(self)
        self._notice = notice
        self._excepthook = threading.excepthook  # as it was
        self._start = start or self.preferences.get(declared.START)
        self.farewell = ""  # for the shell, once the app is gone
        self._failures: dict[str, float] = {}  # of workers, in words, with the time when each was told

    async def on_mount(self) -> None:
        self._garbage = GcTuning(self)
        threading.excepthook = self._thread_failed
        self.set_timer(0.8, self._import_screens)
        if self._preload:
            self.set_timer(PRELOAD_S, self._prepare_worker)
        await self.switch_mode("train" if self.watched else self._start)
        if self.watched:
            await self._show_watcher(self.watched)
        self.take_settings()
        self.ask_terminal()
        if self._notice:
            self.notify(self._notice, severity="warning", timeout=FAILURE_S)

    def on_unmount(self) -> None:
        self.forget_pictures()
        self.worker.close()
        self.preferences.close()
        threading.excepthook = self._excepthook

    @work(thread=True, group="imports")
    def _import_screens(self) -> None:
        """Read the other screens' code while the person looks at the first, so that their keys need not wait for it."""
        read_all()

    @work(thread=True, group="imports")
    def _prepare_worker(self) -> None:
        """The first question need not wait for PyTorch then."""
        with contextlib.suppress(EngineError):  # the first question meets it again, and says it
            self.worker.prepare()

    async def on_event(self, event: events.Event) -> None:
        if is_exiting(self) and isinstance(event, events.Key | events.Paste):
            return  # typed after the q: no screen opens any more
        if isinstance(event, events.Paste) and self._is_early(event):
            return
        if self._garbage is not None and isinstance(event, events.Key):
            self._garbage.key_pressed()
        if isinstance(event, events.Key) and not event.is_forwarded:
            if self._type_ahead.hold(event):
                return
            with self._type_ahead.handing():
                if not self._is_early(event):
                    await super().on_event(event)
            return
        await super().on_event(event)

    def _is_early(self, typed: events.Key | events.Paste) -> bool:
        """Whether the dialog that is shown has opened by itself after that was typed."""
        return any(isinstance(top, ByItself) and top.is_early(typed) for top in self.screen_stack[-1:])

    async def typing_stopped(self) -> None:
        """Wait until the person types nothing."""
        await self._type_ahead.stopped()

    def on_key(self, event: events.Key) -> None:
        """A key that no widget took. Where it is bound to what can't be done now, say why."""
        lines = list(self.screen.query(KeyLine))
        for line in lines:
            line.clear_reason()
        for node in [self.screen] if self.focused is None else self.focused.ancestors_with_self:
            for binding in bindings_of(node).get(event.key, ()):
                if reason := reason_against(node, binding):
                    for line in lines:
                        line.explain(self.get_key_display(binding), key_words(self.screen).of(binding)[0], reason)
                return

    def pop_screen(self) -> AwaitComplete:
        self.delay_update()  # what the screen below shows anew, and what the dialog changed in it, is sent once
        return super().pop_screen()

    def delay_update(self, delay: float = 0.05) -> None:
        """Textual holds the terminal back so long at a change of screen, to mask a slow one; ours takes a few ms."""
        super().delay_update(min(delay, 0.008))

    def notify(self, message: str, **options: Any) -> None:
        """Text from anywhere: it is never markup."""
        super().notify(shown_lines(message), **{**options, "markup": False})

    def get_key_display(self, binding: Binding) -> str:
        display = super().get_key_display(binding)
        return display if encoding() == "utf-8" else PLAIN_KEYS.get(display, display)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._terminal_text]

    def handle_crash(self, error: BaseException) -> None:
        """A line that names the log with the traceback."""
        self.farewell = crash.record(self.home, error)

    def handle_worker_failure(self, error: BaseException) -> None:
        """What every worker of every screen comes to that fails with what it does not catch: one line for the person,
        and the traceback in the log. The app goes on."""
        what, now = crash.words(error), time.monotonic()
        if now - self._failures.get(what, -FAILURE_S) < FAILURE_S:
            return  # a worker that a timer starts over and over
        self._failures[what] = now
        line = what if isinstance(error, EngineError) else crash.record(self.home, error)
        if not is_exiting(self):
            self.notify(line, severity="error", timeout=FAILURE_S, markup=False)

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        """The same for a thread that is not a worker's. It does not wait: the app may be waiting for its end."""
        if failed.exc_value is not None and self.is_running:
            self.call_later(self.handle_worker_failure, failed.exc_value)

    # Runs

    def watch_run(self, folder: RunFolder) -> None:
        """Watch a run on *Train*."""
        self.watched = folder

        async def show() -> None:
            await self.switch_mode("train")
            await self._show_watcher(folder)

        self.run_worker(show(), name="attach", group="attach", exclusive=True)

    async def _show_watcher(self, folder: RunFolder) -> None:
        """Put the screen of the watched run on top of *Train*, which must be shown, over the form. Nothing is painted
        before the run's state is there, but for a log that takes long to read."""
        with self.batch_update():
            self._watcher.attach(folder)
            while self.screen is not self._watcher and len(self.screen_stack) > 1:  # what was opened from there
                await self.pop_screen()
            if self.screen is not self._watcher:
                await self.push_screen(self._watcher)
            await self._watcher.first_state(FIRST_STATE_S)

    @cached_property
    def runs(self) -> "Listing":
        """All runs; from any thread."""
        from engine.runs.listing import Listing

        return Listing(self.home)

    @cached_property
    def _watcher(self) -> "WatchScreen":
        """Installed: it stays, and follows its run on, while the form is shown."""
        from tui.runs.watch import WatchScreen

        watcher = WatchScreen(self)
        self.install_screen(watcher, "watch")
        return watcher

    def show_watched_run(self) -> None:
        """From the form on *Train* to the run that is watched, as it was left."""
        self.push_screen(self._watcher)

    def show_form(self) -> None:
        """From the watched run to the form for a new one."""
        self.pop_screen()

    def new_run(self) -> None:
        """From any screen to the form for a new run."""

        async def show() -> None:
            with self.batch_update():
                await self.switch_mode("train")
                while len(self.screen_stack) > 1:
                    await self.pop_screen()

        self.run_worker(show(), name="form", group="attach", exclusive=True)

    def leave_run(self) -> None:
        """Watch no run any more."""
        self.watched = None
        self.show_form()

    def branch_run(self, folder: RunFolder, entry: "Entry | None" = None) -> None:
        """Over this screen, ask for a branch of a run from its checkpoint `entry` (the newest), and start it."""
        from tui.runs.run_actions import RunActions

        RunActions(self.screen, self).branch(folder, entry)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Of the next run, by their names in TrainConfig, and its name: the form shows them, screens change them."""
        from tui.runs.form_fields import first_values

        values = first_values(self.preferences.form)
        return {**values, "dataset": self.dataset} if self.dataset != "auto" else values

    @cached_property
    def branch_freeze(self) -> dict[RunFolder, str]:
        """What the next branch of a run keeps frozen, by the run's folder, where it was set on *Model*."""
        return {}

    @property
    def image(self) -> tuple[str, int]:
        """The split and the index of the image that is chosen on *Data*; before that, the first test image."""
        from tui.data.data import DataScreen

        for screen in screens_of_mode(self, "data"):
            if isinstance(screen, DataScreen) and screen.browse.index is not None:
                return screen.browse.split, screen.browse.index
        return "test", 0

    def show_data_title(self, title: str, demo: bool) -> None:
        """Name the browsed data on every screen."""
        self.data_shown = (title, demo)

    @property
    def services(self) -> "Services":
        """The app, as screens see it."""
        return self

    # Keys

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> None:
        """The palette's Screenshot: a file, and where it is."""
        from tui import screenshot

        update, size = whole_screen(self), self.size

        async def write() -> None:
            text = await asyncio.to_thread(screenshot.svg, update, size.width, size.height, self.title)
            file = await asyncio.to_thread(screenshot.write, text, screenshot.folders(self.home))
            self.notify(str(file), title="Screenshot", timeout=SCREENSHOT_S)

        self.run_worker(write(), name="screenshot", group="screenshot")

    @property
    def _cell_source(self) -> str:
        """What is chosen on the screen, as Python; "" where nothing is, or the screen is not composed yet."""
        with contextlib.suppress(NoMatches):
            return self.screen.as_cell() if isinstance(self.screen, GivesCell) else ""
        return ""

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why a key does nothing now; "" where it acts."""
        return key_words(self.screen).no_cell if action == "as_cell" and not self._cell_source else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "as_cell" and not self._cell_source else True

    def action_as_cell(self) -> None:
        self.put_into_lab(self._cell_source)

    def action_redraw(self) -> None:
        self.redraw()

    def action_help(self) -> None:
        from tui.dialogs.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    async def action_quit(self) -> None:
        """Nothing is lost: a run keeps going without the app. Say how to come back to it."""
        from engine.runs import listing, store

        if self.watched is not None and store.alive(self.watched):
            run, done = self.watched.id, False
            with contextlib.suppress(EngineError):  # its log can't be read
                done = listing.quick_state(self.watched).done
            if not done:
                self.farewell = f"Run {run} keeps going without the app. Come back with: fmnist-tui watch {run}"
        self.farewell = "\n".join(filter(None, (self.farewell, self.lab_farewell)))
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every key of this screen by its description, then what Textual offers."""
        yield from key_commands(screen)
        for command in super().get_system_commands(screen):
            if command.title not in ("Quit", "Keys"):
                yield command

"""*Train*: the form for a new run. A run that is watched stands over it (`tui.runs.watch`)."""

import asyncio
from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from engine import device
from engine.errors import ConfigError, EngineError
from engine.home import RunFolder
from engine.inspection.lr_find_requests import LrFindRequest
from engine.models.trusted_code import name_typed
from engine.queue import client as queue
from engine.runs import client, groups, notice
from engine.training.config import TrainConfig
from tui import crash
from tui import format as fmt
from tui.config.declared import NOTIFY
from tui.runs.form import ConfigForm
from tui.runs.lr_find import LrFindScreen
from tui.runs.run_bar import RunTopBar
from tui.services import Services
from tui.textual_private import LivingScreen
from tui.widgets.chart.plot import preload
from tui.widgets.keyline import KeyLine

T = TypeVar("T")


class NewRunScreen(LivingScreen[None]):
    """Starts the run that the form describes, and keeps what was typed for the next one."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="train.back", tooltip="to the run that is watched"),
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def compose(self) -> ComposeResult:
        yield RunTopBar("train")
        yield ConfigForm(self._services.settings, data_dir=self._services.data_dir, id="form")
        yield KeyLine()

    def on_mount(self) -> None:
        self._preload_charts()

    def on_screen_resume(self) -> None:
        self._form.reread()
        self._form.focus()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._services.watched is not None if action == "back" else True

    def on_config_form_submitted(self, event: ConfigForm.Submitted) -> None:
        if event.seeds.strip() or event.queue:
            self._enqueue(event.config, event.name, event.seeds)
        else:
            self._start(event.config, event.name)

    def on_config_form_devices_wanted(self) -> None:
        self._find_devices()

    def on_config_form_lr_wanted(self, event: ConfigForm.LrWanted) -> None:
        self._find_lr(event.config)

    def action_back(self) -> None:
        self._services.show_watched_run()

    def _ways(self) -> tuple[str, ...]:
        """How the person wants to be told of a new run. Raises EngineError."""
        found: tuple[str, ...] = self._services.preferences.get(NOTIFY)
        return notice.typed(found)

    @work(exclusive=True, group="start")
    async def _start(self, config: TrainConfig, name: str) -> None:
        services = self._services

        def start() -> RunFolder:
            notify = self._ways()
            return client.start(services.home, config, name=name, data_dir=services.data_dir, notify=notify)

        folder = await self._submitted(config, start)
        if folder is not None:
            services.watch_run(folder)

    @work(exclusive=True, group="start")
    async def _enqueue(self, config: TrainConfig, name: str, seeds: str) -> None:
        """Have one run, or one for each seed, wait in the queue; then Runs shows them."""
        services = self._services

        def enqueue() -> int:
            notify = self._ways()
            wanted = groups.parse_seeds(seeds, config.seed) if seeds.strip() else (config.seed,)
            folders = groups.make(services.home, config, wanted, name=name, data_dir=services.data_dir)
            try:
                for folder in folders:
                    notice.keep(folder, notify)
                queue.add(services.home, folders)
            except EngineError:
                groups.discard(folders)
                raise
            return len(folders)

        count = await self._submitted(config, enqueue)
        if count is not None:
            self.notify(f"{fmt.counted(count, 'run')} in the queue", timeout=3, markup=False)
            await self.app.switch_mode("runs")

    async def _submitted(self, config: TrainConfig, begin: Callable[[], T]) -> T | None:
        """Do it in a thread; None, with the reason in the form, where it is refused. A bug is told there too, and goes
        on to the app."""

        def typed() -> T:
            name_typed(config.model, config.transform)  # the form is the person's
            return begin()

        try:
            done = await asyncio.to_thread(self._services.trusting, typed)
        except EngineError as error:
            self._form.refuse(error)
            return None
        except Exception as error:
            self._form.refuse(ConfigError("", crash.words(error)))
            raise
        self._form.started()
        return done

    @work(exclusive=True, group="find-lr")
    async def _find_lr(self, config: TrainConfig) -> None:
        services = self._services
        try:
            await asyncio.to_thread(name_typed, config.model, config.transform)
        except EngineError as error:
            self._form.refuse(error)
            return
        request = LrFindRequest(config, data_dir=services.data_dir)
        lr = await self.app.push_screen_wait(LrFindScreen(services, request))
        if lr is not None:
            self._form.take_lr(lr)

    @work(exclusive=True, group="devices")
    async def _find_devices(self) -> None:
        self._form.offer_devices(await asyncio.to_thread(device.devices_in_child))

    @work(thread=True, group="preload")
    def _preload_charts(self) -> None:
        preload()

    @property
    def _form(self) -> ConfigForm:
        return self.query_one(ConfigForm)

"""What *Study* lets people do with a study: its questions, and what comes of the answers."""

import asyncio
import shlex
from collections.abc import Callable

from textual import work

from engine.errors import ConfigError, EngineError
from engine.home import StudyFolder
from engine.studies import client, space, trials
from engine.studies.space import Parameter, Range
from engine.studies.trials import Snapshot
from engine.training.config import TrainConfig, typed_pairs
from tui import format as fmt
from tui.dialogs.choice import Choice, ChoiceScreen
from tui.dialogs.file_prompt import ask_file, write_file
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.table_screen import TableScreen
from tui.runs.study_source import sweep
from tui.services import Services
from tui.widgets.panel import Panel


class ChangedStudy(TableScreen):
    """A screen of one study, which it reads (`look`), and of which it has seen the trials (`snapshot`) and the
    parameters (`parameters`)."""

    def __init__(self, services: Services, folder: StudyFolder) -> None:
        super().__init__()
        self._services = services
        self._folder = folder

    @property
    def snapshot(self) -> Snapshot | None:
        """The study as it was last seen."""
        raise NotImplementedError

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is searched."""
        raise NotImplementedError

    def look(self) -> object:
        """Read the study again, and show it."""
        raise NotImplementedError

    @work(group="prompt", exclusive=True)
    async def action_add(self) -> None:
        parameters = self.parameters
        found = space.Space(parameters)

        def check(text: str) -> str:
            point = space.check_point(found, TrainConfig(), typed_pairs(text))
            rest = [one.name for one in parameters if one.name not in point]
            return f"a trial more; {', '.join(rest)} are searched" if rest else "a trial more"

        best = self.snapshot.best if self.snapshot is not None else None
        value = " ".join(f"{name}={shlex.quote(text)}" for name, text in best.params.items()) if best else ""
        lines = "\n".join(f"{one.name}={one}" for one in parameters)
        prompt = PromptScreen(
            "Add a trial", f"Its settings; what is left out is searched.\n{lines}", check, value=value
        )
        text = await self.app.push_screen_wait(prompt)
        if text is not None:
            point = space.check_point(found, TrainConfig(), typed_pairs(text))
            await self._sweep("add", *(f"{name}={value}" for name, value in point.items()))

    @work(group="prompt", exclusive=True)
    async def action_more(self) -> None:
        about_it = "How many more trials are made, beside those that wait already."
        text = await self.app.push_screen_wait(PromptScreen("More trials", about_it, _count_words, value="10"))
        if text is not None:
            await self._sweep("extend", text.strip())

    @work(group="prompt", exclusive=True)
    async def action_change(self) -> None:
        parameters = self.parameters
        about_it = (
            "Another range, a further parameter (weight_decay=1e-6..1e-3:log), or one value for a parameter (lr=1e-3), "
            "for the trials that have not begun. The choices of a list stay as they are."
        )
        now = " ".join(f"{one.name}={shlex.quote(str(one))}" for one in parameters if isinstance(one, Range))

        def check(text: str) -> str:
            changed, _ = space.parse(typed_pairs(text), TrainConfig())
            return ", ".join(f"{one.name}={one}" for one in changed.parameters) or "one value each"

        text = await self.app.push_screen_wait(PromptScreen("What is searched", about_it, check, value=now))
        if text is not None and (typed := typed_pairs(text)):
            known = {one.name: str(one) for one in parameters}
            news = [f"{name}={value}" for name, value in typed.items() if known.get(name) != value]
            if news:
                await self._sweep("space", *news)

    def action_go(self) -> None:
        self._do(lambda: client.go_on(self._folder))

    @work(group="prompt", exclusive=True)
    async def action_stop(self) -> None:
        choices = [
            Choice("f", "finish those that train", "no more trials begin here"),
            Choice("s", "stop those that train too", "each with a checkpoint; it goes on where it was, with the study"),
            Choice("g", "keep going"),
        ]
        chosen = await self.app.push_screen_wait(ChoiceScreen(f"Stop the study {self._folder.id}?", "", choices))
        if chosen in ("f", "s"):
            self._do(lambda: client.stop(self._folder, now=chosen == "s"))

    @work(group="prompt", exclusive=True)
    async def action_export(self) -> None:
        seen = self.snapshot
        if seen is None:
            return
        about_it = "The trials, a row each: state, value, epochs, parameters, run."
        value = f"~/{self._folder.id}.csv"
        path = await ask_file(self, "Export the trials", about_it, lambda _: "the trials as CSV", value=value)
        if path is not None:
            await write_file(self, path, trials.as_csv(seen))

    async def _sweep(self, action: str, *arguments: str) -> None:
        panel = self.query_one("#trials", Panel)
        panel.busy("asking the study's storage …")
        try:
            self.notify(await sweep(self._services.home, [action, self._folder.id, *arguments]), markup=False)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
        panel.busy("")
        self.look()

    @work(group="orders")
    async def _do(self, what: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(what)
        except EngineError as error:
            self.notify(str(error), severity="warning", markup=False)
        self.look()


def _count_words(text: str) -> str:
    text = text.strip()
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise ConfigError("trials", f"{text!r} is not a number of trials, 1 to 10000")
    return f"{fmt.counted(int(text), 'trial')} more"

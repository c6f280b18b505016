"""What can be done with a file of weights, from the screen that shows it."""

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.binding import Binding, BindingType

from engine import sources
from engine.errors import EngineError
from engine.home import Home
from engine.runs import client, from_weights
from engine.sources import RunCheckpoint
from engine.training.config import typed_pairs
from engine.weights.key_mapping import KeyMapping, file_and_mapping, text_and_mapping
from tui import format as fmt
from tui.dialogs import paths
from tui.dialogs.busy import NAMES, BusyScreen, checked_network, checked_target
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.source_prompt import prediction_prompt
from tui.evaluation_text import evaluation_text
from tui.services import Services

if TYPE_CHECKING:
    from engine.runs.from_weights import Origin

FILE_ACTION_KEYS: list[BindingType] = [
    Binding("d", "difference", "Compare", id="file.difference", tooltip="with another file"),
    Binding("E", "evaluate", "Evaluate", id="file.evaluate", tooltip="on the test set"),
    Binding("b", "branch", "Branch", id="file.branch", tooltip="a new run that goes on from it"),
    Binding("M", "model", "On Model", id="file.model", tooltip="look into it as the network it is of"),
    Binding("D", "data", "On Data", show=False, id="file.data", tooltip="what it takes each image for"),
    Binding("c", "convert", "Convert", show=False, id="file.convert", tooltip="the weights as a file of their own"),
    Binding("C", "check", "Check", show=False, id="file.check", tooltip="every byte, by checksums"),
]
FILE_ACTIONS = ("difference", "evaluate", "branch", "model", "data", "convert", "check")


class FileActionsScreen(BusyScreen):
    """Asks what it needs to know, then does it."""

    def __init__(self, services: Services, path: Path) -> None:
        super().__init__(services)
        self.path = path
        self.contents: dict[str, Any] | None = None  # as `Contents.to_dict`, once it is read
        self.trusted = False  # the person typed their trust for it before

    @property
    def own_model(self) -> str:
        """Which network the file says it is of; empty: none."""
        return str(self.contents["metadata"].get("config.model", "")) if self.contents is not None else ""

    # Comparing

    def action_difference(self) -> None:
        from tui.weights.difference import DifferenceScreen

        def asked(text: str | None) -> None:
            if text is not None:
                other = Path(text.strip()).expanduser().absolute()
                paths.remember(self.services.home, other)
                self.app.push_screen(DifferenceScreen(self.services, self.path, other))

        about = "The other file; what is shown is how it differs from this one."
        title, value = f"Compare {self.path.name} with?", f"{self.path.parent}/"
        prompt = PromptScreen(title, about, paths.check_file, value=value, suggester=PathSuggester())
        self.app.push_screen(prompt, asked)

    # Evaluating

    def action_evaluate(self) -> None:
        self._ask_evaluate(
            self.path.name if self.trusted else self.own_model or str(self.services.settings["model"]), ""
        )

    def _ask_evaluate(self, value: str, refusal: str) -> None:
        assert self.contents is not None
        modules, name = self.contents["modules"], self.path.name
        whole = bool(modules) and not modules[0]["name"]

        def check(text: str) -> str:
            if whole and text.strip() == name:
                return f"trust it: {modules[0]['type']} is loaded, and its author's code runs, in a process with limits"
            return checked_network(text, "its weights in a {}{}, on the test set")

        def asked(text: str | None) -> None:
            if text is not None:
                trusted = whole and text.strip() == name
                self._evaluate(text.strip(), trusted=trusted)

        about = f"{refusal}\n\n" if refusal else ""
        about += f"The network that the weights are of; {NAMES}. Nothing of the file is executed."
        if whole:
            about += f" Or, if you trust its author, type the file's name, {name}: then the module itself is loaded."
        self.app.push_screen(PromptScreen(f"Evaluate {name}", about, check, value=value), asked)

    @work(group="long", exclusive=True)
    async def _evaluate(self, text: str, *, trusted: bool) -> None:
        host, (model, way) = self.services, text_and_mapping(text)
        asked = {
            "file": str(self.path), "model": "" if trusted else model, "how": "" if trusted else str(way),
            "dataset": host.settings["dataset"], "data_dir": str(host.data_dir) if host.data_dir else None,
            "trusted": trusted,
        }  # fmt: skip
        answer = await self.ask_long("file evaluation", asked, "evaluating", "test images")
        self.asked_long()
        if answer is not None:
            reached = f"{self.path.name}: test accuracy {fmt.percent(answer.values['accuracy'])}; E there tells more"
            self.show_answer(f"{self.path.name} on the test set", evaluation_text(answer.values), reached)
        elif self.proposal is not None and self.in_view:
            self._ask_evaluate(f"{model} {self.proposal}", self.refused)  # nothing is renamed until that is said

    def asked_long(self) -> None:
        """Go on with what a long question held up."""

    # Other screens

    async def action_model(self) -> None:
        if from_weights.in_run(self.path) is not None:
            self.services.network.choose(str(self.path))
            await self.app.switch_mode("model")
            return

        def asked(text: str | None) -> None:
            if text is not None:
                self.services.network.choose(text.strip())
                self.run_worker(self._to_model(), exclusive=True)

        about = f"The network, = and the file; {NAMES}."
        title = f"Look into {self.path.name} as which network?"
        home = self.services.home
        check = lambda text: sources.describe(home, sources.parse(text))  # noqa: E731
        self.app.push_screen(
            PromptScreen(title, about, check, value=self._as_network, suggester=PathSuggester(among_others=True)), asked
        )

    async def _to_model(self) -> None:
        await self.app.switch_mode("model")

    @property
    def _as_network(self) -> str:
        return f"{self.own_model or self.services.settings['model']}={self.path}"

    def action_data(self) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                self.services.show_predictions(sources.parse(text))

        run = from_weights.in_run(self.path)
        mine = run is not None and run[0].parent == Home(self.services.home).runs.absolute()
        if run is not None and mine:
            from engine.runs import checkpoint_refs

            self.services.show_predictions(RunCheckpoint(run[0].name, checkpoint_refs.name_of(run[1])))
            return
        self.app.push_screen(prediction_prompt(self.services.home, self._as_network), asked)

    # Going on from it

    @work(group="continuing", exclusive=True)
    async def action_branch(self) -> None:
        run = await asyncio.to_thread(from_weights.in_run, self.path)
        if run is not None and run[0].parent == Home(self.services.home).runs.absolute():
            folder, entry = run
            self.services.branch_run(folder, entry)
            return
        try:
            origin = await asyncio.to_thread(from_weights.look, self.path)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return
        self._ask_branch(origin)

    def _ask_branch(self, origin: "Origin") -> None:
        def check(text: str) -> str:
            changes = typed_pairs(text)
            changes.pop("name", "")
            config = from_weights.asked(origin, changes)
            settings = ("optimizer", "lr", "momentum", "weight_decay", "schedule", "batch_size", "epochs")
            return f"a {config.model}; " + " · ".join(f"{name} {getattr(config, name)}" for name in settings)

        def asked(text: str | None) -> None:
            if text is not None:
                changes = typed_pairs(text)
                self._branch_file(changes, changes.pop("name", ""))

        about = f"A new run from {origin.words}. Type settings such as lr=3e-4 epochs=20 name=slower."
        value = f"epochs={2 * origin.done}" if origin.own and origin.config.epochs <= origin.done else ""
        if not origin.own:
            about += " What its names need goes into weights=, such as weights=module. or weights='module. section:ema'"
            settings = {name: str(self.services.settings[name]) for name in ("model", "dataset")}
            settings["optimizer"] = origin.optimizers[0] if origin.optimizers else "auto"
            value = " ".join(f"{name}={shlex.quote(text)}" for name, text in settings.items() if text != "auto")
        self.app.push_screen(PromptScreen(f"Go on from {self.path.name}", about, check, value=value.strip()), asked)

    @work(group="resume", exclusive=True)
    async def _branch_file(self, changes: dict[str, str], name: str) -> None:
        host = self.services
        self.notify("starting the run… (importing PyTorch, reading the data)", timeout=3, markup=False)

        def begin() -> Path:
            return client.launch(from_weights.prepare(host.home, self.path, changes, name=name, data_dir=host.data_dir))

        try:
            folder = await asyncio.to_thread(begin)
        except EngineError as error:
            self.notify(str(error), severity="error", timeout=20, markup=False)
            return
        host.watch_run(folder)

    # Writing and checking

    def action_convert(self) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                target, way = file_and_mapping(text)
                self._convert(target.absolute(), way)

        about = f"The weights alone, as safetensors or, by another ending, as torch.save writes a state_dict; {NAMES}."
        value = str(self.path.with_suffix(".safetensors"))
        self.app.push_screen(
            PromptScreen("Write the weights as", about, checked_target, value=value, suggester=PathSuggester()), asked
        )

    @work(group="long", exclusive=True)
    async def _convert(self, target: Path, way: KeyMapping) -> None:
        asked = {"files": [str(self.path)], "target": str(target), "how": str(way)}
        answer = await self.ask_long("file conversion", asked, "writing", "")
        self.asked_long()
        if answer is not None:
            written = f"{fmt.counted(answer.values['tensors'], 'tensor')}, {fmt.size(answer.values['bytes'])}: {target}"
            self.notify(written, timeout=8, markup=False)

    @work(group="long", exclusive=True)
    async def action_check(self) -> None:
        answer = await self.ask_long("file check", {"file": str(self.path)}, "checking every byte", "bytes")
        self.asked_long()
        if answer is None:
            return
        damage = answer.values["damage"]
        if damage:
            self.show_answer(
                f"{self.path.name} is damaged", "\n".join(damage), f"{self.path.name} is damaged: {damage[0]}"
            )
        else:
            self.notify(answer.values["how"], timeout=8, markup=False)

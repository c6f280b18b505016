"""What can be done with a file of weights, from the screen that shows it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from textual.binding import BindingType
from textual.screen import Screen

from engine import sources
from engine.checkpoints.requests import VerifyRequest
from engine.errors import EngineError
from engine.evaluation.requests import EvaluationRequest, EvaluationSettings, TrustRequest
from engine.home import Home, RunFolder
from engine.runs import checkpoint_refs, client, from_weights
from engine.sources import RunCheckpoint, WeightsFile
from engine.training.config import typed_pairs
from engine.typed_path import typed_path
from engine.weights.key_mapping import KeyMapping, file_and_mapping
from engine.weights.misfit import MisfitError
from engine.weights.requests import ConvertRequest, FileListing
from tui import format as fmt
from tui.dialogs.busy import LongRequests
from tui.dialogs.prompt import PromptScreen
from tui.dialogs.source_prompt import prediction_prompt
from tui.evaluation_text import evaluation_text
from tui.keys import bind
from tui.recent_files import remember
from tui.services import Services
from tui.weights import prompts

FILE_ACTION_KEYS: list[BindingType] = [
    bind("file", "compare", "Compare", "with another file", action="difference"),
    bind("file", "evaluate", "Evaluate", "on the test set"),
    bind("file", "branch", "Branch", "a new run that starts from this file"),
    bind("file", "on_model", "On Model", "inspect the network with these weights", action="model"),
    bind("file", "go_to", "On Data", "what it predicts for each image", action="data", show=False),
    bind("file", "write", "Convert", "write only the weights to a new file", action="convert", show=False),
    bind("file", "verify", "Check", "compare every byte with the checksums", action="check", show=False),
]
FILE_ACTIONS = ("difference", "evaluate", "branch", "model", "data", "convert", "check")


class FileActions:
    """Asks the questions over `screen`, which holds it and has the keys, and does what is answered."""

    def __init__(
        self, screen: Screen[Any], services: Services, requests: LongRequests, path: Path, after: Callable[[], None]
    ) -> None:
        """`after` is called after each long request: it held up all others."""
        self._screen, self._services, self._requests, self._path, self._after = screen, services, requests, path, after

    def compare(self) -> None:
        """Ask for another file, and show how it differs."""
        self._work(self._compare())

    def evaluate(self, listing: FileListing) -> None:
        """Ask which network the weights belong to, and show what they reach on the test set."""
        self._work(self._ask_to_evaluate(listing))

    def branch(self) -> None:
        """Ask for the settings of a new run from the file, and start it."""
        self._work(self._branch())

    def show_on_model(self, listing: FileListing) -> None:
        """Show the network with these weights on *Model*; ask which network it is, but for a run's checkpoint."""
        self._work(self._show_on_model(listing))

    def show_on_data(self, listing: FileListing) -> None:
        """Show the predictions on *Data*; ask for the network, but for a checkpoint of a run here."""
        self._work(self._show_on_data(listing))

    def convert(self) -> None:
        """Ask where to write the weights, and write them."""
        self._work(self._ask_to_convert())

    def check(self) -> None:
        """Read every byte, and compare it with the checksums."""
        self._work(self._check(), "long")

    # Comparing

    async def _compare(self) -> None:
        from tui.weights.difference import DifferenceScreen

        if (text := await self._ask(prompts.other_file(self._path))) is not None:
            other = typed_path(text).absolute()
            remember(Home(self._services.home).recent_files, other)
            self._screen.app.push_screen(DifferenceScreen(self._services, self._path, other))

    # Evaluating

    async def _ask_to_evaluate(self, listing: FileListing) -> None:
        module, name = listing.whole_module, self._path.name
        value = listing.model or str(self._services.settings["model"])
        if module and await self._trusted():
            value = name
        if (text := await self._ask(prompts.network(self._path, value, module, ""))) is not None:
            self._work(self._evaluate(text.strip(), module), "long")

    async def _trusted(self) -> bool:
        try:
            return (await asyncio.to_thread(self._services.worker.ask, TrustRequest(self._path))).trusted
        except EngineError:
            return False  # evaluating it says why

    async def _evaluate(self, text: str, module: str) -> None:
        services, name = self._services, self._path.name
        settings = EvaluationSettings(dataset=services.settings["dataset"])
        while True:
            trusted = bool(module) and text == name
            source = WeightsFile(self._path) if trusted else prompts.weights_source(text, self._path)
            request = EvaluationRequest(source, settings, services.data_dir, trusted)
            try:
                found = await self._requests.ask(request, "evaluating", "test images")
            except MisfitError as error:  # no name is changed before the person confirms it
                value = f"{source.model} {error.proposal}"
                answer = await self._ask(prompts.network(self._path, value, module, str(error)))
                if answer is None:
                    return
                text = answer.strip()
                continue
            finally:
                self._after()
            if found is not None:
                accuracy = f"{fmt.percent(found.accuracy)}{fmt.how_words('', found.tta)}"
                summary = f"{name}: test accuracy {accuracy}; press E there for details"
                self._requests.show_answer(f"{name} on the test set", evaluation_text(found), summary)
            return

    # Other screens

    async def _show_on_model(self, listing: FileListing) -> None:
        if from_weights.in_run(self._path) is not None:
            self._services.show_network(str(self._path))
            return
        prompt = prompts.as_network(self._services.home, self._path, self._source_of(listing))
        if (text := await self._ask(prompt)) is not None:
            self._services.show_network(text.strip())

    async def _show_on_data(self, listing: FileListing) -> None:
        run = from_weights.in_run(self._path)
        if run is not None and run[0].home.path == self._services.home.absolute():
            self._services.show_predictions(RunCheckpoint(run[0].id, checkpoint_refs.name_of(run[1])))
            return
        text = await self._ask(prediction_prompt(self._services.home, self._source_of(listing)))
        if text is not None:
            self._services.show_predictions(sources.parse(text))

    def _source_of(self, listing: FileListing) -> str:
        """The file as a source, as it is typed."""
        return f"{listing.model or self._services.settings['model']}={self._path}"

    # A new run from it

    async def _branch(self) -> None:
        services, path = self._services, self._path
        run = await asyncio.to_thread(from_weights.in_run, path)
        if run is not None and run[0].home.path == services.home.absolute():
            folder, entry = run
            services.branch_run(folder, entry)
            return
        try:
            origin = await asyncio.to_thread(from_weights.look, path)
        except EngineError as error:
            self._error(error)
            return
        changes, problem = None, ""
        while True:
            model, dataset = str(services.settings["model"]), str(services.settings["dataset"])
            text = await self._ask(prompts.branch(origin, model, dataset, changes, problem))
            if text is None:
                return
            changes = typed_pairs(text)
            try:
                await self._start(changes)
            except MisfitError as error:  # no name is changed before the person confirms it
                if error.proposal is not None and self._requests.in_view:
                    changes, problem = changes | {"weights": str(error.proposal)}, str(error)
                    continue
                self._error(error)
            except EngineError as error:
                self._error(error)
            return

    async def _start(self, changes: Mapping[str, str]) -> None:
        """Start the new run, and watch it. Raises the EngineError that says why it can't start."""
        services, settings = self._services, dict(changes)
        name = settings.pop("name", "")
        self._screen.notify("the run: starting PyTorch, reading the data …", timeout=3, markup=False)

        def start() -> RunFolder:
            folder = from_weights.prepare(services.home, self._path, settings, name=name, data_dir=services.data_dir)
            return client.launch(folder)

        services.watch_run(await asyncio.to_thread(services.trusting, start))

    # Writing and checking

    async def _ask_to_convert(self) -> None:
        if (text := await self._ask(prompts.convert(self._path))) is not None:
            target, mapping = file_and_mapping(text)
            self._work(self._convert(target.absolute(), mapping), "long")

    async def _convert(self, target: Path, mapping: KeyMapping) -> None:
        found = await self._requests.ask(ConvertRequest((self._path,), target, mapping), "writing")
        self._after()
        if found is not None:
            written = f"wrote {fmt.counted(found.tensors, 'tensor')}, {fmt.size(found.bytes)}, to {target}"
            self._screen.notify("\n".join([written, *found.notes]), timeout=8, markup=False)

    async def _check(self) -> None:
        found = await self._requests.ask(VerifyRequest(self._path), "checking every byte", "bytes")
        self._after()
        if found is None:
            return
        if found.damage:
            title = f"{self._path.name} is damaged"
            self._requests.show_answer(title, "\n".join(found.damage), f"{title}: {found.damage[0]}")
        else:
            self._screen.notify(found.method, timeout=8, markup=False)

    async def _ask(self, prompt: PromptScreen) -> str | None:
        return await self._screen.app.push_screen_wait(prompt)

    def _work(self, what: Coroutine[Any, Any, None], group: str = "file questions") -> None:
        self._screen.run_worker(what, group=group, exclusive=True)

    def _error(self, error: EngineError) -> None:
        self._screen.notify(str(error), severity="error", timeout=20, markup=False)

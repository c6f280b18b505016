"""What *Data* asks the worker process: a model's predictions, and which images are suspicious."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from engine import sources
from engine.data.selection import Selection
from engine.errors import EngineError, InspectionCancelledError
from engine.sources import NetworkRef, Source
from tui.data.browse import Browse
from tui.data.quality import QualityScreen
from tui.dialogs.source_prompt import prediction_prompt
from tui.format import count, percent
from tui.services import Services

if TYPE_CHECKING:
    from engine.evaluation.predictions import Predictions
    from engine.evaluation.quality import ImageList
    from engine.evaluation.requests import Suspects

GROUP = "predictions"  # of Textual's workers: of two requests the later one counts


class PredictionActions:
    """Asks, and shows the answer in what is browsed."""

    def __init__(
        self,
        screen: Screen[Any],
        services: Services,
        browse: Browse,
        *,
        show_page: Callable[[], None],
        show_status: Callable[[], None],
    ) -> None:
        """`show_page`: draws what is browsed; `show_status`: the lines around the images alone."""
        self._screen, self._services, self._browse = screen, services, browse
        self._show_page, self._show_status = show_page, show_status
        self.busy = ""  # what is being computed, in words
        # What waits until the data is open.
        self._predictions: tuple[Predictions, Selection | None] | None = None
        self._suspects: tuple[Suspects, str, ImageList | None] | None = None

    def cancel(self) -> None:
        """Stop what is being computed."""
        self._services.worker.cancel()
        self._report("")

    def take_waiting(self) -> None:
        """Show what was waiting for the data, if the data is open."""
        dataset = self._browse.dataset
        if dataset is None or not self._screen.is_mounted:
            return
        if self._suspects is not None:
            (suspects, checksum, listed), self._suspects = self._suspects, None
            if dataset.checksum != checksum:
                self._error("these images are not of the data set that is shown here")
            else:
                self._browse.split = suspects.split
                self._browse.show_suspects(suspects.kind, {suspects.split: suspects}, listed)
                self._show_page()
        if self._predictions is not None:
            (found, selection), self._predictions = self._predictions, None
            if dataset.checksum != found.checksum:
                self._error(f"{found.title} was trained on other data than is shown here")
                self._show_status()
                return
            self._browse.take_predictions(found)
            if selection is not None:
                self._browse.select(selection)
            self._show_page()

    # Predictions

    async def ask(self) -> None:
        """Ask which model's predictions to show, and show them."""
        watched = self._services.watched
        prompt = prediction_prompt(self._services.home, f"{watched.id if watched else 'last'}@best")
        if (text := await self._screen.app.push_screen_wait(prompt)) is not None:
            self.show(sources.parse(text), self._browse.split)

    def show(self, source: Source, split: str, selection: Selection | None = None) -> None:
        """Show a model's predictions for a split; then what is selected, if anything is."""
        self._browse.split = split
        self._services.worker.cancel()
        self._screen.run_worker(self._ask_predictions(source, split, selection), group=GROUP, exclusive=True)

    async def _ask_predictions(self, source: Source, split: str, selection: Selection | None) -> None:
        from engine.evaluation import predictions

        services = self._services
        network = NetworkRef(source, dataset=services.dataset, data_dir=services.data_dir)
        words = "computing predictions"
        self._report(words if services.worker.ready else f"{words}: starting PyTorch …")

        def progress(done: int, total: int) -> None:
            self._screen.app.call_from_thread(self._report, f"{words}: {count(done)} of {count(total)} images")

        try:
            found_source = await asyncio.to_thread(predictions.find_source, services.home, network)
            found = await asyncio.to_thread(predictions.ask, services.worker, found_source, split, progress)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self._report("")
            self._error(str(error))
            return
        except Exception:
            self._report("")
            raise
        self.busy = ""
        self._predictions = found, selection
        self.take_waiting()

    def toggle_wrong(self) -> None:
        """Show only the wrong predictions, the most confident ones first; or all again."""
        selection = self._browse.selection
        if selection.wrong:
            self._browse.select(replace(selection, wrong=False, sort="index", descending=False))
        else:
            self._browse.select(replace(selection, wrong=True, sort="margin", descending=False, sample=None))
        self._show_page()

    # Suspicious images

    def show_suspects(self, found: "Suspects", checksum: str, listed: "ImageList | None" = None) -> None:
        """Show a list of samples of the data set with this checksum. `listed`: how, where it is no search of *Data*."""
        self._suspects = found, checksum, listed
        self.take_waiting()

    async def ask_quality(self) -> None:
        """Ask which kind of suspicious images to find, and find them."""
        found = self._browse.suspects
        known = {kind: {name: len(part) for name, part in by_split.items()} for kind, by_split in found.items()}
        if (kind := await self._screen.app.push_screen_wait(QualityScreen(known))) is not None:
            self._services.worker.cancel()
            self._screen.run_worker(self._find_suspects(kind), group=GROUP, exclusive=True)

    async def _find_suspects(self, kind: str) -> None:
        from engine.evaluation import quality
        from engine.evaluation.requests import LabelErrorSettings

        dataset, services = self._browse.dataset, self._services
        if dataset is None:
            return
        words = f"finding {quality.KINDS[kind].title}"
        self._report(words if services.worker.ready else f"{words}: starting PyTorch …")

        def progress(done: int, total: int) -> None:
            self._screen.app.call_from_thread(self._report, f"{words}: {percent(done / max(1, total))}")

        settings = LabelErrorSettings(transform=str(services.settings["transform"]))
        try:
            found = await asyncio.to_thread(
                quality.ask, services.worker, kind, dataset, services.data_dir, settings, progress
            )
        except InspectionCancelledError:
            return
        except EngineError as error:
            self._report("")
            self._error(str(error))
            return
        except Exception:
            self._report("")
            raise
        self.busy = ""
        if dataset is self._browse.dataset and self._screen.is_mounted:
            self._browse.show_suspects(kind, found)
            self._show_page()

    def go_to_partner(self) -> None:
        """Go to the near-duplicate of the chosen image, in the other split too."""
        if (suspicion := self._browse.suspicion(self._browse.index)) is not None:
            _, other, elsewhere = suspicion
            if elsewhere:
                self._browse.split = self._browse.other_split
            self._browse.find(other)
            self._show_page()

    def _report(self, words: str) -> None:
        self.busy = words
        self._show_status()

    def _error(self, words: str) -> None:
        self._screen.notify(words, severity="error", timeout=15, markup=False)

"""Images on which a judgement can be asked for: a model's, or a measure's."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.data.selection import Selection
from engine.errors import EngineError, InspectionCancelledError
from tui.data import prompts
from tui.data.browse import Browse
from tui.format import count, percent
from tui.widgets.image import PictureStyle

if TYPE_CHECKING:
    from engine.data.open_dataset import Dataset
    from engine.evaluation.predictions import Predictions, PredictionSource
    from engine.evaluation.quality import Suspects
    from engine.worker.client import WorkerClient

PREDICTION_KEYS: list[BindingType] = [
    Binding("w", "ask", "A model's eyes", id="data.ask", tooltip="what a checkpoint takes each image for"),
    Binding("W", "wrong", "Wrong ones", show=False, id="data.wrong", tooltip="the most confident mistakes first"),
    Binding("Q", "quality", "Quality", show=False, id="data.quality", tooltip="near-duplicates, label errors, …"),
    Binding("P", "partner", "Its duplicate", show=False, id="data.partner", tooltip="what it is nearly equal to"),
]
PREDICTION_ACTIONS = ("ask", "wrong", "quality", "partner")  # the actions of this part


class Host(Protocol):
    """What the Data screen needs of the app."""

    home: Path
    data_dir: Path | None
    dataset: str
    picture_style: PictureStyle
    watched: Path | None
    worker: "WorkerClient"
    settings: dict[str, Any]

    def show_data_title(self, title: str, demo: bool) -> None: ...

    def open_forward(self, split: str, index: int) -> None: ...


class PredictionsScreen(Screen[None]):
    """Asks the worker what a checkpoint takes the images for, or which of them are suspicious, and browses that."""

    def __init__(self) -> None:
        super().__init__()
        self.browse = Browse()
        self.busy = ""  # what is being computed, in words
        # What waits for the data.
        self._seen: tuple[Predictions, Selection | None] | None = None
        self._found: tuple[Suspects, str] | None = None

    def show_page(self) -> None:
        """Draw what is browsed."""
        raise NotImplementedError

    def say(self) -> None:
        """Bring the lines around the images up to date."""
        raise NotImplementedError

    @property
    def host(self) -> Host:
        """The app."""
        return cast(Host, self.app)

    @property
    def _dataset(self) -> "Dataset | None":
        return self.browse.dataset

    def select(self, selection: Selection) -> None:
        """Show this."""
        self.browse.select(selection)
        self.show_page()

    def may_judge(self, action: str) -> bool | None:
        """`check_action` of JUDGING."""
        if action == "partner":
            return True if self.browse.selection.suspects == "duplicates" else None
        if action == "wrong":
            return True if self.browse.split in self.browse.predictions else None
        return True if self._dataset is not None else None

    def stop_asking(self) -> None:
        """What is computed is not wanted any more."""
        self.host.worker.cancel()
        self._tell_busy("")

    # A model's eyes

    def action_ask(self) -> None:
        """Which run's checkpoint; then ask it."""

        def asked(text: str | None) -> None:
            if text is not None:
                self.look(text, self.browse.split)

        self.app.push_screen(prompts.checkpoint(self.host.home, self.host.watched), asked)

    def look(self, source: str, split: str, selection: Selection | None = None) -> None:
        """See a split with the eyes of a run's checkpoint, `RUN@AT`, or of anybody's weights, `MODEL=FILE`; then show
        what is selected, if anything is."""
        self.browse.split = split
        self.host.worker.cancel()  # of two questions the later one counts
        self._look(source, split, selection)

    @work(group="look", exclusive=True)
    async def _look(self, source: str, split: str, selection: Selection | None) -> None:
        from engine.evaluation import predictions

        worker = self.host.worker
        self.busy = "asking the model" if worker.started else "asking the model: importing PyTorch …"
        self.say()

        def tell(done: int, total: int) -> None:
            self.app.call_from_thread(self._tell_busy, f"asking the model: {count(done)} of {count(total)} images")

        try:
            eyes = await asyncio.to_thread(self._eyes, source)
            found = await asyncio.to_thread(predictions.ask, worker, eyes, split, tell)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self._tell_busy("")
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return
        self.busy = ""
        self._seen = found, selection
        self.take_seen()

    def _eyes(self, source: str) -> "PredictionSource":
        from engine.evaluation import predictions

        host = self.host
        if not prompts.is_file(source):
            return predictions.of_run(*prompts.named(host.home, source))
        data_dir = str(host.data_dir) if host.data_dir else None
        return predictions.of_file(source, {"dataset": host.dataset, "data_dir": data_dir, "transform": ""})

    def take_suspects(self, found: "Suspects", checksum: str) -> None:
        """Show a list of samples of the data with this checksum."""
        self._found = found, checksum
        self.take_seen()

    def take_seen(self) -> None:
        """What the model said, or what was listed, once the data is there too."""
        if self._dataset is None or not self.is_mounted:
            return
        if self._found is not None:
            (suspects, checksum), self._found = self._found, None
            if self._dataset.checksum != checksum:
                what = "these images are of other data than is shown here"
                self.notify(what, severity="error", timeout=15, markup=False)
            else:
                self.browse.split = suspects.split
                self.browse.suspect(suspects.kind, {suspects.split: suspects})
                self.show_page()
        if self._seen is None:
            return
        (found, selection), self._seen = self._seen, None
        if self._dataset.checksum != found.checksum:
            what = f"{found.run} was trained on other data than is shown here"
            self.notify(what, severity="error", timeout=15, markup=False)
            self.say()
            return
        self.browse.see(found)
        if selection is not None:
            self.browse.select(selection)
        self.show_page()

    def _tell_busy(self, words: str) -> None:
        self.busy = words
        self.say()

    def action_wrong(self) -> None:
        """Only the mistakes, the most confident ones first; or all again."""
        selection = self.browse.selection
        if selection.wrong:
            self.select(replace(selection, wrong=False, sort="index", descending=False))
        else:
            self.select(replace(selection, wrong=True, sort="margin", descending=False, sample=None))

    # Data quality

    def action_quality(self) -> None:
        from tui.data.quality import QualityScreen

        if self._dataset is not None:
            known = {kind: {name: len(part) for name, part in by.items()} for kind, by in self.browse.suspects.items()}
            self.app.push_screen(QualityScreen(known), self._chosen_kind)

    def _chosen_kind(self, kind: str | None) -> None:
        if kind is not None:
            self.host.worker.cancel()
            self._suspect(kind)

    @work(group="look", exclusive=True)
    async def _suspect(self, kind: str) -> None:
        from engine.evaluation import quality

        dataset, worker = self._dataset, self.host.worker
        if dataset is None:
            return
        title = quality.KINDS[kind].title
        words = f"looking for {title}"
        self._tell_busy(words if worker.started else f"{words}: importing PyTorch …")

        def tell(done: int, total: int) -> None:
            share = percent(done / max(1, total))
            self.app.call_from_thread(self._tell_busy, f"{words}: {share}")

        data_dir = self.host.data_dir
        settings = quality.Settings(transform=self.host.settings["transform"])
        try:
            found = await asyncio.to_thread(quality.ask, worker, kind, dataset, data_dir, settings, tell)
        except InspectionCancelledError:
            return
        except EngineError as error:
            self._tell_busy("")
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return
        self.busy = ""
        if dataset is self._dataset and self.is_mounted:
            self.browse.suspect(kind, found)
            self.show_page()

    def action_partner(self) -> None:
        """To the near-duplicate of the chosen image, in the other split too."""
        if (suspicion := self.browse.suspicion(self.browse.index)) is not None:
            _, other, elsewhere = suspicion
            if elsewhere:
                self.browse.split = "test" if self.browse.split == "train" else "train"
            self.browse.find(other)
            self.show_page()

    def suspected(self, score: float, other: int, elsewhere: bool) -> str:
        """Why the chosen image is in the list, in words: of `Browse.suspicion`."""
        match self.browse.selection.suspects:
            case "label":
                return f"perhaps {self.browse.classes[other]}: its label has probability {score:.2g}"
            case "duplicates":
                split = self.browse.split if not elsewhere else "test" if self.browse.split == "train" else "train"
                return f"nearly {split} image {other}, correlation {score:.4f} (P)"
            case "fixed":
                return f"the first file takes it for {self.browse.classes[other]}"
            case "broken":
                return f"the second file takes it for {self.browse.classes[other]}"
        return f"score {score:.3f}"

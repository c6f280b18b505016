"""The app's ways from one of its rooms to another: what `Services` has of them."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from engine.data.selection import Selection
from engine.home import RunFolder
from engine.sources import RunCheckpoint, Source
from tui.code_trust import CodeTrust
from tui.network_source import NetworkSource
from tui.picture_app import PictureApp
from tui.textual_private import screens_of_mode

if TYPE_CHECKING:
    from engine.evaluation.quality import ImageList
    from engine.evaluation.requests import Suspects
    from engine.inspection.tensor_refs import TensorRef
    from tui.data.data import DataScreen
    from tui.services import Asks, Services


R = TypeVar("R")


class RoomsApp(PictureApp):
    """Each room's code is read when somebody first goes there."""

    @property
    def services(self) -> "Services":
        """The app, as screens see it."""
        raise NotImplementedError

    @cached_property
    def code_trust(self) -> CodeTrust:
        """Asks whether a Python file may run."""
        return CodeTrust(self, self.services.typing_stopped)

    def trusting(self, call: Callable[[], R]) -> R:
        """Call it, in a thread; where it comes to a Python file that the person does not trust yet, ask, and call it
        again."""
        return self.code_trust.calling(call)

    # Data

    def show_confused(self, folder: RunFolder, epoch: int, true: int, predicted: int, *, held_out: str = "") -> None:
        """On *Data*, the images of one class that a run's checkpoint predicts as another: of the test set, or of the
        training images that are `held_out`."""
        selection = Selection(classes=frozenset({true}), predicted_as=predicted, sort="margin", held_out=held_out)
        self.show_predictions(RunCheckpoint(folder.id, str(epoch)), selection, split="train" if held_out else "test")

    def show_predictions(self, source: Source, selection: Selection | None = None, *, split: str = "test") -> None:
        """On *Data*, a model's predictions for the images of a split."""
        self._on_data(lambda screen: screen.predictions.show(source, split, selection))

    def show_suspects(self, found: "Suspects", checksum: str, listed: "ImageList | None" = None) -> None:
        """On *Data*, a list of test images; `checksum`: of the data that they are of; `listed`: how it is shown."""
        self._on_data(lambda screen: screen.predictions.show_suspects(found, checksum, listed))

    def _on_data(self, show: "Callable[[DataScreen], None]") -> None:
        from tui.data.data import DataScreen

        async def go() -> None:
            await self.switch_mode("data")
            while not isinstance(self.screen, DataScreen) and len(self.screen_stack) > 1:  # an image that is enlarged
                await self.pop_screen()
            assert isinstance(self.screen, DataScreen)
            show(self.screen)

        self.run_worker(go(), name="on data", group="attach", exclusive=True)

    # Model

    @cached_property
    def network(self) -> NetworkSource:
        """The network that *Model*, and what goes on from there, looks into."""
        return NetworkSource(self.services)

    def show_network(self, source: str) -> None:
        """Another network on *Model*, and on what goes on from there."""
        self.network.choose(source)
        self.run_worker(self._to_model(), name="to model", group="attach", exclusive=True)

    async def _to_model(self) -> None:
        await self.switch_mode("model")

    def open_tensor(self, tensor: "TensorRef", *, asks: "Asks | None" = None, pictures: bool = False) -> None:
        """Over the screen that is shown, one tensor."""
        from tui.model.tensor import TensorScreen

        self.push_screen(TensorScreen(self.services, tensor, asks=asks, pictures=pictures))

    def open_forward(self, split: str, index: int) -> None:
        """Over the screen that is shown, one image's forward pass."""
        from tui.model.forward import ForwardScreen

        self.push_screen(ForwardScreen(self.services, split, index))

    def open_autograd(self, split: str, index: int) -> None:
        """Over the screen that is shown, the training step by step."""
        from tui.model.autograd import AutogradScreen

        self.push_screen(AutogradScreen(self.services, split, index))

    # Lab

    def open_document(self, path: Path, *, chapter: str = "", lang: str = "") -> None:
        """On *Lab*, a document."""
        from tui.lab.going import show

        going = show(self, self.services, path, chapter=chapter, lang=lang)
        self.run_worker(self._one_at_a_time(going), name="document", group="attach")

    def put_into_lab(self, source: str) -> None:
        """On *Lab*, a cell with that source."""
        from tui.lab.going import insert

        self.run_worker(self._one_at_a_time(insert(self, self.services, source)), name="cell", group="attach")

    @cached_property
    def _going(self) -> asyncio.Lock:
        return asyncio.Lock()

    async def _one_at_a_time(self, going: Coroutine[Any, Any, object]) -> None:
        """Two that go to the lab at once would open a document each."""
        async with self._going:
            await going

    @property
    def lab_farewell(self) -> str:
        """What is left running of the document that is open on *Lab*; "" for nothing."""
        if not screens_of_mode(self, "lab"):
            return ""
        from tui.lab.document import DocumentScreen

        opened = (screen for screen in screens_of_mode(self, "lab") if isinstance(screen, DocumentScreen))
        return next((screen.farewell for screen in opened), "")

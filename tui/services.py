"""What a screen may ask of the app: given to each screen when it is made, so that no screen knows the app or another
part's screens."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.checkpoints.manifest import Entry
    from engine.data.selection import Selection
    from engine.evaluation.quality import ImageList
    from engine.evaluation.requests import Suspects
    from engine.home import RunFolder
    from engine.inspection.tensor_refs import TensorRef
    from engine.progress import Progress
    from engine.runs.listing import Listing
    from engine.runs.trash import Trash
    from engine.sources import Source
    from engine.worker.client import WorkerClient
    from engine.worker.request import Request
    from tui.config.preferences import Preferences
    from tui.graphics.pictures import Pictures
    from tui.network_source import NetworkSource


R = TypeVar("R")


class Asks(Protocol):
    """What answers requests about tensors: the worker process, or a lab's kernel. May be called from any thread."""

    @property
    def ready(self) -> bool:
        """Whether it has imported torch."""
        ...

    def ask(self, request: "Request[Any]", progress: "Progress" = ...) -> Any:
        """The answer; waits for the requests before it. Raises EngineError."""
        ...

    def cancel(self) -> None:
        """Cancel every request that was made so far."""
        ...


class Services(Protocol):
    """The app, as screens see it."""

    home: Path
    data_dir: Path | None  # where the published data set is looked for
    dataset: str  # that is browsed, as in TrainConfig.dataset
    watched: "RunFolder | None"  # the folder of the run that *Train* shows
    worker: "WorkerClient"
    pictures: "Pictures"  # draws images for the widgets
    farewell: str  # for the shell, once the app is gone
    lab_language: str  # of the course; "": that of the locale
    lab_idle: float  # seconds that the kernel of a lab may have nothing to do
    preferences: "Preferences"  # what the program remembers: `get` and `keep` what tui.config.declared declares

    @property
    def runs(self) -> "Listing":
        """All runs; from any thread."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """Of the next run, by their names in TrainConfig, and its name."""
        ...

    @property
    def branch_freeze(self) -> dict["RunFolder", str]:
        """What the next branch of a run keeps frozen, by the run's folder, where it was set on *Model*."""
        ...

    @property
    def network(self) -> "NetworkSource":
        """The network that *Model*, and what goes on from there, shows."""
        ...

    @property
    def image(self) -> tuple[str, int]:
        """The split and the index of the image that is chosen on *Data*."""
        ...

    def change_picture_style(self) -> None:
        """Draw images in the next way that the terminal has, on all screens."""
        ...

    async def typing_stopped(self) -> None:
        """Wait until the person types nothing: what opens by itself then takes no key that was meant for a screen."""
        ...

    def trusting(self, call: "Callable[[], R]") -> "R":
        """Call it, in a thread; where it comes to a Python file that the person does not trust yet, ask them, and call
        it again where they do. Raises what `call` raises."""
        ...

    @property
    def trash(self) -> "Trash":
        """The runs that were deleted here, until the app ends."""
        ...

    def redraw(self) -> None:
        """Send the whole screen: another program has written on the terminal."""
        ...

    def forget_run(self, folder: "RunFolder") -> None:
        """A run is gone: where it is watched, it is no more."""
        ...

    # Going to another screen

    def watch_run(self, folder: "RunFolder") -> None:
        """Show a run on *Train*."""
        ...

    def show_watched_run(self) -> None:
        """From the form on *Train* to the run that is watched, as it was left."""
        ...

    def show_form(self) -> None:
        """From the watched run to the form for a new one."""
        ...

    def new_run(self) -> None:
        """The form for a new run, on *Train*, whatever run is watched there."""
        ...

    def leave_run(self) -> None:
        """Watch no run any more, and show the form."""
        ...

    def branch_run(self, folder: "RunFolder", entry: "Entry | None" = None) -> None:
        """Over this screen, ask for a branch of a run from its checkpoint `entry` (the newest), and start it."""
        ...

    def show_data_title(self, title: str, demo: bool) -> None:
        """Name the browsed data in the top line of every screen."""
        ...

    def show_confused(self, folder: "RunFolder", epoch: int, true: int, predicted: int, *, held_out: str = "") -> None:
        """On *Data*, the images of class `true` that a run's checkpoint predicts as class `predicted`: of the test set,
        or of the training images that are `held_out` as the run's setting `val` says."""
        ...

    def show_predictions(self, source: "Source", selection: "Selection | None" = None, *, split: str = "test") -> None:
        """On *Data*, a model's predictions for the images of a split: a run's checkpoint, or a file of weights."""
        ...

    def show_suspects(self, found: "Suspects", checksum: str, listed: "ImageList | None" = None) -> None:
        """On *Data*, a list of test images; `checksum`: of the data that they are of; `listed`: how it is shown, where
        no search of *Data* finds it."""
        ...

    def show_network(self, source: str) -> None:
        """On *Model*, another network."""
        ...

    def open_tensor(self, tensor: "TensorRef", *, asks: "Asks | None" = None, pictures: bool = False) -> None:
        """Over this screen, a tensor: its values, a map, statistics. `asks`: who knows it; None: the worker process.
        `pictures`: first as pictures."""
        ...

    def open_forward(self, split: str, index: int) -> None:
        """Over this screen, one image's forward pass through the network."""
        ...

    def open_document(self, path: Path, *, chapter: str = "", lang: str = "") -> None:
        """On *Lab*, a document, which is made where it is not there. `chapter`: of the course."""
        ...

    def put_into_lab(self, source: str) -> None:
        """On *Lab*, a cell with that source, in the document that is open, else in a scratch page."""
        ...

    def open_autograd(self, split: str, index: int) -> None:
        """Over this screen, the training step by step, from a batch that begins with an image."""
        ...

"""A batch as training gets it: its images, shapes and order, and how long it takes in each way."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import ConfigError, EngineError, InspectionCancelledError
from engine.inspection.untyped import ask_untyped
from tui.dialogs.prompt import PromptScreen
from tui.format import count
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from pathlib import Path

    from engine.worker.client import WorkerClient
    from engine.worker.request import Answer
    from tui.data.browse import Browse
    from tui.widgets.image import PictureStyle

WAYS = (None, 0, 1, 2)  # workers; None: as training does
MOST = 4096  # images of a batch that is shown


class Host(Protocol):
    """What this screen needs of the app."""

    data_dir: "Path | None"
    picture_style: "PictureStyle"
    settings: dict[str, Any]
    worker: "WorkerClient"

    def open_tensor(self, values: dict[str, Any], name: str) -> None: ...

    def open_forward(self, split: str, index: int) -> None: ...


class BatchesScreen(Screen[None]):
    """Turns the pages of an epoch. The settings are those of the next run's form. Asks the worker process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,B", "dismiss", "Back", key_display="esc", id="batches.back"),
        Binding("n", "batch(1)", "Next batch", id="batches.next"),
        Binding("p", "batch(-1)", "Previous", id="batches.previous", tooltip="the batch before"),
        Binding("s", "shuffle", "Shuffle", id="batches.shuffle", tooltip="the order drawn by seed, or the files'"),
        Binding("E", "epoch", "Next epoch", id="batches.epoch", tooltip="shuffled, each has another order"),
        Binding("b", "size", "Batch size", id="batches.size", tooltip="for the next run too"),
        Binding("w", "workers", "Workers", id="batches.workers", tooltip="as in training, or DataLoader with 0, 1, 2"),
        Binding("T", "time", "Time", id="batches.time", tooltip="each way, side by side"),
        Binding("t", "split", "Train/test", show=False, id="batches.split"),
        Binding("enter", "values('batch.X')", "Values", show=False, id="batches.x", tooltip="of X, as a tensor"),
        Binding("y", "values('batch.y')", "Labels", show=False, id="batches.y", tooltip="y, as a tensor"),
        Binding("N", "through", "Through the network", show=False, id="batches.through", tooltip="this image"),
        Binding("right,l", "move(1)", "Next image", show=False, id="batches.right"),
        Binding("left,h", "move(-1)", "Previous image", show=False, id="batches.left"),
        Binding("down,j", "row(1)", "Image below", show=False, id="batches.down"),
        Binding("up,k", "row(-1)", "Image above", show=False, id="batches.up"),
        Binding("pagedown,space", "page(1)", "More of it", show=False, id="batches.more"),
        Binding("pageup", "page(-1)", "Back in it", show=False, id="batches.less"),
    ]

    def __init__(self, browse: "Browse") -> None:
        super().__init__()
        self._browse = browse
        self._split = browse.split
        self._number, self._epoch, self._way = 0, 0, 0
        self._answer: Answer | None = None
        self._cursor = 0
        self._times: list[tuple[str, float, int]] = []
        self._timed: dict[str, Any] = {}  # what was timed

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="about", markup=False)
        yield ImagePage(self._host.picture_style, id="batch")
        yield Static(id="chosen", markup=False)
        yield Static(id="times", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(None)

    def on_image_page_resized(self) -> None:
        if self._answer is None:
            self._ask()
        else:
            self._show()

    @property
    def _host(self) -> Host:
        return cast(Host, self.app)

    @property
    def _page(self) -> ImagePage:
        return self.query_one(ImagePage)

    # Keys

    def action_batch(self, by: int) -> None:
        last = self._answer.values["batches"] - 1 if self._answer else 0
        number = max(0, min(last, self._number + by))
        if number != self._number:
            self._number = number
            self._ask()

    def action_shuffle(self) -> None:
        self._host.settings["shuffle"] = not self._host.settings["shuffle"]
        self._ask()

    def action_epoch(self) -> None:
        self._epoch += 1
        self._number = 0
        self._ask()

    def action_values(self, name: str) -> None:
        if self._answer is not None:
            self._host.open_tensor(self._values(), name)

    def action_through(self) -> None:
        if self._answer is not None:
            index = int(self._answer.arrays["indices"][self._cursor])
            self._host.open_forward(self._split, index)

    def action_workers(self) -> None:
        self._way = (self._way + 1) % len(WAYS)
        self._ask()

    def action_split(self) -> None:
        self._split = "test" if self._split == "train" else "train"
        self._number = 0
        self._ask()

    def action_size(self) -> None:
        def check(text: str) -> str:
            if not text.strip().isdecimal() or not 1 <= int(text) <= MOST:
                raise ConfigError("batch_size", f"type a number of images from 1 to {count(MOST)}")
            return f"{int(text)} images a batch, {count(-(-self._browse.samples // int(text)))} batches an epoch"

        def asked(text: str | None) -> None:
            if text is not None:
                self._host.settings["batch_size"] = int(text)
                self._number = 0
                self._ask()

        about = "How many images are in a batch. The next run trains with it."
        value = str(self._host.settings["batch_size"])
        self.app.push_screen(PromptScreen("Batch size", about, check, value=value), asked)

    def action_move(self, by: int) -> None:
        self._go(self._cursor + by)

    def action_row(self, by: int) -> None:
        self._go(self._cursor + by * self._page.grid[0])

    def action_page(self, by: int) -> None:
        self._go(self._cursor + by * self._page.capacity)

    # Asking

    def _values(self) -> dict[str, Any]:
        host, data = self._host, self._browse.dataset
        assert data is not None
        settings = host.settings
        return {
            "dataset": data.name, "data_dir": str(host.data_dir) if host.data_dir else None, "split": self._split,
            "transform": settings["transform"], "batch_size": min(MOST, settings["batch_size"]),
            "shuffle": settings["shuffle"] and self._split == "train", "seed": settings["seed"], "epoch": self._epoch,
            "number": self._number, "device": settings["device"], "workers": WAYS[self._way],
        }  # fmt: skip

    @work(group="batches", exclusive=True)
    async def _ask(self) -> None:
        if (answer := await self._answered("batch", "drawing the batch")) is not None:
            self._answer, self._cursor = answer, 0
            self._number = answer.values["number"]
            self._show()

    @work(group="batches", exclusive=True)
    async def action_time(self) -> None:
        values = self._values()
        if (answer := await self._answered("timings", "timing")) is not None:
            self._times, self._timed = answer.values["ways"], values
            self._show()

    async def _answered(self, what: str, words: str) -> "Answer | None":
        """The worker process's answer; None where it has none, which then is told."""
        if self._browse.dataset is None:
            return None
        worker = self._host.worker
        if not worker.started:
            self._say("#about", Content("importing PyTorch and torchvision …\n"))

        def tell(done: int, total: int) -> None:
            if what == "timings":
                self.app.call_from_thread(self._say, "#times", Content(f"{words}: {done} of {total} ways"))

        try:
            return await asyncio.to_thread(ask_untyped, worker, what, self._values(), tell)
        except InspectionCancelledError:
            return None
        except EngineError as error:
            self._say("#about", Content.styled(str(error), "$text-error"))
            return None

    # Showing

    def _go(self, cursor: int) -> None:
        if self._answer is None:
            return
        cursor = max(0, min(len(self._answer.arrays["labels"]) - 1, cursor))
        if cursor == self._cursor:
            return
        capacity = self._page.capacity
        same_page = cursor // capacity == self._cursor // capacity
        self._cursor = cursor
        if same_page:
            self._page.move(cursor % capacity)
            self._say("#chosen", self._chosen())
        else:
            self._show()

    def _show(self) -> None:
        if self._answer is None or not self.query(ImagePage):
            return
        told, arrays = self._answer.values, self._answer.arrays
        names, capacity = self._browse.classes, self._page.capacity
        first = self._cursor // capacity * capacity
        tiles = [
            Tile(arrays["images"][at], f"{arrays['indices'][at]} {names[int(arrays['labels'][at])]}")
            for at in range(first, min(first + capacity, len(arrays["labels"])))
        ]
        self._page.show(tiles, self._cursor - first)
        shape, labels = (str(told[name]) for name in ("shape", "label_shape"))
        settings = self._host.settings
        shuffled = settings["shuffle"] and self._split == "train"
        order = f"shuffled, seed {settings['seed']}, epoch {self._epoch + 1}" if shuffled else "in the files' order"
        self._say(
            "#about",
            Content.assemble(
                (f"Feature batch shape: torch.Size({shape})", "bold"),
                f" {told['dtype']}, {told['low']:.4g} to {told['high']:.4g}, on {told['device']}\n",
                (f"Labels batch shape: torch.Size({labels})", "bold"),
                f" {told['label_dtype']}\n",
                f"{self._split} batch {count(told['number'] + 1)} of {count(told['batches'])}, {order}; "
                f"{self._way_words(told['way'])}: {1000 * told['seconds']:.1f} ms",
            ),
        )
        self._say("#chosen", self._chosen())
        self._say("#times", self._time_words())

    def _chosen(self) -> Content:
        assert self._answer is not None
        arrays = self._answer.arrays
        index, label = int(arrays["indices"][self._cursor]), int(arrays["labels"][self._cursor])
        size = len(arrays["labels"])
        place = f"[{self._cursor}] of {size}"
        name = self._browse.classes[label]
        return Content.assemble((f"X{place}", "bold"), f": image {index} of {self._split}, y {label} {name}")

    def _way_words(self, kind: str) -> str:
        workers = WAYS[self._way]
        if workers is not None:
            return f"DataLoader, num_workers={workers}, first batch"
        return "resident on the device" if kind == "resident" else "DataLoader"

    def _time_words(self) -> Content:
        if not self._times:
            return Content("")
        best = min(seconds for _, seconds, _ in self._times)
        size = self._timed["batch_size"]
        lines = [(f"a batch of {size}, once it runs, one way after another on this machine\n", "dim")]
        for name, seconds, timed in self._times:
            ratio = "" if seconds == best else f", {seconds / best:.1f} times as long"
            each = f"{1e6 * seconds / size:.1f} µs an image"
            lines.append((f"{name:<26}{1000 * seconds:8.3f} ms, {each}{ratio} (mean of {timed})\n", ""))
        return Content.assemble(*lines).rstrip()

    def _say(self, selector: str, content: Content) -> None:
        for line in self.query(selector).results(Static):  # none where the screen was closed meanwhile
            if str(line.content) != str(content):
                line.update(content)

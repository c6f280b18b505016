"""A batch as training gets it: its images, shapes and order, and how long each loader takes."""

import asyncio
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.batch_requests import BatchAnswer, BatchRequest, LoaderTimings, LoaderTimingsRequest
from engine.inspection.tensor_refs import BatchTensor
from engine.progress import Progress, silent
from engine.worker.request import Request
from tui.data import prompts
from tui.format import count
from tui.services import Services
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from tui.data.browse import Browse

A = TypeVar("A")
NUM_WORKERS = (None, 0, 1, 2)  # of the loader that is shown; None: as training makes its batches
MOST = 4096  # images of a batch that is shown


class BatchesScreen(Screen[None]):
    """Turns the pages of an epoch. The settings are those of the next run's form. Asks the worker process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,B", "dismiss", "Back", key_display="esc", id="batches.back"),
        Binding("n", "batch(1)", "Next batch", id="batches.next"),
        Binding("p", "batch(-1)", "Previous", id="batches.previous", tooltip="the batch before"),
        Binding(
            "s", "shuffle", "Shuffle", id="batches.shuffle", tooltip="a random order by seed, or the order of the files"
        ),
        Binding("E", "epoch", "Next epoch", id="batches.epoch", tooltip="where shuffled, each has another order"),
        Binding("b", "size", "Batch size", id="batches.size", tooltip="for the next run too"),
        Binding(
            "w", "workers", "Workers", id="batches.workers", tooltip="as in training, or a DataLoader with 0, 1, 2"
        ),
        Binding("T", "time", "Time", id="batches.time", tooltip="each loader"),
        Binding("t", "split", "Train/test", show=False, id="batches.split"),
        Binding("enter", "tensor('X')", "Values", show=False, id="batches.x", tooltip="of X, as a tensor"),
        Binding("y", "tensor('y')", "Labels", show=False, id="batches.y", tooltip="y, as a tensor"),
        Binding("N", "forward", "Forward pass", show=False, id="batches.forward", tooltip="of this image"),
        Binding("right,l", "move(1)", "Next image", show=False, id="batches.right"),
        Binding("left,h", "move(-1)", "Previous image", show=False, id="batches.left"),
        Binding("down,j", "row(1)", "Image below", show=False, id="batches.down"),
        Binding("up,k", "row(-1)", "Image above", show=False, id="batches.up"),
        Binding("pagedown,space", "page(1)", "Next images", show=False, id="batches.more"),
        Binding("pageup", "page(-1)", "Previous images", show=False, id="batches.less"),
    ]

    def __init__(self, services: Services, browse: "Browse") -> None:
        super().__init__()
        self._services, self._browse = services, browse
        self._split = browse.split
        self._number, self._epoch, self._loader = 0, 0, 0
        self._answer: BatchAnswer | None = None
        self._cursor = 0
        self._timings: LoaderTimings | None = None
        self._timed_size = 0  # the batch size that was timed

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="about", markup=False)
        yield ImagePage(self._services.picture_style, id="batch")
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
    def _page(self) -> ImagePage:
        return self.query_one(ImagePage)

    # Keys

    def action_batch(self, by: int) -> None:
        last = self._answer.batches - 1 if self._answer else 0
        number = max(0, min(last, self._number + by))
        if number != self._number:
            self._number = number
            self._ask()

    def action_shuffle(self) -> None:
        self._services.settings["shuffle"] = not self._services.settings["shuffle"]
        self._ask()

    def action_epoch(self) -> None:
        self._epoch += 1
        self._number = 0
        self._ask()

    def action_tensor(self, name: str) -> None:
        if self._answer is not None and (request := self._request()) is not None:
            self._services.open_tensor(BatchTensor(request, name))

    def action_forward(self) -> None:
        if self._answer is not None:
            self._services.open_forward(self._split, int(self._answer.indices[self._cursor]))

    def action_workers(self) -> None:
        self._loader = (self._loader + 1) % len(NUM_WORKERS)
        self._ask()

    def action_split(self) -> None:
        self._split = "test" if self._split == "train" else "train"
        self._number = 0
        self._ask()

    @work(group="prompt")
    async def action_size(self) -> None:
        settings = self._services.settings
        prompt = prompts.batch_size(self._browse, settings["batch_size"], MOST)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            settings["batch_size"] = int(text)
            self._number = 0
            self._ask()

    def action_move(self, by: int) -> None:
        self._go(self._cursor + by)

    def action_row(self, by: int) -> None:
        self._go(self._cursor + by * self._page.grid[0])

    def action_page(self, by: int) -> None:
        self._go(self._cursor + by * self._page.capacity)

    # Asking

    def _request(self) -> BatchRequest | None:
        """What the settings ask for; None while the data is not open."""
        services, data = self._services, self._browse.dataset
        if data is None:
            return None
        settings = services.settings
        return BatchRequest(
            dataset=data.name, data_dir=services.data_dir, split=self._split, transform=settings["transform"],
            batch_size=min(MOST, settings["batch_size"]), shuffle=self._shuffled, seed=settings["seed"],
            device=settings["device"], epoch=self._epoch, number=self._number, num_workers=NUM_WORKERS[self._loader],
        )  # fmt: skip

    @property
    def _shuffled(self) -> bool:
        return bool(self._services.settings["shuffle"]) and self._split == "train"

    @work(group="batches", exclusive=True)
    async def _ask(self) -> None:
        if (request := self._request()) is not None and (answer := await self._answered(request)) is not None:
            self._answer, self._cursor = answer, 0
            self._number = answer.number
            self._show()

    @work(group="batches", exclusive=True)
    async def action_time(self) -> None:
        if (request := self._request()) is None:
            return

        def progress(done: int, total: int) -> None:
            self.app.call_from_thread(update_text, self, "#times", f"timing: {done} of {total} loaders")

        if (timings := await self._answered(LoaderTimingsRequest(request), progress)) is not None:
            self._timings, self._timed_size = timings, request.batch_size
            self._show()

    async def _answered(self, request: Request[A], progress: Progress = silent) -> A | None:
        """The worker process's answer; None where there is none, and then an error is shown."""
        worker = self._services.worker
        if not worker.ready:
            update_text(self, "#about", "starting PyTorch …\n")
        try:
            return await asyncio.to_thread(worker.ask, request, progress)
        except InspectionCancelledError:
            return None
        except EngineError as error:
            update_text(self, "#about", Content.styled(str(error), "$text-error"))
            return None

    # Showing

    def _go(self, cursor: int) -> None:
        if self._answer is None:
            return
        cursor = max(0, min(len(self._answer.labels) - 1, cursor))
        if cursor == self._cursor:
            return
        capacity = self._page.capacity
        same_page = cursor // capacity == self._cursor // capacity
        self._cursor = cursor
        if same_page:
            self._page.move(cursor % capacity)
            update_text(self, "#chosen", self._chosen(self._answer))
        else:
            self._show()

    def _show(self) -> None:
        if (answer := self._answer) is None or not self.query(ImagePage):
            return
        names, capacity = self._browse.classes, self._page.capacity
        first = self._cursor // capacity * capacity
        tiles = [
            Tile(answer.images[at], f"{answer.indices[at]} {names[int(answer.labels[at])]}")
            for at in range(first, min(first + capacity, len(answer.labels)))
        ]
        self._page.show(tiles, self._cursor - first)
        seed = self._services.settings["seed"]
        order = f"shuffled, seed {seed}, epoch {self._epoch + 1}" if self._shuffled else "in the files' order"
        update_text(
            self,
            "#about",
            Content.assemble(
                (f"Feature batch shape: torch.Size({list(answer.shape)})", "bold"),
                f" {answer.dtype}, {answer.low:.4g} to {answer.high:.4g}, on {answer.device}\n",
                (f"Labels batch shape: torch.Size({list(answer.label_shape)})", "bold"),
                f" {answer.label_dtype}\n",
                f"{self._split} batch {count(answer.number + 1)} of {count(answer.batches)}, {order}; "
                f"{self._loader_words(answer.loader)}: {1000 * answer.seconds:.1f} ms",
            ),
        )
        update_text(self, "#chosen", self._chosen(answer))
        update_text(self, "#times", self._timing_lines())

    def _chosen(self, answer: BatchAnswer) -> Content:
        index, label = int(answer.indices[self._cursor]), int(answer.labels[self._cursor])
        place = f"[{self._cursor}] of {len(answer.labels)}"
        name = self._browse.classes[label]
        return Content.assemble((f"X{place}", "bold"), f": image {index} of {self._split}, y {label} {name}")

    def _loader_words(self, loader: str) -> str:
        workers = NUM_WORKERS[self._loader]
        if workers is not None:
            return f"DataLoader, num_workers={workers}, first batch"
        return "resident on the device" if loader == "resident" else "DataLoader"

    def _timing_lines(self) -> Content:
        if self._timings is None:
            return Content("")
        best = min(one.seconds for one in self._timings.loaders)
        size = self._timed_size
        lines = [(f"a batch of {size}, after the first one; one loader after another on this machine\n", "dim")]
        for one in self._timings.loaders:
            ratio = "" if one.seconds == best else f", {one.seconds / best:.1f}× slower"
            each = f"{1e6 * one.seconds / size:.1f} µs per image"
            lines.append((f"{one.name:<26}{1000 * one.seconds:8.3f} ms, {each}{ratio} (mean of {one.batches})\n", ""))
        return Content.assemble(*lines).rstrip()

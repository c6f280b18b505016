"""A batch as training gets it: its images, shapes and order, and how long each loader takes."""

import asyncio
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.data import augmentations
from engine.digits import significant
from engine.errors import EngineError, InspectionCancelledError
from engine.inspection.batch_requests import BatchAnswer, BatchRequest, LoaderTimings, LoaderTimingsRequest
from engine.inspection.tensor_refs import BatchTensor
from engine.progress import Progress, silent
from engine.training.setting import TUNE
from engine.training.settings import SETTINGS
from engine.worker.request import Request
from tui.columns import short_names
from tui.data import prompts
from tui.data.detail import ImageDetail, width_beside
from tui.data.facts import Facts
from tui.dialogs.key_screen import KeyScreen
from tui.format import count, counted
from tui.keys import bind
from tui.services import Services
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from tui.data.browse import Browse

A = TypeVar("A")
NUM_WORKERS = (None, 0, 1, 2)  # of the loader that is shown; None: as training makes its batches
NEED_A_BATCH = ("tensor", "forward", "batch", "move", "row", "page", "end")
MOST = 4096  # images of a batch that is shown


class BatchesScreen(KeyScreen[None]):
    """Turns the pages of an epoch. The settings are those of the next run's form. Asks the worker process."""

    AUTO_FOCUS = "#panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("batches", "back", "Back", action="dismiss"),
        bind("batches", "next", "Next batch", action="batch(1)"),
        bind("batches", "previous", "Previous", "the batch before", action="batch(-1)"),
        bind("batches", "next_epoch", "Next epoch", "where shuffled, each has another order", action="epoch"),
        bind("batches", "sort", "Shuffle", "a random order by seed, or the order of the files", action="shuffle"),
        bind("batches", "change", "Batch size", "for the next run too", action="size"),
        bind("batches", "other", "Loader", "as in training, or a DataLoader with 0, 1, 2 workers", action="workers"),
        bind("batches", "compute", "Time", "each loader", action="time"),
        bind("batches", "augment", "Augmentation", "random changes to whole batches; the next run has them"),
        bind("batches", "split", "Train/test", show=False),
        bind("batches", "open", "Values", "of X, as a tensor", action="tensor('X')"),
        bind("batches", "labels", "Labels", "y, as a tensor", action="tensor('y')", show=False),
        bind("batches", "forward", "Forward pass", "of this image", show=False),
        bind("batches", "right", "Next image", action="move(1)", show=False),
        bind("batches", "left", "Previous image", action="move(-1)", show=False),
        bind("batches", "down", "Image below", action="row(1)", show=False),
        bind("batches", "up", "Image above", action="row(-1)", show=False),
        bind("batches", "page_down", "Next images", action="page(1)", show=False),
        bind("batches", "page_up", "Previous images", action="page(-1)", show=False),
        bind("batches", "first", "First image", action="end(-1)", show=False),
        bind("batches", "last", "Last image", action="end(1)", show=False),
    ]

    def __init__(self, services: Services, browse: "Browse") -> None:
        super().__init__()
        self._services, self._browse = services, browse
        self._split = browse.split
        self._number, self._epoch, self._loader = 0, 0, 0
        self._answer: BatchAnswer | None = None
        self._shown: BatchRequest | None = None  # what `_answer` answers: another may be asked for since
        self._cursor = 0
        self._timings: LoaderTimings | None = None
        self._timed_size = 0  # the batch size that was timed

    def compose(self) -> ComposeResult:
        pictures = self._services.pictures
        yield TopBar("data")
        with Horizontal():
            with Panel(title="Batch", id="panel"):
                yield Static(id="about", markup=False)
                yield ImagePage(pictures, id="batch")
                yield Static(id="times", markup=False)
            yield ImageDetail(pictures, id="detail")
        yield KeyLine()

    def on_resize(self, event: events.Resize) -> None:
        width = width_beside(event.size)
        detail = self.query_one(ImageDetail)
        detail.display, detail.styles.width = bool(width), width

    def on_mount(self) -> None:
        self.call_after_refresh(self._ask)

    def on_image_page_resized(self) -> None:
        self._show()

    def on_image_page_pointed(self, event: ImagePage.Pointed) -> None:
        capacity = self._page.capacity
        self._go(self._cursor // capacity * capacity + event.tile)
        if event.again:
            self.action_forward()

    def on_image_page_turned(self, event: ImagePage.Turned) -> None:
        self.action_page(event.by)

    @property
    def _panel(self) -> Panel:
        return self.query_one("#panel", Panel)

    @property
    def _page(self) -> ImagePage:
        return self.query_one(ImagePage)

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        if action == "shuffle" and self._split == "test":
            return "the test set is never shuffled"
        if action == "epoch" and not self._shuffled:
            return "every epoch has this order; s shuffles"
        if self._answer is None and action in NEED_A_BATCH:
            return "there is no batch yet"
        if self._answer is not None and action == "batch":
            at_end = self._number >= self._answer.batches - 1 if parameters == (1,) else self._number == 0
            return f"this is the {'last' if parameters == (1,) else 'first'} batch" if at_end else ""
        return ""

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
        if self._shown is not None:
            self._services.open_tensor(BatchTensor(self._shown, name))

    def action_forward(self) -> None:
        if self._answer is not None and self._shown is not None:
            self._services.open_forward(self._shown.split, int(self._answer.indices[self._cursor]))

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
        prompt = prompts.batch_size(self._browse, self._batch_size, MOST)
        if (text := await self.app.push_screen_wait(prompt)) is not None:
            settings["batch_size"] = int(text)
            self._number = 0
            self._ask()

    @work(group="prompt")
    async def action_augment(self) -> None:
        settings = self._services.settings
        if (text := await self.app.push_screen_wait(prompts.augmentation(settings["augment"]))) is not None:
            settings["augment"] = augmentations.spelled(text)
            self._ask()

    def action_move(self, by: int) -> None:
        self._go(self._cursor + by)

    def action_row(self, by: int) -> None:
        self._go(self._cursor + by * self._page.grid[0])

    def action_page(self, by: int) -> None:
        self._go(self._cursor + by * self._page.capacity)

    def action_end(self, which: int) -> None:
        if self._answer is not None:
            self._go(0 if which < 0 else len(self._answer.labels) - 1)

    # Asking

    def _request(self) -> BatchRequest | None:
        """What the settings ask for; None while the data is not open."""
        services, data = self._services, self._browse.dataset
        if data is None:
            return None
        settings = services.settings
        return BatchRequest(
            dataset=data.name, data_dir=services.data_dir, split=self._split, transform=settings["transform"],
            batch_size=self._batch_size, shuffle=self._shuffled, seed=settings["seed"], device=settings["device"],
            epoch=self._epoch, number=self._number, num_workers=NUM_WORKERS[self._loader],
            augment=settings["augment"], val=settings["val"],
        )  # fmt: skip

    @property
    def _batch_size(self) -> int:
        """Images of a batch; where a run chooses them by measuring, those that it begins with."""
        size: int = self._services.settings["batch_size"]
        return min(MOST, SETTINGS["batch_size"].default if size == TUNE else size)

    @property
    def _shuffled(self) -> bool:
        return bool(self._services.settings["shuffle"]) and self._split == "train"

    @work(group="batches", exclusive=True)
    async def _ask(self) -> None:
        first = self._answer is None
        if (request := self._request()) is None:
            self._panel.say("The data is not open yet.")
        elif (answer := await self._answered(request, "making", request)) is not None:
            self._answer, self._shown, self._cursor = answer, request, 0
            self._number = answer.number
            if first:
                self.call_after_refresh(self._show)  # the page has its size again then
            else:
                self._show()

    @work(group="batches", exclusive=True)
    async def action_time(self) -> None:
        if (request := self._request()) is None:
            return

        def progress(done: int, total: int) -> None:
            self.app.call_from_thread(self._panel.busy, f"timing: {done} of {total} loaders")

        timings = await self._answered(LoaderTimingsRequest(request), "timing each loader with", request, progress)
        if timings is not None:
            self._timings, self._timed_size = timings, request.batch_size
            self._show()

    async def _answered(
        self, request: Request[A], doing: str, batch: BatchRequest, progress: Progress = silent
    ) -> A | None:
        """The worker process's answer; None where there is none, and then an error is shown. `doing` what with the
        batch is said meanwhile: where none is shown yet in its place, else in the border above it."""
        worker, panel = self._services.worker, self._panel
        words = f"{doing} {batch.split} batch {count(batch.number + 1)}"
        panel.busy(words if worker.ready else "starting PyTorch …")
        if self._answer is None:
            panel.say(self._about_to(words, batch, starting=not worker.ready))
        try:
            answer = await asyncio.to_thread(worker.ask, request, progress)
        except InspectionCancelledError:
            return None  # another request has taken its place
        except EngineError as error:
            panel.busy("")
            panel.say(Content.styled(str(error), "$text-error"))
            return None
        panel.busy("")
        panel.say("")
        return answer

    def _about_to(self, words: str, batch: BatchRequest, *, starting: bool) -> Content:
        """What is being done, with which settings."""
        begins = f"Starting PyTorch, then {words} …" if starting else f"{words[:1].upper()}{words[1:]} …"
        order = _order(batch)
        images = f"{counted(batch.batch_size, 'image')} of {batch.dataset}, {order}"
        return Content.assemble((begins, "bold"), f"\n{images}\n{_loader_words(batch)}, device {batch.device}")

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
            self._show_chosen(self._answer)
        else:
            self._show()

    def _show(self) -> None:
        answer, request = self._answer, self._shown
        if answer is None or request is None or not self.query(ImagePage):
            return
        capacity, last = self._page.capacity, max(map(int, answer.indices), default=0)
        names = short_names(self._browse.classes, self._page.caption_width - len(f"{last} "))
        first = self._cursor // capacity * capacity
        tiles = [
            Tile(answer.images[at], f"{answer.indices[at]} {names[int(answer.labels[at])]}")
            for at in range(first, min(first + capacity, len(answer.labels)))
        ]
        self._page.show(tiles, self._cursor - first)
        update_text(
            self,
            "#about",
            Content.assemble(
                (f"Feature batch shape: torch.Size({list(answer.shape)})", "bold"),
                f" {answer.dtype}, {significant(answer.low, 4)} to {significant(answer.high, 4)}\n",
                (f"Labels batch shape: torch.Size({list(answer.label_shape)})", "bold"),
                f" {answer.label_dtype}; both on {answer.device}",
                (_augmented(request, answer.device), "$text-muted"),
            ),
        )
        loader = _loader_words(request, answer.loader)
        self._panel.describe(
            title=f"{request.split} batch {count(answer.number + 1)} of {count(answer.batches)}",
            right=_order(request),
            below_right=f"{loader}: {1000 * answer.seconds:.1f} ms",
        )
        self._show_chosen(answer)
        times = self._timing_lines()
        self.query_one("#times").display = bool(str(times))
        update_text(self, "#times", times)
        self.refresh_bindings()

    def _show_chosen(self, answer: BatchAnswer) -> None:
        split = self._split if self._shown is None else self._shown.split
        index, label = int(answer.indices[self._cursor]), int(answer.labels[self._cursor])
        name, place = self._browse.classes[label], f"X[{self._cursor}] of {len(answer.labels)}"
        self._panel.describe(below=f"X[{self._cursor}]: image {index}, y {label} {name}")
        marked = index in self._browse.marks[split]
        image = answer.images[self._cursor]
        self.query_one(ImageDetail).show(Facts(image, index, split, label, name, marked, "", None, "", (), place=place))

    def _timing_lines(self) -> Content:
        if self._timings is None:
            return Content("")
        best = min(one.seconds for one in self._timings.loaders)
        size = self._timed_size
        batches = " or ".join(map(str, sorted({one.batches for one in self._timings.loaders})))
        lines = [
            (f"a batch of {size}, after the first one; mean of {batches}; one loader after another\n", "$text-muted")
        ]
        for one in self._timings.loaders:
            ratio = "" if one.seconds == best else f"{one.seconds / best:8.1f}× slower"
            each = f"{1e6 * one.seconds / size:8.1f} µs per image"
            lines.append((f"{one.name:<26}{1000 * one.seconds:8.3f} ms{each}{ratio}\n", ""))
        return Content.assemble(*lines).rstrip()


def _order(request: BatchRequest) -> str:
    """The order of the images of an epoch."""
    return f"shuffled, seed {request.seed}, epoch {request.epoch + 1}" if request.shuffle else "in the files' order"


def _augmented(request: BatchRequest, device: str) -> str:
    """The random changes to the batch, on a line of their own; empty where there are none."""
    if not request.augment or request.split != "train":
        return ""
    return f"\naugmented on {device}: {augmentations.spelled(request.augment)}; each run draws its own"


def _loader_words(request: BatchRequest, loader: str = "") -> str:
    """What makes the batches; `loader`: which one training has, where that is known already."""
    if request.num_workers is not None:
        return f"DataLoader, num_workers={request.num_workers}, first batch"
    return {"": "as training makes its batches", "resident": "resident on the device"}.get(loader, "DataLoader")

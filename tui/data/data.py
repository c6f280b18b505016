"""*Data*: the data set as pages of images."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from engine.data.selection import Selection, parse_classes
from engine.errors import DataError
from tui import crash
from tui.config import declared
from tui.data import prompts, status
from tui.data.browse import Browse
from tui.data.export import ExportAction
from tui.data.keys import DATA_KEYS
from tui.data.predictions import PredictionActions
from tui.format import count
from tui.services import Services
from tui.widgets.image_page import SIZES, ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.open_dataset import Dataset, Preview

PREDICTION_ACTIONS = ("predictions", "wrong", "quality", "partner")
# Need the whole data set, not only its first images.
WHOLE = (
    "filter", "find", "sort", "reverse", "random", "mark", "marked", "overview", "transforms", "batches", "export",
    "copy",
)  # fmt: skip


class DataScreen(Screen[None]):
    """Shows the first images at once, and the whole set when a thread has opened it."""

    BINDINGS: ClassVar[list[BindingType]] = DATA_KEYS

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.browse = Browse()
        self._services = services
        self._problem = ""  # why the data can't be shown
        self._opening = False
        self._seed = 0  # of the next random figure
        self.predictions = PredictionActions(
            self, services, self.browse, show_page=self.show_page, show_status=self.show_status
        )
        self._export = ExportAction(self, self.browse, self._page_text)

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="where", markup=False)
        yield Static(id="banner", markup=False)
        yield ImagePage(self._services.picture_style, id="page")
        yield Static(id="problem", markup=False)
        yield Static(id="chosen", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        if (width := self._services.preferences.get(declared.TILE_SIZE)) is not None:
            self._page.ask_size("full" if width >= SIZES["full"] else "half")
        self.show_status()
        self.set_focus(None)

    # Opening

    def action_open(self) -> None:
        self._problem, self._opening = "", True
        self._open(self._page.capacity)

    @work(thread=True, group="open", exclusive=True)
    def _open(self, images: int) -> None:
        from engine.data.open_dataset import open_dataset, peek

        services, call = self._services, self.app.call_from_thread
        where = services.dataset, services.data_dir, services.home

        def progress(done: int, total: int) -> None:
            call(update_text, self, "#where", f"reading the images: {count(done)} of {count(total)}")

        try:
            if self.browse.dataset is None:
                call(self._take_preview, peek(*where, count=max(1, images), progress=progress))
            call(self._take, open_dataset(*where, verify=True, progress=progress))
        except DataError as error:
            call(self._take_problem, str(error))
        except Exception as error:
            call(self._take_problem, crash.words(error))
            raise  # to the app, which logs it

    def _take_preview(self, preview: "Preview") -> None:
        if self.browse.dataset is None:
            self.browse.preview = preview
            self._services.show_data_title(preview.title, preview.demo)
            self.show_page()

    def _take(self, dataset: "Dataset") -> None:
        self.browse.take(dataset)
        self._problem, self._opening = "", False
        self._services.show_data_title(dataset.title, dataset.demo)
        self.show_page()
        self.predictions.take_waiting()
        self._find_brightness(dataset)
        if words := status.found_text(dataset):
            self.notify(words, severity="warning", timeout=20, markup=False)

    def _take_problem(self, problem: str) -> None:
        self._problem, self._opening = problem, False
        self.browse.forget()
        self.show_status()

    @work(thread=True, group="brightness", exclusive=True)
    def _find_brightness(self, dataset: "Dataset") -> None:
        from engine.data.statistics import brightness

        self.app.call_from_thread(
            self._take_brightness, dataset, {name: brightness(split) for name, split in dataset.splits.items()}
        )

    def _take_brightness(self, dataset: "Dataset", found: "dict[str, npt.NDArray[np.float32]]") -> None:
        if dataset is self.browse.dataset:
            self.browse.brightness = found

    # Showing

    @property
    def _page(self) -> ImagePage:
        return self.query_one(ImagePage)

    @property
    def _first(self) -> int:
        """The position of the page's first image."""
        capacity = self._page.capacity
        return self.browse.position // capacity * capacity

    def _tile(self, position: int) -> Tile | None:
        """A place of what is shown; None while it is not read yet."""
        index = self.browse.index_at(position)
        sample = self.browse.sample(index)
        if sample is None:
            return None
        return Tile(sample[0], self.browse.caption(index))

    def show_page(self) -> None:
        """Draw what is browsed."""
        self._page.keep_together(9 if self.browse.selection.sample is not None else 0)
        first = self._first
        positions = range(first, min(first + self._page.capacity, self.browse.total))
        tiles = [tile for tile in map(self._tile, positions) if tile is not None]
        self._page.show(tiles, self.browse.position - first)
        self.show_status()

    def show_status(self) -> None:
        """Bring the lines around the images up to date."""
        data = self.browse.dataset or self.browse.preview
        dataset = self._services.dataset
        self.set_class(bool(self._problem), "-problem")
        self.set_class(data is not None and data.demo, "-demo")
        update_text(self, "#problem", status.problem_text(self._problem, dataset))
        update_text(self, "#banner", status.DEMO_ASKED if dataset == "demo" else status.DEMO)
        update_text(self, "#where", self._page_line())
        update_text(self, "#chosen", status.image_line(self.browse))
        self.refresh_bindings()

    def select(self, selection: Selection) -> None:
        """Show this."""
        self.browse.select(selection)
        self.show_page()

    def _page_line(self) -> str:
        if self._problem:
            return "no data"
        if self.predictions.busy:
            return f"{self.predictions.busy}  (Esc cancels)"
        return status.page_line(self.browse, self._first, self._page.capacity, self.size.width)

    def _page_text(self) -> list[str]:
        """The page as text: what the screen shows."""
        return [self._page_line(), *self._page.text(), str(status.image_line(self.browse))]

    def on_image_page_resized(self) -> None:
        if self.browse.dataset is not None:
            self.show_page()
        elif not self._problem and not self._opening:
            self._opening = True
            self.call_after_refresh(self.action_open)  # the first frame first

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open":
            return bool(self._problem)
        if action in PREDICTION_ACTIONS:
            return self.predictions.available(action)
        if action in WHOLE:
            return True if self.browse.dataset is not None else None
        if action == "download":
            data = self.browse.dataset or self.browse.preview
            return ":" not in self._services.dataset and (bool(self._problem) or (data is not None and data.demo))
        return True

    def go_to(self, position: int) -> None:
        """Choose an image by its place in what is shown; turn to its page."""
        first = self._first
        if not self.browse.go_to(position):
            return
        if self._first == first:
            self._page.move(self.browse.position - first)
            update_text(self, "#chosen", status.image_line(self.browse))
        else:
            self.show_page()

    def action_move(self, by: int) -> None:
        self.go_to(self.browse.position + by)

    def action_move_row(self, by: int) -> None:
        position = self.browse.position + by * self._page.grid[0]
        if 0 <= position < self.browse.total:
            self.go_to(position)

    def action_page(self, by: int) -> None:
        self.go_to(self.browse.position + by * self._page.capacity)

    def action_first(self) -> None:
        self.go_to(0)

    def action_last(self) -> None:
        self.go_to(self.browse.total - 1)

    def action_split(self) -> None:
        """Show the other split; one that is not read yet appears when it is."""
        self.browse.split = "test" if self.browse.split == "train" else "train"
        self.show_page()

    # What is shown

    @work(group="prompt")
    async def action_filter(self) -> None:
        if (text := await self.app.push_screen_wait(prompts.classes(self.browse))) is not None:
            chosen = parse_classes(text, self.browse.classes)
            self.select(replace(self.browse.selection, classes=chosen, sample=None))

    @work(group="prompt")
    async def action_find(self) -> None:
        if (text := await self.app.push_screen_wait(prompts.index(self.browse))) is not None:
            self.browse.find(int(text))
            self.show_page()

    def action_sort(self) -> None:
        self.browse.next_sort()
        self.show_page()

    def action_reverse(self) -> None:
        selection = self.browse.selection
        self.select(replace(selection, descending=not selection.descending, sample=None))

    def action_random(self) -> None:
        """The tutorial's figure with the next seed."""
        self.select(Selection(sample=self._seed))
        self._seed += 1

    def action_all(self) -> None:
        """Stop what is computed, else show all images."""
        if self.predictions.busy:
            self.predictions.cancel()
        elif not self.browse.selection.plain:
            self.select(Selection())

    def action_marked(self) -> None:
        self.select(replace(self.browse.selection, marked=not self.browse.selection.marked, sample=None))

    def action_mark(self) -> None:
        self.browse.mark()
        self.show_page()

    def action_copy(self) -> None:
        if (sample := self.browse.sample(self.browse.index)) is not None:
            text = f"{self.browse.index} {sample[1]} {self.browse.classes[sample[1]]}"
            self.app.copy_to_clipboard(text)
            self.notify(f"copied: {text}", timeout=2, markup=False)

    # Predictions and suspicious images

    @work(group="prompt")
    async def action_predictions(self) -> None:
        await self.predictions.ask()

    def action_wrong(self) -> None:
        self.predictions.toggle_wrong()

    @work(group="prompt")
    async def action_quality(self) -> None:
        await self.predictions.ask_quality()

    def action_partner(self) -> None:
        self.predictions.go_to_partner()

    # Other screens

    @work(group="prompt")
    async def action_transforms(self) -> None:
        from tui.data.transforms import TransformsScreen

        if self.browse.dataset is not None and self.browse.total:
            await self.app.push_screen_wait(TransformsScreen(self._services, self.browse))
            self.show_page()

    def action_batches(self) -> None:
        from tui.data.batches import BatchesScreen

        if self.browse.dataset is not None:
            self.app.push_screen(BatchesScreen(self._services, self.browse))

    def action_forward(self) -> None:
        if self.browse.dataset is not None and self.browse.index is not None:
            self._services.open_forward(self.browse.split, self.browse.index)

    def action_overview(self) -> None:
        from tui.data.overview import OverviewScreen

        if (dataset := self.browse.dataset) is not None:
            split = dataset.splits[self.browse.split]
            known = self.browse.predictions.get(split.name)
            style = self._services.picture_style
            self.app.push_screen(OverviewScreen(split, dataset.classes, dataset.title, style, known))

    @work(group="prompt")
    async def action_enlarge(self) -> None:
        from tui.data.enlarged import EnlargedScreen

        if (dataset := self.browse.dataset) is not None and self.browse.total:
            screen = EnlargedScreen(self.browse, dataset.title, self._services.picture_style)
            await self.app.push_screen_wait(screen)
            self.show_page()

    @work(group="export")
    async def action_export(self) -> None:
        await self._export.ask()

    @work(group="prompt")
    async def action_download(self) -> None:
        from engine.data.open_dataset import candidates
        from tui.data.download import DownloadScreen

        root = candidates(self._services.data_dir, self._services.home)[0]  # where it is looked for first
        if await self.app.push_screen_wait(DownloadScreen(root)):
            if self._services.dataset == "demo":
                self._services.dataset = "auto"
            self.action_open()

    # How it is shown

    def action_size(self, size: str) -> None:
        self._page.ask_size(size)
        self._services.preferences.keep(declared.TILE_SIZE, SIZES[size])
        self.show_page()

    def action_style(self) -> None:
        services = self._services
        services.picture_style = "ascii" if services.picture_style == "blocks" else "blocks"
        self._page.ask_style(services.picture_style)

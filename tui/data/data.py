"""*Data*: the data set as pages of images."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from engine.data.selection import Selection, parse_classes
from engine.home import Home
from tui import cells
from tui.config import declared
from tui.data import facts, prompts, reasons, status
from tui.data.browse import Browse
from tui.data.detail import ImageDetail, width_beside
from tui.data.export import ExportAction
from tui.data.keys import DATA_KEYS
from tui.data.opening import Opening
from tui.data.predictions import PredictionActions
from tui.dialogs.key_screen import KeyScreen
from tui.format import count
from tui.services import Services
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.panel import Panel
from tui.widgets.text import update_text
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.open_dataset import Dataset, Preview

ADVICE = "Press o for a model's predictions."
FIGURE = 3, 3  # columns and rows of the tutorial's figure


class DataScreen(KeyScreen[None]):
    """Shows the first images at once, and the whole set when a thread has opened it."""

    AUTO_FOCUS = "#images"
    BINDINGS: ClassVar[list[BindingType]] = DATA_KEYS

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.browse = Browse()
        self._services = services
        self._problem = ""  # why the data can't be shown
        self._opening = Opening(services, self)
        self._seed = 0  # of the next random figure
        self.predictions = PredictionActions(
            self, services, self.browse, show_page=self.show_page, show_status=self.show_status
        )
        self._export = ExportAction(self, self.browse, self._page_text)

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="banner", markup=False)
        with Horizontal():
            yield Panel(ImagePage(self._services.pictures, id="page"), title="Images", id="images")
            yield ImageDetail(self._services.pictures, advice=ADVICE, id="detail")
        yield KeyLine()

    def on_mount(self) -> None:
        self._page.ask_width(self._services.preferences.get(declared.TILE_SIZE))
        self.show_status()

    def on_resize(self, event: events.Resize) -> None:
        width = width_beside(event.size)
        self._detail.display, self._detail.styles.width = bool(width), width

    # Opening

    def action_open(self) -> None:
        self._problem = ""
        self._opening.begin()
        self.show_status()
        self._open(max(1, self._page.capacity) if self.browse.dataset is None else 0)

    @work(thread=True, group="open", exclusive=True)
    def _open(self, first: int) -> None:
        self._opening.run(self.app.call_from_thread, first)

    def show_opening(self, done: int, total: int) -> None:
        """How many images are read."""
        words = f"reading the images: {count(done)} of {count(total)} (Esc cancels)"
        self._images.busy(words, empty=not (self.browse.dataset or self.browse.preview))

    def take_preview(self, preview: "Preview") -> None:
        """Show the first images of the data set."""
        if self.browse.dataset is None:
            self.browse.preview = preview
            self._services.show_data_title(preview.title, preview.demo)
            self.show_page()

    def take(self, dataset: "Dataset") -> None:
        """Show the data set."""
        self.browse.take(dataset)
        self._problem = ""
        self._opening.end()
        self._services.show_data_title(dataset.title, dataset.demo)
        self.show_page()
        self.predictions.take_waiting()
        self._find_brightness(dataset)
        if words := status.found_text(dataset):
            self.notify(words, severity="warning", timeout=20, markup=False)

    def take_problem(self, problem: str) -> None:
        """Say why there is no data set."""
        self._problem = problem
        self._opening.end()
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
    def _images(self) -> Panel:
        return self.query_one("#images", Panel)

    @property
    def _detail(self) -> ImageDetail:
        return self.query_one(ImageDetail)

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
        return Tile(sample[0], self.browse.caption(index, self._page.caption_width))

    def show_page(self) -> None:
        """Draw what is browsed."""
        self._page.figure(*(FIGURE if self.browse.selection.sample is not None else ()))
        first = self._first
        positions = range(first, min(first + self._page.capacity, self.browse.total))
        tiles = [tile for tile in map(self._tile, positions) if tile is not None]
        self._page.show(tiles, self.browse.position - first)
        self.show_status()

    def show_status(self) -> None:
        """Bring what stands around the images up to date."""
        data = self.browse.dataset or self.browse.preview
        dataset, images = self._services.dataset, self._images
        self.set_class(data is not None and data.demo, "-demo")
        update_text(self, "#banner", status.DEMO_ASKED if dataset == "demo" else status.DEMO)
        if self._problem:
            images.say(Content.styled(status.problem_text(self._problem, dataset), "$text-error"))
            images.describe(title="Images", right="no data", below="", below_right="")
            images.busy("")
        else:
            images.say(status.empty_text(self.browse))
            opening = "" if data is not None else "reading the images"
            images.busy(
                f"{self.predictions.busy} (Esc cancels)" if self.predictions.busy else opening, empty=data is None
            )
        self._show_chosen()
        self.refresh_bindings()

    def _show_chosen(self) -> None:
        """The border of the images, and the panel beside them."""
        if not self._problem:
            edges = self._edges()
            self._images.describe(
                title=edges.title, right=edges.right, below=edges.below, below_right=edges.below_right
            )
        self._detail.show(facts.of(self.browse))

    def _edges(self) -> status.Edges:
        return status.edges(self.browse, self._first, self._page.capacity, beside=bool(self._detail.display))

    def select(self, selection: Selection) -> None:
        """Show this."""
        self.browse.select(selection)
        self.show_page()

    def _page_text(self) -> list[str]:
        """The page as text: what the screen shows."""
        edges = self._edges()
        return [f"{edges.title} · {edges.right}", *self._page.text(), status.image_line(self.browse)]

    def on_image_page_resized(self) -> None:
        if self.browse.dataset is not None:
            self.show_page()
        elif not self._problem and not self._opening.under_way:
            self._opening.begin()
            self.call_after_refresh(self.action_open)  # the first frame first

    def on_image_page_pointed(self, event: ImagePage.Pointed) -> None:
        if event.again:
            self.action_enlarge()
        else:
            self.go_to(self._first + event.tile)

    def on_image_page_turned(self, event: ImagePage.Turned) -> None:
        self.action_page(event.by)

    # Keys

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str:
        busy = bool(self.predictions.busy) or self._opening.under_way
        room = page.capacity if (page := self.query_one_optional(ImagePage)) is not None else 0
        return reasons.why_not(action, self.browse, reasons.Now(self._problem, self._services.dataset, busy, room))

    def as_cell(self) -> str:
        """The image under the cursor, for the lab."""
        browse = self.browse
        return "" if browse.index is None else cells.image(self._services.dataset, browse.split, browse.index)

    def go_to(self, position: int) -> None:
        """Choose an image by its place in what is shown; turn to its page."""
        first = self._first
        if not self.browse.go_to(position):
            return
        if self._first == first:
            self._page.move(self.browse.position - first)
            self._show_chosen()
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

    def action_end(self, which: int) -> None:
        self.go_to(0 if which < 0 else self.browse.total - 1)

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
        """Stop what is read or computed, else show all images."""
        if self._opening.under_way:
            self._opening.cancel()
        elif self.predictions.busy:
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
            pictures = self._services.pictures
            self.app.push_screen(OverviewScreen(split, dataset.classes, dataset.title, pictures, known))

    @work(group="prompt")
    async def action_enlarge(self) -> None:
        from tui.data.enlarged import EnlargedScreen

        if (dataset := self.browse.dataset) is not None and self.browse.total:
            screen = EnlargedScreen(self.browse, dataset.title, self._services.pictures)
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
        if await self.app.push_screen_wait(DownloadScreen(root, shared=root != Home(self._services.home).data)):
            if self._services.dataset == "demo":
                self._services.dataset = "auto"
            self.action_open()

    # How it is shown

    def action_size(self, by: int) -> None:
        self._take_size(self._page.other_width(by))

    def action_fill(self) -> None:
        self._take_size(None)

    def _take_size(self, width: int | None) -> None:
        self._page.ask_width(width)
        self._services.preferences.keep(declared.TILE_SIZE, width)
        self.show_page()

    def action_style(self) -> None:
        self._services.change_picture_style()

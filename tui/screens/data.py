"""*Data*: the data set as pages of images."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import DataError
from tui.format import count
from tui.widgets.image import PictureStyle
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from engine.data.dataset import Dataset, Preview


class Host(Protocol):
    """What this screen needs of the app."""

    home: Path
    data_dir: Path | None
    dataset: str
    picture_style: PictureStyle

    def tell_data(self, title: str, demo: bool) -> None: ...


class DataScreen(Screen[None]):
    """Shows the first images at once, and the whole set when a thread has opened it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "move(1)", "Next image", show=False, id="data.right"),
        Binding("left,h", "move(-1)", "Previous image", show=False, id="data.left"),
        Binding("down,j", "move_row(1)", "Image below", show=False, id="data.down"),
        Binding("up,k", "move_row(-1)", "Image above", show=False, id="data.up"),
        Binding("pagedown,n,space", "page(1)", "Next page", key_display="PgDn", id="data.next_page"),
        Binding("pageup,p", "page(-1)", "Previous page", show=False, id="data.previous_page"),
        Binding("home,g", "first", "First image", show=False, id="data.first"),
        Binding("end,G", "last", "Last image", show=False, id="data.last"),
        Binding("enter", "enlarge", "Enlarge", id="data.enlarge", tooltip="one image, with its numbers"),
        Binding("t", "split", "Train/test", id="data.split", tooltip="show the other split"),
        Binding(
            "plus,equals_sign",
            "size('full')",
            "Larger",
            show=False,
            key_display="+",
            id="data.larger",
            tooltip="28 × 14 cells an image",
        ),
        Binding(
            "minus",
            "size('half')",
            "Smaller",
            show=False,
            key_display="-",
            id="data.smaller",
            tooltip="14 × 7 cells an image: more of them",
        ),
        Binding("a", "style", "Blocks/characters", show=False, id="data.style", tooltip="how the images are drawn"),
        Binding("r", "open", "Try again", id="data.retry", tooltip="after the data could not be read"),
        Binding("D", "download", "Download", id="data.download", tooltip="fetch Fashion-MNIST, 30 MB"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._dataset: Dataset | None = None
        self._preview: Preview | None = None
        self._problem = ""
        self._opening = False
        self._split = "train"
        self._index = {"train": 0, "test": 0}  # the chosen image of each split

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="where", markup=False)
        yield Static(id="banner", markup=False)
        yield ImagePage(self._host.picture_style, id="page")
        yield Static(id="problem", markup=False)
        yield Static(id="chosen", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._say()
        self.set_focus(None)

    # Opening

    def action_open(self) -> None:
        self._problem, self._opening = "", True
        self._open(self._page.capacity)

    @work(thread=True, group="open", exclusive=True, exit_on_error=False)
    def _open(self, images: int) -> None:
        from engine.data.dataset import open_dataset, peek

        host = self._host
        where = host.dataset, host.data_dir, host.home
        try:
            if self._dataset is None:
                self.app.call_from_thread(self._take_preview, peek(*where, count=max(1, images)))
            self.app.call_from_thread(self._take, open_dataset(*where, verify=True))
        except DataError as error:
            self.app.call_from_thread(self._take_problem, str(error))

    def _take_preview(self, preview: "Preview") -> None:
        if self._dataset is None:
            self._preview = preview
            self._host.tell_data(preview.title, preview.demo)
            self._show_page()

    def _take(self, dataset: "Dataset") -> None:
        first = self._preview is None or self._preview.name != dataset.name
        self._dataset, self._problem, self._opening = dataset, "", False
        self._host.tell_data(dataset.title, dataset.demo)
        if first:
            self._index = {"train": 0, "test": 0}
        self._show_page()

    def _take_problem(self, problem: str) -> None:
        self._problem, self._opening = problem, False
        self._dataset = self._preview = None
        self._say()

    # Showing

    @property
    def _host(self) -> Host:
        return cast(Host, self.app)

    @property
    def _page(self) -> ImagePage:
        return self.query_one(ImagePage)

    @property
    def _total(self) -> int:
        if self._dataset is not None:
            return len(self._dataset.splits[self._split])
        return self._preview.total if self._preview is not None and self._split == "train" else 0

    @property
    def _first(self) -> int:
        """The index of the page's first image."""
        capacity = self._page.capacity
        return self._index[self._split] // capacity * capacity

    def tile(self, index: int) -> Tile | None:
        """An image of the split that is shown; None while it is not read yet."""
        early = self._preview if self._split == "train" else None
        source = self._dataset.splits[self._split] if self._dataset is not None else early
        if source is None or not 0 <= index < len(source.labels):
            return None
        classes = self._dataset.classes if self._dataset is not None else cast("Preview", self._preview).classes
        label = int(source.labels[index])
        return Tile(source.images[index], f"{index} {classes[label]}")

    def _show_page(self) -> None:
        first = self._first
        indices = range(first, min(first + self._page.capacity, self._total))
        tiles = [tile for tile in map(self.tile, indices) if tile is not None]
        self._page.show(tiles, self._index[self._split] - first)
        self._say()

    def _say(self) -> None:
        """Bring the lines around the page up to date."""
        demo = bool((self._dataset or self._preview) and cast("Preview", self._dataset or self._preview).demo)
        self.set_class(bool(self._problem), "-problem")
        self.set_class(demo, "-demo")
        self._put("#problem", f"{self._problem}\n\nPress r to try again, or D to download Fashion-MNIST (30 MB).")
        self._put("#banner", DEMO_ASKED if self._host.dataset == "demo" else DEMO)
        self._put("#where", self._where())
        self._put("#chosen", self._chosen())
        self.refresh_bindings()

    def _put(self, selector: str, text: str | Content) -> None:
        """Change a line only where it differs: what is not changed is not sent."""
        line = self.query_one(selector, Static)
        if str(line.content) != str(text):
            line.update(text)

    def _where(self) -> str:
        if self._problem:
            return "no data"
        if not self._total:
            return "reading the data …"
        capacity, first, total = self._page.capacity, self._first, self._total
        last = min(first + capacity, total) - 1
        page, pages = first // capacity + 1, -(-total // capacity)
        data = self._dataset or self._preview
        assert data is not None
        where = data.where.replace(str(Path.home()), "~", 1)
        text = (
            f"{self._split}: images {count(first)}–{count(last)} of {count(total)}, page {count(page)}/{count(pages)}"
        )
        room = self.size.width - len(text) - 6
        if room > 12:
            text += f"  ({where if len(where) <= room else '…' + where[1 - room :]})"
        return text

    def _chosen(self) -> Content:
        index = self._index[self._split]
        tile = self.tile(index)
        if tile is None:
            return Content("")
        image = tile.image
        pixels = f"pixels {image.min()}–{image.max()}, mean {image.mean():.1f}"
        return Content.assemble((f"image {tile.caption}", "bold"), f"  label {self._label(index)}  {pixels}")

    def _label(self, index: int) -> int:
        source = self._dataset.splits[self._split] if self._dataset is not None else cast("Preview", self._preview)
        return int(source.labels[index])

    def on_image_page_resized(self) -> None:
        if self._dataset is not None:
            self._show_page()
        elif not self._problem and not self._opening:
            self._opening = True
            self.call_after_refresh(self.action_open)  # the first frame first

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open":
            return bool(self._problem)
        if action == "download":
            data = self._dataset or self._preview
            return bool(self._problem) or (data is not None and data.demo)
        return True

    def go_to(self, index: int) -> None:
        """Choose an image; turn to its page."""
        index = max(0, min(index, self._total - 1))
        before, first = self._index[self._split], self._first
        if not self._total or index == before:
            return
        self._index[self._split] = index
        if self._first == first:
            self._page.move(index - first)
            self._put("#chosen", self._chosen())
        else:
            self._show_page()

    def action_move(self, by: int) -> None:
        self.go_to(self._index[self._split] + by)

    def action_move_row(self, by: int) -> None:
        index = self._index[self._split] + by * self._page.grid[0]
        if 0 <= index < self._total:
            self.go_to(index)

    def action_page(self, by: int) -> None:
        index = self._index[self._split]
        target = index + by * self._page.capacity
        if by < 0 and target < 0:
            target = 0
        self.go_to(target)

    def action_first(self) -> None:
        self.go_to(0)

    def action_last(self) -> None:
        self.go_to(self._total - 1)

    def action_split(self) -> None:
        """Show the other split; one that is not read yet appears when it is."""
        self._split = "test" if self._split == "train" else "train"
        self._show_page()

    def action_size(self, size: str) -> None:
        self._page.ask_size(size)
        self._show_page()

    def action_style(self) -> None:
        host = self._host
        host.picture_style = "ascii" if host.picture_style == "blocks" else "blocks"
        self._page.ask_style(host.picture_style)

    def action_enlarge(self) -> None:
        from tui.screens.enlarged import EnlargedScreen

        index = self._index[self._split]
        if self._dataset is not None:
            split, classes = self._dataset.splits[self._split], self._dataset.classes
            screen = EnlargedScreen(split, classes, index, self._dataset.title, self._host.picture_style)
            self.app.push_screen(screen, lambda at: self.go_to(at if at is not None else index))

    def action_download(self) -> None:
        from engine.data.dataset import candidates
        from tui.screens.download import DownloadScreen

        root = candidates(self._host.data_dir, self._host.home)[0]  # where it is looked for first
        self.app.push_screen(DownloadScreen(root), self._downloaded)

    def _downloaded(self, done: bool | None) -> None:
        if done:
            if self._host.dataset == "demo":
                self._host.dataset = "auto"
            self.action_open()


DEMO = "demo data: no Fashion-MNIST was found. Press D to download it (30 MB)."
DEMO_ASKED = "demo data: drawn by the program, as asked (--dataset demo)."

"""*Data*: the data set as pages of images."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from engine.data.selection import Selection, parse_classes
from engine.errors import DataError
from tui.data import prompts
from tui.data.predictions import PREDICTION_ACTIONS, PREDICTION_KEYS, PredictionsScreen
from tui.format import count, percent
from tui.widgets.image_page import ImagePage, Tile
from tui.widgets.keyline import KeyLine
from tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from engine.data.open_dataset import Dataset, Preview


class DataScreen(PredictionsScreen):
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
        Binding("slash", "filter", "Filter", key_display="/", id="data.filter", tooltip="by class names or numbers"),
        Binding("s", "sort", "Sort", id="data.sort", tooltip="by index, class, brightness"),
        Binding("S", "reverse", "Reverse", show=False, id="data.reverse", tooltip="the order the other way round"),
        Binding("i", "find", "Go to", id="data.find", tooltip="an image by its index"),
        Binding("R", "random", "Random 3×3", show=False, id="data.random", tooltip="the tutorial's figure, by seed"),
        Binding("m", "mark", "Mark", id="data.mark", tooltip="for export, or to look at the marked ones"),
        Binding("M", "marked", "Marked", show=False, id="data.marked", tooltip="only the marked ones, or all"),
        Binding("o", "overview", "Overview", id="data.overview", tooltip="classes, mean images, histogram"),
        Binding(
            "e", "export", "Export", show=False, id="data.export", tooltip="marked ones (or what is shown) as files"
        ),
        Binding("y", "copy", "Copy", show=False, id="data.copy", tooltip="index and label, to your clipboard (OSC 52)"),
        Binding(
            "T", "transforms", "Transforms", show=False, id="data.transforms", tooltip="before and after, by steps"
        ),
        Binding("B", "batches", "Batches", show=False, id="data.batches", tooltip="as training gets them; times"),
        Binding("N", "through", "Through the network", show=False, id="data.through", tooltip="stage by stage"),
        *PREDICTION_KEYS,
        Binding("escape", "all", "All images", show=False, id="data.all", tooltip="no filter, sorting or figure"),
        Binding("a", "style", "Blocks/characters", show=False, id="data.style", tooltip="how the images are drawn"),
        Binding("r", "open", "Try again", id="data.retry", tooltip="after the data could not be read"),
        Binding("D", "download", "Download", id="data.download", tooltip="fetch Fashion-MNIST, 30 MB"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._problem = ""
        self._opening = False
        self._seed = 0  # of the next random figure

    def compose(self) -> ComposeResult:
        yield TopBar("data")
        yield Static(id="where", markup=False)
        yield Static(id="banner", markup=False)
        yield ImagePage(self.host.picture_style, id="page")
        yield Static(id="problem", markup=False)
        yield Static(id="chosen", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.say()
        self.set_focus(None)

    # Opening

    def action_open(self) -> None:
        self._problem, self._opening = "", True
        self._open(self._page.capacity)

    @work(thread=True, group="open", exclusive=True, exit_on_error=False)
    def _open(self, images: int) -> None:
        from engine.data.open_dataset import open_dataset, peek

        host = self.host
        where = host.dataset, host.data_dir, host.home
        try:
            if self._dataset is None:
                self.app.call_from_thread(self._take_preview, peek(*where, count=max(1, images)))
            self.app.call_from_thread(self._take, open_dataset(*where, verify=True, tell=self._tell_reading))
        except DataError as error:
            self.app.call_from_thread(self._take_problem, str(error))

    def _tell_reading(self, done: int, total: int) -> None:
        """From the thread that reads: where it is."""
        self.app.call_from_thread(self._put, "#where", f"reading the images: {count(done)} of {count(total)}")

    def _take_preview(self, preview: "Preview") -> None:
        if self._dataset is None:
            self.browse.preview = preview
            self.host.show_data_title(preview.title, preview.demo)
            self.show_page()

    def _take(self, dataset: "Dataset") -> None:
        self.browse.take(dataset)
        self._problem, self._opening = "", False
        self.host.show_data_title(dataset.title, dataset.demo)
        self.show_page()
        self.take_seen()
        self._find_brightness(dataset)
        if dataset.left_out:
            some = "\n".join(dataset.left_out[:3])
            words = f"{count(len(dataset.left_out))} files can't be read and are left out:\n{some}"
            self.notify(words, severity="warning", timeout=20, markup=False)

    def _take_problem(self, problem: str) -> None:
        self._problem, self._opening = problem, False
        self.browse.forget()
        self.say()

    @work(thread=True, group="brightness", exclusive=True, exit_on_error=False)
    def _find_brightness(self, dataset: "Dataset") -> None:
        from engine.data.statistics import brightness

        self.app.call_from_thread(
            self._take_brightness, dataset, {name: brightness(split) for name, split in dataset.splits.items()}
        )

    def _take_brightness(self, dataset: "Dataset", found: dict[str, Any]) -> None:
        if dataset is self._dataset:
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
        self._page.keep_together(9 if self.browse.selection.sample is not None else 0)
        first = self._first
        positions = range(first, min(first + self._page.capacity, self.browse.total))
        tiles = [tile for tile in map(self._tile, positions) if tile is not None]
        self._page.show(tiles, self.browse.position - first)
        self.say()

    def say(self) -> None:
        """Bring the lines around the page up to date."""
        data = self.browse.dataset or self.browse.preview
        demo = data is not None and data.demo
        self.set_class(bool(self._problem), "-problem")
        self.set_class(demo, "-demo")
        download = "" if ":" in self.host.dataset else ", or D to download Fashion-MNIST (30 MB)"
        self._put("#problem", f"{self._problem}\n\nPress r to try again{download}.")
        self._put("#banner", DEMO_ASKED if self.host.dataset == "demo" else DEMO)
        self._put("#where", self._where())
        self._put("#chosen", self._chosen())
        self.refresh_bindings()

    def _put(self, selector: str, text: str | Content) -> None:
        """Change a line only where it differs: what is not changed is not sent."""
        for line in self.query(selector).results(Static):  # none where the app ended meanwhile
            if str(line.content) != str(text):
                line.update(text)

    def _where(self) -> str:
        if self._problem:
            return "no data"
        if self.busy:
            return f"{self.busy}  (esc: not)"
        browse = self.browse
        data = browse.dataset or browse.preview
        if data is None or not browse.samples:
            return "reading the data …"
        capacity, first, total = self._page.capacity, self._first, browse.total
        last = min(first + capacity, total) - 1
        page, pages = first // capacity + 1, max(1, -(-total // capacity))
        shown = f"{count(first)}–{count(last)} of {count(total)}" if total else "none"
        text = f"{browse.split}: images {shown}, page {count(page)}/{count(pages)}"
        seen, accuracy = browse.predictions.get(browse.split), browse.accuracy()
        if seen is not None:
            text += f" · {seen.run} at {seen.place}" + (f": {percent(accuracy)} right" if accuracy is not None else "")
        if words := browse.words():
            return f"{text} · {words} (esc: all)"
        if seen is not None:
            return text
        where = data.where.replace(str(Path.home()), "~", 1)
        room = self.size.width - len(text) - 6
        if room > 12:
            text += f"  ({where if len(where) <= room else '…' + where[1 - room :]})"
        return text

    def _chosen(self) -> Content:
        index = self.browse.index
        sample = self.browse.sample(index)
        if sample is None:
            return Content("nothing is shown: esc shows all images" if self.browse.samples and self._dataset else "")
        image, label = sample
        marks = len(self.browse.marks[self.browse.split])
        pixels = f"pixels {image.min()}–{image.max()}, mean {image.mean():.1f}"
        told = f"  label {label}  {pixels}" + (f"  ✓ {count(marks)} marked" if marks else "")
        if (suspicion := self.browse.suspicion(index)) is not None:
            told = f"  {self.suspected(*suspicion)}" + told
        elif (seen := self.browse.seen(index)) is not None:
            told = f"  taken for {self.browse.classes[seen[0]]}, probability {seen[1]:.4f}" + told
        return Content.assemble((f"image {index} {self.browse.classes[label]}", "bold"), told)

    def on_image_page_resized(self) -> None:
        if self._dataset is not None:
            self.show_page()
        elif not self._problem and not self._opening:
            self._opening = True
            self.call_after_refresh(self.action_open)  # the first frame first

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open":
            return bool(self._problem)
        if action in PREDICTION_ACTIONS:
            return self.may_judge(action)
        if action in (
            "filter",
            "find",
            "sort",
            "reverse",
            "random",
            "mark",
            "marked",
            "overview",
            "transforms",
            "batches",
            "export",
            "copy",
        ):
            return True if self._dataset is not None else None
        if action == "download":
            data = self.browse.dataset or self.browse.preview
            return ":" not in self.host.dataset and (bool(self._problem) or (data is not None and data.demo))
        return True

    def go_to(self, position: int) -> None:
        """Choose an image by its place in what is shown; turn to its page."""
        first = self._first
        if not self.browse.go_to(position):
            return
        if self._first == first:
            self._page.move(self.browse.position - first)
            self._put("#chosen", self._chosen())
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

    def action_filter(self) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                chosen = parse_classes(text, self.browse.classes)
                self.select(replace(self.browse.selection, classes=chosen, sample=None))

        self.app.push_screen(prompts.classes(self.browse), asked)

    def action_find(self) -> None:
        def asked(text: str | None) -> None:
            if text is not None:
                self.browse.find(int(text))
                self.show_page()

        self.app.push_screen(prompts.index(self.browse), asked)

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
        if self.busy:
            self.stop_asking()
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

    def action_transforms(self) -> None:
        from tui.data.transforms import TransformsScreen

        if self._dataset is not None and self.browse.total:
            self.app.push_screen(TransformsScreen(self.browse), lambda _: self.show_page())

    def action_batches(self) -> None:
        from tui.data.batches import BatchesScreen

        if self._dataset is not None:
            self.app.push_screen(BatchesScreen(self.browse))

    def action_through(self) -> None:
        if self._dataset is not None and self.browse.index is not None:
            self.host.open_forward(self.browse.split, self.browse.index)

    def action_overview(self) -> None:
        from tui.data.overview import OverviewScreen

        if self._dataset is not None:
            split = self._dataset.splits[self.browse.split]
            seen = self.browse.predictions.get(split.name)
            screen = OverviewScreen(split, self._dataset.classes, self._dataset.title, self.host.picture_style, seen)
            self.app.push_screen(screen)

    def action_export(self) -> None:
        def asked(text: str | None) -> None:
            if text is None:
                return
            path = Path(text.strip())
            if path.suffix == ".txt":
                self._write_page(path.expanduser())
            else:
                self._export(path, self.browse.split, prompts.to_export(self.browse)[0])

        if self.browse.dataset is not None and self.browse.total:
            self.app.push_screen(prompts.export(self.browse), asked)

    def _write_page(self, path: Path) -> None:
        """The page as text: what the screen shows."""
        lines = [self._where(), *self._page.text(), str(self._chosen())]
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write("\n".join(line.rstrip() for line in lines) + "\n")
        except OSError as error:
            words = f"{path} can't be written: {error.strerror}"
            self.notify(words, severity="error", timeout=15, markup=False)
        else:
            self.notify(f"this page as text: {path}", timeout=8, markup=False)

    @work(thread=True, group="export", exit_on_error=False)
    def _export(self, folder: Path, name: str, indices: list[int]) -> None:
        from engine.data.export import export

        assert self._dataset is not None
        try:
            path = export(folder, self._dataset.splits[name], indices)
        except DataError as error:
            self.app.call_from_thread(self.notify, str(error), severity="error", timeout=15, markup=False)
        else:
            self.app.call_from_thread(self.notify, f"{len(indices)} images: {path}", timeout=8, markup=False)

    # How it is shown

    def action_size(self, size: str) -> None:
        self._page.ask_size(size)
        self.show_page()

    def action_style(self) -> None:
        host = self.host
        host.picture_style = "ascii" if host.picture_style == "blocks" else "blocks"
        self._page.ask_style(host.picture_style)

    def action_enlarge(self) -> None:
        from tui.data.enlarged import EnlargedScreen

        if self._dataset is not None and self.browse.total:
            screen = EnlargedScreen(self.browse, self._dataset.title, self.host.picture_style)
            self.app.push_screen(screen, lambda _: self.show_page())

    def action_download(self) -> None:
        from engine.data.open_dataset import candidates
        from tui.data.download import DownloadScreen

        root = candidates(self.host.data_dir, self.host.home)[0]  # where it is looked for first
        self.app.push_screen(DownloadScreen(root), self._downloaded)

    def _downloaded(self, done: bool | None) -> None:
        if done:
            if self.host.dataset == "demo":
                self.host.dataset = "auto"
            self.action_open()


DEMO = "demo data: no Fashion-MNIST was found. Press D to download it (30 MB)."
DEMO_ASKED = "demo data: drawn by the program, as asked (--dataset demo)."

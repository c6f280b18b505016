import gzip
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.data.fashion_mnist.download import Progress
from engine.data.open_dataset import open_dataset
from engine.data.selection import tutorial_figure
from engine.errors import DataError, DownloadCancelledError
from tests.support.waiting import LONGEST_S, until
from tui.app import FmnistApp
from tui.data.browse import Browse
from tui.data.data import DataScreen
from tui.data.detail import ImageDetail
from tui.data.download import DownloadScreen
from tui.data.enlarged import EnlargedScreen
from tui.data.facts import FactLines
from tui.data.overview import ClassCards, Histogram
from tui.dialogs.prompt import PromptScreen
from tui.widgets.image_page import WIDTHS, ImagePage
from tui.widgets.large_picture import LargePicture
from tui.widgets.panel import Panel
from tui.widgets.pixels import PixelTable
from tui.widgets.topbar import TopBar

SIZES = [(80, 24), (120, 40), (200, 60)]
DEMO = open_dataset("demo", None, Path())


@pytest.fixture(autouse=True)
def no_data_but_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


def line(app: FmnistApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def where(app: FmnistApp) -> str:
    """What the panel of images says of itself, above them, and below where that is not about the chosen one."""
    panel = app.screen.query_one("#images", Panel)
    below = f"{panel._below} · " if app.screen.query_one(ImageDetail).display else ""
    return f"{below}{panel._title} · {panel._doing or panel._right}"


def about_image(app: FmnistApp) -> str:
    """What is said of the chosen image: in the panel beside the images, or in the border below them."""
    detail = app.screen.query_one(ImageDetail)
    if not detail.display:
        return app.screen.query_one("#images", Panel)._below
    texts = (detail._title, detail._right, detail.query_one(FactLines).text(), detail._below, detail._below_right)
    return "\n".join(texts)


def drawn(app: FmnistApp) -> str:
    page = app.screen.query_one(ImagePage)
    return "\n".join(page.render_line(y).text for y in range(page.size.height))


async def opened(pilot: Pilot[None]) -> DataScreen:
    screen = pilot.app.screen
    assert isinstance(screen, DataScreen)
    await until(pilot, lambda: screen.browse.dataset is not None)
    return screen


@pytest.mark.parametrize("size", SIZES)
async def test_a_page_of_labelled_images_fits_the_terminal(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        page = app.screen.query_one(ImagePage)
        assert page.capacity >= 8
        assert f"· 0–{page.capacity - 1} of 6,000" in where(app)
        text = drawn(app)
        for index in range(page.capacity):
            assert f"{index} {DEMO.classes[DEMO.train.labels[index]]}"[:12] in text
        assert "demo data" in line(app, "#banner")
        assert "demo data" in str(app.screen.query_one(TopBar).content)
        assert page.region.right <= size[0]


async def test_keys_move_page_and_switch(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        page = app.screen.query_one(ImagePage)
        columns, _ = page.grid

        def chosen() -> int:
            return int(about_image(app).split()[1])

        for key, index in (
            ("right", 1), ("l", 2), ("left", 1), ("down", 1 + columns), ("k", 1), ("j", 1 + columns), ("h", columns),
            ("pagedown", columns + page.capacity), ("n", columns + 2 * page.capacity), ("p", columns + page.capacity),
            ("pageup", columns), ("pageup", 0), ("left", 0), ("up", 0), ("end", 5999), ("right", 5999), ("down", 5999),
            ("g", 0), ("G", 5999), ("home", 0),
        ):  # fmt: skip
            await pilot.press(key)
            assert chosen() == index, key
            assert f"▸{index} "[:15] in drawn(app)
        await pilot.press("pagedown", "t")
        assert "Images of test" in where(app)
        assert "of 1,000" in where(app)
        assert chosen() == 0
        await pilot.press("t")
        assert chosen() == page.capacity  # each split remembers its place


async def test_a_cursor_move_sends_two_captions_and_no_picture(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        page = app.screen.query_one(ImagePage)
        refreshed: list[tuple[Any, ...]] = []
        refresh = page.refresh

        def record(*regions: Any, **options: object) -> object:
            refreshed.append(regions)
            return refresh(*regions, **options)  # type: ignore[arg-type]

        page.refresh = record  # type: ignore[assignment, method-assign]
        refreshed.append(())
        while refreshed:  # what opening the data set still draws
            refreshed.clear()
            await pilot.pause(LONGEST_S)
        await pilot.press("right")
        ((old, new),) = refreshed
        assert old.height == new.height == 1


def frame(app: FmnistApp) -> str:
    """What the border of what lies over the screen says."""
    panel = app.screen.query_one("#frame", Panel)
    return " · ".join((panel._title, panel._right, panel._below, panel._below_right))


async def test_the_enlarged_image_says_all_of_itself_and_grows_with_the_window(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("right", "enter")
        assert isinstance(app.screen, EnlargedScreen)
        image, label = DEMO.train.images[1], DEMO.train.labels[1]
        assert f"train image 1 of 6,000 · {DEMO.classes[label]} · label {label} · demo data" in frame(app)
        facts, picture = app.screen.query_one("#facts", FactLines), app.screen.query_one(LargePicture)
        await until(pilot, lambda: f"pixels {image.min()}–{image.max()} · mean {image.mean():.1f}" in facts.text())
        assert picture.side == 42
        await pilot.resize_terminal(140, 45)
        await until(pilot, lambda: picture.side == 84)
        assert facts.display
        await pilot.press("v")
        pixels = app.screen.query_one(PixelTable)
        await until(pilot, lambda: pixels.size == (116, 29))  # all of them
        assert picture.region.x >= pixels.region.right
        assert picture.side >= 20
        assert facts.region.y >= pixels.region.bottom
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not facts.display)
        assert pixels.region.right <= 79
        await pilot.press("v", "right", "escape")
        assert isinstance(app.screen, DataScreen)
        assert chosen(app) == 2


async def test_the_mouse_chooses_opens_and_turns_pages(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        page = screen.query_one(ImagePage)
        tiles = page.tiles
        at = (tiles.left + tiles.across + 3, tiles.down + 1)  # the second of the second row
        await pilot.click(ImagePage, offset=at)
        assert chosen(app) == tiles.columns + 1
        page.post_message(ImagePage.Turned(1))
        await until(pilot, lambda: chosen(app) == tiles.columns + 1 + tiles.capacity)
        page.post_message(ImagePage.Turned(-1))
        await until(pilot, lambda: chosen(app) == tiles.columns + 1)
        await pilot.click(ImagePage, offset=at)
        await until(pilot, lambda: isinstance(app.screen, EnlargedScreen))
        await pilot.press("v")
        pixels = app.screen.query_one(PixelTable)
        await pilot.click(PixelTable, offset=(4 + 4 * 5 + 1, 1 + 3))
        assert (pixels.row, pixels.column) == (3, 5)
        await until(pilot, lambda: "pixel [3, 5]: " in frame(app))


async def test_sizes_and_styles_are_switched_by_key(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        page = app.screen.query_one(ImagePage)
        filled = page.capacity, page.tiles.width
        await pilot.press("minus", "minus")
        assert page.capacity > filled[0]
        assert f"· 0–{page.capacity - 1} of" in where(app)
        await pilot.press("plus", "plus", "plus")
        assert page.capacity < filled[0]
        await pilot.press(*["plus"] * 20)
        assert (page.capacity, page.tiles.width) == (1, max(w for w in WIDTHS if w // 2 < page.size.height))
        await pilot.press("0")
        assert (page.capacity, page.tiles.width) == filled
        before = "▀" in drawn(app)
        await pilot.press("a")
        assert ("▀" in drawn(app)) is not before


async def test_a_resized_terminal_shows_more_of_the_data(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        before = where(app)
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: where(app) != before)
        page = app.screen.query_one(ImagePage)
        assert f"· 0–{page.capacity - 1} of" in where(app)
        detail = app.screen.query_one(ImageDetail)
        assert detail.display
        assert detail.query_one(LargePicture).side == 84  # three half blocks a pixel
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not detail.display)


async def test_damaged_data_is_said_and_tried_again(home: Path) -> None:
    folder = home / "data" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"too short"))
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "train-labels" in line(app, "#images .panel-text"))
        assert "no data" in where(app)
        (folder / "train-images-idx3-ubyte.gz").unlink()
        await pilot.press("r")
        await opened(pilot)
        assert not line(app, "#images .panel-text")


class Mirror:
    """Stands for `engine.data.fashion_mnist.download.download`."""

    def __init__(self) -> None:
        self.asked: list[Path] = []
        self.error: Exception | None = None
        self.go_on = threading.Event()

    def __call__(
        self, root: Path, *, progress: Callable[[Progress], None], cancelled: threading.Event, shared: bool
    ) -> None:
        assert not shared  # it is the home folder's own
        self.asked.append(root)
        progress(Progress("train-images-idx3-ubyte.gz", 10, 20, 10_000_000, 30_000_000))
        while not self.go_on.wait(0.02):
            if cancelled.is_set():
                raise DownloadCancelledError("cancelled")
        if self.error:
            raise self.error


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Mirror:
    made = Mirror()
    monkeypatch.setattr("engine.data.fashion_mnist.download.download", made)
    return made


async def test_a_download_shows_its_progress_and_can_be_cancelled(home: Path, mirror: Mirror) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("D")
        await until(pilot, lambda: "9.5 MiB of 28.6 MiB" in line(app, "#state"))
        assert mirror.asked == [home / "data"]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        assert "demo data" in line(app, "#banner")


async def test_a_download_that_fails_says_why_and_can_be_tried_again(home: Path, mirror: Mirror) -> None:
    mirror.error = DataError("could not download: no network")
    mirror.go_on.set()
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("D")
        await until(pilot, lambda: "no network" in line(app, "#state"))
        mirror.error = None
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, DataScreen))
        assert len(mirror.asked) == 2


def test_the_download_screen_knows_its_keys() -> None:
    assert {binding.action for binding in DownloadScreen.BINDINGS} == {"cancel", "start"}  # type: ignore[union-attr]


async def type_in(pilot: Pilot[None], key: str, text: str) -> None:
    """Press a key that asks for a line, and answer."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, PromptScreen))
    pilot.app.screen.query_one(Input).value = text
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, DataScreen))


def chosen(app: FmnistApp) -> int:
    return int(about_image(app).split()[1])


async def test_classes_are_filtered_sorted_and_found_by_index(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await type_in(pilot, "slash", "sneak, 3")
        count = int(((DEMO.train.labels == 3) | (DEMO.train.labels == 7)).sum())
        assert where(app).endswith(f"{DEMO.classes[3]}, {DEMO.classes[7]} · 0–8 of {count:,}")
        assert DEMO.train.labels[chosen(app)] in (3, 7)
        await pilot.press("s")
        assert "by class" in where(app)
        await pilot.press("home")
        assert DEMO.train.labels[chosen(app)] == 3
        await pilot.press("S", "home")
        assert DEMO.train.labels[chosen(app)] == 7
        other = int((DEMO.train.labels == 0).nonzero()[0][5])
        await type_in(pilot, "i", str(other))  # it is not among them: all are shown again
        assert chosen(app) == other
        assert "Sneaker" not in where(app)
        await type_in(pilot, "i", "17")
        assert chosen(app) == 17


async def test_brightness_sorts_from_dark_to_bright(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: screen.browse.brightness)
        await pilot.press("s", "s", "home")
        means = DEMO.train.images.mean(axis=(1, 2))
        assert means[chosen(app)] == means.min()
        await pilot.press("end")
        assert means[chosen(app)] == means.max()
        await pilot.press("escape")
        assert "by brightness" not in where(app)


async def test_a_filter_that_names_no_class_is_refused_while_it_is_typed(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = "hat"
        await pilot.pause()
        assert "no class is called 'hat'" in line(app, "#verdict")
        await pilot.press("enter")
        assert isinstance(app.screen, PromptScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, DataScreen)


async def test_the_tutorials_figure_is_nine_images_by_seed(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        for seed in (0, 1):
            await pilot.press("R")
            assert f"random 3×3, seed {seed}" in where(app)
            assert app.screen.query_one(ImagePage).grid == (3, 3)
            shown = drawn(app)
            for index in tutorial_figure(6_000, seed):
                assert f"{index} {DEMO.classes[DEMO.train.labels[index]]}"[:11] in shown


async def test_marks_are_kept_shown_and_exported(home: Path, tmp_path: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("m", "right", "right", "m")
        assert "✓0 " in drawn(app)
        assert "✓ 2 marked" in app.screen.query_one("#images", Panel)._below_right
        assert "✓ marked" in about_image(app)
        await pilot.press("apostrophe")
        assert "0–1 of 2" in where(app)
        assert chosen(app) == 2
        await type_in(pilot, "e", str(tmp_path / "out"))
        await until(pilot, lambda: (tmp_path / "out" / "annotations.csv").exists())
        assert (tmp_path / "out" / "annotations.csv").read_text().splitlines() == [
            "file,label", f"train-00000.png,{DEMO.train.labels[0]}", f"train-00002.png,{DEMO.train.labels[2]}",
        ]  # fmt: skip
        await pilot.press("m", "m")  # unmarked, they leave
        assert "none" in where(app)
        assert "Press Esc to show all images" in line(app, "#images .panel-text")
        await pilot.press("escape")
        assert "of 6,000" in where(app)


async def test_the_index_and_label_go_to_the_clipboard(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("right", "y")
        assert app.clipboard == f"1 {DEMO.train.labels[1]} {DEMO.classes[DEMO.train.labels[1]]}"


@pytest.mark.parametrize("size", SIZES)
async def test_the_pixels_are_shown_as_numbers_with_a_cursor(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("right", "enter", "v")
        await pilot.pause()
        table = app.screen.query_one(PixelTable)
        image = DEMO.train.images[1]

        def shown() -> str:
            return "\n".join(table.render_line(y).text for y in range(table.size.height))

        await pilot.press(*["down"] * 27, *["right"] * 14)
        assert f"pixel [27, 14]: {image[27, 14]}, for the network {image[27, 14] / 255:.4f}" in frame(app)
        assert f"\n 27 {' '.join(f'{v:>3}' for v in image[27, :5])}" in shown() or size[0] < 120
        assert "\n 27 " in shown()
        await pilot.press("U")
        assert f"{image[27, 14] / 255:.2f}" in shown()
        assert app.screen.query_one("#frame").region.bottom <= size[1]
        await pilot.press("n")
        assert "image 2 of" in frame(app)
        await pilot.press("v", "escape")
        assert chosen(app) == 2


async def test_an_image_is_inverted_and_its_contrast_stretched(home: Path) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        screen = app.screen
        assert isinstance(screen, EnlargedScreen)
        image = DEMO.train.images[0]
        await pilot.press("I")
        shown = screen._shown()
        assert shown is not None
        assert (shown == 255 - image).all()
        await pilot.press("I", "C")
        shown = screen._shown()
        assert shown is not None
        assert (shown.min(), shown.max()) == (0, 255)
        assert "contrast stretched" in frame(app)
        await pilot.press("0")
        assert (screen._shown() == image).all()


@pytest.mark.parametrize("size", SIZES)
async def test_the_overview_counts_classes_and_pixels(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("O")
        await until(pilot, lambda: "6,000 images in 10 classes" in frame(app))
        cards = app.screen.query_one(ClassCards)
        await until(pilot, lambda: cards._grid is not None)
        for label, (name, line) in enumerate(zip(DEMO.classes, cards.text().splitlines(), strict=True)):
            assert line.startswith(f"{label} {name}  {int((DEMO.train.labels == label).sum())} · std ")
        mean = DEMO.train.images.mean()
        assert f"mean {mean:.2f}" in frame(app)
        assert f"{mean / 255:.4f}" in frame(app)
        shown = [cards.render_line(y).text for y in range(cards.size.height)]
        assert sum(bool(set(line) & set("▀.:=+*#%@")) for line in shown) >= size[1] // 3  # they fill the window
        zeros = (DEMO.train.images == 0).mean()
        await until(pilot, lambda: f"{100 * zeros:.1f}% of all" in app.screen.query_one(Histogram).text())
        await pilot.press("down", "escape")
        assert isinstance(app.screen, DataScreen)


async def test_the_page_is_written_as_text(home: Path, tmp_path: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        path = tmp_path / "page.txt"
        for _ in range(2):  # the second time the file is there, and stays
            await pilot.press("e")
            app.screen.query_one(Input).value = str(path)
            await pilot.press("enter")
            await until(pilot, lambda: len(app._notifications) > 0)
            told = next(iter(app._notifications))
            assert (told.severity == "error") == (_ == 1)
            app.clear_notifications()
            path.write_text(path.read_text() + "kept") if _ == 0 else None
        text = path.read_text()
        assert text.endswith("kept")
        assert "Images of train · 0–" in text
        assert f"▸0 {DEMO.classes[DEMO.train.labels[0]]}"[:12] in text
        assert "@" in text or "#" in text  # the pictures, in characters
        assert "▀" not in text


def test_class_names_that_are_cut_in_a_caption_are_told_apart() -> None:
    browse = Browse()
    names = tuple(f"a garment for winter, kind {letter}" for letter in "ABCDEFGHIJ")
    browse.take(replace(DEMO, classes=names))
    same = [index for index in range(60) if DEMO.train.labels[index] != DEMO.train.labels[0]]
    assert browse.caption(0).endswith(names[DEMO.train.labels[0]])
    for width in (16, 22, 26):
        captions = {int(DEMO.train.labels[index]): browse.caption(index, width) for index in (0, *same)}
        assert all(len(caption) <= width for caption in captions.values())
        cut = {label: caption.split(" ", 1)[1] for label, caption in captions.items()}
        assert len(set(cut.values())) == len(cut), width
        assert all(text.startswith(f"{label} ") for label, text in cut.items())
    whole = {int(DEMO.train.labels[index]): browse.caption(index, 60) for index in same}
    assert all(caption.endswith(names[label]) for label, caption in whole.items())


async def test_a_key_that_turns_no_page_says_why(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=SIZES[1]) as pilot:
        screen = await opened(pilot)
        assert screen.why_not("page", (1,)) == ""
        await pilot.press("R")
        await until(pilot, lambda: "random 3×3" in where(app))
        assert screen.why_not("page", (1,)) == "all of them are on this page"


async def test_all_ten_classes_stand_in_the_smallest_window(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("O")
        await until(
            pilot, lambda: bool(app.screen.query(ClassCards)) and app.screen.query_one(ClassCards)._grid is not None
        )
        cards = app.screen.query_one(ClassCards)
        grid = cards._grid
        assert grid is not None
        assert grid.columns * grid.rows >= len(DEMO.classes)
        assert grid.rows * grid.down <= app.screen.query_one("#overview").size.height

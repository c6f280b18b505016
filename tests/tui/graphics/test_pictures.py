"""How images get to the terminal, whichever way it has."""

import re
import threading

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len
from rich.style import Style

from engine.data.demo.demo_dataset import demo_dataset
from tests.support.pixels import LEFT, PLACEHOLDER, ROW_MARKS, KittyTerminal, sixel_pixels
from tests.support.waiting import HANG_S, wait_for
from tui.graphics.image import half_block_lines, resized
from tui.graphics.pictures import KEPT, Lines, Pictures, PictureStyle, Placed, rows_of
from tui.graphics.terminal import Answers

generator = np.random.default_rng(3)
GREY = generator.integers(0, 256, (28, 28), np.uint8)
COLOUR = generator.integers(0, 256, (32, 32, 3), np.uint8)
SMOOTH = np.stack([np.full((32, 32), 90), *np.mgrid[:32, :32] * 8], axis=2).astype(np.uint8)
WIDE = generator.integers(0, 256, (20, 40), np.uint8)


class Kitty:
    """A terminal, and what draws on it."""

    def __init__(self) -> None:
        self.terminal = KittyTerminal()
        self.sent = ""
        self.pictures = Pictures("kitty", send=self._send)

    def _send(self, sequence: str) -> None:
        self.sent += sequence
        self.terminal.feed(sequence)

    def image_of(self, lines: Lines) -> np.ndarray:
        number = number_of(lines)
        wait_for(lambda: number in self.terminal.images, "the image")
        return self.terminal.images[number]


def number_of(lines: Lines) -> int:
    """The image that the cells are of. Checks that they show all of it, once."""
    numbers = set()
    for row, line in enumerate(lines):
        for segment in line:
            assert isinstance(segment.style, Style)
            assert segment.style.color is not None
            triplet = segment.style.color.triplet
            assert triplet is not None
            numbers.add(triplet.red << 16 | triplet.green << 8 | triplet.blue)
        cells = "".join(segment.text for segment in line).split(PLACEHOLDER)[1:]
        assert [ROW_MARKS.index(cell[0]) for cell in cells] == [row] * len(cells)
        assert [ROW_MARKS.index(cell[1]) for cell in cells] == list(range(len(cells)))
    (number,) = numbers
    return number


@pytest.mark.parametrize("image", [GREY, COLOUR, WIDE])
def test_kittys_cells_show_the_image_itself(image: np.ndarray) -> None:
    kitty = Kitty()
    lines = kitty.pictures.lines(image, 8)
    assert [cell_len("".join(segment.text for segment in line)) for line in lines] == [8] * 4
    assert (kitty.image_of(lines) == image).all()
    assert kitty.terminal.cells[number_of(lines)] == (8, 4)


def test_an_image_is_sent_once_for_a_size() -> None:
    kitty = Kitty()
    first = number_of(kitty.pictures.lines(GREY, 8))
    assert number_of(kitty.pictures.lines(GREY.copy(), 8)) == first
    other = number_of(kitty.pictures.lines(255 - GREY, 8))
    larger = number_of(kitty.pictures.lines(GREY, 16))
    assert len({first, other, larger}) == 3
    wait_for(lambda: len(kitty.terminal.images) == 3, "the image")
    assert kitty.sent.count("a=T") == 3


def test_a_large_view_has_sharp_pixels_and_a_large_image_no_more_of_them_than_are_seen() -> None:
    kitty = Kitty()
    kitty.pictures.take(Answers(cell=(10, 20)), None)
    enlarged = kitty.image_of(kitty.pictures.lines(GREY[:4, :4], 16))
    assert enlarged.shape == (160, 160)
    assert (enlarged[::40, ::40] == GREY[:4, :4]).all()
    assert (enlarged == GREY[:4, :4].repeat(40, axis=0).repeat(40, axis=1)).all()
    photo = generator.integers(0, 256, (900, 1200, 3), np.uint8)
    reduced = kitty.image_of(kitty.pictures.lines(photo, 6))
    assert (reduced == resized(photo, 60)).all()


def test_the_terminal_keeps_so_many_images_and_none_after_the_end() -> None:
    kitty = Kitty()
    last = 0
    for number in range(KEPT + 20):
        image = np.full((2, 2), number % 256, np.uint8)
        image[0, 0] = number // 256
        last = number_of(kitty.pictures.lines(image, 4))
    wait_for(lambda: last in kitty.terminal.images, "the image")
    assert kitty.sent.count("a=d") == 20
    first_kept = kitty.pictures.lines(np.array([[0, 20], [20, 20]], np.uint8), 4)
    assert number_of(first_kept) in kitty.terminal.images
    kitty.pictures.close()
    assert kitty.sent.count("a=d") == KEPT + 20
    wait_for(lambda: not kitty.terminal.images, "the image")


def test_sixels_are_made_ready_in_a_thread_and_told() -> None:
    told = threading.Semaphore(0)
    threads = []

    def ready() -> None:
        threads.append(threading.current_thread())
        told.release()

    pictures = Pictures("sixel", ready=ready)
    pictures.take(Answers(cell=(10, 20), colours=256, sixel=True), None)
    assert ["".join(segment.text for segment in line) for line in pictures.lines(GREY, 8)] == [" " * 8] * 4
    for image, side in ((GREY, 28), (SMOOTH, 28), (SMOOTH, 6), (SMOOTH[:16], 8)):
        placed = Placed(0, 0, image, side)
        assert pictures.sixels((placed,)) == ""
        assert pictures.sixels((placed,)) == ""  # asked again meanwhile: made once
        assert told.acquire(timeout=HANG_S)
        shown = sixel_pixels(pictures.sixels((placed,)))
        assert shown.shape[0] <= side // 2 * 20
        assert shown.shape[1] <= side * 10
        small = np.asarray(Image.fromarray(shown).resize((28, 28), Image.Resampling.BOX), np.float32)
        wanted = np.asarray(
            Image.fromarray(resized(image, max(image.shape[:2]))).convert("RGB").resize((28, 28), Image.Resampling.BOX),
            np.float32,
        )
        assert abs(small - wanted).mean() < 12
    assert not told.acquire(blocking=False)
    assert threading.current_thread() not in threads


def test_sixels_have_as_many_colours_as_the_terminal_and_fit_its_cells() -> None:
    told = threading.Semaphore(0)
    pictures = Pictures("sixel", ready=told.release)
    pictures.take(Answers(cell=(8, 17), colours=16, sixel=True), None)
    placed = Placed(0, 0, GREY, 28)
    pictures.sixels((placed,))
    assert told.acquire(timeout=HANG_S)
    sequence = pictures.sixels((placed,))
    assert 2 < len(set(re.findall(r"#(\d+)", sequence))) <= 16
    assert sixel_pixels(sequence).shape == (224, 224, 3)  # 28 · 8 pixels wide; eight a pixel
    pictures.take(Answers(cell=(16, 34), colours=16, sixel=True), None)
    assert pictures.sixels((placed,)) == ""  # of another size of cells it is another picture


@pytest.mark.parametrize("side", [6, 8, 10, 12, 14, 16])
def test_pixels_that_are_twice_as_large_or_more_are_squares_as_sixels(side: int) -> None:
    told = threading.Semaphore(0)
    pictures = Pictures("sixel", ready=told.release)
    pictures.take(Answers(cell=(10, 20), colours=256, sixel=True), None)
    placed = Placed(0, 0, SMOOTH, side)
    pictures.sixels((placed,))
    assert told.acquire(timeout=HANG_S)
    shown = sixel_pixels(pictures.sixels((placed,)))
    assert shown.shape[:2] == (side * 10, side * 10)
    rows = len({row.tobytes() for row in shown})
    columns = len({column.tobytes() for column in shown.swapaxes(0, 1)})
    assert max(rows, columns) <= max(SMOOTH.shape[:2])


def painted(pictures: Pictures, told: threading.Semaphore, row: tuple[Placed, ...]) -> str:
    if not pictures.sixels(row):
        assert told.acquire(timeout=HANG_S)
    return pictures.sixels(row)


@pytest.mark.parametrize(("first", "second"), [(GREY, WIDE), (SMOOTH, 255 - SMOOTH)])
def test_pictures_beside_one_another_are_painted_at_once_with_what_is_between_them_as_it_was(
    first: np.ndarray, second: np.ndarray
) -> None:
    told = threading.Semaphore(0)
    pictures = Pictures("sixel", ready=told.release)
    pictures.take(Answers(cell=(10, 20), colours=256, sixel=True), None)
    row = tuple(Placed(column, 4, image, 6) for column, image in ((3, first), (11, second), (17, first), (30, second)))
    together = sixel_pixels(painted(pictures, told, row))
    assert together.shape == (60, (30 - 3 + 6) * 10, 3)
    left_alone = np.ones(together.shape[1], bool)
    for one in row:
        begin = (one.column - 3) * 10
        alone = sixel_pixels(painted(pictures, told, (one,)))
        assert abs(together[:, begin : begin + 60].astype(int) - alone).mean() < 12  # colours that they share
        left_alone[begin : begin + 60] = False
    assert (together[:, left_alone] == LEFT).all()
    assert not (together[:, ~left_alone] == LEFT).all(axis=2).any()


def test_pictures_beside_one_another_take_two_thirds_of_the_bytes_that_they_take_alone() -> None:
    told = threading.Semaphore(0)
    pictures = Pictures("sixel", ready=told.release)
    pictures.take(Answers(cell=(10, 20), colours=256, sixel=True), None)
    images = [np.asarray(image) for image in demo_dataset().splits["train"].images[:12]]
    row = tuple(Placed(8 * index, 0, image, 6) for index, image in enumerate(images))
    alone = sum(len(painted(pictures, told, (one,))) for one in row)
    assert 3 * len(painted(pictures, told, row)) < 2 * alone


def test_pictures_that_differ_in_size_line_or_colours_are_painted_on_their_own() -> None:
    places = [(8, 0, 6), (0, 0, 6), (0, 4, 6), (0, 0, 12), (8, 4, 6)]
    pictures = [Placed(column, row, GREY, side) for column, row, side in places]
    rows = rows_of([*pictures, Placed(16, 0, SMOOTH, 6)])
    assert [[(one.column, one.row, one.side) for one in row] for row in rows] == [
        [(0, 0, 6), (8, 0, 6)],
        [(0, 4, 6), (8, 4, 6)],
        [(0, 0, 12)],
        [(16, 0, 6)],
    ]


@pytest.mark.parametrize("style", ["blocks", "ascii"])
def test_cells_are_as_they_were(style: PictureStyle) -> None:
    assert style in ("blocks", "ascii")
    assert Pictures(style).lines(GREY, 14) == half_block_lines(resized(GREY, 14), style)


@pytest.mark.parametrize(
    ("first", "answer", "styles"),
    [
        ("blocks", "kitty", ["blocks", "ascii", "kitty"]),
        ("blocks", "sixel", ["blocks", "ascii", "sixel"]),
        ("blocks", None, ["ascii", "blocks"]),
        ("ascii", None, ["blocks", "ascii"]),
        ("kitty", None, ["blocks", "ascii", "kitty"]),
    ],
)
def test_the_ways_that_a_terminal_has_follow_one_another(
    first: PictureStyle, answer: PictureStyle | None, styles: list[PictureStyle]
) -> None:
    pictures = Pictures(first)
    assert pictures.take(Answers(), answer) == (answer is not None)
    assert [pictures.other_style() for _ in styles] == styles
    assert pictures.pixels == (styles[-1] in ("kitty", "sixel"))
    assert pictures.cells == ("ascii" if styles[-1] == "ascii" else "blocks")


def test_what_fails_in_the_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda told: failed.set())

    def broken(sequence: str) -> None:
        raise OSError("the terminal is gone")

    Pictures("kitty", send=broken).lines(GREY, 8)
    assert failed.wait(timeout=HANG_S)

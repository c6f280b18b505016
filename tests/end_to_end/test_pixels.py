"""Images as pixels in a terminal that draws them, in one that says nothing, and through tmux."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from engine.data.demo.demo_dataset import demo_dataset
from tests.support.pixels import LEFT, PLACEHOLDER, ROW_MARKS, KittyTerminal, sixel_pixels
from tests.support.terminal import PROGRAM, Terminal
from tests.support.waiting import wait_for
from tui.graphics.terminal import QUESTION

KITTY = b"\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;20;10t\x1b[?62;c"
XTERM = b"\x1bP>|XTerm(379)\x1b\\\x1b[6;20;10t\x1b[?1;0;256S\x1b[?63;1;2;4;6;9;15;22c"
FIRST_CELL = re.compile(r"\x1b\[38;2;(\d+);(\d+);(\d+)[;\d]*m" + PLACEHOLDER + ROW_MARKS[0] + ROW_MARKS[0])


def program(
    home: Path, *options: str, replies: Mapping[bytes, bytes], env: Mapping[str, str] | None = None
) -> Terminal:
    command = [PROGRAM, "--home", str(home), "--dataset", "demo", *options]
    environment = {"TMUX": "", **(env or {})}
    return Terminal(command, columns=120, rows=36, replies=replies, env=environment, draw=False)


def demo_images() -> list[np.ndarray]:
    return [np.asarray(image) for image in demo_dataset().splits["train"].images[:200]]


def pictures_in(text: str) -> dict[tuple[int, int], np.ndarray]:
    """What sixels paint, by the row and the column of the cells in which each picture begins. Pictures beside one
    another come in one sequence, with what is between them left as it is."""
    found = {}
    for row, column, sequence in re.findall(r"\x1b7\x1b\[(\d+);(\d+)H(\x1bP.*?\x1b\\)\x1b8", text, re.DOTALL):
        pixels = sixel_pixels(sequence)
        left_alone = (pixels == LEFT).all(axis=(0, 2))
        edges = np.flatnonzero(np.diff(np.concatenate([[True], left_alone, [True]]).astype(int)))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            found[int(row), int(column) + begin // 10] = pixels[:, begin:end]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("tmux", [False, True])
def test_kitty_gets_the_images_themselves_and_cells_that_show_them(home: Path, tmux: bool) -> None:
    """In tmux, which answers in its own name, only where it is asked for."""
    options = ["--images", "kitty"] if tmux else []
    env = {"TMUX": "/tmp/tmux,1,0"} if tmux else {}
    with program(home, *options, replies={} if tmux else {QUESTION.encode(): KITTY}, env=env) as terminal:
        terminal.wait_for_raw((PLACEHOLDER + ROW_MARKS[8]).encode())  # the large picture, too
        images = demo_images()

        def page() -> tuple[str, KittyTerminal, list[int]]:
            """What was sent, the terminal that has it, and which images of the data set it shows."""
            terminal.fall_silent(1)
            text, shown = bytes(terminal.raw).decode(), KittyTerminal()
            shown.feed(text, tmux=tmux)
            found = [
                next((i for i, one in enumerate(images) if np.array_equal(one, image)), None)
                for image in shown.images.values()
            ]
            return text, shown, sorted(index for index in found if index is not None)

        text, shown, indices = wait_for(lambda: made if len((made := page())[2]) > 30 else None, "a page of images")
        assert indices == list(range(len(indices)))
        numbers = [int(r) << 16 | int(g) << 8 | int(b) for r, g, b in FIRST_CELL.findall(text)]
        assert set(numbers) == set(shown.images)
        terminal.press("q")
        assert terminal.exit_code() == 0
        shown.feed(bytes(terminal.raw).decode()[len(text) :], tmux=tmux)
        assert not shown.images


@pytest.mark.slow
def test_sixels_are_painted_in_the_empty_cells_and_again_after_a_dialog(home: Path) -> None:
    with program(home, replies={QUESTION.encode(): XTERM}) as terminal:
        terminal.wait_for_raw(b"\x1bP0;1q")
        terminal.fall_silent(1)
        before = len(terminal.raw)
        terminal.press("\x0c")  # ctrl+l: all of it once more, with the banner, which may come after the first images
        terminal.settle(before, quiet=1)
        text = bytes(terminal.raw[before:]).decode()
        page = pictures_in(text)
        assert len(page) > 30
        (top, left), first = min(page.items())
        wanted = demo_images()[0]
        small = first[:: len(first) // 28, :: len(first) // 28, 0] if len(first) % 28 == 0 else None
        assert abs(first.mean() - wanted.mean()) < 10
        assert small is None or abs(small.astype(int) - wanted).max() < 30
        assert (top, left) == (4, min(column for _, column in page))  # below the top line, the banner and the border
        before = len(terminal.raw)
        terminal.press("i")
        terminal.wait_for_raw(b"Go to an image", before)
        terminal.settle(before, quiet=0.3)  # its cursor blinks
        beneath = pictures_in(bytes(terminal.raw[before:]).decode())
        assert 0 < len(beneath) < len(page)  # not those that the prompt covers
        before = len(terminal.raw)
        terminal.press("escape")
        terminal.settle(before, quiet=1)
        assert pictures_in(bytes(terminal.raw[before:]).decode()).keys() == page.keys()
        before = len(terminal.raw)
        terminal.press("right")
        terminal.settle(before, quiet=1)
        assert len(pictures_in(bytes(terminal.raw[before:]).decode())) == 1  # the large one alone
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_a_terminal_that_says_nothing_shows_half_blocks_at_once_and_what_it_says_later_is_no_key(home: Path) -> None:
    with program(home, replies={}) as terminal:
        terminal.wait_for_raw("▀".encode())
        terminal.fall_silent(1)
        before = len(terminal.raw)
        terminal.press(KITTY.decode())
        terminal.wait_for_raw(PLACEHOLDER.encode(), before)
        terminal.fall_silent(1)
        assert b"Go to an image" not in terminal.raw  # which an i opens
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "env"),
    [
        (["--images", "blocks"], {}),
        (["--ascii"], {}),
        ([], {"NO_COLOR": "1"}),
        ([], {"COLORTERM": "", "TERM": "xterm"}),
    ],
)
def test_no_terminal_is_asked_where_the_answer_would_not_count(
    home: Path, options: list[str], env: dict[str, str]
) -> None:
    with program(home, *options, replies={QUESTION.encode(): KITTY}, env=env) as terminal:
        terminal.wait_for_raw(b"Enlarge")
        terminal.fall_silent(1)
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert QUESTION.encode() not in terminal.raw
        assert PLACEHOLDER.encode() not in terminal.raw

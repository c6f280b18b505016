"""Kitty's protocol, read as a terminal reads it."""

import unicodedata
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from tests.support.pixels import PLACEHOLDER, ROW_MARKS, KittyTerminal
from tui.graphics import kitty


def png(image: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (90, 70), np.uint8)  # a file of more than one sequence


@pytest.mark.parametrize("tmux", [False, True])
@pytest.mark.parametrize("image", [NOISE, NOISE[:3, :5], np.stack([NOISE, NOISE // 2, 255 - NOISE], axis=2)])
def test_an_image_arrives_as_it_was_sent(image: np.ndarray, tmux: bool) -> None:
    terminal = KittyTerminal()
    sent = kitty.transmission(70_000, png(image), 18, 9, tmux=tmux)
    assert terminal.feed(sent, tmux=tmux) == ""
    assert (terminal.images[70_000] == image).all()
    assert terminal.cells[70_000] == (18, 9)


def test_without_its_wrapping_tmux_would_swallow_it() -> None:
    sent = kitty.transmission(9, png(NOISE), 18, 9, tmux=True)
    assert sent.count("\x1bPtmux;") == kitty.transmission(9, png(NOISE), 18, 9).count("\x1b_G") > 1
    terminal = KittyTerminal()
    terminal.feed(sent)
    assert not terminal.images


@pytest.mark.parametrize("tmux", [False, True])
def test_an_image_is_forgotten(tmux: bool) -> None:
    terminal = KittyTerminal(images={7: NOISE, 8: NOISE})
    terminal.feed(kitty.deletion(8, tmux=tmux), tmux=tmux)
    assert list(terminal.images) == [7]


def test_a_cell_says_where_in_the_image_it_is() -> None:
    line = kitty.cells(3, 12)
    assert cell_len(line) == 12
    cells = line.split(PLACEHOLDER)[1:]
    assert [(ROW_MARKS.index(cell[0]), ROW_MARKS.index(cell[1])) for cell in cells] == [(3, x) for x in range(12)]


def test_the_marks_are_distinct_and_part_of_no_composed_character() -> None:
    marks = kitty.marks()
    assert len(set(marks)) == len(marks) == 297
    assert marks.startswith(ROW_MARKS)
    assert all(unicodedata.combining(mark) == 230 and not unicodedata.decomposition(mark) for mark in marks)
    assert all(unicodedata.normalize("NFC", PLACEHOLDER + mark) == PLACEHOLDER + mark for mark in marks)

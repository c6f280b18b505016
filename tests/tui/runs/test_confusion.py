"""The matrix of true and predicted classes, and the bars beside it: which names their columns and rows have."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len, set_cell_size
from textual.app import App, ComposeResult

from engine.training.events import Evaluated
from tui.app import FmnistApp
from tui.runs.confusion import ClassBars, ConfusionMatrix
from tui.runs.confusion_matrix import MatrixScreen
from tui.widgets.lines import Line, Lines

GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
ALIKE = tuple(f"category{at:03}" for at in range(10))  # of which only the ends differ
SOME_ALIKE = ("winter-coat,long", "winter-coat,short", "bag")
KOREAN = tuple(f"가나다라마바{at}" for at in range(10))
MANY = tuple(f"{at}-class" for at in range(110))
EVERY = (GARMENTS, ALIKE, SOME_ALIKE, KOREAN, MANY)


def result(classes: int) -> Evaluated:
    """A row of each class: itself 100 times and a little more, every other class at least once."""
    confusion = [[100 + row if row == at else 1 + (row + at) % 7 for at in range(classes)] for row in range(classes)]
    return Evaluated(epoch=3, loss=0.5, accuracy=0.8, per_class=[0.8] * classes, confusion=confusion, seconds=1.0)


class Showing(App[None]):
    def __init__(self, widget: Lines) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


async def painted(widget: ConfusionMatrix | ClassBars, names: tuple[str, ...], size: tuple[int, int]) -> list[Line]:
    app = Showing(widget)
    async with app.run_test(size=size) as pilot:
        widget.show(result(len(names)), names)
        await pilot.pause()
        return list(widget._lines)


def columns_and_rows(lines: list[Line], classes: int) -> tuple[list[str], list[str]]:
    """What stands over the columns of a matrix, and before its rows."""
    rows = [line for line in lines[1:] if len(line) > 1]
    label, cell = cell_len(rows[0][0][0]), cell_len(rows[0][1][0])
    over = list[str]()
    for at in range(len(rows[0]) - 1):
        over.append(
            set_cell_size(lines[0][0][0], label + (at + 1) * cell)[
                len(set_cell_size(lines[0][0][0], label + at * cell)) :
            ].strip()
        )
    return over, [row[0][0].strip() for row in rows]


def is_of(name: str, number: int, written: str) -> bool:
    """Whether what is written is a name, or the beginning of it and an ellipsis; the class's number may be before."""
    wholes = (name, f"{number} {name}")
    return written in wholes or (
        len(written) > 1 and written.endswith("…") and any(whole.startswith(written[:-1]) for whole in wholes)
    )


@pytest.mark.parametrize("width", [54, 64, 76, 100, 140])
@pytest.mark.parametrize("names", EVERY, ids=["garments", "alike", "some alike", "wide", "many"])
async def test_names_of_a_matrix_say_where_they_are_cut_and_differ(names: tuple[str, ...], width: int) -> None:
    lines = await painted(ConfusionMatrix(titled=False), names, (width, 13))
    assert all(cell_len("".join(text for text, _ in line)) <= width for line in lines)
    for written in columns_and_rows(lines, len(names)):
        assert len(set(written)) == len(written) >= min(len(names), 9)
        assert all(is_of(name, at, one) for at, (name, one) in enumerate(zip(names, written, strict=False)))


async def test_a_matrix_has_whole_names_where_there_is_room() -> None:
    lines = await painted(ConfusionMatrix(titled=False), GARMENTS, (140, 13))
    assert columns_and_rows(lines, 10) == (list(GARMENTS), list(GARMENTS))
    lines = await painted(ConfusionMatrix(titled=False), GARMENTS, (54, 13))
    assert columns_and_rows(lines, 10)[0] == ["T-…", "Tr…", "Pu…", "Dr…", "Co…", "Sa…", "Sh…", "Sn…", "Bag", "An…"]


async def test_classes_that_do_not_fit_are_counted_and_the_cursor_leads_to_them(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(MatrixScreen(result(len(MANY)), MANY))
        await pilot.pause()
        matrix = app.screen.query_one(ConfusionMatrix)
        assert re.search(r"↓ 0–\d+, → 0–\d+ of 110 classes", matrix.text())
        await pilot.press(*["down"] * 20, *["right"] * 20)
        assert any(style == "chosen" for line in matrix._lines for _, style in line)
        assert re.search(r"↓ ([1-9]\d*)–\d+, → ([1-9]\d*)–\d+ of 110 classes", matrix.text())
        bottom = app.screen.query_one("#frame").region.bottom
        assert bottom <= 24


@pytest.mark.parametrize("names", EVERY, ids=["garments", "alike", "some alike", "wide", "many"])
async def test_names_beside_bars_differ_and_bars_that_do_not_fit_are_counted(names: tuple[str, ...]) -> None:
    lines = await painted(ClassBars(), names, (54, 12))
    written = [line[0][0].strip() for line in lines if len(line) > 1]
    assert len(set(written)) == len(written) == min(len(names), 11 if len(names) > 12 else 12)
    assert all(is_of(name, at, one) for at, (name, one) in enumerate(zip(names, written, strict=False)))
    assert lines[-1][0][0] == "… and 99 more classes" or len(names) <= 12

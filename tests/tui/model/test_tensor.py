"""A tensor's screen: what stands below numbers that leave most of it free."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import torch
from rich.console import Console
from textual.widgets import Input, Static

from engine.inspection.tensor_requests import ExactNumber
from engine.models.registry import build
from tests.support.waiting import until
from tui.app import FmnistApp
from tui.model.exact_lines import ExactNumbers, exact_lines
from tui.model.module_table import ModuleTable
from tui.model.tensor import TensorScreen
from tui.model.tensor_charts import TensorCharts
from tui.widgets.cells import Cells
from tui.widgets.heatmap import HeatMap
from tui.widgets.image_page import ImagePage


def has(exact: ExactNumbers, words: str) -> bool:
    return words in exact.text()


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("mlp")


async def test_small_matrices_have_their_pictures_below_them_and_a_vector_its_map(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        app.services.network.choose("cnn")
        await pilot.press("4")
        await until(pilot, lambda: "Conv2d" in app.screen.query_one(ModuleTable).text())
        await pilot.press("v", "enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and bool(app.screen.query_one(Cells).value))
        screen = app.screen
        page, cells = screen.query_one(ImagePage), screen.query_one(Cells)
        await until(pilot, lambda: page.display and "▸0" in "\n".join(page.text()))
        assert cells.size.height < 8
        await pilot.press("n", "n")
        await until(pilot, lambda: "▸2" in "\n".join(page.text()))
        assert "matrix 3 of 24" in str(screen.query_one("#value", Static).content)
        await pilot.click(ImagePage, offset=(page.tiles.left + 1, 1))
        await until(pilot, lambda: "matrix 1 of 24" in str(screen.query_one("#value", Static).content))
        await pilot.press("slash")
        app.screen.query_one(Input).value = "[0, 0]"
        await pilot.press("enter")
        await until(pilot, lambda: screen.query_one(HeatMap).display and not page.display)
        await pilot.press("slash")
        app.screen.query_one(Input).value = ".reshape(36, 6)"
        await pilot.press("enter")
        await until(pilot, lambda: not screen.query_one(HeatMap).display and cells.height == 36)
        await until(pilot, lambda: cells.size.height > 36)  # numbers that leave too few lines have the whole height
        charts = screen.query_one(TensorCharts)
        await until(pilot, lambda: "How many have which value" in charts.text())
        assert charts.region.x >= cells.region.right, "and the charts stand beside them"


async def test_a_vector_is_folded_into_the_window_with_its_values_as_bars(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    bias = dict(model().named_parameters())["linear_relu_stack.0.bias"].detach()
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "Linear" in app.screen.query_one(ModuleTable).text())
        await pilot.press("v", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and bool(app.screen.query_one(Cells).value))
        screen = app.screen
        cells, charts = screen.query_one(Cells), screen.query_one(TensorCharts)
        await until(pilot, lambda: cells.window[3] >= 300)
        assert not charts.display, "where the numbers fill the window"
        await pilot.press("down", "right")
        assert str(screen.query_one("#value", Static).content).startswith("[11] = "), "a line of ten is one down"
        assert float(cells.value) == pytest.approx(float(bias[11]), rel=1e-3, abs=6e-5)
        await pilot.press("G")
        await until(pilot, lambda: bool(cells.value))
        assert str(screen.query_one("#value", Static).content).startswith("[511] = ")
        await pilot.press("v")
        await until(pilot, lambda: "The values by index, each the mean of about" in charts.text())
        assert not cells.display
        assert charts.size.width > 130
        await pilot.press("v")
        await until(pilot, lambda: cells.display)  # it has no pictures
        await pilot.press("slash")
        app.screen.query_one(Input).value = "[:25]"
        await pilot.press("enter")
        await until(pilot, lambda: charts.display and cells.display and "24" in charts.text())
        assert "each the mean" not in charts.text(), "each value has a bar"
        assert charts.region.y >= cells.region.bottom


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (200, 60)])
async def test_a_long_narrow_matrix_stands_in_stretches_beside_each_other(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    weight = dict(model().named_parameters())["linear_relu_stack.0.weight"].detach()
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "Linear" in app.screen.query_one(ModuleTable).text())
        await pilot.press("v", "enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and bool(app.screen.query_one(Cells).value))
        cells = app.screen.query_one(Cells)
        await pilot.press("slash")
        app.screen.query_one(Input).value = "[:, :2]"
        await pilot.press("enter")
        await until(pilot, lambda: cells.width == 2 and cells.holds(cells.window) and bool(cells.value))
        lines = cells.size.height - 1
        await until(pilot, lambda: cells.window[2] >= 2 * lines)
        await pilot.press("right", "right")  # from the last column into the stretch beside it
        await until(pilot, lambda: (cells.row, cells.column) == (lines, 0) and bool(cells.value))
        assert float(cells.value) == pytest.approx(float(weight[lines, 0]), rel=1e-3, abs=6e-5)
        await pilot.press("left")
        assert (cells.row, cells.column) == (0, 1)
        await pilot.press("G")
        await until(pilot, lambda: cells.row == 511 and bool(cells.value))
        assert float(cells.value) == pytest.approx(float(weight[511, 1]), rel=1e-3, abs=6e-5)


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (200, 60)])
async def test_one_number_or_two_are_shown_exactly(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "Linear" in app.screen.query_one(ModuleTable).text())
        await pilot.press("v", "enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and bool(app.screen.query_one(Cells).value))
        screen = app.screen
        exact = screen.query_one(ExactNumbers)
        assert not exact.display
        first = dict(model().named_parameters())["linear_relu_stack.0.weight"].detach()
        for view, numbers in (("[0, 0]", [first[0, 0]]), ("[0, 1:3]", list(first[0, 1:3]))):
            await pilot.press("slash")
            app.screen.query_one(Input).value = view
            await pilot.press("enter")
            for number in numbers:
                bits = f"{number.reshape(1).view(torch.int32).item() % (1 << 32):032b}"
                words = f"{bits[0]} {bits[1:9]} {bits[9:]}"
                await until(pilot, partial(has, exact, words))
                assert f"{Decimal(float(number)):f}"[:20] in exact.text()
            assert "float32" in exact.text()
            assert "…" not in exact.text().splitlines()[-1]
            assert f"{float(numbers[0]):.4f}"[:5] in str(screen.query_one("#value", Static).content)
        await pilot.press("slash")
        app.screen.query_one(Input).value = "[0]"
        await pilot.press("enter")
        await until(pilot, lambda: not exact.display and len(screen.query_one(Cells).value) > 3)


def test_numbers_are_large_where_there_is_room_and_none_is_left_out_in_silence() -> None:
    numbers = (ExactNumber((), "", "-0.1", exact="-0.125", bits=("1", "01", "1"), code="0xd", limits="-2 to 2"),) * 2
    console = Console(width=80)

    def words(width: int, height: int) -> list[str]:
        return ["".join(text for text, _ in line) for line in exact_lines(numbers, "float4", width, height, console)]

    assert sum("╭─╮" in line for line in words(80, 30)) == 2  # the 0, in each
    assert sum("╭─╮ " in line for line in words(140, 12)) == 1  # beside each other
    assert not any("╭─╮" in line for line in words(80, 11))
    assert len(words(80, 11)) == 11
    assert words(80, 11)[-1] != "…"
    assert words(80, 5)[-1] == "…"
    assert len(words(80, 5)) == 5


def test_a_wide_window_has_other_types_and_the_values_around_beside_a_number() -> None:
    around = tuple((str(-6.5 - at), f"1 1000 {at:04b}") for at in range(-4, 5))
    number = ExactNumber(
        (), "", "-6.5", bits=("1", "10000001", "1" * 23), around=around, others=(("torch.int8", "-6", "+0.5"),)
    )
    console = Console(width=140)

    def words(count: int, width: int, height: int) -> list[str]:
        numbers = (number,) * count
        return ["".join(text for text, _ in line) for line in exact_lines(numbers, "float32", width, height, console)]

    one = words(1, 140, 40)
    assert any("How its bits make it" in line for line in one)
    assert "In other types" in one[0][68:]  # beside the number
    assert any("x.to(torch.int8)  -6  (+0.5)" in line for line in one)
    assert sum("1 1000 " in line for line in one) == 9
    assert sum("1 1000 " in line for line in words(1, 140, 10)) == 5  # as many as there is room for, itself between
    assert not any("In other types" in line for line in words(1, 100, 15))  # below it, where there is room
    assert any("In other types" in line for line in words(1, 100, 40))
    assert sum(line.count("In other types") for line in words(2, 140, 40)) == 2
    for width, height in ((140, 40), (140, 10), (100, 40), (100, 15), (60, 12)):
        for count in (1, 2):
            lines = words(count, width, height)
            assert len(lines) <= height
            assert all(len(line.rstrip()) <= width for line in lines)


def test_how_its_bits_make_a_number_where_there_is_room() -> None:
    minus = ExactNumber((), "", "-6.5", bits=("1", "10000001", "10100000000000000000000"))
    console = Console(width=100)

    def words(number: ExactNumber, height: int) -> str:
        lines = exact_lines((number,), "float32", 100, height, console)
        return "\n".join("".join(text for text, _ in line) for line in lines)

    told = words(minus, 40)
    assert "−2^2 × 1.625" in told
    assert "= 129 less 127: 2^2" in told
    assert told.count("●") == 1
    assert "How its bits" not in words(minus, 6)
    tiny = replace(minus, bits=("0", "00000000", "00000000000000000000001"))
    assert "a subnormal number: 2^-126" in words(tiny, 40)
    for none in (("0", "00000000", "0" * 23), ("0", "11111111", "0" * 23), ("00000111",), ()):
        assert "How its bits" not in words(replace(minus, bits=none), 40)

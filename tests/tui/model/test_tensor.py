"""A tensor's screen: what stands below numbers that leave most of it free."""

from pathlib import Path

from textual.widgets import Input, Static

from tests.support.waiting import until
from tui.app import FmnistApp
from tui.model.module_table import ModuleTable
from tui.model.tensor import TensorScreen
from tui.widgets.cells import Cells
from tui.widgets.heatmap import HeatMap
from tui.widgets.image_page import ImagePage


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
        app.screen.query_one(Input).value = ".reshape(24, 9)"
        await pilot.press("enter")
        await until(pilot, lambda: not screen.query_one(HeatMap).display and cells.height == 24)
        assert cells.size.height > 24, "numbers that fill more than half have the whole room"

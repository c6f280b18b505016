"""*Model*'s parameters: the filter and the order hold together."""

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.support.at_once import at_once  # noqa: F401
from tests.support.waiting import until
from tests.tui.model.test_model import edges, model, read, typed
from tui.app import FmnistApp
from tui.model.model import ModelScreen

pytestmark = pytest.mark.usefixtures("at_once")


async def test_a_filter_of_the_parameters_keeps_their_order_and_the_cursor(home: Path) -> None:
    std = {name: float(one.detach().std(correction=0)) for name, one in model().named_parameters()}
    by_std = sorted(std, key=lambda name: -std[name])
    assert by_std != list(std)
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await pilot.press("4")
        await read(pilot)
        screen = app.screen
        assert isinstance(screen, ModelScreen)

        def names() -> list[str]:
            return [row.key for row in screen.table.rows]

        await pilot.press("v")
        assert names() == list(std)
        await pilot.press("s", "s", "s")
        assert names() == by_std
        await pilot.press("end")
        assert screen.table.key == by_std[-1]
        await pilot.press("slash")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await typed(pilot, "0|4")
        wanted = [name for name in by_std if "0" in name or "4" in name]
        await until(pilot, lambda: names() == wanted)
        assert "by std" in edges(app)
        assert screen.table.key == by_std[-1]
        await pilot.press("down")
        assert screen.table.key == wanted[-1]
        await pilot.press("escape")
        assert names() == by_std
        assert "by std" in edges(app)
        assert screen.table.key == by_std[-1]

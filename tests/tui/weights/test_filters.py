"""A file's tensors and two files' differences: the filter and the order hold together."""

from pathlib import Path

import pytest
import torch
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.at_once import at_once  # noqa: F401
from tests.support.panels import said
from tests.support.waiting import until
from tui.app import FmnistApp
from tui.weights.difference import DifferenceScreen
from tui.weights.file import FileScreen
from tui.widgets.rows import Rows

pytestmark = pytest.mark.usefixtures("at_once")


def order(app: FmnistApp) -> str:
    """The tensors' first letters, the one under the cursor large."""
    table = app.screen.query_one(Rows)
    return "".join(row.key[0].upper() if row.key == table.key else row.key[0] for row in table.rows)


async def filtered(pilot: Pilot[None], text: str) -> None:
    await pilot.press("slash")
    await until(pilot, lambda: bool(pilot.app.screen.query(Input)))
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await pilot.pause()


async def test_a_filter_of_a_files_tensors_keeps_their_order(home: Path, tmp_path: Path) -> None:
    tensors = {"b.small": torch.zeros(3), "c.large": torch.full((9,), 2.0), "a.one": torch.ones(5)}
    torch.save(tensors, tmp_path / "three.pth")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        app.push_screen(FileScreen(app, tmp_path / "three.pth"))
        await until(pilot, lambda: "100.0%" in app.screen.query_one(Rows).text())
        assert order(app) == "Bca"
        await pilot.press("s", "s")
        assert order(app) == "caB"  # by size; the cursor stays on its tensor
        await filtered(pilot, "l")
        assert order(app) == "cB"
        assert "filter: l" in said(app)
        assert "by size" in said(app)
        await pilot.press("s")
        assert "by norm" in said(app)
        assert order(app) == "cB"
        await pilot.press("escape")
        assert order(app) == "caB"
        assert "by norm" in said(app)
        await pilot.press("down", "down", "down", "up")
        assert order(app) == "cAb"


async def test_a_filter_of_differences_keeps_their_order(home: Path, tmp_path: Path) -> None:
    first = {"a.small": torch.tensor([1.0]), "b.large": torch.tensor([100.0, 100.0]), "c.same": torch.ones(2),
             "d.mild": torch.tensor([10.0])}  # fmt: skip
    second = {"a.small": torch.tensor([1.5]), "b.large": torch.tensor([104.0, 104.0]), "c.same": torch.ones(2),
              "d.mild": torch.tensor([11.0])}  # fmt: skip
    torch.save(first, tmp_path / "first.pth")
    torch.save(second, tmp_path / "second.pth")
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        app.push_screen(DifferenceScreen(app, tmp_path / "first.pth", tmp_path / "second.pth"))
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen) and "3 changed" in said(app))
        assert order(app) == "Adbc"  # relative: 0.5, 0.1, 0.04; what is the same comes last
        await pilot.press("s")
        assert order(app) == "bdAc"  # by the largest difference: 4, 1, 0.5
        await filtered(pilot, "m")  # a.small, c.same, d.mild
        assert order(app) == "dAc"
        assert "filter: m" in said(app)
        await filtered(pilot, "changed")
        assert order(app) == "bdA"
        await pilot.press("escape")
        assert order(app) == "bdAc"
        assert "by max |Δ|" in said(app)

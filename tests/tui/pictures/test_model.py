"""*Model* and what opens from it."""

from pathlib import Path

import pytest

from tests.tui.pictures.conftest import SIZES, Picture, opened, still, typed
from tests.tui.pictures.world import NETWORK
from tui.app import FmnistApp

pytestmark = pytest.mark.usefixtures("answers")
READY = ("small.py:Small", "9,550")


def model(home: Path) -> FmnistApp:
    app = opened(home, "model")
    app.settings["model"] = NETWORK
    return app


async def test_modules_and_parameters(home: Path, picture: Picture) -> None:
    async with model(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("j", "j")
        await picture(pilot, *READY, name="modules")
        await pilot.press("v")
        await picture(pilot, "hidden.weight", name="parameters")
        await pilot.press("s")
        await typed(pilot, "slash", "bias$")
        await picture(pilot, "by count", "out.bias", name="filtered-and-sorted")


async def test_a_frozen_layer(home: Path, picture: Picture) -> None:
    async with model(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("j", "j", "f")
        await picture(pilot, "frozen: hidden")


async def test_as_pytorch_prints_it(home: Path, picture: Picture) -> None:
    async with model(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("g", "enter")
        await picture(pilot, "Small(", "(hidden): Linear(in_features=784, out_features=12, bias=True)")


async def test_a_network_that_is_not_there(home: Path, picture: Picture) -> None:
    async with model(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await typed(pilot, "o", "gone.py:Net", enter=False)
        await picture(pilot, "gone.py", name="prompt")
        await pilot.press("enter")
        await picture(pilot, "gone.py", name="answer")


async def test_a_tensor(home: Path, picture: Picture) -> None:
    async with model(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("v", "enter")
        await still(pilot, ("[12, 784]",))
        await pilot.press("right", "down")
        await picture(pilot, "[12, 784]", "[1, 1] = ", name="numbers")
        await pilot.press("v")
        await picture(pilot, "map of 12 × 784", name="map")
        await pilot.press("v")
        await picture(pilot, "[12, 784]", name="pictures")


async def test_a_view_of_a_tensor(home: Path, picture: Picture) -> None:
    async with model(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("v", "enter")
        await still(pilot, ("[12, 784]",))
        await typed(pilot, "slash", "[1].reshape(28, 28)")
        await picture(pilot, "[28, 28]", "a view of it", name="image")
        await typed(pilot, "slash", "[3, :100]")
        await picture(pilot, "[100]", "[0] = ", name="vector")
        await pilot.press("v")
        await picture(pilot, "100 values as bars", name="bars")
        await pilot.press("v")
        await still(pilot, ("[0] = ",))
        await typed(pilot, "slash", ".T[:, :2]")
        await picture(pilot, "[784, 2]", name="narrow")


async def test_autograd(home: Path, picture: Picture) -> None:
    async with model(home).run_test(size=SIZES[0]) as pilot:
        await still(pilot, READY)
        await pilot.press("A")
        await picture(pilot, "space: pred = model(X)", name="begins")
        await pilot.press("space")
        await still(pilot, ("1 pred = model(X)",))
        await pilot.press("space")
        await still(pilot, ("2 loss = loss_fn(pred, y)",))
        await pilot.press("space")
        await picture(pilot, "3 loss.backward()", name="backward")
        await pilot.press("space")
        await still(pilot, ("4 optimizer.step()",))
        await pilot.press("v")
        await picture(pilot, "4 optimizer.step()", name="step")

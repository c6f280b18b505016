"""One image through a network, by keys."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from engine.data.open_dataset import open_dataset
from engine.inspection.forward_requests import ActivationRequest
from engine.models.registry import build
from tests.support.at_once import at_once  # noqa: F401
from tests.support.waiting import until
from tests.tui.data.test_data import line, opened
from tui.app import FmnistApp
from tui.data.batches import BatchesScreen
from tui.model.answer_pane import AnswerPane
from tui.model.contributions import ContributionsScreen
from tui.model.forward import ForwardScreen
from tui.model.pixel_editor import PixelEditorScreen
from tui.model.tensor import TensorScreen
from tui.widgets.bars import Bars
from tui.widgets.gallery import Gallery
from tui.widgets.heatmap import HeatMap
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows

SCREENS = (ForwardScreen, PixelEditorScreen)
SIZES = [(80, 24), (140, 45)]
DEMO = open_dataset("demo", None, Path())
pytestmark = pytest.mark.usefixtures("at_once")


def chances(image: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", model: str = "mlp") -> torch.Tensor:
    torch.manual_seed(0)
    net = build(model).eval()
    X = torch.from_numpy(np.array(image)).float()[None, None] / 255
    with torch.no_grad():
        found: torch.Tensor = net(X).softmax(1)[0]
    return found


async def through(pilot: Pilot[None], words: str) -> Screen[Any]:
    app = pilot.app
    assert isinstance(app, FmnistApp)
    await until(pilot, lambda: isinstance(app.screen, SCREENS) and words in borders(app))
    return app.screen


def borders(app: FmnistApp) -> str:
    """What the panels' borders say, without what they cut."""
    return " ".join(word for panel in app.screen.query(Panel) for word in (panel._title, panel._right, panel._below))


@pytest.mark.parametrize("size", SIZES)
async def test_the_chosen_image_goes_through_stage_by_stage(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    said = chances(DEMO.test.images[2])  # before anything is computed beside it: the generator is torch's own
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("t", "right", "right", "F")
        screen = await through(pilot, "test image 2, ")
        names = DEMO.classes
        right = "correct" if int(said.argmax()) == int(DEMO.test.labels[2]) else "wrong"
        expected = f"{names[int(said.argmax())]} {100 * float(said.max()):.1f}%, {right}"
        assert expected in borders(app)
        rows = screen.query_one(Rows)
        assert [row.cells[0] for row in rows.rows][:2] == ["flatten Flatten", "linear_relu_stack.0 Linear"]
        await pilot.press("j", "j")
        assert "ReLU(): [1, 512] → [1, 512]" in line(app, "#stage")
        assert "of the units are 0 for this image" in line(app, "#stage")
        await until(pilot, lambda: "output: 512 units" in borders(app))
        await pilot.press("v")
        await until(pilot, lambda: "input: 512 units" in borders(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "[1, 512]" in line(app, "#about"))
        assert "input of model.linear_relu_stack[1]" in line(app, "#about")
        await pilot.press("escape", "tab")
        assert screen.query_one("#answer-panel").display
        text = screen.query_one(Bars).text()
        for at, name in enumerate(names):
            assert f"{100 * float(said[at]):.1f}%" in next(one for one in text.splitlines() if f" {name} " in one)
        assert f"✓ {names[int(DEMO.test.labels[2])]}" in text
        await until(pilot, lambda: screen.query_one(AnswerPane).saliency is not None)
        if size[0] > 100:
            assert len(screen.query_one(Gallery).captions) == 3
        else:
            assert screen.query_one(Gallery).captions == ["the image"]
            await pilot.press("a")
            assert screen.query_one(Gallery).captions[0].startswith("gradient of ")
            await pilot.press("a")
            assert " points" in screen.query_one(Gallery).captions[0]
        await pilot.press("m")
        await until(pilot, lambda: "of T-Shirt" in borders(app))
        await pilot.press("right")
        await through(pilot, "test image 3, ")
        await pilot.press("t")
        await through(pilot, "train image 3, ")
        await pilot.press("i")
        app.screen.query_one(Input).value = "99999"
        await pilot.press("enter")
        await until(pilot, lambda: any("has no image 99999" in note.message for note in app._notifications))
        await through(pilot, "train image 3, ")
        await pilot.press("escape")
        assert app.screen is not screen


@pytest.mark.parametrize("size", SIZES)
async def test_an_image_is_edited_and_two_networks_are_compared(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("t", "F")
        screen = await through(pilot, "test image 0, ")
        image = np.array(DEMO.test.images[0])
        await pilot.press("c", "right", "down")
        assert line(app, "#note").startswith(f"pixel [15, 15] = {image[15, 15]}")
        await pilot.press("space")
        image[15, 15] = 0 if image[15, 15] > 127 else 255
        await through(pilot, "edited (1)")
        await until(pilot, lambda: f"pixel [15, 15] = {image[15, 15]}" in line(app, "#note"))
        await pilot.press("minus")
        image[15, 15] = max(0, int(image[15, 15]) - 32)
        await until(pilot, lambda: f"pixel [15, 15] = {image[15, 15]}" in line(app, "#note"))
        assert "edited (1)" in borders(app)  # the same pixel still
        await pilot.press("I", "L", "J")
        await through(pilot, "edited (4)")
        image = 255 - image
        moved = np.zeros_like(image)
        moved[1:, 1:] = image[:-1, :-1]

        def shown() -> bool:
            image = app.screen.query_one(AnswerPane).image
            return image is not None and bool(np.array_equal(image, moved))

        await until(pilot, shown)
        said = chances(moved)
        assert f"{100 * float(said.max()):.1f}%" in borders(app)
        await pilot.press("u", "u")
        await through(pilot, "edited (2)")
        await pilot.press("escape", "0")
        await until(pilot, lambda: "edited" not in borders(app))
        assert isinstance(app.screen, ForwardScreen)
        await pilot.press("d")
        app.screen.query_one(Input).value = "cnn"
        await pilot.press("enter")
        await until(pilot, lambda: "compared with cnn, new weights (seed 0): " in line(app, "#note"))
        other = chances(DEMO.test.images[0], "cnn")
        if size[0] < 100:
            await pilot.press("tab")
        assert f"{100 * float(other.max()):.1f}%" in screen.query_one(Bars).text()


async def test_the_sum_behind_an_output(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot)
        await pilot.press("F")
        await through(pilot, "train image 0, ")
        await pilot.press("number_sign")
        await until(pilot, lambda: any("is a Flatten; only of Linear" in note.message for note in app._notifications))
        await pilot.press("j", "number_sign")
        await until(pilot, lambda: isinstance(app.screen, ContributionsScreen) and "784 products" in borders(app))
        assert len(app.screen.query_one(HeatMap)._lines) == 14  # of the pixels, in their places
        torch.manual_seed(0)
        layer = build("mlp").linear_relu_stack[0]  # type: ignore[index]
        assert isinstance(layer, torch.nn.Linear)
        x = torch.from_numpy(np.array(DEMO.train.images[0])).float().flatten() / 255
        outputs = layer(x).detach()
        most = int(outputs.argmax())
        assert f"output [{most}]" in borders(app)
        assert f"{float(outputs[most]):.4f}"[:6] in line(app, "#about")
        products = (layer.weight[most] * x).detach()
        first = app.screen.query_one(Rows).rows[1]
        assert first.cells[0] == str(int(products.abs().argmax()))
        assert float(first.cells[1]) == pytest.approx(float(products[int(first.cells[0])]), rel=1e-4)
        await pilot.press("right")
        await until(pilot, lambda: f"output [{(most + 1) % 512}]" in borders(app))
        await pilot.press("i")
        app.screen.query_one(Input).value = "512"
        await pilot.press("enter")
        assert "from 0 to 511" in line(app, "#verdict")
        app.screen.query_one(Input).value = "7"
        await pilot.press("enter")
        await until(pilot, lambda: "output [7]" in borders(app))
        await pilot.press("circumflex_accent")
        await until(pilot, lambda: f"output [{most}]" in borders(app))
        await pilot.press("escape")
        assert isinstance(app.screen, ForwardScreen)


async def test_an_image_of_a_batch_goes_through(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, BatchesScreen) and app.screen._answer is not None)
        await pilot.press("s")
        await until(pilot, lambda: app.screen._answer.indices[0] != 0)  # type: ignore[attr-defined]
        first = int(app.screen._answer.indices[0])  # type: ignore[attr-defined]
        index = int(app.screen._answer.indices[1])  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "X  [64, 1, 28, 28]" in line(app, "#about"))
        assert "torch.float32" in line(app, "#about")
        await pilot.press("escape", "Y")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "y  [64]" in line(app, "#about"))
        assert f"[0] = {DEMO.train.labels[first]}" in line(app, "#value")
        await pilot.press("escape", "right", "F")
        await through(pilot, f"train image {index:,}, ")


async def test_the_picture_of_a_stage_is_asked_for_the_room_that_it_has(home: Path) -> None:
    """The stages and their notes take lines of it once they are there, and another window has others."""
    app = FmnistApp(home=home, dataset="demo")
    asked: list[ActivationRequest] = []
    ask = app.worker.ask

    def noting(request: Any, *more: Any, **options: Any) -> Any:
        if isinstance(request, ActivationRequest):
            asked.append(request)
        return ask(request, *more, **options)

    app.worker.ask = noting  # type: ignore[method-assign]
    async with app.run_test(size=(140, 45)) as pilot:
        await opened(pilot)
        await pilot.press("t", "F")
        screen = await through(pilot, "test image 0, ")
        picture = screen.query_one(HeatMap)

        def fits() -> bool:
            room = (2 * picture.size.height, picture.size.width)
            return bool(asked) and (asked[-1].rows, asked[-1].columns) == room and "channel of 28 × 28" in borders(app)

        await until(pilot, fits)
        assert picture.size.height > 20
        assert "each drawn as" not in borders(app)
        many = len(asked)
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: len(asked) > many and fits())

"""*Autograd* by keys."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.errors import InspectionError
from tests.support.at_once import at_once  # noqa: F401
from tests.support.waiting import until
from tests.tui.data.test_data import line, opened
from tests.tui.model.test_model import read, typed
from tui.app import FmnistApp
from tui.model import prompts
from tui.model.autograd import AutogradScreen
from tui.model.forward import ForwardScreen
from tui.model.tensor import TensorScreen
from tui.widgets.rows import Rows

SIZES = [(80, 24), (140, 45)]
pytestmark = pytest.mark.usefixtures("at_once")


def rows(app: FmnistApp, which: str) -> str:
    return app.screen.query_one(f"#{which}", Rows).text()


def norm(screen: AutogradScreen) -> float:
    """Of the first parameter's gradient."""
    assert screen._answer is not None
    gradient = screen._answer.parameters[0].gradient
    assert gradient is not None
    assert gradient.norm is not None
    return gradient.norm


async def stepped(pilot: Pilot[None], key: str, words: str) -> None:
    await pilot.press(key)
    app = pilot.app
    assert isinstance(app, FmnistApp)
    await until(pilot, lambda: words in line(app, "#steps"))


@pytest.mark.parametrize("size", SIZES)
async def test_step_by_step(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await read(pilot)
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, AutogradScreen) and "SGD(lr=0.001)" in line(app, "#about"))
        assert "X [64 × 1 × 28 × 28]: train images 0–63" in line(app, "#about")
        assert line(app, "#steps") == "space: pred = model(X)"
        await stepped(pilot, "space", "1 pred = model(X)  logits [64, 10]")
        assert "▸AddmmBackward0" in rows(app, "graph")
        await stepped(pilot, "space", "2 loss = loss_fn(pred, y)  loss 2.3")
        assert "NllLossBackward0" in rows(app, "graph")
        await pilot.press("r")
        assert "next backward: retain_graph" in line(app, "#about")
        await stepped(pilot, "b", "3 loss.backward()  added to the .grad of each leaf; the graph stays")
        if size[0] < 100:
            await pilot.press("v")
        else:
            await pilot.press("tab")
        screen = app.screen
        assert isinstance(screen, AutogradScreen)
        first = norm(screen)
        assert f"{first:.3g}" in rows(app, "parameters")
        assert "retain_graph" not in line(app, "#about"), "it was for one step"
        await stepped(pilot, "b", "4 loss.backward()  added")
        assert "its norm is 2× the one before" in line(app, "#chosen")
        assert f"{norm(screen):.3g}" == f"{2 * first:.3g}"
        await stepped(pilot, "b", "Trying to backward through the graph a second time")
        await stepped(pilot, "u", "space: optimizer.step()")
        await pilot.press("slash")
        app.screen.query_one(Input).value = "[600, 0]"
        await pilot.press("enter")
        assert "600 is out of range: the dimension has 512" in line(app, "#verdict")
        await typed(pilot, "3, 400")
        await until(pilot, lambda: "linear_relu_stack.0.weight[3, 400] = " in line(app, "#chosen"))
        await stepped(pilot, "s", "the optimizer has changed the weights")
        assert "the same batch: loss 2.3" in line(app, "#steps")
        await until(pilot, lambda: "[3, 400] = -0.0035" in line(app, "#chosen") and "→" in line(app, "#chosen"))
        assert "changed most: [" in line(app, "#chosen")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "weight.grad" in line(app, "#about"))
        await pilot.press("escape", "W")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "before the step" in line(app, "#about"))
        await pilot.press("escape", "c")
        await until(pilot, lambda: "relative error" in line(app, "#chosen"))
        assert "∂ loss / ∂ linear_relu_stack.0.weight[3, 400]: " in line(app, "#chosen")
        await stepped(pilot, "z", "every .grad is None again")
        assert "None" in rows(app, "parameters")
        await pilot.press("0")
        await until(pilot, lambda: line(app, "#steps") == "space: pred = model(X)")


async def test_the_switches(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await opened(pilot)
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, ForwardScreen) and "image 0" in line(app, "#about"))
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, AutogradScreen) and "train image 0;" in line(app, "#about"))
        await pilot.press("n")
        assert "next forward: no_grad" in line(app, "#about")
        await stepped(pilot, "f", "no graph (torch.no_grad)")
        assert "next forward" not in line(app, "#about"), "it was for one step"
        assert "no graph: no_grad, or everything is detached" in rows(app, "graph")
        await stepped(pilot, "o", "2 loss")
        await stepped(pilot, "b", "does not require grad and does not have a grad_fn")
        await pilot.press("0", "d", "d")
        assert "detach after linear_relu_stack.0" in line(app, "#about")
        await stepped(pilot, "f", "detached after linear_relu_stack.0")
        assert "linear_relu_stack.0.weight" not in rows(app, "graph")
        await stepped(pilot, "f", "2 pred = model(X)")
        assert "linear_relu_stack.0.weight" in rows(app, "graph"), "the next forward has its graph again"
        await pilot.press("n", "d", "r", "0")
        await until(pilot, lambda: line(app, "#steps") == "space: pred = model(X)")
        assert "next" not in line(app, "#about"), "a new start is without switches"
        await stepped(pilot, "f", "1 pred = model(X)")
        assert "linear_relu_stack.0.weight" in rows(app, "graph")
        await pilot.press("J")
        await typed(pilot, "3")
        await until(pilot, lambda: "vᵀ · Jacobian added" in line(app, "#steps"))
        await pilot.press("i")
        await typed(pilot, "test 990 64")
        await until(pilot, lambda: "X [10 × 1 × 28 × 28]: test images 990–999" in line(app, "#about"))


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [("3, 17", [5, 20], (3, 17)), ("[-1]", [5], (4,)), ("[]", [], ()), (" [0,0,1,2] ", [2, 2, 2, 3], (0, 0, 1, 2))],
)
def test_a_place_as_typed(text: str, shape: list[int], expected: tuple[int, ...]) -> None:
    assert prompts.element_index(text, shape) == expected


@pytest.mark.parametrize("text", ["", "a", "1.5, 2", "1", "1, 2, 3", "9, 0", "True, 0", "__import__('os')"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InspectionError):
        prompts.element_index(text, [5, 20])


def test_a_vector_as_typed() -> None:
    assert prompts.vector_of("2", 4) == (0, 0, 1, 0)
    assert prompts.vector_of("[1, -2, 0.5, 0]", 4) == (1, -2, 0.5, 0)
    for text in ("", "4", "1 2", "x"):
        with pytest.raises(InspectionError):
            prompts.vector_of(text, 4)


@pytest.mark.parametrize("text", ["train", "train 0", "train 0 0", "train 0 5000", "valid 0 4", "train x 4"])
def test_what_is_no_batch_is_refused(text: str) -> None:
    with pytest.raises(InspectionError):
        prompts.images_of(text)

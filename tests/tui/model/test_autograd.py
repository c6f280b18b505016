"""*Autograd* by keys."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from textual.pilot import Pilot
from textual.widgets import Input

from engine.errors import InspectionError
from tests.support.at_once import at_once  # noqa: F401
from tests.support.waiting import until
from tests.tui.data.test_data import line, opened
from tests.tui.model.test_model import about, edges, read, typed
from tui.app import FmnistApp
from tui.model import graph_to_come, prompts
from tui.model.autograd import AutogradScreen
from tui.model.forward import ForwardScreen
from tui.model.gradient_histogram import GradientHistogram
from tui.model.graph_to_come import GraphToCome
from tui.model.tensor import TensorScreen
from tui.widgets.keyline import KeyLine
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


async def choose(pilot: Pilot[None], kind: str) -> None:
    """With the arrows, until its step is in brackets."""
    app = pilot.app
    assert isinstance(app, FmnistApp)
    while f"[{kind}]" not in line(app, "#strip"):
        await pilot.press("right")


async def begun(pilot: Pilot[None], words: str = "") -> AutogradScreen:
    app = pilot.app
    assert isinstance(app, FmnistApp)
    await until(pilot, lambda: isinstance(app.screen, AutogradScreen) and words in edges(app, "#loop"))
    assert isinstance(app.screen, AutogradScreen)
    return app.screen


def test_the_example_of_a_graph_computes_what_it_says() -> None:
    names: dict[str, Any] = {"torch": torch}
    for code, gives in graph_to_come.EXAMPLE:
        *statements, last = code.split("; ")
        exec("; ".join(statements if gives and "=" not in last else [code]), names)
        value = names["loss"] if "loss =" in code else eval(last, names) if gives else None
        assert value is None or value.item() == float(gives)
    node, ops = names["loss"].grad_fn, []
    while node is not None:
        ops.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    assert [op.split("::")[-1] for op in ops] == [name.strip() for name, _ in graph_to_come.NODES]


@pytest.mark.parametrize("size", SIZES)
async def test_step_by_step(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await read(pilot)
        await pilot.press("A")
        screen = await begun(pilot, "X [64 × 1 × 28 × 28]: train images 0–63")
        if size[0] > 100:
            assert "SGD(lr=0.001)" in edges(app, "#loop")
        loop = "[forward] → loss → backward → step → zero_grad    space: pred = model(X)"
        assert line(app, "#strip") == loop
        to_come = screen.query_one(GraphToCome)
        assert "No graph yet: space runs forward." in to_come.text()
        assert re.search(r"\nX +64×1×28×28  no gradient\n", to_come.text())
        assert re.search(r"\nlinear_relu_stack.4.bias +10 *(\n|$)", to_come.text())
        assert ("PowBackward0" in to_come.text()) == (size[1] > 40)
        words = screen.query_one(GradientHistogram)
        if size[0] > 100:
            assert re.search(r"optimizer.step\(\) +Changes each parameter by its .grad.", words.text())
        await stepped(pilot, "space", "1 pred = model(X)  logits [64, 10]")
        await until(pilot, lambda: "▸AddmmBackward0" in rows(app, "graph"))
        assert not to_come.display
        await stepped(pilot, "full_stop", "2 loss = loss_fn(pred, y)  loss 2.3")
        assert "forward → loss → [backward] → step" in line(app, "#strip")
        await until(pilot, lambda: "NllLossBackward0" in rows(app, "graph"))
        assert [row.style for row in screen.query_one("#graph", Rows).rows[:3]] == ["strong", "strong", ""]
        await pilot.press("c", "r", "escape")
        await until(pilot, lambda: "space: loss.backward(retain_graph=True)" in line(app, "#strip"))
        assert "next backward: retain_graph" in edges(app, "#loop")
        await stepped(pilot, "space", "3 loss.backward()  added to the .grad of each leaf; the graph stays")
        if size[0] > 100:  # the graph's cursor is on no parameter: that of the gradients is
            await until(pilot, lambda: "▸NllLossBackward0" in rows(app, "graph"))
            assert words.text().split()[0] == "linear_relu_stack.0.weight.grad"
            assert "linear_relu_stack.0.weight [512, 784]: gradient mean" in line(app, "#chosen")
            while "▸  linear_relu_stack.4.bias" not in rows(app, "graph"):
                await pilot.press("down")
            assert "▸linear_relu_stack.4.bias" in rows(app, "gradients")
            assert words.text().split()[0] == "linear_relu_stack.4.bias.grad"
            screen.query_one("#gradients", Rows).go(0)
        await pilot.press("tab")
        assert screen.focused is screen.query_one("#gradients-panel")
        first = norm(screen)
        (shown,) = re.findall(r"0\.weight +(\S+)", rows(app, "gradients"))
        assert float(shown) == pytest.approx(first, rel=1e-2)
        assert screen.query_one("#gradients", Rows).rows[0].styles["|gradient|"] == "changed"
        assert "retain_graph" not in edges(app, "#loop"), "it was for one step"
        await choose(pilot, "backward")
        await stepped(pilot, "space", "4 loss.backward()  added")
        assert "its norm is 2× the one before" in line(app, "#chosen")
        assert f"{norm(screen):.3g}" == f"{2 * first:.3g}"
        await choose(pilot, "backward")
        await stepped(pilot, "space", "Trying to backward through the graph a second time")
        await pilot.press("u")
        await until(pilot, lambda: "[step]" in line(app, "#strip"))
        await pilot.press("i")
        app.screen.query_one(Input).value = "[600, 0]"
        await pilot.press("enter")
        assert "600 is out of range: the dimension has 512" in line(app, "#verdict")
        await typed(pilot, "3, 400")
        await until(pilot, lambda: "linear_relu_stack.0.weight[3, 400] = " in line(app, "#chosen"))
        await stepped(pilot, "space", "the optimizer has changed the weights")
        assert "the same batch: loss 2.3" in line(app, "#steps")
        await until(pilot, lambda: "[3, 400] = -0.0035" in line(app, "#chosen") and "→" in line(app, "#chosen"))
        assert "changed most: [" in line(app, "#chosen")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "weight.grad" in about(app))
        await pilot.press("escape", "p")
        await until(pilot, lambda: isinstance(app.screen, TensorScreen) and "before the step" in about(app))
        await pilot.press("escape", "V")
        await until(pilot, lambda: "relative error" in line(app, "#chosen"))
        assert "∂ loss / ∂ linear_relu_stack.0.weight[3, 400]: " in line(app, "#chosen")
        await stepped(pilot, "space", "every .grad is None again")
        assert "None" in rows(app, "gradients")
        await pilot.press("0")
        await until(pilot, lambda: line(app, "#strip") == loop)
        await pilot.press("u")
        assert "no step has been done" in str(screen.query_one(KeyLine).content)


async def test_the_switches(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo")
    async with app.run_test(size=(140, 45)) as pilot:
        await opened(pilot)
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, ForwardScreen) and app.screen._passed is not None)
        await pilot.press("A")
        await begun(pilot, "train image 0")
        await pilot.press("c", "n")
        assert "no_grad           on" in line(app, "#choices")
        await pilot.press("escape")
        await until(pilot, lambda: "next forward: no_grad" in edges(app, "#loop"))
        await stepped(pilot, "space", "no graph (torch.no_grad)")
        assert "next forward" not in edges(app, "#loop"), "it was for one step"
        assert "No graph: no_grad, or everything is detached." in edges(app, "#graph-panel")
        await stepped(pilot, "space", "2 loss")
        await stepped(pilot, "space", "does not require grad and does not have a grad_fn")
        await pilot.press("0")
        await until(pilot, lambda: "[forward]" in line(app, "#strip"))
        await pilot.press("c", "d", "d", "escape")
        await until(pilot, lambda: "detach after linear_relu_stack.0" in edges(app, "#loop"))
        await stepped(pilot, "space", "detached after linear_relu_stack.0")
        assert "linear_relu_stack.0.weight" not in rows(app, "graph")
        await choose(pilot, "forward")
        await stepped(pilot, "space", "2 pred = model(X)")
        await until(pilot, lambda: "linear_relu_stack.0.weight" in rows(app, "graph"))  # it has its graph again
        await pilot.press("c", "n", "d", "r", "escape", "0")
        await until(pilot, lambda: "no step yet" in line(app, "#steps"))
        assert "next" not in edges(app, "#loop"), "a new start is without switches"
        await stepped(pilot, "space", "1 pred = model(X)")
        await until(pilot, lambda: "linear_relu_stack.0.weight" in rows(app, "graph"))
        await pilot.press("c", "v")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await typed(pilot, "3")
        await until(pilot, lambda: "vᵀ · Jacobian added" in line(app, "#steps"))
        await pilot.press("c", "b")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await typed(pilot, "test 990 64")
        await until(pilot, lambda: "X [10 × 1 × 28 × 28]: test images 990–999" in edges(app, "#loop"))


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

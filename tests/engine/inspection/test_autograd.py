"""Forward, loss, backward and step one by one, compared with the same lines typed in PyTorch (chapter 5)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine import sources
from engine.checkpoints.write import CheckpointWriter
from engine.data.open_dataset import open_dataset
from engine.errors import InspectionError
from engine.inspection import autograd, tensors
from engine.inspection.autograd_requests import (
    AutogradRequest,
    AutogradState,
    Element,
    GradientCheckRequest,
    GradientRow,
    Moved,
    Step,
    Watched,
    Workbench,
)
from engine.inspection.image_requests import ImagesRef
from engine.inspection.tensor_refs import StepTensor
from engine.inspection.tensor_requests import TensorRequest, TensorWindow
from engine.models.registry import build
from engine.sources import NetworkRef
from engine.training.config import TrainConfig
from tests.support.own_code import write_trusted
from tests.support.trained import TrainOnce

IMAGES = ImagesRef("train", 8, 16)
DEMO = open_dataset("demo", None, Path())
FORWARD, LOSS, BACKWARD, STEP, ZERO = map(Step, ("forward", "loss", "backward", "step", "zero_grad"))
KEEP = Step("backward", retain_graph=True)
NO_GRAD = Step("forward", no_grad=True)
WEIGHT = "linear_relu_stack.2.weight"


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def ref(source: str = "mlp", freeze: str | None = None) -> NetworkRef:
    return NetworkRef(sources.parse(source), dataset="demo", seed=3, freeze=freeze)


def bench(*steps: Step, **values: Any) -> Workbench:
    return Workbench(ref(**values), IMAGES, steps)


def after(home: Path, *steps: Step, watch: Element | None = None, **values: Any) -> AutogradState:
    return autograd.compute(home, AutogradRequest(bench(*steps, **values), watch), quiet)


def row(state: AutogradState, name: str = WEIGHT) -> GradientRow:
    return next(one for one in state.parameters if one.name == name)


def norm(found: GradientRow) -> float:
    assert found.gradient is not None
    assert found.gradient.norm is not None
    return found.gradient.norm


def typed() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    net = build("mlp")
    X = torch.from_numpy(np.array(DEMO.train.images[8:24])).float()[:, None] / 255
    return net, X, torch.from_numpy(np.array(DEMO.train.labels[8:24])).long()


def test_the_steps_are_those_of_pytorch(home: Path) -> None:
    net, X, y = typed()
    loss = nn.CrossEntropyLoss()(net(X), y)
    told = after(home, FORWARD, LOSS)
    assert told.loss == pytest.approx(float(loss), rel=1e-6)
    assert row(told).gradient is None
    loss.backward()
    told = after(home, FORWARD, LOSS, BACKWARD)
    gradient = dict(net.named_parameters())[WEIGHT].grad
    assert gradient is not None
    assert norm(row(told)) == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert row(told).before is None
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    old = dict(net.named_parameters())[WEIGHT].detach().clone()
    optimizer.step()
    new = dict(net.named_parameters())[WEIGHT].detach()
    told = after(home, FORWARD, LOSS, BACKWARD, STEP, watch=Element(WEIGHT, (3, 17)))
    assert told.watched == Watched(
        Element(WEIGHT, (3, 17)),
        float(old[3, 17]),
        float(new[3, 17]),
        pytest.approx(float(gradient[3, 17])),  # type: ignore[arg-type]
    )
    assert row(told).ratio == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-4)
    place = tuple(int(at) for at in torch.unravel_index((new - old).abs().argmax(), old.shape))
    assert row(told).moved == Moved(place, float(old[place]), float(new[place]))
    with torch.no_grad():
        assert told.loss_now == pytest.approx(float(nn.CrossEntropyLoss()(net(X), y)), rel=1e-6)
    assert told.loss_now is not None
    assert told.loss is not None
    assert told.loss_now < told.loss
    assert row(after(home, FORWARD, LOSS, BACKWARD, STEP, ZERO)).gradient is None


def test_the_graph_as_grad_fn_tells_it(home: Path) -> None:
    assert after(home).graph == ()
    nodes = after(home, FORWARD, LOSS).graph
    assert [node.op for node in nodes if not node.indent] == [
        "NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0", "ReluBackward0", "AddmmBackward0", "ReluBackward0",
        "AddmmBackward0",
    ]  # fmt: skip
    leaves = [node.leaf for node in nodes if node.leaf]
    assert sorted(leaves) == sorted(name for name, _ in build("mlp").named_parameters())
    assert nodes[2].shape == (16, 10)
    assert after(home, FORWARD).graph[0].op == "AddmmBackward0"
    net, X, _ = typed()
    assert net(X).grad_fn is not None
    assert net(X).grad_fn.name() == "AddmmBackward0"


def test_gradients_accumulate_until_they_are_zeroed(home: Path) -> None:
    once = norm(row(after(home, FORWARD, LOSS, BACKWARD)))
    twice = row(after(home, FORWARD, LOSS, KEEP, BACKWARD))
    assert norm(twice) == pytest.approx(2 * once, rel=1e-5)
    assert twice.before == pytest.approx(once, rel=1e-5)
    again = row(after(home, FORWARD, LOSS, BACKWARD, FORWARD, LOSS, BACKWARD))
    assert norm(again) == pytest.approx(2 * once, rel=1e-5)
    zeroed = row(after(home, FORWARD, LOSS, BACKWARD, ZERO, FORWARD, LOSS, BACKWARD))
    assert norm(zeroed) == pytest.approx(once, rel=1e-5)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([FORWARD, LOSS, BACKWARD, BACKWARD], "Trying to backward through the graph a second time"),
        ([NO_GRAD, LOSS, BACKWARD], "does not require grad and does not have a grad_fn"),
        ([LOSS], "forward comes first"),
        ([FORWARD, BACKWARD], "forward and loss come first"),
        ([FORWARD, LOSS, STEP], "there are no gradients"),
        ([Step("vjp", vector=(1.0,) * 10)], "forward comes first"),
        ([FORWARD, Step("vjp", vector=(1.0,) * 3)], "must match"),
    ],
)
def test_what_pytorch_refuses_is_told_in_its_words(home: Path, steps: list[Step], words: str) -> None:
    told = after(home, *steps)
    assert words in told.steps[-1].error
    assert "\n" not in told.steps[-1].error
    assert all(not step.error for step in told.steps[:-1])


def test_detach_and_no_grad_cut_the_graph(home: Path) -> None:
    told = after(home, Step("forward", detach="linear_relu_stack.1"), LOSS, BACKWARD)
    assert {one.name: one.gradient is not None for one in told.parameters} == {
        "linear_relu_stack.0.weight": False, "linear_relu_stack.0.bias": False, "linear_relu_stack.2.weight": True,
        "linear_relu_stack.2.bias": True, "linear_relu_stack.4.weight": True, "linear_relu_stack.4.bias": True,
    }  # fmt: skip
    assert "linear_relu_stack.0.weight" not in [node.leaf for node in told.graph]
    assert after(home, NO_GRAD).graph == ()


def test_a_vector_jacobian_product(home: Path) -> None:
    net, X, _ = typed()
    vector = torch.linspace(-1, 1, 10)
    net(X).backward(vector.expand(16, 10))
    told = after(home, FORWARD, Step("vjp", vector=tuple(vector.tolist())))
    gradient = dict(net.named_parameters())[WEIGHT].grad
    assert gradient is not None
    assert norm(row(told)) == pytest.approx(float(gradient.norm()), rel=1e-5)


def test_frozen_parameters_get_no_gradient(home: Path) -> None:
    told = after(home, FORWARD, LOSS, BACKWARD, STEP, freeze="linear_relu_stack.0")
    assert row(told, "linear_relu_stack.0.weight").gradient is None
    assert row(told, "linear_relu_stack.0.weight").ratio == 0
    assert (row(told).ratio or 0) > 0


@pytest.mark.parametrize("source", ["mlp", "cnn"])
def test_a_gradient_agrees_with_finite_differences(home: Path, source: str) -> None:
    name = WEIGHT if source == "mlp" else "features.4.weight"
    index = (3, 17) if source == "mlp" else (1, 2, 0, 1)
    request = GradientCheckRequest(ref(source), IMAGES, Element(name, index))
    found = autograd.check_gradient(home, request, quiet)
    assert found.gradient == pytest.approx(found.exact, rel=1e-2, abs=1e-7)
    assert [one.h for one in found.differences] == [1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
    assert min(one.relative_error for one in found.differences) < 1e-5
    frozen = GradientCheckRequest(ref(freeze=WEIGHT), IMAGES, Element(WEIGHT, (0, 0)))
    with pytest.raises(InspectionError, match="it is frozen"):
        autograd.check_gradient(home, frozen, quiet)


def test_a_difference_of_a_network_calculated_by_hand(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    write_trusted(
        path,
        "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.w = nn.Parameter(torch.tensor(0.5))\n"
        "    def forward(self, x):\n"
        "        return torch.cat([self.w ** 2 * torch.ones(len(x), 1, dtype=self.w.dtype),\n"
        "                          torch.zeros(len(x), 9, dtype=self.w.dtype)], 1)\n",
    )
    first = int(np.flatnonzero(DEMO.train.labels == 0)[0])
    request = GradientCheckRequest(ref(f"{path}:Net"), ImagesRef("train", first, 1), Element("w", ()))
    found = autograd.check_gradient(home, request, quiet)
    chance = np.exp(0.25) / (np.exp(0.25) + 9)
    assert found.exact == pytest.approx((chance - 1) * 2 * 0.5, rel=1e-6)  # (softmax - 1) · d(w²)/dw


def test_gradients_and_weights_open_as_tensors(home: Path) -> None:
    net, X, y = typed()
    nn.CrossEntropyLoss()(net(X), y).backward()
    gradient = dict(net.named_parameters())[WEIGHT].grad
    assert gradient is not None

    def opened(which: str, *steps: Step) -> TensorWindow:
        tensor = StepTensor(bench(*steps), which, WEIGHT)
        return tensors.compute(home, TensorRequest(tensor, "[:2, :3].flatten()", rows=1, columns=6), quiet)

    shown = opened("grad", FORWARD, LOSS, BACKWARD, STEP)
    expected = gradient[:2, :3].flatten().tolist()
    assert [float(text) for text in shown.cells[0]] == pytest.approx(expected, rel=1e-3, abs=6e-5)
    assert shown.expression == "model.linear_relu_stack[2].weight.grad[:2, :3].flatten()"
    now, before = (opened(which, FORWARD, LOSS, BACKWARD, STEP).cells[0] for which in ("now", "before"))
    weight = dict(net.named_parameters())[WEIGHT].detach()[:2, :3].flatten()
    assert [float(text) for text in before] == pytest.approx(weight.tolist(), abs=6e-5)
    stepped = (weight - 1e-3 * gradient[:2, :3].flatten()).tolist()
    assert [float(text) for text in now] == pytest.approx(stepped, abs=6e-5)
    with pytest.raises(InspectionError, match="has no gradient now"):
        opened("grad", FORWARD)
    with pytest.raises(InspectionError, match="no optimizer step"):
        opened("before", FORWARD, LOSS, BACKWARD)


@pytest.mark.parametrize("options", [{}, {"betas": (0.5, 0.6), "eps": 1e-3, "amsgrad": True}])
def test_a_checkpoints_optimizer_goes_on_with_its_state(
    home: Path, options: dict[str, Any], train_once: TrainOnce
) -> None:
    folder = train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1, optimizer="adam", seed=3), "")
    content = torch.load(folder.checkpoint("epoch-0001.pt"), weights_only=True)
    if options:  # as a run has them that began with another program's file
        content["optimizer"]["param_groups"][0] |= options
        for state in content["optimizer"]["state"].values():
            state["max_exp_avg_sq"] = 2 * state["exp_avg_sq"]
        CheckpointWriter(folder).save(content)
    net, X, y = typed()
    net.load_state_dict(content["model"])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    optimizer.load_state_dict(content["optimizer"])
    nn.CrossEntropyLoss()(net(X), y).backward()
    old = dict(net.named_parameters())[WEIGHT].detach().clone()
    optimizer.step()
    new = dict(net.named_parameters())[WEIGHT].detach()
    told = after(home, FORWARD, LOSS, BACKWARD, STEP, source=folder.id)
    assert told.optimizer.startswith("Adam(lr=0.001")
    assert row(told).ratio == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-4)


@pytest.mark.parametrize("forwards", [1, 2, 3])
def test_the_loss_now_is_of_the_newest_forwards_dropout(home: Path, forwards: int) -> None:
    found = after(home, *[FORWARD] * forwards, LOSS, BACKWARD, STEP, source="cnn")
    _, X, y = typed()
    torch.manual_seed(3)
    net, loss_fn = build("cnn"), nn.CrossEntropyLoss()
    net.train()

    def loss(mask: int) -> torch.Tensor:
        torch.manual_seed(3 + mask)
        made: torch.Tensor = loss_fn(net(X), y)
        return made

    before = loss(forwards - 1)
    before.backward()
    torch.optim.SGD(net.parameters(), lr=1e-3).step()
    now = [float(loss(mask).detach()) for mask in range(4)]
    assert found.loss == pytest.approx(float(before.detach()), rel=1e-6)
    assert found.loss_now == pytest.approx(now[forwards - 1], rel=1e-6)
    assert min(abs(now[forwards - 1] - other) for at, other in enumerate(now) if at != forwards - 1) > 1e-3

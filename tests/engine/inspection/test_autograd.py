"""Forward, loss, backward and step one by one, compared with the same lines typed in PyTorch (chapter 5)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.data.open_dataset import open_dataset
from engine.errors import InspectionError
from engine.inspection import autograd, tensors
from engine.models.registry import build
from engine.training.config import TrainConfig
from tests.engine.runs.test_host_resume import create, serve

ASKED: dict[str, Any] = {
    "source": "mlp", "dataset": "demo", "data_dir": None, "transform": "", "seed": 3, "split": "train", "index": 8,
    "count": 16, "watch": None,
}  # fmt: skip
DEMO = open_dataset("demo", None, Path())
FORWARD, LOSS, BACKWARD, STEP, ZERO = (
    [kind, {}] for kind in ("forward", "loss", "backward", "step", "zero_grad")
)  # fmt: skip
KEEP = ["backward", {"retain_graph": True}]
WEIGHT = "linear_relu_stack.2.weight"


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def after(home: Path, *steps: Any, **values: Any) -> dict[str, Any]:
    return autograd.compute(home, {**ASKED, "steps": list(steps), **values}, quiet).values


def row(told: dict[str, Any], name: str = WEIGHT) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in told["parameters"] if one["name"] == name)
    return found


def typed() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    net = build("mlp")
    X = torch.from_numpy(np.array(DEMO.train.images[8:24])).float()[:, None] / 255
    return net, X, torch.from_numpy(np.array(DEMO.train.labels[8:24])).long()


def test_the_steps_are_those_of_pytorch(home: Path) -> None:
    net, X, y = typed()
    loss = nn.CrossEntropyLoss()(net(X), y)
    told = after(home, FORWARD, LOSS)
    assert told["loss"] == pytest.approx(float(loss), rel=1e-6)
    assert row(told)["gradient"] is None
    loss.backward()
    told = after(home, FORWARD, LOSS, BACKWARD)
    gradient = dict(net.named_parameters())[WEIGHT].grad
    assert gradient is not None
    assert row(told)["gradient"]["norm"] == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert row(told)["before"] is None
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    old = dict(net.named_parameters())[WEIGHT].detach().clone()
    optimizer.step()
    new = dict(net.named_parameters())[WEIGHT].detach()
    told = after(home, FORWARD, LOSS, BACKWARD, STEP, watch=[WEIGHT, [3, 17]])
    assert told["watched"] == {
        "name": WEIGHT, "index": [3, 17], "before": float(old[3, 17]), "now": float(new[3, 17]),
        "gradient": pytest.approx(float(gradient[3, 17])),
    }  # fmt: skip
    assert row(told)["ratio"] == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-4)
    place, before, now = row(told)["moved"]
    assert place == [int(at) for at in torch.unravel_index((new - old).abs().argmax(), old.shape)]
    assert (before, now) == (float(old[tuple(place)]), float(new[tuple(place)]))
    with torch.no_grad():
        assert told["loss_now"] == pytest.approx(float(nn.CrossEntropyLoss()(net(X), y)), rel=1e-6)
    assert told["loss_now"] < told["loss"]
    assert row(after(home, FORWARD, LOSS, BACKWARD, STEP, ZERO))["gradient"] is None


def test_the_graph_as_grad_fn_tells_it(home: Path) -> None:
    assert after(home)["graph"] == []
    nodes = after(home, FORWARD, LOSS)["graph"]
    assert [node["op"] for node in nodes if not node["indent"]] == [
        "NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0", "ReluBackward0", "AddmmBackward0", "ReluBackward0",
        "AddmmBackward0",
    ]  # fmt: skip
    leaves = [node["leaf"] for node in nodes if node["leaf"]]
    assert sorted(leaves) == sorted(name for name, _ in build("mlp").named_parameters())
    assert nodes[2]["shape"] == [16, 10]
    assert after(home, FORWARD)["graph"][0]["op"] == "AddmmBackward0"
    net, X, _ = typed()
    assert net(X).grad_fn is not None
    assert net(X).grad_fn.name() == "AddmmBackward0"


def test_gradients_accumulate_until_they_are_zeroed(home: Path) -> None:
    once = row(after(home, FORWARD, LOSS, BACKWARD))["gradient"]["norm"]
    twice = row(after(home, FORWARD, LOSS, KEEP, BACKWARD))
    assert twice["gradient"]["norm"] == pytest.approx(2 * once, rel=1e-5)
    assert twice["before"] == pytest.approx(once, rel=1e-5)
    again = row(after(home, FORWARD, LOSS, BACKWARD, FORWARD, LOSS, BACKWARD))
    assert again["gradient"]["norm"] == pytest.approx(2 * once, rel=1e-5)
    zeroed = row(after(home, FORWARD, LOSS, BACKWARD, ZERO, FORWARD, LOSS, BACKWARD))
    assert zeroed["gradient"]["norm"] == pytest.approx(once, rel=1e-5)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([FORWARD, LOSS, BACKWARD, BACKWARD], "Trying to backward through the graph a second time"),
        ([["forward", {"no_grad": True}], LOSS, BACKWARD], "does not require grad and does not have a grad_fn"),
        ([LOSS], "forward comes first"),
        ([FORWARD, BACKWARD], "forward and loss come first"),
        ([FORWARD, LOSS, STEP], "there are no gradients"),
        ([["vjp", {"vector": [1.0] * 10}]], "forward comes first"),
        ([FORWARD, ["vjp", {"vector": [1.0] * 3}]], "must match"),
    ],
)
def test_what_pytorch_refuses_is_told_in_its_words(home: Path, steps: list[Any], words: str) -> None:
    told = after(home, *steps)
    assert words in told["steps"][-1]["error"]
    assert "\n" not in told["steps"][-1]["error"]
    assert all(not step["error"] for step in told["steps"][:-1])


def test_detach_and_no_grad_cut_the_graph(home: Path) -> None:
    told = after(home, ["forward", {"detach": "linear_relu_stack.1"}], LOSS, BACKWARD)
    assert {one["name"]: one["gradient"] is not None for one in told["parameters"]} == {
        "linear_relu_stack.0.weight": False, "linear_relu_stack.0.bias": False, "linear_relu_stack.2.weight": True,
        "linear_relu_stack.2.bias": True, "linear_relu_stack.4.weight": True, "linear_relu_stack.4.bias": True,
    }  # fmt: skip
    assert "linear_relu_stack.0.weight" not in [node["leaf"] for node in told["graph"]]
    assert after(home, ["forward", {"no_grad": True}])["graph"] == []


def test_a_vector_jacobian_product(home: Path) -> None:
    net, X, _ = typed()
    vector = torch.linspace(-1, 1, 10)
    net(X).backward(vector.expand(16, 10))
    told = after(home, FORWARD, ["vjp", {"vector": vector.tolist()}])
    gradient = dict(net.named_parameters())[WEIGHT].grad
    assert gradient is not None
    assert row(told)["gradient"]["norm"] == pytest.approx(float(gradient.norm()), rel=1e-5)


def test_frozen_parameters_get_no_gradient(home: Path) -> None:
    told = after(home, FORWARD, LOSS, BACKWARD, STEP, freeze="linear_relu_stack.0")
    assert row(told, "linear_relu_stack.0.weight")["gradient"] is None
    assert row(told, "linear_relu_stack.0.weight")["ratio"] == 0
    assert row(told)["ratio"] > 0


@pytest.mark.parametrize("source", ["mlp", "cnn"])
def test_a_gradient_agrees_with_finite_differences(home: Path, source: str) -> None:
    name = WEIGHT if source == "mlp" else "features.4.weight"
    index = [3, 17] if source == "mlp" else [1, 2, 0, 1]
    told = autograd.difference(home, {**ASKED, "source": source, "watch": [name, index]}, quiet).values
    assert told["gradient"] == pytest.approx(told["exact"], rel=1e-2, abs=1e-7)
    assert min(wrong for _, _, wrong in told["differences"]) < 1e-5
    with pytest.raises(InspectionError, match="it is frozen"):
        autograd.difference(home, {**ASKED, "freeze": WEIGHT, "watch": [WEIGHT, [0, 0]]}, quiet)


def test_a_difference_of_a_network_calculated_by_hand(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.w = nn.Parameter(torch.tensor(0.5))\n"
        "    def forward(self, x):\n"
        "        return torch.cat([self.w ** 2 * torch.ones(len(x), 1, dtype=self.w.dtype),\n"
        "                          torch.zeros(len(x), 9, dtype=self.w.dtype)], 1)\n"
    )
    first = int(np.flatnonzero(DEMO.train.labels == 0)[0])
    asked = {**ASKED, "source": f"{path}:Net", "index": first, "count": 1, "watch": ["w", []]}
    told = autograd.difference(home, asked, quiet).values
    chance = np.exp(0.25) / (np.exp(0.25) + 9)
    assert told["exact"] == pytest.approx((chance - 1) * 2 * 0.5, rel=1e-6)  # (softmax - 1) · d(w²)/dw


def test_gradients_and_weights_open_as_tensors(home: Path) -> None:
    net, X, y = typed()
    nn.CrossEntropyLoss()(net(X), y).backward()
    gradient = dict(net.named_parameters())[WEIGHT].grad
    assert gradient is not None
    asked = {**ASKED, "steps": [FORWARD, LOSS, BACKWARD, STEP], "view": "[:2, :3].flatten()", "rows": 1, "columns": 6}
    shown = tensors.compute(home, {**asked, "name": f"autograd.grad[{WEIGHT}]"}, quiet).values
    expected = gradient[:2, :3].flatten().tolist()
    assert [float(text) for text in shown["cells"][0]] == pytest.approx(expected, rel=1e-3, abs=6e-5)
    assert shown["expression"] == "model.linear_relu_stack[2].weight.grad[:2, :3].flatten()"
    for which in ("now", "before"):
        assert tensors.compute(home, {**asked, "name": f"autograd.{which}[{WEIGHT}]"}, quiet).values["cells"]
    with pytest.raises(InspectionError, match="has no gradient now"):
        tensors.compute(home, {**asked, "steps": [FORWARD], "name": f"autograd.grad[{WEIGHT}]"}, quiet)


def test_a_checkpoints_optimizer_goes_on_with_its_state(home: Path) -> None:
    folder = create(home, TrainConfig(dataset="demo", epochs=1, threads=1, optimizer="adam", seed=3))
    assert serve(folder).status == "finished"
    content = torch.load(folder / "checkpoints" / "epoch-0001.pt", weights_only=True)
    net, X, y = typed()
    net.load_state_dict(content["model"])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    optimizer.load_state_dict(content["optimizer"])
    nn.CrossEntropyLoss()(net(X), y).backward()
    old = dict(net.named_parameters())[WEIGHT].detach().clone()
    optimizer.step()
    new = dict(net.named_parameters())[WEIGHT].detach()
    told = after(home, FORWARD, LOSS, BACKWARD, STEP, source=folder.name)
    assert told["optimizer"].startswith("Adam(lr=0.001")
    assert row(told)["ratio"] == pytest.approx(float((new - old).norm() / old.norm()), rel=1e-4)

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import ModelError
from engine.models.registry import build, check_fit
from tests.support.own_code import write_trusted

IMAGES = torch.rand(2, 1, 28, 28)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of somebody's own models."""
    path = tmp_path / "own.py"
    write_trusted(
        path,
        "import torch\nfrom torch import nn\nfrom neighbour import WIDTH\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, classes=10):\n"
        "        super().__init__(); self.fc = nn.Linear(784, classes)\n"
        "    def forward(self, x): return self.fc(x.flatten(1))\n"
        "class NeedsArguments(Net):\n    def __init__(self, width, depth): super().__init__()\n"
        "class FiveClasses(Net):\n    def __init__(self): super().__init__(5)\n"
        "class Tuple(Net):\n    def forward(self, x): return super().forward(x), x\n"
        "class Integers(Net):\n    def forward(self, x): return super().forward(x).long()\n"
        "class Wrong(Net):\n    def forward(self, x): return self.fc(x)\n"
        "class Raises(Net):\n    def __init__(self): raise ValueError('no luck')\n"
        "class Empty(nn.Module):\n    def forward(self, x): return x.flatten(1)[:, :10]\n"
        "NUMBER = 3\n",
    )
    (tmp_path / "neighbour.py").write_text("WIDTH = 3\n")
    return path


def test_the_mlp_is_the_tutorials_network() -> None:
    model = build("mlp")
    assert [(name, list(parameter.shape)) for name, parameter in model.named_parameters()] == [
        ("linear_relu_stack.0.weight", [512, 784]),
        ("linear_relu_stack.0.bias", [512]),
        ("linear_relu_stack.2.weight", [512, 512]),
        ("linear_relu_stack.2.bias", [512]),
        ("linear_relu_stack.4.weight", [10, 512]),
        ("linear_relu_stack.4.bias", [10]),
    ]
    assert type(model).__name__ == "NeuralNetwork"


@pytest.mark.parametrize("name", ["mlp", "cnn", "fast_cnn", "accurate_cnn"])
def test_the_programs_own_models_fit(name: str) -> None:
    check_fit(name, build(name), IMAGES, 10)
    colour = (3, 64, 48)
    check_fit(name, build(name, 7, colour), torch.rand(2, *colour), 7)


@pytest.mark.parametrize(("name", "norm"), [("fast_cnn", False), ("accurate_cnn", True)])
def test_the_first_convolution_of_a_recipe_s_network_has_a_bias_or_a_batch_norm(name: str, norm: bool) -> None:
    layers = list(build(name).modules())
    first, *later = (one for one in layers if isinstance(one, nn.Conv2d))
    assert isinstance(layers[layers.index(first) + 1], nn.BatchNorm2d) == norm
    assert (first.bias is None) == norm
    assert all(one.bias is None for one in later)
    assert sum(isinstance(one, nn.BatchNorm2d) for one in layers) == len(later) + norm


def test_weights_follow_the_seed() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return next(build("mlp").parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_a_persons_own_model_is_built_and_may_import_its_neighbours(own: Path) -> None:
    model = build(f"{own}:Net")
    assert isinstance(model, nn.Module)
    check_fit("own", model, IMAGES, 10)


def test_trying_a_model_moves_neither_its_statistics_nor_the_generator() -> None:
    model = build("cnn")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    check_fit("cnn", model, IMAGES, 10)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Missing", r"has no 'Missing'; its models: Net, NeedsArguments"),
        ("NUMBER", r"is not a class made from torch.nn.Module"),
        ("NeedsArguments", r"needs arguments width, depth"),
        ("Raises", r"building it raised ValueError: no luck"),
    ],
)
def test_what_can_not_be_built_says_why(own: Path, name: str, says: str) -> None:
    with pytest.raises(ModelError, match=says) as refused:
        build(f"{own}:{name}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("FiveClasses", r"its output has shape \[2, 5\], but must be \[2, 10\]"),
        ("Tuple", r"gave a tuple, not a tensor"),
        ("Integers", r"torch.int64, but logits must be floating point"),
        ("Wrong", r"a batch of shape \[2, 1, 28, 28\] raised RuntimeError"),
        ("Empty", r"no parameter to train"),
    ],
)
def test_what_does_not_fit_says_why(own: Path, name: str, says: str) -> None:
    with pytest.raises(ModelError, match=says) as refused:
        check_fit(name, build(f"{own}:{name}"), IMAGES, 10)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file: .*gone\.py"):
        build(f"{tmp_path}/gone.py:Net")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x = 1\nraise RuntimeError('two\\nlines')\n", r"line 2, raised RuntimeError: two;"),
        ("def f(:\n", r"line 1, raised SyntaxError"),
        ("import no_such_package\n", r"line 1, raised ModuleNotFoundError"),
        ("import sys\nsys.exit(0)\n", r"line 2, raised SystemExit"),
    ],
)
def test_a_file_that_raises_is_named_with_its_line(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "broken.py"
    write_trusted(path, content)
    with pytest.raises(ModelError, match=says) as refused:
        build(f"{path}:Net")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)

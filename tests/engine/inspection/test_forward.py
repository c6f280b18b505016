"""An image through a network, the sums in it, its saliency: as PyTorch has them (chapter 4), and as by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from engine import sources
from engine.data.open_dataset import open_dataset
from engine.errors import InspectionError
from engine.inspection import contributions, forward, saliency, samples, tensors
from engine.inspection.forward_requests import (
    ActivationRequest,
    Contributions,
    ContributionsRequest,
    ForwardPass,
    ForwardRequest,
    Saliency,
    SaliencyRequest,
)
from engine.inspection.image_requests import Edit, ImageRef, Invert, PixelEdit, Shift
from engine.inspection.tensor_refs import Activation, ModelInput, OptimizerState, TensorRef
from engine.inspection.tensor_requests import TensorRequest, TensorWindow
from engine.models.registry import build
from engine.sources import NetworkRef
from engine.training.config import TrainConfig
from tests.support.own_code import write_trusted
from tests.support.trained import TrainOnce

IMAGE = ImageRef("test", 7)
DEMO = open_dataset("demo", None, Path())


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def ref(source: str = "mlp") -> NetworkRef:
    return NetworkRef(sources.parse(source), dataset="demo", seed=3)


def passed(home: Path, source: str = "mlp", image: ImageRef = IMAGE) -> ForwardPass:
    return forward.compute(home, ForwardRequest(ref(source), image), quiet)


def explained(home: Path, source: str = "mlp", target: int | None = None) -> Saliency:
    return saliency.compute(home, SaliencyRequest(ref(source), IMAGE, target), quiet)


def summed(home: Path, stage: int, output: int | None = None, source: str = "mlp") -> Contributions:
    return contributions.compute(home, ContributionsRequest(ref(source), IMAGE, stage, output), quiet)


def model(name: str = "mlp") -> nn.Module:
    torch.manual_seed(3)
    return build(name).eval()


def own(tmp_path: Path, forward: str) -> str:
    path = tmp_path / "own.py"
    write_trusted(
        path,
        f"""
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(784, 10)

    def forward(self, x):
        {forward}
""",
    )
    return f"{path}:Net"


def test_an_image_goes_through_as_in_pytorch(home: Path) -> None:
    told = passed(home)
    X = torch.from_numpy(np.array(DEMO.test.images[7])).float()[None, None] / 255
    net = model()
    with torch.no_grad():
        logits = net(X)
        hidden = net.linear_relu_stack[0](X.flatten(1))  # type: ignore[index, operator]
    assert told.label == int(DEMO.test.labels[7])
    assert told.logits == pytest.approx(logits[0].tolist())
    assert told.probabilities == pytest.approx(nn.Softmax(dim=1)(logits)[0].tolist())
    assert told.prediction == int(logits.argmax(1))
    assert told.loss == pytest.approx(float(functional.cross_entropy(logits, torch.tensor([told.label]))))
    assert [(stage.name, stage.before, stage.after) for stage in told.stages] == [
        ("flatten", "[1, 1, 28, 28]", "[1, 784]"),
        ("linear_relu_stack.0", "[1, 784]", "[1, 512]"),
        ("linear_relu_stack.1", "[1, 512]", "[1, 512]"),
        ("linear_relu_stack.2", "[1, 512]", "[1, 512]"),
        ("linear_relu_stack.3", "[1, 512]", "[1, 512]"),
        ("linear_relu_stack.4", "[1, 512]", "[1, 10]"),
    ]
    first, relu = told.stages[1:3]
    assert first.stats is not None
    assert first.stats.mean == pytest.approx(float(hidden.mean()), rel=1e-4)
    assert first.largest[0] == ((int(hidden.argmax()),), pytest.approx(float(hidden.max())))
    assert relu.silent == pytest.approx(float((hidden <= 0).double().mean()))
    many = torch.from_numpy(np.array(DEMO.test.images[:256])).float()[:, None] / 255
    with torch.no_grad():
        units = net.linear_relu_stack[0](many.flatten(1))  # type: ignore[index, operator]
    assert relu.dead == pytest.approx(float((units <= 0).all(0).double().mean()))
    assert first.dead is None
    opened: list[tuple[TensorRef, torch.Tensor]] = [
        (Activation(ref(), IMAGE, 1, "output"), hidden),
        (Activation(ref(), IMAGE, 2, "input"), hidden),
        (ModelInput(ref(), IMAGE), X),
    ]
    for tensor, expected in opened:
        shown = tensors.compute(home, TensorRequest(tensor, ".flatten()", rows=1, columns=784), quiet)
        assert [float(text) for text in shown.cells[0]] == pytest.approx(expected.flatten().tolist(), abs=6e-5)
    with pytest.raises(InspectionError, match="there is no call 9"):
        tensors.compute(home, TensorRequest(Activation(ref(), IMAGE, 9, "output")), quiet)


def test_a_network_in_training_mode_is_left_as_it_is() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.ReLU(inplace=True))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    stages, _ = forward.trace(net, torch.randn(2, 1, 2, 2, generator=torch.Generator().manual_seed(1)))
    assert net.training
    assert net[3].training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    relu = stages[-1]  # in place: what went in is kept
    assert relu.before is not None
    assert (relu.before < 0).any()
    assert not net._forward_hooks
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return {'logits': self.line(x.flatten(1))}", "the network gives {logits: [1, 10]}, not the logits"),
        ("return self.line(x.flatten(1)), x", "the network gives ([1, 10], [1, 1, 28, 28]), not the logits"),
        ("return self.line(x.flatten(1))[:, :3]", "the network gives [1, 3], not the logits of 10 classes"),
    ],
)
def test_what_is_no_logits_is_shown_as_what_it_is(home: Path, tmp_path: Path, body: str, words: str) -> None:
    told = passed(home, own(tmp_path, body))
    assert told.problem.startswith(words)
    assert told.probabilities is None
    assert [stage.name for stage in told.stages] == ["line"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return self.line(x)", r"line \(Linear\(in_features=784, out_features=10, bias=True\)\) got \[1, 1, 28, 28\]"),
        ("raise ValueError('not today')", "its forward: ValueError: not today"),
    ],
)
def test_what_does_not_go_through_names_the_layer(home: Path, tmp_path: Path, body: str, words: str) -> None:
    source = own(tmp_path, body)
    for compute in (passed, explained, lambda home, source: summed(home, 0, source=source)):
        with pytest.raises(InspectionError, match=words) as caught:
            compute(home, source)
        assert "\n" not in str(caught.value)


def test_a_network_that_changes_its_input_has_no_gradient_by_pixels(home: Path, tmp_path: Path) -> None:
    source = own(tmp_path, "x.add_(1); return self.line(x.flatten(1))")
    assert (passed(home, source).loss or 0) > 0
    with pytest.raises(InspectionError, match="can't be differentiated by its pixels"):
        explained(home, source)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        ([PixelEdit(0, 2, 200)], [[1, 2, 200], [4, 5, 6], [7, 8, 9]]),
        ([Shift(1, 0)], [[0, 0, 0], [1, 2, 3], [4, 5, 6]]),
        ([Shift(-1, 1)], [[0, 4, 5], [0, 7, 8], [0, 0, 0]]),
        ([Shift(0, -2), Shift(0, 1)], [[0, 3, 0], [0, 6, 0], [0, 9, 0]]),
        ([Shift(9, 0)], [[0, 0, 0]] * 3),
        ([Invert(), PixelEdit(1, 1, 0)], [[254, 253, 252], [251, 0, 249], [248, 247, 246]]),
    ],
)
def test_edits_of_an_image(edits: list[Edit], expected: list[list[int]]) -> None:
    image = np.arange(1, 10, dtype=np.uint8).reshape(3, 3)
    assert samples.edited(image, edits).tolist() == expected
    assert image[0, 0] == 1


def test_an_edited_image_changes_the_answer(home: Path) -> None:
    plain, turned = (passed(home, image=ImageRef("test", 7, edits)) for edits in ((), (Invert(),)))
    assert np.array_equal(turned.image, 255 - plain.image)
    assert turned.logits != plain.logits
    with pytest.raises(InspectionError, match="has no image 99999: its indices go from 0 to 999"):
        passed(home, image=ImageRef("test", 99999))
    with pytest.raises(InspectionError, match="no image can be sent through it"):
        passed(home, "torchvision:vgg16")


@pytest.mark.parametrize("source", ["mlp", "cnn"])
def test_every_sum_is_what_the_layer_gives(home: Path, source: str) -> None:
    stages = passed(home, source).stages
    linear = [at for at, stage in enumerate(stages) if stage.type in ("Linear", "Conv2d")]
    assert len(linear) >= 3
    for at in linear:
        for output in (None, 0, 5, -1):
            found = summed(home, at, output, source)
            assert found.sum == pytest.approx(found.value, rel=1e-4, abs=1e-5)
            assert found.positive + found.negative + found.bias == pytest.approx(found.sum)
            for one in found.largest[:5]:
                assert one.product == pytest.approx(one.value * one.weight, rel=1e-6)
    (relu,) = [at for at, stage in enumerate(stages) if stage.type == "ReLU"][:1]
    with pytest.raises(InspectionError, match="is a ReLU; only of Linear and Conv layers"):
        summed(home, relu, source=source)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=2, groups=2, bias=False),
        nn.Conv2d(4, 4, 3, padding="same", padding_mode="reflect", groups=4),
        nn.Conv2d(4, 2, 3, padding=2, padding_mode="circular"),
    ],
)
def test_the_sums_of_convolutions_of_all_kinds(module: nn.Conv2d) -> None:
    torch.manual_seed(0)
    (stage,), _ = forward.trace(nn.Sequential(module), torch.randn(1, 4, 9, 8))
    assert stage.after is not None
    for place in ((0, 0, 0), (1, 2, 1), tuple(size - 1 for size in stage.after.shape[1:])):
        inputs, weights, bias, name = contributions.summands(stage, place)
        assert inputs.shape == weights.shape
        assert float((inputs * weights).sum()) + bias == pytest.approx(float(stage.after[0][place]), abs=1e-5)
        assert name(0).startswith("channel ")


def test_saliency_of_a_network_that_can_be_calculated_by_hand() -> None:
    line = nn.Linear(16, 2, bias=False)
    with torch.no_grad():
        line.weight.zero_()
        line.weight[0, 5] = 2.0
        line.weight[0, 10] = -3.0
    net = nn.Sequential(nn.Flatten(), line)
    X = torch.zeros(1, 1, 4, 4)
    X[0, 0, 1, 1] = 1.0
    X[0, 0, 2, 2] = 0.5
    expected = torch.zeros(4, 4)
    expected[1, 1], expected[2, 2] = 2.0, 3.0
    assert torch.equal(saliency.gradient(net, X, 0), expected)
    # Logits 2 · 1 - 3 · 0.5 = 0.5 and 0. A square of 2 × 2 every 2 pixels covers one of the two pixels, or neither.
    sure = lambda logit: 1 / (1 + np.exp(-logit))  # noqa: E731
    fall = saliency.occlusion(net, X, 0, 2, 2)
    assert fall[:2, :2].flatten().tolist() == pytest.approx([sure(0.5) - sure(-1.5)] * 4)
    assert fall[2:, 2:].flatten().tolist() == pytest.approx([sure(0.5) - sure(2.0)] * 4)
    assert fall[:2, 2:].abs().max() < 1e-6
    # Every pixel: the middle ones lie in up to four squares, of which the mean is taken.
    dense = saliency.occlusion(net, X, 0, 2, 1)
    one, other, both = sure(0.5) - sure(-1.5), sure(0.5) - sure(2.0), sure(0.5) - 0.5
    assert float(dense[0, 0]) == pytest.approx(one)
    assert float(dense[1, 1]) == pytest.approx((3 * one + both) / 4)
    assert float(dense[3, 3]) == pytest.approx(other)


def test_saliency_of_a_networks_image(home: Path) -> None:
    answer = explained(home)
    assert answer.gradient.shape == answer.occlusion.shape == (28, 28)
    assert answer.target == passed(home).prediction
    X = torch.from_numpy(np.array(DEMO.test.images[7])).float()[None, None] / 255
    X.requires_grad_()
    model()(X)[0, 4].backward()
    assert X.grad is not None
    assert np.allclose(explained(home, target=4).gradient, X.grad[0, 0].abs().numpy())


def test_pictures_of_activations(home: Path) -> None:
    shown = forward.picture(home, ActivationRequest(ref(), IMAGE, 1, "output", rows=20, columns=60), quiet)
    assert shown.values.shape[0] <= 20
    assert shown.values.shape[1] <= 60
    assert shown.description == "512 units, 60 per row"
    tensor = torch.arange(12.0).reshape(3, 2, 2)
    image, told = forward.mosaic(tensor, 10, 10)
    assert told == "3 channels of 2 × 2"
    assert image[0, 0] == 0
    assert np.isnan(image).any()
    image, told = forward.mosaic(tensor, 2, 5)
    assert told == "3 channels of 2 × 2, the first 2 shown"
    assert image[:, :2].tolist() == [[0, 1], [2, 3]]
    assert image[:, 3:].tolist() == [[4, 5], [6, 7]]
    image, told = forward.mosaic(torch.tensor([1.0, 2.0]), 4, 8)
    assert (image[0, 0], image[0, -1]) == (1.0, 2.0)


def test_the_state_of_a_checkpoints_optimizer_opens(home: Path, train_once: TrainOnce) -> None:
    folder = train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1, optimizer="adam"), "")
    content = torch.load(folder.checkpoint("epoch-0001.pt"), weights_only=True)
    moment = content["optimizer"]["state"][2]["exp_avg"]
    network = NetworkRef(sources.parse(folder.id))

    def opened(key: str) -> TensorWindow:
        tensor = OptimizerState(network, "linear_relu_stack.2.weight", key)
        return tensors.compute(home, TensorRequest(tensor, "[3]", rows=1, columns=9, whole=True), quiet)

    shown = opened("exp_avg")
    assert shown.shape == (512,)
    assert shown.expression == 'optimizer.state[model.linear_relu_stack[2].weight]["exp_avg"][3]'
    assert shown.stats is not None
    assert shown.stats.norm == pytest.approx(float(moment[3].norm()), rel=1e-5)
    with pytest.raises(InspectionError, match="has no optimizer state 'nothing'"):
        opened("nothing")

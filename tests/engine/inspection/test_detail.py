"""What is shown of the thing under a cursor, compared with PyTorch's own words."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine import sources
from engine.errors import CheckpointError, InspectionError
from engine.inspection import detail, difference_detail, networks
from engine.inspection.detail_requests import Detail, DifferenceDetailRequest, ModuleDetailRequest, TensorDetailRequest
from engine.inspection.forward import mosaic
from engine.inspection.image_requests import ImageRef
from engine.inspection.samples import sample
from engine.inspection.tensor_refs import FileDifference, FileTensor, Parameter
from engine.progress import silent
from engine.sources import NetworkRef

IMAGE = ImageRef("test", 3)


def ref(source: str = "mlp") -> NetworkRef:
    return NetworkRef(sources.parse(source), dataset="demo", seed=3)


def of_parameter(home: Path, name: str, source: str = "mlp") -> Detail:
    request = TensorDetailRequest(Parameter(ref(source), name), rows=60, columns=90, width=80)
    return detail.of_tensor(home, request, silent)


def of_module(home: Path, name: str, source: str = "mlp", width: int = 80) -> Detail:
    request = ModuleDetailRequest(ref(source), IMAGE, name, rows=40, columns=90, width=width)
    return detail.of_module(home, request, silent)


def test_a_parameter_is_printed_as_pytorch_does_it(home: Path) -> None:
    model = networks.network(home, ref()).model
    for name, parameter in model.named_parameters():
        before = dict(vars(torch._tensor_str.PRINT_OPTS))
        found = of_parameter(home, name)
        assert found.printed == str(parameter[:2])
        assert found.expression.endswith("[:2]")
        assert vars(torch._tensor_str.PRINT_OPTS) == before
    assert "grad_fn=<SliceBackward0>" in found.printed


def test_a_parameters_picture_are_its_kernels_its_rows_as_images_or_a_map(home: Path) -> None:
    assert of_parameter(home, "linear_relu_stack.0.weight").description.startswith("512 rows of 28 × 28")
    assert of_parameter(home, "linear_relu_stack.2.weight").description == "map of 512 × 512"
    assert of_parameter(home, "linear_relu_stack.4.bias").description.startswith("10 numbers")
    model = networks.network(home, ref("cnn")).model
    name, kernel = next((name, one) for name, one in model.named_parameters() if one.ndim == 4)
    found = of_parameter(home, name, "cnn")
    assert found.description.startswith(f"{kernel.shape[0] * kernel.shape[1]:,} kernels of 3 × 3")
    assert found.values[0, 0] == pytest.approx(float(kernel.detach()[0, 0, 0, 0]))


def test_a_modules_output_is_that_of_the_image(home: Path) -> None:
    network = networks.network(home, ref())
    with torch.no_grad():
        logits = network.model(sample(network, IMAGE).X)
    found = of_module(home, "")
    assert found.shape == (1, 10)
    assert found.printed == str(logits[0])
    assert found.stats is not None
    assert found.stats.max == pytest.approx(float(logits.max()))
    assert np.unique(found.values[~np.isnan(found.values)]).size == 10
    inner = of_module(home, "linear_relu_stack.0")
    assert inner.description.startswith("512 units")
    assert of_module(home, "flatten").description == "1 channel of 28 × 28"
    assert all(len(line) <= 44 for line in of_module(home, "linear_relu_stack.2", width=44).printed.splitlines())


def test_a_files_tensor_is_printed_and_drawn_as_a_parameter_is(home: Path, tmp_path: Path) -> None:
    weight = networks.network(home, ref()).model.get_parameter("linear_relu_stack.0.weight").detach()
    torch.save({"w": weight, "b": weight + 1}, tmp_path / "x.pt")
    both = [FileTensor(tmp_path / "x.pt", name) for name in ("w", "b")]
    found = detail.of_tensor(home, TensorDetailRequest(both[0], rows=60, columns=90), silent)
    assert found.printed == str(weight[:2])
    assert found.expression == 'x.pt["w"][:2]'
    assert found.description.startswith("512 rows of 28 × 28")
    apart = detail.of_tensor(home, TensorDetailRequest(FileDifference(*both), rows=60, columns=90), silent)
    assert apart.printed == str((weight + 1 - weight)[:2])


def test_a_difference_says_what_both_are_and_where_the_largest_is(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = torch.linspace(-1, 1, 60).reshape(3, 4, 5)
    b = a.clone()
    b[1, 2, 3] += 0.5
    b[2, 0, 0] = torch.nan
    torch.save({"w": a}, tmp_path / "a.pt")
    torch.save({"w": b}, tmp_path / "b.pt")
    request = DifferenceDetailRequest(FileTensor(tmp_path / "a.pt", "w"), FileTensor(tmp_path / "b.pt", "w"), 20, 40)
    found = difference_detail.compute(home, request, silent)
    assert found.largest == (1, 2, 3)
    assert found.there == (pytest.approx(float(a[1, 2, 3])), pytest.approx(float(b[1, 2, 3])))
    assert found.first is not None
    assert found.second is not None
    assert found.stats is not None
    assert found.first.norm == pytest.approx(float(a.norm()))
    assert found.second.nan == 1
    assert found.stats.max == pytest.approx(0.5)
    assert sum(found.histogram) == 59
    assert found.expression == '(b.pt["w"] - a.pt["w"])[:2]'
    assert found.printed == str((b - a)[:2])
    monkeypatch.setattr(difference_detail, "MOST", 59)
    with pytest.raises(InspectionError, match="It has 60 numbers: Enter shows their difference"):
        difference_detail.compute(home, request, silent)


def test_a_tensor_that_claims_any_size_is_not_expanded(home: Path, tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1).expand(1000, 1000, 100, 100)}, tmp_path / "huge.pt")
    with pytest.raises(CheckpointError, match="repeats a few stored values"):
        detail.of_tensor(home, TensorDetailRequest(FileTensor(tmp_path / "huge.pt", "w"), rows=60, columns=90), silent)


def test_of_a_large_tensor_only_what_is_drawn_is_computed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[int] = []
    plain = torch.Tensor.float

    def noted(self: torch.Tensor) -> torch.Tensor:
        converted.append(self.numel())
        return plain(self)

    monkeypatch.setattr(torch.Tensor, "float", noted)
    many = torch.ones(100_000, 3, 3)
    _, words = mosaic(many, 20, 40, unit="kernel")
    assert words.startswith("100,000 kernels of 3 × 3")
    line = torch.arange(1_000_000.0)
    values, words = mosaic(line, 20, 40, unit="number")
    assert words == "1,000,000 numbers, 40 per row, the first 800 shown"
    assert values[1, 0] == 40
    assert max(converted) <= 20 * 40 * 9


def test_what_has_no_values_says_so(home: Path) -> None:
    vgg = "torchvision:vgg16"
    with pytest.raises(InspectionError, match="it has shapes but no values"):
        of_parameter(home, "features.0.weight", vgg)
    with pytest.raises(InspectionError, match="no image can be sent through it: it has shapes but no values"):
        of_module(home, "features.0", vgg)
    with pytest.raises(InspectionError, match="no module 'nothing'"):
        of_module(home, "nothing")


def test_a_model_of_torchvision_takes_weights_from_a_file(home: Path, tmp_path: Path) -> None:
    from torchvision import models

    path = tmp_path / "squeezenet.pt"
    weights = models.squeezenet1_1(weights=None).state_dict()
    torch.save(weights, path)
    source = f"torchvision:squeezenet1_1={path}"
    assert of_parameter(home, "features.0.weight", source).values.size
    found = networks.network(home, ref(source))
    assert not found.valueless
    assert torch.equal(dict(found.model.named_parameters())["features.0.bias"], weights["features.0.bias"])
    with pytest.raises(InspectionError, match="it is for images of 3 × 224 × 224, and no data set here is"):
        of_module(home, "features.0", source)

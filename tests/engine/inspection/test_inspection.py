"""A network from inside: its modules, parameters and tensors, compared with PyTorch's own words (chapter 4)."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine import sources
from engine.errors import EngineError, InspectionError, ModelError
from engine.inspection import networks, parameters, summary, tensors, views
from engine.inspection.expressions import spelled
from engine.inspection.model_requests import ModelSummary, ParametersRequest, SummaryRequest, TensorRow, Totals
from engine.inspection.stats import histogram, stats_of
from engine.inspection.tensor_refs import FileTensor, Parameter
from engine.inspection.tensor_requests import PicturesRequest, TensorPictures, TensorRequest, TensorWindow
from engine.inspection.tensor_stats import TensorStats
from engine.models.registry import build
from engine.sources import NetworkRef
from engine.training.config import TrainConfig
from tests.engine.runs.test_host_resume import create, serve
from tests.support.own_code import write_trusted


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def ref(source: str = "mlp") -> NetworkRef:
    return NetworkRef(sources.parse(source), dataset="demo", seed=3)


def asked(home: Path, source: str = "mlp") -> ModelSummary:
    return summary.compute(home, SummaryRequest(ref(source)), quiet)


def table(home: Path, source: str, before: str = "") -> tuple[TensorRow, ...]:
    request = ParametersRequest(ref(source), sources.parse(before) if before else None)
    return parameters.compute(home, request, quiet).tensors


def stats(row: TensorRow) -> TensorStats:
    assert row.stats is not None
    return row.stats


def tensor(home: Path, name: str, source: str = "mlp", **values: Any) -> TensorWindow:
    request = TensorRequest(Parameter(ref(source), name), **{"rows": 5, "columns": 5, **values})
    return tensors.compute(home, request, quiet)


def own(tmp_path: Path, code: str) -> str:
    path = tmp_path / "own.py"
    write_trusted(path, f"import torch\nfrom torch import nn\n\n{code}")
    return f"{path}:Net"


def test_the_tutorials_network_as_pytorch_prints_it_and_as_a_table(home: Path) -> None:
    found = asked(home)
    torch.manual_seed(3)
    model = build("mlp")
    assert found.printed == str(model)
    rows = {row.name: row for row in found.modules}
    assert list(rows) == [name for name, _ in model.named_modules()]
    assert (rows["flatten"].inputs, rows["flatten"].outputs) == ("[1, 1, 28, 28]", "[1, 784]")
    first = rows["linear_relu_stack.0"]
    assert (first.type, first.extra) == ("Linear", "in_features=784, out_features=512, bias=True")
    assert (first.inputs, first.outputs) == ("[1, 784]", "[1, 512]")
    assert (first.own, first.multiply_adds) == (784 * 512 + 512, 784 * 512)
    assert rows["linear_relu_stack"].multiply_adds == 784 * 512 + 512 * 512 + 512 * 10
    assert found.totals == Totals(
        parameters=669_706, trainable=669_706, buffers=0, bytes=4 * 669_706, multiply_adds=668_672
    )
    assert found.problem == ""


def test_a_convolution_costs_what_its_formula_says(home: Path) -> None:
    found = asked(home, source="cnn")
    rows = {row.name: row for row in found.modules}
    assert rows["features.0"].multiply_adds == 28 * 28 * 24 * 9
    assert rows["features.4"].multiply_adds == 14 * 14 * 48 * 24 * 9
    assert found.totals.parameters == sum(p.numel() for p in build("cnn").parameters())
    assert found.totals.buffers == sum(b.numel() for b in build("cnn").buffers())


def test_torchvisions_large_networks_open_without_their_values(home: Path) -> None:
    found = asked(home, source="torchvision:vgg16")
    assert found.valueless is True
    assert found.totals.parameters == 138_357_544  # as torchvision's documentation says
    assert found.totals.multiply_adds == pytest.approx(15.47e9, rel=1e-3)  # its GFLOPS: 15.47
    rows = table(home, "torchvision:vgg16")
    assert stats(rows[-2]).shape == (1000, 4096)
    assert all(stats(row).mean is None and row.device == "meta" for row in rows)
    view = tensor(home, "classifier.0.weight", source="torchvision:vgg16", whole=True, view="[:, 3:]")
    assert (view.shape, view.cells) == ((4096, 25085), ())
    with pytest.raises(ModelError, match="did you mean resnet18"):
        asked(home, source="torchvision:resnet180")


def test_what_does_not_go_through_points_at_the_layer(home: Path, tmp_path: Path) -> None:
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.stack = nn.Sequential(nn.Linear(784, 20), nn.ReLU(), nn.Linear(21, 10))
    def forward(self, x):
        return self.stack(self.flatten(x))
"""
    found = asked(home, source=own(tmp_path, code))
    assert found.problem.startswith("stack.2 (Linear(in_features=21, out_features=10, bias=True)) got [1, 20]: ")
    assert "shapes cannot be multiplied (1x20 and 21x10)" in found.problem
    rows = {row.name: row for row in found.modules}
    assert rows["stack.0"].outputs == "[1, 20]"
    assert rows["stack.2"].outputs is None


def test_networks_of_all_kinds_are_shown(home: Path, tmp_path: Path) -> None:
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(784, 784)
        self.two = self.one
        self.three = nn.Linear(784, 4)
        self.three.weight = nn.Parameter(self.three.weight.to(torch.bfloat16))
        self.lone = nn.Parameter(torch.tensor(0.5))
        self.none = nn.Parameter(torch.zeros(0, 3))
        self.wave = nn.Parameter(torch.tensor([3 + 4j, 1j]))
        self.register_buffer("mask", torch.tensor([True, False, True]))
        self.register_buffer("small", torch.tensor([-3, 5], dtype=torch.int8))
        self.register_buffer("eight", torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn))
        self.register_buffer("few", torch.eye(4).to_sparse())
        self.lazy = nn.LazyLinear(3)
    def forward(self, x):
        x = self.two(self.one(x.flatten(1)))
        if x.sum() > 1e9:  # it looks at values: the meta device has none
            raise ValueError
        return {"logits": x[:, :10], "pair": (x, [x])}
"""
    source = own(tmp_path, code)
    found = asked(home, source=source)
    assert found.problem == ""
    assert found.modules[0].outputs == "{logits: [1, 10], pair: ([1, 784], [[1, 784]])}"
    assert next(row for row in found.modules if row.name == "one").calls == 2
    rows = {row.name: row for row in table(home, source)}
    assert rows["two.weight"].same_as == "one.weight"
    assert rows["lazy.weight"].stats is None
    found_stats = {name: stats(row) for name, row in rows.items() if row.stats is not None}
    lone, none, wave = (found_stats[name] for name in ("lone", "none", "wave"))
    assert (lone.shape, lone.mean, lone.std) == ((), 0.5, 0.0)
    assert (none.count, none.mean) == (0, None)
    assert wave.max == 5.0  # the magnitude
    assert (found_stats["mask"].dtype, found_stats["mask"].zeros) == ("bool", pytest.approx(1 / 3))
    assert (found_stats["small"].min, found_stats["small"].max) == (-3.0, 5.0)
    assert found_stats["eight"].mean == 1.5
    assert (found_stats["few"].layout, found_stats["few"].zeros) == ("sparse_coo", 0.75)
    assert rows["three.weight"].dtype == "bfloat16"
    for name in ("lone", "none", "wave", "mask", "small", "eight", "few", "three.weight"):
        shown = tensor(home, name, source=source, whole=True, map_rows=4, map_columns=4)
        assert shown.stats is not None
        assert shown.stats.count == found_stats[name].count
    assert tensor(home, "wave", source=source).cells == (("3.0000+4.0000j", "0.0000+1.0000j"),)
    assert tensor(home, "few", source=source).cells[1] == ("0.", "1.", "0.", "0.")
    with pytest.raises(InspectionError, match="lazy"):
        tensor(home, "lazy.weight", source=source)
    with pytest.raises(InspectionError, match="has no tensor 'gone'"):
        tensor(home, "gone", source=source)


def test_statistics_by_hand() -> None:
    values = torch.tensor([[1.0, -2.0, 0.0], [float("nan"), float("inf"), 4.0]])
    found = stats_of(values)
    finite = [1.0, -2.0, 0.0, 4.0]
    mean = sum(finite) / 4
    assert found.mean == pytest.approx(mean)
    assert found.std == pytest.approx(math.sqrt(sum((value - mean) ** 2 for value in finite) / 4))
    assert (found.min, found.max, found.nan, found.inf, found.not_finite) == (-2.0, 4.0, 1, 1, 2)
    assert found.norm == pytest.approx(math.sqrt(21))
    assert found.zeros == pytest.approx(1 / 6)
    counts = histogram(torch.tensor([0.0, 0.1, 0.9, 1.0]), 2)
    assert counts.tolist() == [2, 2]
    assert histogram(torch.full((5,), 2.0), 4).sum() == 5
    assert histogram(torch.tensor([float("nan")]), 4).sum() == 0


def test_the_parameters_of_a_checkpoint_and_how_much_they_moved(home: Path) -> None:
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam"))
    assert serve(folder).status == "finished"
    weights = [torch.load(folder.checkpoint(f"epoch-000{epoch}.pt"), weights_only=True)["model"] for epoch in (1, 2)]
    every = table(home, f"{folder.id}@2", before=f"{folder.id}@1")
    rows = [row for row in every if row.kind == "parameter"]
    assert {row.kind for row in every} == {"parameter", "optimizer"}
    assert [row.name for row in rows] == list(weights[1])
    for row in rows:
        before, after = (state[row.name].double() for state in weights)
        assert stats(row).mean == pytest.approx(float(after.mean()), rel=1e-5, abs=1e-9)
        assert row.change == pytest.approx(float((after - before).norm() / before.norm()), rel=1e-5)
    name = "linear_relu_stack.4.weight"
    path = folder.checkpoint("epoch-0002.pt")
    shown = tensor(home, name, source=str(path), view="[2, -5:]")
    expected = weights[1][name][2, -5:]
    assert [float(text) for text in shown.cells[0]] == pytest.approx(expected.tolist(), rel=1e-3, abs=6e-5)
    assert shown.expression == "model.linear_relu_stack[4].weight[2, -5:]"
    with pytest.raises(EngineError, match="no checkpoint at the end of epoch 9"):
        asked(home, source=f"{folder.id}@9")
    with pytest.raises(InspectionError, match="no such file"):
        asked(home, source=str(folder.checkpoint("gone.pt")))


def test_anybodys_weights_in_a_network(home: Path, tmp_path: Path) -> None:
    torch.manual_seed(9)
    state = build("mlp").state_dict()
    path = tmp_path / "their weights.pth"
    torch.save(state, path)
    shown = tensor(home, "linear_relu_stack.4.bias", source=f"mlp={path}", columns=10)
    assert [float(text) for text in shown.cells[0]] == pytest.approx(
        state["linear_relu_stack.4.bias"].tolist(), abs=6e-5
    )
    assert asked(home, source=f"mlp={path}").title == "mlp with the weights of their weights.pth"
    torch.save({f"module.{name}": value for name, value in state.items()}, path)
    with pytest.raises(EngineError, match=r"they would fit with --strip module\.; use .* module\."):
        asked(home, source=f"mlp={path}")
    assert asked(home, source=f"mlp={path} module.").totals.parameters == 669_706
    with pytest.raises(EngineError, match="No such file"):
        asked(home, source=f"mlp={tmp_path / 'gone.pth'}")


VIEWS = [
    "", "[0]", "[0, :, 3:9, ::2]", "[..., -1]", "[:, None]", "0, 1", "[[0, 2]]", ".T", ".mT", ".transpose(0, 1)",
    ".permute(3, 2, 1, 0)", ".reshape(-1, 9)", ".flatten()", ".flatten(1)[:, 4]", ".abs().amax(1)", ".mean(0)",
    "t * t + 1", "t @ t.mT", "t[0] @ t[0].transpose(-1, -2)", "torch.cat([t, t], dim=1)", "torch.stack([t[0], t[1]])",
    "torch.ones_like(t) - t", "-t ** 2", "t > 0", "t[t > 0]", "(t > 0).sum()", ".mean(dim=(0, 1), keepdim=True)",
    "t.sum().item()", ".amax(dim=-1)",
    ".sum(1)[0].mT", "[0].softmax(-1)", ".std(0)", ".unsqueeze(0).squeeze()", ".isnan().sum()", "[1:2, ::2, -3:]",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:The use of `x.T`")
@pytest.mark.parametrize("text", VIEWS)
def test_a_view_is_what_python_says(text: str) -> None:
    t = torch.randn(4, 3, 9, 9)
    expected = eval(spelled("t", text), {"t": t, "torch": torch})  # what is typed here is ours
    assert torch.equal(views.apply(t, text), torch.as_tensor(expected))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[9]", r"\[9\] of shape \[4, 3\]: IndexError: index 9 is out of bounds"),
        ("[0, 0, 0]", "too many indices"),
        ("[0", "is not Python"),
        ("[1.5]", "1.5 is not a whole number"),
        ("['a']", "is not a whole number"),
        (".reshape(7, 7)", "shape '\\[7, 7\\]' is invalid"),
        (".transpose(0)", "of shape \\[4, 3\\]: TypeError"),
        (".numpy()", "can't be asked for"),
        (".__class__", "can't be asked for"),
        ("[__import__('os').system('true')]", "is not a whole number"),
        (".apply_(print)", "works in place"),
        (".mean(out=t)", "can't be asked for"),
        (".add_(5)", "works in place, it would change the tensor"),
        ("t @ t", "same reduction dim"),
        ("torch.load(t)", "can't be asked for"),
        ("torch.cat", "is not a whole number"),
        ("t + 2 ** 99999999", "can't be asked for"),
        ("t.repeat(99999, 99999)", "would have 119,997,600,012 elements"),
        ("(lambda: t)()", "can't be asked for"),
        ("[x for x in t]", "is not a whole number|is not Python|can't be asked for"),
    ],
)
def test_what_is_no_view_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(InspectionError, match=words) as caught:
        views.apply(torch.ones(4, 3), text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        [[0.1234567, -2.5, 0.0]], [[1e-5, 0.5]], [[1.0, 2.0, -3.0]], [[1e9, 2.0]], [[12345.678, 0.1]], [[1e10, -3e10]],
        [[float("nan"), 1.5]], [[0.0, 0.0]], [[float("inf"), 2.0]],
    ],
)  # fmt: skip
def test_values_are_rounded_as_pytorch_prints_them(values: list[list[float]]) -> None:
    given = torch.tensor(values)
    printed = str(given).removeprefix("tensor([[").removesuffix("]])").split(",")
    assert tensors.cells(given, tensors.form_of(given))[0] == tuple(text.strip() for text in printed)


def test_the_cells_in_view_say_how_numbers_are_written_not_the_corners_of_the_tensor(tmp_path: Path) -> None:
    images = torch.zeros(8, 28, 28)
    images[:, 10:18, 10:18] = 0.71372549
    images[:, 20, 20] = 1.0
    tensors_of = {"X": images, "large": torch.arange(5000.0).reshape(50, 100)}
    tensors_of["large"][40, 50:] = torch.linspace(1e-5, 0.3, 50)
    torch.save(tensors_of, tmp_path / "file.pth")

    def shown(name: str, row: int, column: int) -> tuple[tuple[str, ...], ...]:
        ref = FileTensor(tmp_path / "file.pth", name)
        request = TensorRequest(ref, row=row, column=column, rows=3, columns=4)
        return tensors.compute(tmp_path, request, quiet).cells

    assert shown("X", 0, 0)[0] == ("0.", "0.", "0.", "0.")
    assert shown("X", 9, 9) == (("0.0000",) * 4, *(("0.0000", "0.7137", "0.7137", "0.7137"),) * 2)
    assert shown("X", 18, 18)[2] == ("0.", "0.", "1.", "0.")
    assert shown("large", 0, 0)[0] == ("0.", "1.", "2.", "3.")
    assert shown("large", 40, 50)[0][0] == "1.0000e-05"
    for name, row, column in (("X", 9, 9), ("large", 40, 49), ("large", 12, 3)):
        values = tensors_of[name].reshape(-1, tensors_of[name].shape[-1])[row : row + 3, column : column + 4]
        printed = "".join(str(values).removeprefix("tensor(").split()).strip("[]()").replace("],[", ",").split(",")
        assert [text for line in shown(name, row, column) for text in line] == printed


@pytest.mark.parametrize(
    ("text", "requires_grad", "grad_fn"),
    [
        ("", True, ""),
        ("[0]", True, "SelectBackward0"),
        (".T", True, "PermuteBackward0|TransposeBackward0|TBackward0|NumpyTBackward0"),
        ("t * 2", True, "MulBackward0"),
        (".sum()", True, "SumBackward0"),
        ("t > 0", False, ""),
        (".argmax(1)", False, ""),
        ("torch.ones_like(t)", False, ""),
        ("torch.rand_like(t) + 1", False, ""),
        (".int()", False, ""),
        (".isnan()", False, ""),
        (".sort()", True, "SortBackward0"),
        ("torch.cat([t, torch.zeros_like(t)])", True, "CatBackward0"),
    ],
)
def test_what_autograd_says_of_a_view(text: str, requires_grad: bool, grad_fn: str) -> None:
    weight = nn.Parameter(torch.randn(4, 5))
    found = views.evaluate(weight, text)
    assert found.requires_grad is requires_grad
    assert found.grad_fn in grad_fn.split("|")
    assert found.leaf is (not grad_fn)
    assert not found.tensor.requires_grad, "nothing holds on to a graph"
    assert tensors.about(weight, found).requires_grad is requires_grad
    frozen = views.evaluate(weight.detach(), text)
    assert (frozen.requires_grad, frozen.grad_fn) == (False, "")
    assert weight.grad is None


@pytest.mark.parametrize(
    ("tensor", "text", "number", "kind", "cell"),
    [
        (torch.tensor([0.1, 0.25]), "[0].item()", 0.10000000149011612, "float", "0.10000000149011612"),
        (torch.tensor([3, 4]), ".sum().item()", 7, "int", "7"),
        (torch.tensor([True]), ".all().item()", True, "bool", "True"),
    ],
)
def test_item_is_a_python_number(tensor: torch.Tensor, text: str, number: object, kind: str, cell: str) -> None:
    found = views.evaluate(tensor, text)
    assert found.number == number
    assert type(found.number) is type(number)
    assert tensors.about(tensor, found).number == kind
    assert tensors._cells_of(found, found.tensor.reshape(1, 1)) == ((cell,),)
    assert views.evaluate(tensor, ".sum()").number is None, "that is a tensor without dimensions"


def test_windows_pages_maps_and_pictures(home: Path) -> None:
    t = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    for number in range(6):
        matrix, pages = tensors.page(t, number)
        assert pages == 6
        assert torch.equal(matrix, t[number // 3, number % 3])
    assert tensors.page(torch.tensor(7), 0)[0].tolist() == [[7]]
    small = tensors.small(torch.arange(16.0).reshape(4, 4), 2, 2)
    assert small.tolist() == [[2.5, 4.5], [10.5, 12.5]]

    def pictures(name: str, first: int, count: int, source: str = "mlp") -> TensorPictures:
        return tensors.pictures(home, PicturesRequest(Parameter(ref(source), name), first, count), quiet)

    shown = pictures("linear_relu_stack.0.weight", 510, 8)
    weight = networks.network(home, ref()).model.linear_relu_stack[0].weight  # type: ignore[index, union-attr]
    assert isinstance(weight, nn.Parameter)
    assert shown.total == 512
    assert shown.captions == ("510", "511")
    assert np.array_equal(shown.pictures[1], weight[511].detach().reshape(28, 28).numpy())
    kernels = pictures("features.4.weight", 24, 2, source="cnn")
    assert kernels.captions == ("1←0", "1←1")
    assert kernels.pictures.shape == (2, 3, 3)
    with pytest.raises(InspectionError, match="only where it has three or four dimensions"):
        pictures("linear_relu_stack.0.bias", 0, 2)


def test_pictures_are_of_the_view_that_the_title_names(home: Path) -> None:
    name = "linear_relu_stack.0.weight"
    weight = dict(networks.network(home, ref()).model.named_parameters())[name].detach()

    def pictures(view: str, first: int = 0, count: int = 9) -> TensorPictures:
        return tensors.pictures(home, PicturesRequest(Parameter(ref(), name), first, count, view), quiet)

    one = pictures(".reshape(512, 28, 28)[3]")
    assert (one.total, one.captions) == (1, ("0",))
    assert np.array_equal(one.pictures[0], weight[3].reshape(28, 28).numpy())
    assert one.limit == pytest.approx(float(weight[3].abs().max()))
    assert np.array_equal(pictures("[3]").pictures, one.pictures)  # its 784 numbers are an image's
    some = pictures("[10:14]", 1, 2)
    assert (some.total, some.captions) == (4, ("1", "2"))
    assert np.array_equal(some.pictures, weight[11:13].reshape(2, 28, 28).numpy())
    assert pictures(".reshape(256, 2, 28, 28)", 3, 1).captions == ("1←1",)
    assert (some.signed, some.odd) == (True, False)
    positive = pictures(".abs()")
    assert (positive.signed, positive.odd) == (False, False)
    assert pictures("t > 0").limit == 1
    odd = pictures(".log()")
    assert (odd.signed, odd.odd) == (True, True)
    assert np.isfinite(odd.limit)
    with pytest.raises(InspectionError, match="a tensor of shape \\[512\\] is shown as pictures only where"):
        pictures("[:, 0]")

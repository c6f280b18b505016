"""Tensors that are not plain numbers in a row, compared with what torch makes of the same files: quantized, sparse,
conjugate and negative views, DTensors, nested ones, and subclasses."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import CheckpointError
from engine.runs import from_weights
from engine.weights import matching, safe_load, tensors
from engine.weights.compare import compare
from engine.weights.convert import convert
from engine.weights.key_mapping import KeyMapping
from engine.weights.misfit import MisfitError
from engine.weights.reading import read
from engine.weights.state_dict import mapped
from tests.support.hostile import checkpoint, holding, named, number, reduced, storage, text
from tests.support.memory import memory_below


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """torch warns that quantized and compressed sparse tensors are new, or deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def saved(path: Path, new: bool = True, **values: Any) -> Path:
    torch.save(values, path, _use_new_zipfile_serialization=new)
    return path


def quantized() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 2)
    scales, points = torch.tensor([0.1, 0.03, 0.2, 0.7], dtype=torch.float64), torch.tensor([0, -5, 7, 1])
    per_channel = torch.quantize_per_channel(x, scales, points, 0, torch.qint8)
    return {
        "tensor": torch.quantize_per_tensor(x, 0.05, 3, torch.qint8),
        "unsigned": torch.quantize_per_tensor(x, 0.02, 128, torch.quint8),
        "wide": torch.quantize_per_tensor(x * 1e4, 1e-3, -17, torch.qint32),
        "channel": per_channel,
        "middle": torch.quantize_per_channel(x, scales[:3], points[:3], 1, torch.qint8),
        "float points": torch.quantize_per_channel(x, scales.float(), points.float() + 0.5, 0, torch.quint8),
        "turned": torch.quantize_per_tensor(x[0], 0.05, 3, torch.qint8).t(),
        "part": torch.quantize_per_tensor(x, 0.05, 3, torch.qint8)[1:3, ::2],
    }


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("name", list(quantized()))
def test_a_quantized_tensor_gives_the_numbers_that_it_stands_for(tmp_path: Path, name: str, new: bool) -> None:
    value = quantized()[name]
    contents = read(saved(tmp_path / "q.pt", new, w=value))
    assert contents.problems == []
    (one,) = contents.tensors
    assert (one.tensor.layout, one.tensor.dtype) == ("quantized", str(value.dtype).removeprefix("torch."))
    assert any("1 quantized tensor (w): used dequantized, as float32" in note for note in contents.notes)
    for found in (tensors.load(contents, "w"), mapped(contents, KeyMapping())["w"]):
        assert found.dtype == torch.float32
        assert found.shape == value.shape
        torch.testing.assert_close(found, value.dequantize(), rtol=1e-6, atol=1e-6)


def test_numbers_that_are_packed_into_a_byte_are_named(tmp_path: Path) -> None:
    value = torch.quantize_per_channel(torch.ones(4, 6), torch.ones(4), torch.zeros(4), 0, torch.quint4x2)
    contents = read(saved(tmp_path / "q.pt", w=value, good=torch.ones(2)))
    assert contents.problems == []
    assert contents.tensors[0].tensor.shape == (4, 6)
    with pytest.raises(CheckpointError, match="w is quantized, several numbers in each byte, which are not unpacked"):
        tensors.load(contents, "w")


def test_quantized_weights_fit_their_network_and_are_converted_as_numbers(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = nn.Linear(6, 4)
    path = saved(
        tmp_path / "q.pt",
        weight=torch.quantize_per_channel(net.weight.detach(), torch.full((4,), 0.01), torch.zeros(4), 0, torch.qint8),
        bias=torch.quantize_per_tensor(net.bias.detach(), 0.01, 0, torch.qint8),
    )
    other = nn.Linear(6, 4)
    matching.load(other, str(path), "Linear")
    assert torch.allclose(other.weight, net.weight, atol=0.006)
    convert([path], tmp_path / "plain.safetensors", KeyMapping())
    plain = read(tmp_path / "plain.safetensors")
    assert torch.equal(tensors.load(plain, "weight"), other.weight)
    assert [(one.kind, one.max_abs) for one in compare(read(path), plain).tensors] == [("dtype", 0.0)] * 2
    assert torch.equal(safe_load.load(read(path), read(path).root)["bias"], other.bias)


@pytest.mark.parametrize(
    "params",
    [
        (named("torch.per_tensor_affine"), text("0.1"), number(0)),
        (named("torch.per_channel_affine"), number(1), number(0), number(0)),
        (named("torch.per_channel_affine"), b"](G?\xf0\0\0\0\0\0\0e", b"](K\0e", number(0)),  # 1 scale for 4
        (named("torch.per_channel_affine"), b"](K\1K\1K\1K\1e", b"](K\0K\0K\0K\0e", number(7)),
        (named("torch.per_row_quantum"), number(1), number(0)),
        (number(3), number(1), number(0)),
    ],
)
def test_a_scale_that_is_none_is_named_and_not_guessed(params: tuple[bytes, ...], tmp_path: Path) -> None:
    sizes = b"(" + number(4) + b"t"
    made = reduced(
        named("torch._utils._rebuild_qtensor"), storage(4, kind="QInt8Storage"), number(0), sizes,
        b"(" + number(1) + b"t", b"(" + b"".join(params) + b"t", b"\x89", reduced(named("collections.OrderedDict")),
    )  # fmt: skip
    contents = read(checkpoint(holding(w=made), tmp_path / "q.pt"))
    (one,) = contents.tensors
    assert (one.tensor.shape, one.tensor.dtype, one.tensor.layout) == ((4,), "qint8", "quantized")
    assert contents.notes[-1].startswith("1 tensor (w) can't be read here: quantized, how is not known")
    with pytest.raises(CheckpointError, match=r"w is quantized, how is not known: .*: its values can't be read here"):
        tensors.whole(contents, "w")


def views() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    x, z = torch.randn(3, 4), torch.randn(3, 4, dtype=torch.complex64)
    return {
        "negative": torch._neg_view(x),
        "negative whole numbers": torch._neg_view(torch.arange(-3, 4)),
        "negative part": torch._neg_view(x)[1:, ::2],
        "turned": torch._neg_view(x.double()).T,
        "conjugate": z.conj(),
        "adjoint": z.to(torch.complex128).mH,
        "imaginary part of a conjugate": z.conj().imag,
        "negative conjugate": torch._neg_view(z).conj(),
        "plain": z.imag,
        "real part": z.conj().real,
        "half": torch._neg_view(x.half()),
        "far": torch._neg_view(torch.arange(1000.0))[900:950:7],
        "repeated": torch._neg_view(torch.tensor([2.0])).expand(3),
    }


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("name", list(views()))
def test_a_view_has_its_sign(tmp_path: Path, name: str, new: bool) -> None:
    value = views()[name]
    path = saved(tmp_path / "v.pt", new, w=value)
    contents = read(path)
    assert contents.problems == []
    found = tensors.load(contents, "w")
    assert torch.equal(found, torch.load(path, weights_only=True)["w"].resolve_conj().resolve_neg())
    assert torch.equal(found, value)
    assert not found.is_conj()
    assert not found.is_neg()
    assert found.stride() == value.stride()
    words = {(True, False): "a conjugate view", (False, True): "a negative view", (False, False): ""}
    if name != "negative conjugate":
        assert contents.tensors[0].tensor.about == words[value.is_conj(), value.is_neg()]
    plain = saved(tmp_path / "plain.pt", w=value.resolve_conj().resolve_neg().clone())
    assert not compare(contents, read(plain)).differs
    convert([path], tmp_path / "out.pt", KeyMapping())
    assert torch.equal(torch.load(tmp_path / "out.pt", weights_only=True)["w"], value)


def test_the_sign_of_eight_bits(tmp_path: Path) -> None:
    value = torch._neg_view(torch.tensor([1.0, -2.5]).to(torch.float8_e5m2))  # which torch itself can't resolve
    contents = read(saved(tmp_path / "v.pt", w=value))
    assert tensors.load(contents, "w").float().tolist() == [-1.0, 2.5]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("conj", b"\x88", "a float32 tensor can't be a conjugate view"),
        ("neg", number(1), "neither true nor false"),
        ("quaternion", b"\x88", "its metadata 'quaternion' is not known"),
    ],
)
def test_a_sign_that_can_not_be_is_a_problem(key: str, value: bytes, words: str, tmp_path: Path) -> None:
    made = reduced(
        named("torch._utils._rebuild_tensor_v2"), storage(), number(0), b"(" + number(4) + b"t",
        b"(" + number(1) + b"t", b"\x89", reduced(named("collections.OrderedDict")), b"}" + text(key) + value + b"s",
    )  # fmt: skip
    contents = read(checkpoint(holding(w=made), tmp_path / "v.pt"))
    assert [one.name for one in contents.tensors] == []
    assert words in contents.problems[0]


def sparse() -> dict[str, torch.Tensor]:
    x = torch.tensor([[0.0, 1.5, 0, 0], [0, 0, 0, -2], [3, 0, 0, 0], [0, 0, 0, 0.25]])
    return {
        "coo": x.to_sparse(),
        "uncoalesced": torch.sparse_coo_tensor(
            torch.tensor([[0, 0, 2], [1, 1, 3]]), torch.tensor([1.0, 2.0, 4.0]), (4, 4)
        ),
        "hybrid": torch.stack([x, x + 1, x * 0]).to_sparse(1),
        "csr": x.to_sparse_csr(),
        "csc": x.to_sparse_csc(),
        "bsr": x.to_sparse_bsr((2, 2)),
        "bsc": x.to_sparse_bsc((2, 2)),
        "batch": torch.stack([x, x]).to_sparse_csr(),
        "int": x.int().to_sparse_csr(),
        "empty": torch.zeros(3, 5).to_sparse_csr(),
    }


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("name", list(sparse()))
def test_a_sparse_tensor_of_any_layout_is_listed_and_read(tmp_path: Path, name: str, new: bool) -> None:
    value = sparse()[name]
    contents = read(saved(tmp_path / "s.pt", new, w=value, good=torch.ones(2)))
    assert contents.problems == []
    one = contents.tensors[0].tensor
    layout = str(value.layout).removeprefix("torch.")
    assert (one.layout, one.shape, one.dtype) == (layout, tuple(value.shape), str(value.dtype).removeprefix("torch."))
    assert torch.equal(tensors.load(contents, "w"), value.to_dense())
    assert tensors.sparse(contents, one, "w").layout == value.layout
    assert any("sparse tensor (w): used as dense tensors" in note for note in contents.notes)


def test_a_sparse_tensor_that_claims_much_or_points_outside_is_refused(tmp_path: Path) -> None:
    wide = torch.sparse_coo_tensor(torch.tensor([[0], [1]]), torch.tensor([1.0]), (1 << 20, 1 << 20))
    path = saved(tmp_path / "s.pt", w=wide)
    with memory_below(256 << 20), pytest.raises(CheckpointError, match=r"would become 4,398,046,511,104: not expanded"):
        tensors.whole(read(path), "w")
    outside = torch.sparse_csr_tensor([0, 1, 2], [0, 9], [1.0, 2.0], (2, 2), check_invariants=False)
    with pytest.raises(CheckpointError, match="w: its values can't be read"):
        tensors.load(read(saved(tmp_path / "o.pt", w=outside)), "w")


class Marked(torch.Tensor):
    """A subclass with a state of its own."""


def subclassed() -> torch.Tensor:
    made = torch.arange(4.0).as_subclass(Marked)
    made.origin = "here"  # type: ignore[attr-defined]
    return made


def nested(layout: torch.layout) -> torch.Tensor:
    return torch.nested.nested_tensor([torch.ones(2, 3), torch.zeros(5, 3)], layout=layout)


@pytest.mark.parametrize(
    ("value", "layout", "shape", "words"),
    [
        (subclassed(), "strided", (4,), "of the class tests.engine.weights.test_forms.Marked"),
        (nested(torch.strided), "nested", (2,), "2 tensors of 2 dimensions, 21 elements together"),
        (nested(torch.jagged), "nested", (2,), "2 tensors, [7, 3] together"),
        (torch.empty(3, 2, device="meta"), "meta", (3, 2), ""),
    ],
)
def test_what_is_no_plain_tensor_is_named_and_does_not_stop_the_weights_beside_it(
    value: torch.Tensor, layout: str, shape: tuple[int, ...], words: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "n.pt", model={"0.weight": torch.ones(2, 2)}, other=value)
    contents = read(path)
    assert contents.problems == []
    one = next(one.tensor for one in contents.tensors if one.name == "other")
    assert (one.layout, one.shape, one.dtype) == (layout, shape, "float32")
    assert words in one.about
    assert not from_weights.look(path).own
    if layout == "strided":
        assert torch.equal(tensors.load(contents, "other"), torch.arange(4.0))
    else:
        assert any(note.startswith("1 tensor (other) can't be read here") for note in contents.notes)
        with pytest.raises(CheckpointError, match=f"other is {layout}.*: its values can't be read here"):
            tensors.load(contents, "other")


@pytest.mark.parametrize("dtype", ["float4_e2m1fn_x2", "float8_e8m0fnu", "uint16", "uint32", "uint64", "complex32"])
def test_numbers_of_any_dtype_are_shown_or_refused_in_one_line(dtype: str, tmp_path: Path) -> None:
    kind = getattr(torch, dtype)
    value = torch.tensor([1, 2, 3, 4], dtype=torch.uint8).repeat_interleave(kind.itemsize).view(kind)
    contents = read(saved(tmp_path / "d.pt", w=value))
    assert contents.tensors[0].tensor.bytes == 4 * kind.itemsize
    if dtype == "float4_e2m1fn_x2":
        with pytest.raises(CheckpointError, match=f"w is {dtype}, which this PyTorch stores but does not compute with"):
            tensors.load(contents, "w")
    else:
        assert tensors.load(contents, "w").dtype == kind
    convert([tmp_path / "d.pt"], tmp_path / "out.pt", KeyMapping())
    again = torch.load(tmp_path / "out.pt", weights_only=True)["w"]
    assert torch.equal(again.view(torch.uint8), value.view(torch.uint8))


@pytest.mark.parametrize("value", [nested(torch.strided), torch.empty(3, 2, device="meta")])
def test_what_a_network_does_not_want_need_not_be_readable(value: torch.Tensor, tmp_path: Path) -> None:
    net = nn.Linear(2, 3)
    path = tmp_path / "n.pt"
    torch.save(net.state_dict() | {"extra": value}, path)
    with pytest.raises(MisfitError, match=r"1 unexpected \(extra\); they would fit with --without extra") as caught:
        matching.load(nn.Linear(2, 3), str(path), "Linear")
    assert str(caught.value.proposal) == "without:extra"
    other = nn.Linear(2, 3)
    matching.load(other, f"{path} without:extra", "Linear")
    assert torch.equal(other.weight, net.weight)


@pytest.mark.parametrize("mapping", ["", "weight=w"])
def test_what_a_network_wants_is_refused_where_it_can_not_be_read(mapping: str, tmp_path: Path) -> None:
    name = "w" if mapping else "weight"
    path = tmp_path / "m.pt"
    torch.save({"bias": torch.ones(3), name: torch.empty(3, 2, device="meta")}, path)
    net = nn.Linear(2, 3)
    before = net.bias.clone()
    with pytest.raises(CheckpointError, match=f"{name} is meta: its values can't be read here; leave it out"):
        matching.load(net, f"{path} {mapping}".strip(), "Linear")
    assert torch.equal(net.bias, before)


@pytest.fixture
def four_processes() -> Iterator[None]:
    """As the first of four processes, none of which the others are."""
    from torch import distributed
    from torch.testing._internal.distributed.fake_pg import FakeStore

    distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=4)
    yield
    distributed.destroy_process_group()


def test_a_dtensor_is_read_where_it_is_whole_and_named_where_it_is_a_part(four_processes: None, tmp_path: Path) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

    mesh, x = init_device_mesh("cpu", (4,)), torch.arange(16.0).reshape(8, 2)
    path = saved(
        tmp_path / "d.pt",
        whole=DTensor.from_local(x, mesh, [Replicate()], run_check=False),
        part=DTensor.from_local(x[:2], mesh, [Shard(0)], run_check=False),
        sums=DTensor.from_local(x, mesh, [Partial()], run_check=False),
        parameter=nn.Parameter(DTensor.from_local(x, mesh, [Replicate()], run_check=False)),
        good=x,
    )
    contents = read(path)
    assert contents.problems == []
    found = {one.name: one.tensor for one in contents.tensors}
    assert {name: (one.layout, one.shape, one.dtype) for name, one in found.items()} == {
        "whole": ("DTensor", (8, 2), "float32"), "part": ("DTensor", (8, 2), "float32"),
        "sums": ("DTensor", (8, 2), "float32"), "parameter": ("DTensor", (8, 2), "float32"),
        "good": ("strided", (8, 2), "float32"),
    }  # fmt: skip
    assert found["parameter"].requires_grad
    for name in ("whole", "parameter"):
        assert torch.equal(tensors.load(contents, name), x)
    with pytest.raises(CheckpointError, match=r"part is DTensor, only the part \[2, 2\] of one process: save its full"):
        tensors.load(contents, "part")
    with pytest.raises(CheckpointError, match="sums is DTensor, how it is distributed is not known"):
        tensors.load(contents, "sums")
    with pytest.raises(CheckpointError, match=r"part is DTensor.*; leave it out with --without part"):
        mapped(contents, KeyMapping())
    assert set(mapped(contents, KeyMapping(without=("part", "sums")))) == {"whole", "parameter", "good"}

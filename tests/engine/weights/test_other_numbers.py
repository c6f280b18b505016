"""Weights that a network wants as floats and a file has as other numbers: refused, not converted without a word."""

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import CheckpointError
from engine.weights import matching
from engine.weights.compare import compare, figures_of
from engine.weights.convert import average, convert
from engine.weights.key_mapping import KeyMapping
from engine.weights.reading import read

F8 = torch.float8_e4m3fn
SCALE = torch.tensor(0.01)


class Scaled(nn.Module):
    """A network with a complex and an integer buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("wave", torch.zeros(2, dtype=torch.complex64))
        self.register_buffer("ids", torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("weight", "beside", "mapping", "words"),
    [
        (torch.ones(3, 2, dtype=torch.int8), {"SCB": torch.ones(3)}, "", "weight is int8 in the file, float32"),
        (torch.ones(3, 2, dtype=torch.int8), {"SCB": torch.ones(3)}, "without:SCB", "dequantize it with the library"),
        (torch.ones(3, 2, dtype=torch.uint8), {}, "", "weight is uint8 in the file, float32 in the network"),
        (torch.ones(3, 2, dtype=torch.bool), {}, "", "weight is bool in the file, float32 in the network"),
        (torch.ones(3, 2).to_sparse_csr().int(), {}, "", "weight is int32 in the file, float32 in the network"),
        (torch.ones(3, 2, dtype=torch.complex64).conj(), {}, "", "its imaginary part would be lost"),
        (torch.ones(3, 2).to(F8), {"weight_scale_inv": SCALE}, "", "float8_e4m3fn, with weight_scale_inv as its scale"),
        (torch.ones(3, 2).to(F8), {"weight_scale": SCALE}, "without:weight_scale", "with weight_scale as its scale"),
        (torch.ones(3, 2).to(F8), {"scale_weight": SCALE}, "without:scale_weight", "with scale_weight as its scale"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_they_are_refused(
    weight: torch.Tensor, beside: dict[str, torch.Tensor], mapping: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "w.pt"
    torch.save({"weight": weight, "bias": torch.ones(3), **beside}, path)
    net = nn.Linear(2, 3)
    before = net.bias.clone()
    with pytest.raises(CheckpointError, match=words):
        matching.load(net, f"{path} {mapping}".strip(), "Linear")
    assert torch.equal(net.bias, before)


def test_floats_of_every_width_and_what_a_network_keeps_as_other_numbers_are_used(tmp_path: Path) -> None:
    torch.save({"weight": torch.full((3, 2), 1.5).to(F8), "bias": torch.ones(3, dtype=torch.bfloat16)}, tmp_path / "f")
    net = nn.Linear(2, 3)
    matching.load(net, str(tmp_path / "f"), "Linear")
    assert torch.equal(net.weight, torch.full((3, 2), 1.5))
    torch.save({"wave": torch.tensor([1j, 2.0]).conj(), "ids": torch.tensor([3, 4])}, tmp_path / "s")
    scaled = Scaled()
    matching.load(scaled, str(tmp_path / "s"), "Scaled")
    assert scaled.state_dict()["wave"].tolist() == [-1j, 2.0]
    assert scaled.state_dict()["ids"].tolist() == [3, 4]


def test_a_count_that_is_a_vector_as_in_old_files_fits(tmp_path: Path) -> None:
    norm = nn.BatchNorm1d(2)
    torch.save({**norm.state_dict(), "num_batches_tracked": torch.tensor([7])}, tmp_path / "old.pt")
    matching.load(norm, str(tmp_path / "old.pt"), "BatchNorm1d")
    assert norm.num_batches_tracked is not None
    assert norm.num_batches_tracked.tolist() == 7


def test_a_complex_tensor_is_compared_with_a_real_one(tmp_path: Path) -> None:
    torch.save({"w": torch.tensor([1.0, 2.0])}, tmp_path / "a.pt")
    torch.save({"w": torch.tensor([1 + 3j, 2 + 0j])}, tmp_path / "b.pt")
    (found,) = compare(read(tmp_path / "a.pt"), read(tmp_path / "b.pt")).tensors
    assert (found.kind, found.max_abs, found.changed) == ("dtype", 3.0, 0.25)  # of four real and imaginary parts
    assert figures_of(torch.tensor([1 + 1j]), torch.tensor([2 + 2j]))["changed"] == 1.0


def test_the_mean_is_of_complex_numbers_and_of_the_widest_floats() -> None:
    found = average([{"w": torch.tensor([1 + 2j])}, {"w": torch.tensor([3 - 4j])}])
    assert found["w"].tolist() == [2 - 1j]
    for order in (1, -1):
        both = [{"w": torch.tensor([1.0]).half()}, {"w": torch.tensor([1.0 + 2**-20])}][::order]
        assert average(both)["w"].tolist() == [1.0 + 2**-21]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (torch.tensor([1j, 2]), "w has the dtypes int8 and complex64"),
        (torch.tensor([1.0, 2.0]), "w has the dtypes int8 and float32"),
        (torch.tensor([5, 7], dtype=torch.int8), "w is int8, and differs: dequantize it if it is quantized"),
    ],
)
def test_there_is_no_mean_of_numbers_of_several_kinds_or_of_quantized_ones(other: torch.Tensor, words: str) -> None:
    own = torch.tensor([5, 6], dtype=torch.int8)
    with pytest.raises(CheckpointError, match=words):
        average([{"w": own}, {"w": other}])
    assert average([{"w": own}, {"w": own.clone()}])["w"].tolist() == [5, 6]


def test_a_dtype_that_safetensors_does_not_have_is_named(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1), "w": torch.zeros(2, dtype=torch.complex32)}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="w is complex32, which safetensors can't hold: choose a name"):
        convert([tmp_path / "w.pt"], tmp_path / "out.safetensors", KeyMapping())
    assert [path.name for path in tmp_path.iterdir()] == ["w.pt"]

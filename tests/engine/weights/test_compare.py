"""Two files laid beside each other, and weights taken out of files: compared with hand calculation and torch."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import CheckpointError
from engine.weights import convert, state_dict
from engine.weights.compare import compare, figures_of
from engine.weights.comparison import Difference
from engine.weights.reading import read


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def by_name(found: tuple[Difference, ...]) -> dict[str, Difference]:
    return {one.name: one for one in found}


def test_what_differs_and_how_much(tmp_path: Path) -> None:
    a = {
        "same": torch.ones(3), "moved": torch.tensor([3.0, 4.0]), "gone": torch.ones(1), "shape": torch.ones(2),
        "dtype": torch.ones(2), "nan": torch.tensor([float("nan"), 1.0]),
    }  # fmt: skip
    b = {
        "same": torch.ones(3), "moved": torch.tensor([3.0, 1.0]), "new": torch.ones(1), "shape": torch.ones(3),
        "dtype": torch.ones(2, dtype=torch.float64), "nan": torch.tensor([float("nan"), 1.0]),
    }  # fmt: skip
    found = compare(
        read(saved(tmp_path / "a.pt", {**a, "epoch": 1})), read(saved(tmp_path / "b.pt", {**b, "epoch": 2}))
    )
    kinds = {name: one.kind for name, one in by_name(found.tensors).items()}
    assert kinds == {
        "same": "same", "moved": "changed", "gone": "removed", "shape": "shape", "dtype": "dtype", "nan": "same",
        "new": "added",
    }  # fmt: skip
    moved = by_name(found.tensors)["moved"]
    assert (moved.max_abs, moved.l2, moved.changed) == (3.0, 3.0, 0.5)
    assert moved.relative == pytest.approx(3 / 5)
    assert moved.cosine == pytest.approx((9 + 4) / (5 * math.sqrt(10)))
    assert found.metadata == {"epoch": (1, 2)}
    assert found.differs
    same = compare(read(tmp_path / "a.pt"), read(tmp_path / "a.pt"))
    assert not same.differs


def test_figures_go_over_blocks_and_leave_out_what_is_not_finite() -> None:
    torch.manual_seed(0)
    a = torch.randn(1500, 1000)
    b = a + 0.1 * torch.randn(1500, 1000)
    found = figures_of(a, b.T.contiguous().T)
    assert found["l2"] == pytest.approx(float((b - a).double().norm()), rel=1e-5)
    assert found["cosine"] == pytest.approx(
        float(nn.functional.cosine_similarity(a.flatten(), b.flatten(), 0)), rel=1e-4
    )
    odd = figures_of(torch.tensor([1.0, float("inf"), 2.0]), torch.tensor([1.0, 5.0, 4.0]))
    assert (odd["max_abs"], odd["changed"]) == (2.0, pytest.approx(2 / 3))
    assert figures_of(torch.zeros(0), torch.zeros(0))["changed"] == 0.0


def test_weights_are_laid_beside_those_of_a_training_checkpoint(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    bare = saved(tmp_path / "bare.pth", net.state_dict())
    wrapped = {f"module.{name}": tensor for name, tensor in net.state_dict().items()}
    training = saved(tmp_path / "train.pt", {"model": wrapped, "epoch": 3})
    found = compare(read(bare), read(training))
    assert found.alignment == "all of bare.pth compared with 'model' of train.pt without the prefix module."
    assert [one.kind for one in found.tensors] == ["same", "same"]
    lightning = saved(tmp_path / "pl.ckpt", {"state_dict": {f"net.{name}": t for name, t in net.state_dict().items()}})
    found = compare(read(lightning), read(bare))
    assert found.alignment == "'state_dict' of pl.ckpt without the prefix net. compared with all of bare.pth"
    assert [(one.kind, one.names) for one in found.tensors] == [
        ("same", ("state_dict.net.weight", "weight")), ("same", ("state_dict.net.bias", "bias")),
    ]  # fmt: skip


def test_weights_come_out_as_a_state_dict_or_safetensors(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    wrapped = {f"module.{name}": tensor for name, tensor in net.state_dict().items()}
    path = saved(tmp_path / "train.pt", {"optimizer": {"x": torch.ones(1)}, "model": wrapped})
    found = state_dict.of_section(read(path), strip="module.")
    assert list(found) == ["weight", "bias"]
    for name in ("out.pth", "out.safetensors"):
        size = convert.write(found, tmp_path / name)
        assert size == (tmp_path / name).stat().st_size
        again = state_dict.of_section(read(tmp_path / name))
        assert all(torch.equal(again[key], net.state_dict()[key]) for key in found)
    net.load_state_dict(torch.load(tmp_path / "out.pth", weights_only=True))
    with pytest.raises(CheckpointError, match="exists already; nothing is overwritten"):
        convert.write(found, tmp_path / "out.pth")
    with pytest.raises(CheckpointError, match="has no section 'nothing'; it has 'model', 'optimizer'"):
        state_dict.of_section(read(path), "nothing")
    with pytest.raises(CheckpointError, match=r"x does not begin with 'module\.'"):
        state_dict.of_section(read(path), "optimizer", strip="module.")
    assert not list(tmp_path.glob(".*.part"))


def test_several_are_averaged() -> None:
    several = [{"w": torch.tensor([float(at), 2.0]), "count": torch.tensor(at)} for at in (1, 2, 6)]
    found = convert.average(several)
    assert found["w"].tolist() == [3.0, 2.0]
    assert found["w"].dtype == torch.float32
    assert int(found["count"]) == 6
    with pytest.raises(CheckpointError, match=r"v is missing in one of them"):
        convert.average([{"w": torch.ones(1)}, {"v": torch.ones(1)}][::-1])
    with pytest.raises(CheckpointError, match=r"w has the shapes \[1\] and \[2\]"):
        convert.average([{"w": torch.ones(1)}, {"w": torch.ones(2)}])

"""The statistics of a large tensor, block by block, are those of the whole."""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.inspection import tensors
from engine.inspection.running_stats import BLOCK, RunningStats, blocks
from engine.inspection.stats import histogram, stats_of
from engine.inspection.tensor_refs import Parameter
from engine.inspection.tensor_requests import StatsRequest, TensorRequest
from engine.progress import silent
from engine.sources import NetworkRef, NewModel
from tests.support.own_code import write_trusted

LARGE = torch.randn(1500, 1200, generator=torch.Generator().manual_seed(0)) * 3 + 100
ODD = LARGE.clone()
ODD[0, :5] = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0, float("nan")])


@pytest.mark.parametrize(
    "tensor",
    [
        LARGE, LARGE.T, LARGE[::2, 3:], LARGE.double(), LARGE.bfloat16(), ODD, LARGE.reshape(3, 5, 100, 1200),
        torch.arange(2_000_000), torch.full((1 << 21,), 2.5), torch.full((1 << 21,), float("nan")),
        torch.ones(1100, 1000) > 0,
    ],
    ids=lambda tensor: f"{tensor.dtype} {list(tensor.shape)}",
)  # fmt: skip
def test_the_statistics_are_those_of_the_whole(tensor: torch.Tensor) -> None:
    work, turns = RunningStats(tensor), 0
    while not work.turn():
        turns += 1
        assert turns < 1000
    found = asdict(work.stats())
    for name, value in asdict(stats_of(tensor)).items():
        assert found[name] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value), name
    whole = histogram(tensor)
    assert work.histogram.sum() == whole.sum()
    assert np.abs(work.histogram - whole).max() <= max(2, 1e-4 * whole.sum())
    assert work.share == 1.0


def test_blocks_are_the_tensor_and_no_copies() -> None:
    for tensor in (LARGE, LARGE.T, LARGE.reshape(3, 5, 100, 1200), LARGE[0, 0]):
        parts = list(blocks(tensor))
        assert sum(part.numel() for part in parts) == tensor.numel()
        assert all(part.numel() <= BLOCK for part in parts)
        assert all(part.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr() for part in parts)


def test_a_large_tensor_opens_without_its_statistics_and_they_come(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    write_trusted(
        path,
        "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.w = nn.Parameter(torch.linspace(-1, 1, 2_000_000).reshape(1000, 2000))\n"
        "    def forward(self, x):\n        return self.w[:len(x), :10]\n",
    )
    ref = Parameter(NetworkRef(NewModel(f"{path}:Net"), dataset="demo"), "w")
    request = TensorRequest(ref, rows=2, columns=2, whole=True, map_rows=9, map_columns=9)
    first = tensors.compute(tmp_path, request, silent)
    assert first.stats is None
    assert first.cells[0][0] == "-1.0000"
    assert first.map is not None
    assert first.map.shape == (9, 9)
    assert first.map[0].mean() == pytest.approx(-1 + 1 / 9, abs=0.02)
    shares = []
    while True:
        answer = tensors.continue_stats(tmp_path, StatsRequest(ref), silent)
        shares.append(answer.share)
        if answer.done:
            break
        assert len(shares) < 1000
    assert shares == sorted(shares)
    assert answer.stats is not None
    assert answer.stats.mean == pytest.approx(0, abs=1e-6)
    assert answer.stats.norm == pytest.approx(math.sqrt(2_000_000 / 3), rel=1e-3)
    assert answer.histogram.sum() == 2_000_000

"""The statistics of a file's tensors, as they come."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.inspection import file_stats
from engine.inspection.file_requests import FileStatsRequest
from engine.inspection.stats import histogram
from engine.inspection.tensor_stats import TensorStats
from engine.progress import silent
from tests.support.hostile import checkpoint, holding, tensor


def ask(request: FileStatsRequest) -> tuple[dict[str, TensorStats | None], list[list[int]], list[float]]:
    """Until all is done: the statistics, the histograms, and the shares on the way."""
    stats: dict[str, TensorStats | None] = {}
    histograms: list[list[int]] = []
    shares = []
    while True:
        found = file_stats.continue_stats(Path("home"), request, silent)
        assert len(found.histograms) == len(found.stats)
        assert not stats.keys() & found.stats.keys()
        stats |= found.stats
        histograms += found.histograms.tolist()
        shares.append(found.share)
        if found.done:
            return stats, histograms, shares
        request = FileStatsRequest(request.file, request.filter)


def test_every_tensor_gets_its_statistics_once_in_the_files_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_stats, "TURN_S", 0.0)
    times = itertools.cycle((0.0, -1.0, 0.0))  # the end of the turn, time for one tensor, no more time
    clock = SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr(file_stats, "time", clock)
    torch.manual_seed(0)
    state = {"b": torch.randn(30, 7), "a": torch.zeros(5), "c": torch.tensor([1.0, float("nan"), 3.0])}
    torch.save(state, tmp_path / "w.pt")
    stats, histograms, shares = ask(FileStatsRequest(tmp_path / "w.pt", restart=True))
    assert list(stats) == ["b", "a", "c"]
    b, c = stats["b"], stats["c"]
    assert b is not None
    assert c is not None
    assert (b.shape, b.mean) == ((30, 7), pytest.approx(float(state["b"].mean())))
    assert (c.max, c.nan) == (3.0, 1)
    assert histograms == [histogram(one).tolist() for one in state.values()]
    assert shares == sorted(shares)
    assert len(shares) == 3
    assert shares[-1] == 1


def test_a_filter_a_restart_and_what_can_not_be_read(tmp_path: Path) -> None:
    path = checkpoint(holding(good=tensor((4,), (1,)), odd=tensor((9,), (1,))), tmp_path / "odd.pt")
    stats, histograms, _ = ask(FileStatsRequest(path, restart=True))
    assert stats["odd"] is None
    assert stats["good"] is not None
    assert sum(histograms[1]) == 0
    assert file_stats.continue_stats(Path("home"), FileStatsRequest(path), silent).stats == {}  # all is done
    assert list(ask(FileStatsRequest(path, restart=True))[0]) == ["good", "odd"]
    assert list(ask(FileStatsRequest(path, "oo"))[0]) == ["good"]

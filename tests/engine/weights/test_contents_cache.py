"""A file of weights is parsed once, whatever asks for it, and again when it has changed."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.evaluation.evaluate import evaluate
from engine.evaluation.requests import EvaluationSettings
from engine.inspection import file_stats
from engine.inspection.file_requests import FileStatsRequest
from engine.models.registry import build
from engine.progress import silent
from engine.sources import WeightsFile
from engine.weights import compare, listing, reading
from engine.weights.budget import Budget
from engine.weights.contents import Contents
from engine.weights.contents_cache import ContentsCache
from engine.weights.requests import CompareRequest, FileRequest
from engine.weights.tensors import load


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are parsed, in order."""
    names: list[str] = []
    read = reading.read

    def counted(path: Path, budget: Budget | None = None) -> Contents:
        names.append(Path(path).name)
        return read(path, budget)

    monkeypatch.setattr(reading, "read", counted)
    return names


def test_opening_comparing_and_evaluating_parse_a_file_once(home: Path, tmp_path: Path, parses: list[str]) -> None:
    for seed, name in enumerate(("first.pt", "second.pt")):
        torch.manual_seed(seed)
        torch.save(build("mlp").state_dict(), tmp_path / name)
    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    source, settings = WeightsFile(first, model="mlp"), EvaluationSettings("demo")
    listing.compute(home, FileRequest(first), silent)
    file_stats.continue_stats(home, FileStatsRequest(first, restart=True), silent)
    compare.compute(home, CompareRequest(first, second), silent)
    before = evaluate(source, settings, home=home, data_dir=None)
    assert parses == ["first.pt", "second.pt"]

    torch.manual_seed(7)
    torch.save(build("mlp").state_dict(), first)  # of the same size
    after = evaluate(source, settings, home=home, data_dir=None)
    found = compare.compute(home, CompareRequest(first, second), silent)
    assert parses == ["first.pt", "second.pt", "first.pt"]
    assert (after.sha256, after.loss) != (before.sha256, before.loss)
    assert all(one.kind == "changed" for one in found.tensors)


def test_a_file_that_was_replaced_by_one_of_the_same_size_and_time_is_parsed_again(
    tmp_path: Path, parses: list[str]
) -> None:
    cache, path, other = ContentsCache(), tmp_path / "w.pt", tmp_path / "other" / "w.pt"
    other.parent.mkdir()
    torch.save({"w": torch.full((3,), 1.0)}, path)
    torch.save({"v": torch.full((3,), 2.0)}, other)
    assert path.stat().st_size == other.stat().st_size
    assert [one.name for one in cache.get(path).tensors] == ["w"]
    about = path.stat()
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.replace(path)
    contents = cache.get(path)
    assert [one.name for one in contents.tensors] == ["v"]
    assert load(contents, "v").tolist() == [2, 2, 2]
    assert parses == ["w.pt", "w.pt"]


def test_a_shard_that_changes_or_is_added_has_the_index_parsed_again(tmp_path: Path, parses: list[str]) -> None:
    cache, index = ContentsCache(), tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}))
    save_file({"a": torch.zeros(2)}, tmp_path / "1.safetensors")
    assert len(cache.get(index).problems) == 2  # the other shard is not there, nor is its tensor
    save_file({"b": torch.zeros(5)}, tmp_path / "2.safetensors")
    assert [(one.name, one.tensor.shape) for one in cache.get(index).tensors] == [("a", (2,)), ("b", (5,))]
    save_file({"a": torch.zeros(4)}, tmp_path / "1.safetensors")
    parses.clear()
    assert [(one.name, one.tensor.shape) for one in cache.get(index).tensors] == [("a", (4,)), ("b", (5,))]
    assert parses[0] == index.name
    parses.clear()
    cache.get(index)
    assert parses == []


def test_the_files_asked_for_last_are_kept_and_no_more(tmp_path: Path, parses: list[str]) -> None:
    cache = ContentsCache(kept=2)
    for name in "abc":
        torch.save({name: torch.zeros(1)}, tmp_path / f"{name}.pt")
    for name in "abacab":
        cache.get(tmp_path / f"{name}.pt")
    assert parses == ["a.pt", "b.pt", "c.pt", "b.pt"]

"""What a file of weights lists while its pickle is still read: never a tensor under a name that it does not have."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.progress import silent
from engine.weights import listing, listing_so_far, opcodes
from engine.weights.budget import Budget
from engine.weights.pickle_machine import MARK
from engine.weights.pickle_stream import PickleError
from engine.weights.requests import MOST_LISTED, FileListing, FileRequest

ONES = {f"layer{at}.weight": torch.ones(at % 3 + 1, 2) for at in range(7)}
OPTIMIZER = {
    "state": {at: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(2)} for at in range(3)},
    "param_groups": [{"lr": 0.1, "params": [0, 1, 2]}],
}
ROOTS: dict[str, Any] = {
    "flat": ONES,
    "ordered": OrderedDict(ONES),
    "one": {"a": torch.ones(1)},
    "nested": {"epoch": 3, "model": ONES, "optimizer": OPTIMIZER, "best": {"model": ONES}},
    "chain": {"a": {"b": {"c": {"d": torch.ones(2), "e": torch.ones(3)}}}},
    "chain of one": {"a": {"b": {"c": {"d": torch.ones(2)}}}},
    "empty ones": {"a": {}, "b": torch.ones(2), "c": {"d": {}, "e": torch.ones(1), "f": [], "g": torch.ones(3)}},
    "an empty one before a single one": {"a": {}, "b": {"c": torch.ones(1)}},
    "lists": {"w": [torch.ones(1), torch.ones(2)], "x": [[torch.ones(1)], torch.ones(4)], "y": [torch.ones(5)]},
    "tuples": {"w": (torch.ones(1), {"a": torch.ones(2)}), "x": torch.ones(4)},
    "parameters": {"p": torch.nn.Parameter(torch.ones(2)), "q": {"r": torch.nn.Parameter(torch.ones(3))}},
    "numbers as keys": {0: torch.ones(1), 1: {2: torch.ones(2), None: torch.ones(3)}},
    "two of one name": {"a.b": torch.ones(1), "a": {"b": torch.ones(2)}},
    "a module": torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", ROOTS)
def test_no_listing_on_the_way_has_a_tensor_that_the_whole_one_has_not(
    kind: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcodes, "AT_ONCE", 1)
    monkeypatch.setattr(listing_so_far, "FIRST", 1)
    path = tmp_path / "a.pt"
    torch.save(ROOTS[kind], path, pickle_protocol=protocol)
    request = FileRequest(path)
    told: list[FileListing] = []
    with zipfile.ZipFile(path) as archive:
        data = archive.read("a/data.pkl")
    budget = Budget(so_far=lambda stack: told.append(listing_so_far.listing_of(stack, request)))
    opcodes.read(io.BytesIO(data), budget, size=len(data))
    whole = listing.compute(tmp_path, request, silent)
    assert not any(one.complete for one in told)
    names = {(one.name.partition(" (")[0], one.tensor.shape) for one in whole.tensors}
    for one in told:
        assert {(each.name.partition(" (")[0], each.tensor.shape) for each in one.tensors} <= names
    if kind in ("flat", "ordered", "nested", "chain"):
        assert max(len(one.tensors) for one in told) == len(whole.tensors)  # at the last opcode but STOP


class Report:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[FileListing] = []

    def __call__(self, done: int, total: int, /) -> None:
        pass

    def so_far(self, answer: object) -> None:
        assert isinstance(answer, FileListing)
        self.told.append(answer)


@pytest.mark.parametrize("most", [50, MOST_LISTED])
def test_the_tensors_of_a_long_file_are_told_while_it_is_read(tmp_path: Path, most: int) -> None:
    path = tmp_path / "long.pt"
    torch.save({"model": {f"layer{at}.weight": torch.zeros(2) for at in range(4000)}}, path)
    report = Report()
    whole = listing.compute(tmp_path, FileRequest(path, most=most), report)
    counts = [len(one.tensors) for one in report.told]
    assert counts == sorted(counts)
    assert 0 < counts[0] <= counts[-1] <= most
    assert (most > 50) == (counts[-1] > 50)
    for one in report.told:
        assert [each.name for each in one.tensors] == [each.name for each in whole.tensors[: len(one.tensors)]]
        assert not one.complete
        assert not one.safety
    assert whole.complete
    again = Report()
    assert listing.compute(tmp_path, FileRequest(path, most=most), again).complete
    assert not again.told  # it is kept


def test_a_filter_holds_for_them_too(tmp_path: Path) -> None:
    path = tmp_path / "long.pt"
    torch.save({f"layer{at}.weight": torch.zeros(2) for at in range(4000)}, path)
    report = Report()
    listing.compute(tmp_path, FileRequest(path, "9.w"), report)
    assert report.told
    assert all("9.w" in each.name for one in report.told for each in one.tensors)


def test_marks_without_end_are_looked_at_once_each(tmp_path: Path) -> None:
    deep = pickle.MARK * 200_000
    assert listing_so_far.root_of([MARK] * 200_000, 10) is None
    report = Report()
    budget = Budget(so_far=listing_so_far.ListingSoFar(FileRequest(tmp_path), report.so_far))
    with pytest.raises(PickleError):
        opcodes.read(io.BytesIO(b"\x80\x02}" + deep), budget, size=len(deep))
    assert not report.told

"""What reading a file may cost is counted: alike on every machine, and once for all files of a folder."""

import io
import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from engine.errors import CheckpointError
from engine.weights import opcodes
from engine.weights.budget import OF_A_RECORD, OPERATIONS, Budget
from engine.weights.pickle_stream import BLOCK, PickleError
from engine.weights.reading import read
from tests.support.hostile import checkpoint

IMPORT = b"\x80\x04cevil\na\n0"
# Little bytes that make much work: what is repeated, and how often it would have to be.
SLOW = {
    "None and away": b"N0",
    "marks": b"(",
    "dictionaries in dictionaries": b"}N}s0",
    "calls": b")R",
    "numbers in lines": b"I1\n0",
    "names in lines": b"cevil\na\n0",
    "a list that grows": b"Na",
    "states": b"}b",
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("where", ["zip", "plain"])
def test_a_pickle_that_is_made_to_be_slow_is_refused(name: str, where: str, tmp_path: Path) -> None:
    """Within the operations that are counted: it is refused long before its end, with what it imports by then."""
    begin = IMPORT + (b"]" if b"a" in SLOW[name] else b"cevil\nb\n" if b"R" in SLOW[name] else b"}")
    few = 100_000  # operations
    pickled = begin + SLOW[name] * few + b"N" * few + b"."
    path = tmp_path / "slow.pkl"
    if where == "zip":
        checkpoint(pickled, path)
    else:
        path.write_bytes(pickled)
    with pytest.raises(PickleError, match=r"too complex to list: more than 6,000,000 operations; .* evil\.a"):
        read(path, Budget(operations=few))


def test_as_many_opcodes_as_no_file_of_weights_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "slow.pkl"
    path.write_bytes(IMPORT + b"N0" * 6_000_000 + b".")
    with pytest.raises(PickleError, match=r"too complex to list: more than 6,000,000 operations; .* evil\.a"):
        read(path)


@pytest.mark.parametrize("begin", [b"(" * 7_000_000, b"I1\n" * 1_000_000])
def test_what_is_not_read_to_its_end_is_not_called_a_text(begin: bytes, tmp_path: Path) -> None:
    """What begins like no format may be a pickle all the same, and import something after what is read of it."""
    path = tmp_path / "text.bin"
    path.write_bytes(begin + b"cevil\na\n.")
    with pytest.raises(CheckpointError, match="too complex to list"):
        read(path)
    with pytest.raises(CheckpointError, match="too much to read"):
        read(path, Budget(memory=1000))
    path.write_bytes(begin[:300] + b"...")
    with pytest.raises(CheckpointError, match=r"text\.bin: it is"):
        read(path)


def test_what_a_budget_holds_is_left_after_a_read() -> None:
    budget = Budget()
    opcodes.read(io.BytesIO(pickle.dumps([1, 2, 3])), budget)
    once = budget.operations
    opcodes.read(io.BytesIO(pickle.dumps([1, 2, 3])), budget)
    assert OPERATIONS - once == once - budget.operations > 0


def test_tensors_bring_what_they_cost(tmp_path: Path) -> None:
    """A checkpoint costs next to nothing of the budget, however many tensors it has."""
    left = []
    for count in (500, 2000):
        torch.save({f"t{at}": torch.zeros(2, 2) for at in range(count)}, tmp_path / "many.pt")
        budget = Budget()
        assert len(read(tmp_path / "many.pt", budget).tensors) == count
        left.append(budget.operations)
    assert left[1] >= left[0]


def saved(folder: Path, *names: str, tensors: int = 4) -> dict[str, str]:
    """Files of so many tensors each; returns which tensor is in which file."""
    where = dict[str, str]()
    for name in names:
        weights = {f"{name}.{at}": torch.ones(2) for at in range(tensors)}
        torch.save(weights, folder / name)
        where |= dict.fromkeys(weights, name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": where}))
    return where


@pytest.mark.parametrize("which", ["", "pytorch_model.bin.index.json"], ids=["folder", "index"])
def test_the_tensors_of_all_files_are_counted_together(which: str, tmp_path: Path) -> None:
    saved(tmp_path, "a.bin", "b.bin")
    every = read(tmp_path / which, Budget(tensors=8))
    assert (len(every.tensors), every.problems) == (8, [])
    some = read(tmp_path / which, Budget(tensors=6))
    assert len(some.tensors) == 6
    assert any("only the first 2 tensors are listed" in problem for problem in some.problems)


def test_the_operations_of_all_files_are_counted_together(tmp_path: Path) -> None:
    names = [f"{letter}.bin" for letter in "abcdef"]
    saved(tmp_path, *names)
    one = Budget(granted=0)
    read(tmp_path / "a.bin", one)
    enough = OPERATIONS - one.operations
    assert enough > OF_A_RECORD
    contents = read(tmp_path / "pytorch_model.bin.index.json", Budget(operations=3 * enough, granted=0))
    assert len(contents.tensors) == 3 * 4
    assert sum("too complex to list" in problem for problem in contents.problems) == 3


def test_what_no_operations_are_left_for_is_not_judged(tmp_path: Path) -> None:
    """It is not called a text, since nothing of it was read."""
    names = [f"{letter}.bin" for letter in "abc"]
    for name in names:
        (tmp_path / name).write_bytes(b"cevil\nf\n" + b"N0" * 5000 + b".")
    index = {"weight_map": {name: name for name in names}}
    (tmp_path / "three.index.json").write_text(json.dumps(index))
    problems = read(tmp_path / "three.index.json", Budget(operations=6000)).problems
    assert sum("too complex to list" in problem for problem in problems) == 3
    assert not any("text" in problem for problem in problems)


def test_the_bytes_of_all_files_are_counted_together(tmp_path: Path) -> None:
    saved(tmp_path, "a.bin", "b.bin")
    contents = read(
        tmp_path / "pytorch_model.bin.index.json",
        Budget(bytes=(tmp_path / "pytorch_model.bin.index.json").stat().st_size + 500),
    )
    assert len(contents.tensors) < 8
    assert any("too much to read" in problem for problem in contents.problems)


def test_links_to_one_file_are_read_once(tmp_path: Path) -> None:
    saved(tmp_path, "a.bin", tensors=3)
    names = [f"link-{at}.bin" for at in range(100)]
    for at, name in enumerate(names):
        (os.link if at % 2 else os.symlink)(tmp_path / "a.bin", tmp_path / name)
    index = {"weight_map": {f"x{at}": name for at, name in enumerate(["a.bin", *names])}}
    (tmp_path / "links.index.json").write_text(json.dumps(index))
    budget = Budget()
    contents = read(tmp_path / "links.index.json", budget)
    assert len(contents.tensors) == 3
    assert budget.tensors == Budget().tensors - 3
    assert "link-0.bin and a.bin are one file, which is read once" in " ".join(contents.problems)
    assert len(contents.problems) <= 212


def test_the_problems_of_all_files_are_counted_together(tmp_path: Path) -> None:
    where = {f"x{at}": f"gone-{at}.bin" for at in range(2000)}
    (tmp_path / "gone.index.json").write_text(json.dumps({"weight_map": where}))
    assert len(read(tmp_path / "gone.index.json").problems) < 250


@pytest.mark.parametrize("before", range(BLOCK - 30, BLOCK + 3, 4))
def test_what_crosses_the_end_of_a_block_is_read_whole(before: int) -> None:
    """Opcodes, texts, lines and frames, wherever the blocks end that are read."""
    value = {"x" * before: [1, -2, 70000, 2.5, "é漢" * 20, b"b" * 300, (None, True), 1 << 80, "y" * (BLOCK + 5)]}
    for protocol in range(6):
        pickled = pickle.dumps(value, protocol)
        in_blocks = opcodes.read(io.BytesIO(pickled))
        (pair,) = in_blocks.root.items
        assert pair[0] == "x" * before
        one, two, three, half, text, data, nested, large, long = pair[1].items
        assert (one, two, three, half, text, nested, large) == (1, -2, 70000, 2.5, "é漢" * 20, (None, True), 1 << 80)
        assert long == "y" * (BLOCK + 5)
        assert data == b"b" * 300 or protocol < 3

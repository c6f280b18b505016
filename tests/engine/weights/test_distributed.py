"""Distributed checkpoints, as FSDP writes them: listed, put together and used without executing their index."""

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.checkpoint.metadata import MetadataIndex

from engine.checkpoints.verify import identity, verify
from engine.errors import CheckpointError
from engine.runs import from_weights, store
from engine.weights import convert, safe_load, state_dict, tensors
from engine.weights.compare import compare
from engine.weights.contents import Contents
from engine.weights.reading import read
from tests.support.waiting import HANG_S

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def fsdp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two processes that share a network, its optimizer and more."""
    folder = tmp_path_factory.mktemp("fsdp") / "step-1"
    command = [sys.executable, "-m", "tests.support.distributed_writer", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=HANG_S, capture_output=True)
    return folder


@pytest.fixture
def copied(fsdp: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fsdp, tmp_path / "copy"))


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """Written by one process, each tensor in one piece."""
    torch.manual_seed(1)
    w = torch.rand(3, 4)
    content = {"model": {"w": w, "b": torch.zeros(4)}, "epoch": 2}
    with pytest.warns(UserWarning, match="single process"):
        dcp.save(content, checkpoint_id=tmp_path / "alone")  # type: ignore[attr-defined]
    return tmp_path / "alone"


def numbers(contents: Contents) -> dict[str, torch.Tensor]:
    return {one.name: tensors.load(contents, one.name) for one in contents.tensors}


def test_it_holds_what_torchs_own_conversion_makes_of_it(fsdp: Path, tmp_path: Path) -> None:
    dcp_to_torch_save(fsdp, tmp_path / "whole.pt")
    whole, contents = read(tmp_path / "whole.pt"), read(fsdp)
    assert contents.format == "torch.distributed.checkpoint in 2 files"
    assert contents.problems == []
    mine, theirs = numbers(contents), numbers(whole)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert {one.name: one.tensor.dtype for one in contents.tensors} == {
        one.name: one.tensor.dtype for one in whole.tensors
    }
    mine_told = {key: value for key, value in contents.metadata.items() if not key.startswith("file.")}
    assert mine_told == {key: value for key, value in whole.metadata.items() if not key.startswith("file.")}
    assert mine_told["more.epoch"] == 3
    assert mine_told["optim.param_groups.0.lr"] == 3e-4
    assert safe_load.load(contents, contents.root)["more"]["names"] == ["a", "b"]


def test_a_piece_each_and_one_piece_alone(fsdp: Path, alone: Path) -> None:
    contents = read(fsdp)
    weight = contents.records["model.linear_relu_stack.0.weight"]
    assert [(piece.starts, piece.sizes) for piece in weight.pieces] == [((0, 0), (256, 784)), ((256, 0), (256, 784))]
    assert torch.equal(tensors.load(contents, "more.columns"), torch.arange(15.0).reshape(3, 5))
    torch.manual_seed(1)
    assert torch.equal(tensors.load(read(alone), "model.w"), torch.rand(3, 4))


def test_what_loading_it_would_do_is_said(alone: Path) -> None:
    contents = read(alone)
    assert "torch.distributed.checkpoint.metadata.Metadata" in {one.full for one in contents.unknown}
    assert (
        "a distributed checkpoint, as FSDP saves it; torch's own reader loads its .metadata without weights_only"
        in (contents.notes)
    )
    assert read(alone / ".metadata").tensors[0].name == contents.tensors[0].name


def test_an_index_that_would_run_something_is_listed_and_does_not(alone: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    index = _index(alone)

    class Harm:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {made}",)

    index.planner_data = index.planner_data | {"x": Harm()}
    _rewrite(alone, index)
    contents = read(alone)
    assert [one.name for one in contents.tensors] == ["model.w", "model.b"]
    assert any(one.name == "system" for one in contents.unknown)
    assert not made.exists()
    with open(alone / ".metadata", "rb") as file:
        pickle.load(file)
    assert made.exists()  # the canary: it would have


def _index(folder: Path) -> Any:
    with open(folder / ".metadata", "rb") as file:
        return pickle.load(file)


def _rewrite(folder: Path, index: Any) -> None:
    (folder / ".metadata").write_bytes(pickle.dumps(index))


def _place(index: Any, name: str) -> Any:
    return next(info for key, info in index.storage_data.items() if key.fqn == name)


def _elsewhere(name: str, **others: Any) -> Callable[[Any], None]:
    def change(index: Any) -> None:
        for key in index.storage_data:
            if key.fqn == name:
                index.storage_data[key] = replace(index.storage_data[key], **others)

    return change


def _nowhere(index: Any) -> None:
    index.storage_data = {key: info for key, info in index.storage_data.items() if key.fqn != "model.w"}


def _larger(index: Any) -> None:
    index.state_dict_metadata["model.w"].size = torch.Size((3, 5))


def _huge(index: Any) -> None:
    index.state_dict_metadata["model.w"].size = torch.Size((1 << 40, 1 << 40))


def _outside(index: Any) -> None:
    index.state_dict_metadata["model.w"].chunks[0].offsets = torch.Size((1, 0))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_elsewhere("model.w", relative_path="../w.distcp"), "../w.distcp is not a file next to .metadata"),
        (_elsewhere("model.w", relative_path="gone.distcp"), "model.w: gone.distcp is missing"),
        (_elsewhere("model.w", length=1 << 40), "is too short for it: damaged or truncated"),
        (_elsewhere("model.w", offset=-1), "is too short for it: damaged or truncated"),
        (_elsewhere("model.w", transform_descriptors=["zstd"]), "was compressed, or changed by an extension"),
        (_nowhere, "model.w: .metadata does not say where it is"),
        (_larger, "model.w: its 1 pieces do not make up the whole"),
        (_huge, "model.w: its sizes are invalid or overflow"),
        (_outside, "model.w: one of its pieces lies outside of it"),
    ],
)
def test_what_does_not_fit_is_told_and_not_read(alone: Path, change: Callable[[Any], None], told: str) -> None:
    index = _index(alone)
    change(index)
    _rewrite(alone, index)
    contents = read(alone)
    assert any(told in problem for problem in contents.problems), contents.problems
    with pytest.raises(CheckpointError):
        tensors.load(contents, "model.w")
    assert torch.equal(tensors.load(contents, "model.b"), torch.zeros(4))


def test_another_piece_than_was_meant_is_not_taken_for_it(alone: Path) -> None:
    index = _index(alone)
    other = _place(index, "model.b")
    _elsewhere("model.w", offset=other.offset, length=other.length)(index)
    _rewrite(alone, index)
    with pytest.raises(CheckpointError, match=r"a different piece lies there than expected|needs 48 bytes"):
        tensors.load(read(alone), "model.w")


def test_pieces_that_overlap_are_refused(fsdp: Path, copied: Path) -> None:
    index = _index(copied)
    name, between = "model.linear_relu_stack.2.weight", torch.Size((128, 0))
    second = next(info for key, info in index.storage_data.items() if (key.fqn, key.offset) == (name, (256, 0)))
    index.state_dict_metadata[name].chunks[1].offsets = between
    index.storage_data[MetadataIndex(name, between)] = second
    _rewrite(copied, index)
    with pytest.raises(CheckpointError, match="overlap"):
        tensors.load(read(copied), "model.linear_relu_stack.2.weight")


def test_damage_is_found_and_named(copied: Path) -> None:
    assert verify(read(copied)).damage == ()
    contents = read(copied)
    piece = contents.records["model.linear_relu_stack.0.weight"].pieces[1]
    with open(piece.where.file, "r+b") as file:
        file.seek(piece.where.offset + piece.where.size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    (damage,) = verify(read(copied)).damage
    assert damage == "model.linear_relu_stack.0.weight: its bytes are not those that were written (CRC-32)"


def test_what_changed_since_it_was_listed_is_not_read(copied: Path) -> None:
    contents, before = read(copied), identity(copied)
    file = contents.records["model.linear_relu_stack.0.weight"].pieces[0].where.file
    data, was = bytearray(file.read_bytes()), file.stat()
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns + 1))
    with pytest.raises(CheckpointError, match="has changed since it was listed"):
        tensors.load(contents, "model.linear_relu_stack.0.weight")
    assert identity(copied) != before


@pytest.mark.parametrize("percent", range(0, 100, 4))
def test_an_index_that_is_cut_off_is_refused_in_one_line(alone: Path, percent: int) -> None:
    data = (alone / ".metadata").read_bytes()
    (alone / ".metadata").write_bytes(data[: len(data) * percent // 100])
    with pytest.raises(CheckpointError) as refused:
        read(alone)
    assert "\n" not in str(refused.value)


def test_it_is_converted_compared_and_gone_on_from(fsdp: Path, home: Path, tmp_path: Path) -> None:
    contents = read(fsdp)
    convert.write(state_dict.of_section(contents, "model"), tmp_path / "model.safetensors")
    found = compare(contents, read(tmp_path / "model.safetensors"))
    assert {one.kind for one in found.tensors} == {"same"}
    origin = from_weights.look(fsdp)
    assert origin.optimizers == ("adam",)  # its weight decay is not decoupled
    settings = {"model": "mlp", "optimizer": "adam", "dataset": "demo", "epochs": "1", "threads": "1"}
    folder = from_weights.prepare(home, fsdp, settings)
    assert store.read_run(folder)["config"]["lr"] == 3e-4
    from engine.runs import launch

    prepared = launch.start(folder).prepared
    theirs = numbers(contents)
    for name, parameter in prepared.network.named_parameters():
        assert torch.equal(parameter, theirs[f"model.{name}"])
        kept = prepared.optimizer.state[parameter]
        for what in ("exp_avg", "exp_avg_sq", "step"):
            assert torch.equal(kept[what], theirs[f"optim.state.{name}.{what}"])

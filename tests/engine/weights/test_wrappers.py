"""Names with the parts that torch.compile, FSDP and activation checkpointing add to them, wherever these stand."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import CheckpointError
from engine.weights import matching
from engine.weights.compare import compare
from engine.weights.convert import convert
from engine.weights.key_mapping import KeyMapping, parse_mapping, stripped
from engine.weights.misfit import MisfitError
from engine.weights.reading import read
from engine.weights.state_dict import mapped


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
        self.head = nn.Linear(4, 5)


def trained() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return Net().state_dict()


def in_blocks(name: str) -> str:
    return name.replace("body.1.0", "body.1._checkpoint_wrapped_module.0._orig_mod")


KINDS: dict[str, tuple[Callable[[str], str], str]] = {
    "all": (lambda name: f"_orig_mod.{name}", "_orig_mod."),
    "inside": (in_blocks, "_orig_mod._checkpoint_wrapped_module."),
    "one block": (lambda name: name.replace("head", "head._orig_mod"), "_orig_mod."),
    "fsdp": (
        lambda name: f"_fsdp_wrapped_module.{name.replace('body.0', 'body.0._fsdp_wrapped_module')}",
        "_fsdp_wrapped_module.",
    ),
    "ddp": (lambda name: f"module._orig_mod.{in_blocks(name)}", "_orig_mod._checkpoint_wrapped_module.module."),
    "compiled ddp": (lambda name: f"_orig_mod.module.{name}", "_orig_mod.module."),
    "lightning": (lambda name: f"model.net._orig_mod.{name}", "_orig_mod.model.net."),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_they_are_proposed_and_stripped(kind: str, tmp_path: Path) -> None:
    rename, strip = KINDS[kind]
    theirs, path = trained(), tmp_path / "w.pt"
    torch.save({rename(name): value for name, value in theirs.items()}, path)
    with pytest.raises(MisfitError, match=f"they would fit with --strip {strip}") as caught:
        matching.load(Net(), str(path), "Net")
    assert caught.value.proposal == KeyMapping(strip)
    assert parse_mapping([strip]) == KeyMapping(strip)
    mine = Net()
    matching.load(mine, f"{path} {strip}", "Net")
    assert all(torch.equal(mine.state_dict()[name], value) for name, value in theirs.items())
    convert([path], tmp_path / "plain.pt", KeyMapping(strip))
    assert list(torch.load(tmp_path / "plain.pt", weights_only=True)) == list(theirs)
    assert any("which a wrapper adds" in note for note in read(path).notes)
    torch.save(theirs, tmp_path / "bare.pt")
    found = compare(read(path), read(tmp_path / "bare.pt"))
    assert {one.kind for one in found.tensors} == {"same"}
    assert len(found.tensors) == len(theirs)


def test_what_is_left_over_is_named_as_the_file_has_it(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    weights = {f"_orig_mod.{in_blocks(name)}": value for name, value in trained().items()}
    torch.save(weights | {"_orig_mod.ema.0.w": torch.ones(2), "_orig_mod.ema.1.w": torch.ones(2)}, path)
    with pytest.raises(MisfitError) as caught:
        matching.load(Net(), str(path), "Net")
    assert str(caught.value.proposal) == "_orig_mod._checkpoint_wrapped_module. without:_orig_mod.ema"
    matching.load(Net(), f"{path} {caught.value.proposal}", "Net")


def test_another_head_is_asked_for_after_them(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    weights = {f"_orig_mod.{name}": value for name, value in trained().items()}
    torch.save(weights | {"_orig_mod.head.weight": torch.ones(9, 4), "_orig_mod.head.bias": torch.ones(9)}, path)
    with pytest.raises(MisfitError, match=r"more would fit with --strip _orig_mod\.") as caught:
        matching.load(Net(), str(path), "Net")
    with pytest.raises(MisfitError) as again:
        matching.load(Net(), f"{path} {caught.value.proposal}", "Net")
    assert str(again.value.proposal) == "_orig_mod. new:head"
    matching.load(Net(), f"{path} {again.value.proposal}", "Net")


def test_names_that_fall_together_or_have_no_such_part_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a.w": torch.ones(1), "a._orig_mod.w": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"without '_orig_mod\.', several tensors have the name a\.w"):
        mapped(read(path), KeyMapping("_orig_mod."))
    torch.save({"a.w": torch.ones(1)}, path)
    with pytest.raises(CheckpointError, match="no name has the part _orig_mod"):
        mapped(read(path), KeyMapping("_orig_mod."))


@pytest.mark.parametrize(
    ("name", "strip", "wanted"),
    [
        ("module.a.w", "module.", "a.w"),
        ("a.module.w", "module.", None),
        ("a._orig_mod.w", "_orig_mod.", "a.w"),
        ("a_orig_mod.w", "_orig_mod.", "a_orig_mod.w"),  # a part of a part is none
        ("net._orig_mod.a.w", "net._orig_mod.", "a.w"),
        ("a.w", "net._orig_mod.", None),
    ],
)
def test_what_is_left_of_a_name(name: str, strip: str, wanted: str | None) -> None:
    assert stripped(name, strip) == wanted

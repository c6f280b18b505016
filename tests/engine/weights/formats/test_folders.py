"""Folders of Hugging Face's and diffusers': which of the files that are there are the weights."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from engine.errors import CheckpointError
from engine.weights import matching, tensors
from engine.weights.contents import Contents
from engine.weights.convert import convert
from engine.weights.formats import registry
from engine.weights.key_mapping import KeyMapping
from engine.weights.reading import read
from engine.weights.state_dict import forms

PARTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b.weight": torch.ones(4)}


def index(folder: Path, name: str, where: Mapping[str, str]) -> Path:
    (folder / name).write_text(json.dumps({"metadata": {"total_size": 40}, "weight_map": where}))
    return folder / name


def sharded(folder: Path, stem: str, ending: str, *, index_name: str = "", variant: str = "", add: float = 0) -> None:
    """Two shards, and their index; `add`: to all values, so that it is seen which were read."""
    where = {}
    for at, (name, value) in enumerate(PARTS.items(), 1):
        file = f"{stem}-{at:05}-of-00002{variant}.{ending}"
        where[name] = file
        if ending == "safetensors":
            save_file({name: value + add}, folder / file)
        else:
            torch.save({name: value + add}, folder / file)
    index(folder, index_name or f"{stem}.{ending}.index.json", where)


def first_value(contents: Contents) -> float:
    return float(tensors.load(contents, "a.weight").flatten()[0])


def alone(folder: Path, name: str, add: float = 0) -> None:
    values = {key: value + add for key, value in PARTS.items()}
    if name.endswith(".safetensors"):
        save_file(values, folder / name)
    else:
        torch.save(values, folder / name)


def test_of_two_indexes_the_one_whose_files_are_there_is_read(tmp_path: Path) -> None:
    sharded(tmp_path, "pytorch_model", "bin", add=5)
    index(tmp_path, "model.safetensors.index.json", dict.fromkeys(PARTS, "model-00001-of-00001.safetensors"))
    contents = read(tmp_path)
    assert (first_value(contents), contents.problems) == (5.0, [])
    assert contents.format == "PyTorch (zip) in 2 files"
    assert contents.notes[-1] == (
        "read: pytorch_model.bin.index.json; not read: model.safetensors.index.json "
        "(1 of 1 file missing, or not fetched by Git LFS)"
    )


def test_of_two_that_are_complete_safetensors_are_read(tmp_path: Path) -> None:
    sharded(tmp_path, "pytorch_model", "bin", add=5)
    sharded(tmp_path, "model", "safetensors")
    contents = read(tmp_path)
    assert (first_value(contents), contents.problems) == (0.0, [])
    assert contents.notes[-1] == "read: model.safetensors.index.json; not read: pytorch_model.bin.index.json"


@pytest.mark.parametrize(
    ("plain", "other"),
    [
        ("model.safetensors", "model.fp16.safetensors"),
        ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.non_ema.safetensors"),
        ("model.safetensors", "model.theirs.safetensors"),
        ("pytorch_model.bin", "pytorch_model.fp16.bin"),
        ("model.safetensors", "pytorch_model.bin"),
        ("v1.0.safetensors", "v1.0.fp16.safetensors"),
        ("model.safetensors", "adapter_model.safetensors"),
        ("diffusion_pytorch_model.fp16.safetensors", "pytorch_lora_weights.safetensors"),
    ],
)
def test_variants_are_not_one_set(tmp_path: Path, plain: str, other: str) -> None:
    alone(tmp_path, plain)
    alone(tmp_path, other, add=7)
    contents = read(tmp_path)
    assert ([one.name for one in contents.tensors], first_value(contents)) == (list(PARTS), 0.0)
    assert contents.problems == []
    assert contents.notes[-1] == f"read: {plain}; not read: {other}"
    assert first_value(read(tmp_path / other)) == 7.0
    assert forms(contents, KeyMapping()) == [f"read: {plain}; not read: {other}"]


@pytest.mark.parametrize(
    ("name", "variant"),
    [("model.safetensors.index.fp16.json", ".fp16"), ("model.fp16.safetensors.index.json", ".fp16")],
)
def test_an_index_of_a_variant_is_an_index(tmp_path: Path, name: str, variant: str) -> None:
    sharded(tmp_path, "model", "safetensors", index_name=name, variant=variant, add=2)
    for path in (tmp_path / name, tmp_path):
        contents = read(path)
        assert (first_value(contents), contents.problems) == (2.0, [])
    assert registry.is_several(tmp_path / name)
    sharded(tmp_path, "model", "safetensors")
    assert first_value(read(tmp_path)) == 0.0  # the plain one goes first
    assert first_value(read(tmp_path / name)) == 2.0


@pytest.mark.parametrize(
    "names", [("model-00001-of-00002.fp16.safetensors", "model-00002-of-00002.fp16.safetensors"),
              ("model.fp16-00001-of-00002.safetensors", "model.fp16-00002-of-00002.safetensors")],
)  # fmt: skip
def test_shards_of_a_variant_without_an_index(tmp_path: Path, names: Sequence[str]) -> None:
    alone(tmp_path, "model.safetensors", add=1)
    for name, (key, value) in zip(names, PARTS.items(), strict=True):
        save_file({key: value}, tmp_path / name)
    assert first_value(read(tmp_path)) == 1.0
    (tmp_path / "model.safetensors").unlink()
    contents = read(tmp_path)
    assert (first_value(contents), {one.name for one in contents.tensors}) == (0.0, set(PARTS))
    (tmp_path / names[1]).unlink()
    assert read(tmp_path).problems == [f"{names[1]} is missing"]


def test_an_index_that_was_left_behind_does_not_hide_the_file(tmp_path: Path) -> None:
    index(tmp_path, "model.safetensors.index.json", {"a.weight": "gone.safetensors"})
    alone(tmp_path, "model.safetensors", add=3)
    assert first_value(read(tmp_path)) == 3.0


def test_an_index_that_lacks_a_file_is_read_with_its_problems_where_there_is_nothing_else(tmp_path: Path) -> None:
    sharded(tmp_path, "model", "safetensors")
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    contents = read(tmp_path)
    assert [one.name for one in contents.tensors] == ["a.weight"]
    assert any("model-00002-of-00002.safetensors" in problem for problem in contents.problems)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 497774208\n"


def test_what_git_lfs_has_not_fetched_is_not_chosen(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text(POINTER)
    alone(tmp_path, "pytorch_model.bin", add=6)
    contents = read(tmp_path)
    assert first_value(contents) == 6.0
    assert contents.choice.endswith("not read: model.safetensors (1 of 1 file missing, or not fetched by Git LFS)")
    (tmp_path / "pytorch_model.bin").write_text(POINTER)
    with pytest.raises(CheckpointError, match=r"model.safetensors: it is a Git LFS pointer"):
        read(tmp_path)


def test_an_index_that_is_damaged_does_not_hide_the_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"model.safetensors.index.json \(it is not an index"):
        read(tmp_path)
    alone(tmp_path, "model.safetensors", add=3)
    contents = read(tmp_path)
    assert first_value(contents) == 3.0
    assert "not read: model.safetensors.index.json (it is not an index" in contents.choice


def test_files_that_hold_the_same_and_are_no_variants_are_not_chosen_from(tmp_path: Path) -> None:
    alone(tmp_path, "step-1.safetensors")
    alone(tmp_path, "step-2.safetensors", add=1)
    with pytest.raises(
        CheckpointError, match=r"step-1.safetensors and step-2.safetensors hold the same tensors \(a.weight\): name one"
    ):
        read(tmp_path)


def test_the_parts_of_a_pipeline_are_named(tmp_path: Path) -> None:
    for part in ("unet", "vae", "scheduler"):
        (tmp_path / part).mkdir()
    (tmp_path / "model_index.json").write_text("{}")
    alone(tmp_path / "unet", "diffusion_pytorch_model.safetensors")
    alone(tmp_path / "vae", "diffusion_pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"a folder without weights .*; there are some in unet, vae: name one of"):
        read(tmp_path)
    torch.save({}, tmp_path / "vae" / "optimizer.bin")  # not weights
    assert first_value(read(tmp_path / "vae")) == 0.0


def test_the_snapshots_of_the_hub_s_cache_are_named_and_their_links_followed(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "0a1b2c"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    alone(blobs, "x.safetensors", add=4)
    (blobs / "x.safetensors").rename(blobs / "f00d")
    (snapshot / "model.safetensors").symlink_to("../../blobs/f00d")
    with pytest.raises(CheckpointError, match=r"there are some in snapshots/0a1b2c: name one of these"):
        read(tmp_path)
    assert first_value(read(snapshot)) == 4.0


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.body = nn.Linear(3, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_tied_weights_that_save_model_notes_are_found(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs, path = Tied(), tmp_path / "tied.safetensors"
    save_model(theirs, str(path))
    contents = read(path)
    assert {one.name for one in contents.tensors} == set(theirs.state_dict())
    assert contents.shared
    assert any(note.startswith("tied, by its metadata: ") for note in contents.notes)
    mine = Tied()
    matching.load(mine, str(path), "Tied")
    for name, value in theirs.state_dict().items():
        assert torch.equal(mine.state_dict()[name], value)
    convert([path], tmp_path / "all.pt", KeyMapping())
    assert torch.load(tmp_path / "all.pt", weights_only=True).keys() == theirs.state_dict().keys()


def header(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        found: dict[str, str] = file.metadata()
    return found


def test_what_is_converted_says_its_format_and_keeps_the_metadata(tmp_path: Path) -> None:
    torch.save(PARTS, tmp_path / "a.pt")
    convert([tmp_path / "a.pt"], tmp_path / "a.safetensors", KeyMapping())
    assert header(tmp_path / "a.safetensors") == {"format": "pt"}
    long = {"modelspec.title": "t" * 3000, "ss_tag": '{"x": "\n"}', "same": "1"}
    save_file(PARTS, tmp_path / "b.safetensors", metadata=long)
    convert([tmp_path / "b.safetensors"], tmp_path / "c.safetensors", KeyMapping())
    assert header(tmp_path / "c.safetensors") == {"format": "pt", **long}
    save_file(PARTS, tmp_path / "d.safetensors", metadata={"format": "mlx", "same": "1", "modelspec.title": "u"})
    both = convert([tmp_path / "b.safetensors", tmp_path / "d.safetensors"], tmp_path / "m.safetensors", KeyMapping())
    assert header(tmp_path / "m.safetensors") == {"format": "pt", "same": "1"}
    assert both.notes == ("metadata that is not in m.safetensors: modelspec.title, ss_tag",)
    found = convert([tmp_path / "d.safetensors"], tmp_path / "d.pt", KeyMapping())
    assert found.notes == ("metadata that is not in d.pt: modelspec.title, same",)
    assert convert([tmp_path / "a.safetensors"], tmp_path / "again.pt", KeyMapping()).notes == ()

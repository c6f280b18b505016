"""A file of weights that changes while its numbers are read: one line, and no number of it is taken for right."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import CheckpointError
from engine.weights import convert, matching, tensors
from engine.weights.compare import compare
from engine.weights.contents import Contents
from engine.weights.contents_cache import ContentsCache, contents_of
from engine.weights.formats import torch_zip
from engine.weights.key_mapping import KeyMapping

STATE = {"weight": torch.arange(12.0).reshape(3, 4), "bias": torch.zeros(3)}
OTHER = {"weight": torch.ones(3, 4), "bias": torch.ones(3)}


def replaced(path: Path) -> None:
    torch.save(OTHER, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "replaced": replaced,
    "written over": lambda path: torch.save(OTHER, path),
    "deleted": lambda path: path.unlink(),
    "a folder now": a_folder,
    "touched": lambda path: os.utime(path, ns=(1, 1)),
}


def converted(path: Path) -> object:
    return convert.convert([path], path.with_name("out.safetensors"), KeyMapping())


def averaged(path: Path) -> object:
    torch.save(STATE, path.with_name("second.pt"))
    return convert.convert([path.with_name("second.pt"), path], path.with_name("out.pt"), KeyMapping())


def compared(path: Path) -> object:
    torch.save(STATE, path.with_name("second.pt"))
    return compare(contents_of(path.with_name("second.pt")), contents_of(path))


def loaded(path: Path) -> object:
    matching.load(torch.nn.Linear(4, 3), str(path), "a layer")
    return None


def checked(path: Path) -> object:
    return torch_zip.check(contents_of(path))


WAYS = {"convert": converted, "a mean": averaged, "diff": compared, "weights for a network": loaded, "check": checked}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("way", WAYS)
def test_what_changes_is_refused(way: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "first.pt"
    torch.save(STATE, path)
    done: list[str] = []

    def then(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            found = real(*arguments, **more)
            if not done and any(isinstance(one, Contents) and one.path == path for one in arguments):
                done.append(how)
                CHANGES[how](path)
            return found

        return call

    monkeypatch.setattr(tensors, "whole", then(tensors.whole))
    monkeypatch.setattr(tensors, "numbers", then(tensors.numbers))
    monkeypatch.setattr(torch_zip, "_names", then(torch_zip._names))
    with pytest.raises(CheckpointError) as error:
        WAYS[way](path)
    assert done == [how]
    assert len(str(error.value).splitlines()) == 1
    assert not path.with_name("out.safetensors").exists()
    assert not path.with_name("out.pt").exists()


@pytest.mark.parametrize("way", WAYS)
def test_what_does_not_change_is_read(way: str, tmp_path: Path) -> None:
    path = tmp_path / "first.pt"
    torch.save(STATE, path)
    WAYS[way](path)


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "first.pt"
    torch.save(STATE, path)
    cache = ContentsCache()
    before = cache.get(path)
    replaced(path)
    with pytest.raises(CheckpointError, match="changed while it was read"):
        before.refuse_changed()
    cache.get(path).refuse_changed()

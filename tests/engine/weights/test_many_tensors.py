"""Files of many tensors: a process may have few files open, and tensors of one storage share what is read of it."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.weights import state_dict, tensors
from engine.weights.contents_cache import ContentsCache
from engine.weights.key_mapping import KeyMapping

COUNT = 400
OPEN_FILES = 128


@pytest.fixture
def few_files() -> Iterator[None]:
    """A limit of open files that is lower than the tensors are many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def numbered(elements: int) -> dict[str, torch.Tensor]:
    return {f"layer{at}.weight": torch.full((elements,), float(at)) for at in range(COUNT)}


@pytest.mark.usefixtures("few_files")
@pytest.mark.parametrize("elements", [3, tensors.MAPPED // 4, tensors.MAPPED])  # 4 bytes each
def test_more_tensors_than_files_may_be_open_are_read(tmp_path: Path, elements: int) -> None:
    path = tmp_path / "many.pt"
    torch.save(numbered(elements), path)
    found = state_dict.mapped(ContentsCache().get(path), KeyMapping())
    assert all(torch.equal(found[name], values) for name, values in numbered(elements).items())


@pytest.mark.usefixtures("few_files")
@pytest.mark.parametrize("elements", [1000, tensors.MAPPED])
def test_tensors_of_one_storage_share_it_however_it_is_read(tmp_path: Path, elements: int) -> None:
    path = tmp_path / "shared.pt"
    whole = torch.arange(float(elements))
    torch.save({f"view{at}": whole[at:] for at in range(COUNT)} | numbered(tensors.MAPPED), path)
    found = state_dict.mapped(ContentsCache().get(path), KeyMapping())
    assert all(torch.equal(found[f"view{at}"], whole[at:]) for at in range(COUNT))
    assert len({found[f"view{at}"].untyped_storage().data_ptr() for at in range(COUNT)}) == 1


def test_two_readings_share_nothing(tmp_path: Path) -> None:
    path = tmp_path / "one.pt"
    torch.save({"w": torch.ones(10)}, path)
    contents = ContentsCache().get(path)
    tensors.load(contents, "w").add_(1)
    assert torch.equal(tensors.load(contents, "w"), torch.ones(10))
    assert torch.equal(torch.load(path, weights_only=True)["w"], torch.ones(10))

"""What a screen gets of a file: each list filtered and bounded, with how many there are."""

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.progress import silent
from engine.weights import listing
from engine.weights.contents import OWN_KEYS, Contents, Named
from engine.weights.problems import number_doubles
from engine.weights.records import Tensor
from engine.weights.requests import MOST_LISTED, FileListing, FileRequest, Import, Section
from tests.engine.weights.test_reading import Evil
from tests.support.hostile import checkpoint, holding, tensor


def listed(path: Path, part: str = "", most: int = MOST_LISTED) -> FileListing:
    return listing.compute(Path("home"), FileRequest(path, part, most), silent)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three tensors, of which two share a storage; values; an import that is not allowed."""
    weight = torch.arange(6.0).reshape(2, 3)
    content = {
        "model": {"body.weight": weight, "body.tied": weight.T, "head.bias": torch.zeros(5)},
        "config": {"model": "cnn", "lr": 0.5},
        **dict.fromkeys(OWN_KEYS - {"model", "config"}, 1),
        "body_size": 7,
        "evil": Evil(tmp_path / "made"),
    }
    path = tmp_path / "a.pt"
    torch.save(content, path)
    return path


def test_everything_that_is_in_a_file_is_listed(file: Path) -> None:
    found = listed(file)
    assert (found.format, found.bytes) == ("PyTorch (zip)", file.stat().st_size)
    assert [(one.name, one.tensor.shape) for one in found.tensors] == [
        ("model.body.weight", (2, 3)), ("model.body.tied", (3, 2)), ("model.head.bias", (5,)),
    ]  # fmt: skip
    assert found.elements == 6 + 6 + 5
    assert found.shared == (("model.body.weight", "model.body.tied"),)
    assert (found.values["config.lr"], found.values["body_size"], found.model) == (0.5, 7, "cnn")
    assert Import("posix.system", False) in found.imports
    assert Import("torch._utils._rebuild_tensor_v2", True) in found.imports
    assert found.safety.endswith("1 global outside the allow-list: posix.system")
    assert (found.modules, found.whole_module, found.problems) == ((), "", ())
    assert found.counts == {
        "tensors": 3, "values": len(found.values), "imports": len(found.imports), "modules": 0, "shared": 1,
        "problems": 0,
    }  # fmt: skip


def test_a_section_is_summed_up(file: Path) -> None:
    found = listed(file, most=1)
    assert (found.sections, found.own) == ((Section("model", 3, 17, 68),), True)


def test_a_filter_holds_for_each_list_and_not_for_the_counts(file: Path) -> None:
    everything, found = listed(file), listed(file, "body")
    assert [one.name for one in found.tensors] == ["model.body.weight", "model.body.tied"]
    assert found.values == {"body_size": 7}
    assert found.imports == ()
    assert [one.name for one in listed(file, "posix").imports] == ["posix.system"]
    assert (found.counts, found.elements) == (everything.counts, everything.elements)


def test_a_list_is_bounded(file: Path) -> None:
    everything, found = listed(file), listed(file, most=2)
    assert found.tensors == everything.tensors[:2]
    assert list(found.values) == list(everything.values)[:2]
    assert found.imports == everything.imports[:2]
    assert found.counts == everything.counts
    assert [one.name for one in listed(file, "head", 2).tensors] == ["model.head.bias"]  # a filter finds the others


def test_a_module_that_was_pickled_whole_is_a_tree(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), tmp_path / "whole.pt")
    found = listed(tmp_path / "whole.pt")
    assert found.whole_module == "torch.nn.modules.container.Sequential"
    assert [(one.name, one.type.rpartition(".")[2]) for one in found.modules] == [
        ("", "Sequential"), ("0", "Linear"), ("1", "ReLU"),
    ]  # fmt: skip
    assert found.modules[1].attributes["in_features"] == "3"
    assert [one.name for one in listed(tmp_path / "whole.pt", "1").modules] == ["1"]
    torch.save({"net": nn.Linear(3, 2)}, tmp_path / "inside.pt")
    assert listed(tmp_path / "inside.pt").whole_module == ""


def test_problems_are_listed_whatever_the_filter(tmp_path: Path) -> None:
    path = checkpoint(holding(good=tensor((4,), (1,)), odd=tensor((9,), (1,))), tmp_path / "odd.pt")
    for part in ("", "good"):
        found = listed(path, part)
        assert found.problems == ("odd reaches element 9 of a storage that has 4",)
        assert found.counts["problems"] == 1


def test_tensors_of_one_name_are_numbered() -> None:
    contents = Contents(Path("a"), "", 0)
    plain = Tensor(None, "float32", (1,), (1,))
    contents.tensors = [Named(name, plain) for name in ("a", "b", "a", "b", "c", "a")]
    number_doubles(contents)
    assert [one.name for one in contents.tensors] == ["a", "b", "a (2)", "b (2)", "c", "a (3)"]
    assert contents.problems == ["several tensors have the name a (and 1 other name): numbered here"]

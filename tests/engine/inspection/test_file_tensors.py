"""The tensors of other people's files on the tensor screen: as the numbers that they stand for, and said so."""

import warnings
from pathlib import Path

import pytest
import torch

from engine.errors import CheckpointError
from engine.inspection import tensors
from engine.inspection.file_requests import FileStatsRequest
from engine.inspection.file_stats import continue_stats
from engine.inspection.tensor_refs import FileDifference, FileTensor
from engine.inspection.tensor_requests import TensorRequest, TensorWindow
from engine.inspection.tensor_stats import TensorStats
from engine.progress import silent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    x = torch.tensor([[0.0, 1.5], [-2.0, 0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = {
            "quantized": torch.quantize_per_tensor(x, 0.5, 3, torch.qint8), "sparse": x.to_sparse_csr(),
            "negative": torch._neg_view(x.clone()), "conjugate": torch.tensor([1 + 2j]).conj(),
            "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
            "four bits": torch.zeros(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2), "plain": x,
        }  # fmt: skip
        torch.save(values, tmp_path / "w.pt")
    return tmp_path / "w.pt"


def window(file: Path, ref: FileTensor | FileDifference) -> TensorWindow:
    return tensors.compute(file.parent, TensorRequest(ref, rows=2, columns=2, whole=True), silent)


@pytest.mark.parametrize(
    ("name", "spelled", "cells"),
    [
        ("quantized", 'w.pt["quantized"].dequantize()', (("0.0000", "1.5000"), ("-2.0000", "0.0000"))),
        ("sparse", 'w.pt["sparse"].to_dense()', (("0.0000", "1.5000"), ("-2.0000", "0.0000"))),
        ("negative", 'w.pt["negative"]', (("-0.0000", "-1.5000"), ("2.0000", "-0.0000"))),
        ("conjugate", 'w.pt["conjugate"]', (("1.0000-2.0000j",),)),
    ],
)
def test_it_is_shown_as_the_numbers_it_stands_for(
    file: Path, name: str, spelled: str, cells: tuple[tuple[str, ...], ...]
) -> None:
    found = window(file, FileTensor(file, name))
    assert (found.expression, found.cells) == (spelled, cells)
    difference = window(file, FileDifference(FileTensor(file, name), FileTensor(file, name)))
    assert {value.replace("-", "").replace("+", "") for row in difference.cells for value in row} <= {
        "0.", "0.0000", "0.00000.0000j",
    }  # fmt: skip


def test_the_difference_of_complex_tensors_has_both_parts(file: Path, tmp_path: Path) -> None:
    torch.save({"conjugate": torch.tensor([1 + 3j])}, tmp_path / "b.pt")
    found = window(file, FileDifference(FileTensor(file, "conjugate"), FileTensor(tmp_path / "b.pt", "conjugate")))
    assert found.cells == (("0.0000+5.0000j",),)


@pytest.mark.parametrize("name", ["nested", "four bits"])
def test_what_can_not_be_shown_is_one_line(file: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=name):
        window(file, FileTensor(file, name))


def test_the_statistics_are_those_of_these_numbers(file: Path) -> None:
    done, stats = False, dict[str, TensorStats | None]()
    while not done:
        found = continue_stats(file.parent, FileStatsRequest(file, "", restart=not stats), silent)
        done = found.done
        stats.update(found.stats)
    assert (stats["nested"], stats["four bits"]) == (None, None)
    for name in ("quantized", "sparse", "plain"):
        one = stats[name]
        assert one is not None
        assert (one.min, one.max, one.zeros) == (-2.0, 1.5, 0.5)
    negative = stats["negative"]
    assert negative is not None
    assert (negative.min, negative.max) == (-1.5, 2.0)

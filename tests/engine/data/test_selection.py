"""What of a split is shown, its figures, and samples as files."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data import export, holdout, statistics
from engine.data.dataset import Split
from engine.data.open_dataset import open_dataset
from engine.data.selection import SORTS, Selection, order, parse_classes, tutorial_figure
from engine.errors import ConfigError, DataError

DEMO = open_dataset("demo", None, Path())
SPLIT = DEMO.train


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31, 2**32 - 1])
@pytest.mark.parametrize("samples", [60_000, 10_000, 7])
def test_the_tutorials_figure_has_the_indices_that_torch_draws(seed: int, samples: int) -> None:
    torch.manual_seed(seed)
    theirs = [int(torch.randint(samples, size=(1,)).item()) for _ in range(9)]
    assert tutorial_figure(samples, seed).tolist() == theirs


def test_everything_in_the_order_of_the_files() -> None:
    assert Selection().plain
    assert order(SPLIT, Selection()).tolist() == list(range(len(SPLIT)))
    assert order(SPLIT, Selection(descending=True))[0] == len(SPLIT) - 1


def test_the_images_that_are_held_out_are_those_of_the_draw() -> None:
    drawn = holdout.draw(SPLIT.labels, 600, 3)
    assert order(SPLIT, Selection(held_out="600:3")).tolist() == drawn.tolist()
    of_class = order(SPLIT, Selection(held_out="600:3", classes=frozenset({4}), descending=True))
    assert of_class.tolist() == [int(one) for one in drawn if SPLIT.labels[one] == 4][::-1]
    assert not Selection(held_out="600:3").plain
    with pytest.raises(ConfigError):
        order(SPLIT, Selection(held_out="6000"))


def test_classes_marks_and_sorting_go_together() -> None:
    found = order(SPLIT, Selection(classes=frozenset({3, 5}), sort="class"))
    labels = SPLIT.labels[found]
    assert set(labels) == {3, 5}
    assert labels.tolist() == sorted(labels)
    assert len(found) == int(np.isin(SPLIT.labels, [3, 5]).sum())
    three = found[:4].tolist()
    marked = order(SPLIT, Selection(marked=True, descending=True), marks=set(three))
    assert marked.tolist() == sorted(three, reverse=True)
    assert order(SPLIT, Selection(marked=True)).tolist() == []
    bright = statistics.brightness(SPLIT)
    found = order(SPLIT, Selection(sort="brightness"), brightness=bright)
    assert np.all(np.diff(bright[found]) >= 0)
    assert sorted(found.tolist()) == list(range(len(SPLIT)))
    assert SORTS == ("index", "class", "brightness")


def test_classes_are_named_by_parts_or_numbers() -> None:
    names = ("T-Shirt", "Trouser", "Shirt", "한복")
    assert parse_classes("", names) == frozenset()
    assert parse_classes("shirt", names) == {2}  # the whole name comes first
    assert parse_classes("SHI", names) == {0, 2}
    assert parse_classes("1, 한복 ,", names) == {1, 3}
    for text, words in {
        "hat": "no class is called 'hat'; there are T-Shirt",
        "7": "no class 7; they are numbered 0 to 3",
    }.items():
        with pytest.raises(DataError, match=words):
            parse_classes(text, names)


def test_the_figures_are_numpys_own() -> None:
    found = statistics.of(SPLIT, 10)
    images = SPLIT.images.astype(np.float64)
    assert found.counts.tolist() == [int((SPLIT.labels == label).sum()) for label in range(10)]
    for label in (0, 9):
        own = images[SPLIT.labels == label]
        assert found.mean_images[label] == pytest.approx(own.mean(axis=0))
        assert found.spread[label] == pytest.approx(own.std(axis=0).mean(), rel=1e-4)
    assert found.brightness == pytest.approx(images.mean(axis=(1, 2)), rel=1e-5)
    assert found.histogram.sum() == SPLIT.images.size
    assert (found.mean, found.std) == (pytest.approx(images.mean()), pytest.approx(images.std()))


def test_an_empty_class_has_zeros() -> None:
    lone = Split("train", np.full((2, 4, 4), 7, np.uint8), np.array([1, 1], np.uint8))
    found = statistics.of(lone, 3)
    assert found.counts.tolist() == [0, 2, 0]
    assert found.mean_images[0].max() == 0
    assert found.spread.tolist() == [0, 0, 0]


def test_exported_samples_are_what_the_tutorials_own_data_set_reads(tmp_path: Path) -> None:
    indices = [5, 3, 99]
    reports: list[int] = []
    path = export.export(tmp_path / "new" / "here", SPLIT, indices, reports.append)
    assert reports == [1, 2, 3]
    with open(path, newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["file", "label"]
    for index, (name, label) in zip(indices, rows, strict=True):
        assert np.array_equal(np.asarray(Image.open(path.parent / "images" / name)), SPLIT.images[index])
        assert int(label) == SPLIT.labels[index]


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="is not empty; name a folder that is not there yet"):
        export.export(tmp_path, SPLIT, [1])
    with pytest.raises(DataError, match="is not a folder"):
        export.export(tmp_path / "mine.txt" / "deeper", SPLIT, [1])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

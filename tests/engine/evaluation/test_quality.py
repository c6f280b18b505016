"""Suspicious images: those that were planted are found, and all that the formulas say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.data import dataset_cache
from engine.data.dataset import Dataset, Split
from engine.data.open_dataset import open_dataset
from engine.errors import InspectionError
from engine.evaluation import distances, duplicates, image_scores, label_errors, outliers, quality
from engine.evaluation.quality import KINDS
from engine.evaluation.requests import LabelErrorSettings, Suspects, SuspectsAnswer, SuspectsRequest
from engine.worker.client import WorkerClient

DEMO = open_dataset("demo", None, Path())


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The demo data, of which some images are spoilt."""
    train, test = np.array(DEMO.train.images[:1500]), np.array(DEMO.test.images[:400])
    labels = np.array(DEMO.train.labels[:1500])
    train[10] = 3  # dark, and of no information
    train[11] = 250
    train[12] = np.random.default_rng(0).integers(0, 256, (28, 28))  # like no garment
    train[13] = np.where(np.indices((28, 28)).sum(0) % 2, 255, 0)  # of one bit
    train[20] = train[21]
    train[30] = np.clip(train[31].astype(int) + np.random.default_rng(1).integers(-2, 3, (28, 28)), 0, 255)
    test[5] = train[31]
    test[6] = test[7]
    data = replace(DEMO, train=Split("train", train, labels), test=Split("test", test, DEMO.test.labels[:400]))
    monkeypatch.setattr(dataset_cache, "dataset", lambda *_: data)
    return data


@pytest.fixture
def look(planted: Dataset, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Suspects]]:
    worker = WorkerClient(home)

    def answer(request: SuspectsRequest, progress: Any) -> SuspectsAnswer:
        return quality.compute(home, request, progress)

    monkeypatch.setattr(worker, "ask", answer)
    return lambda kind, **settings: quality.ask(worker, kind, planted, None, LabelErrorSettings(**settings), quiet)


def test_near_duplicates_are_found_within_and_across_the_splits(look: Callable[..., Any]) -> None:
    found = look("duplicates")
    train, test = found["train"], found["test"]
    pairs = {
        (int(index), int(other), bool(elsewhere))
        for index, other, elsewhere in zip(train.indices, train.others, train.elsewhere, strict=True)
    }
    assert (21, 20, False) in pairs
    assert (31, 30, False) in pairs or (31, 5, True) in pairs
    in_test = dict(zip(test.indices.tolist(), test.others.tolist(), strict=True))
    assert in_test[7] == 6
    assert in_test[5] == 31  # of the other split
    assert not {20, 30} & set(train.indices.tolist()), "of each group one image is not listed: the first"
    assert 6 not in in_test
    assert train.scores.max() == pytest.approx(1, abs=1e-6)
    assert (train.scores >= duplicates.SAME).all()


def test_each_pair_is_listed_once_and_one_of_each_group_is_left() -> None:
    def listed(pairs: list[tuple[int, int, float]]) -> tuple[list[int], dict[int, tuple[int, float]]]:
        first, second, values = (np.array(column) for column in zip(*pairs, strict=True))
        found = duplicates.Pairs(first, second, values.astype(np.float32))
        group, partner, correlation = duplicates.spanning_pairs(found, 10)
        return group.tolist(), {
            at: (int(partner[at]), round(float(correlation[at]), 3)) for at in range(10) if partner[at] >= 0
        }

    assert listed([(3, 7, 0.995)]) == ([0, 1, 2, 3, 4, 5, 6, 3, 8, 9], {7: (3, 0.995)})
    # 2, 5 and 8 are all alike: 5 and 8 most; 1 and 9 are another group.
    group, partners = listed([(2, 5, 0.991), (1, 9, 0.999), (2, 8, 0.992), (5, 8, 1.0)])
    assert (group[2], group[5], group[8]) == (2, 2, 2)
    assert partners == {8: (2, 0.992), 5: (8, 1.0), 9: (1, 0.999)}
    # A chain whose ends are not alike, given in any order.
    assert listed([(4, 6, 0.99), (0, 6, 0.993), (0, 2, 0.994)])[1] == {6: (0, 0.993), 4: (6, 0.99), 2: (0, 0.994)}


def test_no_pair_is_missed(planted: Dataset) -> None:
    images = planted.train.images
    Z = distances.standardized(images)
    for least in (0.99, 0.95):
        found = duplicates.near_pairs(Z, distances.components(Z), quiet, least)
        every = (Z.double() @ Z.double().T).numpy()
        i, j = np.nonzero(np.triu(every >= least, 1))
        sure = np.abs(every[i, j] - least) > 1e-5
        mine = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
        assert set(zip(i[sure].tolist(), j[sure].tolist(), strict=True)) <= mine
        assert len(mine) <= len(i) + (~sure).sum()
        assert found.correlation == pytest.approx(every[found.first, found.second], abs=1e-5)


def test_images_that_are_all_alike_are_refused_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_PAIRS", 100)
    Z = distances.standardized(np.repeat(DEMO.train.images[:1], 50, axis=0))
    with pytest.raises(InspectionError, match="all alike"):
        duplicates.near_pairs(Z, distances.components(Z), quiet)


def test_dark_bright_and_empty_images(look: Callable[..., Any]) -> None:
    assert 10 in look("dark")["train"].indices
    assert look("bright")["train"].indices.tolist() == [11]
    low = look("low-information")["train"]
    assert {10, 11, 13} <= set(low.indices.tolist())
    assert dict(zip(low.indices.tolist(), low.scores.tolist(), strict=True))[13] == pytest.approx(0.1)  # 1 bit
    for kind in ("dark", "bright", "low-information"):
        found = look(kind)["train"].scores
        assert (np.diff(found) >= 0).all()


def test_the_scores_are_those_of_their_formulas() -> None:
    image = DEMO.train.images[0].astype(float).ravel()
    shares = np.bincount(DEMO.train.images[0].ravel(), minlength=256) / 784
    bits = -sum(share * np.log2(share) for share in shares if share)
    assert image_scores.darkness(DEMO.train)[0] == pytest.approx(np.percentile(image, 99) / 255)
    assert image_scores.brightness(DEMO.train)[0] == pytest.approx(1 - np.percentile(image, 5) / 255)
    assert image_scores.information(DEMO.train)[0] == pytest.approx(min(1, bits / 10))


def test_an_image_like_no_other_is_an_outlier(look: Callable[..., Any]) -> None:
    found = look("outliers")["train"]
    assert {12, 13} <= set(found.indices[:10].tolist())
    assert (found.scores > outliers.UNUSUAL).all()
    Z = distances.standardized(DEMO.train.images[:300])
    P = distances.components(Z)
    every = torch.cdist(P, P)
    expected = every.sort(dim=1).values[:, 1:11].mean(dim=1)
    assert outliers.mean_distances(P, quiet) == pytest.approx(expected.numpy(), abs=1e-3)
    assert not outliers.modified_z_scores(np.ones(5, np.float32)).any()


def test_confident_learning_by_hand() -> None:
    probabilities = np.array(
        [[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.2, 0.8, 0.0], [0.4, 0.6, 0.0], [0.05, 0.9, 0.05]], np.float32
    )
    labels = np.array([0, 0, 1, 1, 0], np.uint8)
    # Mean probability of its own class: 0.55 among the 0s, 0.7 among the 1s; no sample has the label 2.
    found = label_errors.confident(probabilities, labels)
    assert found.suspected.tolist() == [False, False, False, False, True]
    assert found.suggested.tolist() == [0, 0, 1, 1, 1]
    assert found.label_probability == pytest.approx([0.9, 0.7, 0.8, 0.6, 0.05])


def test_folds_are_even_within_each_class() -> None:
    labels = np.array([0] * 50 + [1] * 25, np.uint8)
    fold = label_errors.folds(labels, 5, seed=0)
    assert (np.bincount(fold[labels == 0]) == 10).all()
    assert (np.bincount(fold[labels == 1]) == 5).all()
    assert not np.array_equal(fold, label_errors.folds(labels, 5, seed=1))


@pytest.mark.slow
def test_swapped_labels_are_suspected(
    planted: Dataset, look: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    labels = np.array(planted.train.labels)
    swapped = np.random.default_rng(0).choice(np.arange(100, 1500), 40, replace=False)
    labels[swapped] = (labels[swapped] + 5) % 10
    spoilt = replace(planted, train=Split("train", planted.train.images, labels))
    monkeypatch.setattr(dataset_cache, "dataset", lambda *_: spoilt)
    found = look("label", folds=3, epochs=6)["train"]
    listed = found.indices[:60].tolist()
    assert len(set(swapped.tolist()) & set(listed)) >= 30  # of 40, among the 60 most suspicious
    right = dict(zip(found.indices.tolist(), found.others.tolist(), strict=True))
    assert sum(right.get(int(at)) == int(planted.train.labels[at]) for at in swapped) >= 25
    assert (np.diff(found.scores) >= 0).all()


def test_what_was_found_is_kept(planted: Dataset, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, asked = WorkerClient(home), []

    def answer(request: SuspectsRequest, progress: Any) -> SuspectsAnswer:
        asked.append(request.kind)
        return quality.compute(home, request, progress)

    monkeypatch.setattr(worker, "ask", answer)
    for _ in range(2):
        found = quality.ask(worker, "dark", planted, None)
    assert asked == ["dark"]
    assert 10 in found["train"].indices
    quality.cache_file(home, "dark", planted.checksum).write_bytes(b"no")
    quality.ask(worker, "dark", planted, None)
    assert asked == ["dark", "dark"]
    assert set(KINDS) == {"label", "duplicates", "dark", "bright", "low-information", "outliers"}


def brightest(data: Dataset, settings: LabelErrorSettings, progress: Any) -> dict[str, Suspects]:
    """A made-up kind: the three images of each split with the highest sums of pixels, in the order of the files."""
    found = {}
    for name, split in data.splits.items():
        sums = split.images.sum(axis=(1, 2)).astype(np.float32)
        indices = np.sort(np.argsort(sums)[-3:])
        found[name] = Suspects("brightest", name, indices, sums[indices], np.full(3, -1), np.zeros(3, bool))
    return found


def test_a_new_kind_is_one_entry(
    look: Callable[..., Any], planted: Dataset, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = quality.Kind(
        title="brightest",
        why="score: the sum of its pixels",
        source="this test",
        order=quality.Order.HIGHEST_FIRST,
        find=f"{__name__}:brightest",
    )
    monkeypatch.setitem(KINDS, "brightest", made_up)
    found = look("brightest")["train"]
    sums = planted.train.images.sum(axis=(1, 2))
    assert found.indices.tolist() == np.argsort(-sums.astype(int), kind="stable")[:3].tolist()
    assert found.scores.tolist() == sums[found.indices].tolist()
    monkeypatch.setitem(KINDS, "brightest", replace(made_up, order=quality.Order.LOWEST_FIRST))
    quality.cache_file(home, "brightest", planted.checksum).unlink()
    assert look("brightest")["train"].indices.tolist() == found.indices[::-1].tolist()

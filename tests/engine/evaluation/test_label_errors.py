"""Confident learning, compared with the paper's definition written out in loops, on samples that tell classes apart."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from engine.data.dataset import Dataset, Split
from engine.evaluation import label_errors
from engine.models.registry import build
from engine.training.config import TrainConfig


def by_hand(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> tuple[list[bool], list[int]]:
    """Which samples are suspected, and the class that is suggested for each."""
    thresholds = {}
    for label in range(probabilities.shape[1]):
        own = [float(row[label]) for row, given in zip(probabilities, labels, strict=True) if given == label]
        if own:
            thresholds[label] = sum(own) / len(own)
    suggested = []
    for row, given in zip(probabilities, labels, strict=True):
        confident = [label for label, least in thresholds.items() if row[label] >= least]
        suggested.append(max(confident, key=lambda label: row[label]) if confident else int(given))
    return [int(given) != one for given, one in zip(labels, suggested, strict=True)], suggested


@pytest.mark.parametrize("seed", range(5))
def test_a_class_is_predicted_confidently_above_the_mean_of_its_own_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, 300, p=[0.5, 0.3, 0.15, 0.05]).astype(np.uint8)
    alpha = np.full((300, 5), 0.4)
    alpha[np.arange(300), labels] += [1.5, 0.2, 0.8, 3.0] @ np.eye(4)[:, labels]  # some classes are surer than others
    chances = np.array([rng.dirichlet(row) for row in alpha], np.float32)  # of the fifth class there is no sample
    suspected, suggested = by_hand(chances, labels)
    found = label_errors.confident(chances, labels)
    assert found.suspected.tolist() == suspected
    assert found.suggested.tolist() == suggested
    assert found.label_probability.tolist() == [float(row[label]) for row, label in zip(chances, labels, strict=True)]
    assert 10 < sum(suspected) < 200


def test_of_several_confident_classes_the_most_probable_one_is_suggested() -> None:
    chances = np.array([[0.3, 0.6, 0.1], [0.3, 0.1, 0.6], [0.1, 0.5, 0.4], [0.1, 0.3, 0.6]], np.float32)
    found = label_errors.confident(chances, np.array([2, 0, 1, 2], np.uint8))  # thresholds: 0.3, 0.5, 0.35
    assert found.suggested.tolist() == [1, 2, 1, 2]
    assert found.suspected.tolist() == [True, True, False, False]


def test_each_sample_is_predicted_by_the_model_that_did_not_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 24
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 28, 28)).copy()
    labels = (np.arange(count) % 2).astype(np.uint8)
    train = Split("train", images, labels)
    data = Dataset("made", "made", ("a", "b"), train, Split("test", images[:5] + 100, labels[:5]), "here")
    seen: list[set[int]] = []  # the images that each model was trained on
    seeds: list[int] = []

    def built(*given: Any) -> torch.nn.Module:
        seen.append(set())
        seeds.append(torch.initial_seed())
        return build(*given)

    def trained(batches: Any, *_: Any) -> Iterator[torch.Tensor]:
        for X, _y in batches:
            seen[-1] |= {round(float(one[0, 0, 0]) * 255) for one in X}
            yield torch.tensor(0.0)

    def predicted(model: Any, batches: Any) -> npt.NDArray[np.float32]:
        marks = np.concatenate([np.array([round(float(one[0, 0, 0]) * 255) for one in X]) for X, _ in batches])
        if marks.min() < 100:
            assert seen[-1].isdisjoint(marks.tolist())
        return np.stack([marks, np.full(len(marks), len(seen))], axis=1).astype(np.float32)

    monkeypatch.setattr(label_errors, "build", built)
    monkeypatch.setattr(label_errors, "train_loop", trained)
    monkeypatch.setattr(label_errors, "_predicted", predicted)
    reports: list[tuple[int, int]] = []
    config = TrainConfig(model="mlp", epochs=2, seed=5, batch_size=4)
    chances, test = label_errors.probabilities(
        data, config, 3, torch.device("cpu"), lambda done, total: reports.append((done, total))
    )
    fold = label_errors.folds(labels, 3, 5)
    assert [len(one) for one in seen] == [16, 16, 16]
    assert seeds == [5, 6, 7]
    assert chances[:, 0].tolist() == list(range(count))
    assert chances[:, 1].tolist() == (fold + 1).tolist()
    assert test[:, 0] == pytest.approx([100, 101, 102, 103, 104])
    assert test[:, 1] == pytest.approx([2.0] * 5)  # the mean of 1, 2 and 3
    assert reports[-1] == (96, 96)


def test_folds_are_drawn_by_their_seed_and_even_in_each_class() -> None:
    labels = np.array([0] * 31 + [1] * 17, np.uint8)
    first, second = (label_errors.folds(labels, 4, seed) for seed in (1, 2))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, label_errors.folds(labels, 4, 1))
    for label, most in ((0, 8), (1, 5)):
        sizes = np.bincount(first[labels == label], minlength=4)
        assert (sizes.max(), sizes.max() - sizes.min()) == (most, 1)
    assert not np.array_equal(first[labels == 0][:8], np.arange(8) % 4)  # drawn, not dealt out in order

"""Figures that are computed from counts: against their definitions, and against numbers worked out by hand."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from engine.evaluation import metrics
from engine.evaluation.confidence import Confidence
from engine.evaluation.metrics import BINS, BinCounts, ClassFigures

CONFUSION = ((8, 2, 0), (1, 5, 0), (0, 3, 0))  # nothing is taken for the third class


@given(st.integers(1, 10**6).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_bound_of_the_interval_is_196_standard_deviations_away(counts: tuple[int, int]) -> None:
    right, of = counts
    low, high = metrics.wilson(right, of)
    assert 0 <= low <= right / of <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:
            deviation = math.sqrt(bound * (1 - bound) / of)
            assert abs(right / of - bound) == pytest.approx(metrics.Z95 * deviation, rel=1e-6, abs=1e-12)


def test_the_interval_of_nothing_is_everything() -> None:
    assert metrics.wilson(0, 0) == (0.0, 1.0)
    assert metrics.wilson(0, 10)[0] == 0.0
    assert metrics.wilson(10, 10)[1] == 1.0


def test_precision_recall_and_f1_of_each_class() -> None:
    first, second, third = metrics.by_class(CONFUSION)
    assert first == ClassFigures(8 / 9, 8 / 10, 16 / 19)
    assert second == ClassFigures(5 / 10, 5 / 6, 10 / 16)
    assert third == ClassFigures(None, 0.0, 0.0)
    assert metrics.by_class(((3, 0), (0, 0)))[1] == ClassFigures(None, None, None)


def test_the_mean_of_the_classes_counts_what_says_nothing_as_zero() -> None:
    found = metrics.macro(CONFUSION)
    assert found.precision == pytest.approx((8 / 9 + 1 / 2 + 0) / 3)
    assert found.recall == pytest.approx((8 / 10 + 5 / 6 + 0) / 3)
    assert found.f1 == pytest.approx((16 / 19 + 10 / 16 + 0) / 3)
    assert metrics.macro(((3, 0), (0, 0))) == ClassFigures(1.0, 1.0, 1.0)  # a class that is nowhere does not count
    assert metrics.macro(((0, 0), (0, 0))) == ClassFigures(None, None, None)


def test_the_calibration_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    counts = [BinCounts(0, 0.0, 0), BinCounts(4, 2.0, 1), BinCounts(6, 5.4, 6)]
    assert metrics.calibration_error(counts) == pytest.approx((4 * abs(0.5 - 0.25) + 6 * abs(0.9 - 1.0)) / 10)
    assert metrics.calibration_error([BinCounts(0, 0.0, 0)]) is None
    empty, second, _ = metrics.bins(counts)
    assert (empty.confidence, empty.accuracy, empty.high) == (None, None, pytest.approx(1 / 3))
    assert (second.images, second.confidence, second.accuracy) == (4, 0.5, 0.25)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_tail_on_both_sides(fixed: int, broken: int) -> None:
    images = fixed + broken
    tail = sum(Fraction(math.comb(images, k), 2**images) for k in range(min(fixed, broken) + 1))
    assert metrics.mcnemar(fixed, broken) == pytest.approx(float(min(Fraction(1), 2 * tail)))
    assert metrics.mcnemar(fixed, broken) == metrics.mcnemar(broken, fixed)


def test_mcnemar_of_many_images_is_nearly_the_exact_one() -> None:
    exact = metrics.mcnemar(2560, metrics.EXACT - 2560)
    near = metrics.mcnemar(2561, metrics.EXACT + 1 - 2561)
    assert near == pytest.approx(exact, rel=0.05)
    assert metrics.mcnemar(100_000, 1) < 1e-300


def test_confidence_counts_by_the_highest_probability() -> None:
    loss_fn = nn.CrossEntropyLoss()
    sure = Confidence(loss_fn)
    probabilities = torch.tensor([[0.9, 0.06, 0.04], [0.2, 0.5, 0.3], [0.36, 0.33, 0.31], [1.0, 1e-9, 0.0]])
    labels = torch.tensor([0, 2, 2, 2])
    outputs = probabilities.log()
    assert torch.equal(sure(outputs, labels), loss_fn(outputs, labels))
    sure(outputs[:1], labels[:1])
    bins = sure.bins
    assert sum(one.images for one in bins) == 5
    assert (bins[13].images, bins[13].right) == (2, 2)  # 0.9 is above 13/15, at most 14/15
    assert bins[13].confidence == pytest.approx(1.8)
    assert (bins[7].images, bins[7].right) == (1, 0)
    assert (bins[14].images, bins[14].right) == (1, 0)  # 1.0 is in the last
    assert sure.among_two == 3  # of 0.9 twice, and of 0.3 as the second


def test_outputs_that_are_not_numbers_count_as_no_confidence() -> None:
    sure = Confidence(nn.CrossEntropyLoss())
    sure(torch.full((3, 4), math.nan), torch.tensor([0, 1, 2]))
    assert sure.bins[0].images == 3
    assert sure.bins[0].confidence == 0.0
    assert Confidence(nn.CrossEntropyLoss()).bins == (BinCounts(0, 0.0, 0),) * BINS


def test_one_class_has_no_second() -> None:
    sure = Confidence(nn.MSELoss())
    sure._add(torch.zeros(2, 1), torch.tensor([0, 0]))
    assert sure.among_two == 2

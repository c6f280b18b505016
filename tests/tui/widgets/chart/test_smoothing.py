"""Smoothing: debiased, of all values, exact after thinning too."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.tui.widgets.chart.made_up import line
from tui.widgets.chart.smoothing import smooth_line, smoothed


def test_the_first_value_is_itself_and_a_constant_stays() -> None:
    assert smoothed(np.array([3.0]), 0.99).tolist() == pytest.approx([3.0])
    assert smoothed(np.full(50, 2.5), 0.9).tolist() == pytest.approx([2.5] * 50)


def test_each_is_the_weighted_mean_of_those_before_it() -> None:
    values, weight = [4.0, 1.0, 7.0, 2.0], 0.6
    for count in range(1, 5):
        weights = [weight ** (count - 1 - at) for at in range(count)]
        wanted = sum(a * b for a, b in zip(weights, values[:count], strict=True)) / sum(weights)
        assert smoothed(np.array(values), weight)[count - 1] == pytest.approx(wanted)


def test_what_is_not_finite_is_left_out_and_stays() -> None:
    found = smoothed(np.array([1.0, math.nan, math.inf, 1.0]), 0.9)
    assert math.isnan(found[1])
    assert math.isinf(found[2])
    assert found[3] == pytest.approx(1.0)


def test_a_series_that_knows_its_smoothed_values_is_asked() -> None:
    series = line([1, 2], [5.0, 6.0])
    known = replace(series, smoothed={0.9: np.array([1.0, 2.0])})
    assert smooth_line(known, 0.9).tolist() == [1.0, 2.0]
    assert smooth_line(known, 0.6).tolist() == smoothed(series.mean, 0.6).tolist()

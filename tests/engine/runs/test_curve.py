"""Curves as they grow: bounded, with exact extremes and exact smoothing."""

import math
import random

import pytest

from engine.runs.curve import SMOOTHING, GrowingCurve, begun_after


def smoothed(values: list[float], weight: float) -> float:
    total = 0.0
    for value in values:
        total = weight * total + (1 - weight) * value
    return total / (1 - weight ** len(values))


def grown(values: list[float], most: int = 8) -> GrowingCurve:
    curve = GrowingCurve(most)
    for at, value in enumerate(values):
        curve.add(at / 10, value, step=at, seconds=float(at), seq=at)
    return curve


def test_smoothing_is_of_all_values_however_few_points_are_left() -> None:
    draw = random.Random(0)
    values = [draw.random() for _ in range(1000)]
    points = grown(values).points()
    assert 8 <= len(points) <= 16
    for point in points:
        for at, weight in enumerate(SMOOTHING):
            assert point.smoothed[at] == pytest.approx(smoothed(values[: point.values], weight))
    assert points[-1][:1] + points[-1][4:8] == (99.9, 999, 999.0, 999, 1000)


def test_the_extremes_and_the_means_stay() -> None:
    draw = random.Random(1)
    values = [draw.random() for _ in range(1024)]
    points = grown(values).points()
    assert min(point.low for point in points) == min(values)
    assert max(point.high for point in points) == max(values)
    assert sum(point.mean for point in points) / len(points) == pytest.approx(sum(values) / 1024)


def test_after_a_rewind_it_goes_on_as_if_the_rest_had_never_been() -> None:
    curve = grown([1.0, 2.0, 3.0, 4.0])
    curve.rewind(0.1)
    assert [point.mean for point in curve.points()] == [1.0, 2.0]
    curve.add(0.2, 7.0)
    for at, weight in enumerate(SMOOTHING):
        assert curve.points()[-1].smoothed[at] == pytest.approx(smoothed([1.0, 2.0, 7.0], weight))
    curve.rewind(-1.0)
    curve.add(0.0, 5.0)
    assert curve.points()[-1].smoothed == pytest.approx((5.0, 5.0, 5.0))


def test_a_curve_that_is_read_from_the_middle_is_smoothed_as_the_whole() -> None:
    draw = random.Random(2)
    values = [draw.random() for _ in range(50)]
    whole = grown(values, most=1000).points()
    rest = begun_after(whole[29])
    for at in range(30, 50):
        rest.add(at / 10, values[at], step=at)
    assert [point.smoothed for point in rest.points()] == [pytest.approx(point.smoothed) for point in whole[30:]]


def test_what_is_not_finite_is_left_out() -> None:
    assert [point.mean for point in grown([1.0, math.nan, math.inf, 2.0]).points()] == [1.0, 2.0]

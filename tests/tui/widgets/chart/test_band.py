"""The mean of several runs and its band."""

import dataclasses
import math

import pytest

from tests.tui.widgets.chart.made_up import line
from tui.widgets.chart.band import mean_with_band
from tui.widgets.chart.smoothing import smoothed

ONE, TWO = line([1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0]), line([2, 4], [5.0, 3.0])


def test_the_mean_is_over_the_epochs_that_all_have() -> None:
    band = mean_with_band([ONE, TWO], "mlp", style="run1")
    assert band.places.epoch.tolist() == [2, 3, 4]
    assert band.mean.tolist() == [4.0, 3.0, 2.0]
    assert (band.low.tolist(), band.high.tolist()) == ([3.0, 2.0, 1.0], [5.0, 4.0, 3.0])
    assert band.places.step.tolist() == [200.0, 300.0, 400.0]
    assert band.band


def test_where_a_run_ends_the_mean_is_of_those_that_go_on() -> None:
    short, long = line([1, 2], [6.0, 6.0]), line([1, 3, 4], [3.0, 1.0, 2.0])
    band = mean_with_band([ONE, short, long], "mlp", style="run1", band="deviation")
    assert band.places.epoch.tolist() == [1, 2, 3, 4]
    assert band.mean.tolist() == pytest.approx([13 / 3, 11 / 3, 1.5, 1.5])
    assert band.high[2:].tolist() == pytest.approx([1.5 + 0.5**0.5] * 2), "over n - 1 of the two that are left"
    assert band.counted == ((-math.inf, 3), (2.0, 2))
    assert [band.runs_at(epoch) for epoch in (1.0, 2.0, 2.1, 4.0)] == [3, 3, 2, 2]
    assert (band.low <= band.mean).all()


def test_the_places_of_a_mean_go_on_beyond_the_end_of_the_finest_series() -> None:
    fine, coarse = line([1, 1.5, 2], [1.0, 1.0, 1.0]), line([1, 4], [1.0, 7.0])
    band = mean_with_band([fine, coarse], "mlp", style="run1")
    assert band.places.epoch.tolist() == [1, 1.5, 2, 4]
    assert band.mean.tolist() == pytest.approx([1.0, 1.5, 2.0, 7.0])
    assert band.counted[1:] == ((2.0, 1),)


def test_time_does_not_go_back_where_a_slow_run_ends() -> None:
    slow = dataclasses.replace(line([1, 2], [1.0, 1.0]))
    slow = dataclasses.replace(slow, places=slow.places._replace(time=slow.places.time * 100))
    band = mean_with_band([ONE, slow], "mlp", style="run1")
    times = band.places.time.tolist()
    assert times == sorted(times)


def test_the_band_may_be_the_standard_deviation() -> None:
    band = mean_with_band([ONE, TWO], "mlp", style="run1", band="deviation")
    assert (band.mean - band.low).tolist() == pytest.approx([2**0.5] * 3)
    three = mean_with_band([ONE, ONE, TWO], "mlp", style="run1", band="deviation")
    assert (three.high - three.mean).tolist() == pytest.approx([(4 / 3) ** 0.5] * 3), "of a sample: over n - 1"
    one = mean_with_band([ONE], "mlp", style="run1", band="deviation")
    assert one.low.tolist() == one.high.tolist() == ONE.mean.tolist()


def test_each_run_is_smoothed_before_the_mean() -> None:
    band = mean_with_band([ONE, ONE], "mlp", style="run1")
    assert band.smoothed[0.9].tolist() == pytest.approx(smoothed(ONE.mean, 0.9).tolist())


def test_runs_without_an_epoch_in_common_have_no_mean() -> None:
    assert len(mean_with_band([line([1, 2], [1.0, 1.0]), line([3, 4], [1.0, 1.0])], "", style="run1")) == 0
    assert len(mean_with_band([], "", style="run1")) == 0

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.training.lr_sweep import (
    JUDGED_FROM,
    SMOOTHING,
    GrowingLrCurve,
    LrCurve,
    Sweep,
    longest_fall,
    suggest,
)


def grown(losses: list[float], sweep: Sweep) -> LrCurve:
    growing = GrowingLrCurve()
    for step, loss in enumerate(losses):
        if not growing.add(sweep.lr(step), loss):
            break
    return growing.curve


def test_the_rates_rise_by_one_factor_from_the_lowest_to_the_highest() -> None:
    sweep = Sweep(1e-5, 1.0, 101)
    rates = [sweep.lr(step) for step in range(101)]
    assert (rates[0], rates[-1]) == (1e-5, 1.0)
    factors = [after / before for before, after in itertools.pairwise(rates)]
    assert factors == pytest.approx([10 ** (5 / 100)] * 100)


@pytest.mark.parametrize(
    ("low", "high", "steps", "field"),
    [(0.0, 1.0, 100, "from"), (math.nan, 1.0, 100, "from"), (1e-3, math.inf, 100, "to"), (1.0, 1.0, 100, "to"),
     (1.0, 0.1, 100, "to"), (1e-3, 1.0, 9, "steps"), (1e-3, 1.0, 10_001, "steps")],
)  # fmt: skip
def test_what_no_sweep_can_be_is_refused_by_its_option(low: float, high: float, steps: int, field: str) -> None:
    with pytest.raises(ConfigError, match=f"--{field}") as refused:
        Sweep(low, high, steps)
    assert refused.value.field == field


def test_the_smoothed_loss_is_a_debiased_exponential_mean() -> None:
    curve = grown([4.0, 2.0, 3.0], Sweep())
    weights = [SMOOTHING**2, SMOOTHING, 1.0]
    assert curve.smoothed[0] == pytest.approx(4.0)
    assert curve.smoothed[2] == pytest.approx(
        sum(map(math.prod, zip(weights, [4.0, 2.0, 3.0], strict=True))) / sum(weights)
    )


def test_it_stops_where_the_smoothed_loss_is_four_times_its_lowest_value() -> None:
    curve = grown([1.0] * 50 + [10.0] * 50, Sweep(steps=100))
    assert "diverged" in curve.stopped
    assert curve.smoothed[-1] > 4 >= curve.smoothed[-2]
    assert len(curve.lrs) == len(curve.losses) == len(curve.smoothed) < 60


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_it_stops_before_a_loss_that_is_not_finite(bad: float) -> None:
    curve = grown([2.0, 2.0, bad, 1.0], Sweep())
    assert curve.losses == (2.0, 2.0)
    assert "at 1.2e-6" in curve.stopped
    assert round(Sweep().lr(2), 7) == 1.2e-6


def test_a_first_batch_that_is_easy_by_chance_is_no_divergence() -> None:
    curve = grown([0.01] + [0.5] * 30, Sweep())
    assert not curve.stopped
    assert len(curve.losses) == 31 > JUDGED_FROM


def hill(step: int, noise: float = 0.0) -> float:
    """2.3, down to 0.5 between steps 80 and 140, and up from 160 on."""
    down = min(1.0, max(0.0, (step - 80) / 60))
    return 2.3 - 1.8 * (3 * down**2 - 2 * down**3) + max(0.0, (step - 160) / 10) ** 2 + noise * math.sin(2.4 * step)


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.1])
def test_both_suggestions_lie_on_the_way_down(noise: float) -> None:
    sweep = Sweep(1e-6, 10.0, 200)
    curve = grown([hill(step, noise) for step in range(200)], sweep)
    valley, steepest = suggest(curve, sweep).found
    assert (valley.name, steepest.name) == ("valley", "steepest")
    for one in (valley, steepest):
        assert 90 < one.at < 150
        assert one.lr == pytest.approx(curve.lrs[one.at], rel=0.05)
        assert float(f"{one.lr:.1e}") == one.lr
        assert "\n" not in one.reason
    slopes = [after - before for before, after in zip(curve.smoothed, curve.smoothed[2:], strict=False)]
    if not noise:
        assert steepest.at == slopes.index(min(slopes)) + 1


def test_the_valley_is_two_thirds_along_the_longest_fall() -> None:
    sweep = Sweep(1e-6, 10.0, 200)
    curve = grown([hill(step) for step in range(200)], sweep)
    lowest = curve.smoothed.index(min(curve.smoothed))
    valley = suggest(curve, sweep).found[0]
    assert valley.at == 80 + round((lowest - 80) * 2 / 3)


@pytest.mark.parametrize(
    "losses",
    [[2.3] * 200,
     [2.3 + 0.1 * math.sin(2.4 * step) for step in range(200)],
     [2.3 + step / 100 for step in range(200)],
     [2.3, *[2.3 * 10**6 / step for step in range(1, 200)]]],
)  # fmt: skip
def test_nothing_is_suggested_where_the_loss_does_not_fall(losses: list[float]) -> None:
    sweep = Sweep()
    found = suggest(grown(losses, sweep), sweep)
    assert found.found == ()
    assert found.nothing.startswith("no suggestion: ")


@pytest.mark.parametrize("losses", [[], [math.nan], [2.0, math.inf], [2.0] * 12 + [math.nan]])
def test_a_test_that_stops_at_once_says_to_begin_lower_or_that_nothing_falls(losses: list[float]) -> None:
    sweep = Sweep(0.5, 10, 100)
    found = suggest(grown(losses, sweep), sweep)
    assert found.found == ()
    assert found.nothing


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_the_longest_fall_has_as_many_points_as_the_longest_falling_sequence(values: list[float]) -> None:
    lengths: list[int] = []
    for at, value in enumerate(values):
        lengths.append(1 + max((lengths[before] for before in range(at) if values[before] > value), default=0))
    begin, end = longest_fall(values)
    assert 0 <= begin <= end < len(values)
    assert end - begin + 1 == max(lengths)
    assert lengths[end] == max(lengths)


@given(st.lists(st.floats(width=32), max_size=80), st.integers(10, 80))
def test_no_losses_whatever_they_are_break_it(losses: list[float], steps: int) -> None:
    sweep = Sweep(1e-4, 1.0, steps)
    found = suggest(grown(losses[:steps], sweep), sweep)
    assert bool(found.found) != bool(found.nothing)
    assert all(sweep.low * 0.9 <= one.lr <= sweep.high * 1.1 for one in found.found)

"""The axes: where values and ticks stand, and that a scale uses the cells it has."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.widgets.chart import axes


def test_a_linear_axis_in_full() -> None:
    axis = axes.linear([0.39, 2.3], 13)
    assert (axis.first, axis.step, axis.apart, axis.count) == (0.0, 0.4, 2, 7)
    assert axis.names == ("0.0", "0.4", "0.8", "1.2", "1.6", "2.0", "2.4")
    assert axis.tick_cells == [0, 2, 4, 6, 8, 10, 12]
    assert axis.place(0.0) == 0.5
    assert axis.place(0.4) == 2.5
    assert axis.place(2.3) == pytest.approx(12.0)
    assert [axis.dot(value, 4) for value in (0.0, 0.05, 0.4, 2.4)] == [2, 3, 10, 49]
    assert [axis.cell(value) for value in (-9.0, 0.0, 0.19, 0.2, 0.21, 2.29, 2.4, 99.0)] == [0, 0, 1, 1, 1, 11, 12, 12]


@pytest.mark.parametrize("cells", range(3, 40))
@pytest.mark.parametrize(
    ("low", "high", "ceiling"),
    [(0.0, 100.0, 100.0), (97.3, 99.9, 100.0), (10.0, 10.4, 100.0), (99.0, 100.0, 100.0), (0.02, 2.31, math.inf),
     (-5.0, 3.0, math.inf), (1e-9, 3e-9, math.inf), (123456.0, 987654.0, math.inf), (7.0, 7.0, math.inf)],
)  # fmt: skip
def test_every_value_is_between_ticks_that_are_evenly_apart(
    low: float, high: float, ceiling: float, cells: int
) -> None:
    axis = axes.linear([low, high], cells, ceiling)
    last = axis.first + (axis.count - 1) * axis.step
    assert axis.first <= low + 1e-9 * abs(low)
    assert last >= high - 1e-9 * abs(high)
    assert last <= ceiling * (1 + 1e-9)
    assert axis.tick_cells[-1] <= cells - 1
    assert axis.count >= 2
    assert len(set(axis.names)) == axis.count
    assert [axis.place(axis.first + number * axis.step) for number in range(axis.count)] == pytest.approx(
        [cell + 0.5 for cell in axis.tick_cells]
    )
    if low >= 0:
        assert axis.first >= 0
    if cells >= 12 and high - low > 0.02 * high:
        used = (high - low) / axis.step * axis.apart / (cells - 1)
        assert used > 0.45, "the values take about half of the cells at least"


def test_without_values_it_runs_to_1_or_to_the_ceiling() -> None:
    assert (axes.linear([], 13).names[0], axes.linear([], 13).names[-1]) == ("0.00", "1.00")
    assert axes.linear([], 13, 100.0).names[-1] == "100"


@pytest.mark.parametrize("cells", range(3, 40))
@pytest.mark.parametrize(
    "values", [[0.3, 0.9], [2.0, 2.1], [1e-6, 40.0], [1e-30, 1e30], [5e-324, 1e308], [1.0, 1.0], [0.69, 2.31]]
)
def test_a_logarithmic_axis_holds_its_values_too(values: list[float], cells: int) -> None:
    axis = axes.logarithmic(values, cells)
    ends = axis.first, axis.first + (axis.count - 1) * axis.step
    assert ends[0] <= math.log10(min(values)) + 1e-9
    assert ends[1] >= math.log10(max(values)) - 1e-9
    assert 3 <= axis.count <= axes.MOST_TICKS
    assert axis.tick_cells[-1] <= cells - 1
    assert axis.place(10.0**axis.first if axis.first > -300 else 5e-324) == pytest.approx(0.5, abs=0.1 * cells)


def test_a_logarithmic_axis_in_full() -> None:
    axis = axes.logarithmic([0.3, 3.9], 9)
    assert axis.names == ("0.25", "0.5", "1", "2", "4")
    assert axis.apart == 2
    assert axis.place(1.0) == pytest.approx(4.5)
    assert axis.place(math.sqrt(2)) == pytest.approx(5.5)
    assert axes.logarithmic([], 9).names[0] == "1"
    assert axes.logarithmic([1e-5, 1e-2], 10).names == ("1e-5", "1e-4", "1e-3", "1e-2")  # in one format


@pytest.mark.parametrize(
    ("limit", "cells", "names"),
    [
        (10.0, 85, "0 1 2 3 4 5 6 7 8 9 10"),
        (10.0, 24, "0 5 10"),
        (1.0, 60, "0 0.25 0.5 0.75 1"),
        (5.0, 60, "0 1 2 3 4 5"),
        (200.0, 70, "0 50 100 150 200"),
        (3.0, 20, "0 1 2 3"),
        (7.0, 5, "0 7"),
        (1000.0, 40, "0 500 1000"),
    ],
)
def test_the_x_axis_has_the_finest_names_that_fit(limit: float, cells: int, names: str) -> None:
    axis = axes.across(0.0, limit, cells)
    assert " ".join(axis.names) == names
    assert axis.cell(limit) <= cells - 1
    assert axis.place(0.0) == 0.5
    assert len(" ".join(axis.names)) <= cells + 2


@pytest.mark.parametrize("cells", [12, 20, 33, 47, 64, 90, 130])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 30, 50, 100, 200, 300, 500, 1000, 5000])
def test_the_x_axis_uses_its_cells(limit: int, cells: int) -> None:
    axis = axes.across(0.0, float(limit), cells)
    assert axis.place(float(limit)) <= cells
    assert axis.place(float(limit)) >= 0.7 * cells, "at least"
    assert axis.tick_cells[-1] <= cells - 1
    assert max(map(len, axis.names)) < axis.apart, "names do not touch"


def test_two_cells_have_a_tick_at_each_end_and_one_cell_is_drawn_too() -> None:
    axis = axes.linear([3.0, 41.0], 2)
    assert (axis.first, axis.step, axis.apart, axis.names) == (0.0, 100.0, 1, ("0", "100"))
    assert axis.place(100.0) == 1.5
    assert axes.linear([3.0, 41.0], 1).tick_cells[0] == 0
    assert axes.across(0.0, 7.0, 5).place(7.0) == 4.5
    assert axes.across(0.0, 7.0, 1).cell(7.0) == 0


def named(name: str) -> float:
    """What a tick's name says: 1,250, 5k, 1:30 (in seconds, of an axis of up to two hours)."""
    if ":" in name:
        minutes, seconds = name.split(":")
        return 60.0 * int(minutes) + int(seconds)
    return float(name.strip("kMG").replace(",", "")) * {"k": 1e3, "M": 1e6, "G": 1e9}.get(name[-1], 1.0)


def is_round(name: str, gap: float) -> bool:
    """Whether a tick's name has no digits but those that tell it from a neighbour `gap` away: a multiple of half the
    power of ten below that."""
    unit = 0.5 * 10.0 ** math.floor(math.log10(gap) + 1e-6)
    times = named(name) / unit
    return abs(times - round(times)) < 1e-6 * max(1.0, abs(times))


def check(axis: axes.Axis, low: float, high: float, *, within: bool) -> None:
    values = axis.tick_values
    assert len(values) == len(axis.names) == axis.count >= 2
    assert len(set(axis.names)) == axis.count
    for at, (value, name) in enumerate(zip(values, axis.names, strict=True)):
        gap = min(abs(value - other) for other in values if other != value)
        assert is_round(name, min(gap, abs(value)) or gap), (name, axis.names)
        assert named(name) == pytest.approx(value, rel=1e-9, abs=1e-9 * gap)
        assert abs(axis.place(value) - axis.tick_cells[at] - 0.5) <= 0.5 + 1e-6, "in the cell that its value is in"
        assert 0 <= axis.tick_cells[at] < axis.cells
    slack = 1e-6 * (high - low)
    if within:
        assert low - slack <= values[0] < values[-1] <= high + slack
    else:
        assert values[0] <= low + slack
        assert values[-1] >= high - slack


@settings(deadline=None, max_examples=400)
@given(st.floats(-6, 6), st.floats(-3.5, 8), st.integers(20, 190))
def test_a_logarithmic_x_axis_has_round_numbers_within_what_it_shows(low: float, width: float, cells: int) -> None:
    start = 10.0**low
    end = start * (1 + 10.0**width)
    axis = axes.logarithmic([start, end], cells, across=True)
    check(axis, *(axis.ends if not axis.ticks else (start, end)), within=True)
    assert axis.place(start) >= 0
    assert axis.place(end) <= cells
    names = [(cell, len(name)) for cell, name in zip(axis.tick_cells, axis.names, strict=True)]
    assert all(b - a > max(one, other) for (a, one), (b, other) in itertools.pairwise(names)), "no names touch"


@settings(deadline=None, max_examples=400)
@given(st.floats(-6, 6), st.floats(-3.5, 8), st.integers(4, 50))
def test_a_logarithmic_y_axis_has_round_numbers_around_its_values(low: float, width: float, cells: int) -> None:
    start = 10.0**low
    check(axes.logarithmic([start, start * (1 + 10.0**width)], cells), start, start * (1 + 10.0**width), within=False)


@settings(deadline=None, max_examples=400)
@given(st.floats(-1e6, 1e6), st.floats(-4, 8), st.integers(3, 50))
def test_a_linear_y_axis_has_round_numbers_around_its_values(low: float, width: float, cells: int) -> None:
    high = low + max(1.0, abs(low)) * 10.0**width
    check(axes.linear([low, high], cells), low, high, within=False)


@settings(deadline=None, max_examples=600)
@given(st.sampled_from(["epoch", "step", "time"]), st.floats(0, 1), st.floats(0.001, 1), st.integers(30, 190))
def test_a_linear_x_axis_has_round_numbers_within_a_random_window(
    unit: axes.Unit, at: float, part: float, cells: int
) -> None:
    whole = {"epoch": 20.0, "step": 18760.0, "time": 100.0}[unit]
    start, end = at * (1 - part) * whole, (at * (1 - part) + part) * whole
    axis = axes.across(start, end, cells, unit)
    check(axis, start, end, within=True)

"""Where a chart draws what: by the names of its axes, in braille dots."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.tui.widgets.chart.made_up import canvas, chart, dots, drawn, falling, is_braille, line, names_of_x, ticks
from tui.widgets.chart.canvas import BRAILLE
from tui.widgets.chart.plot import LEFT, MARK, Plot, _number
from tui.widgets.chart.series import Chart, Mark, Place, Series


@pytest.mark.parametrize(("width", "height"), [(26, 8), (70, 16), (140, 30)])
def test_a_chart_fills_its_rows_with_a_line_and_dots(width: int, height: int) -> None:
    plotted = drawn(chart(falling(400), dots([1, 2], [1.9, 1.5])), width, height)
    rows = plotted.text()
    assert len(rows) == height
    assert {len(row) for row in rows} == {width}
    assert sum(map(is_braille, "".join(rows))) > width // 4
    assert 2 <= len(plotted.dots) <= 2 * 4  # a block of braille dots is in four cells at most
    assert all(is_braille(rows[row][column]) for row, column in plotted.dots)


@pytest.mark.parametrize("log", ["", "y", "x", "xy"])
@pytest.mark.parametrize(
    "shown",
    [
        chart(),
        chart(epochs=1, marks=(Mark(Place(0.3, 30, 3), "", "not finite"),)),
        chart(line([0.1], [2.3]), epochs=1),
        chart(line([0.1, 0.2], [0.0, 0.0]), epochs=1),
        chart(line([0.1], [-1.0], [1e30]), dots([1], [math.inf]), epochs=1),
        chart(line([0.1, 0.2, 0.3], [1.0, math.nan, 2.0]), epochs=1),
        chart(dots([1], [100.0], joined=True), ceiling=100, epochs=2000),
        chart(line([0.1, 0.2], [1.0, -1.7e308], [1.7e308, 1.0]), dots([1], [1e308]), epochs=2),
    ],
)
def test_odd_data_draws_too(shown: Chart, log: str) -> None:
    for view in ({}, {"smoothing": 0.9}, {"window": (0.05, 0.0500001)}, {"window": (7.0, 8.0), "cursor": 7.5}):
        assert len(drawn(shown, 60, 12, log=log, **view).rows) == 12


def test_percents_stop_at_100() -> None:
    shown = ticks(drawn(chart(dots([1, 2], [99.2, 99.9]), ceiling=100, epochs=2)))
    assert shown[-1][1] == 100
    empty = ticks(drawn(chart(ceiling=100)))
    assert (empty[0][1], empty[-1][1]) == (0, 100)


@pytest.mark.parametrize("height", [8, 12, 16, 30])
@pytest.mark.parametrize(
    "values", [(0.0, 1.01), (2.31, 0.4), (-0.35, 0.22), (95.0, 105.0), (1e-5, 3.1e-5), (1500.0, 20001.0), (3.0, 3.0)]
)
def test_the_y_axis_holds_the_lowest_and_the_highest_value(values: tuple[float, float], height: int) -> None:
    shown = [value for _, value in ticks(drawn(chart(dots([1, 2], values), epochs=4), 70, height))]
    assert shown[-1] >= max(values) - 1e-12
    assert shown[0] <= min(values) + 1e-12
    span = max(values) - min(values)
    assert len(shown) >= 3
    if span:
        assert shown[-1] - shown[0] <= 2.5 * span  # and not much more


@pytest.mark.parametrize(("width", "height"), [(40, 9), (70, 16), (120, 33)])
@pytest.mark.parametrize("values", [(0.02, 7.0), (0.3, 0.9), (1e-6, 40.0), (2.0, 2.1), (0.5, 0.5)])
def test_a_logarithmic_axis_has_each_tick_in_the_line_of_its_value(
    values: tuple[float, float], width: int, height: int
) -> None:
    named = ticks(drawn(chart(dots([1, 2], values), epochs=4), width, height, log="y"))
    assert len(named) >= 3
    assert named[0][1] <= min(values)
    assert named[-1][1] >= max(values)
    bottom, top = (math.log10(one[1]) for one in (named[0], named[-1]))
    for row, value in named:
        share = (math.log10(value) - bottom) / (top - bottom)
        exact = named[0][0] + share * (named[-1][0] - named[0][0])
        assert abs(row - exact) <= 0.5 + 0.06 * abs(named[-1][0] - named[0][0]) / len(named), "as its name is rounded"


def test_what_else_is_drawn_counts_for_the_axis_and_what_is_out_of_sight_does_not() -> None:
    base = line([1.0, 2.0], [0.5, 0.4], [0.6, 0.5])

    def ends(*series: Series, **view: Any) -> tuple[float, float]:
        shown = ticks(drawn(chart(base, *series, epochs=4), **view))
        return shown[0][1], shown[-1][1]

    assert ends(line([1.0], [3.0], [5.0], parent=True))[1] >= 5
    assert ends(dots([1.0], [-3.0], parent=True))[0] <= -3
    assert ends(dots([1.0], [9.0]))[1] >= 9
    assert ends(dots([1.0], [math.inf]), dots([3.5], [9.0]), window=(0.5, 3.0)) == ends(window=(0.5, 3.0))


def middle_of_dots(plotted: Plot) -> tuple[float, float]:
    """The middle of the braille dots of the one dot: columns from the y axis, rows from the x axis."""
    rows = plotted.text()
    found = [
        (column - plotted.left + (across + 0.5) / 2, len(rows) - 3 - row + (up + 0.5) / 4)
        for row, column in plotted.dots
        for across in (0, 1)
        for up in range(4)
        if (ord(rows[row][column]) - 0x2800) & BRAILLE[across][up]
    ]
    assert len(found) == 6
    return sum(x for x, _ in found) / 6, sum(y for _, y in found) / 6


def place_by_ticks(plotted: Plot, x: float, y: float) -> tuple[float, float]:
    """Where the names beside the axes have a place: columns and rows as above."""
    named = ticks(plotted)
    assert len({b[0] - a[0] for a, b in itertools.pairwise(named)}) == 1
    (low_row, low), (high_row, high) = named[0], named[-1]
    axis = plotted.text()[-2][plotted.left :]
    columns = [at for at, sign in enumerate(axis) if sign == "┬"]
    assert len({b - a for a, b in itertools.pairwise(columns)}) <= 1
    names = [float(name) for name in names_of_x(plotted)]
    across = columns[0] + 0.5 + (x - names[0]) / (names[-1] - names[0]) * (columns[-1] - columns[0])
    return across, low_row + 0.5 + (y - low) / (high - low) * (high_row - low_row)


@pytest.mark.parametrize(("width", "height"), [(70, 14), (78, 9), (46, 11), (138, 31), (100, 22)])
@pytest.mark.parametrize(
    ("others", "values", "ceiling"),
    [
        ((70.0, 81.3), (70.0, 76.8, 80.0, 81.3, 72.51), 100.0),
        ((0.0, 99.99), (99.99, 50.0, 33.3, 0.0), 100.0),
        ((0.42, 2.31), (0.7071, 0.71, 0.72, 0.69, 2.31), math.inf),
        ((-3.7, 12.0), (0.0, -3.7, 11.9), math.inf),
    ],
)
def test_a_result_stands_within_half_a_dot_of_its_value(
    width: int, height: int, others: tuple[float, float], values: tuple[float, ...], ceiling: float
) -> None:
    """By the names beside the axes, which stand at even distances; zoomed too."""
    for at, value in enumerate(values):
        place = 1.0 + at + 0.237 * (at % 2)
        shown = chart(line([place, place], others), dots([place], [value]), epochs=7, ceiling=ceiling)
        for window in (None, (place - 0.41, place + 0.62)):
            plotted = drawn(shown, width, height, window=window)
            across, up = middle_of_dots(plotted)
            wanted_x, wanted_y = place_by_ticks(plotted, place, value)
            rows = height - 2
            edge = 0.375 if wanted_y > rows - 0.375 or wanted_y < 0.375 else 0  # the block stays on the canvas
            assert up == pytest.approx(wanted_y, abs=0.126 + edge)
            assert across == pytest.approx(min(wanted_x, plotted.x.cells - 0.5), abs=0.51)


@pytest.mark.parametrize("view", [{}, {"window": (2.13, 3.37)}, {"x_axis": "step"}, {"x_axis": "time"}, {"log": "y"}])
def test_a_line_passes_within_half_a_dot_of_each_of_its_points(view: dict[str, Any]) -> None:
    x = np.linspace(0.5, 9.5, 37)
    y = 0.7 + 0.5 * np.sin(x)
    plotted = drawn(chart(line(x.tolist(), y.tolist())), 120, 24, **view)
    rows = canvas(plotted)
    axis = str(view.get("x_axis", "epoch"))
    along = {"epoch": x, "step": 100 * x, "time": 10 * x}[axis]
    seen = 0
    for place, value in zip(along.tolist(), y.tolist(), strict=True):
        column = math.floor(plotted.x.place(place) * 2)
        row = math.floor(plotted.y.place(value) * 4)
        if 0 <= column < 2 * plotted.x.cells:
            seen += 1
            number = ord(rows[row // 4][column // 2]) - 0x2800
            assert number > 0
            assert number & BRAILLE[column % 2][row % 4]
    assert seen >= 5


def test_a_column_of_many_points_reaches_from_the_lowest_to_the_highest() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(0, 10, 20001)[1:]
    y = rng.uniform(0.2, 0.8, len(x))
    y[12345] = 1.9
    plotted = drawn(chart(line(x.tolist(), y.tolist())), 80, 20)
    top = math.floor(plotted.y.place(1.9) * 4)
    column = math.floor(plotted.x.place(float(x[12345])) * 2)
    rows = canvas(plotted)
    assert (ord(rows[top // 4][column // 2]) - 0x2800) & BRAILLE[column % 2][top % 4]
    for at in range(0, plotted.x.cells - 8, 7):
        filled = [row for row in rows if is_braille(row[at])]
        assert len(filled) >= 0.55 / plotted.y.step * plotted.y.apart


def test_smoothing_leaves_the_raw_line_there_faint_and_hides_it_where_they_meet() -> None:
    rng = np.random.default_rng(1)
    x = np.linspace(0.01, 10, 600)
    raw = line(x.tolist(), (1 + rng.uniform(-0.5, 0.5, 600)).tolist())
    plain, smooth = (drawn(chart(raw), 80, 20, smoothing=weight) for weight in (0.0, 0.99))

    def cells(plotted: Plot, style: str) -> int:
        return sum(len(text.strip()) for row in plotted.rows for text, one in row if one == style)

    assert cells(plain, "train_faint") == 0
    assert cells(smooth, "train_faint") > 100
    assert 0 < cells(smooth, "train") < cells(plain, "train") / 2


def test_both_charts_of_a_page_have_the_same_columns() -> None:
    above = drawn(chart(falling(100)), 100, 12)
    below = drawn(chart(dots([1, 2], [12345.0, 99999.0])), 100, 9)
    assert above.left == below.left == LEFT + 1
    assert above.x == below.x


def test_charts_that_are_too_narrow_for_the_newest_values_have_them_too() -> None:
    above = drawn(chart(falling(100)), 43, 12)
    below = drawn(chart(dots([1, 2], [84.66, 84.71])), 43, 12)
    assert above.left == below.left
    assert above.x == below.x


def test_the_newest_values_stand_at_the_right_each_in_a_row_of_its_own() -> None:
    one, two = line([1, 5], [2.0, 1.0], name="a"), dots([1, 5], [2.0, 1.01], name="b")
    plotted = drawn(chart(one, replace(two, text="{:.2f}".format)), 80, 16)
    edges = [row[-9:].strip() for row in plotted.text()[:-2]]
    at = [edges.index("1"), edges.index("1.01")]
    rows = [15 - 2 - plotted.y.cell(1.0) for _ in at]
    assert max(abs(a - b) for a, b in zip(at, rows, strict=True)) <= 1
    zoomed = drawn(chart(one), 80, 16, window=(1.0, 3.0))
    assert "1.5" not in [row[-9:].strip() for row in zoomed.text()], "the last point that is seen, not the edge"


def test_the_cursor_is_a_line_that_leaves_the_curve_to_be_seen() -> None:
    plotted = drawn(chart(falling(100)), 80, 16, cursor=5.0)
    column = plotted.left + math.floor(plotted.x.place(5.0))
    signs = [row[column] for row in plotted.text()[:-2]]
    assert signs.count("│") >= len(signs) - 3
    assert any(map(is_braille, signs))


def test_marks_stand_in_their_columns() -> None:
    marks = (Mark(Place(5.0, 500, 50), "loss not finite", "not finite"), Mark(Place(2.0, 200, 20), "lr", "edit"))
    rows = drawn(chart(falling(50), marks=marks)).text()
    assert rows[-1][rows[0].index(MARK)] == "5"  # the name of the tick below it
    assert rows[-1][rows[0].index("▽")] == "2"


@pytest.mark.parametrize("end", [0.11, 0.5, 3.0])
def test_however_short_its_curve_is_a_run_has_its_sign_at_its_end(end: float) -> None:
    runs = [
        line([0.1, end], [at + 1.0, at + 0.5], name=f"run {at}", style=f"run{at}", sign="●■▲◆"[at]) for at in range(4)
    ]
    rows = drawn(chart(*runs, line([0, 9], [6.0, 6.5], name="long", style="run4", sign="#")), 100, 24).text()
    for sign in "●■▲◆#":
        (last,) = [row[:84].rstrip() for row in rows if f"{sign} " in row[84:]]  # beside its last value
        assert last.endswith(sign)


def test_runs_over_each_other_differ_in_their_signs() -> None:
    runs = [
        line([0.1, 9], [at + 1.0, at + 0.5], name=f"run {at}", style=f"run{at}", sign="●■▲◆"[at]) for at in range(4)
    ]
    rows = drawn(chart(*runs), 100, 24).text()
    signs = {sign for row in rows for sign in row[:90] if sign in "●■▲◆"}
    assert signs == set("●■▲◆")
    assert [row.split()[-2:] for row in rows if row.rstrip().endswith("3.5")] == [["◆", "3.5"]]


def test_a_mean_has_its_band_around_it() -> None:
    x = np.linspace(0.1, 10, 200)
    band = line(x.tolist(), (2 - x / 10).tolist(), (3 - x / 10).tolist(), band=True)
    plotted = drawn(chart(band), 80, 20)
    column = plotted.x.cell(5.0)
    filled = [at for at, row in enumerate(canvas(plotted)) if is_braille(row[column])]
    assert len(filled) >= 0.9 * plotted.y.apart / plotted.y.step
    middle = canvas(plotted)[plotted.y.cell(2.0)][column]
    assert is_braille(middle)


def test_without_braille_a_result_is_low_or_high_in_its_row() -> None:
    signs = []
    for value in (40.0, 42.0, 44.0, 45.0):
        shown = chart(line([0.0, 0.1], [0.0, 100.0]), dots([2.0], [value]), epochs=4)
        plotted = drawn(shown, 60, 13, ascii_only=True)
        ((row, column),) = plotted.dots
        signs.append((-row, plotted.text()[row][column]))
    order = [(row, ".o'".index(sign)) for row, sign in signs]
    assert order == sorted(order)
    assert len(set(order)) >= 2


@pytest.mark.parametrize(
    ("values", "ceiling"),
    [((87.12, 87.31, 87.44, 87.45, 87.50), 100.0), ((0.34170, 0.34164, 0.34155, 0.34149, 0.34130), math.inf)],
)
def test_results_that_are_close_together_are_drawn_apart(values: tuple[float, ...], ceiling: float) -> None:
    heights = []
    for value in values:
        ends = line([0.0, 0.0], [min(values), max(values)])
        heights.append(middle_of_dots(drawn(chart(ends, dots([3.0], [value]), epochs=6, ceiling=ceiling), 70, 18))[1])
    assert heights == sorted(heights, reverse=values[0] > values[-1])
    assert len(set(heights)) == 5
    assert abs(heights[0] - heights[-1]) > 6, "they take the most of the rows"
    named = ticks(drawn(chart(dots([1, 2, 3, 4, 5], values), epochs=6, ceiling=ceiling), 70, 18))
    assert len({value for _, value in named}) == len(named)


def many(count: int, level: float) -> Series:
    return line([10 * (at + 1) / count for at in range(count)], [level] * count)


def test_a_run_that_diverged_does_not_flatten_the_others() -> None:
    runs = [replace(falling(100), sign="x"), replace(falling(90), sign="o"), replace(many(50, 7.255e15), sign="+")]
    plotted = drawn(chart(*runs))
    assert plotted.beyond
    assert ticks(plotted)[-1][1] <= 4
    assert "+ 7.3e15" in "\n".join(plotted.text()), "its value stands at the top, whole"
    assert not drawn(chart(*runs), log="y").beyond
    assert ticks(drawn(chart(*runs), log="y"))[-1][1] >= 7e15


def test_a_few_of_many_runs_leave_the_others_most_of_the_chart() -> None:
    losses = [replace(falling(100 + number), sign="x") for number in range(9)]  # 2.3 and less
    worse = [line([0.1, 5.0, 10.0], [2.3, level, level]) for level in (12.0, 15.0, 20.0, 40.0)]
    for few in (worse[:1], worse[:3]):
        plotted = drawn(chart(*losses, *few))
        assert plotted.beyond
        assert ticks(plotted)[-1][1] < 4
    assert ticks(drawn(chart(*losses, *worse)))[-1][1] >= 40, "a third of them are no exception"
    rates = [line([0.0, 10.0], [rate, rate]) for rate in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)]
    assert not drawn(chart(*rates)).beyond
    assert not drawn(chart(*losses, line([0.1, 10.0], [8.0, 8.0]))).beyond, "the others have a quarter"


def test_a_spike_is_left_out_and_a_run_that_only_rises_is_not() -> None:
    spike = line([at / 10 for at in range(1, 101)], [0.5] * 60 + [900.0] + [0.5] * 39)
    assert drawn(chart(spike)).beyond
    alone = drawn(chart(line([0.1, 0.2], [2.3, 7e15])))
    assert not alone.beyond
    assert ticks(alone)[-1][1] >= 7e15
    assert not drawn(chart(falling(200), many(100, 30.0))).beyond, "as far apart as two losses are"


@pytest.mark.parametrize(
    ("text", "width", "said"),
    [
        ("0.4882", 8, "0.4882"),
        ("7.255e+15", 8, "7.255e15"),
        ("7.255e+15", 6, "7.3e15"),
        ("-7.255e-150", 8, "-7e-150"),
        ("12,345 MiB", 8, "12,345"),
        ("123,456,789", 8, "123,456…"),
    ],
)
def test_the_last_value_is_shortened_and_never_cut_in_silence(text: str, width: int, said: str) -> None:
    assert _number(text, width) == said

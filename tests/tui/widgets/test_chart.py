import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App, ComposeResult

from tui.widgets import lines
from tui.widgets.chart import BRAILLE, Chart, ChartView, draw, plot, round_limit, thin


def falling(points: int, epochs: float = 10.0) -> tuple[tuple[float, float, float], ...]:
    xs = [epochs * (i + 1) / points for i in range(points)]
    return tuple((x, 2 * math.exp(-x / 3), 2.1 * math.exp(-x / 3) + 0.1) for x in xs)


def is_braille(character: str) -> bool:
    return "⠀" < character <= "⣿"


@pytest.mark.parametrize(("width", "height"), [(26, 8), (70, 16), (140, 30)])
def test_a_chart_fills_its_rows_with_a_line_and_points(width: int, height: int) -> None:
    drawn = plot(Chart(line=falling(400), dots=((1, 1.9), (2, 1.5)), x_limit=10), width, height)
    rows = drawn.rows
    assert len(rows) == height
    assert {len(row) for row in rows} == {width}
    assert sum(map(is_braille, "".join(rows))) > width // 3
    assert 2 <= len(drawn.dots) <= 2 * 4  # a block of braille dots is in four cells at most
    assert all(is_braille(rows[row][column]) for row, column in drawn.dots)


def test_at_most_two_points_a_column_and_never_one_that_is_not_finite() -> None:
    points = ((0.5, math.nan, math.nan), (0.6, 1.0, math.inf), *falling(5000))
    thinned = thin(points, 10, 60)
    assert len(thinned) <= 2 * 60
    assert all(math.isfinite(y) for _, y in thinned)
    assert max(y for _, y in thinned) == max(high for _, _, high in falling(5000))


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize(
    "chart",
    [
        Chart(x_limit=10),
        Chart(x_limit=1, marks=(0.3,)),
        Chart(line=((0.1, 2.3, 2.3),), x_limit=1),
        Chart(line=((0.1, 0.0, 0.0), (0.2, 0.0, 0.0)), x_limit=1),
        Chart(line=((0.1, -1.0, 1e30),), dots=((1, math.inf),), x_limit=1),
        Chart(dots=((1, 100.0),), joined=True, ceiling=100, x_limit=2000),
        Chart(line=((0.1, 1.0, 1.7e308), (0.2, -1.7e308, 1.0)), dots=((1, 1e308),), x_limit=2),
    ],
)
def test_odd_data_draws_too(chart: Chart, log_y: bool) -> None:
    from dataclasses import replace

    assert len(draw(replace(chart, log_y=log_y), 60, 12)) == 12


def test_percents_stop_at_100() -> None:
    rows = draw(Chart(dots=((1, 99.2), (2, 99.9)), ceiling=100, x_limit=2), 60, 12)
    labels = [float(row.split("┤")[0]) for row in rows if "┤" in row]
    assert max(labels) == 100


def test_a_chart_of_a_long_run_hands_over_no_more_points_than_its_columns_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a drawing holds up the event loop no longer, however long the run is."""
    from textual_plotext.plot import Plot

    points: list[int] = []
    for name in ("plot", "scatter"):
        real = getattr(Plot, name)

        def counted(self: Any, xs: list[float], ys: list[float], real: Any = real, **options: Any) -> Any:
            points.append(len(xs))
            return real(self, xs, ys, **options)

        monkeypatch.setattr(Plot, name, counted)
    many = tuple(i / 100 for i in range(1000))
    draw(Chart(line=falling(8000), parent=falling(8000), marks=many, edits=many, cursor=5.0, x_limit=10), 72, 16)
    assert len(points) == 7  # the parent, the line, the edits, the guide, the marks, the cursor, and nothing
    assert max(points) <= 2 * 72
    assert sum(points) <= 6 * 72 + 2 * 32


class ChartApp(App[None]):
    def compose(self) -> ComposeResult:
        yield ChartView(ascii_only=False)


async def test_only_what_changed_is_sent_and_the_same_chart_sends_nothing() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)) as pilot:
        view = app.query_one(ChartView)
        view.show(Chart(title="loss", line=falling(200, 5), x_limit=10), now=True)
        await pilot.pause()
        sent = view.sent
        view.show(Chart(title="loss", line=falling(200, 5), x_limit=10), now=True)
        await pilot.pause()
        assert view.sent == sent
        view.show(Chart(title="loss", line=(*falling(200, 5), (5.8, 0.4, 0.4)), x_limit=10), now=True)
        await pilot.pause()
        assert 0 < view.sent - sent <= 4


class Stopped:
    """In place of a timer."""

    def stop(self) -> None: ...


async def test_redraws_come_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)) as pilot:
        view = app.query_one(ChartView)
        clock, later = 100.0, dict[float, Callable[[], None]]()
        monkeypatch.setattr(lines, "monotonic", lambda: clock)
        monkeypatch.setattr(view, "set_timer", lambda wait, paint: later.update({clock + wait: paint}) or Stopped())
        view.show(Chart(line=falling(50), x_limit=10), now=True)
        before = view.text()
        for clock, points in ((100.2, 70), (100.9, 90)):  # noqa: B007 - the lambdas read it
            view.show(Chart(line=falling(points), x_limit=10))
            await pilot.pause()
            assert view.text() == before
        assert list(later) == [pytest.approx(101.0)]  # one painting, of the newest
        clock = 101.0
        later.popitem()[1]()
        assert view.text() != before
        at_last = view.text()
        view.show(Chart(line=falling(90), x_limit=10), now=True)
        assert view.text() == at_last
        clock = 102.1
        view.show(Chart(line=falling(50), x_limit=10))
        assert view.text() == before


async def test_a_terminal_without_braille_gets_plain_characters() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)):
        view = app.query_one(ChartView)
        view._ascii = True
        view.show(
            Chart(title="loss", line=falling(50), line_name="train", dots=((1, 1.0),), dots_name="test", x_limit=10),
            now=True,
        )
        plain = view.text()
        assert plain.isascii() or not [c for c in plain if not c.isascii()]
        assert "*" in plain
        assert "o" in plain


def ticks(chart: Chart, height: int = 14) -> list[float]:
    """The numbers beside the y axis, from the top."""
    return [float(row.split("┤")[0]) for row in draw(chart, 70, height) if "┤" in row]


@pytest.mark.parametrize("height", [8, 12, 16, 30])
@pytest.mark.parametrize(
    "values", [(0.0, 1.01), (2.31, 0.4), (-0.35, 0.22), (95.0, 105.0), (1e-5, 3.1e-5), (1500.0, 20001.0), (3.0, 3.0)]
)
def test_the_y_axis_holds_the_lowest_and_the_highest_value(values: tuple[float, float], height: int) -> None:
    shown = ticks(Chart(dots=((1, values[0]), (2, values[1])), x_limit=4), height)
    assert shown[0] >= max(values) - 1e-12
    assert shown[-1] <= min(values) + 1e-12
    span = max(values) - min(values)
    assert len(shown) >= 3
    if span:
        assert shown[0] - shown[-1] <= 2.5 * span  # and not much more


@pytest.mark.parametrize("values", [(0.02, 7.0), (0.3, 0.9), (1e-6, 40.0), (2.0, 2.1)])
def test_a_log_axis_holds_them_too(values: tuple[float, float]) -> None:
    shown = ticks(Chart(line=((1, values[0], values[0]), (2, values[1], values[1])), x_limit=4, log_y=True))
    assert shown[0] >= max(values)
    assert shown[-1] <= min(values)


def test_what_else_is_drawn_counts_for_the_axis() -> None:
    line = ((1.0, 0.5, 0.6), (2.0, 0.4, 0.5))
    alone = ticks(Chart(line=line, x_limit=4))
    assert ticks(Chart(line=line, parent=((1.0, 3.0, 5.0),), x_limit=4))[0] >= 5
    assert ticks(Chart(line=line, parent_dots=((1.0, -3.0),), x_limit=4))[-1] <= -3
    assert ticks(Chart(line=line, dots=((1.0, 9.0),), x_limit=4))[0] >= 9
    assert ticks(Chart(line=line, dots=((1.0, math.inf),), parent_dots=((5.0, 9.0),), x_limit=4)) == alone  # not drawn


def test_an_axis_of_values_that_are_not_below_zero_does_not_begin_below_it() -> None:
    assert ticks(Chart(dots=((1, 0.0), (2, 0.0)), x_limit=4))[-1] == 0
    assert ticks(Chart(dots=((1, 0.01), (2, 0.9)), x_limit=4))[-1] == 0


@pytest.mark.parametrize(
    ("epochs", "x", "limit"),
    [
        (1, 0.2, 1),
        (10, 0.0, 10),
        (0, 0.0, 1),
        (11, 0.0, 5),
        (11, 5.0, 5),
        (11, 5.1, 10),
        (300, 20.01, 50),
        (30, 25, 30),
    ],
)
def test_the_x_axis_ends_at_a_round_number_that_holds_all(epochs: int, x: float, limit: float) -> None:
    assert round_limit(epochs, x) == limit


def canvas(rows: list[str]) -> tuple[int, int, list[float | None]]:
    """Where the canvas begins, how many columns it has, and each row's name, from the bottom."""
    left, right = rows[0].index("┌") + 1, rows[0].index("┐")
    names = [float(row[: left - 1]) if row[left - 1] == "┤" else None for row in rows[1:-2]]
    return left, right - left, names[::-1]


def squares(chart: Chart, width: int, height: int) -> tuple[list[str], list[tuple[float, float]]]:
    """The rows, and the middle of the braille dots of the one test result: columns from the canvas's left edge and rows
    from its bottom."""
    drawn = plot(chart, width, height)
    left, _, names = canvas(drawn.rows)
    found = []
    for row, column in drawn.dots:
        number = ord(drawn.rows[row][column]) - 0x2800
        for across in (0, 1):
            for up in range(4):
                if number & BRAILLE[across][up]:
                    found.append((column - left + (across + 0.5) / 2, len(names) - row + (up + 0.5) / 4))
    return drawn.rows, found


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
def test_a_test_result_stands_within_half_a_dot_of_its_value(
    width: int, height: int, others: tuple[float, float], values: tuple[float, ...], ceiling: float
) -> None:
    """By the names beside the axis, which stand at even distances."""
    for at, value in enumerate(values):
        ends = tuple((0.0, end, end) for end in others)
        chart = Chart(line=ends, dots=((1.0 + at, value),), x_limit=7, ceiling=ceiling)
        rows, found = squares(chart, width, height)
        _, columns, names = canvas(rows)
        named = [(row, name) for row, name in enumerate(names) if name is not None]
        assert len({b[0] - a[0] for a, b in itertools.pairwise(named)}) == 1
        assert len({round(b[1] - a[1], 6) for a, b in itertools.pairwise(named)}) == 1
        (low_row, low), (high_row, high) = named[0], named[-1]
        expected = low_row + 0.5 + (value - low) / (high - low) * (high_row - low_row)
        edge = 0.375 if expected > len(names) - 0.375 or expected < 0.375 else 0  # the block stays on the canvas
        assert len(found) == 6
        assert sum(row for _, row in found) / 6 == pytest.approx(expected, abs=0.126 + edge)
        ticks = [column - rows[0].index("┌") - 1 for column, sign in enumerate(rows[-2]) if sign == "┬"]
        assert len({b - a for a, b in itertools.pairwise(ticks)}) == 1
        epochs = [float(name) for name in rows[-1].split()]
        place = 0.5 + (1 + at - epochs[0]) / (epochs[-1] - epochs[0]) * (ticks[-1] - ticks[0])
        assert sum(column for column, _ in found) / 6 == pytest.approx(min(place, columns - 0.5), abs=0.51)


@pytest.mark.parametrize(
    ("values", "ceiling"),
    [((87.12, 87.31, 87.44, 87.45, 87.50), 100.0), ((0.34170, 0.34164, 0.34155, 0.34149, 0.34130), math.inf)],
)
def test_results_that_are_close_together_are_drawn_apart(values: tuple[float, ...], ceiling: float) -> None:
    dots = tuple((1.0 + at, value) for at, value in enumerate(values))
    drawn = plot(Chart(dots=dots, x_limit=6, ceiling=ceiling), 70, 18)
    rows: dict[int, list[float]] = {}
    for row, column in drawn.dots:
        number = ord(drawn.rows[row][column]) - 0x2800
        for across in (0, 1):
            for up in range(4):
                if number & BRAILLE[across][up]:
                    rows.setdefault(column // 8, []).append(-row + up / 4)
    heights = [sum(dots) / len(dots) for _, dots in sorted(rows.items())]
    assert len(heights) == 5
    assert heights == sorted(heights, reverse=values[0] > values[-1])
    assert len(set(heights)) == 5
    assert abs(heights[0] - heights[-1]) > 6, "they take the most of the rows"
    _, _, names = canvas(drawn.rows)
    assert len([name for name in names if name is not None]) == len({name for name in names if name is not None})


def test_results_that_differ_by_a_dot_look_different() -> None:
    values = (0.655, 0.640, 0.628, 0.617, 0.609)
    ends = ((0.0, 2.3, 2.3), (0.1, 0.55, 0.55))
    heights = []
    for value in values:
        _, found = squares(Chart(line=ends, dots=((1.0, value),), x_limit=5), 70, 34)
        heights.append(sum(row for _, row in found) / 6)
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) >= 3, "they are in one row, 0.07 high: by rows alone they would look equal"


@pytest.mark.parametrize(("width", "height"), [(40, 9), (70, 16), (120, 33)])
@pytest.mark.parametrize("values", [(0.02, 7.0), (0.3, 0.9), (1e-6, 40.0), (2.0, 2.1), (0.5, 0.5)])
def test_a_logarithmic_axis_has_its_ticks_at_equal_factors(
    values: tuple[float, float], width: int, height: int
) -> None:
    chart = Chart(dots=((1.0, values[0]), (2.0, values[1])), x_limit=4, log_y=True)
    _, _, names = canvas(plot(chart, width, height).rows)
    named = [(row, name) for row, name in enumerate(names) if name is not None]
    assert len(named) >= 3
    assert len({b[0] - a[0] for a, b in itertools.pairwise(named)}) == 1
    factors = [b[1] / a[1] for a, b in itertools.pairwise(named) if a[1] is not None and b[1] is not None]
    assert max(factors) == pytest.approx(min(factors), rel=0.02)


def test_an_empty_chart_of_percents_runs_to_100() -> None:
    assert ticks(Chart(ceiling=100, x_limit=10))[0] == 100
    assert ticks(Chart(ceiling=100, x_limit=10))[-1] == 0


def test_without_braille_a_result_is_low_or_high_in_its_row() -> None:
    signs = []
    for value in (40.0, 42.0, 44.0, 45.0):
        chart = Chart(line=((0.0, 0.0, 0.0), (0.1, 100.0, 100.0)), dots=((2.0, value),), x_limit=4)
        drawn = plot(chart, 60, 13, ascii_only=True)
        ((row, column),) = drawn.dots
        signs.append((-row, drawn.rows[row][column]))
    order = [(row, ".o'".index(sign)) for row, sign in signs]
    assert order == sorted(order)
    assert len(set(order)) >= 2


def test_thinning_keeps_both_ends_of_a_column_in_the_order_that_keeps_the_line_short() -> None:
    assert thin(((0.5, 1.0, 1.0), (1.5, 2.0, 9.0), (1.6, 1.5, 3.0), (2.5, 8.0, 8.5)), 10, 10) == [
        (0.5, 1.0), (1.5, 1.5), (1.5, 9.0), (2.5, 8.5), (2.5, 8.0)
    ]  # fmt: skip
    assert thin(((10.0, 1.0, 1.0), (99.0, 2.0, 2.0)), 10, 10) == [(10.0, 2.0), (10.0, 1.0)]  # in the last column


def test_the_key_names_what_is_drawn_and_a_narrow_one_the_first_of_it() -> None:
    chart = Chart(
        title="loss by epoch", line=falling(9), line_name="train", dots=((1, 1.0),), dots_name="test", marks=(1.0,),
        edits=(2.0,), parent=falling(9), x_limit=10,
    )  # fmt: skip
    view = ChartView(ascii_only=False)
    view._chart = chart

    def title(width: int) -> str:
        return "".join(text for text, _ in view.paint(width, 12)[0])

    assert title(90) == "loss by epoch   ⠤⠒⠤ train   ⠿ test   ✗ not finite   ··· parent   ▽ edit"
    assert title(40) == "loss ⠤⠒⠤ train ⠿ test ✗ not finite"
    assert title(24) == "loss ⠤⠒⠤ train ⠿ test"
    assert title(10) == "loss by e…"

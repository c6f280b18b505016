"""The widget, and the keys of a page of charts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.app import App, ComposeResult

from tests.tui.widgets.chart.made_up import chart, dots, falling, line
from tui.widgets import lines
from tui.widgets.chart.chart_view import ChartView, heading_lines
from tui.widgets.chart.page import ChartPage
from tui.widgets.chart.series import Chart, Mark, Place
from tui.widgets.chart.view import View


class ChartApp(App[None]):
    def compose(self) -> ComposeResult:
        yield ChartView(ascii_only=False)

    @property
    def view(self) -> ChartView:
        return self.query_one(ChartView)


async def test_only_what_changed_is_sent_and_the_same_chart_sends_nothing() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)) as pilot:
        app.view.show(chart(falling(200, 5), title="loss"), View(), now=True)
        await pilot.pause()
        sent = app.view.sent
        app.view.show(chart(falling(200, 5), title="loss"), View(), now=True)
        await pilot.pause()
        assert app.view.sent == sent
        app.view.show(chart(falling(210, 5.25), title="loss"), View(), now=True)
        await pilot.pause()
        assert 0 < app.view.sent - sent <= 8


class Stopped:
    """In place of a timer."""

    def stop(self) -> None: ...


async def test_redraws_come_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)) as pilot:
        view = app.view
        clock, later = 100.0, dict[float, Callable[[], None]]()
        monkeypatch.setattr(lines, "monotonic", lambda: clock)
        monkeypatch.setattr(view, "set_timer", lambda wait, paint: later.update({clock + wait: paint}) or Stopped())
        view.show(chart(falling(50)), View(), now=True)
        before = view.text()
        for clock, points in ((100.2, 70), (100.9, 9)):  # noqa: B007 - the lambdas read it
            view.show(chart(falling(points)), View())
            await pilot.pause()
            assert view.text() == before
        assert list(later) == [pytest.approx(101.0)]  # one painting, of the newest
        clock = 101.0
        later.popitem()[1]()
        assert view.text() != before


async def test_a_terminal_without_braille_gets_plain_characters() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)):
        app.view._ascii = True
        marks = (Mark(Place(2.0, 200, 20), "lr", "edit"), Mark(Place(3.0, 300, 30), "bad", "not finite"))
        app.view.show(chart(falling(50), dots([1], [1.0]), marks=marks, title="loss"), View(cursor=5.0), now=True)
        plain = app.view.text()
        assert [one for one in plain if not one.isascii()] == []
        assert "*" in plain
        assert "o" in plain


async def test_a_click_and_the_wheel_ask_for_their_place() -> None:
    asked: list[tuple[str, float]] = []

    class Asking(ChartApp):
        def on_chart_view_pointed(self, event: ChartView.Pointed) -> None:
            asked.append(("point", event.x))

        def on_chart_view_wheeled(self, event: ChartView.Wheeled) -> None:
            asked.append((f"wheel {event.factor:g}", event.x))

    app = Asking()
    async with app.run_test(size=(80, 20)) as pilot:
        app.view.show(chart(falling(50)), View(), now=True)
        plot = app.view._plot
        assert plot is not None
        column = plot.left + plot.x.cell(4.0)
        await pilot.click(offset=(column, 5))
        await pilot.pause()
        await pilot.click(offset=(2, 5))  # beside the canvas
        assert [what for what, _ in asked] == ["point"]
        assert asked[0][1] == pytest.approx(4.0, abs=0.1)


async def test_where_there_is_nothing_it_says_why() -> None:
    app = ChartApp()
    async with app.run_test(size=(80, 20)):
        app.view.show(Chart("gradient norm", nothing="no gradient norm: layers are not sampled"), View(), now=True)
        assert app.view.text().splitlines() == ["gradient norm", "no gradient norm: layers are not sampled"]


def heading(shown: Chart, view: View, width: int) -> list[str]:
    return ["".join(text for text, _ in row).rstrip() for row in heading_lines(shown, view, None, width, shown.title)]


def test_the_key_names_what_is_drawn_and_a_narrow_one_the_first_of_it() -> None:
    marks = (Mark(Place(1.0, 1, 1), "", "not finite"), Mark(Place(2.0, 1, 1), "", "edit"))
    shown = chart(falling(9, parent=True), falling(9), dots([1], [1.0]), marks=marks, title="loss")
    assert heading(shown, View(), 90) == ["loss   ⠤⠒⠤ train   ⠿ test   ✗ not finite   ··· parent   ▽ edit"]
    assert heading(shown, View(), 40) == ["loss ⠤⠒⠤ train ⠿ test ✗ not finite"]
    assert heading(shown, View(), 24) == ["loss ⠤⠒⠤ train ⠿ test"]
    assert heading(chart(title="gradient norm"), View(), 10) == ["gradient …"]


def test_how_it_is_looked_at_stands_at_the_right() -> None:
    shown = chart(falling(9), title="loss")
    assert heading(shown, View(smoothing=0.6, log="xy"), 80)[0].endswith("smoothed 0.6 · log x and y")
    assert heading(shown, View(window=(1.0, 2.0), follow=False), 80)[0].endswith("zoomed, 0: all")
    assert heading(replace(shown, log=False), View(log="y"), 80) == ["loss   ⠤⠒⠤ train"]


def test_many_runs_take_up_to_three_lines_and_say_how_many_are_left_out() -> None:
    runs = [line([1, 2], [1.0, 2.0], name=f"a long name {at}", sign="●■▲◆"[at % 4]) for at in range(12)]
    found = heading(chart(*runs, title="loss"), View(), 60)
    assert len(found) == 3
    assert found[-1].endswith("more")
    assert max(map(len, found)) <= 60


class PageApp(App[None]):
    """Two charts that are looked at together."""

    def __init__(self) -> None:
        super().__init__()
        self.page = ChartPage()

    def compose(self) -> ComposeResult:
        for name in ("above", "below"):
            view = ChartView(id=name, ascii_only=False)
            self.page.add(view)
            yield view


async def test_the_keys_act_on_all_charts_of_a_page() -> None:
    app = PageApp()
    async with app.run_test(size=(80, 40)):
        above, below = app.query(ChartView).results(ChartView)
        shown = chart(falling(500, 6.0))

        def show() -> None:
            for view in (above, below):
                view.show(shown, app.page.view, now=True)

        app.page.changed = show
        show()

        def act(*names: str) -> View:
            for name in names:
                assert app.page.act(name, above)
            return app.page.view

        assert act("left").cursor == pytest.approx(6.0, abs=0.02)
        before = app.page.view.cursor
        assert before is not None
        moved = act("left", "left", "left").cursor
        assert moved is not None
        assert above.axis is not None
        assert above.axis.cell(moved) == above.axis.cell(before) - 3
        assert act("zoom_in").window is not None
        assert below.view == above.view
        assert act("axes").x_axis == "step"
        assert act("axes", "axes").cursor == pytest.approx(moved)
        assert act("smoothing", "log_scale").smoothing == 0.6
        assert act("reset").window is None
        assert not app.page.act("export", above)
        readout = above.readout
        assert readout is not None
        assert readout.place.epoch == pytest.approx(moved, abs=0.05)
        app.page.wheel(above, 1.0, 4.0)
        window: Any = app.page.view.window
        assert window[0] < 1.0 < window[1]
        app.page.point(above, None)
        assert app.page.view.cursor is None


async def test_the_cursor_pans_a_zoomed_window_at_its_edge() -> None:
    app = PageApp()
    async with app.run_test(size=(80, 40)):
        above = app.query_one("#above", ChartView)
        above.show(chart(falling(500, 10.0)), View(), now=True)
        app.page.changed = lambda: above.show(above.chart, app.page.view, now=True)
        app.page.point(above, 5.0)
        for _ in range(4):
            app.page.act("zoom_in", above)
        first: Any = app.page.view.window
        for _ in range(80):
            app.page.act("left", above)
        there: Any = app.page.view.window
        assert there[1] < first[1]
        assert there[0] <= (app.page.view.cursor or 0.0) <= there[1]


async def test_every_run_is_read_out_where_that_takes_more_lines_than_the_key() -> None:
    app = ChartApp()
    runs = [replace(falling(100), name=f"a run with a name {number}", sign="●■▲◆○"[number]) for number in range(5)]
    async with app.run_test(size=(100, 24)):
        app.view.show(chart(*runs, title="loss"), View(cursor=5.0), now=True)
        text = app.view.text()
        for one in runs:
            assert f"{one.sign} {one.name} 0." in text
        assert len(text.splitlines()) == 24

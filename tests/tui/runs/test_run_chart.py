"""The widget that shows runs: its series, and a closer look at a long log."""

from dataclasses import replace
from pathlib import Path

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from engine.runs.curve import GrowingCurve, Point
from engine.runs.follower import Follower
from engine.runs.state import RunState, place
from engine.training.events import Progress
from tests.support.made_up import STEPS, MadeUpRun, progress
from tests.support.waiting import until
from tui.runs.charts import ShownRun
from tui.runs.metrics import ACCURACY, LOSS, METRICS, RATE, SPEED, TEMPERATURE, WATTS, Metric
from tui.runs.run_chart import RunChart, stretch_of
from tui.widgets.chart.page import ChartPage
from tui.widgets.chart.view import View


class ChartsApp(App[None]):
    """Two charts of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.page = ChartPage()
        self.above = RunChart(self.page, LOSS, ascii_only=False)
        self.below = RunChart(self.page, ACCURACY, ascii_only=False)
        self.wanted: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.above
        yield self.below

    def on_run_chart_wanted(self, event: RunChart.Wanted) -> None:
        self.wanted.append(event.act)


def point(at: int, values: int = 1) -> Point:
    """The one of the epochs up to `at`, of so many events."""
    return Point(float(at), 1.0, 1.0, 1.0, seq=at * values, values=at * values)


def test_the_log_is_asked_only_where_it_knows_more_than_the_curve_and_the_window_shows_it() -> None:
    thinned = tuple(point(at, 10) for at in range(1, 101))
    assert stretch_of(thinned, 40.5, 60.5, 80) == (thinned[38], thinned[60])
    assert stretch_of(thinned, 0.0, 3.5, 80) == (None, thinned[3])
    assert stretch_of(thinned, 0.0, 100.0, 80) is None  # more points than columns
    assert stretch_of(tuple(point(at) for at in range(1, 101)), 40.5, 60.5, 80) is None  # each event is there
    assert stretch_of((), 0.0, 1.0, 80) is None


async def test_a_zoom_into_a_thinned_curve_reads_the_log(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path, "20260101-101010-aaaa")
    for epoch in range(1, 11):
        run.add(*(progress(epoch, step, loss=1.0 + step % 5) for step in range(1, STEPS + 1)))
    curve = GrowingCurve(16)
    for event in Follower(run.folder).poll():
        if isinstance(event, Progress):
            x = place(event.epoch, event.step, event.steps)
            curve.add(x, event.loss, step=round(x * STEPS), seconds=x, seq=event.seq)
    state = RunState(epochs=10, steps=STEPS, epoch=10, step=STEPS, curve=curve.points(), seq=1)
    app = ChartsApp()
    async with app.run_test(size=(80, 40)) as pilot:
        app.above.show_run(state, folder=run.folder, now=True)
        assert len(app.above.chart.series[0]) <= 32
        app.page.show(View(window=(4.0, 4.5), follow=False))
        await until(pilot, lambda: len(app.above.chart.series[0]) > 50)
        shown = app.above.chart.series[0].places.epoch
        assert sum((shown >= 4.0) & (shown <= 4.5)) == 51
        assert shown.tolist() == sorted(shown.tolist())
        await until(pilot, lambda: not app.above.busy)
        later = curve.points()[-1]._replace(x=10.5, seq=2000)
        app.above.show_run(replace(state, curve=(*state.curve, later)), folder=run.folder, now=True)
        assert app.above.chart.series[0].places.epoch[-1] == 10.5, "what is new is drawn too"
        assert len(app.above.chart.series[0]) > 50
        app.page.act("reset", app.above)
        assert len(app.above.chart.series[0]) <= 33


async def test_the_keys_of_a_chart_act_where_it_has_the_focus() -> None:
    state = RunState(epochs=2, steps=10, epoch=1, step=5, curve=(point(1), point(2)), seq=1)
    app = ChartsApp()
    async with app.run_test(size=(80, 40)) as pilot:
        app.above.show_run(state, now=True)
        app.above.focus()
        await pilot.press("s", "X", "L", "left", "e")
        assert app.page.view.smoothing == 0.6
        assert (app.page.view.x_axis, app.page.view.log) == ("step", "y")
        assert app.page.view.cursor is not None
        assert app.wanted == ["export"]
        await pilot.press("m")
        assert app.above.metric is RATE  # the accuracy is below
        await pilot.press("m")
        assert app.above.metric is SPEED


async def test_watts_and_temperature_are_offered_where_a_run_has_any() -> None:
    state = RunState(epochs=2, steps=10, epoch=1, step=5, curve=(point(1), point(2)), seq=1)
    warm = replace(state, curves={"watts": (point(1),)})
    app = ChartsApp()

    async def offered(pilot: Pilot[None]) -> list[Metric]:
        """What `m` chooses, until it has gone round."""
        app.above.show_metric(LOSS)
        found = list[Metric]()
        while app.above.metric not in found:
            found.append(app.above.metric)
            await pilot.press("m")
        return found

    async with app.run_test(size=(80, 40)) as pilot:
        app.above.focus()
        app.above.show_run(state, now=True)
        plain = await offered(pilot)
        assert plain == [metric for metric in METRICS if not metric.rare and metric is not ACCURACY]
        app.above.show_run(warm, now=True)
        assert await offered(pilot) == [*plain, WATTS]
        app.above.show_runs([ShownRun("a", "a", state), ShownRun("b", "b", warm)], now=True)
        assert await offered(pilot) == [*plain, WATTS]
        app.above.show_runs([ShownRun("a", "a", state, (state, replace(state, curves={"temperature": (point(1),)})))])
        assert await offered(pilot) == [*plain, TEMPERATURE]


async def test_a_click_puts_the_cursor_there() -> None:
    state = RunState(epochs=2, steps=10, epoch=1, step=5, curve=(point(1), point(2)), seq=1)
    app = ChartsApp()
    async with app.run_test(size=(80, 40)) as pilot:
        app.above.show_run(state, now=True)
        axis = app.above.axis
        assert axis is not None
        await pilot.click(app.above, offset=(8 + axis.cell(1.0), 5))
        await until(pilot, lambda: app.page.view.cursor is not None)
        assert abs((app.page.view.cursor or 0.0) - 1.0) < 0.1
        assert app.below.view.cursor == app.page.view.cursor


async def test_several_runs_lie_over_each_other() -> None:
    app = ChartsApp()
    async with app.run_test(size=(80, 40)):
        states = [RunState(epochs=3, steps=10, epoch=1, step=5, curve=(point(1), point(2 + at))) for at in range(2)]
        app.above.show_runs([ShownRun(f"id {at}", f"run {at}", state) for at, state in enumerate(states)], now=True)
        assert "run 0" in app.above.text()
        assert "run 1" in app.above.text()

"""The layers of a run while it trains, on a run whose events the test writes, and on a real one."""

import re
from pathlib import Path
from typing import Any

import pytest

from engine.runs import client
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.made_up import SIZES, MadeUpRun, ScreensApp, progress
from tests.support.waiting import until
from tests.tui.data.test_data import line
from tui.runs.layer_stats import SPARK, LayerStatsScreen, spark
from tui.runs.watch import WatchScreen
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.chart.plot import MIN_HEIGHT
from tui.widgets.rows import Rows


def layer_stats(epoch: int, step: int, gradient: float = 0.5, dead: float = 0.1, **losses: Any) -> ev.LayerStats:
    return ev.LayerStats(
        epoch=epoch, step=step,
        parameters={
            "0.weight": ev.ParameterStats(gradient, 13.0, 1e-3), "0.bias": ev.ParameterStats(gradient / 10, 0.5, 2e-3),
        },
        activations={"0": ev.ActivationStats(0.01, 0.2, 0.0, None), "1": ev.ActivationStats(0.1, 0.1, 0.45, dead)},
        **losses,
    )  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
async def test_the_layers_of_a_run(home: Path, size: tuple[int, int]) -> None:
    run = MadeUpRun(home, "20260101-000000-0001", name="made")
    for step in range(1, 100, 10):
        run.add(layer_stats(1, step, gradient=0.1 * (1 + step)), progress(1, step))
    app = ScreensApp(home)
    async with app.run_test(size=size) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: isinstance(app.screen, WatchScreen) and app.screen.check_action("layers", ()))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, LayerStatsScreen) and "step 91" in line(app, "#about"))
        told = line(app, "#about").replace("\n", " ")
        assert "made: training, epoch 1 of 10" in told
        assert "layers sampled every 100 steps" in told
        assert "changed most: 0.bias, by 0.002 of its norm" in told
        table = app.screen.query_one(Rows)
        assert "0.weight" in table.text()
        assert "9.2" in table.text()
        assert "over time" in table.text()
        chart = app.screen.query_one(ChartView)
        assert chart.chart.title == "gradient norm of 0.weight"
        assert chart.chart.log
        assert chart.view.log_y
        series = chart.chart.series[0]
        assert (series.places.epoch[-1], series.mean[-1]) == (0.91, pytest.approx(9.2))
        await pilot.press("down", "m", "m")
        assert chart.chart.title == "|Δw| ÷ |w| of 0.bias"
        await pilot.press("tab", "left", "home")  # the keys that move are the chart's
        assert chart.has_focus
        assert (chart.view.cursor, table.key) == (0.0, "0.bias")
        await pilot.press("shift+tab", "home", "end")
        assert (chart.view.cursor, table.key) == (0.0, "0.bias")
        await pilot.press("v")
        assert "45.0%" in table.text()
        await pilot.press("m", "m", "m", "G", "down")
        assert chart.chart.title == "dead units of 1"
        assert chart.chart.series[0].mean.tolist() == [0.1] * 10
        run.add(
            layer_stats(1, 92, loss_before=0.5, loss_after=0.25),
            ev.Warned(code="dead_units", message="60% of the units of 1 are 0", epoch=1, step=92),
        )
        await until(pilot, lambda: "60% of the units of 1 are 0" in line(app, "#about"))
        told = line(app, "#about").replace("\n", " ")
        assert "loss of this batch: 0.500000 before the step, 0.250000 after (-2.50e-1)" in told
        await pilot.press("escape")
        assert isinstance(app.screen, WatchScreen)


@pytest.mark.slow
async def test_single_steps_are_followed(home: Path) -> None:
    folder = client.start(home, TrainConfig(dataset="demo", epochs=50, threads=1), name="real")
    try:
        app = ScreensApp(home)
        async with app.run_test(size=(120, 40)) as pilot:
            app.watch_run(folder)
            await until(pilot, lambda: isinstance(app.screen, WatchScreen) and app.screen.check_action("step", ()))
            await pilot.press("v", "full_stop")
            await until(pilot, lambda: "before the step" in line(app, "#about"))
            match = re.search(r"loss of this batch: (\S+) before the step, (\S+) after", line(app, "#about"))
            assert match is not None
            assert float(match[2]) < float(match[1])

            def newest() -> str:
                found = re.search(r"newest sample: epoch \d+, step ([\d,]+)", line(app, "#about"))
                return found[1] if found else ""

            first = newest()
            assert first
            await pilot.press("full_stop")
            await until(pilot, lambda: newest() not in ("", first))
    finally:
        client.command(folder, "stop")


def test_a_curve_in_a_few_cells() -> None:
    assert spark([]) == ""
    assert spark([1.0, 1.0]) == "▄▄"
    assert spark([0.0, 1.0]) == "▁█"
    assert len(spark([float(at) for at in range(1000)])) == SPARK


async def test_a_small_window_keeps_the_chart_beside_a_warning(home: Path) -> None:
    run = MadeUpRun(home, "20260101-000000-0001", name="made")
    run.add(layer_stats(1, 1), progress(1, 1), layer_stats(1, 11, loss_before=0.5, loss_after=0.25))
    message = "96% of the units of linear_relu_stack.1 are 0 for a whole batch at epoch 1, step 11: dead ReLUs"
    run.add(ev.Warned(code="dead_units", message=message, epoch=1, step=11))
    app = ScreensApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: isinstance(app.screen, WatchScreen) and app.screen.check_action("layers", ()))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, LayerStatsScreen) and "96%" in line(app, "#about"))
        assert len(line(app, "#about").splitlines()) == 4
        assert "…" in line(app, "#about")
        chart = app.screen.query_one(ChartView)
        assert chart.size.height >= MIN_HEIGHT
        await pilot.resize_terminal(80, 40)
        await until(pilot, lambda: message in line(app, "#about"))

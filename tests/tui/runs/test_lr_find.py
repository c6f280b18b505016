"""The learning-rate range test on screen, by keys."""

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.errors import ConfigError
from engine.inspection.lr_find_requests import LrFinding
from engine.training.config import TrainConfig
from tests.support.at_once import at_once  # noqa: F401
from tests.support.trained import TrainOnce
from tests.support.waiting import until
from tui import format as fmt
from tui.app import FmnistApp
from tui.dialogs.prompt import PromptScreen
from tui.runs.form import ConfigForm
from tui.runs.lr_chart import lr_chart
from tui.runs.lr_find import LrFindScreen, typed_sweep
from tui.runs.new_run import NewRunScreen
from tui.runs.watch import WatchScreen
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.panel import Edge
from tui.widgets.rows import Rows

SIZES = [(80, 24), (140, 45)]


def form(app: FmnistApp) -> ConfigForm:
    return app.screen.query_one(ConfigForm)


def edges(app: FmnistApp) -> str:
    return "\n".join(edge.text() for edge in app.screen.query(Edge))


async def opened(pilot: Pilot[None], **values: Any) -> LrFindScreen:
    """The screen, over the form with these values."""
    app = pilot.app
    assert isinstance(app, FmnistApp)
    await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
    form(app).values.update({"optimizer": "adam", "threads": 1, **values})
    form(app).reread()
    await pilot.press("F")
    await until(pilot, lambda: isinstance(app.screen, LrFindScreen))
    assert isinstance(app.screen, LrFindScreen)
    return app.screen


async def finished(pilot: Pilot[None], screen: LrFindScreen) -> LrFinding:
    await until(pilot, lambda: screen.found is not None)
    await pilot.pause()
    assert screen.found is not None
    return screen.found


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("size", SIZES)
async def test_enter_takes_a_suggestion_into_the_form(home: Path, size: tuple[int, int]) -> None:
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot)
        found = await finished(pilot, screen)
        valley, steepest = found.suggestions.found
        text = screen.query_one(Rows).text()
        assert "valley" in text
        assert "steepest" in text
        assert "log x" in screen.query_one(ChartView).text()
        assert "a new mlp" in edges(app)
        assert "lr" in screen.query_one(ChartView).text().splitlines()[-1]
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        assert form(app).values["lr"] == steepest.lr
        assert form(app).chosen == "lr"
        assert valley.lr != steepest.lr
        assert f"--lr {steepest.lr:g}"[:8] in form(app).command_line


@pytest.mark.usefixtures("at_once")
async def test_a_cursor_on_the_chart_reads_out_and_takes_what_is_there(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await opened(pilot)
        found = await finished(pilot, screen)
        assert "the form has 1e-3" in edges(app)
        await pilot.press("right", *["left"] * 20)
        cursor = screen.query_one(ChartView).view.cursor
        assert cursor is not None
        assert found.sweep.low < cursor < found.sweep.high
        taken = float(f"{cursor:.3g}")
        assert f"Enter takes {fmt.rate(taken)}" in edges(app)
        assert "epoch" not in screen.query_one(ChartView).text()  # x is no place in a run
        await pilot.press("escape")
        assert app.screen is screen
        assert screen.query_one(ChartView).view.cursor is None
        await pilot.press("right", *["left"] * 20, "enter")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        assert form(app).values["lr"] == taken


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
async def test_from_a_checkpoint_on_train_to_a_branch_with_what_is_taken(home: Path, train_once: TrainOnce) -> None:
    folder = train_once(home, TrainConfig(epochs=2, batch_size=200, threads=1, dataset="demo"), "base")
    app = FmnistApp(home=home, dataset="demo", watch=folder)
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, WatchScreen) and bool(app.screen._entries))
        await pilot.press("left_square_bracket", "left_square_bracket", "F")
        await until(pilot, lambda: isinstance(app.screen, LrFindScreen))
        screen = app.screen
        assert isinstance(screen, LrFindScreen)
        found = await finished(pilot, screen)
        assert "epoch 1" in found.of
        assert "the run has 1e-3" in edges(app)
        taken = found.suggestions.found[0].lr
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert app.screen.query_one("#line", Input).value == f"lr={fmt.setting(taken)}"


@pytest.mark.usefixtures("at_once")
async def test_escape_takes_none(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=SIZES[0]) as pilot:
        await finished(pilot, await opened(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        assert form(app).values["lr"] == 1e-3


@pytest.mark.usefixtures("at_once")
async def test_another_range_where_nothing_falls_suggests_nothing(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=SIZES[0]) as pilot:
        screen = await opened(pilot)
        await finished(pilot, screen)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        app.screen.query_one(Input).value = "from=1e-9 to=1e-8 steps=40"
        await pilot.press("enter")
        await until(pilot, lambda: screen.found is not None and screen.found.sweep.steps == 40)
        await pilot.pause()
        assert screen.query_one(Rows).rows == ()
        assert "no suggestion" in str(screen.query_one("#reason", Static).content)
        await pilot.press("enter")
        assert app.screen is screen, "there is nothing to take"


async def test_escape_cancels_what_is_computed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.errors import InspectionCancelledError
    from engine.worker.client import WorkerClient

    cancelled = threading.Event()

    def ask(self: WorkerClient, request: Any, progress: Any) -> Any:
        progress(30, 200)
        assert cancelled.wait(60)
        raise InspectionCancelledError("cancelled")

    monkeypatch.setattr(WorkerClient, "_ask", ask)
    monkeypatch.setattr(WorkerClient, "cancel", lambda self: cancelled.set())
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=SIZES[0]) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: "30 of 200 steps" in edges(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Cancelled" in str(screen.query_one(".panel-text", Static).content))
        assert app.screen is screen
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))


@pytest.mark.usefixtures("at_once")
async def test_settings_that_cannot_be_open_nothing(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=SIZES[0]) as pilot:
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        form(app).values.update({"warmup": 20.0})
        await pilot.press("F")
        await pilot.pause()
        assert isinstance(app.screen, NewRunScreen)
        assert "warmup" in form(app).errors


@pytest.mark.usefixtures("at_once")
async def test_what_the_engine_refuses_is_said(home: Path) -> None:
    app = FmnistApp(home=home, dataset="demo", start="train")
    async with app.run_test(size=SIZES[0]) as pilot:
        screen = await opened(pilot, freeze="no-such-parameter")
        await until(pilot, lambda: "no-such-parameter" in str(screen.query_one(".panel-text", Static).content))


@pytest.mark.parametrize("text", ["from=x", "steps=1.5", "lr=1", "from=1 to=0.1", "steps=3", "1e-6"])
def test_a_range_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        typed_sweep(text)


def test_a_range_that_is_typed() -> None:
    sweep = typed_sweep("from=1e-5 to=0.5 steps=50")
    assert (sweep.low, sweep.high, sweep.steps) == (1e-5, 0.5, 50)
    assert typed_sweep("") == typed_sweep("steps=200")


def test_the_chart_leaves_out_where_the_loss_is_far_above_the_rest() -> None:
    from engine.training.lr_sweep import GrowingLrCurve, Suggestions, Sweep

    sweep, growing = Sweep(steps=100), GrowingLrCurve()
    for step, loss in enumerate([2.0] * 40 + [1.0] * 40 + [50.0] * 20):
        if not growing.add(sweep.lr(step), loss):
            break
    found = LrFinding("a new mlp", "demo", True, 1e-3, sweep, growing.curve, Suggestions())
    (series,) = lr_chart(found).series
    assert series.high.max() < 5 < max(growing.curve.losses)
    assert len(series) == 80
    assert lr_chart(LrFinding("a", "b", True, 1e-3, sweep, GrowingLrCurve().curve, Suggestions())).series == ()

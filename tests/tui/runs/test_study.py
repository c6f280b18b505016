"""The studies and one study on screen: trials, views, and what can be done with it."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.errors import ConfigError, RunError
from engine.home import Home
from engine.runs import store
from engine.studies import client, study_file, trials
from tests.support.made_up import SIZES, MadeUpRun, ScreensApp
from tests.support.studies import made_study
from tests.support.waiting import until
from tui.runs import studies, study_prompts
from tui.runs.runs import RunsScreen
from tui.runs.studies import StudiesScreen, typed_study
from tui.runs.study import StudyScreen
from tui.runs.study_lines import StudyLines
from tui.runs.study_table import about, in_order, orders
from tui.runs.watch import WatchScreen
from tui.widgets.chart.chart_view import ChartView
from tui.widgets.keyline import KeyLine
from tui.widgets.order import Order
from tui.widgets.panel import Panel
from tui.widgets.rows import Rows


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on a study."""
    monkeypatch.setattr(client, "ensure_worker", lambda folder: None)


def of_trials(app: ScreensApp) -> list[str]:
    return [row.cells[0] for row in app.screen.query_one(Rows).rows]


def panel(app: ScreensApp, name: str) -> str:
    found = app.screen.query_one(f"#{name}", Panel)
    return " ".join([found._title, found._right, found._below, found._below_right])


async def opened(pilot: Pilot[None]) -> StudyScreen:
    """From *Runs* to the only study."""
    app = pilot.app
    await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    await pilot.press("O")
    await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and bool(app.screen.query_one(Rows).rows))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, StudyScreen) and bool(app.screen.query_one(Rows).rows))
    assert isinstance(app.screen, StudyScreen)
    return app.screen


async def prompted(pilot: Pilot[None], text: str) -> None:
    """Type an answer into the prompt that is open."""
    await until(pilot, lambda: bool(pilot.app.screen.query(Input)))
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is asked of `fmnist-tui sweep`, by a process of its own."""
    found: list[list[str]] = []

    async def sweep(home: Path, arguments: Sequence[str]) -> str:
        found.append(list(arguments))
        if "refused" in arguments:
            raise RunError("the storage can't be used")
        return "done"

    monkeypatch.setattr(study_prompts, "sweep", sweep)
    monkeypatch.setattr(studies, "sweep", sweep)
    return found


@pytest.mark.parametrize("size", SIZES)
async def test_the_trials_stand_with_the_best_first(home: Path, size: tuple[int, int]) -> None:
    made_study(home)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        assert of_trials(app)[:3] == ["12", "7★", "2"]
        assert of_trials(app)[-3:] == ["13", "14", "15"]
        assert "12 of 16 done, 1 running, 2 pruned, 1 failed" in panel(app, "trials")
        assert "best 0.5005 (trial 7)" in panel(app, "trials")
        await pilot.press("j")
        if size[0] >= 110:
            about = str(app.screen.query_one("#about", Static).content)
            assert "complete" in about
            assert "rmsprop" not in about or "optimizer" in about
            assert "0.00291" in about
        rates = {row.cells[5] for row in app.screen.query_one(Rows).rows if row.cells[5]}  # type: ignore[attr-defined]
        assert {"1.000e-3", "2.910e-3", "6.614e-4"} <= rates
        assert all(re.fullmatch(r"\d\.\d{3}e-\d", rate) for rate in rates), "one format a column"


async def test_the_views_in_turn(home: Path) -> None:
    made_study(home)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        screen = await opened(pilot)
        chart, lines = screen.query_one(ChartView), screen.query_one("#lines", StudyLines)
        below = screen.query_one("#below", StudyLines)
        assert chart.display
        await until(pilot, lambda: "9 complete trials" in below.text())  # what the other panel does not show
        await until(pilot, lambda: "best so far" in chart.text())
        assert {one.name: len(one) for one in chart.chart.series} == {"pruned": 2, "best so far": 9, "complete": 9}
        line = next(one for one in chart.chart.series if one.name == "best so far")
        assert list(line.mean) == sorted(line.mean, reverse=True)
        assert "v shows" in screen.why_not("parameter", (1,))
        await pilot.press("v")
        assert "Over optimizer" in panel(app, "view")
        await until(pilot, lambda: "rmsprop" in lines.text())
        assert "★" in next(row for row in lines.text().splitlines() if "adam" in row)
        await pilot.press("n")
        assert "Over lr" in panel(app, "view")
        assert chart.display
        assert chart.view.log_x
        (dots,) = [one for one in chart.chart.series if one.name == "complete"]
        assert list(dots.places.epoch) == sorted(dots.places.epoch)
        await pilot.press("p", "p", "v")
        assert "Parallel coordinates" in panel(app, "view")
        await until(pilot, lambda: "val_loss" in lines.text())
        assert "9 complete trials" in lines.text()
        await until(pilot, lambda: "PED-ANOVA" in below.text())
        assert "rmsprop" in lines.text()
        await pilot.press("v")
        await until(pilot, lambda: "61%" in lines.text())
        assert lines.text().index("lr ") < lines.text().index("momentum")
        await pilot.press("v")
        assert chart.display


async def test_accuracies_are_in_percent_and_the_highest_is_the_best(home: Path) -> None:
    made_study(home, metric="val_accuracy")
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        screen = await opened(pilot)
        assert "highest val_accuracy" in panel(app, "trials")
        assert of_trials(app)[1] == "7★"
        chart = screen.query_one(ChartView)
        line = next(one for one in chart.chart.series if one.name == "best so far")
        assert list(line.mean) == sorted(line.mean)
        assert 60 < line.mean[-1] < 70


async def test_nothing_is_sent_when_nothing_changes(home: Path) -> None:
    folder = made_study(home, waiting=0)
    seen = trials.read(folder)
    assert seen is not None
    over = [one for one in seen.trials if one.state != "running"]
    trials.write(folder, msgspec.structs.replace(seen, trials=over))
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        screen = await opened(pilot)
        rows, chart = screen.query_one(Rows), screen.query_one(ChartView)
        await pilot.pause(0.3)
        before = rows.sent, chart.sent
        await pilot.pause(2.5)
        assert (rows.sent, chart.sent) == before


async def test_news_of_the_worker_are_shown(home: Path) -> None:
    folder = made_study(home)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await opened(pilot)
        seen = trials.read(folder)
        assert seen is not None
        running = next(one for one in seen.trials if one.state == "running")
        done = msgspec.structs.replace(running, state="complete", value=0.1, ended=running.started + 5)
        news = [done if one is running else one for one in seen.trials]
        trials.write(folder, msgspec.structs.replace(seen, trials=news))
        await until(pilot, lambda: of_trials(app)[0] == "12★")


async def test_the_rows_are_sorted_by_any_column(home: Path) -> None:
    folder = made_study(home)
    seen = trials.read(folder)
    assert seen is not None
    for order in orders(seen):
        assert sorted(one.number for one in in_order(seen, order)) == list(range(16))
    by_lr = in_order(seen, Order("lr"))
    known = [float(one.params["lr"]) for one in by_lr if one.params]
    assert known == sorted(known)
    assert [one.number for one in by_lr[-3:]] == [13, 14, 15]
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await opened(pilot)
        await pilot.press("s")
        assert of_trials(app)[:2] == ["0", "1"]
        await pilot.press("S")
        assert of_trials(app)[:2] == ["15", "14"]
        assert "by trial, falling" in panel(app, "trials")


async def test_a_trials_run_is_watched(home: Path) -> None:
    made_study(home)
    MadeUpRun(home, "20260101-000007-aaaa", name="first trial 7", dead=True).train([1])
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        screen = await opened(pilot)
        await pilot.press("G")
        assert screen.why_not("open", ()) == "the trial has no run yet"
        await pilot.press("g", "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen))


async def test_a_run_of_another_home_is_not_watched(home: Path) -> None:
    folder = made_study(home)
    study_file.change(folder, lambda record: msgspec.structs.replace(record, worker="b" * 16))
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        screen = await opened(pilot)
        assert screen.why_not("open", ()) == "its run is in another home"
        await pilot.press("enter")
        assert isinstance(app.screen, StudyScreen)


async def test_trials_are_added_and_the_space_is_changed(home: Path, asked: list[list[str]]) -> None:
    made_study(home)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await opened(pilot)
        await pilot.press("plus")
        await prompted(pilot, "7")
        await until(pilot, lambda: asked == [["extend", "first", "7"]])
        await pilot.press("N")
        await prompted(pilot, "lr=0.0030 optimizer=adam")
        await until(pilot, lambda: len(asked) == 2)
        assert asked[1] == ["add", "first", "lr=3e-3", "optimizer=adam"]
        await pilot.press("c")
        await prompted(pilot, "lr=1e-3..1e-2:log momentum=0..0.95 batch_size=32|64")
        await until(pilot, lambda: len(asked) == 3)
        assert asked[2] == ["space", "first", "lr=1e-3..1e-2:log", "batch_size=32|64"]


@pytest.mark.parametrize(("key", "text"), [("plus", "many"), ("N", "lr=5"), ("N", "epochs=3"), ("c", "lr=2..1")])
async def test_what_can_not_be_is_said_in_the_prompt(home: Path, asked: list[list[str]], key: str, text: str) -> None:
    made_study(home)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await opened(pilot)
        await pilot.press(key)
        await prompted(pilot, text)
        await pilot.pause(0.1)
        assert app.screen.query(Input)
        await pilot.press("escape")
        assert asked == []


@pytest.mark.parametrize(("answer", "wanted"), [("f", "finish"), ("s", "stop"), ("g", "go")])
async def test_it_is_stopped_and_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch, answer: str, wanted: str) -> None:
    folder = made_study(home, wanted="go")
    monkeypatch.setattr(client, "worker_lives", lambda folder: True)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        screen = await opened(pilot)
        assert screen.why_not("go", ()) == "it goes on"
        await pilot.press("x")
        await until(pilot, lambda: app.screen is not screen)
        await pilot.press(answer)
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: study_file.read(folder).wanted == wanted)
        if answer != "g":
            await until(pilot, lambda: not screen.why_not("go", ()))
            await pilot.press("space")
            await until(pilot, lambda: study_file.read(folder).wanted == "go")


async def test_the_trials_are_exported(home: Path, tmp_path: Path) -> None:
    made_study(home)
    target = tmp_path / "trials.csv"
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await opened(pilot)
        await pilot.press("e")
        await prompted(pilot, str(target))
        await until(pilot, target.exists)
        with target.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 16
        assert rows[7]["val_loss"] == "0.5005"
        assert rows[5]["failure"] == "the loss is not finite"
        await pilot.press("e")
        await prompted(pilot, str(target))
        await pilot.pause(0.1)
        assert app.screen.query(Input)  # it is there already


async def test_a_study_is_made_from_the_list(home: Path, asked: list[list[str]]) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[0]) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen))
        await until(pilot, lambda: app.screen.query_one("#studies", Panel).has_class("-text"))
        assert app.screen.why_not("open", ()) == "there is no study"  # type: ignore[attr-defined]
        await pilot.press("N")
        await prompted(pilot, "mine 'lr=1e-3..1e-2:log' --trials 5")
        await until(pilot, lambda: asked == [["new", "mine", "lr=1e-3..1e-2:log", "--trials", "5"]])
        await until(pilot, lambda: isinstance(app.screen, StudyScreen))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name first"),
        ("--trials 5", "name first"),
        ("a/b lr=1..2", "can't be a study's name"),
        ("mine", "several values"),
        ("mine lr=2..1", "ends before"),
        ("mine 'lr=1..2", "quote"),
    ],
)
def test_what_is_no_study_is_said(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        typed_study(text)


async def test_a_study_is_deleted_once_that_is_answered(home: Path) -> None:
    folder = made_study(home)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[0]) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and bool(app.screen.query_one(Rows).rows))
        listed = app.screen
        for answer, there in (("k", True), ("d", False)):
            await pilot.press("delete")
            await until(pilot, lambda: app.screen is not listed)
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is listed)
            await until(pilot, lambda there=there: folder.path.exists() is there)  # type: ignore[misc]
        await until(pilot, lambda: not app.screen.query_one(Rows).rows)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"v": 1, "id": "x"}', b"[" * 9999])
async def test_a_study_that_can_not_be_read_has_a_row_that_says_why(home: Path, content: bytes) -> None:
    made_study(home, "good")
    bad = Home(home).study("bad")
    bad.path.mkdir(parents=True)
    bad.study_json.write_bytes(content)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and len(app.screen.query_one(Rows).rows) == 2)
        row = next(row for row in app.screen.query_one(Rows).rows if row.key == "bad")
        assert row.cells[1] == "unreadable"
        assert "can't be read" in row.cells[-1]
        await pilot.press("g", "enter")
        await pilot.pause(0.1)
        assert isinstance(app.screen, StudiesScreen)
        assert "can't be read" in str(app.screen.query_one(KeyLine).content)


async def test_from_a_trial_on_runs_to_its_study(home: Path) -> None:
    folder = made_study(home)
    for number in (7, 8):
        made = MadeUpRun(home, f"20260101-00000{number}-aaaa", name=f"first trial {number}", dead=True)
        request: dict[str, Any] = store.read_run(made.folder)
        study = {"id": study_file.read(folder).id, "name": "first", "trial": number}
        group = {"id": study["id"], "name": "first", "size": 0}
        store.write_run(made.folder, request | {"study": study, "group": group})
        made.train([1])
    app = ScreensApp(home, "runs")
    async with app.run_test(size=SIZES[1]) as pilot:
        await until(pilot, lambda: "irst (2)" in str([row.cells for row in app.screen.query_one(Rows).rows]))
        assert len(app.screen.query_one(Rows).rows) == 1
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, StudyScreen) and bool(app.screen.query_one(Rows).rows))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_the_list_of_studies_shows_what_the_one_under_the_cursor_looks_for_and_has_found(home: Path) -> None:
    made_study(home)
    made_study(home, "second", metric="val_accuracy")
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and len(app.screen.query_one(Rows).rows) == 2)

        def about() -> str:
            return str(app.screen.query_one("#about", Static).content)

        chart = app.screen.query_one(ChartView)
        await until(pilot, lambda: "the lowest val_loss" in about() and bool(chart.chart.series))
        assert "1e-4..1e-1:log" in about()
        assert "The best: trial " in about()
        assert "12 of 16 done" in about()
        await pilot.press("down")
        await until(pilot, lambda: "the highest val_accuracy" in about() and chart.chart.unit == "%")
        assert "second" in panel(app, "about-panel")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not app.screen.query_one("#about-panel").display)
        await until(pilot, lambda: "best so far" in chart.text())  # below the list there too


def test_a_trial_of_one_epoch_is_said_without_a_way_from_it_to_itself() -> None:
    definition = client.define(("lr=1e-4..1e-1:log", "epochs=5", "dataset=demo"), metric="val_loss")
    one = trials.Trial(0, "running", {"lr": "1e-3"}, None, [(1, 1.2)])
    told = str(about(trials.Snapshot(definition, [one]), one, ""))
    assert "val_loss 1.2000 after epoch 1, the only one so far" in told
    two = msgspec.structs.replace(one, values=[(1, 1.2), (2, 0.9)])
    assert "1.2000 → 0.9000, epochs 1 to 2" in str(about(trials.Snapshot(definition, [two]), two, ""))

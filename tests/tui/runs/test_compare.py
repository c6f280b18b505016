"""*Compare*: runs and groups side by side on the screen."""

import csv
import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import InspectionCancelledError, InspectionError
from engine.evaluation.requests import CompareEvaluationsRequest, EvaluationComparison
from engine.progress import Progress, silent
from engine.runs import listing, store, trash
from engine.runs.compared_runs import ComparedRuns
from engine.training import events as ev
from engine.worker.client import WorkerClient
from tests.support.made_up import SIZES, MadeUpRun, ScreensApp, evaluated, progress
from tests.support.timers import count_writes, tick
from tests.support.waiting import until
from tests.tui.runs.test_runs import rows as runs_rows
from tui.app import FmnistApp
from tui.dialogs.prompt import PromptScreen
from tui.runs import compare_choice
from tui.runs.compare import CompareScreen
from tui.runs.compare_choice import to_compare
from tui.runs.compare_view import PANELS, CompareView
from tui.runs.run_chart import RunChart
from tui.runs.runs import RunsScreen
from tui.widgets.keyline import KeyLine

CLASSES = tuple("abcdefghij")


def made(
    home: Path, at: int, name: str, accuracy: float, *, group: str = "", epochs: int = 2, live: bool = False,
    per_class: Sequence[float] = (), **settings: Any,
) -> MadeUpRun:  # fmt: skip
    run = MadeUpRun(home, f"20260101-1010{at:02}-aaaa", name=name, dead=not live, **settings)
    request = store.read_run(run.folder)
    more = {"group": {"id": group, "name": group, "size": 2}} if group else {}
    store.write_run(run.folder, request | more)
    run.train(range(1, epochs))
    each: list[float | None] = list(per_class) or [accuracy] * 10
    run.add(*(progress(epochs, step) for step in range(10, 101, 10)))
    run.add(dataclasses.replace(evaluated(epochs), accuracy=accuracy, per_class=each))
    if not live:
        run.add(ev.Finished(epochs=10, seconds=20))
    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made(tmp_path, 1, "slow", 0.8, lr=1e-4)
    made(tmp_path, 2, "fast", 0.9, lr=1e-2, optimizer="adam", per_class=[0.5, *[0.9] * 9])
    made(tmp_path, 3, "pair seed 0", 0.84, group="pair", seed=0, epochs=4)
    made(tmp_path, 4, "pair seed 1", 0.88, group="pair", seed=1)
    return tmp_path


def shown_runs(app: ScreensApp) -> list[str]:
    return [row[1] for row in runs_rows(app)]


async def compared(pilot: Pilot[Any], app: ScreensApp, count: int, *keys: str) -> CompareScreen:
    """From Runs, by keys, to what is compared."""
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and len(shown_runs(app)) == count)
    await pilot.press(*keys, "d")
    await until(pilot, lambda: isinstance(app.screen, CompareScreen))
    screen = app.screen
    assert isinstance(screen, CompareScreen)
    await until(pilot, lambda: bool(screen._comparison and screen.query_one("#loss", RunChart).chart.series))
    return screen


def cells(screen: CompareScreen, name: str = "settings") -> list[dict[str, str]]:
    table = screen.query_one(CompareView).rows(name)
    titles = [column.title for column in table.columns]
    return [{title: cell.strip() for title, cell in zip(titles, row.cells, strict=True)} for row in table.rows]


def edges(screen: CompareScreen, name: str) -> str:
    return "\n".join(screen.query_one(CompareView).panel(name).edges)


def said(screen: CompareScreen, name: str) -> str:
    """What stands in a panel in place of what is in it."""
    return str(screen.query_one(CompareView).panel(name).query_one(".panel-text").render())


def names(screen: CompareScreen) -> list[str]:
    return [row["run"][2:] for row in cells(screen)]


def line(app: FmnistApp) -> str:
    return str(app.screen.query_one(KeyLine).content)


# What is compared


def test_the_key_means_what_is_marked_and_what_is_at_the_cursor(home: Path) -> None:
    branch = MadeUpRun(home, "20260105-000000-cccc", name="branch", dead=True)
    request = store.read_run(branch.folder)
    parent = "20260101-101001-aaaa"
    store.write_run(branch.folder, request | {"parent": {"run": parent, "epoch": 1, "step": 100, "file": "x"}})
    runs = listing.list_runs(home)
    by_name = {run.name: run for run in runs}
    slow, fast, pair = by_name["slow"], by_name["fast"], [by_name["pair seed 0"], by_name["pair seed 1"]]

    def titles(marked: Sequence[listing.RunSummary], *here: listing.RunSummary) -> list[str]:
        return [one.title for one in to_compare([run.id for run in marked], here, runs)]

    assert titles([fast, slow], pair[0]) == ["fast", "slow"], "what is marked, in the order of the marks"
    assert titles([slow, *pair], fast) == ["slow", "pair"], "a whole group is one"
    assert titles([slow], fast) == ["slow", "fast"], "one that is marked, and the one at the cursor"
    assert titles([slow], *pair) == ["slow", "pair"]
    assert titles([], by_name["branch"]) == ["slow", "branch"], "a branch, after the run that it left"
    assert titles([], *pair) == titles(pair, *pair) == ["pair seed 0", "pair seed 1"], "the runs of a group"
    assert titles([slow], slow) == ["slow"]
    assert compare_choice.why_not(to_compare([slow.id], [slow], runs)) == compare_choice.FEW
    assert titles([], fast) == ["fast"]
    assert "at most 1,000" in compare_choice.why_not([fast] * 1001)


async def test_a_key_says_why_nothing_is_compared(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(shown_runs(app)) == 3)
        await pilot.press("end", "d")
        await until(pilot, lambda: "mark two or more" in line(app))
        assert isinstance(app.screen, RunsScreen)


# The screen


@pytest.mark.parametrize("size", SIZES)
async def test_the_marked_runs_stand_side_by_side(home: Path, size: tuple[int, int]) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=size) as pilot:
        screen = await compared(pilot, app, 3, "m", "m", "m")
        assert names(screen) == ["pair", "fast", "slow"]
        table = cells(screen)
        assert [row["lr"] for row in table] == ["1e-3", "≠ 1e-2", "≠ 1e-4"]
        assert [row["best"] for row in table] == ["86.0 ± 2.8% (2)", "• 90.0%", "80.0%"]
        charts = {one.name for one in screen.query_one("#loss", RunChart).chart.series}
        assert charts >= {"fast", "slow", "pair, mean of 2, from epoch 2 on of 1"}
        seen = set[str]()
        for _ in PANELS:  # every panel comes into view by tab
            view = screen.query_one(CompareView)
            seen |= {name for name in PANELS if view.panel(name).region.area}
            assert view.panel(view.chosen).region.area
            await pilot.press("tab")
            await pilot.pause()
        assert seen == set(PANELS) - {"images"}, "three are not asked about their images"
        await pilot.press("escape")
        assert isinstance(app.screen, RunsScreen)


async def test_chart_keys_work_and_tell_of_how_many_runs_a_mean_is(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "m", "m", "m")
        chart = screen.query_one("#loss", RunChart)
        await pilot.press("end")
        said = chart.text().split("\n")[0]
        assert "pair, mean of 2, from epoch 2 on of 1" in said
        assert ", of 1" in chart.text()
        await pilot.press("s")
        assert chart.view.smoothing == 0.6 == screen.query_one("#accuracy", RunChart).view.smoothing
        await pilot.press("X", "L", "z", "m")
        assert (chart.view.x_axis, chart.view.window is not None) == ("step", True)
        await until(pilot, lambda: "learning rate" in edges(screen, "loss"))


async def test_the_table_is_sorted_by_each_column_and_marks_what_others_have(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "m", "m", "m")
        await pilot.press("tab", "tab")
        columns = [column.title for column in screen.table.columns]
        orders = {}
        for title in columns:
            await pilot.press("s")
            assert screen.table.sorted_by == title
            orders[title] = names(screen)
        assert orders["best"] == ["fast", "pair", "slow"]
        assert orders["lr"] == ["slow", "pair", "fast"]
        assert orders["run"] == ["fast", "pair", "slow"]
        await pilot.press("s")
        assert names(screen) == ["pair", "fast", "slow"], "as they were chosen"
        screen.sort_by("lr")
        await pilot.press("S")
        assert names(screen) == ["fast", "pair", "slow"]
        assert "by lr, reversed" in edges(screen, "settings")
        await pilot.press("home")
        assert screen.table.key == "20260101-101002-aaaa"
        assert "≠ other than fast" in edges(screen, "settings")
        assert [row["lr"] for row in cells(screen)] == ["1e-2", "≠ 1e-3", "≠ 1e-4"]
        assert [row.styles.get("lr") for row in screen.table.rows] == [None, "changed", "changed"]


async def test_a_narrow_table_keeps_the_names_in_view(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await compared(pilot, app, 3, "m", "m", "m")
        await pilot.press("tab", "tab")
        before = screen.table.text().split("\n")[0].split()
        await pilot.press("right", "right", "right")
        after = screen.table.text().split("\n")
        assert before[0] == after[0].split()[0] == "run"
        assert before[1:] != after[0].split()[1:]
        assert "fast" in after[2]


async def test_the_classes_with_the_largest_differences_are_marked(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "j", "m", "m")
        assert names(screen) == ["fast", "slow"]
        table = cells(screen, "classes")
        assert table[0]["class"] == "T-shirt/top"
        assert table[0]["apart"] == "• +30.0"
        assert table[1]["apart"] in ("-10.0", "• -10.0")
        assert sum("•" in row["apart"] for row in table) == 3
        await pilot.press("tab", "tab", "tab", "s")
        assert cells(screen, "classes")[0]["class"] == "T-shirt/top"
        assert screen.table.sorted_by == "apart"


async def test_the_table_is_exported(home: Path, tmp_path: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "m", "m", "m")
        await pilot.press("tab", "tab")
        screen.sort_by("best")
        for name in ("table.csv", "table.md"):
            await pilot.press("e")
            await until(pilot, lambda: isinstance(app.screen, PromptScreen))
            app.screen.query_one("Input").value = str(tmp_path / name)  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until(pilot, lambda name=name: (tmp_path / name).exists())  # type: ignore[misc]
        rows = list(csv.DictReader((tmp_path / "table.csv").open()))
        assert [row["run"] for row in rows] == ["fast", "pair", "slow"], "in the order of the screen"
        assert float(rows[1]["best"]) == pytest.approx(0.86)
        assert (tmp_path / "table.md").read_text().startswith("| run | seed | optimizer | lr |")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        for typed, why in ((str(tmp_path / "table.csv"), "is there already"), ("table.txt", "end in .csv or .md")):
            app.screen.query_one("Input").value = typed  # type: ignore[attr-defined]
            await until(pilot, lambda why=why: why in str(app.screen.query_one("#verdict").render()))  # type: ignore[misc]


async def test_a_run_is_opened_from_the_table_and_is_what_goes_into_the_lab(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ScreensApp(home, "runs")
    watched = list[Any]()
    monkeypatch.setattr(FmnistApp, "watch_run", lambda self, folder: watched.append(folder.id))
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "m", "m", "m")
        await pilot.press("enter")
        await until(pilot, lambda: "a run is opened from the table" in line(app))
        await pilot.press("tab", "tab", "enter")
        await until(pilot, lambda: "a group is chosen" in line(app))
        assert screen.as_cell() == ""
        await pilot.press("down", "enter")
        assert watched == ["20260101-101002-aaaa"]
        assert "20260101-101002-aaaa" in screen.as_cell()


# While runs train


async def test_what_trains_is_drawn_on_and_what_does_not_costs_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = made(home, 9, "live", 0.5, live=True)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 4, "m", "m")
        assert names(screen) == ["live", "pair"]
        chart = screen.query_one("#loss", RunChart)
        chart.interval = 0.0
        await tick(pilot, 2)
        written = count_writes(app, monkeypatch)
        await tick(pilot, 3)
        assert written == [], "nobody trains"
        newest = chart.chart.newest.epoch
        live.train([3])
        live.add(dataclasses.replace(evaluated(3), accuracy=0.95))
        await tick(pilot)
        await until(pilot, lambda: cells(screen)[0]["best"] == "• 95.0%")
        await until(pilot, lambda: chart.chart.newest.epoch > newest or chart.chart.newest.epoch == 4.0)
        assert written


async def test_a_reading_that_takes_long_is_shown_when_it_is_done(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, before, begun = threading.Event(), ComparedRuns.read, list[int]()

    def read(self: ComparedRuns, runs: Any) -> bool:
        begun.append(1)
        done.wait(60)
        return before(self, runs)

    monkeypatch.setattr(ComparedRuns, "read", read)
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(shown_runs(app)) == 3)
        await pilot.press("m", "m", "d")
        await until(pilot, lambda: bool(begun))
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        for _ in range(3):  # the timer fires meanwhile
            screen._tick()
            await pilot.pause()
        assert len(begun) == 1, "it is not begun anew"
        assert "reading the runs" in said(screen, "loss")
        done.set()
        await until(pilot, lambda: names(screen) == ["pair", "fast"])


async def test_what_can_not_be_read_is_said_once(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await compared(pilot, app, 3, "j", "m", "m")
        app.clear_notifications()
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        (store.find(home, "fast").run_json).write_text("{")
        await tick(pilot, 3)
        assert names(screen) == ["slow"]
        assert "1 gone" in edges(screen, "settings")
        assert len(app._notifications) <= 1


async def test_a_run_that_is_deleted_meanwhile_goes(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "j", "m", "m")
        trash.Trash(home).delete([store.find(home, "fast")])
        await tick(pilot)
        await until(pilot, lambda: names(screen) == ["slow"] and "1 gone" in edges(screen, "settings"))
        await pilot.press("E")
        await until(pilot, lambda: "one of the runs is gone" in line(app))
        trash.Trash(home).delete([store.find(home, "slow")])
        await tick(pilot)
        await until(pilot, lambda: cells(screen) == [])
        assert "The runs are gone." in said(screen, "loss")


async def test_of_many_the_first_of_the_table_are_drawn(tmp_path: Path) -> None:
    many = tmp_path / "many"
    for at in range(14):
        made(many, at, f"run {at:02}", 0.5 + at / 100)
    app = ScreensApp(many, "runs")
    async with app.run_test(size=(200, 60)) as pilot:
        screen = await compared(pilot, app, 14, *["m"] * 14)
        assert "the first 12 of 14" in edges(screen, "loss")
        accuracy = screen.query_one("#accuracy", RunChart)
        assert "run 00" not in {one.name for one in accuracy.chart.series}
        screen.sort_by("best")
        await pilot.press("S")  # the worst first
        await until(pilot, lambda: "run 00" in {one.name for one in accuracy.chart.series})
        assert "run 13" not in {one.name for one in accuracy.chart.series}
        assert len({row["run"][0] for row in cells(screen)[:12]}) == 12, "each has its sign in the table"
        assert {row["run"][0] for row in cells(screen)[12:]} == {"r"}


# The test images


def entry(run: str) -> Entry:
    return Entry(file="e.pt", epoch=1, step=100, bytes=1, sha256=run, reason="epoch", t=0.0, accuracy=0.5)


def disagreement(request: CompareEvaluationsRequest) -> EvaluationComparison:
    return EvaluationComparison(
        first=str(request.first.path), second=str(request.second.path), model="mlp", data="demo data",
        classes=CLASSES, accuracy=(0.8, 0.81), fixed=(3, 5, 8), broken=(1, 9), labels=(0, 0, 2, 4, 4),
        predicted_as=(6, 7, 1, 5, 5), checksum="sum",
    )  # fmt: skip


@pytest.fixture
def two(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("slow", "fast"):
        folder = store.find(home, name)
        folder.checkpoints.mkdir()
        folder.checkpoint("e.pt").write_bytes(b"")
        manifest.write(folder, [entry(folder.id)])
    return home


async def test_the_images_that_one_alone_gets_right_open_on_data(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, opened = list[CompareEvaluationsRequest](), list[tuple[Any, str, Any]]()

    def answer(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        asked.append(request)
        return disagreement(request)

    monkeypatch.setattr(WorkerClient, "ask", answer)
    monkeypatch.setattr(FmnistApp, "show_suspects", lambda self, *what: opened.append(what))
    app = ScreensApp(two, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "j", "m", "m")
        await pilot.press("E")
        await until(pilot, lambda: len(cells(screen, "images")) == 5)
        assert [request.first.path.parent.parent.name for request in asked] == ["20260101-101002-aaaa"]
        about = str(screen.query_one("#about").render())
        assert "fast 80.0%, slow 81.0% · only fast right: 2, only slow: 3" in about
        assert "McNemar's test: p = 1," in about
        table = [tuple(row.values()) for row in cells(screen, "images")]
        assert table == [
            ("fast", "all classes", "2", ""),
            ("slow", "all classes", "3", ""),
            ("fast", "e", "2", "f 2"),
            ("slow", "a", "2", "g 1, h 1"),
            ("slow", "c", "1", "b 1"),
        ]
        await pilot.press("down", "enter", "down", "enter", "down", "enter")
        assert [suspects.indices.tolist() for suspects, _, _ in opened] == [[3, 5, 8], [1, 9], [3, 5]]
        assert [suspects.others.tolist() for suspects, _, _ in opened] == [[6, 7, 1], [5, 5], [6, 7]]
        assert [listed.title for _, _, listed in opened] == [
            "only slow is right",
            "only fast is right",
            "only slow is right",
        ]
        assert opened[1][2].reason.format(other="f") == "slow predicts f"
        assert {checksum for _, checksum, _ in opened} == {"sum"}


async def test_asking_about_the_images_is_cancelled_and_refused(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going, refuse = threading.Event(), list[str]()

    def answer(self: WorkerClient, request: Any, progress: Progress = silent) -> Any:
        if refuse:
            raise InspectionError(refuse[0])
        progress(100, 2000)
        going.wait(60)
        raise InspectionCancelledError("cancelled")

    monkeypatch.setattr(WorkerClient, "ask", answer)
    monkeypatch.setattr(WorkerClient, "cancel", lambda self: going.set())
    app = ScreensApp(two, "runs")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await compared(pilot, app, 3, "j", "m", "m")
        await pilot.press("E")
        await until(pilot, lambda: "100 of 2,000 test images · Esc cancels" in edges(screen, "images"))
        assert screen.query_one(CompareView).panel("images").region.area, "where it is said is in view"
        await pilot.press("E")
        await until(pilot, lambda: "are being looked at" in line(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Esc cancels" not in edges(screen, "images"))
        assert isinstance(app.screen, CompareScreen)
        refuse.append("there is no {such} file")
        await pilot.press("E")
        await until(pilot, lambda: "there is no {such} file" in said(screen, "images"))


async def test_runs_without_checkpoints_say_so(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await compared(pilot, app, 3, "j", "m", "m")
        await pilot.press("E")
        await until(pilot, lambda: "has no checkpoint yet" in said(screen, "images"))

"""Groups of runs on *Runs*: one row, unfolded by a key; the runs that wait in the queue, and their keys."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from engine.errors import RunError
from engine.home import Home
from engine.mean_std import MeanStd
from engine.queue import queue_file
from engine.queue.queue_file import Queue, Waiting
from engine.runs import client as runs
from engine.runs import groups, listing, meta, store
from engine.runs.family import family
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.made_up import SIZES, MadeUpRun, ScreensApp, evaluated
from tests.support.waiting import until
from tests.tui.runs.test_runs import panel, rows, screen_of, typed
from tui import format as fmt
from tui.cli import main
from tui.config.declared import SORT_RUNS
from tui.runs.group_text import group_cells, state_of, state_words
from tui.runs.grouped_rows import arranged, of_two
from tui.runs.run_detail import RunDetail
from tui.widgets.keyline import KeyLine


def grouped(home: Path, seed: int, accuracy: float, *, name: str = "five", finished: bool = True) -> MadeUpRun:
    made = MadeUpRun(home, f"20260101-10101{seed}-aaaa", name=f"{name} seed {seed}", dead=finished, seed=seed)
    request = store.read_run(made.folder)
    store.write_run(made.folder, request | {"group": {"id": "g1", "name": name, "size": 3}})
    made.train([1])
    made.add(dataclasses.replace(evaluated(2), accuracy=accuracy))
    if finished:
        made.add(ev.Finished(epochs=10, seconds=20))
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        grouped(tmp_path, seed, accuracy)
    MadeUpRun(tmp_path, "20260102-000000-bbbb", name="alone", dead=True).train([1])
    return tmp_path


@pytest.mark.parametrize("size", SIZES)
async def test_a_group_is_one_row_until_it_is_unfolded(home: Path, size: tuple[int, int]) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: len(rows(app)) == 2 and "(3)" in str(rows(app)))
        titles = [column.title for column in screen_of(app).table.columns]
        _, group = rows(app)
        cells = dict(zip(titles, group, strict=True))
        assert cells["state"] == "finished"
        assert cells["run"].startswith("+ five (3)"[: len(cells["run"].rstrip("…"))])
        assert cells["best"] == "92.0 ± 2.0% (3)"
        assert cells["seed"] == "0–2"
        await pilot.press("down")
        assert "3 finished · enter unfolds it" in panel(app).edges[1]
        await pilot.press("enter")
        await until(pilot, lambda: len(rows(app)) == 5)
        titles = [column.title for column in screen_of(app).table.columns]
        assert [dict(zip(titles, row, strict=True))["seed"] for row in rows(app)[2:]] == ["0", "1", "2"]
        assert [dict(zip(titles, row, strict=True))["best"] for row in rows(app)[2:]] == ["90.0%", "92.0%", "94.0%"]
        await pilot.press("enter")
        await until(pilot, lambda: len(rows(app)) == 2)


async def test_what_needs_a_run_says_that_a_group_is_chosen(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 2 and "(3)" in str(rows(app)))
        await pilot.press("down", "b")
        await until(pilot, lambda: "a group is chosen" in str(app.screen.query_one(KeyLine).content))
        detail = app.screen.query_one(RunDetail)
        await until(pilot, lambda: "best 92.0 ± 2.0% (3)" in str(detail.query_one("#about").render()))
        assert "seed 1" in str(detail.query_one("#about").render())


async def test_filtering_and_sorting_keep_the_group_together(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 2 and "(3)" in str(rows(app)))
        screen_of(app).sort_by("best")
        assert [row[1] for row in rows(app)] == ["+ five (3)", "alone"]
        assert app.preferences.get(SORT_RUNS) == "-best"
        await typed(pilot, "best>=91")
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["+ five (2)"])
        await typed(pilot, "best>=93")
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["five seed 2"])


def run(run_id: str, *, group: str = "", parent: str = "", seed: int = 0, **known: Any) -> RunSummary:
    folder = Home(Path("/nowhere")).run(run_id)
    values: dict[str, Any] = {"name": "", "state": "finished", "model": "mlp", "dataset": "x", "demo": False} | known
    return RunSummary(
        id=run_id, epoch=1, epochs=1, accuracy=0.5, best_accuracy=0.5, started=0.0, folder=folder, parent=parent,
        parent_epoch=1, parent_step=1, group=group, group_size=2 * bool(group), settings={"seed": seed}, **values,
    )  # fmt: skip


def test_a_branch_of_a_run_of_a_group_is_never_hidden() -> None:
    runs_ = [run("z"), run("a2", group="g", seed=2), run("child", parent="a1"), run("a1", group="g", seed=1), run("y")]
    tree = family(runs_)
    found = of_two(groups.groups(runs_))
    folded = [(depth, one.id) for depth, one in arranged(tree, found, ())]
    assert folded == [(0, "z"), (0, "g"), (1, "child"), (0, "y")]
    unfolded = [(depth, one.id) for depth, one in arranged(tree, found, {"g"})]
    assert unfolded == [(0, "z"), (0, "g"), (1, "a1"), (2, "child"), (1, "a2"), (0, "y")]
    assert sorted(one.id for _, one in arranged(tree, {}, ())) == sorted(one.id for one in runs_)


def test_one_run_of_a_group_needs_no_row_above_it() -> None:
    assert of_two(groups.groups([run("a", group="g"), run("b", group="h"), run("c", group="h")])).keys() == {"h"}


def test_a_group_is_in_the_state_that_asks_for_most_and_names_its_seeds() -> None:
    def of(*members: RunSummary) -> Group:
        return groups.groups(members)[0]

    assert state_of(of(run("a", group="g"), run("b", group="g", state="failed"))) == "failed"
    assert state_of(of(run("a", group="g", state="training"), run("b", group="g", state="failed"))) == "training"
    assert of(run("a", group="g", seed=3), run("b", group="g", seed=4)).seeds == "3–4"
    assert of(run("a", group="g", seed=9), run("b", group="g", seed=4)).seeds == "4, 9"
    assert fmt.mean_percent(None) == "–"
    assert fmt.mean_percent(MeanStd(0.9237, None, 1), counted=True) == "92.4% (1)"


# The queue


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs that wait, and nobody who starts them."""
    monkeypatch.setattr("engine.queue.client.ensure_scheduler", lambda home: False)
    home, names = tmp_path / "waiting", []
    for name in ("one", "two"):
        folder = store.create(home, runs.request(TrainConfig(dataset="demo"), name=name) | {"prepared": True})
        folder.host_json.unlink()
        names.append(folder.id)
    queue_file.change(home, lambda queue: Queue(waiting=tuple(map(Waiting, names))))
    return home


def order(home: Path) -> list[str]:
    queue = queue_file.read(home)
    by_id = {row.id: row.name for row in listing.list_runs(home)}
    return [by_id[one.run] + " held" * one.held for one in queue.waiting]


async def test_a_run_that_waits_is_held_moved_and_cancelled_by_keys(waiting: Path) -> None:
    app = ScreensApp(waiting, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: [row[0] for row in rows(app)] == ["queued", "queued"])
        screen_of(app).sort_by("run")
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["one", "two"])
        await pilot.press("home", "J")
        await until(pilot, lambda: order(waiting) == ["two", "one"])
        await pilot.press("K")
        await until(pilot, lambda: order(waiting) == ["one", "two"])
        await pilot.press("space")
        await until(pilot, lambda: order(waiting) == ["one held", "two"])
        await until(pilot, lambda: [row[0] for row in rows(app)] == ["held", "queued"])
        await pilot.press("space")
        await until(pilot, lambda: order(waiting) == ["one", "two"])
        await until(pilot, lambda: [row[0] for row in rows(app)] == ["queued", "queued"])
        await pilot.press("x", "enter")
        await until(pilot, lambda: order(waiting) == ["two"])
        await until(pilot, lambda: [row[1] for row in rows(app)] == ["two"])


async def test_runs_that_do_not_wait_have_no_place_in_the_queue(home: Path) -> None:
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 2)
        await pilot.press("J")
        await until(pilot, lambda: "only a run that waits in the queue" in str(app.screen.query_one(KeyLine).content))


async def test_the_form_puts_a_group_into_the_queue_and_runs_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.queue.client.ensure_scheduler", lambda home: False)
    home = tmp_path / "new"
    app = ScreensApp(home)
    async with app.run_test(size=(140, 45)) as pilot:
        form = app.screen.query_one("#form")
        form.values |= {"seeds": "3", "name": "trio"}  # type: ignore[attr-defined]
        await pilot.press("s")
        await until(pilot, lambda: len(queue_file.read(home).waiting) == 3)
        await until(pilot, lambda: bool(app.screen.query("#table")) and len(rows(app)) == 1)
        assert rows(app)[0][:2] == ["queued", "+ trio (3)"]
    assert len(os.listdir(home / "runs")) == 3


async def test_a_group_is_renamed_with_its_runs_that_are_called_by_it(home: Path) -> None:
    first = store.find(home, "20260101-101010-aaaa")
    meta.change(first, name="the best one", note="kept")
    app = ScreensApp(home, "runs")
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 2 and "five (3)" in str(rows(app)))
        await pilot.press("down", "f2")
        await until(pilot, lambda: bool(app.screen.query("#line")))
        assert app.screen.query_one("#line", Input).value == "five"
        app.screen.query_one("#line", Input).value = "seven"
        await pilot.press("enter")
        await until(pilot, lambda: "seven (3)" in str(rows(app)))
    (group,) = groups.groups(listing.list_runs(home))
    assert group.name == "seven"
    assert sorted(run.name for run in group.runs) == ["seven seed 1", "seven seed 2", "the best one"]
    assert [run.note for run in group.runs if run.note] == ["kept"]


def test_the_trials_of_a_study_keep_its_name(home: Path) -> None:
    (group,) = groups.groups(listing.list_runs(home))
    trials = tuple(dataclasses.replace(run, study="search") for run in group.runs)
    with pytest.raises(RunError, match="trials of the study search, which keeps its name"):
        groups.rename(dataclasses.replace(group, runs=trials), "other")
    for odd in ("\x1b[2J", "x" * 300):
        with pytest.raises(RunError, match="the run's name"):
            groups.rename(group, odd)
    assert groups.groups(listing.list_runs(home)) == [group]


def test_a_group_is_renamed_on_the_command_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rename(*arguments: str) -> int:
        return main.main(["--home", str(home), "rename", *arguments])

    assert rename("five", "six") == 0
    assert "g1: five is called six now, 3 runs" in capsys.readouterr().out
    (group,) = groups.groups(listing.list_runs(home))
    assert (group.name, group.runs[0].name) == ("six", "six seed 0")
    assert rename("g1", "") == 0
    (group,) = groups.groups(listing.list_runs(home))
    assert (group.name, group.runs[0].name) == ("", "seed 0")
    assert rename("nothing", "x") == 2
    assert rename("alone", "one") == 0
    assert "alone is called one now" in capsys.readouterr().out


def test_the_counts_of_a_large_group_have_their_thousands_apart(home: Path) -> None:
    one = next(run for run in listing.list_runs(home) if run.group)
    many = Group("g1", "five", 2000, tuple(dataclasses.replace(one, id=f"{at}") for at in range(1500)))
    assert state_words(many) == "1,500 finished"
    cells = group_cells(many, 0, one.started, unfolded=False)
    assert (cells["run"], cells["epochs"]) == ("+ five (1,500)", "1,500/2,000 ended")

"""*Race*: branches side by side on the screen, of which one is kept."""

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from engine import race as racing
from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.home import RunFolder
from engine.runs import client, store
from engine.training import event_json
from engine.training import events as ev
from tests.support.made_up import SIZES, MadeUpRun, ScreensApp, progress
from tests.support.waiting import HANG_S, until
from tui.dialogs.choice import ChoiceScreen
from tui.dialogs.prompt import PromptScreen
from tui.runs.race import RaceScreen
from tui.runs.race_actions import _planned
from tui.runs.run_chart import RunChart
from tui.runs.watch import WatchScreen
from tui.widgets.panel import Panel

PARENT = "20260101-100000-aaaa"


def branch_of(home: Path, at: int, words: str, *, steps: int, done: int, loss: float, live: bool = False) -> MadeUpRun:
    run = MadeUpRun(home, f"20260101-10010{at}-aaaa", name=words, dead=not live, lr=0.1 * (at + 1))
    parent = {"run": PARENT, "file": "checkpoints/epoch-0001.pt", "epoch": 1, "step": 100, "changes": {}}
    record = {"id": "ab", "steps": steps, "place": at, "words": words, "begun": 100, "threads_before": 0}
    store.write_run(run.folder, store.read_run(run.folder) | {"parent": parent, "race": record})
    run.add(
        ev.Branched(
            parent=PARENT, checkpoint="epoch-0001.pt", epoch=1, step=100, evaluated=True, changes={}, notes=[]
        )
    )  # fmt: skip
    run.add(*(dataclasses.replace(progress(2, step), loss=loss) for step in range(10, done + 1, 10)))
    if not live:
        run.add(ev.Stopped(reason="asked", epoch=2, step=done))
    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    run = MadeUpRun(tmp_path, PARENT, name="base", dead=True)
    run.train(range(1, 3))
    run.add(ev.CheckpointSaved(file="epoch-0001.pt", epoch=1, step=100, bytes=1, sha256=""))
    run.add(ev.Finished(epochs=2, seconds=4))
    run.folder.checkpoints.mkdir(exist_ok=True)
    manifest.write(run.folder, [Entry("epoch-0001.pt", 1, 100, 1, "01", 1.0, "epoch", 0.5)])
    return tmp_path


async def watching(pilot: Pilot[Any], app: ScreensApp) -> WatchScreen:
    app.watch_run(store.find(app.home, "base"))
    await until(pilot, lambda: isinstance(app.screen, WatchScreen) and bool(app.screen._state.checkpoints))
    assert isinstance(app.screen, WatchScreen)
    return app.screen


async def racing_screen(pilot: Pilot[Any], app: ScreensApp) -> RaceScreen:
    await watching(pilot, app)
    await pilot.press("ampersand")
    await until(pilot, lambda: isinstance(app.screen, RaceScreen) and bool(app.screen.table.rows))
    assert isinstance(app.screen, RaceScreen)
    return app.screen


@pytest.mark.parametrize("size", SIZES)
async def test_branches_race_side_by_side_with_their_run(home: Path, size: tuple[int, int]) -> None:
    branch_of(home, 0, "lr=0.1", steps=50, done=50, loss=0.9)
    branch_of(home, 1, "lr=0.2", steps=50, done=50, loss=0.4)
    branch_of(home, 2, "lr=0.3", steps=50, done=20, loss=0.1)
    app = ScreensApp(home)
    async with app.run_test(size=size) as pilot:
        screen = await racing_screen(pilot, app)
        assert [row.cells[1:5] for row in screen.table.rows] == [
            ("lr=0.1", "stopped", "50 of 50", "0.9000"),
            ("lr=0.2 (lowest)", "stopped", "50 of 50", "0.4000"),
            ("lr=0.3", "stopped", "20 of 50", "0.1000"),
        ]
        assert len({row.cells[0] for row in screen.table.rows}) == 3  # signs, as on the chart
        chart = screen.query_one(RunChart)
        names = {"base", "lr=0.1", "lr=0.2", "lr=0.3"}
        await until(pilot, lambda: names <= {one.name for one in chart.chart.series})
        assert screen.page.view.window == pytest.approx((1 - 0.125, 1.5))
        assert "Race of branches of base, after epoch 1: loss" in screen.query_one("#chart-panel", Panel)._title
        await pilot.press("tab", "0")  # the keys of the chart
        assert screen.page.view.window is None
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen))


async def test_branches_that_take_long_to_read_are_read_by_one_thread_at_a_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(2):
        branch_of(home, at, f"lr={at}", steps=50, done=20, loss=1.0, live=True)
    goes_on, lock, at_once = threading.Event(), threading.Lock(), list[bool]()
    read = racing.RaceReader.read

    def slowly(reader: racing.RaceReader) -> Any:
        at_once.append(lock.locked())
        with lock:
            assert goes_on.wait(HANG_S)
            return read(reader)

    monkeypatch.setattr(racing.RaceReader, "read", slowly)
    app = ScreensApp(home)
    async with app.run_test(size=(120, 36)) as pilot:
        await watching(pilot, app)
        await pilot.press("ampersand")
        await until(pilot, lambda: isinstance(app.screen, RaceScreen) and bool(at_once))
        screen = app.screen
        assert isinstance(screen, RaceScreen)
        for _ in range(3):
            screen._tick()
            await pilot.pause()
        goes_on.set()
        await until(pilot, lambda: len(screen.table.rows) == 2)
        screen._tick()
        await until(pilot, lambda: len(at_once) > 1)
        assert not any(at_once)


async def test_enter_keeps_one_and_the_others_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    branches = [branch_of(home, at, f"lr={at}", steps=50, done=50, loss=1.0 - at / 10) for at in range(3)]
    resumed: list[RunFolder] = []
    monkeypatch.setattr(client, "resume", lambda folder, **_: resumed.append(folder))
    app = ScreensApp(home)
    async with app.run_test(size=(120, 36)) as pilot:
        await racing_screen(pilot, app)
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen) and app.screen.folder == branches[1].folder)
        assert resumed == [branches[1].folder]
        assert [one.folder.path.exists() for one in branches] == [False, True, False]
        assert "race" not in store.read_run(branches[1].folder)
        app.trash.bring_back()
        assert all(one.folder.path.exists() for one in branches)


async def test_before_the_end_it_asks_and_a_stopped_race_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches = [branch_of(home, at, f"lr={at}", steps=50, done=20, loss=1.0, live=True) for at in range(2)]
    stopped: list[RunFolder] = []
    monkeypatch.setattr(racing, "stop", stopped.extend)
    app = ScreensApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await racing_screen(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert not stopped
        for one in branches:
            one.folder.host_json.unlink()
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen))
        assert stopped == [one.folder for one in branches]
        assert not any(one.folder.path.exists() for one in branches)


async def test_what_races_is_asked_for_and_checked_while_it_is_typed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[racing.RacePlan] = []

    def begin(plan: racing.RacePlan) -> list[RunFolder]:
        begun.append(plan)
        return [branch_of(home, at, f"lr={at}", steps=50, done=50, loss=1.0).folder for at in range(2)]

    monkeypatch.setattr(racing, "begin", begin)
    folder = store.find(home, "base")
    store.write_run(folder, store.read_run(folder) | {"steps": 100, "dataset": {"train": 6400}})
    app = ScreensApp(home)
    async with app.run_test(size=(120, 36)) as pilot:
        await watching(pilot, app)
        await pilot.press("ampersand")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        prompt = app.screen
        assert isinstance(prompt, PromptScreen)
        line = prompt.query_one("#line")
        assert line.value == "lr=3.3e-4|1e-3|3e-3 steps=500"  # type: ignore[attr-defined]
        line.value = "lr=1|1 steps=50"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is prompt
        assert not begun
        line.value = "lr=0.1; lr=0.2 momentum=0.5; steps=50"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RaceScreen))
        assert [one.words for one in begun[0].contenders] == ["lr=0.1", "lr=0.2 momentum=0.5"]
        assert begun[0].steps == 50


async def test_a_second_race_begins_at_another_checkpoint_under_the_cursor(home: Path) -> None:
    for at in range(2):
        branch_of(home, at, f"lr=0.{at + 1}", steps=50, done=50, loss=1.0)
    folder = store.find(home, "base")
    with open(folder.events, "ab") as file:
        saved = ev.CheckpointSaved(seq=900, file="epoch-0002.pt", epoch=2, step=100, bytes=1, sha256="")
        file.write(event_json.encode(saved).encode() + b"\n")
    first = manifest.read(folder)
    manifest.write(folder, [*first, Entry("epoch-0002.pt", 2, 100, 1, "02", 1.0, "epoch", 0.5)])
    store.write_run(folder, store.read_run(folder) | {"steps": 100, "dataset": {"train": 6400}})
    app = ScreensApp(home)
    async with app.run_test(size=(120, 36)) as pilot:
        watched = await watching(pilot, app)
        await until(pilot, lambda: len(watched._state.checkpoints) == 2)
        await pilot.press("ampersand")  # no cursor: the newest race
        await until(pilot, lambda: isinstance(app.screen, RaceScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is watched)
        await pilot.press("left_square_bracket")  # the last checkpoint
        await until(pilot, lambda: watched._chosen is not None and watched._chosen.epoch == 2)
        await pilot.press("ampersand")
        await until(pilot, lambda: isinstance(app.screen, PromptScreen))
        assert "from the end of epoch 2" in str(app.screen.query_one("#about", Static).content)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is watched)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: watched._chosen is not None and watched._chosen.epoch == 1)
        await pilot.press("ampersand")
        await until(pilot, lambda: isinstance(app.screen, RaceScreen))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("lr=1 steps=10; lr=2 steps=20", "steps: 10 and 20; all branches do the same number"),
        ("lr=1|2 steps=many", "steps: 'many' is not a number of training steps such as 500"),
        ("lr=1|2 steps=٣", "is not a number of training steps"),
        ("steps=50", "1 branches; from 2 to 8 race"),
    ],
)
def test_steps_are_one_number(home: Path, text: str, why: str) -> None:
    from engine.errors import EngineError
    from engine.runs import branch

    point = branch.branch_point(store.find(home, "base"), "1")
    with pytest.raises(EngineError) as refused:
        _planned(point, {"steps": 100, "dataset": {"train": 6400}}, text)
    assert why in str(refused.value)

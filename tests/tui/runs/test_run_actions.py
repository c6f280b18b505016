"""Resume, branch and edit, from the keys to the call that does it."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import client
from engine.training import events as ev
from tests.support.made_up import STEPS, MadeUpRun, ScreensApp, progress
from tests.support.waiting import until
from tests.tui.runs.test_watch import text
from tui.dialogs.prompt import PromptScreen
from tui.runs.live import LiveView
from tui.runs.run_detail import RunDetail
from tui.runs.watch import WatchScreen
from tui.widgets.rows import Rows


class Calls:
    """What the screens asked the engine for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, branch: RunFolder) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.differences: list[str] = []
        self.resumed = client.Resumed()
        self.refusal = ""
        monkeypatch.setattr(client, "command", lambda folder, name, changes=None: self._note(name, changes))
        monkeypatch.setattr(client, "expected_differences", lambda folder: self.differences)
        monkeypatch.setattr(client, "resume", self._resume)
        monkeypatch.setattr(
            client, "branch", lambda folder, at, changes, name="", notify=(): self._branch(at, changes, name, branch)
        )

    def _note(self, name: str, changes: Any) -> list[str]:
        self.told.append((name, changes))
        return [f"told of {changes}"]

    def _resume(self, folder: RunFolder, **changes: Any) -> client.Resumed:
        self.told.append(("resume", folder.id, changes))
        if self.refusal:
            raise RunError(self.refusal)
        return self.resumed

    def _branch(self, at: str, changes: dict[str, str], name: str, new: RunFolder) -> RunFolder:
        self.told.append(("branch", at, changes, name))
        return new


ENTRIES = [
    Entry("epoch-0001.pt", 1, STEPS, 1000, "00", 0.0, "epoch", 0.51),
    Entry("epoch-0002-step-000050.pt", 2, 50, 1000, "00", 0.0, "asked"),
    Entry("epoch-0002.pt", 2, STEPS, 1000, "00", 0.0, "epoch", 0.52),
]


def run_with_checkpoints(home: Path, run_id: str = "20260101-101010-aaaa", *, dead: bool = False) -> MadeUpRun:
    made = MadeUpRun(home, run_id, name="my run", dead=dead)
    made.train(range(1, 3))
    made.folder.checkpoints.mkdir()
    manifest.write(made.folder, ENTRIES)
    for entry in ENTRIES:
        made.add(ev.CheckpointSaved(file=entry.file, epoch=entry.epoch, step=entry.step, bytes=1, sha256=""))
    made.add(progress(3, 40))
    return made


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    return Calls(monkeypatch, MadeUpRun(tmp_path, "20260101-121212-bbbb", name="new one").folder)


async def shown(app: ScreensApp, pilot: Pilot[None], run: MadeUpRun) -> WatchScreen:
    app.watch_run(run.folder)
    await until(pilot, lambda: "epoch 3/10" in text(app))
    screen = app.screen
    assert isinstance(screen, WatchScreen)
    if run.folder.manifest.exists():
        await until(pilot, lambda: screen._entries)  # read in a thread: before that, keys find no checkpoint
    return screen


def cursor(app: ScreensApp) -> float | None:
    """The charts' cursor, in epochs."""
    return app.screen.query_one(LiveView).cursor


def verdict(app: ScreensApp) -> str:
    return str(app.screen.query_one("#verdict", Static).content)


async def prompted(app: ScreensApp, pilot: Pilot[None]) -> Input:
    await until(pilot, lambda: isinstance(app.screen, PromptScreen))
    await pilot.pause()
    return app.screen.query_one(Input)


@pytest.mark.parametrize(("key", "factor"), [("plus", "x2"), ("equals_sign", "x2"), ("minus", "/2")])
async def test_a_key_doubles_or_halves_the_learning_rate(tmp_path: Path, calls: Calls, key: str, factor: str) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, pilot, run_with_checkpoints(tmp_path))
        await pilot.press(key)
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("set", {"lr": factor})]


async def test_a_change_is_typed_and_judged_at_every_key(tmp_path: Path, calls: Calls) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(app, pilot, run_with_checkpoints(tmp_path))
        await pilot.press("c")
        line = await prompted(app, pilot)
        for typed, words in {
            "lr=": "'' is not a number",
            "lr=3e-4 epochs=2": "the run is in epoch 3 already",
            "seed=1": "can't be changed while a run trains",
            "lr": "is not of the form SETTING=VALUE",
            "lr=x2 epochs=20": "lr 1e-3 → 2e-3 · epochs 10 → 20",
        }.items():
            line.value = typed
            await pilot.pause()
            assert words in verdict(app)
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("set", {"lr": "x2", "epochs": "20"})]


async def test_an_edit_is_in_the_log_on_the_chart_and_in_the_headline_whoever_made_it(
    tmp_path: Path, calls: Calls
) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        run = run_with_checkpoints(tmp_path)
        await shown(app, pilot, run)
        run.add(ev.Edited(epoch=3, step=40, setting="lr", before=1e-3, after=2e-3, lr=2e-3, from_epoch=3))
        run.add(ev.Edited(epoch=3, step=40, setting="batch_size", before=64, after=128, lr=2e-3, from_epoch=4))
        await until(pilot, lambda: "lr 1e-3 → 2e-3 at epoch 3, step 40" in text(app))
        await until(pilot, lambda: "▽ edit" in text(app))
        assert "batch_size 64 → 128 from epoch 4" in text(app)
        assert "sgd lr 2e-3" in text(app)


async def test_the_cursor_goes_from_checkpoint_to_checkpoint_and_a_branch_leaves_there(
    tmp_path: Path, calls: Calls
) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await shown(app, pilot, run_with_checkpoints(tmp_path))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "the end of epoch 2 (52.0%)" in text(app))
        assert cursor(app) == 2.0
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "epoch 2, step 50" in text(app))
        await pilot.press(*["left_square_bracket"] * 3)
        await until(pilot, lambda: "the end of epoch 1 (51.0%)" in text(app))
        await pilot.press("right_square_bracket", "b")
        line = await prompted(app, pilot)
        for typed, words in {
            "model=cnn": "keeps its parent's model",
            "lr=0": "out of range",
            "epochs=1": "1 of 1 epochs are done there",
            "": "the same settings",
            "lr=/2 name=slower": "lr 1e-3 → 5e-4",
        }.items():
            line.value = typed
            await pilot.pause()
            assert words in verdict(app)
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls.told) and app.watched is not None and "bbbb" in app.watched.id)
        assert calls.told == [("branch", "2:50", {"lr": "/2"}, "slower")]
        await until(pilot, lambda: "new one" in text(app))
        assert cursor(app) is None
        assert screen is app.screen


async def test_a_branch_leaves_from_the_checkpoint_before_the_cursor_wherever_that_is(
    tmp_path: Path, calls: Calls
) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, run_with_checkpoints(tmp_path))
        await pilot.press("left")
        await until(pilot, lambda: "branch off the end of epoch 2" in text(app))
        for _ in range(4):
            await pilot.press("left")
        await until(pilot, lambda: "branch off epoch 2, step 50" in text(app))
        await pilot.press("g", "b")
        await until(pilot, lambda: any("no checkpoint at or before" in one.message for one in app._notifications))


async def test_escape_takes_the_cursor_away(tmp_path: Path, calls: Calls) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, run_with_checkpoints(tmp_path))
        await pilot.press("right")
        await until(pilot, lambda: cursor(app) is not None)
        await pilot.press("escape")
        await until(pilot, lambda: cursor(app) is None)


async def test_a_run_whose_process_is_gone_is_offered_its_resume(tmp_path: Path, calls: Calls) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        run = run_with_checkpoints(tmp_path, dead=True)
        await shown(app, pilot, run)
        await until(pilot, lambda: "space resumes from its newest checkpoint" in text(app))
        await pilot.press("plus")  # nobody is there to take them
        await pilot.press("space")
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("resume", run.folder.id, {"epochs": None})]


async def test_a_resume_that_will_not_be_bit_for_bit_asks_first(tmp_path: Path, calls: Calls) -> None:
    calls.differences = ["torch 2.14.0, now 2.15.0"]
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        run = run_with_checkpoints(tmp_path, dead=True)
        await shown(app, pilot, run)
        await until(pilot, lambda: "space resumes" in text(app))
        await pilot.press("space")
        await prompted(app, pilot)
        assert "torch 2.14.0, now 2.15.0" in str(app.screen.query_one("#about", Static).content)
        await pilot.press("escape")
        await pilot.pause()
        assert calls.told == []
        await pilot.press("space")
        await prompted(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls.told))


async def test_a_complete_run_is_asked_how_far_it_shall_go(tmp_path: Path, calls: Calls) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        run = run_with_checkpoints(tmp_path, dead=True)
        run.add(ev.Finished(epochs=10, seconds=5.0))
        await shown(app, pilot, run)
        await pilot.press("space")
        line = await prompted(app, pilot)
        assert line.value == "20"
        line.value = "9"
        await pilot.pause()
        assert "10 epochs are done already" in verdict(app)
        line.value = "12"
        await pilot.pause()
        assert "2 more epochs, 12 in all" in verdict(app)
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("resume", run.folder.id, {"epochs": 12})]


@pytest.mark.parametrize("screen", ["watch", "runs"])
@pytest.mark.parametrize("how", ["killed", "failed"])
async def test_a_run_that_ended_is_resumed_with_other_settings(
    tmp_path: Path, calls: Calls, screen: str, how: str
) -> None:
    run = run_with_checkpoints(tmp_path, dead=True)
    if how == "failed":
        run.add(ev.Failed(message="the loss is NaN", log=""))
    app = ScreensApp(tmp_path, "runs") if screen == "runs" else ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        if screen == "watch":
            await shown(app, pilot, run)
        else:
            await until(pilot, lambda: len(app.screen.query_one(Rows).rows) == 2)
            await pilot.press("j")
        await pilot.press("c")
        line = await prompted(app, pilot)
        assert line.value == ""
        line.value = "lr=/10 model=cnn"
        await pilot.pause()
        assert "can't be changed" in verdict(app)
        line.value = "lr=/10 epochs=20"
        await until(pilot, lambda: "lr 1e-3 → 1e-4 · epochs 10 → 20" in verdict(app))
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("resume", run.folder.id, {"epochs": 20, "settings": {"lr": "/10"}})]


async def test_a_complete_run_is_resumed_with_other_settings_for_more_epochs(tmp_path: Path, calls: Calls) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        run = run_with_checkpoints(tmp_path, dead=True)
        run.add(ev.Finished(epochs=10, seconds=5.0))
        await shown(app, pilot, run)
        await pilot.press("c")
        line = await prompted(app, pilot)
        assert line.value == "epochs=20"
        line.value = "lr=1e-4"
        await until(pilot, lambda: "10 epochs are done already: give more, as epochs=20" in verdict(app))
        line.value = "lr=1e-4 epochs=x2"
        await until(pilot, lambda: "epochs 10 → 20" in verdict(app))
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("resume", run.folder.id, {"epochs": 20, "settings": {"lr": "1e-4"}})]


async def test_the_settings_of_a_run_that_trains_are_changed_on_runs(tmp_path: Path, calls: Calls) -> None:
    run_with_checkpoints(tmp_path)
    app = ScreensApp(tmp_path, "runs")
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: len(app.screen.query_one(Rows).rows) == 2)
        await pilot.press("j", "c")
        line = await prompted(app, pilot)
        line.value = "lr=x2"
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("set", {"lr": "x2"})]


async def test_a_refused_resume_is_said_and_nothing_changes(tmp_path: Path, calls: Calls) -> None:
    calls.refusal = "no checkpoint can be used"
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        run = run_with_checkpoints(tmp_path, dead=True)
        await shown(app, pilot, run)
        await until(pilot, lambda: "space resumes" in text(app))
        await pilot.press("space")
        await until(pilot, lambda: any(calls.refusal in n.message for n in app._notifications))
        assert app.watched == run.folder


async def test_runs_shows_branches_below_their_parent(tmp_path: Path, calls: Calls) -> None:
    from engine.runs import store

    parent = run_with_checkpoints(tmp_path, dead=True)
    for run_id, name, of in (
        ("20260102-000000-cccc", "child", parent.folder.id),
        ("20260103-000000-dddd", "grandchild", "20260102-000000-cccc"),
        ("20260104-000000-eeee", "orphan", "20250101-000000-ffff"),
    ):
        made = MadeUpRun(tmp_path, run_id, name=name, dead=True)
        asked = store.read_run(made.folder)
        store.write_run(made.folder, asked | {"parent": {"run": of, "epoch": 2, "step": STEPS, "file": "x"}})
    app = ScreensApp(tmp_path, "runs")
    async with app.run_test(size=(140, 30)) as pilot:
        table = app.screen.query_one(Rows)
        await until(pilot, lambda: len(table.rows) == 5)
        names = [row.cells[1] for row in table.rows]
        assert names == ["orphan", "new one", "my run", "└ child", "  └ grandchild"]
        await pilot.press("j", "j", "j")
        detail = app.screen.query_one(RunDetail)
        await until(pilot, lambda: "child" in detail.edges[0])
        about = detail.query_one("#about", Static)
        await until(pilot, lambda: "branch of my run at epoch 2, step 100" in str(about.content))
        await pilot.press("k", "space")
        await until(pilot, lambda: bool(calls.told))
        assert calls.told == [("resume", parent.folder.id, {"epochs": None})]


async def test_a_branch_is_drawn_with_its_parents_curve(tmp_path: Path, calls: Calls) -> None:
    from engine.runs import store

    parent = run_with_checkpoints(tmp_path, dead=True)
    child = MadeUpRun(tmp_path, "20260102-000000-cccc", name="child")
    store.write_run(child.folder, store.read_run(child.folder) | {"parent": {"run": parent.folder.id}})
    child.add(
        ev.Branched(
            parent=parent.folder.id,
            checkpoint="x",
            epoch=2,
            step=STEPS,
            evaluated=True,
            changes={"lr": 1.0},
            notes=[],
        )
    )
    child.add(progress(3, 40))
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(app, pilot, child)
        await until(pilot, lambda: "··· parent" in text(app))
        await until(pilot, lambda: f"branch of {parent.folder.id}"[:40] in text(app))

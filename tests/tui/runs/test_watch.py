import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input
from textual.worker import WorkerCancelled

from engine.errors import DataError, RunError
from engine.home import RunFolder
from engine.runs.state import RunState
from engine.training import events as ev
from engine.training.config import TrainConfig
from tests.support.made_up import SIZES, STEPS, MadeUpRun, ScreensApp, evaluated, progress
from tests.support.timers import count_writes, tick
from tests.support.waiting import until
from tui.runs.facts import Numbers, notice
from tui.runs.follow import FollowThread, RunUpdated
from tui.runs.form import ConfigForm
from tui.runs.form_fields import all_names
from tui.runs.live import PANELS
from tui.runs.new_run import NewRunScreen
from tui.runs.stop_dialog import StopDialog
from tui.runs.text_log import TextLog
from tui.runs.watch import WatchScreen
from tui.widgets.lines import Lines


def text(app: ScreensApp) -> str:
    """What the live view shows; nothing while another screen is shown."""
    return "\n".join(w.text() for w in app.screen.query("#live Lines").results(Lines) if w.display and w.region.area)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were sent to a host."""
    commands: list[str] = []
    monkeypatch.setattr("engine.runs.client.command", lambda folder, name: commands.append(name))
    return commands


@pytest.fixture
def run(tmp_path: Path) -> MadeUpRun:
    made = MadeUpRun(tmp_path, "20260101-101010-aaaa", name="my run")
    made.train(range(1, 4))
    made.add(progress(4, 50))
    return made


async def test_a_log_that_can_not_be_read_is_named_and_not_taken_for_a_run_that_ended(
    tmp_path: Path, run: MadeUpRun
) -> None:
    log = run.folder.events
    kept = log.read_bytes()
    log.unlink()
    log.mkdir()
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(140, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "can't be read" in text(app))
        told = f"{log} can't be read (a folder, not a file); mend that, or move it out of the way"
        await until(pilot, lambda: [one.message for one in app._notifications] == [told])
        assert "ended" not in text(app)
        log.rmdir()
        log.write_bytes(kept)
        await until(pilot, lambda: "training" in text(app) and "can't be read" not in text(app))


@pytest.mark.parametrize("size", SIZES)
async def test_everything_of_a_run_is_on_the_screen_or_one_key_away(
    tmp_path: Path, run: MadeUpRun, size: tuple[int, int]
) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "⠿ test" in text(app))
        seen = text(app)
        for _ in PANELS[1:]:
            await pilot.press("tab")
            await pilot.pause()
            seen += text(app)
        wanted = [
            "training", "my run", "mlp", "sgd lr 1e-3", "Fashion-MNIST", "epoch 4/10", "50/100 steps",
            "350/1,000 steps", "35%", "left", "loss 0.375", "3,200 samples/s", "elapsed", "512 MiB", "63%", "Some CPU",
            "Epoch 3", "loss: 2.297350  [    0/ 6400]", "Test Error: Accuracy: 53.0%, Avg loss: 2.153763",
            "test accuracy, %", "Test accuracy by class", "Confusion: true ↓", "epoch 3", "Ankle boot",
        ]  # fmt: skip
        assert [words for words in wanted if words not in seen] == []


async def test_the_confusion_matrix_counts_rows_by_true_class(tmp_path: Path, run: MadeUpRun) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "training" in text(app))
        confusion = app.screen.query_one("#confusion", Lines)
        await until(pilot, lambda: "53" in confusion.text())
        rows = confusion.text().splitlines()
        assert len(rows) == 11
        assert rows[1].split() == ["T-shirt/top", "53", "47", *"·" * 8]
        assert rows[10].split()[-10:] == ["47", *"·" * 8, "53"]
        assert rows[0].split() == ["T-…", "Tr…", "Pu…", "Dr…", "Co…", "Sa…", "Sh…", "Sn…", "Bag", "An…"]


async def test_keys_send_their_commands(tmp_path: Path, run: MadeUpRun, sent: list[str]) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "training" in text(app))
        await pilot.press("space")
        await until(pilot, lambda: sent == ["pause"])
        await pilot.press("full_stop")
        await until(pilot, lambda: sent == ["pause", "pause", "step"])
        run.add(ev.Paused(epoch=4, step=51, reason="step"))
        await until(pilot, lambda: "paused: after one step" in text(app))
        sent.clear()
        await pilot.press("full_stop")
        await until(pilot, lambda: sent == ["step"])
        await pilot.press("space")
        await until(pilot, lambda: sent == ["step", "unpause"])
        await pilot.press("w")
        await until(pilot, lambda: sent[-1] == "checkpoint")
        run.add(ev.CheckpointSaved(file="checkpoints/e4.pt", epoch=4, step=51, bytes=2**21, sha256=""))
        await until(pilot, lambda: any("checkpoints/e4.pt (2.0 MiB)" in n.message for n in app._notifications))


@pytest.mark.parametrize(
    ("end", "word"),
    [
        (ev.Paused(epoch=4, step=51, reason="asked"), "paused"),
        (ev.Stopped(epoch=4, step=51, reason="asked"), "stopped"),
        (ev.Finished(epochs=10, seconds=20), "finished"),
        (ev.Failed(message="out of memory", log="", epoch=4, step=51), "failed"),
    ],
)
async def test_load_memory_and_speed_are_shown_only_while_it_trains(
    tmp_path: Path, run: MadeUpRun, end: ev.Event, word: str
) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(140, 45)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "machine load 63%" in text(app))
        numbers = app.screen.query_one(Numbers)
        assert "samples/s" in numbers.text()
        assert "memory 512 MiB" in numbers.text()
        run.add(end)
        await until(pilot, lambda: word in text(app) and "samples/s" not in numbers.text())
        assert "load" not in numbers.text()
        assert "memory" not in numbers.text()
        assert "elapsed" in numbers.text()
        if word == "paused":
            run.add(ev.Unpaused(epoch=4, step=51))
            await until(pilot, lambda: "machine load 63%" in numbers.text())


async def test_what_a_gpu_tells_stands_beside_what_others_take_of_it(tmp_path: Path, run: MadeUpRun) -> None:
    gib = 2**30
    run.add(
        ev.Readings(
            load=0.97, memory=3 * gib, memory_total=80 * gib, memory_used=12 * gib, watts=221.5, watts_limit=700.0,
            temperature=61.0, others=2, others_memory=8 * gib,
        )
    )  # fmt: skip
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(160, 45)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "97%" in text(app))
        numbers = app.screen.query_one(Numbers)
        assert (
            "memory 3.0 GiB · card 12.0 GiB of 80.0 GiB · machine load 97% · 2 other processes, 8.0 GiB · 222 of 700 W "
            "· 61 °C" in numbers.text()
        )
        run.add(ev.Readings(load=None, memory=3 * gib, memory_total=80 * gib, others=1, temperature=61.0))
        await until(pilot, lambda: "memory 3.0 GiB of 80.0 GiB · 1 other process · 61 °C" in numbers.text())


def test_what_a_gpu_does_not_tell_is_a_warning_of_its_epoch_and_hides_no_other() -> None:
    silent = ev.Warned(code="no_readings", message="the GPU does not tell its watts", epoch=1, step=3)
    dead = ev.Warned(code="dead_units", message="dead units", epoch=1, step=2)
    state = RunState(status="training", epoch=1, step=5, steps=STEPS, seq=9, warnings=(silent,))
    assert "does not tell its watts" in notice(state, alive=True)[0]
    assert notice(replace(state, epoch=2), alive=True) == ("", "")
    both = notice(replace(state, warnings=(dead, silent)), alive=True)[0]
    assert "dead units" in both
    assert "warnings" not in both
    assert "dead units" in notice(replace(state, epoch=2, warnings=(silent, dead)), alive=True)[0]


@pytest.mark.parametrize("saved", [False, True])
async def test_the_advice_after_a_nan_is_what_can_be_done(tmp_path: Path, saved: bool) -> None:
    made = MadeUpRun(tmp_path, "20260101-101010-aaaa", name="my run")
    made.add(progress(1, 10))
    if saved:
        made.add(ev.CheckpointSaved(file="checkpoints/e1.pt", epoch=1, step=10, bytes=2**21, sha256=""))
    made.add(ev.Warned(code="non_finite_loss", message="the loss is NaN", epoch=1, step=23))
    made.add(ev.CheckpointSaved(file="checkpoints/bad.pt", epoch=1, step=24, bytes=2**21, sha256="", finite=False))
    made.add(ev.Paused(epoch=1, step=24, reason="non_finite_loss"))
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(made.folder)
        await until(pilot, lambda: "NaN or infinite loss" in text(app))
        assert ("x stops it, c then goes back, and on with another lr" in text(app)) == saved
        assert ("before any checkpoint: x stops it; N starts a new run" in text(app)) == (not saved)


@pytest.mark.parametrize(
    ("keys", "commands", "watching"),
    [(["s"], ["stop"], True), (["enter"], ["stop"], True), (["d"], [], False), (["down", "enter"], [], False),
     (["g"], [], True), (["escape"], [], True)],
)  # fmt: skip
async def test_the_stop_dialog_does_what_it_says(
    tmp_path: Path, run: MadeUpRun, sent: list[str], keys: list[str], commands: list[str], watching: bool
) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "training" in text(app))
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(app.screen, StopDialog)
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen | WatchScreen))
        await pilot.pause()
        assert sent == commands
        assert isinstance(app.screen, WatchScreen) is watching
        assert (app.watched is not None) is watching


async def test_a_refused_command_is_told(tmp_path: Path, run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: RunFolder, name: str) -> None:
        raise RunError("the run does not answer")

    monkeypatch.setattr("engine.runs.client.command", refuse)
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "training" in text(app))
        await pilot.press("space")
        await until(pilot, lambda: any("does not answer" in n.message for n in app._notifications))


async def test_a_loss_that_is_not_finite_is_marked_and_says_what_to_do(tmp_path: Path, run: MadeUpRun) -> None:
    run.add(
        ev.CheckpointSaved(file="checkpoints/e3.pt", epoch=3, step=100, bytes=2**21, sha256=""),
        progress(4, 60, loss=float("nan")),
        ev.Warned(code="non_finite_loss", message="the loss is NaN at epoch 4, step 55", epoch=4, step=55),
    )
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "the loss is NaN at epoch 4, step 55" in text(app))
        await until(pilot, lambda: "✗ not finite" in text(app))
        run.add(ev.Paused(epoch=4, step=60, reason="non_finite_loss"))
        await until(pilot, lambda: "paused: loss not finite" in text(app))
        assert "x stops it, c then goes back, and on with another lr" in text(app)


@pytest.mark.parametrize("earlier", [False, True])
async def test_a_run_that_ended_with_nan_says_what_it_can_go_on_from(tmp_path: Path, earlier: bool) -> None:
    made = MadeUpRun(tmp_path, "20260101-101010-aaaa", name="my run", dead=True)
    if earlier:
        made.add(ev.CheckpointSaved(file="checkpoints/e1.pt", epoch=1, step=10, bytes=2**21, sha256=""))
    made.add(ev.CheckpointSaved(file="checkpoints/bad.pt", epoch=1, step=24, bytes=2**21, sha256="", finite=False))
    made.add(ev.Stopped(epoch=1, step=24, reason="non_finite_loss"))
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.watch_run(made.folder)
        await until(pilot, lambda: "Its weights are not finite" in text(app))
        assert ("c goes back, and on with another lr" in text(app)) == earlier
        assert ("no checkpoint is; N starts a new run" in text(app)) == (not earlier)


async def test_a_paused_run_sends_nothing(tmp_path: Path, run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run.add(ev.Paused(epoch=4, step=50, reason="asked"))
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "paused" in text(app))
        with contextlib.suppress(WorkerCancelled):  # a look for other runs in place of one before it
            await app.workers.wait_for_complete()
        assert await tick(pilot, 2) > 0
        written = count_writes(app, monkeypatch)
        await tick(pilot, 20)
        assert written == []


async def test_a_run_whose_host_is_gone_has_ended_without_finishing(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path, "20260101-101010-bbbb", dead=True, demo=True)
    run.train([1])
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "ended without finishing" in text(app))
        assert "demo data, not Fashion-MNIST" in text(app)


async def test_the_form_and_the_run_change_places(tmp_path: Path, run: MadeUpRun) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.screen.query_one(ConfigForm).has_focus
        app.watch_run(run.folder)
        await pilot.pause()
        await pilot.press("N")
        assert isinstance(app.screen, NewRunScreen)
        assert app.screen.query_one(ConfigForm).has_focus
        await pilot.press("escape")
        assert isinstance(app.screen, WatchScreen)


async def test_n_and_p_go_round_the_live_runs(tmp_path: Path, run: MadeUpRun) -> None:
    other = MadeUpRun(tmp_path, "20260101-111111-cccc", name="the other")
    MadeUpRun(tmp_path, "20260101-121212-dddd", name="a dead one", dead=True)
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "run 1 of 2 training" in text(app))
        await pilot.press("n")
        await until(pilot, lambda: "run 2 of 2 training" in text(app) and "the other" in text(app))
        assert app.watched == other.folder
        await pilot.press("p")
        await until(pilot, lambda: "my run" in text(app))


async def test_start_attaches_to_the_new_run(tmp_path: Path, run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[TrainConfig, str]] = []

    def start(home: Path, config: TrainConfig, *, name: str, data_dir: Path | None, notify: Sequence[str]) -> RunFolder:
        asked.append((config, name))
        return run.folder

    monkeypatch.setattr("engine.runs.client.start", start)
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*["down"] * all_names().index("model"), "right", "s")
        await until(pilot, lambda: isinstance(app.screen, WatchScreen))
        assert asked == [(TrainConfig(model="cnn", dataset="demo"), "")]
        assert app.watched == run.folder


async def test_a_start_that_is_refused_keeps_the_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(home: Path, config: TrainConfig, **options: Any) -> RunFolder:
        raise DataError("Fashion-MNIST is not in /data; fetch it")

    monkeypatch.setattr("engine.runs.client.start", start)
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        form = app.screen.query_one(ConfigForm)
        await pilot.press(*["down"] * all_names().index("model"), "right", "s")
        await until(pilot, lambda: "" in form.errors)
        assert isinstance(app.screen, NewRunScreen)
        assert form.values["model"] == "cnn"
        about = " ".join(form.query_one("#about", Lines).text().split())
        assert "Not started: Fashion-MNIST is not in /data; fetch it" in about


async def test_the_log_can_be_read_back(tmp_path: Path) -> None:
    run = MadeUpRun(tmp_path, "20260101-101010-eeee")
    for epoch in range(1, 40):
        run.add(ev.BatchLoss(epoch=epoch, step=1, loss=2.0, seen=0, of=6400), evaluated(epoch))
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "training" in text(app))
        log = app.screen.query_one(TextLog)
        await pilot.press("tab", "tab")
        await until(pilot, lambda: "Epoch 39" in log.text())
        await pilot.press("pageup", "pageup")
        assert "Epoch 39" not in log.text()
        assert "newer lines below" in text(app)
        await pilot.press("pagedown", "pagedown")
        assert "Epoch 39" in log.text()


def test_news_of_a_run_replaces_older_news(tmp_path: Path) -> None:
    older, newer = (RunUpdated(RunFolder(tmp_path), RunState(seq=seq), True) for seq in (1, 2))
    assert older.can_replace(newer)


class Ticks:
    """In place of a FollowThread's `_stopping`, and of `time`: waiting moves a clock of its own on, and does what is
    planned for that tick; it stops after the last one."""

    def __init__(self, last: int) -> None:
        self.now, self.tick, self._last = 0.0, 0, last
        self.plan: dict[int, Callable[[], None]] = {}

    def monotonic(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return self.tick > self._last

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.tick += 1
        self.plan.get(self.tick, lambda: None)()


class Target:
    """Takes what a follower posts, with the clock's time."""

    def __init__(self, clock: Ticks) -> None:
        self.messages: list[tuple[float, RunUpdated]] = []
        self._clock = clock

    def post_message(self, message: RunUpdated) -> bool:
        self.messages.append((self._clock.now, message))
        return True


def test_a_follower_posts_at_most_twice_a_second_and_nothing_without_news(
    run: MadeUpRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(last=59)  # four a second
    monkeypatch.setattr("tui.runs.follow.time", ticks)
    monkeypatch.setattr("tui.runs.follow.usable_cores", lambda: 2)
    target = Target(ticks)
    follower = FollowThread(target, run.folder)  # type: ignore[arg-type]
    follower._stopping = ticks  # type: ignore[assignment]
    for at in range(1, 21):  # news for five seconds, …
        ticks.plan[at] = lambda at=at: run.add(progress(4, 50 + at))  # type: ignore[misc]
    ticks.plan[40] = follower.hold
    ticks.plan[42] = lambda: run.add(progress(4, 90))  # … and once more, out of sight
    ticks.plan[50] = follower.release
    follower._follow()
    steps = [(at, message.state.step) for at, message in target.messages]
    assert steps == [(at / 2, 50 + 2 * at) for at in range(11)] + [(12.5, 90)]


def test_a_run_that_leaves_no_core_free_is_posted_once_a_second(
    run: MadeUpRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(last=20)
    monkeypatch.setattr("tui.runs.follow.time", ticks)
    monkeypatch.setattr("tui.runs.follow.usable_cores", lambda: 1)
    target = Target(ticks)
    follower = FollowThread(target, run.folder)  # type: ignore[arg-type]
    follower._stopping = ticks  # type: ignore[assignment]
    for at in range(1, 21):
        ticks.plan[at] = lambda at=at: run.add(progress(4, 50 + at))  # type: ignore[misc]
    follower._follow()
    assert [at for at, _ in target.messages] == [0, 1, 2, 3, 4, 5]


def test_a_log_that_is_written_anew_is_shown_as_it_is_now(run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = Ticks(last=12)
    monkeypatch.setattr("tui.runs.follow.time", ticks)
    target = Target(ticks)
    follower = FollowThread(target, run.folder)  # type: ignore[arg-type]
    follower._stopping = ticks  # type: ignore[assignment]
    whole = run.folder.events.read_bytes()
    first = whole[: whole.index(b"\n") + 1]

    def written(content: bytes) -> Callable[[], None]:
        def write() -> None:
            run.folder.events.write_bytes(content)

        return write

    ticks.plan[4], ticks.plan[8] = written(first), written(whole)
    follower._follow()
    assert [message.state.step for _, message in target.messages] == [50, 0, 50]
    assert not any(message.problem for _, message in target.messages)


def test_half_a_line_at_the_end_of_a_log_is_not_waited_for(run: MadeUpRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = Ticks(last=8)
    monkeypatch.setattr("tui.runs.follow.time", ticks)
    target = Target(ticks)
    follower = FollowThread(target, run.folder)  # type: ignore[arg-type]
    follower._stopping = ticks  # type: ignore[assignment]
    with open(run.folder.events, "ab") as file:
        file.write(b'{"seq": 99, "kind": "progr')
    follower._follow()
    assert target.messages[-1][1].read == 1.0
    assert len(target.messages) <= 2


async def test_the_run_goes_on_beneath_a_prompt_which_keeps_what_is_typed(
    tmp_path: Path, run: MadeUpRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ScreensApp(tmp_path)
    async with app.run_test(size=(140, 40)) as pilot:
        app.watch_run(run.folder)
        await until(pilot, lambda: "50/100 steps" in text(app))
        await pilot.press("c")
        await until(pilot, lambda: bool(app.screen.query("#line")))
        await pilot.press("l", "r")
        watched = app.screen_stack[-2]

        def beneath() -> str:
            return "\n".join(w.text() for w in watched.query("#live Lines").results(Lines) if w.display)

        written = count_writes(app, monkeypatch)
        run.add(progress(4, 60))
        await until(pilot, lambda: "60/100 steps" in beneath())
        await until(pilot, lambda: len(written) > 0)
        for _ in range(20):
            await pilot.pause()
        cells = sum(end - start for update in written for _, start, end in update.spans)
        assert 0 < cells < 140 * 40 / 2  # not the whole screen, and not over and over
        assert app.screen.query_one("#line", Input).value == "lr"

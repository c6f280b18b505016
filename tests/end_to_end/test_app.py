"""The whole program in a real pseudo-terminal, driven by keys."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.home import RunFolder
from engine.runs import client, listing, store
from engine.runs.follower import Follower
from engine.runs.state import RunState, fold
from engine.training.config import TrainConfig
from tests.support.terminal import PROGRAM, Terminal
from tests.support.unhurried import unhurried
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


def long(folder: Path) -> TrainConfig:
    """Trains until it is stopped."""
    return TrainConfig(dataset="demo", epochs=100_000, threads=1, model=unhurried(folder))


@pytest.fixture(autouse=True)
def the_demo_data_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Iterator[RunFolder]:
    """A run that trains until it is stopped."""
    folder = client.start(home, long(tmp_path), name="long")
    yield folder
    record = store.read_host(folder)
    if record is not None and store.alive(folder):
        os.kill(record.pid, signal.SIGKILL)


def state(folder: RunFolder) -> RunState:
    return fold(Follower(folder).poll())


def has_gone_on(folder: RunFolder) -> bool:
    """Waits until the run has done more steps than now."""
    before = state(folder).steps_done
    return wait_for(lambda: state(folder).steps_done > before, f"further steps of {folder.id}")


@pytest.mark.parametrize(("columns", "rows", "start"), [(80, 24, "home"), (200, 60, "cold")])
def test_a_whole_run_by_keys(home: Path, columns: int, rows: int, start: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(start)
    with Terminal([PROGRAM], columns=columns, rows=rows) as terminal:
        terminal.wait_for("demo data")
        terminal.wait_for("of 6,000")
        terminal.press("right", "t")
        terminal.wait_for("Images of test")
        terminal.press("2")
        terminal.wait_for("cross_entropy")
        terminal.press("j", "j", "j", "j")  # model, dataset, loss, optimizer, learning rate
        terminal.press("s")
        text = terminal.wait_for("samples/s")
        assert "demo data" in text
        terminal.press("space")
        terminal.wait_for("paused")
        (folder,) = store.run_folders(home)
        paused_at = state(folder).steps_done
        terminal.press(".")
        wait_for(lambda: state(folder).steps_done > paused_at, "the one step")
        assert state(folder).steps_done == paused_at + 1
        terminal.press("space")
        terminal.wait_for("finished")
        assert state(folder).epochs == 10
        terminal.press("3")
        terminal.wait_for("finished")
        terminal.press("q")
        assert terminal.exit_code() == 0
    assert [found.state for found in listing.list_runs(home)] == ["finished"]


def test_a_closed_terminal_ends_the_app_and_not_the_run(run: RunFolder) -> None:
    terminal = Terminal([PROGRAM, "watch", "last"])
    terminal.wait_for("samples/s")
    terminal.hang_up()
    terminal.exit_code()
    assert has_gone_on(run)
    with Terminal([PROGRAM, "watch", "last"]) as again:  # the whole curve is there, from the first step on
        again.wait_for("samples/s")
        again.wait_for("test accuracy, %")
        assert has_gone_on(run)


@pytest.mark.usefixtures("home")
def test_a_closed_terminal_ends_an_app_that_nohup_started() -> None:
    terminal = Terminal([PROGRAM, "--dataset", "demo"], nohup=True)
    terminal.wait_for("demo data")
    terminal.hang_up()
    assert terminal.exit_code() == -signal.SIGHUP


def test_a_killed_app_leaves_the_run_alive(run: RunFolder) -> None:
    terminal = Terminal([PROGRAM, "watch", "last"])
    terminal.wait_for("samples/s")
    terminal.kill()
    terminal.hang_up()
    assert has_gone_on(run)
    assert listing.summary(run).state == "training"


def test_quitting_detaches_and_says_how_to_come_back(run: RunFolder) -> None:
    with Terminal([PROGRAM, "watch", run.id]) as terminal:
        terminal.wait_for("samples/s")
        terminal.press("q")
        assert terminal.exit_code() == 0
        terminal.wait_for_raw(f"fmnist-tui watch {run.id}".encode())
    assert has_gone_on(run)


def test_a_stop_is_asked_for_and_saves(run: RunFolder) -> None:
    with Terminal([PROGRAM, "watch", run.id]) as terminal:
        terminal.wait_for("samples/s")
        terminal.press("x")
        terminal.wait_for(lambda text: all(choice in text for choice in ("stop and save", "detach", "back to the run")))
        terminal.press("escape")
        assert has_gone_on(run)
        terminal.press("x")
        terminal.wait_for("stop and save")
        terminal.press("s")
        terminal.wait_for("stopped")
    assert state(run).checkpoints


def test_two_runs_train_at_once_and_the_app_says_which_it_watches(home: Path, run: RunFolder, tmp_path: Path) -> None:
    second = client.start(home, long(tmp_path), name="second")
    with Terminal([PROGRAM, "watch", "second"]) as terminal:
        terminal.wait_for("second")
        terminal.wait_for("of 2")
        terminal.press("n")
        terminal.wait_for("long")
        terminal.press("3")
        terminal.wait_for(lambda text: text.count("training") >= 2)
    for folder in (run, second):
        client.command(folder, "stop")


def test_a_killed_host_is_said_to_have_ended(run: RunFolder) -> None:
    with Terminal([PROGRAM, "watch", run.id]) as terminal:
        terminal.wait_for("samples/s")
        record = store.read_host(run)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        terminal.wait_for("ended without finishing")


def test_a_paused_run_sends_nothing(run: RunFolder) -> None:
    with Terminal([PROGRAM, "watch", run.id]) as terminal:
        terminal.wait_for("samples/s")
        client.command(run, "pause")
        terminal.wait_for("paused")
        terminal.fall_silent()


def test_an_idle_data_screen_sends_nothing() -> None:
    with Terminal([PROGRAM]) as terminal:
        terminal.wait_for("of 6,000")
        terminal.fall_silent()


def test_it_works_with_few_colours_or_none(run: RunFolder) -> None:
    for few in ({"NO_COLOR": "1"}, {"TERM": "xterm", "COLORTERM": ""}, {"TERM": "screen-256color", "COLORTERM": ""}):
        with Terminal([PROGRAM], columns=80, rows=24, env=few) as terminal:
            terminal.wait_for("of 6,000")
            terminal.press("3")
            terminal.wait_for("training")
            terminal.press("enter")
            terminal.wait_for("samples/s")
            terminal.press("q")
            assert terminal.exit_code() == 0


def test_real_images_are_shown_without_torch_in_the_apps_process(real_data: Path) -> None:
    with Terminal([PROGRAM, "--data-dir", str(real_data)]) as terminal:
        terminal.wait_for("0 Ankle Boot")
        terminal.wait_for("of 60,000")
        terminal.fall_silent()
        mapped = {Path(entry.path).name for entry in psutil.Process(terminal.process.pid).memory_maps()}
        assert not [name for name in mapped if name.startswith("libtorch")]


def test_damaged_data_is_said_and_can_be_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    with Terminal([PROGRAM, "--data-dir", str(tmp_path / "data")]) as terminal:
        text = terminal.wait_for("Press r to try again")
        assert "train-labels-idx1-ubyte" in text
        terminal.press("2")
        terminal.wait_for("model")
        terminal.press("q")
        assert terminal.exit_code() == 0

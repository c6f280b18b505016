"""`--notify`: the end of a run, told by the program that was typed, and by the terminal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.home import Home
from engine.runs import notice
from engine.studies import trials
from tests.support.terminal import Terminal
from tests.support.waiting import HANG_S, wait_for

PROGRAM = [str(Path(sys.executable).with_name("fmnist-tui"))]
TRAIN = ["train", "--dataset", "demo", "--threads", "1", "--epochs", "1"]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_data_but_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


def fmnist_tui(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=HANG_S, stdin=subprocess.DEVNULL
    )


def told(file: Path) -> str:
    wait_for(file.exists, "the command's file")
    text = file.read_text()
    file.unlink()
    return text


def writes_to(file: Path) -> str:
    """A command that writes which run ended how, all at once."""
    return f'echo "$FMNIST_TUI_RUN $FMNIST_TUI_STATE" > {file}.part; mv {file}.part {file}'


def test_a_command_is_run_at_the_end_and_again_where_the_run_is_resumed(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    trained = fmnist_tui(*TRAIN, "--detach", "--notify", writes_to(out))
    assert (trained.returncode, trained.stderr) == (0, "")
    run_id = trained.stdout.strip()
    assert told(out) == f"{run_id} finished\n"
    assert fmnist_tui("resume", run_id, "--epochs", "2").returncode == 0
    assert told(out) == f"{run_id} finished\n"
    assert fmnist_tui("resume", run_id, "--epochs", "3", "--notify", "off").returncode == 0
    assert notice.ways_of(Home(home).run(run_id)) == ()
    assert not out.exists()


def test_the_configuration_has_the_ways_of_new_runs(home: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "out", tmp_path / "config.toml"
    config.write_text(f"notify = [\"bell\", '''{writes_to(out)}''']\n")
    trained = fmnist_tui(*TRAIN, "--name", "mine", "--config", str(config))
    assert "\x07" not in trained.stdout + trained.stderr  # these are no terminals
    assert told(out).endswith(" finished\n")
    branched = fmnist_tui("branch", "mine", "epochs=2", "--config", str(config), "--notify", "off")
    assert branched.returncode == 0
    assert not out.exists()
    (run,) = [run for run in json.loads(fmnist_tui("runs", "--json").stdout) if run["parent"]]
    assert notice.ways_of(Home(home).run(run["id"])) == ()


def test_the_terminal_that_trains_rings_and_is_told(home: Path) -> None:
    with Terminal([*PROGRAM, *TRAIN, "--name", "mine", "--notify", "bell", "--notify", "osc9"]) as terminal:
        assert terminal.exit_code() == 0
        raw = bytes(terminal.raw)
    assert raw.count(b"\x1b]9;") == 1
    assert b"\x1b]9;mine is finished: epoch 1 of 1" in raw
    assert raw.count(b"\x07") == 2  # the bell, and the sequence's own end


def adds_to(file: Path) -> str:
    """A command that adds a line: which run ended how."""
    return f'echo "$FMNIST_TUI_RUN $FMNIST_TUI_STATE" >> {file}'


def run_ids(home: Path) -> list[str]:
    return [run["id"] for run in json.loads(fmnist_tui("runs", "--json").stdout)]


def lines_of(file: Path, count: int) -> list[str]:
    wait_for(lambda: file.exists() and len(file.read_text().splitlines()) >= count, "the lines of the command")
    return sorted(file.read_text().splitlines())


def test_each_run_of_several_seeds_tells_for_itself(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Terminal([*PROGRAM, *TRAIN, "--seeds", "2", "--notify", "bell", "--notify", adds_to(out)]) as terminal:
        assert terminal.exit_code() == 0
        raw = bytes(terminal.raw)
    ids = run_ids(home)
    assert len(ids) == 2
    assert raw.count(b"\x07") == 2
    assert lines_of(out, 2) == sorted(f"{run_id} finished" for run_id in ids)


def test_each_run_that_waited_in_the_queue_tells_for_itself(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    queued = fmnist_tui(*TRAIN, "--seeds", "2", "--queue", "--notify", adds_to(out))
    assert (queued.returncode, queued.stderr) == (0, "")
    assert lines_of(out, 2) == sorted(f"{run_id} finished" for run_id in run_ids(home))


def test_the_trials_of_a_study_tell_nobody(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, config = tmp_path / "out", tmp_path / "config.toml"
    config.write_text(f"notify = '''{adds_to(out)}'''\n")
    monkeypatch.setenv("FMNIST_TUI_CONFIG", str(config))
    space = ("lr=1e-3,1e-2", "dataset=demo", "threads=1", "epochs=1")
    made = fmnist_tui("sweep", "new", "first", *space, "--trials", "1")
    assert (made.returncode, made.stderr) == (0, "")

    study = Home(home).study("first")
    wait_for(lambda: (seen := trials.read(study)) is not None and seen.over, "the study's end")
    (run_id,) = run_ids(home)
    assert notice.ways_of(Home(home).run(run_id)) == ()
    assert not out.exists()


def test_a_way_that_is_none_is_refused_before_anything_begins(home: Path) -> None:
    shown = fmnist_tui(*TRAIN, "--notify", "off", "--notify", "bell")
    assert shown.returncode == 2
    assert "stands alone" in shown.stderr
    assert not Home(home).runs.exists() or not os.listdir(Home(home).runs)

"""*Checkpoints* by keys in a real terminal, with the worker as a process of its own, and the commands as typed."""

import subprocess
from pathlib import Path

import pytest
import torch

from engine.home import RunFolder
from engine.models.registry import build
from engine.training.config import TrainConfig
from tests.engine.runs.test_from_weights import other_loop
from tests.engine.runs.test_host_resume import create, serve
from tests.support.hostile import checkpoint, holding, tensor
from tests.support.terminal import PROGRAM, Terminal

pytestmark = pytest.mark.slow


@pytest.fixture
def run(home: Path) -> RunFolder:
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam"), name="made")
    serve(folder)
    return folder


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (140, 45)])
def test_two_epochs_are_compared_down_to_the_images_they_differ_in(
    home: Path, run: RunFolder, columns: int, rows: int
) -> None:
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=columns, rows=rows) as terminal:
        terminal.wait_for("Enlarge")
        terminal.press("5")
        terminal.wait_for("3 files")
        terminal.press("j", "m", "k", "m")
        terminal.wait_for("2 marked")
        terminal.press("d")
        terminal.wait_for("made · epoch 1 → epoch 2")
        terminal.wait_for("25 changed")
        terminal.press("enter")
        terminal.wait_for("Slice")
        terminal.press("escape")
        terminal.wait_for("25 changed")
        terminal.press("E")
        terminal.wait_for("Which images does the second file fix, and which does it break?")
        terminal.press("enter")
        terminal.wait_for("the second file fixes")
        terminal.press("escape")
        terminal.wait_for(lambda text: "25 changed" in text and "the second file fixes" not in text)
        terminal.press("i")
        terminal.wait_for("fixed by the second file")
        terminal.press("5", "escape")
        terminal.wait_for("2 marked")
        terminal.press("enter")
        terminal.wait_for("⏎ Values")
        terminal.press("V")
        terminal.wait_for("SHA-256 in the")
        terminal.press("escape")
        terminal.wait_for(lambda text: "2 marked" in text and "SHA-256 in the" not in text)
        terminal.press("q")
        assert terminal.exit_code() == 0


def test_a_run_begins_with_a_checkpoint_of_another_loop(home: Path, tmp_path: Path) -> None:
    model = build("mlp", 10, (1, 28, 28))
    path = other_loop(model, torch.optim.Adam(model.parameters(), lr=2e-4), tmp_path / "theirs.pt")
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=120, rows=40) as terminal:
        terminal.wait_for("Enlarge")
        terminal.press("5")
        terminal.wait_for("No checkpoints yet")
        terminal.press("o")
        terminal.wait_for("Open which file?")
        terminal.press(str(path), "enter")
        terminal.wait_for("a training checkpoint")
        terminal.press("b")
        terminal.wait_for("model=mlp dataset=demo optimizer=adam")
        terminal.press(" epochs=1 threads=1", "enter")
        terminal.wait_for("finished")
        terminal.press("q")
        assert terminal.exit_code() == 0


def test_a_hostile_file_changes_nothing_of_the_terminal(home: Path, tmp_path: Path) -> None:
    wild = "\x1b[2J\x1b[31m\x07name"
    path = checkpoint(holding(**{wild: tensor((4,), (1,))}), tmp_path / "wild.pt")
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=80, rows=24) as terminal:
        terminal.wait_for("Enlarge")
        terminal.press("5")
        terminal.wait_for("No checkpoints yet")
        terminal.press("o")
        terminal.wait_for("Open which file?")
        terminal.press(str(path), "enter")
        terminal.wait_for(r"\x1b[2J\x1b[31m\x07name")
        terminal.press("enter")
        terminal.wait_for("[4]")
        terminal.press("escape")
        terminal.wait_for("Compare")
        terminal.press("q")
        assert terminal.exit_code() == 0
    printed = subprocess.run([PROGRAM, "inspect", str(path)], capture_output=True, text=True)
    assert printed.returncode == 0
    assert "\x1b" not in printed.stdout


@pytest.mark.parametrize(("screen", "keys"), [("5", "qo"), ("4", "qA"), ("1", "q/")])
def test_keys_typed_after_q_open_nothing_any_more(home: Path, screen: str, keys: str) -> None:
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=80, rows=24) as terminal:
        terminal.wait_for("Enlarge")
        if screen != "1":
            terminal.press(screen)
            terminal.wait_for({"4": "669,706 parameters", "5": "No checkpoints yet"}[screen])
        terminal.press(keys)
        assert terminal.exit_code() == 0

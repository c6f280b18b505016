"""The network from inside, in a real terminal: the worker process is a process of its own here."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.terminal import PROGRAM, Terminal


@pytest.mark.slow
def test_from_the_modules_to_a_gradient_by_keys(home: Path) -> None:
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=100, rows=30) as terminal:
        terminal.wait_for("Enlarge")
        terminal.press("4")
        terminal.wait_for("669,706 parameters")
        terminal.press("v")
        terminal.wait_for("linear_relu_stack.4.bias")
        terminal.press("enter")
        terminal.wait_for("requires_grad True")
        terminal.press("/")
        terminal.wait_for("Slice or view of the tensor")
        terminal.press("[0].reshape(28, 28)", "enter")
        terminal.wait_for("[28, 28]")
        terminal.press("escape")
        terminal.wait_for("Modules/parameters")
        terminal.press("F")
        terminal.wait_for("flatten Flatten")
        terminal.press("j", "#")
        terminal.wait_for("784 products")
        terminal.press("escape")
        terminal.wait_for("Input/output")
        terminal.press("escape")
        terminal.wait_for("Modules/parameters")
        terminal.press("A")
        terminal.wait_for("SGD(lr=0.001)")
        for words in ("logits [64, 10]", "NllLossBackward0", "the graph is freed", "has changed the weights"):
            terminal.press("space")
            terminal.wait_for(words)
        terminal.press("escape")
        terminal.wait_for("Modules/parameters")
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_a_whole_module_of_somebodys_is_looked_into_by_keys(home: Path, tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(3, 2)), tmp_path / "theirs.pt")
    with Terminal([PROGRAM, "--home", str(home), "--dataset", "demo"], columns=100, rows=30) as terminal:
        terminal.wait_for("Enlarge")
        terminal.press("5")
        terminal.wait_for("No checkpoints yet")
        terminal.press("o")
        terminal.wait_for("Open which file?")
        terminal.press(str(tmp_path / "theirs.pt"), "enter")
        terminal.wait_for("2 globals outside the allow-list")
        terminal.wait_for("0.weight")
        terminal.press("enter")
        terminal.wait_for("[2, 3]")
        terminal.press("escape")
        terminal.wait_for("Compare")
        terminal.press("escape")
        terminal.wait_for("Open a path")
        terminal.press("q")
        assert terminal.exit_code() == 0

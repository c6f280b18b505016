"""`fmnist-tui lr-find`: the learning-rate range test from the command line."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from engine.training.config import TrainConfig
from tests.support.trained import TrainOnce
from tui.cli.main import main
from tui.runs.lr_chart import TITLE

RANGE = ("--from", "1e-5", "--to", "1", "--steps", "60")


@pytest.fixture(autouse=True)
def demo(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["lr-find", *arguments, *RANGE, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_new_training_as_json_and_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--optimizer", "adam", "--threads", "1")
    found = told(capsys, *arguments)
    assert found["of"] == "a new mlp"
    assert found["demo"]
    assert (found["from"], found["to"], found["steps"], found["lr"]) == (1e-5, 1.0, 60, 1e-3)
    assert found["done"] == len(found["lrs"]) == len(found["losses"]) == len(found["smoothed"])
    assert found["lrs"][0] == 1e-5
    assert [one["name"] for one in found["suggestions"]] == ["valley", "steepest"]
    assert main(["lr-find", *arguments, *RANGE]) == 0
    out = capsys.readouterr().out
    for one in found["suggestions"]:
        assert one["reason"] in out
    assert "learning rate 1e-5 to 1" in out
    assert "⠤" not in out, "no curve but on a terminal"


def test_on_a_terminal_the_curve_stands_above(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("LINES", "30")
    assert main(["lr-find", "--optimizer", "adam", "--threads", "1", *RANGE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert TITLE in lines[1]
    assert lines[-2].startswith("valley")
    assert "1e-3" in lines[-3]
    assert all(len(line) < 90 for line in lines[1:-2])


def test_a_runs_checkpoint_and_other_settings(
    capsys: pytest.CaptureFixture[str], home: Path, train_once: TrainOnce
) -> None:
    folder = train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1, lr=0.05), "slow")
    files = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.path.rglob("*") if path.is_file()}
    found = told(capsys, "slow@1")
    assert found["of"] == "slow, epoch 1"
    assert found["lr"] == 0.05
    other = told(capsys, "last", "--optimizer", "adam")
    assert "sgd" in other["notes"][0]
    assert other["losses"][0] == found["losses"][0]
    assert files == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert main(["lr-find", "slow@7"]) == 2
    assert main(["lr-find", "slow", "--model", "cnn"]) == 2
    assert "model" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--from", "1", "--to", "0.1"], ["--steps", "5"], ["--from", "0"], ["--lr", "x"], ["nobody"], ["mlp"], ["w.pth"]],
)
def test_what_cannot_be_done_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["lr-find", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_nothing_to_suggest_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lr-find", "--from", "1e-9", "--to", "1e-8", "--steps", "30", "--threads", "1"]) == 0
    assert "no suggestion: between 1e-9 and 1e-8" in capsys.readouterr().out

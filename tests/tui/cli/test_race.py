"""`race`: branches side by side from the command line."""

import json
from pathlib import Path

import pytest

from engine import race
from engine.runs import client, listing, store, trash
from engine.training.config import TrainConfig
from tests.support.trained import TrainOnce, train_once
from tests.support.waiting import wait_for
from tui.cli.main import main

__all__ = ["train_once"]

SMALL = TrainConfig(epochs=3, batch_size=200, threads=1, lr=0.05, dataset="demo")
Out = pytest.CaptureFixture[str]


@pytest.mark.slow
def test_a_race_is_trained_shown_kept_from_and_stopped(home: Path, train_once: TrainOnce, capsys: Out) -> None:
    parent = train_once(home, SMALL, "base")
    assert main(["race", "base", "lr=0.001|0.2", "--at", "1", "--steps", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["parent"], found["epoch"], found["steps"], found["kept"]) == (parent.id, 1, 20, None)
    assert [(one["changes"], one["state"], one["done"], one["best"]) for one in found["branches"]] == [
        ("lr=0.001", "stopped", 20, False),
        ("lr=0.2", "stopped", 20, True),
    ]
    assert found["branches"][1]["loss"] < found["branches"][0]["loss"]
    assert main(["race", "base"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:1] for line in shown if "lr=" in line and "of" in line] == [
        [found["branches"][0]["run"]],
        ["*"],
    ]
    assert main(["race", "base", "--keep", "lr=0.3"]) == 2
    assert "'lr=0.3' is none of the branches lr=0.001, lr=0.2" in capsys.readouterr().err
    assert main(["race", "base", "--keep", "best"]) == 0
    kept = found["branches"][1]["run"]
    assert f"kept {kept}: it goes on" in capsys.readouterr().out
    folder = store.find(home, kept)
    wait_for(lambda: listing.quick_state(folder).status == "finished", "the end of the kept branch")
    assert [one.folder.id for one in trash.contents(home)] == [found["branches"][0]["run"]]
    assert main(["race", "base"]) == 2
    assert "has no race; begin one with: fmnist-tui race" in capsys.readouterr().err


@pytest.mark.slow
def test_a_race_is_left_and_stopped(home: Path, train_once: TrainOnce, capsys: Out) -> None:
    train_once(home, SMALL, "base")
    assert main(["race", "base", "lr=0.1 epochs=900|901", "--at", "1", "--steps", "9000", "--detach"]) == 0
    branches = [store.find(home, one) for one in capsys.readouterr().out.split()]
    assert len(branches) == 2
    try:
        assert all(store.alive(folder) for folder in branches)
        assert main(["race", "base", "--stop"]) == 0
        assert "deleted 2 runs" in capsys.readouterr().out
        assert not any(folder.path.exists() for folder in branches)
    finally:
        race.stop([folder for folder in branches if folder.path.exists()])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["lr=1"], "1 branches; from 2 to 8 race"),
        (["lr=a|b"], "'a' is not a number"),
        (["lr=0.1|0.2", "--at", "9"], "no checkpoint at the end of epoch 9"),
        (["lr=0.1|0.2", "--at", "1", "--steps", "-1"], "steps: -1 is out of range"),
        (["lr=0.1|0.2", "--at", "1", "--stop"], "--stop: not with a race that is to be begun"),
        (["lr=0.1|0.2", "--at", "1", "--detach", "--keep", "best"], "--detach: not with a race"),
        (["--keep", "best"], "has no race"),
    ],
)
def test_what_can_not_race_is_one_line(
    home: Path, train_once: TrainOnce, capsys: Out, arguments: list[str], why: str
) -> None:
    train_once(home, SMALL, "base")
    before = {folder.name for folder in (home / "runs").iterdir()}
    assert main(["race", "base", *arguments]) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1
    assert {folder.name for folder in (home / "runs").iterdir()} == before
    assert client.NOT_BEGUN not in error

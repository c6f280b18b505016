"""The exported script, run in a process of its own, gives the run's weights bit for bit."""

import dataclasses
import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.checkpoints import read
from engine.errors import RunError
from engine.export import parts
from engine.export.recipe import Change, recipe_of
from engine.export.script import script
from engine.home import RunFolder
from engine.runs import checkpoint_refs, client, store
from engine.runs.follower import Follower
from engine.runs.host import take
from engine.runs.state import fold
from engine.training import events as ev
from engine.training.commands import CommandKind
from engine.training.config import TrainConfig
from engine.training.session import TrainingSession
from tests.support.images import striped
from tests.support.made_up import MadeUpRun

# Before the script: wherever this program is installed, nothing of it can be imported.
NOTHING_OF_OURS = """import sys
sys.modules |= dict.fromkeys(("engine", "fmnist_tui", "tui"))
"""
Edits = dict[tuple[int, int], dict[str, str]]  # what is changed, by epoch and step


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """640 and 130 made-up images of 10 classes, in the files and folders of Fashion-MNIST."""
    root = tmp_path_factory.mktemp("data")
    striped(root / "FashionMNIST" / "raw")
    return root


@pytest.fixture
def trained(home: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunFolder]:
    """Trains a run with these settings; edits are made at their places, `stop` ends it at one."""

    def train(edits: Edits | None = None, stop: tuple[int, int] | None = None, **settings: Any) -> RunFolder:
        pending, real = dict(edits or {}), TrainingSession._cross_boundary
        due = TrainingSession.report

        def cross(session: TrainingSession, steps: int) -> None:
            if changes := pending.pop((session.epoch, session.step), None):
                session.send(CommandKind.SET, changes=changes)
            if (session.epoch, session.step) == stop:
                session.send(CommandKind.STOP)
            real(session, steps)

        monkeypatch.setattr(TrainingSession, "_cross_boundary", cross)
        monkeypatch.setattr("engine.training.step_boundary.StepBoundary.is_due", lambda self, at: True)
        given: dict[str, Any] = {"dataset": f"idx:{data}/FashionMNIST/raw", "threads": 1, "device": "cpu", "epochs": 2}
        folder = store.create(home, client.request(TrainConfig(**given | settings)))
        take(folder, None).serve()
        monkeypatch.setattr(TrainingSession, "_cross_boundary", real)
        assert TrainingSession.report is due
        assert not pending
        return folder

    return train


def run_script(text: str, data: Path, folder: Path) -> tuple[str, dict[str, torch.Tensor]]:
    """What it says, and the weights that it writes; the program itself is not to be had there."""
    folder.mkdir()
    (folder / "train.py").write_text(NOTHING_OF_OURS + text)
    done = subprocess.run(
        [sys.executable, "-P", "train.py", "--data", str(data)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, torch.load(folder / "model_weights.pth", weights_only=True)


def test_the_data_may_be_packed_or_missing(trained: Callable[..., RunFolder], data: Path, tmp_path: Path) -> None:
    folder = trained(epochs=1)
    text = script(folder)
    assert text.count("from collections.abc import") == 1
    packed, raw = tmp_path / "packed", data / "FashionMNIST" / "raw"
    (packed / "FashionMNIST" / "raw").mkdir(parents=True)
    for file in raw.iterdir():
        content = file.read_bytes() if file.suffix != ".gz" else gzip.decompress(file.read_bytes())
        (packed / "FashionMNIST" / "raw" / f"{file.name.removesuffix('.gz')}.gz").write_bytes(gzip.compress(content))
    _, weights = run_script(text, packed, tmp_path / "here")
    assert parts.weights_sha256(weights) == parts.weights_sha256(last_weights(folder))
    assert all(file.suffix == ".gz" for file in (packed / "FashionMNIST" / "raw").iterdir()), (
        "nothing is unpacked there"
    )
    (packed / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    done = subprocess.run(
        [sys.executable, "-P", "train.py", "--data", str(packed)],
        cwd=tmp_path / "here", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"{packed}/FashionMNIST/raw has no t10k-labels-idx1-ubyte: ")
    assert done.stderr.count("\n") == 1


def last_weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = read.load(folder, checkpoint_refs.find(folder, "last"))["model"]
    return weights


CASES: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "mlp with much": {
        "optimizer": "sgd", "lr": 0.05, "momentum": 0.5, "weight_decay": 1e-3, "shuffle": True, "seed": 3,
        "schedule": "cosine", "warmup": 0.5, "epochs": 3, "val": "0.1:5", "freeze": "linear_relu_stack.0",
        "edits": {
            (1, 4): {"lr": "0.1", "momentum": "0.9"}, (1, 6): {"batch_size": "48"}, (2, 3): {"epochs": "4"},
            (2, 12): {"weight_decay": "0"},
        },
    },
    "cnn with much": {
        "model": "cnn", "optimizer": "rmsprop", "lr": 1e-3, "shuffle": True, "schedule": "one_cycle", "seed": 7,
        "transform": "RandomCrop(28, padding=2); RandomHorizontalFlip(); Normalize(0.286, 0.353)", "val": "100",
        "freeze": "features.0*, !features.1", "loss": "mse", "batch_size": 100,
        "edits": {(1, 3): {"momentum": "0.5"}, (2, 1): {"lr": "x2"}},
    },
    "cnn, a plateau, resized images": {
        "model": "cnn", "optimizer": "adamw", "lr": 0.01, "shuffle": True, "schedule": "plateau", "lr_patience": 1,
        "gamma": 0.3, "min_delta": 0.05, "monitor": "loss", "epochs": 4, "transform": "Resize(16); Normalize(0.3, 0.3)",
    },
    "a plateau of the accuracy, on images by themselves": {
        "optimizer": "adam", "lr": 0.01, "schedule": "plateau", "lr_patience": 1, "min_delta": 0.1, "epochs": 3,
        "val": "60", "transform": "CenterCrop(20); ToTensor(); RandomErasing(p=0.5)",
    },
    "steps": {"schedule": "step", "step_size": 1, "gamma": 0.3, "epochs": 3, "loss": "nll", "lr": 0.01},
    "a warm-up alone": {"warmup": 1, "optimizer": "adam"},
    "stopped within an epoch": {"epochs": 3, "shuffle": True, "model": "cnn", "lr": 0.02, "stop": (2, 4)},
    "muon with much": {
        "model": "cnn", "optimizer": "muon", "lr": 0.05, "momentum": 0.9, "nesterov": True, "muon_lr": 0.05,
        "weight_decay": 1e-3, "label_smoothing": 0.1, "augment": "flip(alternate); shift(2); cutout(6)", "epochs": 3,
        "average": "ema", "average_decay": 0.8, "memory_format": "channels_last", "schedule": "cosine", "warmup": 0.5,
        "shuffle": True, "tta": "flip",
        "edits": {
            (1, 4): {"muon_lr": "0.1"}, (1, 6): {"threads": "2"}, (2, 3): {"momentum": "0.5", "muon_momentum": "0.8"},
        },
    },
    "in parts, clipped, the mean over epochs": {
        "model": "cnn", "optimizer": "adamw", "lr": 3e-3, "betas": "0.8, 0.99", "eps": 1e-6, "accumulate": 3,
        "clip": 0.5,
        "average": "swa", "average_from": 0.4, "augment": "flip", "transform": "Normalize(0.286, 0.353)", "epochs": 2,
        "shuffle": True, "batch_size": 50, "edits": {(1, 2): {"epochs": "4"}, (2, 1): {"lr": "x2"}},
    },
    "images by themselves, then in batches": {
        "transform": "RandomCrop(28, padding=2); Normalize(0.3, 0.3)", "augment": "cutout(8); flip(alternate)",
        "optimizer": "sgd", "momentum": 0.9, "nesterov": True, "lr": 0.05, "clip": 1.0,
    },
    "averaged, stopped within an epoch": {
        "epochs": 3, "average": "ema", "average_decay": 0.9, "model": "cnn", "lr": 0.02, "stop": (2, 4),
        "accumulate": 2,
    },
    "epochs averaged, stopped within one": {
        "epochs": 4, "average": "swa", "average_from": 0.5, "model": "cnn", "lr": 0.02, "stop": (4, 4),
    },
    "stopped early": {"epochs": 9, "patience": 1, "min_delta": 0.9, "optimizer": "adam", "shuffle": True},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_script_gives_the_same_weights(
    name: str, trained: Callable[..., RunFolder], data: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not CASES[name]:
        request.getfixturevalue("cold")
    folder = trained(**CASES[name])
    state = fold(Follower(folder).poll())
    assert state.status == ("stopped" if "stop" in CASES[name] else "finished"), state.reason
    wanted = {setting for changes in CASES[name].get("edits", {}).values() for setting in changes}
    assert {edit.setting for edit in state.edits} == wanted
    text = script(folder)
    assert not any(word in text for word in ("engine", "tui."))
    said, weights = run_script(text, data, tmp_path / "elsewhere")
    run = last_weights(folder)
    assert list(weights) == list(run)
    assert all(torch.equal(weights[key], run[key]) for key in run)
    digest = parts.weights_sha256(run)
    assert f"SHA-256 of the tensors {digest}\nthe same weights as the run's" in said


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"dataset": "demo"}, "trains on the demo data"),
        ({"dataset": "folder:/images"}, "trains on folder:/images"),
        ({"dataset": "fashion-mnist", "model": "net.py:Net"}, r"its model is a file of your own \(net.py:Net\)"),
        ({"dataset": "fashion-mnist", "transform": "t.py:f"}, r"its transform is a file of your own \(t.py:f\)"),
        ({"dataset": "fashion-mnist", "weights": "/w.pth"}, r"starts from the weights of a file \(/w.pth\)"),
    ],
)
def test_what_can_not_be_said_is_refused_by_name(home: Path, settings: dict[str, Any], why: str) -> None:
    run = begun(home, **settings)
    with pytest.raises(RunError, match=f"{run.folder.id} can't be exported as a script: .*{why}"):
        script(run.folder)


def begun(home: Path, **settings: Any) -> MadeUpRun:
    """A run whose log says that it began so."""
    run = MadeUpRun(home, "20260101-101001-aaaa", dead=True, demo=settings.get("dataset") == "demo", **settings)
    started = Follower(run.folder).poll()[0]
    assert isinstance(started, ev.RunStarted)
    run.folder.events.write_text("")
    run.add(dataclasses.replace(started, dataset=started.dataset | {"name": settings["dataset"]}))
    return run


def resumed(config: TrainConfig, **more: Any) -> ev.Resumed:
    given: dict[str, Any] = {
        "checkpoint": "checkpoints/epoch-1.pt", "epoch": 1, "step": 100, "evaluated": True, "training_s": 1.0,
        "config": config.to_dict(), "device": "cpu", "device_name": "Some CPU", "threads": 1, "loader": "resident",
        "epochs": 10, "steps": 100, "differences": [], "bad": [],
    }  # fmt: skip
    return ev.Resumed(**given | more)


def test_a_branch_is_refused(home: Path) -> None:
    run = begun(home, dataset="fashion-mnist")
    run.add(ev.Branched(parent="the-parent", checkpoint="c", epoch=1, step=2, evaluated=False, changes={}, notes=[]))
    with pytest.raises(RunError, match="it is a branch of the-parent"):
        recipe_of(run.folder)


def test_a_run_of_several_processes_is_refused(home: Path) -> None:
    run = begun(home, dataset="fashion-mnist")
    store.write_run(run.folder, store.read_run(run.folder) | {"processes": 2})
    with pytest.raises(RunError, match="several processes trained it together"):
        recipe_of(run.folder)


def test_a_resume_under_other_conditions_is_refused(home: Path) -> None:
    run = begun(home, dataset="fashion-mnist")
    run.add(resumed(TrainConfig(), differences=["torch 2.14.0, now 2.15.0"]))
    with pytest.raises(RunError, match=r"epoch 1, step 100 under other conditions \(torch 2.14.0, now 2.15.0\)"):
        recipe_of(run.folder)


def test_a_resume_with_another_schedule_is_refused(home: Path) -> None:
    run = begun(home, dataset="fashion-mnist")
    run.add(resumed(TrainConfig(dataset="fashion-mnist", schedule="cosine")))
    with pytest.raises(RunError, match="with --schedule cosine instead of constant"):
        recipe_of(run.folder)


def test_what_a_resume_took_back_does_not_count_and_what_it_changed_does(home: Path) -> None:
    run = begun(home, dataset="fashion-mnist", lr=0.1)
    run.add(
        ev.Edited(epoch=1, step=5, setting="lr", before=0.1, after=0.2, lr=0.2, from_epoch=1),
        ev.Edited(epoch=2, step=5, setting="lr", before=0.2, after=0.3, lr=0.3, from_epoch=2),
        resumed(TrainConfig(dataset="fashion-mnist", lr=0.2, batch_size=32, patience=3)),
        ev.Edited(epoch=3, step=9, setting="batch_size", before=32, after=16, lr=0.2, from_epoch=4),
    )
    assert recipe_of(run.folder).changes == (
        Change(1, 6, "lr", 0.2), Change(2, 1, "batch_size", 32), Change(4, 1, "batch_size", 16),
    )  # fmt: skip


def test_a_run_without_a_checkpoint_is_refused(home: Path) -> None:
    with pytest.raises(RunError, match="has no checkpoint yet"):
        script(begun(home, dataset="fashion-mnist").folder)

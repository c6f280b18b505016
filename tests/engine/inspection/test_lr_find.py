"""The learning-rate range test as the worker process does it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ConfigError, EngineError, InspectionCancelledError
from engine.home import RunFolder
from engine.inspection.lr_find import compute
from engine.inspection.lr_find_requests import LrFinding, LrFindRequest
from engine.progress import silent
from engine.runs.verify_resume import fingerprint
from engine.sources import RunCheckpoint
from engine.training import determinism
from engine.training.config import TrainConfig
from engine.training.lr_range import range_test
from engine.training.lr_sweep import Sweep
from engine.training.resume import ResumePoint
from engine.training.setup import make_setup
from engine.worker.client import WorkerClient
from tests.support.trained import TrainOnce

SHORT = Sweep(1e-5, 1.0, 40)


def find(home: Path, start: TrainConfig | RunCheckpoint, sweep: Sweep = SHORT, **changes: Any) -> LrFinding:
    return compute(home, LrFindRequest(start, sweep, changes=changes), silent)


def bytes_below(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def run(home: Path, train_once: TrainOnce) -> RunFolder:
    config = TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam", shuffle=True, lr=2e-3)
    return train_once(home, config, "fast")


def test_a_new_training_is_that_of_the_config(home: Path) -> None:
    config = TrainConfig(dataset="demo", optimizer="adam", threads=1, shuffle=True, seed=4)
    found = find(home, config)
    assert found.of == "a new mlp"
    assert found.demo
    assert found.lr == 1e-3
    setup = make_setup(config, home=home)
    assert found.curve == range_test(setup, SHORT)
    assert find(home, config) == found
    assert [one.name for one in found.suggestions.found] == ["valley", "steepest"]


def test_the_global_generators_are_as_they_were(home: Path) -> None:
    torch.manual_seed(77)
    before = fingerprint(determinism.capture())
    find(home, TrainConfig(dataset="demo", threads=1))
    with pytest.raises(EngineError):
        find(home, TrainConfig(dataset="demo", threads=1, freeze="nothing-of-that-name"))
    assert fingerprint(determinism.capture()) == before


@pytest.mark.parametrize("at", ["1", "last", "best"])
def test_a_checkpoint_goes_on_where_it_is_and_no_file_changes(home: Path, run: RunFolder, at: str) -> None:
    before = bytes_below(run.path)
    found = find(home, RunCheckpoint("fast", at))
    assert bytes_below(run.path) == before
    assert found.of.startswith("fast, epoch ")
    assert found.lr == 2e-3
    assert found.curve.losses[0] < 2.0, "it has trained"
    assert found.notes == ()


def test_a_checkpoint_has_the_next_epochs_batches_and_its_optimizers_state(home: Path, run: RunFolder) -> None:
    content = torch.load(run.checkpoints / "epoch-0001.pt", weights_only=True)
    config = TrainConfig.from_dict(content["config"])
    setup = make_setup(config, home=home)
    setup.network.load_state_dict(content["model"])
    setup.optimizer.load_state_dict(content["optimizer"])
    start = ResumePoint(epoch=2, rng=content["rng"][0])
    assert find(home, RunCheckpoint("fast", "1")).curve == range_test(setup, SHORT, start=start)


def test_changes_of_a_runs_settings(home: Path, run: RunFolder) -> None:
    other = find(home, RunCheckpoint("fast", "1"), optimizer="sgd", momentum=0.9)
    assert "adam was not loaded" in other.notes[0]
    assert other.curve.losses[0] == find(home, RunCheckpoint("fast", "1")).curve.losses[0]
    for name, value in (("model", "cnn"), ("dataset", "fashion-mnist"), ("val", "100")):
        with pytest.raises(ConfigError, match=name) as refused:
            find(home, RunCheckpoint("fast", "1"), SHORT, **{name: value})
        assert refused.value.field == name


def test_a_damaged_checkpoint_is_refused(home: Path, run: RunFolder) -> None:
    file = run.checkpoints / "epoch-0001.pt"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(EngineError, match=r"epoch-0001\.pt.*SHA-256"):
        find(home, RunCheckpoint("fast", "1"))


def test_the_worker_process_answers_tells_how_far_it_is_and_can_be_cancelled(home: Path) -> None:
    client = WorkerClient(home)
    request = LrFindRequest(TrainConfig(dataset="demo", threads=1), SHORT)
    told: list[tuple[int, int]] = []
    try:
        found = client.ask(request, lambda done, total: told.append((done, total)))
        assert found == compute(home, request, silent)
        assert told[-1] == (40, 40)
        long = LrFindRequest(TrainConfig(dataset="demo", threads=1), Sweep(1e-7, 1e-6, 10_000))
        with pytest.raises(InspectionCancelledError):
            client.ask(long, lambda done, total: client.cancel() if done else None)
        assert client.ask(request) == found
    finally:
        client.close()


def test_as_json(home: Path) -> None:
    found = find(home, TrainConfig(dataset="demo", threads=1, optimizer="adam"))
    told = json.loads(json.dumps(found.to_dict()))
    assert (told["from"], told["to"], told["steps"]) == (1e-5, 1.0, 40)
    assert told["done"] == len(told["lrs"]) == len(told["losses"]) == len(told["smoothed"])
    for one in told["suggestions"]:
        assert one["lr"] == pytest.approx(told["lrs"][one["step"] - 1], rel=0.05)
        assert one["reason"]

"""What a checkpoint says of every sample: the model's own words, kept by the file's hash."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data.open_dataset import open_dataset
from engine.data.selection import SCORED_SORTS, Scores, Selection, order
from engine.errors import CheckpointError, EngineError, InspectionCancelledError, InspectionError
from engine.evaluation import predictions
from engine.evaluation.predictions import ask, cache_file, of_file, of_run
from engine.inspection.untyped import ask_untyped
from engine.models.registry import build
from engine.runs import checkpoint_refs
from engine.training.config import TrainConfig
from engine.worker.client import WorkerClient
from tests.engine.runs.test_host_resume import create, serve

DEMO = open_dataset("demo", None, Path())


@pytest.fixture
def run(home: Path) -> Path:
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam", shuffle=True))
    assert serve(folder).status == "finished"
    return folder


@pytest.fixture
def worker(home: Path) -> Iterator[WorkerClient]:
    started = WorkerClient(home)
    yield started
    started.close()


@pytest.mark.slow
def test_the_predictions_are_the_models_own_and_are_kept(run: Path, worker: WorkerClient) -> None:
    told: list[tuple[int, int]] = []
    found = ask(worker, of_run(run, "2"), "test", lambda *at: told.append(at))
    assert told[-1] == (1_000, 1_000)
    model = build("mlp")
    model.load_state_dict(torch.load(run / "checkpoints" / "epoch-0002.pt", weights_only=True)["model"])
    model.eval()
    X = torch.from_numpy(np.array(DEMO.test.images)).unsqueeze(1).float() / 255
    with torch.no_grad():
        chances = torch.softmax(model(X), dim=1).numpy()
    assert np.array_equal(found.predicted, chances.argmax(axis=1))
    assert found.probability == pytest.approx(chances.max(axis=1), rel=1e-4)
    own = chances[np.arange(1_000), DEMO.test.labels]
    assert found.own == pytest.approx(own, rel=1e-3, abs=1e-7)
    assert found.loss == pytest.approx(-np.log(np.maximum(own, 1e-12)), rel=1e-3, abs=1e-5)
    assert found.checksum == DEMO.checksum
    assert (found.predicted == DEMO.test.labels).mean() == pytest.approx(fold_accuracy(run))
    told.clear()
    again = ask(worker, of_run(run, "2"), "test", lambda *at: told.append(at))
    assert told == []
    assert np.array_equal(again.predicted, found.predicted)
    train = ask(worker, of_run(run, "last"), "train")
    assert len(train.predicted) == 6_000
    assert (train.predicted == DEMO.train.labels).mean() > 0.3  # in the files' order, though the run was shuffled
    entry = checkpoint_refs.find(run, "2")
    (run / "checkpoints" / entry.file).write_bytes(b"")
    cache_file(worker.home, entry.sha256[:32], "test").unlink()
    with pytest.raises(CheckpointError, match="it has 0 bytes"):
        ask(worker, of_run(run, "2"), "test")
    with pytest.raises(EngineError, match="no checkpoint at the end of epoch 9"):
        ask(worker, of_run(run, "9"), "test")


def test_anybodys_weights_have_eyes_too(run: Path, worker: WorkerClient, tmp_path: Path) -> None:
    state = torch.load(run / "checkpoints" / "epoch-0002.pt", weights_only=True)["model"]
    path = tmp_path / "theirs.pt"
    torch.save({f"module.{name}": value for name, value in state.items()}, path)
    settings = {"dataset": "demo", "data_dir": None, "transform": ""}
    with pytest.raises(CheckpointError, match=r"would fit with --strip module\."):
        ask(worker, of_file(f"mlp={path}", settings), "test")
    eyes = of_file(f"mlp={path} module.", settings)
    found, own = ask(worker, eyes, "test"), ask(worker, of_run(run, "2"), "test")
    assert np.array_equal(found.predicted, own.predicted)
    assert found.probability == pytest.approx(own.probability)
    assert (found.run, found.place) == ("theirs.pt", "mlp")
    path.write_bytes(path.read_bytes() + b"\0")
    assert of_file(f"mlp={path} module.", settings).key != eyes.key  # another file under its name


def fold_accuracy(run: Path) -> float:
    from tests.engine.runs.test_host_resume import state

    return state(run).tests[-1].accuracy


def test_a_question_can_be_taken_back(run: Path, worker: WorkerClient) -> None:
    with pytest.raises(InspectionCancelledError):
        ask(worker, of_run(run, "last"), "train", lambda done, total: worker.cancel())
    assert not cache_file(worker.home, of_run(run, "last").key, "train").exists()
    process = worker._process
    assert len(ask(worker, of_run(run, "last"), "test").predicted) == 1_000
    assert worker._process is process  # it was not ended, and torch not imported again
    worker.close()
    assert not worker.started


def test_a_bug_or_an_end_of_the_worker_process_is_one_line(home: Path, worker: WorkerClient) -> None:
    with pytest.raises(InspectionError, match=r"a bug: KeyError: 'nothing' \(traceback in .*worker.log\)"):
        ask_untyped(worker, "nothing", {})
    assert "Traceback" in (home / "worker.log").read_text()
    assert worker._process is not None
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(InspectionError, match="a bug"):
        ask_untyped(worker, "nothing", {})  # by a new process


def test_mistakes_are_filtered_and_sorted_by_how_sure_the_model_was() -> None:
    labels = DEMO.test.labels
    predicted = labels.copy()
    predicted[:5] = (predicted[:5] + 1) % 10
    probability = np.full(len(labels), 0.9, np.float32)
    own = np.where(predicted == labels, 0.9, np.linspace(0.05, 0.5, len(labels))).astype(np.float32)
    rival = np.where(predicted == labels, 0.05, 0.9).astype(np.float32)
    seen = predictions.Predictions("r", "1", "test", "", predicted, probability, own, rival)
    scores = Scores(predicted, seen.loss, seen.margin)
    found = order(DEMO.test, Selection(wrong=True, sort="margin"), scores=scores)
    assert found.tolist() == [0, 1, 2, 3, 4]  # the least own probability first
    by_loss = order(DEMO.test, Selection(sort="loss", descending=True), scores=scores)
    assert by_loss[:5].tolist() == [0, 1, 2, 3, 4]
    cell = Selection(classes=frozenset({int(labels[3])}), predicted_as=int(predicted[3]))
    inside = order(DEMO.test, cell, scores=scores).tolist()
    assert 3 in inside
    assert all(labels[index] == labels[3] and predicted[index] == predicted[3] for index in inside)
    assert set(SCORED_SORTS) >= {"loss", "margin"}

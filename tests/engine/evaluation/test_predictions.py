"""A model's predictions for every sample: those of its forward pass, kept by the file's hash."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data.open_dataset import open_dataset
from engine.data.selection import SCORED_SORTS, Scores, Selection, order
from engine.errors import CheckpointError, EngineError, InspectionCancelledError, InspectionError
from engine.evaluation import predictions
from engine.evaluation.predictions import PredictionSource, ask, cache_file, find_source
from engine.evaluation.requests import PredictionsRequest
from engine.home import RunFolder
from engine.models.registry import build
from engine.runs import checkpoint_refs
from engine.runs.follower import Follower
from engine.runs.state import fold
from engine.sources import NetworkRef, NewModel, RunCheckpoint, WeightsFile, parse
from engine.training.config import TrainConfig
from engine.worker.client import WorkerClient
from tests.support.trained import TrainOnce

DEMO = open_dataset("demo", None, Path())


@pytest.fixture
def run(home: Path, train_once: TrainOnce) -> RunFolder:
    return train_once(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam", shuffle=True), "")


@pytest.fixture
def worker(home: Path) -> Iterator[WorkerClient]:
    started = WorkerClient(home)
    yield started
    started.close()


def of_run(folder: RunFolder, at: str) -> PredictionSource:
    return find_source(folder.path.parent.parent, NetworkRef(RunCheckpoint(folder.id, at)))


@pytest.mark.slow
def test_the_predictions_are_those_of_the_forward_pass_and_are_kept(run: RunFolder, worker: WorkerClient) -> None:
    reports: list[tuple[int, int]] = []
    found = ask(worker, of_run(run, "2"), "test", lambda *at: reports.append(at))
    assert reports[-1] == (1_000, 1_000)
    assert found.title == f"{run.id}, epoch 2"
    model = build("mlp")
    model.load_state_dict(torch.load(run.checkpoint("epoch-0002.pt"), weights_only=True)["model"])
    model.eval()
    X = torch.from_numpy(np.array(DEMO.test.images)).unsqueeze(1).float() / 255
    with torch.no_grad():
        probabilities = torch.softmax(model(X), dim=1).numpy()
    assert np.array_equal(found.predicted, probabilities.argmax(axis=1))
    assert found.probability == pytest.approx(probabilities.max(axis=1), rel=1e-4)
    rows = np.arange(1_000)
    of_label = probabilities[rows, DEMO.test.labels]
    others = probabilities.copy()
    others[rows, DEMO.test.labels] = -1
    assert found.label_probability == pytest.approx(of_label, rel=1e-3, abs=1e-7)
    assert found.highest_other == pytest.approx(others.max(axis=1), rel=1e-3, abs=1e-7)
    assert found.loss == pytest.approx(-np.log(np.maximum(of_label, 1e-12)), rel=1e-3, abs=1e-5)
    assert found.margin == pytest.approx(of_label - others.max(axis=1), rel=1e-3, abs=1e-5)
    assert found.checksum == DEMO.checksum
    assert (found.predicted == DEMO.test.labels).mean() == pytest.approx(fold_accuracy(run))
    reports.clear()
    again = ask(worker, of_run(run, "2"), "test", lambda *at: reports.append(at))
    assert reports == []
    for name in ("predicted", "probability", "label_probability", "highest_other"):
        assert np.array_equal(getattr(again, name), getattr(found, name))
    train = ask(worker, of_run(run, "last"), "train")
    assert len(train.predicted) == 6_000
    assert (train.predicted == DEMO.train.labels).mean() > 0.3  # in the files' order, though the run was shuffled
    entry = checkpoint_refs.find(run, "2")
    (run.checkpoint(entry.file)).write_bytes(b"")
    cache_file(worker.home, entry.sha256[:32], "test").unlink()
    with pytest.raises(CheckpointError, match="it has 0 bytes"):
        ask(worker, of_run(run, "2"), "test")
    with pytest.raises(EngineError, match="no checkpoint at the end of epoch 9"):
        ask(worker, of_run(run, "9"), "test")


@pytest.mark.slow
def test_the_predictions_of_held_out_images_are_those_that_the_run_was_judged_by(
    home: Path, train_once: TrainOnce, worker: WorkerClient
) -> None:
    config = TrainConfig(dataset="demo", epochs=1, threads=1, optimizer="adam", val="600:3")
    run = train_once(home, config, "")
    (result,) = fold(Follower(run).poll()).vals
    found = ask(worker, of_run(run, "1"), "train")
    scores = Scores(found.predicted, found.loss, found.margin)
    for true, row in enumerate(result.confusion):
        for predicted, number in enumerate(row):
            cell = Selection(classes=frozenset({true}), predicted_as=predicted, held_out=config.val, sort="margin")
            assert len(order(DEMO.train, cell, scores=scores)) == number


def test_each_value_is_that_of_the_forward_pass(home: Path, tmp_path: Path) -> None:
    """On a network that is mostly wrong, so that the prediction, the label and the others differ."""
    torch.manual_seed(4)
    model = build("mlp")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    path = tmp_path / "weights.pt"
    torch.save(model.state_dict(), path)
    reports: list[tuple[int, int]] = []
    request = PredictionsRequest(NetworkRef(WeightsFile(path, model="mlp"), dataset="demo"), "test")
    found = predictions.compute(home, request, lambda *at: reports.append(at))
    X, labels = torch.from_numpy(np.array(DEMO.test.images)).unsqueeze(1).float() / 255, DEMO.test.labels
    with torch.no_grad():
        chances = torch.softmax(model(X), dim=1).numpy()
    rows = np.arange(len(labels))
    others = chances.copy()
    others[rows, labels] = -1
    assert (found.predicted == labels).mean() < 0.5
    assert np.array_equal(found.predicted, chances.argmax(axis=1))
    assert found.probability == pytest.approx(chances.max(axis=1), rel=1e-4)
    assert found.label_probability == pytest.approx(chances[rows, labels], rel=1e-3, abs=1e-7)
    assert found.highest_other == pytest.approx(others.max(axis=1), rel=1e-3, abs=1e-7)
    assert np.array_equal(found.top_classes, (-chances).argsort(axis=1)[:, :5])
    assert found.top_probabilities == pytest.approx(-np.sort(-chances, axis=1)[:, :5], rel=1e-3, abs=1e-7)
    assert (found.checksum, reports) == (DEMO.checksum, [(500, 1_000), (1_000, 1_000)])
    of_right = predictions.Predictions(**vars(found), title="", split="test")
    assert of_right.margin == pytest.approx(chances[rows, labels] - others.max(axis=1), rel=1e-3, abs=1e-5)
    assert of_right.loss == pytest.approx(-np.log(np.maximum(chances[rows, labels], 1e-12)), rel=1e-3, abs=1e-4)


def test_a_file_of_weights_predicts_as_the_checkpoint_it_was_taken_from(
    run: RunFolder, worker: WorkerClient, tmp_path: Path
) -> None:
    state = torch.load(run.checkpoint("epoch-0002.pt"), weights_only=True)["model"]
    path = tmp_path / "theirs.pt"
    torch.save({f"module.{name}": value for name, value in state.items()}, path)

    def of_file(text: str) -> PredictionSource:
        return find_source(worker.home, NetworkRef(parse(text), dataset="demo"))

    with pytest.raises(CheckpointError, match=r"would fit with --strip module\."):
        ask(worker, of_file(f"mlp={path}"), "test")
    source = of_file(f"mlp={path} module.")
    found, own = ask(worker, source, "test"), ask(worker, of_run(run, "2"), "test")
    assert np.array_equal(found.predicted, own.predicted)
    assert found.probability == pytest.approx(own.probability)
    assert found.title == "theirs.pt (mlp)"
    path.write_bytes(path.read_bytes() + b"\0")
    assert of_file(f"mlp={path} module.").key != source.key  # another file under its name
    path.unlink()
    with pytest.raises(InspectionError, match="no such file"):
        of_file(f"mlp={path}")


def test_a_checkpoint_by_its_path_is_the_runs_own(run: RunFolder) -> None:
    file = run.checkpoint("epoch-0001.pt")
    assert find_source(run.path.parent.parent, NetworkRef(WeightsFile(file))) == of_run(run, "1")


def test_a_new_model_has_no_predictions(home: Path) -> None:
    with pytest.raises(InspectionError, match="a new mlp has not learned anything"):
        find_source(home, NetworkRef(NewModel("mlp")))


def fold_accuracy(run: RunFolder) -> float:
    from tests.engine.runs.test_host_resume import state

    return state(run).tests[-1].accuracy


def test_a_question_can_be_taken_back(run: RunFolder, worker: WorkerClient) -> None:
    with pytest.raises(InspectionCancelledError):
        ask(worker, of_run(run, "last"), "train", lambda done, total: worker.cancel())
    assert not cache_file(worker.home, of_run(run, "last").key, "train").exists()
    process = worker._process
    assert len(ask(worker, of_run(run, "last"), "test").predicted) == 1_000
    assert worker._process is process  # it was not ended, and torch not imported again
    worker.close()
    assert not worker.started


def test_a_bug_or_an_end_of_the_worker_process_is_one_line(home: Path, worker: WorkerClient) -> None:
    bug = PredictionsRequest(NetworkRef(NewModel("mlp")), "test")  # it needs a file
    with pytest.raises(InspectionError, match=r"a bug: AssertionError \(traceback in .*worker.log\)"):
        worker.ask(bug)
    assert "Traceback" in (home / "worker.log").read_text()
    assert worker._process is not None
    worker._process.kill()
    worker._process.wait()
    with pytest.raises(InspectionError, match="a bug"):
        worker.ask(bug)  # by a new process


def test_mistakes_are_filtered_and_sorted_by_how_sure_the_model_was() -> None:
    labels = DEMO.test.labels
    predicted = labels.copy()
    predicted[:5] = (predicted[:5] + 1) % 10
    probability = np.full(len(labels), 0.9, np.float32)
    of_label = np.where(predicted == labels, 0.9, np.linspace(0.05, 0.5, len(labels))).astype(np.float32)
    highest_other = np.where(predicted == labels, 0.05, 0.9).astype(np.float32)
    top = predicted[:, None], probability[:, None]
    found_by = predictions.Predictions("", predicted, probability, of_label, highest_other, *top, "r, epoch 1", "test")
    scores = Scores(predicted, found_by.loss, found_by.margin)
    found = order(DEMO.test, Selection(wrong=True, sort="margin"), scores=scores)
    assert found.tolist() == [0, 1, 2, 3, 4]  # the lowest label probability first
    by_loss = order(DEMO.test, Selection(sort="loss", descending=True), scores=scores)
    assert by_loss[:5].tolist() == [0, 1, 2, 3, 4]
    cell = Selection(classes=frozenset({int(labels[3])}), predicted_as=int(predicted[3]))
    inside = order(DEMO.test, cell, scores=scores).tolist()
    assert 3 in inside
    assert all(labels[index] == labels[3] and predicted[index] == predicted[3] for index in inside)
    assert set(SCORED_SORTS) >= {"loss", "margin"}

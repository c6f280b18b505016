"""Weights of a file brought into a network: what fits, what is proposed, what they reach."""

import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.checkpoints import verify
from engine.data.open_dataset import open_dataset
from engine.errors import CheckpointError, EngineError
from engine.evaluation import evaluate as evaluating
from engine.evaluation import trusted
from engine.evaluation.evaluate import evaluate
from engine.evaluation.metrics import BINS, mcnemar
from engine.evaluation.requests import Evaluation, EvaluationSettings
from engine.home import RunFolder
from engine.models import trusted_code
from engine.models.registry import build
from engine.models.trusted_code import UntrustedCodeError
from engine.sources import WeightsFile
from engine.training.config import TrainConfig
from engine.weights.contents import OWN_KEYS
from engine.weights.key_mapping import KeyMapping
from engine.worker import wire
from tests.engine.runs.test_host_resume import create, serve
from tests.support.trained import TrainOnce

ROOT = Path(__file__).parents[3]


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build("mlp").state_dict()


@pytest.fixture
def trained(home: Path, train_once: TrainOnce) -> RunFolder:
    return train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1, optimizer="adam", batch_size=48), "")


DEMO = EvaluationSettings("demo")


def test_a_run_s_own_checkpoint_reaches_what_the_run_told(home: Path, trained: RunFolder) -> None:
    from tests.engine.runs.test_host_resume import state

    (test,) = state(trained).tests
    told: list[tuple[int, int]] = []
    path = trained.checkpoint("epoch-0001.pt")
    found = evaluate(
        WeightsFile(path), DEMO, home=home, data_dir=None, progress=lambda done, total: told.append((done, total))
    )
    assert found.accuracy == test.accuracy
    assert found.confusion == tuple(map(tuple, test.confusion))
    assert found.batch_size == 48
    assert 1000 % found.batch_size, "else the two means are the same"
    # To float32's precision: on an Intel Xeon the last bits differ from those of the run's process.
    assert found.loss == pytest.approx(test.loss, rel=1e-6), "the loss in the log"
    assert found.loss_per_sample == pytest.approx(test.loss_per_sample, rel=1e-6)
    assert found.loss != pytest.approx(found.loss_per_sample, rel=1e-5)
    assert (found.model, found.cached, told[-1]) == ("mlp", False, (1000, 1000))
    again = evaluate(WeightsFile(path), DEMO, home=home, data_dir=None)
    assert again.cached
    assert again.accuracy == found.accuracy
    bare = evaluate(WeightsFile(trained.weights, model="mlp"), DEMO, home=home, data_dir=None)
    assert (bare.accuracy, bare.cached) == (found.accuracy, False)
    assert bare.batch_size == 64
    assert bare.loss_per_sample == pytest.approx(found.loss_per_sample, rel=1e-6)
    with pytest.raises(CheckpointError, match="does not say which network it belongs to"):
        evaluate(WeightsFile(trained.weights), DEMO, home=home, data_dir=None)


def test_what_does_not_fit_is_told_and_nothing_is_guessed(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model": {f"module.{name}": tensor for name, tensor in weights().items()}}, path)
    with pytest.raises(CheckpointError, match=r"6 missing .*; 6 unexpected .*; they would fit with --strip module\."):
        evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    assert (
        evaluate(WeightsFile(path, KeyMapping(strip="module."), model="mlp"), DEMO, home=home, data_dir=None).accuracy
        >= 0
    )
    torch.save({name.replace("linear_relu_stack", "net"): tensor for name, tensor in weights().items()}, path)
    with pytest.raises(CheckpointError, match=r"perhaps --rename linear_relu_stack=net$"):
        evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    mapping = KeyMapping(renames=(("linear_relu_stack", "net"),))
    assert evaluate(WeightsFile(path, mapping, "mlp"), DEMO, home=home, data_dir=None).accuracy >= 0
    with pytest.raises(CheckpointError, match="the file has no nothing"):
        evaluate(
            WeightsFile(path, KeyMapping(renames=(("x", "nothing"),)), model="mlp"), DEMO, home=home, data_dir=None
        )


def test_what_is_too_much_in_a_file_is_named_and_left_out_when_that_is_said(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "lightning.ckpt"
    more = {"loss.weight": torch.ones(10), "teacher.0.weight": torch.ones(3), "teacher.0.bias": torch.ones(3)}
    torch.save({"state_dict": {f"model.{name}": value for name, value in weights().items()} | more}, path)
    with pytest.raises(CheckpointError, match=r"they would fit with --strip model\. --without loss --without teacher$"):
        evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    mapping = KeyMapping(strip="model.", without=("loss", "teacher.*"))
    assert evaluate(WeightsFile(path, mapping, "mlp"), DEMO, home=home, data_dir=None).accuracy >= 0
    with pytest.raises(CheckpointError, match="no tensor matches 'nothing', which is to be left out"):
        evaluate(WeightsFile(path, KeyMapping(without=("nothing",)), model="mlp"), DEMO, home=home, data_dir=None)
    with pytest.raises(CheckpointError, match="only a network that is to be trained can have new weights"):
        evaluate(WeightsFile(path, KeyMapping(new=("x",)), model="mlp"), DEMO, home=home, data_dir=None)


def test_a_file_can_not_have_somebodys_python_run(home: Path, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'made')!r}, 'w')\nclass Net: pass\n")
    path = tmp_path / "weights.pt"
    for name in ("model", "transform"):
        config = {"model": "mlp", name: f"{tmp_path / 'evil.py'}:Net"}
        torch.save(dict.fromkeys(OWN_KEYS, 1) | {"model": weights(), "config": config}, path)
        with pytest.raises(
            CheckpointError, match=f"evil.py:Net, which would be executed: if you trust that file, add --{name}"
        ) as refused:
            evaluate(WeightsFile(path), DEMO, home=home, data_dir=None)
        error = sent_and_received(refused.value)
        assert isinstance(error, UntrustedCodeError)  # a screen asks then
        assert (error.file, error.changed) == (tmp_path / "evil.py", False)
        assert str(error) == str(refused.value)
        file, sha256 = error.file, error.sha256
    assert not (tmp_path / "made").exists()
    trusted_code.record(file, sha256)
    with pytest.raises(EngineError, match="Net"):  # it is no transform; but now it is run
        evaluate(WeightsFile(path), DEMO, home=home, data_dir=None)
    assert (tmp_path / "made").exists()


def sent_and_received(error: Exception) -> object:
    """As it comes from the worker process."""
    stream = BytesIO()
    wire.send(stream, error)  # type: ignore[arg-type]
    stream.seek(0)
    return wire.receive(stream)


def test_the_digest_is_the_files_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert verify.sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_which_images_the_second_fixes_and_breaks(home: Path) -> None:
    folder = create(home, TrainConfig(dataset="demo", epochs=2, threads=1, optimizer="adam", lr=3e-4))
    assert serve(folder).status == "finished"
    first, second = (folder.checkpoint(f"epoch-000{at}.pt") for at in (1, 2))
    found = evaluating.compare(WeightsFile(first), WeightsFile(second), DEMO, home=home, data_dir=None)
    alone = [evaluate(WeightsFile(path), DEMO, home=home, data_dir=None) for path in (first, second)]
    assert found.accuracy == (pytest.approx(alone[0].accuracy), pytest.approx(alone[1].accuracy))
    assert found.to_dict()["p_value"] == mcnemar(len(found.fixed), len(found.broken))
    for one in alone:
        assert sum(each.images for each in one.bins) == one.samples
        assert sum(each.right for each in one.bins) == one.right == round(one.accuracy * one.samples)
        assert one.right < one.among_two <= one.samples
        assert tuple(each.recall for each in one.by_class) == one.per_class
        assert Evaluation.from_dict(json.loads(json.dumps(asdict(one)))) == one
        told = json.loads(json.dumps(one.to_dict()))
        assert told["interval"][0] < told["accuracy"] < told["interval"][1]
        assert told["top_2"] == one.among_two / one.samples
        assert len(told["reliability"]) == BINS
    data = open_dataset("demo", None, home)
    said = []
    for path in (first, second):
        net = build("mlp").eval()
        net.load_state_dict(torch.load(path, weights_only=True)["model"])
        with torch.no_grad():
            said.append(net(torch.from_numpy(np.array(data.test.images)).float()[:, None] / 255).argmax(1).numpy())
    right = [one == data.test.labels for one in said]
    assert found.fixed == tuple(np.flatnonzero(right[1] & ~right[0]).tolist())
    assert found.broken == tuple(np.flatnonzero(right[0] & ~right[1]).tolist())
    assert len(found.fixed) + len(found.broken) > 0
    both = [*found.fixed, *found.broken]
    assert list(found.labels) == data.test.labels[both].tolist()
    assert list(found.predicted_as) == [*said[0][list(found.fixed)], *said[1][list(found.broken)]]


class Boom(torch.nn.Module):
    """What it prints, and that it fails, comes from its own code."""

    def __setstate__(self, state: object) -> None:
        print("printed by the file's code")
        raise ValueError("from the file's code")


def test_a_whole_module_runs_only_by_its_sha256(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # where the classes of these tests are found
    path = tmp_path / "whole.pt"
    torch.manual_seed(0)
    torch.save(build("mlp"), path)
    sha256 = verify.sha256(path)
    with pytest.raises(CheckpointError, match=f"would execute its author's code.*--trust {sha256}"):
        evaluate(WeightsFile(path), DEMO, home=home, data_dir=None)
    by_numbers = evaluate(WeightsFile(path, model="mlp"), DEMO, home=home, data_dir=None)
    with pytest.raises(CheckpointError, match="is not the one that you trust"):
        trusted.evaluate(path, "0" * 64, DEMO, home=home, data_dir=None)
    told: list[tuple[int, int]] = []
    found = trusted.evaluate(
        path, sha256, DEMO, home=home, data_dir=None, progress=lambda done, total: told.append((done, total))
    )
    assert (found.model, found.accuracy) == ("NeuralNetwork", by_numbers.accuracy)
    assert told[-1] == (1000, 1000)
    torch.save(Boom(), path)
    with pytest.raises(CheckpointError, match="ValueError: from the file's code"):
        trusted.evaluate(path, verify.sha256(path), DEMO, home=home, data_dir=None)
    torch.save(build("mlp").state_dict(), path)
    with pytest.raises(CheckpointError, match="contains no module that was pickled whole"):
        trusted.evaluate(path, verify.sha256(path), DEMO, home=home, data_dir=None)


def test_trust_is_remembered_by_the_sha256(home: Path) -> None:
    assert not trusted.trusts(home, "ab")
    trusted.trust(home, "ab")
    trusted.trust(home, "cd")
    assert trusted.trusts(home, "ab")
    assert trusted.trusts(home, "cd")
    assert not trusted.trusts(home, "a")


def test_a_trusted_module_that_takes_too_much_is_ended(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(trusted, "MEMORY", 64 << 20)
    path = tmp_path / "greedy.pt"
    torch.save(Greedy(), path)
    with pytest.raises(CheckpointError, match=r"alloc|memory|ended without an answer"):
        trusted.evaluate(path, verify.sha256(path), DEMO, home=home, data_dir=None)


class Greedy(torch.nn.Module):
    """Wants 8 GB."""

    def __setstate__(self, state: object) -> None:
        super().__setstate__(state)
        self.much = torch.ones(1 << 31)

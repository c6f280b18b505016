"""What other programs read of a run: TensorBoard its event files, onnxruntime its network."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.evaluation.of_checkpoint import setup_of_checkpoint
from engine.home import RunFolder
from engine.runs.follower import Follower
from engine.runs.state import fold
from engine.sources import RunCheckpoint, resolve
from engine.training.config import TrainConfig
from tests.support.own_code import write_trusted
from tests.support.trained import TrainOnce
from tui.cli import export
from tui.cli.main import main

OWN = """
from torch import nn

class Small(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
            nn.Linear(4 * 13 * 13, num_classes),
        )

    def forward(self, x):
        return self.body(x)

class Odd(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))

    def forward(self, x):
        out = self.body(x)
        return out if float(out.sum()) > 0 else out * 1.0
"""


def trained(home: Path, train_once: TrainOnce, **settings: object) -> RunFolder:
    config = TrainConfig(dataset="demo", epochs=2, batch_size=256, threads=1, val="0.1", **settings)  # type: ignore[arg-type]
    return train_once(home, config, "mine")


def test_tensorboard_reads_the_curves_results_and_settings(
    home: Path, tmp_path: Path, train_once: TrainOnce, capsys: pytest.CaptureFixture[str]
) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = trained(home, train_once)
    target = tmp_path / "board" / "mine"
    assert main(["export", "mine", "--tensorboard", str(target)]) == 0
    state = fold(Follower(folder).poll())
    read = accumulators.EventAccumulator(str(target), size_guidance={"scalars": 0})
    read.Reload()
    losses = read.Scalars("loss/train")
    assert [one.step for one in losses] == [round(point.step) for point in state.curve]
    assert [one.value for one in losses] == pytest.approx([point.mean for point in state.curve])
    accuracies = read.Scalars("accuracy/val")
    assert [(one.step, pytest.approx(one.value)) for one in accuracies] == [
        (one.epoch * state.steps, one.accuracy) for one in state.vals
    ]
    assert [one.wall_time for one in accuracies] == pytest.approx([one.t for one in state.vals], abs=0.01)
    assert read.Scalars("hparam/test accuracy")[0].value == pytest.approx(state.tested.accuracy if state.tested else -1)
    settings = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"batch_size" in settings
    capsys.readouterr()
    assert main(["export", "mine", "--tensorboard", str(target)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["export", "mine", "--tensorboard", "-"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "cnn", "own"])
def test_onnxruntime_gives_the_networks_logits_for_any_number_of_images(
    home: Path, tmp_path: Path, train_once: TrainOnce, capsys: pytest.CaptureFixture[str], model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pytest.importorskip("onnxscript")
    told: list[str] = []
    monkeypatch.setattr(export, "tell_in_place", told.append)
    onnxruntime = pytest.importorskip("onnxruntime")
    if model == "own":
        write_trusted(tmp_path / "own.py", OWN)
        model = f"{tmp_path / 'own.py'}:Small"
    folder = trained(home, train_once, model=model)
    target = tmp_path / "model.onnx"
    assert main(["export", "mine", "--onnx", str(target), "--at", "2"]) == 0
    said = capsys.readouterr().out
    assert "over 256 test images" in said
    assert [words.split()[0] for words in told if words] == ["starting", "reading", "writing", "comparing"]
    assert told[-1] == ""
    session = onnxruntime.InferenceSession(target.read_bytes(), providers=["CPUExecutionProvider"])
    (given,), (output,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape[1:], output.name) == ("images", [1, 28, 28], "logits")
    details = session.get_modelmeta().custom_metadata_map
    assert details["run"] == folder.id
    assert len(json.loads(details["classes"])) == 10
    network = setup_of_checkpoint(resolve(home, RunCheckpoint(folder.id, "2")), device="cpu").network.eval()
    for count in (1, 7):
        images = torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(count))
        with torch.no_grad():
            expected = network(images).numpy()
        (got,) = session.run(None, {"images": images.numpy()})
        assert np.abs(got - expected).max() < 1e-4


@pytest.mark.slow
def test_a_network_that_can_not_be_exported_is_refused_in_a_line(
    home: Path, tmp_path: Path, train_once: TrainOnce, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    write_trusted(tmp_path / "own.py", OWN)
    trained(home, train_once, model=f"{tmp_path / 'own.py'}:Odd")
    target = tmp_path / "model.onnx"
    capsys.readouterr()
    assert main(["export", "mine", "--onnx", str(target)]) == 2
    said = capsys.readouterr().err
    assert "can't be exported to ONNX" in said
    assert said.count("\n") == 1
    assert not target.exists()


@pytest.mark.parametrize(
    ("form", "missing", "words"),
    [
        ("--tensorboard", "torch.utils.tensorboard", "pip install tensorboard"),
        ("--onnx", "onnxscript", "pip install onnx onnxscript onnxruntime"),
        ("--onnx", "onnxruntime", "pip install onnx onnxscript onnxruntime"),
    ],
)
def test_a_package_that_is_missing_is_named(
    home: Path, tmp_path: Path, train_once: TrainOnce, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, form: str, missing: str, words: str,
) -> None:  # fmt: skip
    if missing == "onnxruntime":
        pytest.importorskip("onnxscript")
    trained(home, train_once)
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["export", "mine", form, str(tmp_path / "there")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("typed", [["--csv", "-", "--at", "3"], ["--onnx", "-"], ["--onnx", "x.onnx", "--at", "99"]])
def test_what_can_not_be_is_one_line(
    home: Path, train_once: TrainOnce, capsys: pytest.CaptureFixture[str], typed: list[str]
) -> None:
    trained(home, train_once)
    assert main(["export", "mine", *typed]) == 2
    assert capsys.readouterr().err.count("\n") == 1

"""`fmnist-tui model`: a network looked into from the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.data.open_dataset import open_dataset
from engine.models.registry import build
from engine.training.config import TrainConfig
from tests.support.trained import TrainOnce
from tui.cli.main import main

DEMO = open_dataset("demo", None, Path())


@pytest.fixture(autouse=True)
def demo(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("FMNIST_TUI_DATA", raising=False)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["model", *arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_modules(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys)
    assert found["printed"] == str(build("mlp"))
    assert found["totals"]["parameters"] == 669_706
    assert main(["model", "mlp"]) == 0
    text = capsys.readouterr().out
    assert str(build("mlp")) in text
    assert "linear_relu_stack.0  Linear         [1, 784]        [1, 512]     401,920        401,408" in text
    assert "669,706 parameters, 669,706 trainable, 0 numbers in buffers, 2.6 MiB; 668,672 multiply-adds" in text


def test_the_six_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "mlp", "--parameters", "--seed", "5", "--freeze", "*.0.*")["tensors"]
    torch.manual_seed(5)
    parameters = dict(build("mlp").named_parameters())
    assert [row["name"] for row in found] == list(parameters)
    for row in found:
        assert row["shape"] == list(parameters[row["name"]].shape)
        assert row["mean"] == pytest.approx(float(parameters[row["name"]].double().mean()), rel=1e-6, abs=1e-12)
        assert row["requires_grad"] == (".0." not in row["name"])
    assert main(["model", "--parameters"]) == 0
    assert "linear_relu_stack.4.bias    10       float32  True" in capsys.readouterr().out


def test_an_image_through_a_checkpoint(capsys: pytest.CaptureFixture[str], home: Path, train_once: TrainOnce) -> None:
    folder = train_once(home, TrainConfig(dataset="demo", epochs=1, threads=1, optimizer="adam"), "")
    net = build("mlp")
    net.load_state_dict(torch.load(folder.weights, weights_only=True))
    X = torch.from_numpy(np.array(DEMO.test.images[9])).float()[None, None] / 255
    with torch.no_grad():
        logits = net(X)[0]
    for source in ("last", f"{folder.id}@best", str(folder.checkpoint("epoch-0001.pt"))):
        found = told(capsys, source, "--image", "9")
        assert found["logits"] == pytest.approx(logits.tolist(), rel=1e-4)
        assert found["probabilities"] == pytest.approx(logits.softmax(0).tolist(), rel=1e-4)
        assert found["stages"][1]["after"] == "[1, 512]"
    assert main(["model", "last", "--image", "9"]) == 0
    text = capsys.readouterr().out
    said = DEMO.classes[int(logits.argmax())]
    assert f"{said}, {'correct' if int(logits.argmax()) == int(DEMO.test.labels[9]) else 'wrong'}; loss " in text
    assert "linear_relu_stack.1 ReLU    [1, 512] → [1, 512]" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "'nothing' is not a model (mlp, cnn, fast_cnn, accurate_cnn, torchvision:NAME"),
        (["torchvision:vgg1"], "did you mean vgg"),
        (["gone.pt"], "no such file: gone.pt"),
        (["mlp", "--image", "1000"], "the test set has no image 1000: its indices go from 0 to 999"),
        (["torchvision:vgg16", "--image", "1"], "no image can be sent through it"),
        (["mlp", "--freeze", "nothing"], "no parameter of mlp matches 'nothing'"),
        (["gone.py:Net"], "gone.py"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


def test_what_does_not_fit_is_told_with_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\n\nclass Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(784, 20), nn.Linear(21, 10))\n"
    )
    assert main(["model", f"{tmp_path / 'own.py'}:Net"]) == 2
    out, err = capsys.readouterr()
    assert "[1, 784]" in out
    assert "2 (Linear(in_features=21, out_features=10, bias=True)) got [1, 20]: RuntimeError" in err

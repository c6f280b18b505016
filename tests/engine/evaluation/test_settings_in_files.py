"""What a file says of its run counts only where the file is this program's, and less than what is given."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import CheckpointError
from engine.evaluation.evaluate import configured, evaluate
from engine.evaluation.requests import EvaluationSettings
from engine.models.registry import build
from engine.sources import WeightsFile
from engine.weights.contents import OWN_KEYS
from engine.weights.reading import read
from tests.support.own_code import write_trusted
from tui.cli.main import main

CONFIGS: list[Any] = [
    {"model": "mlp", "loss": "focal", "transform": "randaugment"},
    {"model": {"name": "resnet"}, "transform": ["crop", "flip"], "loss": 3},
    {"model": "cnn", "lr": 0.1},
    "config.yaml",
    {"model": "/tmp/theirs.py:Net", "transform": "/tmp/theirs.py:augment"},
]


def saved(path: Path, config: Any, **more: Any) -> Path:
    torch.manual_seed(0)
    torch.save({"model": build("mlp").state_dict(), "config": config} | more, path)
    return path


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("more", [{}, {"optimizer": {}, "epoch": 3, "step": 12, "format": "lightning"}])
def test_another_program_s_config_is_not_taken_for_ours(config: Any, more: dict[str, Any], tmp_path: Path) -> None:
    contents = read(saved(tmp_path / "theirs.pt", config, **more))
    assert contents.model == ""
    assert not any("fmnist-tui" in note for note in contents.notes)
    found = configured(contents, "mlp", EvaluationSettings("demo"))
    assert (found.model, found.transform, found.loss) == ("mlp", "", "cross_entropy")
    with pytest.raises(CheckpointError, match="does not say which network it belongs to: name it with --model"):
        configured(contents, "", EvaluationSettings("demo"))


def test_it_is_evaluated_from_the_command_line(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "theirs.pt", CONFIGS[0])
    arguments = ["eval", "--home", str(home), str(path), "--model", "mlp", "--dataset", "demo"]
    assert main(arguments) == 0
    assert "mlp on " in capsys.readouterr().out


def test_what_is_given_counts_also_where_it_is_empty(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"model": "mlp", "transform": "/tmp/own.py:Transform", "loss": "nll"}
    path = saved(tmp_path / "ours.pt", config, **dict.fromkeys(OWN_KEYS - {"model", "config"}, 1))
    contents = read(path)
    assert contents.model == "mlp"
    with pytest.raises(CheckpointError, match=r"needs /tmp/own\.py:Transform, which would be executed"):
        configured(contents, "", EvaluationSettings("demo"))
    found = configured(contents, "", EvaluationSettings("demo", transform="", loss="mse"))
    assert (found.model, found.transform, found.loss) == ("mlp", "", "mse")
    assert main(["eval", "--home", str(home), str(path), "--dataset", "demo"]) == 2
    assert "if you trust that file, add --transform" in capsys.readouterr().err
    assert main(["eval", "--home", str(home), str(path), "--dataset", "demo", "--transform", ""]) == 0
    assert "mlp on " in capsys.readouterr().out


def test_a_long_path_in_a_checkpoint_is_whole(tmp_path: Path) -> None:
    long = "/" + "x" * 400 + ".py:Transform"
    config = {"model": "mlp", "transform": long}
    path = saved(tmp_path / "ours.pt", config, **dict.fromkeys(OWN_KEYS - {"model", "config"}, 1))
    with pytest.raises(CheckpointError, match=f"add --transform {long}$"):
        configured(read(path), "", EvaluationSettings("demo"))


def test_batch_norms_without_counts_are_evaluated(home: Path, tmp_path: Path) -> None:
    write_trusted(
        tmp_path / "net.py",
        "from torch import nn\n\n\nclass Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(784, 10))\n",
    )
    model = f"{tmp_path / 'net.py'}:Net"
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Flatten(), torch.nn.Linear(784, 10))
    path = tmp_path / "old.pt"
    torch.save({name: value for name, value in net.state_dict().items() if "num_batches" not in name}, path)
    old = evaluate(WeightsFile(path, model=model), EvaluationSettings("demo"), home=home, data_dir=None)
    torch.save(net.state_dict(), tmp_path / "new.pt")
    new = evaluate(WeightsFile(tmp_path / "new.pt", model=model), EvaluationSettings("demo"), home=home, data_dir=None)
    assert old.loss == new.loss

"""What is frozen does not move; the rest trains."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import CheckpointError, ConfigError
from engine.home import RunFolder
from engine.models.registry import build
from engine.patterns import matches
from engine.runs import client
from engine.training import freezing
from engine.training.config import TrainConfig
from engine.training.setup import make_setup
from tests.engine.runs.test_host_resume import create, serve

NAMES = [f"linear_relu_stack.{at}.{kind}" for at in (0, 2, 4) for kind in ("weight", "bias")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("linear_relu_stack.0.*", NAMES[:2]),
        ("linear_relu_stack.0", NAMES[:2]),
        ("*, !linear_relu_stack.4", NAMES[:4]),
        ("!linear_relu_stack.4 *", NAMES),
        ("*.bias", NAMES[1::2]),
        ("linear_relu_stack.[02].weight", [NAMES[0], NAMES[2]]),
        ("linear_relu_stack.4.bias", [NAMES[5]]),
        ("nothing", []),
    ],
)
def test_patterns(text: str, expected: list[str]) -> None:
    assert sorted(freezing.frozen(text, NAMES)) == sorted(expected)
    assert freezing.unmatched(text, NAMES) == (["nothing"] if text == "nothing" else [])


def test_a_key_freezes_and_unfreezes() -> None:
    text = freezing.toggled("", "linear_relu_stack.0", NAMES)
    assert freezing.frozen(text, NAMES) == set(NAMES[:2])
    text = freezing.toggled(text, NAMES[0], NAMES)
    assert freezing.frozen(text, NAMES) == {NAMES[1]}
    text = freezing.toggled(text, NAMES[0], NAMES)
    assert text == "linear_relu_stack.0"
    assert freezing.toggled(text, "linear_relu_stack.0", NAMES) == ""
    text = freezing.toggled("*", NAMES[5], NAMES)
    assert freezing.frozen(text, NAMES) == set(NAMES[:5])
    assert freezing.toggled(text, NAMES[5], NAMES) == "*"
    for text in ("", "*", "*.bias", "*, !linear_relu_stack.4"):
        for chosen in (*NAMES, "linear_relu_stack.2", "linear_relu_stack", "*"):
            before = freezing.frozen(text, NAMES)
            after = freezing.frozen(freezing.toggled(text, chosen, NAMES), NAMES)
            mine = {name for name in NAMES if matches(chosen, name)}
            assert after == (before - mine if mine <= before else before | mine)


def test_what_is_frozen_stays_and_a_branch_unfreezes_it(home: Path) -> None:
    config = TrainConfig(dataset="demo", epochs=1, threads=1, optimizer="adam", freeze="linear_relu_stack.0.*")
    before = {name: value.clone() for name, value in make_setup(config, home=home).network.state_dict().items()}
    folder = create(home, config)
    state = serve(folder)
    assert state.status == "finished"
    after = _weights(folder, "epoch-0001.pt")
    assert {name for name in before if torch.equal(before[name], after[name])} == set(NAMES[:2])
    branch = client.prepare_branch(folder, "1", {"freeze": "*,!linear_relu_stack.0", "epochs": "2"})
    assert serve(branch).status == "finished"
    later = _weights(branch, "epoch-0002.pt")
    assert {name for name in before if torch.equal(after[name], later[name])} == set(NAMES[2:])


def test_a_run_begins_with_somebodys_weights(home: Path, tmp_path: Path) -> None:
    torch.manual_seed(8)
    theirs = build("mlp").state_dict()
    path = tmp_path / "theirs.pt"
    torch.save({"state_dict": {f"module.{name}": value for name, value in theirs.items()}}, path)
    config = TrainConfig(dataset="demo", weights=f"{path} module.")
    assert all(
        torch.equal(value, theirs[name]) for name, value in make_setup(config, home=home).network.state_dict().items()
    )
    with pytest.raises(CheckpointError, match=r"does not fit mlp: .*--strip module\."):
        make_setup(TrainConfig(dataset="demo", weights=str(path)), home=home)
    with pytest.raises(CheckpointError, match="No such file"):
        make_setup(TrainConfig(dataset="demo", weights=str(tmp_path / "gone.pt")), home=home)
    folder = create(home, replace(config, epochs=1, threads=1, freeze="*, !linear_relu_stack.4"))
    assert serve(folder).status == "finished"
    path.unlink()  # a resume needs its own checkpoint alone
    assert serve(folder, {"epochs": 2}).status == "finished"
    after = _weights(folder, "epoch-0002.pt")
    assert {name for name in theirs if torch.equal(theirs[name], after[name])} == set(NAMES[:4])


def _weights(folder: RunFolder, name: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder.checkpoint(name), weights_only=True)["model"]
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("linear_relu_stack.9.weight", "no parameter of mlp matches .*did you mean linear_relu_stack"),
        ("*", "leaves no parameter of mlp to train"),
        ("!", "a ! stands before"),
    ],
)
def test_what_can_not_be_frozen_is_refused_in_one_line(home: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_setup(TrainConfig(dataset="demo", freeze=text), home=home)

"""The declarations: what derives from them, shown on settings and registry entries that do not exist."""

import argparse
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

import pytest
import torch

from engine.errors import ConfigError
from engine.runs import from_weights
from engine.training import option_table, schedules
from engine.training.config import TrainConfig, changed, edited
from engine.training.losses import LOSSES, LossEntry, make_loss
from engine.training.optimizers import OPTIMIZERS, OptimizerEntry, make_optimizer
from engine.training.schedules import SCHEDULES, ScheduleEntry
from engine.training.setting import Kind, Setting, number, with_unit
from engine.training.settings import SETTINGS, about, applies, help_text
from tui.cli.options import add_train_options, given
from tui.runs import form_fields

SMOOTHING = Setting(
    name="sharpness",
    default=0.0,
    check=number(0, 1),
    label="smoothing",
    unit="parts",
    help="how much of each target is spread over all classes",
    about="The part of each target that is spread evenly over all classes.",
    example="0.1",
    steps=(0.0, 0.1, 0.2),
    display=with_unit("parts", "none"),
    pytorch=lambda values: f"CrossEntropyLoss(sharpness={values['sharpness']})",
    editable=True,
    depends_on="loss",
    strict=True,
)


@dataclass(frozen=True, kw_only=True)
class Extended(TrainConfig):
    """TrainConfig with the field of the setting that does not exist."""

    sharpness: float = 0.0


@pytest.fixture
def smoothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "sharpness", SMOOTHING)
    entry = LossEntry(
        maker="torch.nn.MultiMarginLoss",
        pytorch="torch.nn.MultiMarginLoss()",
        about="a margin",
        settings=("sharpness",),
    )
    monkeypatch.setitem(LOSSES, "margin", entry)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_train_options(parser)
    return parser.parse_args(words)


def train_help() -> str:
    parser = argparse.ArgumentParser()
    add_train_options(parser)
    return " ".join(parser.format_help().split())


def test_the_fields_and_the_declarations_agree() -> None:
    hints = get_type_hints(TrainConfig)
    kinds = {float: Kind.FLOAT, int: Kind.INTEGER, bool: Kind.BOOLEAN, str: Kind.TEXT}
    assert {field.name for field in fields(TrainConfig)} == set(SETTINGS)
    for name, setting in SETTINGS.items():
        assert setting.name == name
        assert kinds[hints[name]] is setting.kind, name
        assert getattr(TrainConfig(), name) == setting.default, name
        assert setting.parse(setting.typed(setting.default)) == setting.default, name


@pytest.mark.usefixtures("smoothing")
def test_a_new_setting_is_on_the_command_line() -> None:
    assert "--sharpness SHARPNESS how much of each target is spread over all classes (default: 0)" in (train_help())
    assert given(parsed("--sharpness", "0.25")) == {"sharpness": 0.25}
    with pytest.raises(ConfigError, match=r"^--sharpness: 'x' is not a number of parts, such as 0\.1$"):
        given(parsed("--sharpness", "x"))
    with pytest.raises(ConfigError, match=r"--sharpness: 2 is out of range; it must be at least 0 and at most 1"):
        given(parsed("--sharpness", "2"))


@pytest.mark.usefixtures("smoothing")
def test_a_new_setting_is_in_the_form() -> None:
    values = form_fields.start_values()
    assert values["sharpness"] == 0.0
    assert form_fields.why_not("sharpness", values) == "margin only"
    values["loss"] = "margin"
    assert not form_fields.why_not("sharpness", values)
    setting = form_fields.declared("sharpness")
    assert (setting.title, setting.shown(0.0), setting.shown(0.1)) == ("smoothing", "none", "0.1 parts")
    assert form_fields.about("sharpness") == SMOOTHING.about
    assert form_fields.turns("sharpness")
    assert form_fields.turn("sharpness", 0.1, 1, []) == 0.2
    assert form_fields.turn("sharpness", 0.1, -1, []) == 0.0
    assert form_fields.read("sharpness", "0.3") == 0.3
    values["sharpness"] = 0.3
    assert form_fields.in_pytorch("sharpness", values) == "CrossEntropyLoss(sharpness=0.3)"
    assert form_fields.command_line(values) == "fmnist-tui train --loss margin --sharpness 0.3"


@pytest.mark.usefixtures("smoothing")
def test_a_new_setting_is_checked_as_the_edit_prompt_and_a_branch_do() -> None:
    config = Extended(loss="margin", sharpness=0.1)
    assert edited(config, "sharpness", "x2") == Extended(loss="margin", sharpness=0.2)
    assert changed(config, {"sharpness": "0.5"}) == Extended(loss="margin", sharpness=0.5)
    with pytest.raises(ConfigError, match="at most 1"):
        edited(config, "sharpness", "3")
    can = "weight_decay, epochs, patience, min_delta, muon_lr, muon_momentum, sharpness can"
    with pytest.raises(ConfigError, match=can):
        edited(config, "seed", "3")
    with pytest.raises(ConfigError, match="mse has no sharpness setting; leave it at 0, or choose margin"):
        changed(config, {"loss": "mse"})


@pytest.mark.usefixtures("smoothing")
def test_a_new_setting_is_in_the_documentations_table() -> None:
    (row,) = [line for line in option_table.markdown().splitlines() if "--sharpness" in line]
    assert row == (
        "| `--sharpness` | `0` | can be changed | The part of each target that is spread evenly over all "
        "classes. In PyTorch: `CrossEntropyLoss(sharpness=0.0)`. |"
    )


def test_the_documentations_table_has_every_setting_with_a_default_that_can_be_typed() -> None:
    rows = [line.split(" | ") for line in option_table.markdown().splitlines()[2:]]
    assert [row[0].removeprefix("| ").split(",")[0].strip("`") for row in rows] == [
        setting.option for setting in SETTINGS.values()
    ]
    for row, setting in zip(rows, SETTINGS.values(), strict=True):
        assert setting.parse(row[1].strip("`")) == setting.default


def test_the_documentations_table_is_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    here = option_table.markdown()
    monkeypatch.setattr("engine.training.declared.model_settings.default_threads", lambda: 63)
    monkeypatch.setattr("engine.training.declared.model_settings.usable_cores", lambda: 64)
    assert option_table.markdown() == here


def test_a_setting_says_with_what_it_applies() -> None:
    assert help_text("momentum") == "for sgd, rmsprop and muon"
    values = TrainConfig().to_dict()
    assert applies("momentum", values)
    assert not applies("momentum", values | {"optimizer": "adam"})
    assert [applies("gamma", values | {"schedule": name}) for name in SCHEDULES] == [
        False,
        True,
        False,
        False,
        False,
        True,
    ]
    assert TrainConfig(schedule="constant", gamma=0.5).gamma == 0.5  # old runs have such: it means nothing there
    with pytest.raises(
        ConfigError,
        match="--warmup: one_cycle has no warmup setting; leave it at 0, or choose constant, step, cosine or linear",
    ):
        TrainConfig(schedule="one_cycle", warmup=1.0)


@pytest.fixture
def adagrad(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = OptimizerEntry(
        torch_class="torch.optim.Adagrad",
        about="the step size falls with the sum of squared gradients",
        settings=("lr", "weight_decay"),
        state=frozenset({"step", "sum"}),
        fused=False,
    )
    monkeypatch.setitem(OPTIMIZERS, "adagrad", entry)


@pytest.mark.usefixtures("adagrad")
def test_a_new_optimizer_is_one_entry() -> None:
    config = TrainConfig(optimizer="adagrad", lr=0.25, weight_decay=0.5)
    made = make_optimizer(config, torch.nn.Linear(2, 1).parameters(), torch.device("cpu"))
    assert isinstance(made, torch.optim.Adagrad)
    assert (made.defaults["lr"], made.defaults["weight_decay"]) == (0.25, 0.5)
    assert "--optimizer OPTIMIZER sgd, adam, adamw, rmsprop, muon, adagrad (default: sgd)" in train_help()
    assert "adagrad" in about("optimizer")
    assert form_fields.turn("optimizer", "muon", 1, []) == "adagrad"
    spelled = "optimizer = torch.optim.Adagrad(model.parameters(), lr=0.25, weight_decay=0.5)"
    assert form_fields.in_pytorch("weight_decay", config.to_dict()) == spelled
    assert "adagrad: the step size falls with the sum of squared gradients" in option_table.markdown()
    with pytest.raises(ConfigError, match="adagrad has no momentum setting"):
        TrainConfig(optimizer="adagrad", momentum=0.9)


@pytest.mark.usefixtures("adagrad")
def test_the_state_of_a_new_optimizer_is_recognized_in_a_file(tmp_path: Path) -> None:
    model = torch.nn.Linear(784, 10)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.125, weight_decay=0.5)
    model(torch.ones(1, 784)).sum().backward()
    optimizer.step()
    path = tmp_path / "theirs.pt"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    origin = from_weights.look(path)
    assert origin.optimizers == ("adagrad",)
    assert (origin.config.lr, origin.config.weight_decay) == (0.125, 0.5)


def test_a_new_loss_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = LossEntry(maker="torch.nn.MultiMarginLoss", pytorch="torch.nn.MultiMarginLoss()", about="a margin")
    monkeypatch.setitem(LOSSES, "margin", entry)
    assert isinstance(make_loss("margin"), torch.nn.MultiMarginLoss)
    assert TrainConfig(loss="margin").loss == "margin"
    assert "--loss LOSS cross_entropy, nll, mse, margin (default: cross_entropy)" in train_help()
    assert "margin: a margin." in about("loss")
    assert form_fields.turn("loss", "mse", 1, []) == "margin"
    assert form_fields.in_pytorch("loss", {"loss": "margin"}) == "loss_fn = torch.nn.MultiMarginLoss()"


def test_a_new_schedule_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ScheduleEntry(
        about="multiplied by gamma in every epoch",
        settings=("warmup", "gamma"),
        factor=lambda config, since, part: config.gamma**since,
        pytorch=lambda values: f"ExponentialLR(optimizer, gamma={values['gamma']})",
    )
    monkeypatch.setitem(SCHEDULES, "exponential", entry)
    config = TrainConfig(schedule="exponential", gamma=0.5, warmup=1.0)
    assert schedules.varies(config)
    assert schedules.factor(config, 4.0) == 0.125
    assert "plateau, exponential (default: constant)" in train_help()
    assert help_text("gamma").startswith("for the schedule step, plateau and exponential:")
    assert "exponential: multiplied by gamma in every epoch" in about("schedule")
    values = config.to_dict()
    assert (applies("gamma", values), applies("step_size", values)) == (True, False)
    assert "ExponentialLR(optimizer, gamma=0.5)" in form_fields.in_pytorch("schedule", values)


@pytest.mark.parametrize(("value", "shown"), [(1.0, "1 epoch"), (0.5, "0.5 epochs"), (0.0, "none"), (2.0, "2 epochs")])
def test_a_number_is_shown_with_its_unit(value: float, shown: str) -> None:
    assert SETTINGS["warmup"].shown(value) == shown


def test_an_arrow_key_stops_at_the_ends_of_a_number_and_goes_around_names() -> None:
    assert form_fields.turn("momentum", 0.99, 1, []) == 0.99
    assert form_fields.turn("momentum", 0.3, 1, []) == 0.5
    assert form_fields.turn("momentum", 0.3, -1, []) == 0.0
    assert form_fields.turn("schedule", "plateau", 1, []) == "constant"
    assert form_fields.turn("device", "auto", -1, ["cpu", "cuda:0"]) == "cuda:0"
    assert form_fields.turn("batch_size", 1, -1, []) == 1
    assert math.isclose(form_fields.turn("lr", 2e-3, -1, []), 1e-3)

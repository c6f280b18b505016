"""Any combination of settings, broken off at any step and resumed, is the run that was never broken off, to the last
bit; or it is refused before it begins. `COMBINATIONS=500` tries so many, `COMBINATIONS_SEED=7` others."""

import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import ConfigError
from engine.runs.verify_resume import fingerprint
from engine.training import events as ev
from engine.training.commands import CommandKind
from engine.training.config import TrainConfig
from engine.training.setup import TrainingSetup
from tests.engine.training.test_resume import Run, every_step_is_reported, order, states

__all__ = ["every_step_is_reported"]

COUNT = int(os.environ.get("COMBINATIONS", "16"))
SEED = int(os.environ.get("COMBINATIONS_SEED", "0"))
VALUES: dict[str, list[Any]] = {
    "optimizer": ["sgd", "adam", "adamw", "rmsprop", "muon"],
    "lr": [1e-2, 3e-3],
    "momentum": [0.0, 0.9],
    "nesterov": [False, True],
    "muon_lr": [0.02, 0.1],
    "muon_momentum": [0.95, 0.6],
    "betas": ["0.9, 0.999", "0.8, 0.9"],
    "eps": [1e-8, 1e-4],
    "weight_decay": [0.0, 1e-2],
    "loss": ["cross_entropy", "mse", "nll"],
    "label_smoothing": [0.0, 0.1],
    "augment": ["", "flip", "flip(alternate); shift(2)", "cutout(8)", "shift(1); flip; cutout(3)"],
    "clip": [0.0, 0.5],
    "accumulate": [1, 2, 3, 100],
    "average": ["none", "ema", "swa"],
    "average_decay": [0.999, 0.9],
    "average_from": [0.75, 0.0, 0.5],
    "amp": ["none", "bf16", "fp16"],
    "memory_format": ["contiguous", "channels_last"],
    "tta": ["none", "flip"],
    "batch_size": [64, 50, 100],
    "shuffle": [False, True],
    "schedule": ["constant", "cosine", "one_cycle", "step", "plateau"],
    "warmup": [0.0, 0.5],
    "val": ["", "0.1"],
    "patience": [0, 1],
}


class Small(nn.Module):
    """Convolutions, batch norm, dropout: all that has a state beside its weights, and draws."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 4, stride=4, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(),
        )  # fmt: skip
        self.out = nn.Linear(72, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(self.features(x))
        return logits


def beside(content: dict[str, Any]) -> dict[str, str]:
    """What a checkpoint holds beside the weights that are evaluated, where it does, as fingerprints."""
    names = [name for name in ("training_model", "averaged", "loss_scale") if name in content]
    return {name: fingerprint(content[name]) for name in names}


def drawn(number: int) -> dict[str, Any]:
    """One combination; a setting that does not go with the others is left at its default."""
    generator = random.Random(f"{SEED}/{number}")
    found: dict[str, Any] = {"epochs": 3}
    for name in generator.sample(list(VALUES), len(VALUES)):
        value = generator.choice(VALUES[name])
        try:
            TrainConfig(**{**found, name: value})
        except ConfigError:
            continue
        found[name] = value
    return found


def test_the_combinations_have_every_value() -> None:
    """So that none of them is left out by what goes with it."""
    found = [TrainConfig(**drawn(number)).to_dict() for number in range(400)]
    for name, values in VALUES.items():
        assert {one[name] for one in found} >= set(values), name


@pytest.mark.parametrize("number", range(COUNT))
def test_a_combination_resumed_is_the_one_that_was_never_broken_off(
    prepared: Callable[..., TrainingSetup], number: int
) -> None:
    settings = drawn(number)
    generator = random.Random(number)
    torch.manual_seed(1)
    weights = Small().state_dict()

    def fresh() -> TrainingSetup:
        model = Small()
        model.load_state_dict(weights)
        setup = prepared(model, **settings)
        np.random.seed(5)
        random.seed(5)
        torch.manual_seed(7)
        return setup

    steps = len(fresh().train_batches)
    place = (generator.randint(1, 2), generator.randint(1, steps))
    straight = Run(fresh(), agenda=(order(*place, CommandKind.CHECKPOINT),))
    stopped_early = max(straight.saved)[:2] < place
    place = max(straight.saved)[:2] if stopped_early else place
    content = straight.content(*place, stopped_early)
    torch.manual_seed(99)  # what another process would have drawn meanwhile
    resumed = Run(fresh(), content)
    assert resumed.losses() == straight.losses(since=place), settings
    assert states(resumed.last) == states(straight.last), settings
    assert beside(resumed.last) == beside(straight.last), settings
    for kind in (ev.Evaluated, ev.EpochFinished):
        there = [event.loss for event in straight.told(kind)]
        assert [event.loss for event in resumed.told(kind)] == there[len(there) - len(resumed.told(kind)) :], settings

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.runs.verify_resume import fingerprint
from engine.training import determinism
from engine.training.loop import train_loop
from engine.training.lr_range import range_test
from engine.training.lr_sweep import Sweep
from engine.training.resume import ResumePoint
from engine.training.setup import TrainingSetup

SHORT = Sweep(1e-5, 0.1, 25)  # more than an epoch of 10 steps


class Convolutional(nn.Sequential):
    """Batch norm and dropout, and a count that is no buffer."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 4, 3, stride=3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(324, 10),
        )
        self.calls = 0
        self.mean = torch.zeros(1)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.mean += X.mean()
        self.newest = X
        random.random(), np.random.random()
        made: torch.Tensor = super().forward(X)
        return made


def states(prepared: TrainingSetup) -> dict[str, str]:
    """The hashes of all that a training goes on from."""
    batches: Any = prepared.train_batches
    gradients = [one.grad for one in prepared.model.parameters()]
    parts: dict[str, Any] = {
        "weights and buffers": prepared.model.state_dict(),
        "gradients": gradients,
        "modes": [module.training for module in prepared.model.modules()],
        "attributes": sorted(
            (name, value.tolist() if isinstance(value, torch.Tensor) else value)
            for name, value in vars(prepared.model).items()
            if name in ("calls", "mean", "newest")
        ),
        "optimizer": prepared.optimizer.state_dict(),
        "generators": determinism.capture(),
        "order": [batches.order, batches.batch_size, batches.shuffle, batches.weight, sorted(batches._next.items())],
    }
    return {name: fingerprint(part) for name, part in parts.items()}


def train(prepared: TrainingSetup, steps: int) -> list[float]:
    losses = []
    for loss in train_loop(prepared.train_batches, prepared.model, prepared.loss_fn, prepared.optimizer):
        losses.append(float(loss))
        if len(losses) == steps:
            break
    return losses


CASES: list[dict[str, Any]] = [
    {},
    {"momentum": 0.9, "shuffle": True},
    {"optimizer": "adam", "weight_decay": 0.01},
    {"optimizer": "rmsprop", "momentum": 0.5},
    {"optimizer": "adamw", "shuffle": True, "batch_size": 100},
]


@pytest.mark.parametrize("network", [None, Convolutional], ids=["linear", "convolutional"])
@pytest.mark.parametrize("settings", CASES, ids=[str(case) for case in CASES])
@pytest.mark.parametrize("trained", [0, 4])
def test_everything_is_exactly_as_it_was(
    prepared: Callable[..., TrainingSetup], network: Any, settings: dict[str, Any], trained: int
) -> None:
    setup = prepared(network() if network else None, **settings)
    torch.manual_seed(5)
    if trained:
        train(setup, trained)
    setup.model.eval()
    before = states(setup)
    tensors = [id(one) for one in setup.model.state_dict(keep_vars=True).values()]
    curve = range_test(setup, SHORT)
    assert len(curve.lrs) > 10
    assert states(setup) == before
    assert [id(one) for one in setup.model.state_dict(keep_vars=True).values()] == tensors


def test_a_training_goes_on_as_if_there_had_been_no_test(prepared: Callable[..., TrainingSetup]) -> None:
    after = []
    for tested in (False, True):
        torch.manual_seed(3)
        setup = prepared(Convolutional(), optimizer="adam", shuffle=True)
        train(setup, 5)
        if tested:
            range_test(setup, SHORT)
        after.append((train(setup, 5), fingerprint(setup.model.state_dict())))
    assert after[0] == after[1]


def test_it_trains_at_the_rates_of_the_sweep(prepared: Callable[..., TrainingSetup]) -> None:
    curve = range_test(prepared(shuffle=True), SHORT)
    setup = prepared(shuffle=True)
    losses: list[float] = []
    for epoch in (1, 2, 3):
        setup.train_batches.set_epoch(epoch)
        setup.optimizer.param_groups[0]["lr"] = SHORT.lr(len(losses))
        for loss in train_loop(setup.train_batches, setup.model, setup.loss_fn, setup.optimizer):
            losses.append(float(loss))
            if len(losses) == SHORT.steps:
                break
            setup.optimizer.param_groups[0]["lr"] = SHORT.lr(len(losses))
    assert curve.losses == tuple(losses)
    assert curve.lrs == tuple(SHORT.lr(step) for step in range(SHORT.steps))


def test_it_begins_at_the_place_that_it_is_given(prepared: Callable[..., TrainingSetup]) -> None:
    setup = prepared(shuffle=True)
    setup.train_batches.set_epoch(2)
    for X, y in setup.train_batches.batches(7):
        expected = setup.loss_fn(setup.model(X), y).item()
        break
    setup.train_batches.set_epoch(1)
    assert range_test(setup, SHORT, start=ResumePoint(epoch=2, step=7)).losses[0] == expected
    setup.train_batches.set_epoch(1)
    at_its_end = range_test(setup, SHORT, start=ResumePoint(epoch=1, step=10, evaluated=True))
    at_its_beginning = range_test(setup, SHORT, start=ResumePoint(epoch=2))
    assert at_its_end.losses == at_its_beginning.losses


def test_what_diverges_leaves_everything_as_it_was(prepared: Callable[..., TrainingSetup]) -> None:
    setup = prepared(Convolutional(), momentum=0.9)
    before = states(setup)
    curve = range_test(setup, Sweep(1.0, 1e30, 60))
    assert curve.stopped
    assert len(curve.lrs) < 60
    assert states(setup) == before


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("where", ["progress", "model"])
def test_what_ends_it_early_leaves_everything_as_it_was(prepared: Callable[..., TrainingSetup], where: str) -> None:
    setup = prepared(Convolutional(), optimizer="adam")
    train(setup, 2)
    before = states(setup)

    def progress(done: int, total: int) -> None:
        if where == "progress" and done >= 20:
            raise StoppedError

    if where == "model":
        seen = 0

        def fail(module: nn.Module, inputs: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == 12:
                raise StoppedError

        setup.model.register_forward_pre_hook(fail)
    with pytest.raises(StoppedError):
        range_test(setup, SHORT, progress=progress)
    assert states(setup) == before


def test_progress_counts_steps_to_the_end(prepared: Callable[..., TrainingSetup]) -> None:
    told: list[tuple[int, int]] = []
    range_test(prepared(), SHORT, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (10, 25)
    assert told[-1] == (25, 25)

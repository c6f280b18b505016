"""Steps in parts, with clipped gradients and in mixed precision; averaged weights; test-time augmentation."""

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models.registry import build
from engine.training import events as ev
from engine.training import test_time
from engine.training.averaging import Averaging
from engine.training.config import TrainConfig
from engine.training.session import TrainingSession
from engine.training.setup import losses_of, make_setup
from engine.training.stepping import Stepping, stepping_of

CPU = torch.device("cpu")


def network(*, norm: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    middle: list[nn.Module] = [nn.BatchNorm1d(7)] if norm else []
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 7), *middle, nn.ReLU(), nn.Linear(7, 4))


def batch(count: int = 10) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    return torch.rand(count, 1, 4, 4), torch.randint(4, (count,))


def stepped(count: int = 10, **settings: Any) -> tuple[nn.Module, float]:
    """A network after one step of SGD, and the loss that it told."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    step = Stepping(model, nn.CrossEntropyLoss(), optimizer, device=CPU, **settings)
    return model, float(step(*batch(count)))


def test_the_tutorials_lines_need_nothing_else() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plain = [TrainConfig(), TrainConfig(label_smoothing=0.1, average="ema")]
    assert [stepping_of(config, model, nn.CrossEntropyLoss(), optimizer, CPU) for config in plain] == [None, None]
    for more in ({"clip": 1.0}, {"accumulate": 2}, {"amp": "bf16"}):
        assert stepping_of(TrainConfig(**more), model, nn.CrossEntropyLoss(), optimizer, CPU) is not None  # type: ignore[arg-type]


class Operators(TorchDispatchMode):
    """The names of all operators that PyTorch runs."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def test_settings_that_are_off_take_no_operator(home: Path) -> None:
    config = TrainConfig(dataset="demo", epochs=1, threads=1, device="cpu", batch_size=600, inspect_every=0)
    setup = make_setup(config, home=home)

    def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        return ev.CheckpointSaved(file="", epoch=1, step=1, bytes=0, sha256="", reason=reason)

    session = TrainingSession(setup, sink=lambda event: None, save=save)
    ran, ends = Operators(), list[int]()
    session._after_step = lambda: ends.append(len(ran.names))
    with ran:
        session.run()
    steps = [ran.names[a:b] for a, b in itertools.pairwise(ends)]
    assert len(steps) == 9

    model, loss_fn = build("mlp", 10, (1, 28, 28)), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    images = torch.from_numpy(setup.dataset.train.images.copy()).unsqueeze(1)
    labels = torch.from_numpy(setup.dataset.train.labels.astype(np.int64))
    full = torch.tensor(255, dtype=torch.float32)
    with (bare := Operators()):
        X, y = images[:600].to(torch.float32).div_(full), labels[:600]
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.detach()
    assert min(steps, key=len) == bare.names  # a step after which losses are reported has one more


@pytest.mark.parametrize("parts", [2, 3, 10, 64])
@pytest.mark.parametrize("count", [10, 1, 7])
def test_a_batch_in_parts_is_the_whole_batch(parts: int, count: int) -> None:
    whole, told = stepped(count)
    made, told_in_parts = stepped(count, parts=parts)
    assert told_in_parts == pytest.approx(told, rel=1e-5)
    for a, b in zip(whole.parameters(), made.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_clipped_step_is_as_long_as_the_norm_says() -> None:
    before = network()
    made, _ = stepped(clip=0.01)
    moved = [a - b for a, b in zip(made.parameters(), before.parameters(), strict=True)]
    length = torch.cat([one.flatten() for one in moved]).norm()
    assert float(length) == pytest.approx(0.5 * 0.01, rel=1e-3)
    free, _ = stepped(clip=1e6)
    plain, _ = stepped()
    assert all(torch.equal(a, b) for a, b in zip(free.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_mixed_precision_is_near_float32_and_leaves_float32_weights(amp: str) -> None:
    plain, told = stepped()
    made, told_mixed = stepped(amp=amp)
    assert told_mixed == pytest.approx(told, rel=0.02)
    for a, b in zip(plain.parameters(), made.parameters(), strict=True):
        assert b.dtype == torch.float32
        assert torch.allclose(a, b, atol=0.02)


def test_smoothed_targets_are_for_training_alone() -> None:
    evaluated, trains = losses_of(TrainConfig(label_smoothing=0.2))
    logits, labels = torch.randn(6, 4), torch.randint(4, (6,))
    assert torch.equal(evaluated(logits, labels), nn.CrossEntropyLoss()(logits, labels))
    assert torch.equal(trains(logits, labels), nn.CrossEntropyLoss(label_smoothing=0.2)(logits, labels))
    both = losses_of(TrainConfig())
    assert both[0] is both[1]


def test_ema_is_the_running_mean_of_weights_and_statistics() -> None:
    model = network(norm=True)
    averaging = Averaging(model, TrainConfig(average="ema", average_decay=0.75))
    assert averaging.network is model
    wanted: dict[str, torch.Tensor] = {}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(4):
        nn.CrossEntropyLoss()(model(batch()[0]), batch()[1]).backward()
        optimizer.step()
        optimizer.zero_grad()
        averaging.on_step()
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                wanted[name] = 0.75 * wanted[name] + 0.25 * value if name in wanted else value.clone()
    assert averaging.network is not model
    state = averaging.network.state_dict()
    assert "2.running_mean" in wanted
    for name, value in wanted.items():
        assert torch.allclose(state[name], value, atol=1e-6), name


class Batches:
    """A training set of one batch."""

    def copy(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [batch()]


def test_swa_is_the_mean_of_the_last_epochs_with_statistics_of_its_own() -> None:
    model, batches = network(norm=True), Batches()
    config = TrainConfig(average="swa", average_from=0.5, epochs=4)
    averaging = Averaging(model, config)
    seen = []
    for epoch in range(1, 5):
        with torch.no_grad():
            for value in model.parameters():
                value.add_(torch.randn_like(value))
        if epoch >= 2:
            seen.append(model.get_parameter("1.weight").detach().clone())
        generator = torch.get_rng_state()
        for _ in range(2):  # an evaluation that was broken off comes again
            averaging.on_epoch(epoch, config, batches)  # type: ignore[arg-type]
        assert torch.equal(torch.get_rng_state(), generator)
    assert averaging.states == 3
    weight = averaging.network.get_parameter("1.weight")
    assert torch.allclose(weight, torch.stack(seen).mean(0), atol=1e-6)
    X = batch()[0].flatten(1)
    mean = nn.functional.linear(X, weight, averaging.network.get_parameter("1.bias")).mean(0)
    assert torch.allclose(averaging.network.get_buffer("2.running_mean"), mean, atol=1e-5)


def test_what_was_averaged_goes_on_where_it_was() -> None:
    config = TrainConfig(average="ema", average_decay=0.5)
    one = network()
    first = Averaging(one, config)
    first.on_step()
    other = copy.deepcopy(one)
    second = Averaging(other, config)
    second.load(first.state_dict(), first.network.state_dict())
    for model, averaging in ((one, first), (other, second)):
        with torch.no_grad():
            for value in model.parameters():
                value.mul_(2)
        averaging.on_step()
    for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_mirrored_evaluation_is_the_mean_of_both_logits() -> None:
    model, (X, _) = network(), batch()
    made = test_time.evaluated(model, "flip")
    assert torch.equal(made(X), (model(X) + model(X.flip(-1))) / 2)
    assert test_time.evaluated(model, "none") is model
    assert (test_time.words("flip"), test_time.words("none")) == ("flip TTA", "")

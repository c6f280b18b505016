"""The schedules against PyTorch's own."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from engine.errors import ConfigError
from engine.training.config import TrainConfig
from engine.training.schedules import factor, varies

EPOCHS, STEPS = 10, 100  # steps in an epoch
TOTAL = EPOCHS * STEPS


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def factors(**settings: object) -> list[float]:
    """Ours, of every step."""
    config = TrainConfig(epochs=EPOCHS, **settings)  # type: ignore[arg-type]
    return [factor(config, step // STEPS + step % STEPS / STEPS) for step in range(TOTAL)]


def theirs(scheduler: lr_scheduler.LRScheduler) -> list[float]:
    told: list[float] = []
    for _ in range(TOTAL):
        told.append(float(scheduler.get_last_lr()[0]))
        scheduler.optimizer.step()
        scheduler.step()
    return told


def test_constant_is_exactly_one() -> None:
    assert set(factors()) == {1.0}
    assert not varies(TrainConfig())


def test_cosine_is_pytorchs() -> None:
    wanted = theirs(lr_scheduler.CosineAnnealingLR(optimizer(), T_max=TOTAL))
    assert factors(schedule="cosine") == pytest.approx(wanted, abs=1e-9)


def test_step_is_pytorchs() -> None:
    wanted = theirs(lr_scheduler.StepLR(optimizer(), step_size=3 * STEPS, gamma=0.1))
    assert factors(schedule="step", step_size=3, gamma=0.1) == pytest.approx(wanted, rel=1e-12)


def test_one_cycle_is_pytorchs_but_for_the_place_of_its_last_step() -> None:
    # PyTorch's reaches its end at the last step, ours at the end of the run, one step later.
    wanted = theirs(lr_scheduler.OneCycleLR(optimizer(), max_lr=1.0, total_steps=TOTAL + 1))
    assert factors(schedule="one_cycle") == pytest.approx(wanted, abs=5e-3)
    assert max(factors(schedule="one_cycle")) == pytest.approx(1.0, abs=1e-6)
    assert factors(schedule="one_cycle")[0] == pytest.approx(1 / 25)


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_a_warmup_rises_in_a_line_and_then_the_schedule_has_the_rest(schedule: str) -> None:
    told = factors(schedule=schedule, warmup=2.0)
    wanted = theirs(lr_scheduler.LinearLR(optimizer(), start_factor=0.01, total_iters=2 * STEPS))
    assert told[: 2 * STEPS] == pytest.approx(wanted[: 2 * STEPS])
    assert told[2 * STEPS] == pytest.approx(1.0)
    if schedule == "cosine":
        assert told[6 * STEPS] == pytest.approx(0.5)


def test_no_factor_is_negative_or_not_finite_anywhere_even_past_the_end() -> None:
    for schedule in ("constant", "step", "cosine", "one_cycle"):
        config = TrainConfig(epochs=3, schedule=schedule)
        assert all(math.isfinite(f) and f >= 0 for f in (factor(config, n / 10) for n in range(50)))


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ConfigError, match="one_cycle has no warmup setting"):
        TrainConfig(schedule="one_cycle", warmup=1.0)
    with pytest.raises(ConfigError, match="too many for 2 epochs"):
        TrainConfig(epochs=2, warmup=2.0)

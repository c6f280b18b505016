"""How the learning rate changes during a run: a factor on `--lr`, by how many epochs are done. One entry a schedule.

A function of the place in the run, not of what was done before: a resumed run, and one whose epochs, batch size or
learning rate were changed while it trained, has it from its config alone. Imports no torch.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from engine.training.setting import number_text

WARMUP_FROM = 0.01  # the factor of the first step of a warm-up; torch.optim.lr_scheduler.LinearLR's start_factor
PCT_START, DIV_FACTOR, FINAL_DIV_FACTOR = 0.3, 25.0, 1e4  # the defaults of torch.optim.lr_scheduler.OneCycleLR


class HasSchedule(Protocol):
    """A config: it names the schedule and has the settings that the schedules' entries name."""

    @property
    def schedule(self) -> str: ...
    @property
    def epochs(self) -> int: ...
    @property
    def warmup(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class ScheduleEntry:
    """One schedule."""

    about: str  # what it does, for the form
    settings: tuple[str, ...]  # which of our settings apply to it
    each_epoch: bool = False  # whether PyTorch's scheduler is stepped after each epoch, with the result
    # The factor by the config, the epochs done since the warm-up, and the part that they are of the run (0 to 1).
    factor: Callable[[Any, float, float], float] | None = None  # None: 1 throughout
    pytorch: Callable[[Mapping[str, Any]], str] = lambda values: ""  # the scheduler that does the same


def factor(config: HasSchedule, done: float) -> float:
    """What `config.lr` is multiplied by for the step after `done` epochs (1.5: in the middle of the second).

    constant: 1. step: `gamma` to the number of times that `step_size` epochs are over (StepLR). cosine: half a cosine
    from 1 to 0 at the end (CosineAnnealingLR with T_max = the run, eta_min = 0). linear: a line from 1 to 0 at the end
    (LinearLR). one_cycle: a cosine from 1/25 to 1 in
    the first 30 % of the run, then one down to 1/250,000 (OneCycleLR's defaults; momentum stays as it is). plateau: 1
    here, as it depends on the results (`engine.training.plateau`). With a warm-up: a line from 0.01 to 1 (LinearLR),
    then the schedule over the epochs that are left.
    """
    if done < config.warmup:
        return WARMUP_FROM + (1 - WARMUP_FROM) * done / config.warmup
    schedule = SCHEDULES[config.schedule].factor
    if schedule is None:
        return 1.0
    since = done - config.warmup
    return schedule(config, since, min(1.0, since / (config.epochs - config.warmup)))


def varies(config: HasSchedule) -> bool:
    """Whether the learning rate changes by itself."""
    return SCHEDULES[config.schedule].factor is not None or config.warmup > 0


def in_pytorch(values: Mapping[str, Any]) -> str:
    """The scheduler of torch.optim.lr_scheduler that does the same, with a step of it after each of the optimizer's."""
    spelled = SCHEDULES[values["schedule"]].pytorch(values)
    if not values["warmup"]:
        return spelled
    steps = _steps(values["warmup"])
    warmup = f"LinearLR(optimizer, start_factor={WARMUP_FROM:g}, total_iters={steps})"
    return f"SequentialLR(optimizer, [{warmup}, {spelled}], [{steps}])" if spelled else warmup


def _steps(epochs: float) -> str:
    """So many epochs in steps, in Python."""
    steps = f"{number_text(epochs)} * len(loader)"
    return steps if epochs == int(epochs) else f"round({steps})"


def _step(config: Any, since: float, part: float) -> float:
    return float(config.gamma ** math.floor(since / config.step_size + 1e-9))


def _half_cosine(config: Any, since: float, part: float) -> float:
    return _cosine(1.0, 0.0, part)


def _line_down(config: Any, since: float, part: float) -> float:
    return 1.0 - part


def _one_cycle(config: Any, since: float, part: float) -> float:
    if part < PCT_START:
        return _cosine(1 / DIV_FACTOR, 1.0, part / PCT_START)
    return _cosine(1.0, 1 / (DIV_FACTOR * FINAL_DIV_FACTOR), (part - PCT_START) / (1 - PCT_START))


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


SCHEDULES: dict[str, ScheduleEntry] = {
    "constant": ScheduleEntry(about="no change", settings=("warmup",)),
    "step": ScheduleEntry(
        about="multiplied by the lr step factor every few epochs",
        settings=("warmup", "step_size", "gamma"),
        factor=_step,
        pytorch=lambda values: (
            f"StepLR(optimizer, step_size={_steps(values['step_size'])}, gamma={number_text(values['gamma'])})"
        ),
    ),
    "cosine": ScheduleEntry(
        about="half a cosine, down to 0 at the end of the run",
        settings=("warmup",),
        factor=_half_cosine,
        pytorch=lambda values: f"CosineAnnealingLR(optimizer, T_max={_steps(values['epochs'] - values['warmup'])})",
    ),
    "linear": ScheduleEntry(
        about="down in a line to 0 at the end of the run",
        settings=("warmup",),
        factor=_line_down,
        pytorch=lambda values: (
            "LinearLR(optimizer, start_factor=1.0, end_factor=0.0, "
            f"total_iters={_steps(values['epochs'] - values['warmup'])})"
        ),
    ),
    "one_cycle": ScheduleEntry(
        about="up to the learning rate in the first 30% of the run, then down",
        settings=(),
        factor=_one_cycle,
        pytorch=lambda values: (
            f"OneCycleLR(optimizer, max_lr={number_text(values['lr'])}, total_steps={_steps(values['epochs'])})"
        ),
    ),
    "plateau": ScheduleEntry(
        about="multiplied by the lr step factor when the result has not improved for some epochs",
        settings=("lr_patience", "gamma"),
        each_epoch=True,
        pytorch=lambda values: (
            f"ReduceLROnPlateau(optimizer, mode={'max' if values['monitor'] == 'accuracy' else 'min'!r}, "
            f"factor={number_text(values['gamma'])}, patience={values['lr_patience'] - 1}, "
            f"threshold={number_text(values['min_delta'])}, threshold_mode='abs')"
        ),
    ),
}

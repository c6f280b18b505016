"""How the learning rate goes over a run: a factor on `--lr`, by how many epochs are done.

A function of the place in the run, not of what was done before: a resumed run, and one whose epochs, batch size or
learning rate were changed while it trained, has it from its config alone. Imports no torch.
"""

import math

from engine.training.config import TrainConfig

WARMUP_FROM = 0.01  # the factor of the first step of a warm-up; torch.optim.lr_scheduler.LinearLR's start_factor
PCT_START, DIV_FACTOR, FINAL_DIV_FACTOR = 0.3, 25.0, 1e4  # the defaults of torch.optim.lr_scheduler.OneCycleLR


def factor(config: TrainConfig, done: float) -> float:
    """What `config.lr` is multiplied by for the step after `done` epochs (1.5: in the middle of the second).

    constant: 1. step: `gamma` to the number of times that `step_size` epochs are over (StepLR). cosine: half a cosine
    from 1 to 0 at the end (CosineAnnealingLR with T_max = the run, eta_min = 0). one_cycle: a cosine from 1/25 to 1 in
    the first 30 % of the run, then one down to 1/250,000 (OneCycleLR's defaults; momentum stays as it is). With a
    warm-up: a line from 0.01 to 1 (LinearLR), then the schedule over the epochs that are left.
    """
    if done < config.warmup:
        return WARMUP_FROM + (1 - WARMUP_FROM) * done / config.warmup
    since = done - config.warmup
    part = min(1.0, since / (config.epochs - config.warmup))
    match config.schedule:
        case "step":
            return float(config.gamma ** math.floor(since / config.step_size + 1e-9))
        case "cosine":
            return _cosine(1.0, 0.0, part)
        case "one_cycle":
            if part < PCT_START:
                return _cosine(1 / DIV_FACTOR, 1.0, part / PCT_START)
            return _cosine(1.0, 1 / (DIV_FACTOR * FINAL_DIV_FACTOR), (part - PCT_START) / (1 - PCT_START))
    return 1.0


def varies(config: TrainConfig) -> bool:
    """Whether the learning rate changes by itself."""
    return config.schedule != "constant" or config.warmup > 0


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2

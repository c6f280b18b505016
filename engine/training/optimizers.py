"""The optimizers, by name."""

from collections.abc import Iterable

import torch
from torch import nn

from engine.training.config import TrainConfig


def make_optimizer(
    config: TrainConfig, parameters: Iterable[nn.Parameter], device: torch.device
) -> torch.optim.Optimizer:
    """The torch.optim class of the config, with its defaults where the config says nothing.

    On CUDA in one fused kernel where torch has one; on the CPU as torch chooses itself, so that the numbers are
    those of the same line typed by hand.
    """
    lr, momentum, weight_decay = config.lr, config.momentum, config.weight_decay
    fused = True if device.type == "cuda" else None
    match config.optimizer:
        case "sgd":
            return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, fused=fused)
        case "adam":
            return torch.optim.Adam(parameters, lr=lr, weight_decay=weight_decay, fused=fused)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, fused=fused)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)
    raise AssertionError(config.optimizer)

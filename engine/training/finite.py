"""Whether a training can be gone on from: no NaN and no infinity in what the next step starts with."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn


def is_finite(network: nn.Module, optimizer: torch.optim.Optimizer) -> bool:
    """Whether all parameters and the optimizer's state are finite, and no buffer has a NaN: one may hold infinities on
    purpose, as a mask does. Reads from the device once."""
    checks = [tensor.isfinite().all() for tensor in _floating(network.parameters())]
    states = (value for state in optimizer.state.values() for value in state.values())
    checks += [tensor.isfinite().all() for tensor in _floating(states)]
    checks += [~tensor.isnan().any() for tensor in _floating(network.buffers())]
    if not checks:
        return True
    where = checks[0].device  # a step counter of the optimizer's stays on the CPU
    return bool(torch.stack([check.to(where, non_blocking=True) for check in checks]).all())


def was_finite(content: Mapping[str, Any]) -> bool:
    """The same of a checkpoint's content. Those of earlier versions do not say it: then whether its weights have no
    NaN."""
    said = content.get("finite")
    if isinstance(said, bool):
        return said
    model = content["model"]
    values = model.values() if isinstance(model, Mapping) else ()  # else it can't be used, for another reason
    return not any(bool(tensor.isnan().any()) for tensor in _floating(values))


def _floating(values: Iterable[Any]) -> Iterable[torch.Tensor]:
    """Those that have numbers with NaN or infinity, as PyTorch can look for these."""
    for value in values:
        if not isinstance(value, torch.Tensor) or value.layout is not torch.strided or value.is_meta:
            continue
        if value.is_complex() or (value.is_floating_point() and value.itemsize > 1):
            yield value.detach()
        elif value.is_floating_point():  # float8, with which it hardly computes
            yield value.detach().float()

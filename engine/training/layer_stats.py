"""The layers of a network at one step of its training: gradients, weights, updates, activations; and what is wrong.

Hooks are put on for the steps that are looked at, and taken off after them: all others cost nothing. What they see
stays on the device until it is told.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from engine.training import determinism
from engine.training import events as ev

RELU_LIKE = (nn.ReLU, nn.ReLU6, nn.Threshold, nn.Hardtanh)  # what makes units silent
DIGITS = 4  # that are told of a number
EXPLODING = 1e3  # a gradient's norm from which on it is called exploding
VANISHING = 1e-5  # of the largest norm among the weights' gradients; below it a layer's is called vanishing
DEAD = 0.5  # of a layer's units that are 0 for a whole batch, from which on they are told


@dataclass(eq=False)
class _Reading:
    """What was seen at one step, as tensors on the device."""

    epoch: int
    step: int
    parameters: list[str] = field(default_factory=list)
    gradients: list[torch.Tensor] = field(default_factory=list)  # norms
    weights: list[torch.Tensor] = field(default_factory=list)  # norms, before the step
    changes: list[torch.Tensor] = field(default_factory=list)  # norms
    modules: dict[str, torch.Tensor] = field(default_factory=dict)  # mean, std, zeros, dead (-1: no such module)
    losses: list[torch.Tensor] = field(default_factory=list)  # of the batch, before and after the step


class LayerStats:
    """Looks at the steps that `watch` is called before."""

    def __init__(
        self, network: nn.Module, loss_fn: nn.Module, optimizer: torch.optim.Optimizer, sink: Callable[[ev.Event], None]
    ) -> None:
        self._network = network
        self._loss_fn = loss_fn
        self._optimizer = optimizer
        self._sink = sink
        self._hooks: list[RemovableHandle] = []
        self._now: _Reading | None = None
        self._kept: list[_Reading] = []  # not told yet
        self._old: list[torch.Tensor] = []
        self._batch: list[Any] = []  # X, y of the step, where its loss is computed again
        self._chance: dict[str, Any] | None = None  # the generators before the step, where that is so
        self._warned: set[tuple[str, str]] = set()

    def watch(self, epoch: int, step: int, *, twice: bool = False) -> None:
        """Look at the next step. `twice`: compute its batch's loss again after it."""
        self._now = _Reading(epoch, step)
        self._hooks = [
            module.register_forward_hook(lambda module, _args, result, name=name: self._see(name, module, result))
            for name, module in self._network.named_modules()
            if not any(True for _ in module.children())
        ]
        self._hooks.append(self._optimizer.register_step_pre_hook(lambda *_: self._before()))
        self._hooks.append(self._optimizer.register_step_post_hook(lambda *_: self._after()))
        if twice:
            self._chance = determinism.capture()
            self._hooks.append(
                self._network.register_forward_pre_hook(lambda _module, args: self._batch.append(args[0]))
            )
            self._hooks.append(
                self._loss_fn.register_forward_pre_hook(lambda _module, args: self._batch.append(args[1]))
            )

    def take(self, loss: torch.Tensor) -> None:
        """The step is done; `loss`: its batch's. Where none was looked at, nothing happens."""
        if self._now is None:
            return
        for hook in self._hooks:
            hook.remove()
        reading, self._now, self._hooks, self._old = self._now, None, [], []
        if self._chance is not None and len(self._batch) == 2:
            reading.losses = [loss, self._again(*self._batch)]
        self._chance, self._batch = None, []
        self._kept.append(reading)

    def tell(self) -> None:
        """Tell what was seen since the last time, and warn of what is wrong, each thing once."""
        kept, self._kept = self._kept, []
        for reading in kept:
            event = _told(reading)
            self._sink(event)
            for code, layer, message in diagnose(event):
                if (code, layer) not in self._warned:
                    self._warned.add((code, layer))
                    self._sink(ev.Warned(code=code, message=message, epoch=event.epoch, step=event.step))

    @torch.no_grad()
    def _see(self, name: str, module: nn.Module, result: Any) -> None:
        if self._now is None or not isinstance(result, torch.Tensor) or not result.is_floating_point():
            return
        values = result.detach()
        variance, mean = torch.var_mean(values, correction=0)
        zeros = 1 - torch.count_nonzero(values) / max(1, values.numel())
        dead = dead_units(values) if isinstance(module, RELU_LIKE) and values.ndim > 1 else torch.full_like(mean, -1.0)
        self._now.modules[name] = torch.stack([mean.float(), variance.sqrt().float(), zeros.float(), dead.float()])

    @torch.no_grad()
    def _before(self) -> None:
        if self._now is None:
            return
        found = [(name, one, one.grad) for name, one in self._network.named_parameters() if one.grad is not None]
        if not found:
            return
        self._now.parameters = [name for name, _, _ in found]
        self._now.gradients = list(torch._foreach_norm([gradient for _, _, gradient in found]))
        self._now.weights = list(torch._foreach_norm([one.detach() for _, one, _ in found]))
        self._old = [one.detach().clone() for _, one, _ in found]

    @torch.no_grad()
    def _after(self) -> None:
        if self._now is None or not self._now.parameters:
            return
        parameters = dict(self._network.named_parameters())
        new = [parameters[name].detach() for name in self._now.parameters]
        self._now.changes = list(torch._foreach_norm(torch._foreach_sub(new, self._old)))

    @torch.no_grad()
    def _again(self, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The batch's loss with the weights of now; generators and buffers stay as they are."""
        assert self._chance is not None
        here = determinism.capture()
        buffers = [(buffer, buffer.detach().clone()) for buffer in self._network.buffers()]
        determinism.restore(self._chance)
        try:
            found: torch.Tensor = self._loss_fn(self._network(X), y)
        finally:
            determinism.restore(here)
            for buffer, was in buffers:
                buffer.copy_(was)
        return found


def dead_units(values: torch.Tensor) -> torch.Tensor:
    """The fraction of units that are 0 for all of a batch [N, units, …], a convolution's channels being units."""
    flat = values.detach().reshape(len(values), values.shape[1], -1)
    alive = flat.ne(0).flatten(2).any(dim=2).any(dim=0)
    return 1 - alive.float().mean()


def diagnose(reading: ev.LayerStats) -> list[tuple[str, str, str]]:
    """What is wrong at a step: the kind, the first layer that it is so of, and a sentence about it."""
    place = f"at epoch {reading.epoch}, step {reading.step}"
    found: list[tuple[str, str, str]] = []
    parameters = reading.parameters
    bad = next((name for name, (gradient, weight, _) in parameters.items() if gradient is None or weight is None), None)
    hot = next((name for name, (mean, std, *_) in reading.activations.items() if mean is None or std is None), None)
    if hot is not None or bad is not None:
        what = f"the output of {hot}" if hot is not None else f"the gradient of {bad}"
        layer = hot if hot is not None else bad or ""
        message = f"{what} is not finite {place}, the first of the layers; a smaller learning rate may help"
        found.append(("non_finite_layer", layer, message))
        return found
    norms = {name: gradient for name, (gradient, _, _) in parameters.items() if gradient is not None}
    for name, norm in norms.items():
        if norm > EXPLODING:
            message = (
                f"the gradient of {name} has the norm {norm:.3g} {place}: exploding; a smaller learning rate may help"
            )
            found.append(("exploding_gradient", name, message))
            break
    largest = max(norms.values(), default=0.0)
    for name, norm in norms.items():
        if name.endswith("weight") and norm < VANISHING * largest:
            message = f"the gradient of {name} has the norm {norm:.3g} {place}, the largest is {largest:.3g}: vanishing"
            found.append(("vanishing_gradient", name, message))
            break
    for name, (*_, dead) in reading.activations.items():
        if dead is not None and dead > DEAD:
            message = f"{100 * dead:.0f}% of the units of {name} are 0 for a whole batch {place}: dead ReLUs"
            found.append(("dead_units", name, message))
            break
    return found


def _told(reading: _Reading) -> ev.LayerStats:
    """The reading as an event: the only place where its numbers leave the device."""
    numbers: list[list[float]] = []
    if reading.parameters and len(reading.changes) == len(reading.parameters):
        rows = (reading.gradients, reading.weights, reading.changes)
        numbers = torch.stack([torch.stack([one.float() for one in row]) for row in rows], dim=1).tolist()
    seen = torch.stack(list(reading.modules.values())).tolist() if reading.modules else []
    losses = [_rounded(float(loss), 8) for loss in reading.losses]
    return ev.LayerStats(
        epoch=reading.epoch,
        step=reading.step,
        parameters={
            name: [_rounded(gradient), _rounded(weight), _rounded(change / weight if weight else math.nan)]
            for name, (gradient, weight, change) in zip(reading.parameters, numbers, strict=False)
        },
        activations={
            name: [_rounded(mean), _rounded(std), _rounded(zeros), _rounded(dead) if dead >= 0 else None]
            for name, (mean, std, zeros, dead) in zip(reading.modules, seen, strict=True)
        },
        loss_before=losses[0] if losses else None,
        loss_after=losses[1] if losses else None,
    )


def _rounded(value: float, digits: int = DIGITS) -> float | None:
    """As JSON holds it: None for what is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None

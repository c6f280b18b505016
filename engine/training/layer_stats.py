"""The layers of a network at sampled steps of its training: gradients, weights, updates, activations, and warnings.

PyTorch's hooks are registered for the sampled steps alone: all others cost nothing. What they measure stays on the
device until it is reported.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from engine.digits import significant
from engine.training import determinism
from engine.training import events as ev
from engine.training.events import ActivationStats, ParameterStats
from engine.training.hooks import Hook, HookContext

RELU_LIKE = (nn.ReLU, nn.ReLU6, nn.Threshold, nn.Hardtanh)  # what makes units silent
DIGITS = 4  # of a reported number
EXPLODING = 1e3  # a gradient's norm from which on it is called exploding
VANISHING = 1e-5  # of the largest norm among the weights' gradients; below it a layer's is called vanishing
DEAD = 0.5  # of a layer's units that are 0 for a whole batch, from which on a warning says so


@dataclass(eq=False)
class _Sample:
    """What was measured at one step, as tensors on the device."""

    epoch: int
    step: int
    parameters: list[str] = field(default_factory=list)
    gradients: list[torch.Tensor] = field(default_factory=list)  # norms
    weights: list[torch.Tensor] = field(default_factory=list)  # norms, before the step
    changes: list[torch.Tensor] = field(default_factory=list)  # norms
    modules: dict[str, torch.Tensor] = field(default_factory=dict)  # mean, std, zeros, dead (-1: no such module)
    losses: list[torch.Tensor] = field(default_factory=list)  # of the batch, before and after the step


class LayerStats(Hook):
    """Samples a step every so often, and each single step that a person asks for."""

    name = "layer_stats"

    def __init__(
        self,
        network: nn.Module,
        loss_fn: nn.Module,
        optimizer: torch.optim.Optimizer,
        sink: Callable[[ev.Event], None],
        *,
        every: int = 0,
        loss_again: bool = True,
    ) -> None:
        """`every`: steps between two samples, from an epoch's first on; 0: single steps alone. `loss_again`: compute a
        single step's loss again after it."""
        self._network = network
        self._loss_fn = loss_fn
        self._optimizer = optimizer
        self._sink = sink
        self._every = every
        self._loss_again = loss_again
        self._handles: list[RemovableHandle] = []
        self._now: _Sample | None = None
        self._samples: list[_Sample] = []  # not reported yet
        self._old: list[torch.Tensor] = []  # the parameters before the update; the memory is kept between samples
        self._batch: list[Any] = []  # X, y of the step, where its loss is computed again
        self._rng: dict[str, Any] | None = None  # the generators before the step, where that is so
        self._warned: set[tuple[str, str]] = set()

    def before_step(self, epoch: int, step: int, *, single: bool) -> None:
        if not single and not (self._every and (step - 1) % self._every == 0):
            return
        self._now = _Sample(epoch, step)
        self._handles = [
            module.register_forward_hook(
                lambda module, _args, result, name=name: self._on_forward(name, module, result)
            )
            for name, module in self._network.named_modules()
            if not any(True for _ in module.children())
        ]
        self._handles.append(self._optimizer.register_step_pre_hook(lambda *_: self._before_update()))
        self._handles.append(self._optimizer.register_step_post_hook(lambda *_: self._after_update()))
        if single and self._loss_again:
            self._rng = determinism.capture()
            self._handles.append(
                self._network.register_forward_pre_hook(lambda _module, args: self._batch.append(args[0]))
            )
            self._handles.append(
                self._loss_fn.register_forward_pre_hook(lambda _module, args: self._batch.append(args[1]))
            )

    def on_step(self, epoch: int, step: int, loss: torch.Tensor) -> None:
        if self._now is None:
            return
        for handle in self._handles:
            handle.remove()
        sample, self._now, self._handles = self._now, None, []
        if self._rng is not None and len(self._batch) == 2:
            sample.losses = [loss, self._again(*self._batch)]
        self._rng, self._batch = None, []
        self._samples.append(sample)

    def on_report(self) -> None:
        """Send the samples since the last time, and warn of what is wrong, each thing once in a run."""
        samples, self._samples = self._samples, []
        for sample in samples:
            event = _event(sample)
            self._sink(event)
            for code, layer, message in diagnose(event):
                if (code, layer) not in self._warned:
                    self._warned.add((code, layer))
                    self._sink(ev.Warned(code=code, message=message, epoch=event.epoch, step=event.step))

    def state_dict(self) -> dict[str, Any]:
        """What was warned of: a resumed run does not say it again."""
        return {"warned": [list(one) for one in sorted(self._warned)]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._warned = {(str(code), str(layer)) for code, layer in state["warned"]}

    @torch.no_grad()
    def _on_forward(self, name: str, module: nn.Module, result: Any) -> None:
        if self._now is None or not isinstance(result, torch.Tensor) or not result.is_floating_point():
            return
        values = result.detach()
        variance, mean = torch.var_mean(values, correction=0)
        zeros = 1 - values.ne(0).sum() / max(1, values.numel())  # twice as fast as count_nonzero
        dead = dead_units(values) if isinstance(module, RELU_LIKE) and values.ndim > 1 else torch.full_like(mean, -1.0)
        self._now.modules[name] = torch.stack([mean.float(), variance.sqrt().float(), zeros.float(), dead.float()])

    @torch.no_grad()
    def _before_update(self) -> None:
        if self._now is None:
            return
        found = [(name, one, one.grad) for name, one in self._network.named_parameters() if one.grad is not None]
        if not found:
            return
        self._now.parameters = [name for name, _, _ in found]
        self._now.gradients = list(torch._foreach_norm([gradient for _, _, gradient in found]))
        self._now.weights = list(torch._foreach_norm([one.detach() for _, one, _ in found]))
        now = [one.detach() for _, one, _ in found]
        if not self._fits(now):
            self._old = [torch.empty_like(one) for one in now]
        torch._foreach_copy_(self._old, now)

    def _fits(self, now: list[torch.Tensor]) -> bool:
        """Whether `_old` has the memory for these parameters."""
        return len(now) == len(self._old) and all(
            (one.shape, one.dtype, one.device) == (old.shape, old.dtype, old.device)
            for one, old in zip(now, self._old, strict=True)
        )

    @torch.no_grad()
    def _after_update(self) -> None:
        if self._now is None or not self._now.parameters:
            return
        parameters = dict(self._network.named_parameters())
        new = [parameters[name].detach() for name in self._now.parameters]
        torch._foreach_sub_(self._old, new)
        self._now.changes = list(torch._foreach_norm(self._old))

    @torch.no_grad()
    def _again(self, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The batch's loss with the weights of now; generators and buffers stay as they are."""
        assert self._rng is not None
        here = determinism.capture()
        buffers = [(buffer, buffer.detach().clone()) for buffer in self._network.buffers()]
        determinism.restore(self._rng)
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


def make(context: HookContext) -> LayerStats | None:
    """The hook of a session; of processes that train together, the first alone has it."""
    setup = context.setup
    if setup.team.rank != 0:
        return None
    return LayerStats(
        setup.network,
        setup.train_loss_fn,
        setup.optimizer,
        context.sink,
        every=setup.config.inspect_every,
        loss_again=setup.team.size == 1,
    )


def diagnose(sample: ev.LayerStats) -> list[tuple[str, str, str]]:
    """What is wrong at a step: the kind, the first layer that has it, and a sentence about it."""
    place = f"at epoch {sample.epoch}, step {sample.step}"
    found: list[tuple[str, str, str]] = []
    parameters, activations = sample.parameters.items(), sample.activations.items()
    bad = next((name for name, one in parameters if one.gradient_norm is None or one.weight_norm is None), None)
    hot = next((name for name, one in activations if one.mean is None or one.std is None), None)
    if hot is not None or bad is not None:
        what = f"the output of {hot}" if hot is not None else f"the gradient of {bad}"
        layer = hot if hot is not None else bad or ""
        message = f"{what} is not finite {place}, the first of the layers; a smaller learning rate may help"
        found.append(("non_finite_layer", layer, message))
        return found
    norms = {name: one.gradient_norm for name, one in parameters if one.gradient_norm is not None}
    for name, norm in norms.items():
        if norm > EXPLODING:
            words = f"has the norm {significant(norm, 3)} {place}: exploding; a smaller learning rate may help"
            message = f"the gradient of {name} {words}"
            found.append(("exploding_gradient", name, message))
            break
    largest = max(norms.values(), default=0.0)
    for name, norm in norms.items():
        if name.endswith("weight") and norm < VANISHING * largest:
            words = f"{significant(norm, 3)} {place}, the largest is {significant(largest, 3)}: vanishing"
            message = f"the gradient of {name} has the norm {words}"
            found.append(("vanishing_gradient", name, message))
            break
    for name, one in activations:
        if one.dead is not None and one.dead > DEAD:
            message = f"{100 * one.dead:.0f}% of the units of {name} are 0 for a whole batch {place}: dead ReLUs"
            found.append(("dead_units", name, message))
            break
    return found


def _event(sample: _Sample) -> ev.LayerStats:
    """The sample as an event: the only place where its numbers leave the device."""
    numbers: list[list[float]] = []
    if sample.parameters and len(sample.changes) == len(sample.parameters):
        rows = (sample.gradients, sample.weights, sample.changes)
        numbers = torch.stack([torch.stack([one.float() for one in row]) for row in rows], dim=1).tolist()
    outputs = torch.stack(list(sample.modules.values())).tolist() if sample.modules else []
    losses = [_rounded(float(loss), 8) for loss in sample.losses]
    return ev.LayerStats(
        epoch=sample.epoch,
        step=sample.step,
        parameters={
            name: ParameterStats(
                _rounded(gradient), _rounded(weight), _rounded(change / weight if weight else math.nan)
            )
            for name, (gradient, weight, change) in zip(sample.parameters, numbers, strict=False)
        },
        activations={
            name: ActivationStats(_rounded(mean), _rounded(std), _rounded(zeros), _rounded(dead) if dead >= 0 else None)
            for name, (mean, std, zeros, dead) in zip(sample.modules, outputs, strict=True)
        },
        loss_before=losses[0] if losses else None,
        loss_after=losses[1] if losses else None,
    )


def _rounded(value: float, digits: int = DIGITS) -> float | None:
    """As JSON holds it: None for what is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None

"""The training in a learning-rate range test, and the state that it leaves as it was."""

import contextlib
from collections.abc import Iterator
from itertools import count
from typing import Any

import torch
from torch import nn

from engine.data.loader import Batch
from engine.progress import Progress, silent
from engine.training import determinism
from engine.training.loop import train_loop
from engine.training.lr_sweep import GrowingLrCurve, LrCurve, Sweep
from engine.training.optimizers import SCALED
from engine.training.resume import ResumePoint, take_up
from engine.training.setup import TrainingSetup
from engine.training.stepping import Stepping

READ_EVERY = 10  # steps between two times that losses are read off the device


def range_test(
    prepared: TrainingSetup, sweep: Sweep, *, start: ResumePoint | None = None, progress: Progress = silent
) -> LrCurve:
    """Train one step at each learning rate of `sweep`, from `start` (the first step) on, epoch after epoch, until the
    loss diverges. The schedule of the config, which would change the rates, is left out.

    Afterwards, also after an error and where `progress` raises to cancel, `prepared` and the global generators are
    exactly as they were before: weights, buffers, gradients, the optimizer's state, the order of the batches. What a
    model of the person's keeps elsewhere than in its modules' attributes is not known here. For one process alone.
    """
    growing = GrowingLrCurve()
    pending: list[torch.Tensor] = []  # losses, on the device
    with as_it_was(prepared.model, prepared.optimizer, prepared.stepping):
        batches = _endless(prepared, start or ResumePoint())
        prepared.optimizer.zero_grad()
        _set_lr(prepared.optimizer, sweep.lr(0))
        losses = train_loop(batches, prepared.model, prepared.train_loss_fn, prepared.optimizer, prepared.stepping)
        for done, loss in enumerate(losses, start=1):
            pending.append(loss)
            if done % READ_EVERY == 0 or done == sweep.steps:
                values: list[float] = torch.stack(pending).tolist()
                first = done - len(pending)
                pending.clear()
                goes_on = all(growing.add(sweep.lr(first + at), value) for at, value in enumerate(values))
                progress(done, sweep.steps)
                if done == sweep.steps or not goes_on:
                    break
            _set_lr(prepared.optimizer, sweep.lr(done))
    progress(sweep.steps, sweep.steps)
    return growing.curve


@contextlib.contextmanager
def as_it_was(model: nn.Module, optimizer: torch.optim.Optimizer, stepping: Stepping | None = None) -> Iterator[None]:
    """Whatever is trained inside: afterwards the model, the optimizer, the loss scale and the global generators have
    every bit of their states as before, in the same tensors."""
    generators = determinism.capture()
    scale = stepping.state_dict() if stepping else {}
    gradients = [(one, one.grad, _copied(one.grad)) for one in model.parameters()]
    modules = [(module, _attributes(module)) for module in model.modules()]
    states = {one: {key: (value, _copied(value)) for key, value in kept.items()} for one, kept in _states(optimizer)}
    groups = [(group, dict(group)) for group in optimizer.param_groups]
    try:
        yield
    finally:
        if stepping:
            stepping.load_state_dict(scale)
        with torch.no_grad():
            for module, attributes in modules:
                _put_back(module, attributes)
            for parameter, gradient, copy in gradients:
                parameter.grad = _filled(gradient, copy)
            optimizer.state.clear()
            for parameter, kept in states.items():
                optimizer.state[parameter] = {key: _filled(value, copy) for key, (value, copy) in kept.items()}
            for group, values in groups:
                group.clear()
                group.update(values)
        determinism.restore(generators)


Attributes = dict[str, dict[str, tuple[Any, Any]]]
TENSORS = ("_parameters", "_buffers")


def _attributes(module: nn.Module) -> Attributes:
    """What a module has: its parameters, its buffers, and its plain attributes, each with a copy where it is a
    tensor."""
    plain = {name: value for name, value in vars(module).items() if name not in (*TENSORS, "_modules")}
    parts = {name: getattr(module, name) for name in TENSORS} | {"": plain}
    return {part: {name: (value, _copied(value)) for name, value in held.items()} for part, held in parts.items()}


def _put_back(module: nn.Module, attributes: Attributes) -> None:
    for part, held in attributes.items():
        now = getattr(module, part) if part else vars(module)
        for name in [name for name in now if name not in held and name not in (*TENSORS, "_modules")]:
            del now[name]
        now.update({name: _filled(value, copy) for name, (value, copy) in held.items()})


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else None


def _filled(value: Any, copy: Any) -> Any:
    """The tensor itself, with the values that it had."""
    if copy is not None:
        value.detach().copy_(copy)
    return value


def _states(optimizer: torch.optim.Optimizer) -> list[tuple[Any, dict[str, Any]]]:
    return [(parameter, dict(kept)) for parameter, kept in optimizer.state.items()]


def _set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """`lr`; other learning rates of the optimizer are scaled as that is."""
    for group in optimizer.param_groups:
        factor = lr / group["lr"]
        group |= {name: group[name] * factor for name in SCALED if name != "lr" and name in group}
        group["lr"] = lr


def _endless(prepared: TrainingSetup, start: ResumePoint) -> Iterator[Batch]:
    """From `start` on to the end of its epoch, then one epoch after another."""
    batches = prepared.train_batches.copy()
    take_up(batches, prepared.config, start)
    if not start.evaluated:
        yield from batches.batches(start.step)
    for epoch in count(start.epoch + 1):
        batches.set_epoch(epoch)
        yield from batches

"""What happens at a step or an epoch of a training, beside the training: hooks, whose state checkpoints carry.

A new hook is a file with a subclass of `Hook` and a function that makes it, named in `session.HOOKS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from engine.training import events as ev
from engine.training.commands import Command
from engine.training.config import TrainConfig
from engine.training.results import EpochResult
from engine.training.setup import TrainingSetup


class Hook:
    """Does nothing at each of its occasions; all of them in the training's thread.

    A hook must not change a number of the training, and must not read a value off the device except in `on_report`
    and `on_epoch`.
    """

    name: ClassVar[str]  # of its state in a checkpoint

    def before_step(self, epoch: int, step: int, *, single: bool) -> None:
        """`step` (from 1) of `epoch` is next. `single`: a person asked for this one step."""

    def on_step(self, epoch: int, step: int, loss: torch.Tensor) -> None:
        """The step is done; `loss`: its batch's, a scalar on the device."""

    def on_report(self) -> None:
        """Events may be sent now: at most about 10 times a second, and before each checkpoint."""

    def on_epoch(self, result: EpochResult) -> None:
        """The epoch is done, and its sets are evaluated. Its checkpoint comes next."""

    def stop_reason(self) -> str:
        """After an epoch's checkpoint, and where a training is resumed there: why it is to end before its last epoch,
        in words; empty: it goes on. By the hook's state and the settings alone."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of it: numbers, texts, tensors, lists and dictionaries of them."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""


@dataclass(frozen=True)
class HookContext:
    """What a hook may use."""

    setup: TrainingSetup
    sink: Callable[[ev.Event], None]
    send: Callable[[Command], None]  # for the next step boundary, such as a stop
    config: Callable[[], TrainConfig]  # as of now: with the edits
    scale_lr: Callable[[float], None]  # a factor on the learning rate from the next epoch on, in place of the last one


HookMaker = Callable[[HookContext], Hook | None]  # None: not in this run, or not in this process


class Hooks:
    """The hooks of one session, as one."""

    def __init__(
        self, makers: Sequence[HookMaker], context: HookContext, states: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """`states`: what a checkpoint holds, by the hooks' names; a hook that it does not name begins anew."""
        self._hooks = [hook for make in makers if (hook := make(context)) is not None]
        for hook in self._hooks:
            if hook.name in states:
                hook.load_state_dict(states[hook.name])

    def __iter__(self) -> Iterator[Hook]:
        return iter(self._hooks)

    def before_step(self, epoch: int, step: int, *, single: bool) -> None:
        for hook in self._hooks:
            hook.before_step(epoch, step, single=single)

    def on_step(self, epoch: int, step: int, loss: torch.Tensor) -> None:
        for hook in self._hooks:
            hook.on_step(epoch, step, loss)

    def on_report(self) -> None:
        for hook in self._hooks:
            hook.on_report()

    def on_epoch(self, result: EpochResult) -> None:
        for hook in self._hooks:
            hook.on_epoch(result)

    def stop_reason(self) -> str:
        """The first one's that has one."""
        return next((reason for hook in self._hooks if (reason := hook.stop_reason())), "")

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """Each hook's state by its name; those without any are left out."""
        return {hook.name: state for hook in self._hooks if (state := hook.state_dict())}

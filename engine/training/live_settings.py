"""A run's settings while it trains: their present values, the changes that wait, and what the optimizer gets."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from engine.digits import significant
from engine.errors import ConfigError
from engine.training import schedules
from engine.training.commands import Command, CommandKind
from engine.training.config import TrainConfig, editable, edited
from engine.training.optimizers import OPTIMIZERS, SCALED, add_optional_state


class LiveSettings:
    """The config with its edits. `plan` may be called from any thread, the rest belongs to the training thread."""

    def __init__(self, config: TrainConfig, optimizer: torch.optim.Optimizer, edits: Sequence[dict[str, Any]]) -> None:
        self.now = config
        self.scale = 1.0  # a factor on the learning rate beside the schedule's
        self.edits = list(edits)  # those that are in `now`: epoch, step, setting, before, after
        self._optimizer = optimizer
        self._planned = config  # with the edits that wait
        self._planning = threading.Lock()

    @property
    def lr(self) -> float:
        """The optimizer's learning rate for the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def plan(self, changes: Mapping[str, str], reason: str, epoch: int, done: float) -> tuple[list[Command], list[str]]:
        """The commands that make the changes, and what they will change, for people. `done`: epochs, for the schedule.

        Raises ConfigError if one of them can't be made; then none is.
        """
        if not changes:
            raise ConfigError("", f"nothing to change; type a setting and a value: {', '.join(editable())}")
        commands, lines = [], []
        with self._planning:
            planned = self._planned
            for name, text in changes.items():
                planned = edited(planned, name, str(text))
            if planned.epochs < epoch:
                what = f"--epochs: the run is in epoch {epoch} already; stop it, or choose at least {epoch}"
                raise ConfigError("epochs", what)
            for name in changes:
                before, after = getattr(self._planned, name), getattr(planned, name)
                if before == after:
                    lines.append(f"{name} is already {significant(after)}")
                    continue
                commands.append(Command(CommandKind.SET, reason, name, after))
                lines.append(
                    f"{name} {significant(before)} → {significant(after)}"
                    + (_scaled(planned, done) if name == "lr" else "")
                )
            self._planned = planned
        return commands, lines

    def edit(self, command: Command, epoch: int, step: int) -> float:
        """Make one change, after `step` of `epoch`. Returns the setting's value before."""
        before: float = getattr(self.now, command.setting)
        self.now = replace(self.now, **{command.setting: command.value})
        if command.replayed:
            with self._planning:
                self._planned = replace(self._planned, **{command.setting: command.value})
        self.edits.append(
            {"epoch": epoch, "step": step, "setting": command.setting, "before": before, "after": command.value}
        )
        return before

    def apply(self, done: float) -> None:
        """Give the optimizer the settings of the step after `done` epochs."""
        changed = False
        factor, entry = schedules.factor(self.now, done), OPTIMIZERS[self.now.optimizer]
        for group in self._optimizer.param_groups:
            for name in entry.live_settings:
                value = getattr(self.now, name)
                if name in SCALED:
                    group[name] = value * factor * self.scale
                elif group[name] != value:
                    group[name] = value
                    changed = True
        if changed:
            add_optional_state(self.now.optimizer, self._optimizer)


def _scaled(planned: TrainConfig, done: float) -> str:
    """The new learning rate with the schedule's factor, in words; empty if it is constant."""
    if not schedules.varies(planned):
        return ""
    factor = schedules.factor(planned, done)
    return f" (now {significant(planned.lr * factor, 3)} by the {planned.schedule} schedule)"

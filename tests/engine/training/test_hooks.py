"""Hooks: what happens at a step or an epoch, and that a resume continues them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

from engine.training import events as ev
from engine.training.commands import Command, CommandKind, ScheduledCommand
from engine.training.hooks import Hook, HookContext
from engine.training.results import EpochResult
from engine.training.session import HOOKS
from engine.training.setup import TrainingSetup
from tests.engine.training.test_resume import Run, every_step_is_reported  # noqa: F401

Prepared = Callable[..., TrainingSetup]


class Recorder(Hook):
    """Writes down its occasions, and keeps a count that checkpoints carry."""

    name = "recorder"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.steps = 0

    def before_step(self, epoch: int, step: int, *, single: bool) -> None:
        self.calls.append(("before", epoch, step))

    def on_step(self, epoch: int, step: int, loss: torch.Tensor) -> None:
        self.steps += 1
        self.calls.append(("step", epoch, step))
        assert loss.ndim == 0

    def on_epoch(self, result: EpochResult) -> None:
        self.calls.append(("epoch", result.epoch, result.score.accuracy))

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]


class Patience(Hook):
    """Stops the run once the accuracy has not risen for two epochs."""

    name = "patience"

    def __init__(self, context: HookContext) -> None:
        self._context = context
        self._best, self._waited = -1.0, 0

    def on_epoch(self, result: EpochResult) -> None:
        accuracy = result.score.accuracy
        self._waited = 0 if accuracy > self._best else self._waited + 1
        self._best = max(self._best, accuracy)
        if self._waited == 2:
            self._context.send(Command(CommandKind.STOP, "early_stopping"))

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best, self._waited = state["best"], state["waited"]


def scheduled(epoch: int, step: int, kind: CommandKind) -> tuple[ScheduledCommand, ...]:
    return (ScheduledCommand(epoch, step, Command(kind)),)


def test_a_hook_is_called_at_each_step_and_each_epoch(prepared: Prepared) -> None:
    hook = Recorder()
    run = Run(prepared(epochs=2), hooks=(lambda context: hook,))
    accuracies = [event.accuracy for event in run.events if isinstance(event, ev.Evaluated)]
    expected: list[tuple[Any, ...]] = []
    for epoch in (1, 2):
        for step in range(1, 11):
            expected += [("before", epoch, step), ("step", epoch, step)]
        expected.append(("epoch", epoch, accuracies[epoch - 1]))
    assert hook.calls == expected


@pytest.mark.parametrize("place", [(1, 4), (1, 10), (2, 7)])
def test_a_resume_continues_a_hook_where_the_checkpoint_left_it(prepared: Prepared, place: tuple[int, int]) -> None:
    first = Run(prepared(epochs=2), agenda=scheduled(*place, CommandKind.STOP), hooks=(lambda context: Recorder(),))
    steps = (place[0] - 1) * 10 + place[1]
    assert first.last["hooks"] == {"recorder": {"steps": steps}}
    hook = Recorder()
    Run(prepared(epochs=2), first.last, hooks=(lambda context: hook,))
    assert hook.steps == 20
    assert [call for call in hook.calls if call[0] == "step"] == [
        ("step", at // 10 + 1, at % 10 + 1) for at in range(steps, 20)
    ]


def test_a_hook_can_stop_the_run_and_its_count_survives_a_resume(prepared: Prepared) -> None:
    never_learns = {"epochs": 9, "lr": 1e-30}
    straight = Run(prepared(**never_learns), hooks=(Patience,))
    assert straight.end == "stopped"
    assert straight.events[-1] == ev.Stopped(epoch=3, step=10, reason="early_stopping")
    broken = Run(prepared(**never_learns), agenda=scheduled(3, 2, CommandKind.STOP), hooks=(Patience,))
    assert broken.last["hooks"]["patience"]["waited"] == 1
    resumed = Run(prepared(**never_learns), broken.last, hooks=(Patience,))
    assert resumed.events[-1] == ev.Stopped(epoch=3, step=10, reason="early_stopping")
    assert resumed.last["hooks"] == straight.last["hooks"]


def test_a_checkpoint_without_hooks_is_resumed(prepared: Prepared) -> None:
    stopped = Run(prepared(epochs=2), agenda=scheduled(1, 4, CommandKind.STOP))
    content = stopped.last
    del content["hooks"]  # as earlier versions wrote it
    hook = Recorder()
    resumed = Run(prepared(epochs=2), content, hooks=(*HOOKS, lambda context: hook))
    assert resumed.end == "finished"
    assert hook.steps == 16
    straight = Run(prepared(epochs=2))
    assert all(torch.equal(resumed.last["model"][name], one) for name, one in straight.last["model"].items())


def test_a_resumed_run_does_not_repeat_a_warning_about_its_layers(prepared: Prepared) -> None:
    def broken() -> nn.Module:
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        with torch.no_grad():
            net[1].bias.fill_(float("nan"))  # type: ignore[operator]
        return net

    settings = {"epochs": 2, "inspect_every": 1, "on_non_finite": "continue"}
    first = Run(prepared(broken(), **settings), agenda=scheduled(1, 4, CommandKind.STOP))
    assert first.last["hooks"] == {"layer_stats": {"warned": [["non_finite_layer", "1"]]}}
    second = Run(prepared(broken(), **settings), first.last)
    codes = [[event.code for event in run.events if isinstance(event, ev.Warned)] for run in (first, second)]
    assert codes[0].count("non_finite_layer") == 1
    assert "non_finite_layer" not in codes[1]

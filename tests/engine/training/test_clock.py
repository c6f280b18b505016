"""Seconds of training, samples/s and timed checkpoints, on a clock that the test moves: one second a step."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from engine.training import checkpoint_policy, loss_report, place, session, step_boundary
from engine.training import events as ev
from engine.training.commands import Command, CommandKind, ScheduledCommand
from engine.training.resume import restore
from engine.training.session import TrainingSession
from engine.training.setup import TrainingSetup

PAUSE_S = 40.0


class Clocked(nn.Sequential):
    """A network that takes a second for each batch that it trains on."""

    def __init__(self, clock: SimpleNamespace) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 10))
        self._clock = clock

    def forward(self, input: Any) -> Any:  # noqa: A002 - nn.Sequential's own name
        self._clock.now += self.training
        return super().forward(input)


class Run:
    """A session of two epochs, ten steps each, run to its end."""

    def __init__(self, make: Callable[..., TrainingSetup], clock: SimpleNamespace, **given: Any) -> None:
        self.events: list[ev.Event] = []
        self.saved: list[dict[str, Any]] = []
        content = given.pop("content", None)
        agenda = given.pop("agenda", ())
        setup = make(Clocked(clock), **given)
        start = restore(setup, content)[0] if content else None
        self.session = TrainingSession(setup, sink=self.hear, save=self.save, start=start, scheduled=agenda)
        self.clock = clock
        drain = self.session._boundary._drain

        def waited(*, wait: bool = False) -> tuple[Command, ...]:
            clock.now += PAUSE_S * wait
            return drain(wait=wait)

        self.session._boundary._drain = waited  # type: ignore[method-assign]
        assert self.session.run() == "finished"

    def hear(self, event: ev.Event) -> None:
        self.events.append(event)
        if isinstance(event, ev.Paused):
            self.session.send(CommandKind.UNPAUSE)

    def save(self, content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        self.saved.append({**content, "reason": reason})
        return ev.CheckpointSaved(file="", epoch=content["epoch"], step=content["step"], bytes=0, sha256="")

    def seconds(self) -> list[float]:
        return [event.seconds for event in self.events if isinstance(event, ev.EpochFinished)]

    def places(self) -> list[tuple[int, int, str]]:
        return [(content["epoch"], content["step"], content["reason"]) for content in self.saved]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, prepared: Callable[..., TrainingSetup]) -> Callable[..., Run]:
    clock = SimpleNamespace(now=1000.0)
    for module in (checkpoint_policy, loss_report, place, session, step_boundary):
        monkeypatch.setattr(module, "running_time", SimpleNamespace(now=lambda: clock.now))
    monkeypatch.setattr(loss_report, "REPORT_S", 0.0)
    return lambda **given: Run(prepared, clock, **given)


def at(epoch: int, step: int, kind: CommandKind) -> ScheduledCommand:
    return ScheduledCommand(epoch, step, Command(kind))


def test_a_pause_is_no_training_time_and_no_part_of_samples_a_second(run: Callable[..., Run]) -> None:
    paused = run(agenda=[at(1, 4, CommandKind.PAUSE)])
    assert [event.kind for event in paused.events].count("paused") == 1
    assert paused.seconds() == [10.0, 10.0]
    assert {event.samples_per_s for event in paused.events if isinstance(event, ev.Progress)} == {64.0}
    assert [event.samples_per_s for event in paused.events if isinstance(event, ev.EpochFinished)] == [64.0, 64.0]
    assert paused.saved[-1]["training_s"] == 20.0
    assert next(event.seconds for event in paused.events if isinstance(event, ev.Finished)) == 20.0


def test_a_timed_checkpoint_waits_for_training_time_not_for_a_pause(run: Callable[..., Run]) -> None:
    paused = run(epochs=1, checkpoint_every=6, agenda=[at(1, 4, CommandKind.PAUSE)])
    assert paused.places() == [(1, 6, "time"), (1, 10, "epoch")]
    assert paused.saved[0]["seconds"] == paused.saved[0]["training_s"] == 6.0


def test_a_checkpoint_of_any_kind_puts_off_the_next_timed_one(run: Callable[..., Run]) -> None:
    asked = run(epochs=1, checkpoint_every=6, agenda=[at(1, 3, CommandKind.CHECKPOINT)])
    assert asked.places() == [(1, 3, "asked"), (1, 9, "time"), (1, 10, "epoch")]


def test_no_timed_checkpoint_comes_at_an_epochs_last_step(run: Callable[..., Run]) -> None:
    assert run(checkpoint_every=10).places() == [(1, 10, "epoch"), (2, 10, "epoch")]


def test_a_resumed_run_counts_on_from_its_checkpoints_seconds(run: Callable[..., Run]) -> None:
    first = run(agenda=[at(2, 3, CommandKind.CHECKPOINT)])
    (content,) = (one for one in first.saved if one["reason"] == "asked")
    assert (content["seconds"], content["training_s"]) == (3.0, 13.0)
    # As if the earlier host had been slower: 500 s in the first epoch, 30 in the second.
    resumed = run(content={**content, "seconds": 30.0, "training_s": 530.0}, agenda=[at(2, 5, CommandKind.CHECKPOINT)])
    assert [(one["seconds"], one["training_s"]) for one in resumed.saved] == [(32.0, 532.0), (0.0, 537.0)]
    assert resumed.seconds() == [37.0]
    (epoch,) = (event for event in resumed.events if isinstance(event, ev.EpochFinished))
    assert epoch.loss == pytest.approx(content["loss_sum"] / 10 + sum(losses(resumed)) / 10)


def losses(run: Run) -> list[float]:
    return [event.loss for event in run.events if isinstance(event, ev.Progress)]


def test_accuracy_belongs_to_the_checkpoint_of_its_epochs_end_alone(run: Callable[..., Run]) -> None:
    saved = run(agenda=[at(2, 3, CommandKind.CHECKPOINT)]).saved
    assert [content["evaluated"] for content in saved] == [True, False, True]
    assert saved[1]["accuracy"] is None
    assert 0 < saved[0]["accuracy"] <= 1

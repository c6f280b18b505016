"""Sessions broken off at a checkpoint and gone on with: the same losses and the same states, to the last bit."""

import io
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import CheckpointError, ConfigError, ModelError
from engine.runs.verify_resume import fingerprint
from engine.training import events as ev
from engine.training import loss_report
from engine.training.commands import Command, CommandKind, ScheduledCommand
from engine.training.hooks import HookMaker
from engine.training.resume import check, restore
from engine.training.session import TrainingSession
from engine.training.setup import TrainingSetup


@pytest.fixture(autouse=True)
def every_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_report, "REPORT_S", 0.0)


class Noisy(nn.Module):
    """All that has a state beside its weights: dropout, batch norm's running statistics, NumPy's and Python's draws."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3))
        self.out = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.net(x)
        if self.training:
            hidden = hidden * (1 + 0.01 * float(np.random.rand()) + 0.01 * random.random())
        logits: torch.Tensor = self.out(hidden)
        return logits


Place = tuple[int, int]


class Run:
    """A session run to its end in this thread; its events, and what it saved, by place, as bytes on a disk would be."""

    def __init__(
        self,
        prepared: TrainingSetup,
        content: dict[str, Any] | None = None,
        agenda: tuple[ScheduledCommand, ...] = (),
        hooks: Sequence[HookMaker] | None = None,
    ) -> None:
        self.events: list[ev.Event] = []
        self.saved: dict[tuple[int, int, bool], bytes] = {}
        start = None
        if content is not None:
            start, self.notes = restore(prepared, content)
        self.session = TrainingSession(
            prepared, sink=self.events.append, save=self._save, start=start, scheduled=agenda, hooks=hooks
        )
        self.end = self.session.run()

    def content(self, epoch: int, step: int, evaluated: bool = False) -> dict[str, Any]:
        data = self.saved[epoch, step, evaluated]
        return check(torch.load(io.BytesIO(data), weights_only=True))

    @property
    def last(self) -> dict[str, Any]:
        return self.content(*max(self.saved))

    def losses(self, since: Place = (0, 0)) -> dict[Place, float]:
        """Each step's, after `since`."""
        told = {(e.epoch, e.step): e.loss for e in self.events if isinstance(e, ev.Progress)}
        return {place: loss for place, loss in told.items() if place > since}

    def told(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def _save(self, content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        self.saved[content["epoch"], content["step"], content["evaluated"]] = buffer.getvalue()
        return ev.CheckpointSaved(
            file="x.pt", epoch=content["epoch"], step=content["step"], bytes=0, sha256="", reason=reason
        )


def order(epoch: int, step: int, command: CommandKind, **what: Any) -> ScheduledCommand:
    return ScheduledCommand(epoch, step, Command(command, **what))


def setting(epoch: int, step: int, name: str, value: Any, *, replayed: bool = False) -> ScheduledCommand:
    return order(epoch, step, CommandKind.SET, setting=name, value=value, replayed=replayed)


def states(content: dict[str, Any]) -> dict[str, str]:
    """What must be equal, as fingerprints."""
    return {name: fingerprint(content[name]) for name in ("model", "optimizer", "rng", "order", "loss_sum", "config")}


SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 1e-2},
    "momentum, shuffled": {"lr": 1e-2, "momentum": 0.9, "shuffle": True},
    "adam, one-cycle, shuffled": {"optimizer": "adam", "schedule": "one_cycle", "shuffle": True, "lr": 3e-3},
    "adamw, cosine with warm-up": {"optimizer": "adamw", "schedule": "cosine", "warmup": 0.5, "weight_decay": 0.1},
    "held out, plateau": {"lr": 0.1, "val": "0.04", "schedule": "plateau", "lr_patience": 1, "min_delta": 0.5},
    "rmsprop, steps": {"optimizer": "rmsprop", "momentum": 0.5, "schedule": "step", "step_size": 1},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("place", [(1, 3), (2, 1), (2, 9)])
def test_a_run_gone_on_with_in_the_middle_of_an_epoch_is_the_run_that_was_never_broken_off(
    prepared: Callable[..., TrainingSetup], settings: dict[str, Any], place: Place
) -> None:
    torch.manual_seed(1)
    weights = Noisy().state_dict()

    def fresh() -> TrainingSetup:
        model = Noisy()
        model.load_state_dict(weights)
        p = prepared(model, epochs=3, **settings)
        np.random.seed(5)
        random.seed(5)
        torch.manual_seed(7)
        return p

    straight = Run(fresh(), agenda=(order(*place, CommandKind.CHECKPOINT),))
    content = straight.content(*place)
    torch.manual_seed(99)  # what another process would have drawn meanwhile
    resumed = Run(fresh(), content)
    assert resumed.losses() == straight.losses(since=place)
    assert states(resumed.last) == states(straight.last)
    for kind in (ev.Evaluated, ev.EpochFinished):
        assert [e.loss for e in resumed.told(kind)] == [e.loss for e in straight.told(kind)][-len(resumed.told(kind)) :]


def test_at_the_end_of_an_epoch_the_next_one_begins(prepared: Callable[..., TrainingSetup]) -> None:
    straight = Run(prepared(epochs=3, shuffle=True))
    resumed = Run(prepared(epochs=3, shuffle=True), straight.content(1, 10, True))
    assert resumed.losses() == straight.losses(since=(1, 10))
    assert [e.epoch for e in resumed.told(ev.Evaluated)] == [2, 3]
    assert states(resumed.last) == states(straight.last)


def test_after_the_last_step_and_before_the_test_the_test_is_done(prepared: Callable[..., TrainingSetup]) -> None:
    straight = Run(prepared(epochs=2))
    stopped = Run(prepared(epochs=2), agenda=(order(1, 10, CommandKind.STOP),))
    assert stopped.end == "stopped"
    assert not stopped.told(ev.Evaluated)
    resumed = Run(prepared(epochs=2), stopped.content(1, 10, False))
    assert [e.loss for e in resumed.told(ev.Evaluated)] == [e.loss for e in straight.told(ev.Evaluated)]
    assert [e.loss for e in resumed.told(ev.EpochFinished)] == [e.loss for e in straight.told(ev.EpochFinished)]


def test_a_stop_asked_for_during_a_test_need_not_wait_for_its_end(prepared: Callable[..., TrainingSetup]) -> None:
    def stop_at_the_test(p: TrainingSetup) -> Run:
        class Told(nn.Module):
            """The loss function that is asked first when the test begins."""

            def forward(self, pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
                run.session.send(CommandKind.STOP, "SIGTERM")
                return nn.functional.cross_entropy(pred, y)

        object.__setattr__(p, "loss_fn", Told())
        run = Run.__new__(Run)
        run.events, run.saved = [], {}
        run.session = TrainingSession(p, sink=run.events.append, save=run._save)
        run.end = run.session.run()
        return run

    stopped = stop_at_the_test(prepared(epochs=2))
    assert [event.kind for event in stopped.events[-2:]] == ["checkpoint_saved", "stopped"]
    assert not stopped.told(ev.Evaluated)
    resumed, straight = Run(prepared(epochs=2), stopped.content(1, 10, False)), Run(prepared(epochs=2))
    assert [e.loss for e in resumed.told(ev.Evaluated)] == [e.loss for e in straight.told(ev.Evaluated)]
    assert states(resumed.last) == states(straight.last)


def test_more_epochs_for_a_finished_run_are_as_if_they_had_been_asked_for_at_once(
    prepared: Callable[..., TrainingSetup],
) -> None:
    at_once = Run(prepared(epochs=3, shuffle=True, optimizer="adam"))
    short = Run(prepared(epochs=2, shuffle=True, optimizer="adam"))
    more = Run(prepared(epochs=2, shuffle=True, optimizer="adam"), short.last, agenda=(setting(2, 10, "epochs", 3),))
    assert more.losses() == at_once.losses(since=(2, 10))
    (edit,) = more.told(ev.Edited)
    assert (edit.setting, edit.before, edit.after) == ("epochs", 2, 3)


EDITS = (
    setting(1, 4, "lr", 3e-2),
    setting(1, 4, "momentum", 0.9),
    setting(2, 2, "batch_size", 128),
    setting(2, 6, "weight_decay", 1e-2),
    setting(3, 2, "epochs", 4),
    setting(3, 2, "threads", 2),
)


@pytest.mark.parametrize("place", [(1, 2), (1, 4), (2, 4), (3, 1), (4, 3)])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_edits_are_in_the_checkpoint_or_replayed_at_their_places(
    prepared: Callable[..., TrainingSetup], place: Place, schedule: str
) -> None:
    settings = {"epochs": 3, "shuffle": True, "lr": 1e-2, "schedule": schedule}
    straight = Run(prepared(**settings), agenda=(*EDITS, order(*place, CommandKind.CHECKPOINT)))
    content = straight.content(*place)
    held = len(content["edits"])
    replays = tuple(
        ScheduledCommand(
            one.epoch,
            one.step,
            Command(CommandKind.SET, "asked", one.command.setting, one.command.value, replayed=True),
        )
        for one in EDITS[held:]
    )
    config = {name: value for name, value in content["config"].items() if name != "model"}
    resumed = Run(prepared(**config), content, agenda=replays)
    assert resumed.losses() == straight.losses(since=place)
    assert states(resumed.last) == states(straight.last)
    assert [e.replayed for e in resumed.told(ev.Edited)] == [True] * (len(EDITS) - held)
    assert max(straight.losses())[0] == 4


def test_a_batch_size_holds_from_the_next_epoch(prepared: Callable[..., TrainingSetup]) -> None:
    run = Run(prepared(epochs=2), agenda=(setting(1, 4, "batch_size", 320),))
    assert [e.steps for e in run.told(ev.Progress)] == [10] * 10 + [2, 2]
    assert [e.from_epoch for e in run.told(ev.Edited)] == [2]


def test_a_new_edit_takes_the_place_of_a_replay_to_come(prepared: Callable[..., TrainingSetup]) -> None:
    run = Run(prepared(epochs=1), agenda=(setting(1, 3, "lr", 5e-2), setting(1, 6, "lr", 9e-2, replayed=True)))
    assert [(e.step, e.after) for e in run.told(ev.Edited)] == [(3, 5e-2)]


def test_an_edit_is_marked_with_what_the_schedule_makes_of_it(prepared: Callable[..., TrainingSetup]) -> None:
    run = Run(prepared(epochs=2, schedule="cosine", lr=1e-2), agenda=(setting(1, 10, "lr", 2e-2),))
    (edit,) = run.told(ev.Edited)
    assert edit.lr == pytest.approx(1e-2)  # half way down the cosine
    assert run.told(ev.Progress)[-1].lr < 1e-3


def test_momentum_can_be_switched_on_for_every_optimizer_that_has_it(prepared: Callable[..., TrainingSetup]) -> None:
    for optimizer in ("sgd", "rmsprop"):
        run = Run(prepared(epochs=1, optimizer=optimizer, lr=1e-3), agenda=(setting(1, 4, "momentum", 0.9),))
        assert run.end == "finished"
        assert len(run.losses()) == 10


def test_changes_are_checked_together_before_any_is_made(prepared: Callable[..., TrainingSetup]) -> None:
    session = TrainingSession(prepared(epochs=5), sink=lambda event: None, save=lambda content, reason: None)  # type: ignore[arg-type, return-value]
    for changes, words in {
        ("lr", "-1"): "out of range",
        ("lr", "x0"): "is not a factor",
        ("epochs", "0"): "out of range",
        ("seed", "3"): "can't be changed while a run trains",
        ("momentum", "2"): "at most 1",
    }.items():
        with pytest.raises(ConfigError, match=words):
            session.send(CommandKind.SET, changes={"weight_decay": "0.1", changes[0]: changes[1]})
    session.place.epoch = 3
    with pytest.raises(ConfigError, match="in epoch 3 already"):
        session.send(CommandKind.SET, changes={"epochs": "2"})
    assert session._boundary.empty
    assert session.send(CommandKind.SET, changes={"lr": "x2"}) == ["lr 0.001 → 0.002"]
    assert session.send(CommandKind.SET, changes={"lr": "x2"}) == ["lr 0.002 → 0.004"]  # of what it will be
    assert session.send(CommandKind.SET, changes={"lr": "/4", "epochs": "9"}) == ["lr 0.004 → 0.001", "epochs 5 → 9"]


def test_checkpoints_come_with_time_too(prepared: Callable[..., TrainingSetup]) -> None:
    run = Run(prepared(epochs=1, checkpoint_every=1e-9))
    assert [e.reason for e in run.told(ev.CheckpointSaved)] == ["time"] * 9 + ["epoch"]
    run = Run(prepared(epochs=1, checkpoint_every=0))
    assert [e.reason for e in run.told(ev.CheckpointSaved)] == ["epoch"]


def test_a_timed_checkpoint_that_fails_is_a_warning_and_the_run_goes_on(
    prepared: Callable[..., TrainingSetup], monkeypatch: pytest.MonkeyPatch
) -> None:
    save, tried = Run._save, []

    def full_at_first(self: Run, content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        tried.append(reason)
        if len(tried) < 3:
            raise CheckpointError("no room")
        return save(self, content, reason)

    monkeypatch.setattr(Run, "_save", full_at_first)
    run = Run(prepared(epochs=1, checkpoint_every=1e-9))
    assert run.end == "finished"
    assert [e.code for e in run.told(ev.Warned)][:2] == ["cannot_write"] * 2
    assert not run.told(ev.Paused)


def test_a_model_that_changed_is_refused_by_the_parameters_name(prepared: Callable[..., TrainingSetup]) -> None:
    content = Run(prepared(epochs=1)).last
    for model, words in {
        "wider": (
            nn.Sequential(nn.Flatten(), nn.Linear(784, 10, bias=False)),
            r"the checkpoint's 1\.bias \[10\] is not",
        ),
        "longer": (nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10)), r"its 2\.weight \[10\] is not"),
        "other": (nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 10)), r"the checkpoint's 1\.weight"),
        "shape": (nn.Sequential(nn.Flatten(), nn.Linear(784, 12)), r"1\.weight is \[12, 784\] now, and \[10, 784\]"),
    }.values():
        with pytest.raises(ModelError, match=words):
            restore(prepared(model, epochs=1), content)


def test_another_optimizer_begins_anew_and_that_is_said(prepared: Callable[..., TrainingSetup]) -> None:
    content = Run(prepared(epochs=1, optimizer="sgd", momentum=0.9)).last
    run = Run(prepared(epochs=2, optimizer="adam"), content)
    assert run.end == "finished"
    assert run.notes == ["the state of the optimizer sgd was not loaded: adam starts without state"]


@pytest.mark.parametrize("content", [{}, [], {"format": 1}, {"format": 2, "model": {}}, {"state_dict": {}}])
def test_what_is_no_checkpoint_of_a_run_is_refused(content: Any) -> None:
    with pytest.raises(CheckpointError):
        check(content)

"""Validation images and early stopping: what is evaluated when, what decides, and that a resume changes nothing."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from engine.errors import ConfigError
from engine.training import events as ev
from engine.training import loop
from engine.training.commands import CommandKind
from engine.training.config import TrainConfig
from engine.training.early_stopping import EarlyStopping
from engine.training.hooks import HookContext
from engine.training.loop import Score
from engine.training.plateau import Plateau
from engine.training.results import EpochResult
from engine.training.session import TrainingSession
from engine.training.setup import TrainingSetup
from tests.engine.training.test_resume import Run, every_step_is_reported, order, setting, states  # noqa: F401

Prepared = Callable[..., TrainingSetup]
HELD_OUT = 128  # of the 640 training images: 8 steps an epoch are left of 10


def results(run: Run) -> list[tuple[str, int]]:
    return [(event.split, event.epoch) for event in run.told(ev.Evaluated)]


def untaught(prepared: Prepared, **settings: Any) -> TrainingSetup:
    """A training that changes nothing: no epoch is better than the first."""
    return prepared(**({"epochs": 9, "lr": 1e-30, "val": str(HELD_OUT)} | settings))


class WithWeights(Run):
    """Reads the weights of its epochs from what it saved, as a host does from the run's checkpoints."""

    def __init__(self, prepared: TrainingSetup, *, lost: bool = False, **how: Any) -> None:
        self.lost = lost
        self.asked: list[int] = []
        made = TrainingSession.__init__
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                TrainingSession, "__init__", lambda one, *a, **k: made(one, *a, **k, weights_after=self._weights)
            )
            super().__init__(prepared, **how)

    def _weights(self, epoch: int) -> Any:
        self.asked.append(epoch)
        place = next((key for key in self.saved if key[0] == epoch and key[2]), None)
        return None if self.lost or place is None else self.content(*place)["model"]


def test_the_default_holds_nothing_out_and_tests_after_every_epoch(prepared: Prepared) -> None:
    run = Run(prepared(epochs=2))
    assert results(run) == [("test", 1), ("test", 2)]
    assert run.events[-1] == ev.Finished(epochs=2, seconds=run.events[-1].seconds)  # type: ignore[attr-defined]
    assert run.last["accuracy"] == run.told(ev.Evaluated)[-1].accuracy


def test_the_validation_images_are_evaluated_after_each_epoch_and_the_test_set_at_the_end(prepared: Prepared) -> None:
    run = Run(prepared(epochs=2, lr=0.1, val=str(HELD_OUT)))
    assert results(run) == [("val", 1), ("val", 2), ("test", 2)]
    first, last, test = run.told(ev.Evaluated)
    assert [sum(map(sum, one.confusion)) for one in (first, last, test)] == [HELD_OUT, HELD_OUT, 200]
    assert run.last["accuracy"] == last.accuracy
    assert run.last["best"] == ([2, last.accuracy] if last.accuracy > first.accuracy else [1, first.accuracy])
    assert run.told(ev.Progress)[-1].steps == 8
    assert isinstance(run.events[-1], ev.Finished)


def test_no_step_sees_a_held_out_image(prepared: Prepared) -> None:
    p = prepared(epochs=2, val=str(HELD_OUT), shuffle=True)
    assert p.held_out is not None
    assert p.val_batches is not None
    for epoch in (1, 2):
        p.train_batches.set_epoch(epoch)
        seen = torch.cat([y for _, y in p.train_batches.batches()])
        assert len(seen) == 640 - HELD_OUT
        assert seen.bincount().tolist() == torch.as_tensor(p.held_out.train.labels).bincount().tolist()
    held = torch.cat([X for X, _ in p.val_batches])
    assert (held * 255).round().to(torch.uint8).squeeze(1).numpy().tolist() == p.held_out.val.images.tolist()


def test_it_can_test_after_every_epoch_too_and_still_decides_by_validation(prepared: Prepared) -> None:
    run = Run(prepared(epochs=2, val=str(HELD_OUT), test_every_epoch=True))
    assert results(run) == [("val", 1), ("test", 1), ("val", 2), ("test", 2)]
    assert run.last["accuracy"] == [one.accuracy for one in run.told(ev.Evaluated) if one.split == "val"][-1]
    with pytest.raises(ConfigError, match="--test-every-epoch: it applies with validation only"):
        TrainConfig(test_every_epoch=True)


def test_at_the_end_the_best_epochs_weights_are_tested_and_the_last_ones_stay(prepared: Prepared) -> None:
    """The learning rate is made so large that the second epoch is worse than the first."""
    agenda = (setting(1, 8, "lr", 1e3),)
    run = WithWeights(prepared(epochs=2, lr=0.1, val=str(HELD_OUT), on_non_finite="continue"), agenda=agenda)
    assert results(run) == [("val", 1), ("val", 2), ("test", 1), ("test", 2)]
    assert run.asked == [1]
    assert run.last["best"][0] == 1
    p, tests = run.session.prepared, [one for one in run.told(ev.Evaluated) if one.split == "test"]
    last = {name: value.clone() for name, value in p.network.state_dict().items()}
    assert all(torch.equal(value, run.last["model"][name]) for name, value in last.items())
    for epoch, test in ((1, tests[0]), (2, tests[1])):
        content = next(run.content(*key) for key in run.saved if key[0] == epoch and key[2])
        p.network.load_state_dict(content["model"])
        score = loop.test_loop(p.test_batches, p.network, p.loss_fn, 10)
        assert (score.accuracy, score.loss) == (test.accuracy, test.loss)


def test_a_best_checkpoint_that_is_gone_is_told(prepared: Prepared) -> None:
    agenda = (setting(1, 8, "lr", 1e3),)
    p = prepared(epochs=2, lr=0.1, val=str(HELD_OUT), on_non_finite="continue")
    run = WithWeights(p, agenda=agenda, lost=True)
    assert results(run) == [("val", 1), ("val", 2), ("test", 2)]
    (warning,) = [one for one in run.told(ev.Warned) if one.code == "best_not_tested"]
    assert "epoch 1" in warning.message
    assert run.end == "finished"


# Early stopping


def test_it_stops_when_the_result_has_not_improved_and_tests_then(prepared: Prepared) -> None:
    run = Run(untaught(prepared, patience=2))
    assert results(run) == [("val", 1), ("val", 2), ("val", 3), ("test", 3)]
    finished = run.events[-1]
    assert isinstance(finished, ev.Finished)
    assert (finished.epochs, run.end) == (3, "finished")
    assert finished.early == "the validation accuracy has not improved for 2 epochs"


def test_without_validation_images_the_test_set_decides(prepared: Prepared) -> None:
    run = Run(untaught(prepared, patience=1, val="", monitor="loss", min_delta=0.5))
    assert results(run) == [("test", 1), ("test", 2)]
    assert run.events[-1].early == "the test loss has not improved by more than 0.5 for 1 epoch"  # type: ignore[attr-defined]


def test_it_stops_once_the_result_is_good_enough(prepared: Prepared) -> None:
    run = Run(untaught(prepared, stop_when="val_accuracy>=0 and train_loss<1e9"))
    assert results(run) == [("val", 1), ("test", 1)]
    assert run.events[-1].early == "val_accuracy>=0 and train_loss<1e9 holds"  # type: ignore[attr-defined]
    assert len(Run(untaught(prepared, stop_when="val_accuracy>1e-9 and train_loss<0", epochs=2)).told(ev.Stopped)) == 0


def test_the_last_epoch_is_no_early_stop(prepared: Prepared) -> None:
    run = Run(untaught(prepared, patience=1, epochs=2))
    assert run.events[-1].early == ""  # type: ignore[attr-defined]


def test_patience_can_be_changed_while_it_trains(prepared: Prepared) -> None:
    run = Run(untaught(prepared, patience=2), agenda=(setting(2, 3, "patience", 4),))
    assert results(run)[-1] == ("test", 5)
    run = Run(untaught(prepared, epochs=5), agenda=(setting(4, 3, "patience", 2),))
    assert results(run)[-1] == ("test", 4), "it has watched all along"


@pytest.mark.parametrize("place", [(1, 5, False), (2, 3, False), (3, 8, True)])
def test_a_resumed_run_stops_where_the_uninterrupted_one_does(prepared: Prepared, place: tuple[int, int, bool]) -> None:
    settings: dict[str, Any] = {"patience": 2, "shuffle": True}
    epoch, step, evaluated = place
    agenda = () if evaluated else (order(epoch, step, CommandKind.CHECKPOINT),)
    straight = Run(untaught(prepared, **settings), agenda=agenda)
    resumed = Run(untaught(prepared, **settings), straight.content(*place))
    assert results(resumed) == results(straight)[epoch - 1 + evaluated :]
    assert resumed.events[-1].early == straight.events[-1].early != ""  # type: ignore[attr-defined]
    if not evaluated:
        assert states(resumed.last) == states(straight.last)
        assert resumed.last["hooks"] == straight.last["hooks"]
        assert resumed.last["best"] == straight.last["best"]


def test_a_run_that_was_killed_before_its_test_is_resumed_for_that_alone(prepared: Prepared) -> None:
    straight = Run(prepared(epochs=2, val=str(HELD_OUT)))
    resumed = Run(prepared(epochs=2, val=str(HELD_OUT)), straight.last)
    assert results(resumed) == [("test", 2)]
    assert resumed.told(ev.Evaluated)[0].loss == straight.told(ev.Evaluated)[-1].loss
    assert not resumed.told(ev.Progress)
    assert isinstance(resumed.events[-1], ev.Finished)


def test_more_epochs_that_are_asked_for_during_the_last_test_are_trained(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def sink(event: ev.Event) -> None:
        if isinstance(event, ev.Evaluated) and event.split == "test" and not asked:
            asked.extend(run_session[0].send(CommandKind.SET, changes={"epochs": "3"}))
        events.append(event)

    events: list[ev.Event] = []
    run_session: list[TrainingSession] = []
    session = TrainingSession(
        prepared(epochs=2, val=str(HELD_OUT)),
        sink=sink,
        save=lambda content, reason: ev.CheckpointSaved(file="", epoch=0, step=0, bytes=0, sha256=""),
    )
    run_session.append(session)
    assert session.run() == "finished"
    told = [(one.split, one.epoch) for one in events if isinstance(one, ev.Evaluated)]
    assert told == [("val", 1), ("val", 2), ("test", 2), ("val", 3), ("test", 3)]


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_stop_during_an_evaluation_ends_it_and_a_resume_does_it_again(prepared: Prepared, split: str) -> None:
    """The stop comes with the first batch of the set."""
    p = prepared(epochs=1, val=str(HELD_OUT))
    batches: Any = p.val_batches if split == "val" else p.test_batches
    sessions: list[TrainingSession] = []

    class Stopping:
        def __iter__(self) -> Any:
            sessions[0].send(CommandKind.STOP)
            return iter(batches)

    made = {"val_batches": Stopping()} if split == "val" else {"test_batches": Stopping()}
    from dataclasses import replace

    broken = replace(p, **made)  # type: ignore[arg-type]
    events: list[ev.Event] = []
    saved: list[dict[str, Any]] = []

    def save(content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        saved.append({**content, "model": {name: one.clone() for name, one in content["model"].items()}})
        return ev.CheckpointSaved(file="", epoch=content["epoch"], step=content["step"], bytes=0, sha256="")

    session = TrainingSession(broken, sink=events.append, save=save)
    sessions.append(session)
    assert session.run() == "stopped"
    assert saved[-1]["evaluated"] == (split == "test")
    straight, resumed = (
        Run(prepared(epochs=1, val=str(HELD_OUT))),
        Run(prepared(epochs=1, val=str(HELD_OUT)), saved[-1]),
    )
    assert [one.loss for one in resumed.told(ev.Evaluated)] == [
        one.loss for one in straight.told(ev.Evaluated) if split == "val" or one.split == "test"
    ]


# The schedule on a plateau


def test_the_learning_rate_drops_where_the_result_does_not_improve(prepared: Prepared) -> None:
    p = prepared(epochs=7, lr=0.4, val=str(HELD_OUT), schedule="plateau", lr_patience=2, gamma=0.5, min_delta=1.0)
    run = Run(p, agenda=(setting(5, 2, "lr", 0.8),))
    rates = [[one.lr for one in run.told(ev.Progress) if one.epoch == epoch] for epoch in range(1, 8)]
    assert [sorted(set(each)) for each in rates] == [[0.4], [0.4], [0.4], [0.2], [0.2, 0.4], [0.2], [0.2]]
    branched = p.config
    assert run.last["hooks"]["plateau"] == {"best": pytest.approx(0.5, abs=0.5), "since": 7, "factor": 0.125}
    assert branched.schedule == "plateau"


@given(
    losses=st.lists(st.floats(0, 2) | st.just(math.nan), min_size=1, max_size=40),
    patience=st.integers(1, 4),
    min_delta=st.sampled_from([0.0, 0.1]),
    cut=st.integers(0, 40),
)
def test_it_is_pytorchs_reduce_lr_on_plateau(losses: list[float], patience: int, min_delta: float, cut: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="min", factor=0.5, patience=patience - 1, threshold=min_delta, threshold_mode="abs", eps=0.0
    )
    config = TrainConfig(
        schedule="plateau", lr_patience=patience, gamma=0.5, min_delta=min_delta, monitor="loss", val="10"
    )
    factors = [1.0]
    context = HookContext(None, print, print, lambda: config, factors.append)  # type: ignore[arg-type]
    ours = Plateau(context)
    for epoch, loss in enumerate(losses, 1):
        if epoch == cut and ours.state_dict():
            state, ours = ours.state_dict(), Plateau(context)
            ours.load_state_dict(state)
        ours.on_epoch(EpochResult(epoch, 0.1, {"val": Score((loss,), ((1, 0), (0, 1)), (2,))}))
        theirs.step(loss)
        assert factors[-1] == optimizer.param_groups[0]["lr"]


# The hook by itself


class Fed:
    """The hook, given results one after another."""

    def __init__(self, **settings: Any) -> None:
        self.config = TrainConfig(**settings)
        context = HookContext(None, print, print, lambda: self.config, print)  # type: ignore[arg-type]
        self.hook = EarlyStopping(context)
        self.epoch = 0

    def give(self, value: float) -> str:
        self.epoch += 1
        if self.config.monitor == "loss":
            score = Score((value,), ((1, 0), (0, 1)), (2,))
        else:
            right = round(value * 1000)
            score = Score((0.5,), ((right, 1000 - right), (0, 0)), (1000,))
        self.hook.on_epoch(EpochResult(self.epoch, 0.1, {"val": score}))
        return self.hook.stop_reason()


def test_only_more_than_min_delta_is_better() -> None:
    fed = Fed(patience=2, min_delta=0.01, val="10")
    assert [bool(fed.give(value)) for value in (0.5, 0.505, 0.509, 0.9)] == [False, False, True, False]
    fed = Fed(patience=2, min_delta=0.1, monitor="loss", val="10")
    assert [bool(fed.give(value)) for value in (1.0, 0.95, 0.85, 0.8, 0.78)] == [False, False, False, False, True]


def test_nan_is_never_better() -> None:
    fed = Fed(patience=2, monitor="loss", val="10")
    assert [bool(fed.give(value)) for value in (math.nan, math.nan, 3.0, math.nan, 2.0)] == [
        False, True, False, False, False,
    ]  # fmt: skip


@given(values=st.lists(st.floats(0, 1), max_size=30), patience=st.integers(0, 5), cut=st.integers(0, 30))
def test_its_state_is_all_that_it_goes_by(values: list[float], patience: int, cut: int) -> None:
    one, other = Fed(patience=patience, val="10"), Fed(patience=patience, val="10")
    for at, value in enumerate(values):
        if at == cut and other.hook.state_dict():
            restarted = Fed(patience=patience, val="10")
            restarted.hook.load_state_dict(other.hook.state_dict())
            restarted.epoch, other = other.epoch, restarted
        assert one.give(value) == other.give(value)
        rounded = [round(each, 3) for each in values[: at + 1]]
        waited = at - rounded.index(max(rounded))
        assert bool(one.hook.stop_reason()) == (patience > 0 and waited >= patience)


def test_a_network_in_training_mode_is_never_what_is_scored(prepared: Prepared) -> None:
    modes: list[bool] = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(784, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            modes.append(self.training)
            logits: torch.Tensor = self.line(x.flatten(1))
            return logits

    Run(prepared(Watched(), epochs=1, val=str(HELD_OUT), test_every_epoch=True))
    assert modes == [True] * 8 + [False] * (2 + 4)

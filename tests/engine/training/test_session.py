"""The training session: what it computes, and how it takes commands. Every step is reported here (REPORT_S = 0)."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import CheckpointError, RunError
from engine.training import events as ev
from engine.training import loss_report
from engine.training.commands import CommandKind
from engine.training.session import TrainingSession
from engine.training.setup import TrainingSetup
from tests.support.waiting import HANG_S


@pytest.fixture(autouse=True)
def every_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_report, "REPORT_S", 0.0)


class Ran:
    """A session in its worker thread, its events, and things to do when an event comes."""

    def __init__(self, prepared: TrainingSetup) -> None:
        self.events: list[ev.Event] = []
        self.saved: list[dict[str, Any]] = []
        self.disk_is_full = False
        self.trouble = ""
        self._actions: list[tuple[Callable[[ev.Event], bool], Callable[[], object]]] = []
        self._changed = threading.Condition()
        self.session = TrainingSession(prepared, sink=self._hear, save=self._save, trouble=lambda: self.trouble)
        self.thread = threading.Thread(target=self.session.run, daemon=True)

    def on(self, match: Callable[[ev.Event], bool], action: Callable[[], object]) -> "Ran":
        """Do `action` once, in the worker thread, when an event matches: before the next step boundary."""
        self._actions.append((match, action))
        return self

    def start(self) -> "Ran":
        self.thread.start()
        return self

    def wait_for(self, match: Callable[[ev.Event], bool]) -> ev.Event:
        with self._changed:

            def found() -> ev.Event | None:
                return next((event for event in self.events if match(event)), None)

            assert self._changed.wait_for(lambda: found() is not None, timeout=HANG_S), [e.kind for e in self.events]
            event = found()
            assert event is not None
            return event

    def to_the_end(self) -> list[ev.Event]:
        if not self.thread.ident:
            self.start()
        self.thread.join(timeout=HANG_S)
        assert not self.thread.is_alive(), [event.kind for event in self.events][-5:]
        return self.events

    def kinds(self, *kinds: str) -> list[ev.Event]:
        return [event for event in self.events if event.kind in kinds]

    def _hear(self, event: ev.Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        for entry in list(self._actions):
            if entry[0](event):
                self._actions.remove(entry)
                entry[1]()

    def _save(self, content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        if self.disk_is_full:
            raise CheckpointError("the checkpoint can't be written (No space left on device); make room, then go on")
        self.saved.append(content)
        place = {"epoch": content["epoch"], "step": content["step"]}
        return ev.CheckpointSaved(file="x.pt", **place, bytes=0, sha256="", reason=reason)


@pytest.fixture
def ran(prepared: Callable[..., TrainingSetup]) -> Iterator[Callable[..., Ran]]:
    made: list[Ran] = []

    def make(**settings: Any) -> Ran:
        made.append(Ran(prepared(**settings)))
        return made[-1]

    yield make
    for run in made:
        if run.thread.is_alive():
            run.disk_is_full = False
            with contextlib.suppress(RunError):  # it is about to end anyway
                run.session.send(CommandKind.STOP, "SIGTERM")
            run.thread.join(timeout=HANG_S)


def at(epoch: int, step: int) -> Callable[[ev.Event], bool]:
    return lambda event: isinstance(event, ev.Progress) and (event.epoch, event.step) == (epoch, step)


def is_(kind: str) -> Callable[[ev.Event], bool]:
    return lambda event: event.kind == kind


def test_the_losses_are_those_of_the_tutorials_own_loop(
    ran: Callable[..., Ran], prepared: Callable[..., TrainingSetup]
) -> None:
    run = ran(epochs=2, lr=1e-2)
    run.to_the_end()
    told = [event.loss for event in run.events if isinstance(event, ev.Progress)]

    p = prepared(epochs=2, lr=1e-2)
    typed = []
    for _ in range(2):
        p.model.train()
        for X, y in p.train_batches:
            loss = nn.CrossEntropyLoss()(p.model(X), y)
            loss.backward()
            p.optimizer.step()
            p.optimizer.zero_grad()
            typed.append(loss.item())
    assert told == typed  # to the last bit
    for name, parameter in p.model.state_dict().items():
        assert torch.equal(parameter, run.saved[-1]["model"][name])


def test_an_epoch_ends_with_the_test_set_and_a_checkpoint(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=2, lr=0.1)
    kinds = [event.kind for event in run.to_the_end() if event.kind not in ("progress", "batch_loss", "layer_stats")]
    epoch = ["epoch_finished", "evaluated", "checkpoint_saved"]
    assert kinds == ["run_started", *epoch, *epoch, "finished"]
    last = run.kinds("evaluated")[-1]
    assert isinstance(last, ev.Evaluated)
    assert sum(map(sum, last.confusion)) == 200
    assert last.accuracy == sum(last.confusion[i][i] for i in range(10)) / 200
    assert last.per_class == [row[label] / 20 for label, row in enumerate(last.confusion)]
    assert last.accuracy > 0.9  # stripes are learnt at once


def test_the_test_loss_is_the_mean_of_the_batch_means(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=1)
    run.to_the_end()
    p = run.session.prepared
    with torch.no_grad():
        means = [p.loss_fn(p.model(X), y).item() for X, y in p.test_batches]  # 64, 64, 64 and 8 images
    (event,) = run.kinds("evaluated")
    assert isinstance(event, ev.Evaluated)
    assert event.loss == sum(means) / len(means)


def test_the_tutorials_log_line_comes_every_100_batches(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=1, batch_size=3)  # 214 steps
    run.to_the_end()
    lines = [event for event in run.events if isinstance(event, ev.BatchLoss)]
    assert [(line.step, line.seen, line.of) for line in lines] == [(1, 0, 640), (101, 300, 640), (201, 600, 640)]
    told = {event.step: event.loss for event in run.events if isinstance(event, ev.Progress)}
    assert [line.loss for line in lines] == [told[1], told[101], told[201]]


def test_log_lines_are_the_same_however_seldom_it_reports(
    ran: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss_report, "REPORT_S", 1000.0)
    run = ran(epochs=1, batch_size=3)
    run.to_the_end()
    assert [event.step for event in run.events if isinstance(event, ev.BatchLoss)] == [1, 101, 201]
    assert len(run.kinds("progress")) == 1


def test_a_pause_holds_between_two_steps_until_unpaused(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=1)
    run.on(at(1, 4), lambda: run.session.send(CommandKind.PAUSE)).start()
    assert run.wait_for(is_("paused")) == ev.Paused(epoch=1, step=4, reason="asked")
    run.session.send(CommandKind.CHECKPOINT)
    run.wait_for(is_("checkpoint_saved"))  # no step comes between
    assert [event.kind for event in run.events[-2:]] == ["paused", "checkpoint_saved"]
    assert (run.saved[-1]["epoch"], run.saved[-1]["step"]) == (1, 4)
    with pytest.raises(RunError, match="paused already"):
        run.session.send(CommandKind.PAUSE)
    run.session.send(CommandKind.UNPAUSE)
    assert run.to_the_end()[-1].kind == "finished"


def test_a_pause_changes_no_number(ran: Callable[..., Ran]) -> None:
    straight, paused = ran(epochs=1, lr=1e-2), ran(epochs=1, lr=1e-2)
    straight.to_the_end()
    paused.on(at(1, 4), lambda: paused.session.send(CommandKind.PAUSE))
    paused.on(is_("paused"), lambda: paused.session.send(CommandKind.UNPAUSE))
    paused.to_the_end()
    told = [
        [event.loss for event in run.kinds("progress") if isinstance(event, ev.Progress)] for run in (straight, paused)
    ]
    assert told[0] == told[1]


def test_a_step_is_one_step(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=1)
    run.on(at(1, 4), lambda: run.session.send(CommandKind.PAUSE)).start()
    run.wait_for(is_("paused"))
    for step in (5, 6):
        run.session.send(CommandKind.STEP)
        run.wait_for(at(1, step))
        run.session.send(CommandKind.CHECKPOINT)  # carried out once the step is done, and none after it
        run.wait_for(lambda event, step=step: event.kind == "checkpoint_saved" and vars(event)["step"] == step)  # type: ignore[misc]
        assert run.session.step == step
        assert run.session.paused
    run.session.send(CommandKind.UNPAUSE)
    assert run.to_the_end()[-1].kind == "finished"


def test_a_step_while_training_pauses(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=1)
    run.on(at(1, 4), lambda: run.session.send(CommandKind.STEP)).start()
    assert run.wait_for(is_("paused")) == ev.Paused(epoch=1, step=4, reason="step")


def test_steps_go_over_the_end_of_an_epoch(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=2)
    run.on(at(1, 9), lambda: run.session.send(CommandKind.PAUSE)).start()
    run.wait_for(is_("paused"))
    for place in ((1, 10), (2, 1)):
        run.session.send(CommandKind.STEP)
        run.wait_for(at(*place))
    assert len(run.kinds("evaluated")) == 1
    assert run.session.paused


def test_unpausing_a_run_that_is_not_paused_is_refused(ran: Callable[..., Ran]) -> None:
    with pytest.raises(RunError, match="not paused"):
        ran().session.send(CommandKind.UNPAUSE)


def test_a_stop_saves_first(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=5)
    run.on(at(2, 3), lambda: run.session.send(CommandKind.STOP))
    events = run.to_the_end()
    assert [event.kind for event in events[-2:]] == ["checkpoint_saved", "stopped"]
    assert (run.saved[-1]["epoch"], run.saved[-1]["step"]) == (2, 3)
    with pytest.raises(RunError, match="has ended"):
        run.session.send(CommandKind.PAUSE)


def test_a_paused_run_can_be_stopped(ran: Callable[..., Ran]) -> None:
    run = ran()
    run.on(at(1, 2), lambda: run.session.send(CommandKind.PAUSE))
    run.on(is_("paused"), lambda: run.session.send(CommandKind.STOP))
    assert run.to_the_end()[-1] == ev.Stopped(epoch=1, step=2, reason="asked")


def test_a_checkpoint_now_is_of_this_step_and_training_goes_on(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=1)
    run.on(at(1, 3), lambda: run.session.send(CommandKind.CHECKPOINT))
    assert run.to_the_end()[-1].kind == "finished"
    assert [(content["epoch"], content["step"]) for content in run.saved] == [(1, 3), (1, 10)]


@pytest.mark.parametrize(("action", "end"), [("pause", "paused"), ("stop", "stopped"), ("continue", "finished")])
def test_a_loss_that_is_not_finite_is_told_by_its_step(ran: Callable[..., Ran], action: str, end: str) -> None:
    run = ran(epochs=1, lr=1e38, on_non_finite=action)
    run.start()
    warning = run.wait_for(is_("warning"))
    assert isinstance(warning, ev.Warned)
    losses = {event.step: event.loss for event in run.events if isinstance(event, ev.Progress)}
    assert not math.isfinite(losses[warning.step])
    assert all(math.isfinite(loss) for step, loss in losses.items() if step < warning.step)
    assert warning.code == "non_finite_loss"
    assert f"step {warning.step}" in warning.message
    last = run.wait_for(is_(end))
    if action != "continue":
        assert getattr(last, "reason", "") == "non_finite_loss"
        assert run.session.step == warning.step
    assert len(run.kinds("warning")) == 1  # once, not at every step


def test_a_full_disk_at_a_checkpoint_pauses_and_is_tried_again(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=2)
    run.disk_is_full = True
    run.start()
    run.wait_for(lambda event: isinstance(event, ev.Paused) and event.reason == "cannot_write")
    assert "No space left" in getattr(run.kinds("warning")[0], "message", "")
    assert not run.kinds("checkpoint_saved")
    run.disk_is_full = False
    run.session.send(CommandKind.UNPAUSE)
    assert run.to_the_end()[-1].kind == "finished"
    assert [content["epoch"] for content in run.saved] == [1, 2]


def test_a_stop_that_can_not_save_does_not_end_the_run(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=3)
    run.on(at(1, 3), lambda: run.session.send(CommandKind.STOP))
    run.disk_is_full = True
    run.start()
    run.wait_for(lambda event: isinstance(event, ev.Paused) and event.reason == "cannot_write")
    assert run.thread.is_alive()
    run.disk_is_full = False
    run.session.send(CommandKind.STOP)
    assert run.to_the_end()[-1].kind == "stopped"


def test_a_signal_ends_the_run_even_where_nothing_can_be_saved(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=3)
    run.on(at(1, 3), lambda: run.session.send(CommandKind.STOP, "SIGTERM"))
    run.disk_is_full = True
    assert [event.kind for event in run.to_the_end()[-2:]] == ["warning", "stopped"]


def test_events_that_can_not_be_written_pause_the_run(ran: Callable[..., Ran]) -> None:
    run = ran(epochs=1)
    run.on(at(1, 3), lambda: setattr(run, "trouble", "No space left on device")).start()
    run.wait_for(lambda event: isinstance(event, ev.Paused) and event.reason == "cannot_write")
    run.trouble = ""
    run.session.send(CommandKind.UNPAUSE)
    assert run.to_the_end()[-1].kind == "finished"


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "mse"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_every_loss_trains_with_every_optimizer(ran: Callable[..., Ran], loss: str, optimizer: str) -> None:
    run = ran(epochs=1, loss=loss, optimizer=optimizer, lr=1e-2 if optimizer == "sgd" else 1e-3)
    run.to_the_end()
    losses = [event.loss for event in run.events if isinstance(event, ev.Progress)]
    assert losses[-1] < losses[0]
    assert run.events[-1].kind == "finished"


def test_shuffling_follows_seed_and_epoch(ran: Callable[..., Ran]) -> None:
    def losses(**settings: Any) -> list[float]:
        run = ran(epochs=2, **settings)
        run.to_the_end()
        return [event.loss for event in run.events if isinstance(event, ev.Progress)]

    shuffled = losses(shuffle=True, seed=3)
    assert shuffled == losses(shuffle=True, seed=3)
    assert shuffled != losses(shuffle=False, seed=3)

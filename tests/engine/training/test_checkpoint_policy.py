"""When a session saves: each state once, with a warning where it can't be written or takes too long."""

from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import CheckpointError
from engine.training import checkpoint_policy
from engine.training import events as ev
from engine.training.checkpoint_policy import CheckpointPolicy
from engine.training.place import Place
from engine.training.team import Team


class Training:
    """A policy with a training whose version the test sets, on a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, every_s: float = 10.0, saved_at: Any = None) -> None:
        self.now, self.takes, self.full = 100.0, 0.0, False
        self.place, self.version = Place(2, 7), (2, 7)
        self.events: list[ev.Event] = []
        self.saving: list[bool] = []
        self.saved: dict[str, Any] = {}  # fields of the checkpoints to come
        monkeypatch.setattr(checkpoint_policy, "running_time", SimpleNamespace(now=lambda: self.now))
        self.policy = CheckpointPolicy(
            self, self.save, team=Team(), sink=self.events.append, every_s=every_s, saved_at=saved_at
        )  # type: ignore[arg-type]

    def content(self) -> dict[str, Any]:
        return {"a": 1}

    def save(self, content: dict[str, Any], reason: str) -> ev.CheckpointSaved:
        self.saving.append(self.policy.saving)
        self.now += self.takes
        if self.full:
            raise CheckpointError("the disk is full")
        return ev.CheckpointSaved(file=reason, epoch=2, step=7, bytes=1, sha256="", reason=reason, **self.saved)

    def told(self) -> list[str]:
        return [event.file if isinstance(event, ev.CheckpointSaved) else vars(event)["code"] for event in self.events]


def test_a_state_is_saved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(monkeypatch)
    assert training.policy.saving is False
    assert [training.policy.save("asked"), training.policy.save("stop")] == [True, True]
    assert (training.told(), training.saving, training.policy.saving) == (["asked"], [True], False)
    training.version = (2, 8)
    assert training.policy.save("stop") is True
    assert training.told() == ["asked", "stop"]
    assert Training(monkeypatch, saved_at=(2, 7)).policy.save("stop") is True


def test_a_checkpoint_that_can_not_be_written_is_warned_of_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(monkeypatch)
    training.full = True
    assert training.policy.save("asked") is False
    assert training.events == [ev.Warned(code="cannot_write", message="the disk is full", epoch=2, step=7)]
    assert training.policy.saving is False
    training.full = False
    assert training.policy.save("asked") is True
    assert training.told() == ["cannot_write", "asked"]


def test_saving_that_takes_too_long_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(monkeypatch)
    for step, takes in enumerate((0.4, 0.5, 0.6, 0.7)):  # 5% of 10 s is 0.5 s
        training.version, training.takes = (3, step), takes
        training.policy.save_within_epoch()
    assert training.told() == ["time", "time", "time", "slow_checkpoint", "time"]
    warned = training.events[3]
    assert isinstance(warned, ev.Warned)
    assert warned.message.startswith("saving took 0.6 s, and is done every 10 s")
    failing = Training(monkeypatch)
    failing.full, failing.takes = True, 9.0
    failing.policy.save_within_epoch()
    assert failing.told() == ["cannot_write"]


def test_weights_that_are_not_the_newest_are_said_once_until_a_checkpoint_is_finite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = Training(monkeypatch)

    def save(step: int, reason: str, weights: str = "", *, finite: bool = False) -> None:
        training.version, training.saved = (3, step), {"finite": finite, "weights": weights}
        assert training.policy.save(reason)

    save(1, "time")  # which writes no weights
    save(2, "asked", "epoch-0002.pt")
    save(3, "stop", "epoch-0002.pt")
    save(4, "epoch", finite=True)
    save(5, "stop")
    assert training.told() == ["time", "asked", "older_weights", "stop", "epoch", "stop", "older_weights"]
    messages = [event.message for event in training.events if isinstance(event, ev.Warned)]
    assert messages == [
        "model_weights.pth has the weights of epoch-0002.pt, the newest finite checkpoint",
        "model_weights.pth is not written: the run has no finite checkpoint",
    ]


def test_the_next_timed_checkpoint_is_due_after_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(monkeypatch)
    assert training.policy.next == float("inf")
    training.policy.begin()
    assert training.policy.next == 110.0
    training.now = 105.0
    training.policy.begin()  # a further epoch changes nothing
    assert training.policy.next == 110.0
    training.policy.pass_time(3.0)
    assert training.policy.next == 113.0
    training.policy.save("asked")
    assert training.policy.next == 115.0
    never = Training(monkeypatch, every_s=0)
    never.policy.begin()
    assert never.policy.next == float("inf")

"""What is reported of the losses and of the pace, on a clock that the test sets."""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.training import events as ev
from engine.training import loss_report


class Batches:
    batch_size, samples = 8, 30

    def __len__(self) -> int:
        return 4


def test_a_pause_is_left_out_of_the_samples_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(loss_report, "running_time", SimpleNamespace(now=lambda: clock.now))
    events: list[ev.Event] = []
    batches: Any = Batches()
    team: Any = SimpleNamespace(mean=lambda losses: losses)
    losses = loss_report.LossReport(batches, team, events.append)
    losses.begin_epoch(1, 2.5)  # after a step whose loss was 2.5
    losses.add(torch.tensor(1.5))
    losses.add(torch.tensor(0.5))
    clock.now = 150.0
    losses.pass_time(46.0)
    assert losses.report(1, 3, 0.1) is None
    losses.add(torch.tensor(0.25))
    clock.now = 150.5
    losses.report(1, 4, 0.1)
    first, second = (event for event in events if isinstance(event, ev.Progress))
    assert (first.step, first.steps, first.loss) == (3, 4, 1.0)
    assert first.samples_per_s == pytest.approx(16 / 4.0)
    assert second.samples_per_s == pytest.approx(6 / 0.5)  # the last batch has 6 samples
    assert losses.loss_sum == 4.75
    assert losses.next == pytest.approx(150.5 + loss_report.REPORT_S)


@pytest.mark.parametrize("finite", [0, 1, 3, 22, 32, 33, 500])
def test_the_losses_before_one_that_is_not_finite_are_reported_too(finite: int) -> None:
    events: list[ev.Event] = []
    batches: Any = type("Many", (Batches,), {"__len__": lambda self: 1000, "samples": 8000})()
    team: Any = SimpleNamespace(mean=lambda losses: losses)
    report = loss_report.LossReport(batches, team, events.append)
    report.begin_epoch(5, 0.0)
    for number in range(finite):
        report.add(torch.tensor(float(number)))
    for _ in range(3):
        report.add(torch.tensor(float("nan")))
    assert report.report(1, 5 + finite + 3, 0.1) == (5 + finite + 1, "NaN")
    progress = [event for event in events if isinstance(event, ev.Progress)]
    good = [event for event in progress if math.isfinite(event.loss)]
    assert (len(good) > 0) == (finite > 0)
    assert len(good) <= loss_report.PARTS_BEFORE
    if finite <= loss_report.PARTS_BEFORE:  # each by itself
        assert [(event.step, event.loss) for event in good] == [(6 + number, number) for number in range(finite)]
    if finite:
        assert good[-1].step == 5 + finite
        ends = [5, *(event.step for event in good)]
        sizes = [b - a for a, b in itertools.pairwise(ends)]
        mean = sum(event.loss * size for event, size in zip(good, sizes, strict=True)) / finite
        assert mean == pytest.approx((finite - 1) / 2)
    assert [event.step for event in progress[len(good) :]][-1] == 5 + finite + 3
    if finite:
        assert progress[len(good)].step == 5 + finite + 1, "the step that the warning names"

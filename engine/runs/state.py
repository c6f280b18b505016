"""`RunState = fold(events)`: everything a screen shows of a run, from its events alone. Imports no torch."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from engine.training import events as ev

LOG_LINES = 1000  # the tutorial's log lines that are kept
CURVE_POINTS = 4096  # a curve past twice this many points is thinned to this many


@dataclass(frozen=True)
class Point:
    """A stretch of the training loss: up to run step `x`, the lowest, mean and highest reported loss."""

    x: float  # steps since the start of the run
    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class TestResult:
    """The test set after an epoch."""

    epoch: int
    x: float  # steps since the start of the run
    loss: float
    accuracy: float
    per_class: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Mark:
    """A place on the chart: a loss that was not finite."""

    x: float
    label: str


@dataclass(frozen=True)
class RunState:
    """A run as its events tell it. `status` is starting, training, paused, finished, stopped or failed.

    Whether the process still lives is not in the events: `engine.runs.store` knows.
    """

    status: str = "starting"
    reason: str = ""  # why paused, stopped or failed
    config: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    device: str = ""
    device_name: str = ""
    threads: int = 0
    loader: str = ""
    parameters: int = 0
    epochs: int = 0
    steps: int = 0  # per epoch
    epoch: int = 0  # the epoch under way, or the last one
    step: int = 0  # steps done in it
    loss: float = math.nan
    lr: float = math.nan
    samples_per_s: float = 0.0
    started: float = 0.0  # Unix seconds
    last: float = 0.0  # Unix seconds of the newest event
    training_s: float = 0.0  # seconds of training, pauses left out
    readings: ev.Readings | None = None
    curve: tuple[Point, ...] = ()
    tests: tuple[TestResult, ...] = ()
    epoch_losses: tuple[float, ...] = ()  # mean training loss of each finished epoch
    log: tuple[ev.BatchLoss | ev.Evaluated, ...] = ()
    marks: tuple[Mark, ...] = ()
    warnings: tuple[ev.Warned, ...] = ()
    checkpoints: tuple[ev.CheckpointSaved, ...] = ()
    seq: int = 0  # of the newest event

    @property
    def done(self) -> bool:
        return self.status in ("finished", "stopped", "failed")

    @property
    def x(self) -> float:
        """Steps since the start of the run."""
        return max(0, self.epoch - 1) * self.steps + self.step

    @property
    def total(self) -> int:
        """Steps in the whole run."""
        return self.epochs * self.steps

    @property
    def evaluating(self) -> bool:
        """The epoch's last step is done and the test set's result is not in yet."""
        return self.status == "training" and 0 < self.steps == self.step and len(self.tests) < self.epoch

    @property
    def best(self) -> TestResult | None:
        """The epoch with the highest test accuracy."""
        return max(self.tests, key=lambda result: result.accuracy, default=None)

    @property
    def eta_s(self) -> float | None:
        """Seconds to the end at the pace so far, None where there is no pace yet."""
        if self.x <= 0 or self.training_s <= 0 or self.done:
            return None
        return (self.total - self.x) * self.training_s / self.x


class Fold:
    """Takes events one after another and gives the state so far: O(1) an event, O(points) a snapshot."""

    def __init__(self) -> None:
        self._now: dict[str, Any] = {f.name: getattr(RunState(), f.name) for f in fields(RunState)}
        self._curve: list[Point] = []
        self._width = 1  # progress events in a point
        self._filled = 0  # events in the newest point
        self._tests: list[TestResult] = []
        self._epoch_losses: list[float] = []
        self._log: deque[ev.BatchLoss | ev.Evaluated] = deque(maxlen=LOG_LINES)
        self._marks: list[Mark] = []
        self._warnings: list[ev.Warned] = []
        self._checkpoints: list[ev.CheckpointSaved] = []
        self._resumed_at = 0.0  # when the current stretch of training began; 0: not training

    def add(self, event: ev.Event) -> None:
        """Take the next event. One that was seen already (by `seq`) changes nothing."""
        if event.seq <= self._now["seq"]:
            return
        if self._resumed_at:
            training_s = self._now["training_s"] + max(0.0, event.t - self._now["last"])
            self._change(training_s=training_s)
        self._change(seq=event.seq, last=event.t)
        match event:
            case ev.RunStarted():
                self._change(
                    status="training", config=event.config, dataset=event.dataset, device=event.device,
                    device_name=event.device_name, threads=event.threads, loader=event.loader,
                    parameters=event.parameters, epochs=event.epochs, steps=event.steps, started=event.t,
                    lr=float(event.config["lr"]),
                )  # fmt: skip
                self._resumed_at = event.t
            case ev.Progress():
                self._change(
                    epoch=event.epoch, step=event.step, steps=event.steps, loss=event.loss, lr=event.lr,
                    samples_per_s=event.samples_per_s,
                )  # fmt: skip
                self._extend((event.epoch - 1) * event.steps + event.step, event.loss)
            case ev.BatchLoss():
                self._log.append(event)
            case ev.Evaluated():
                self._log.append(event)
                self._tests.append(
                    TestResult(
                        event.epoch, event.epoch * self._now["steps"], event.loss, event.accuracy,
                        tuple(event.per_class), tuple(tuple(row) for row in event.confusion),
                    )
                )  # fmt: skip
            case ev.EpochFinished():
                self._epoch_losses.append(event.loss)
            case ev.Paused():
                self._change(status="paused", reason=event.reason, epoch=event.epoch, step=event.step)
                self._resumed_at = 0.0
            case ev.Unpaused():
                self._change(status="training", reason="")
                self._resumed_at = event.t
            case ev.Warned():
                self._warnings.append(event)
                if event.code == "non_finite_loss":
                    x = max(0, event.epoch - 1) * self._now["steps"] + event.step
                    self._marks.append(Mark(x, "not finite"))
            case ev.CheckpointSaved():
                self._checkpoints.append(event)
            case ev.Readings():
                self._change(readings=event)
            case ev.Stopped():
                self._end("stopped", event.reason)
            case ev.Finished():
                self._end("finished", "")
            case ev.Failed():
                self._end("failed", event.message)

    def snapshot(self) -> RunState:
        """The state after the events so far; it does not change when more are added."""
        grown: dict[str, Any] = {
            "curve": tuple(self._curve),
            "tests": tuple(self._tests),
            "epoch_losses": tuple(self._epoch_losses),
            "log": tuple(self._log),
            "marks": tuple(self._marks),
            "warnings": tuple(self._warnings),
            "checkpoints": tuple(self._checkpoints),
        }
        return RunState(**(self._now | grown))

    def _change(self, **values: Any) -> None:
        self._now.update(values)

    def _end(self, status: str, reason: str) -> None:
        self._change(status=status, reason=reason)
        self._resumed_at = 0.0

    def _extend(self, x: float, loss: float) -> None:
        if not math.isfinite(loss):
            return
        if 0 < self._filled < self._width:
            last = self._curve[-1]
            mean = (last.mean * self._filled + loss) / (self._filled + 1)
            self._curve[-1] = Point(x, min(last.low, loss), mean, max(last.high, loss))
            self._filled += 1
            return
        self._curve.append(Point(x, loss, loss, loss))
        self._filled = 1
        if len(self._curve) == 2 * CURVE_POINTS:
            self._curve = [_merge(a, b) for a, b in zip(self._curve[::2], self._curve[1::2], strict=True)]
            self._width *= 2
            self._filled = self._width


def fold(events: Iterable[ev.Event]) -> RunState:
    """The state that `events`, in their order, tell."""
    so_far = Fold()
    for event in events:
        so_far.add(event)
    return so_far.snapshot()


def _merge(a: Point, b: Point) -> Point:
    return Point(b.x, min(a.low, b.low), (a.mean + b.mean) / 2, max(a.high, b.high))

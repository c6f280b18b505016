"""`RunState = fold(events)`: everything a screen shows of a run, from its events alone. Imports no torch."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from engine.runs.curve import SAME_PLACE, GrowingCurve, Point
from engine.training import events as ev

LOG_LINES = 1000  # the tutorial's log lines that are kept
LAYER_STATS = 500  # samples of the layers; past twice as many, every other of the older ones goes
CURVES = ("lr", "samples_per_s", "gradient_norm", "load", "memory")  # beside the loss

LogEvent = ev.BatchLoss | ev.Evaluated | ev.Edited | ev.Resumed | ev.Branched  # what the log panel shows


@dataclass(frozen=True)
class Mark:
    """A place on the chart: a loss that was not finite, or an edit."""

    x: float  # epochs done
    label: str
    kind: str = "not finite"  # or "edit"


@dataclass(frozen=True)
class RunState:
    """A run, from its events. `status` is starting, training, paused, finished, stopped or failed.

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
    curve: tuple[Point, ...] = ()  # the training loss
    curves: dict[str, tuple[Point, ...]] = field(default_factory=dict)  # CURVES, those that there is something of
    tests: tuple[ev.Evaluated, ...] = ()  # the test set after each epoch
    epoch_losses: tuple[float, ...] = ()  # mean training loss of each finished epoch
    log: tuple[LogEvent, ...] = ()
    marks: tuple[Mark, ...] = ()
    warnings: tuple[ev.Warned, ...] = ()
    checkpoints: tuple[ev.CheckpointSaved, ...] = ()
    edits: tuple[ev.Edited, ...] = ()
    resumes: tuple[ev.Resumed, ...] = ()
    parent: ev.Branched | None = None  # where it branched off, if it is a branch
    layer_stats: tuple[ev.LayerStats, ...] = ()  # thinned
    seq: int = 0  # of the newest event

    @property
    def done(self) -> bool:
        return self.status in ("finished", "stopped", "failed")

    @property
    def x(self) -> float:
        """Epochs done, with the part of the one under way."""
        return place(self.epoch, self.step, self.steps)

    @property
    def begun_at(self) -> float:
        """Epochs that were done when it began: 0 but for a branch."""
        return 0.0 if self.parent is None else place(self.parent.epoch, self.parent.step, self.steps)

    @property
    def steps_done(self) -> int:
        """Steps since the start of the run, at the number of steps that an epoch has now."""
        return max(0, self.epoch - 1) * self.steps + self.step

    @property
    def total(self) -> int:
        """Steps in the whole run, at the number of steps that an epoch has now."""
        return self.epochs * self.steps

    @property
    def evaluating(self) -> bool:
        """The epoch's last step is done and the test set's result is not in yet."""
        tested = self.tests[-1].epoch if self.tests else 0
        inherited = self.parent is not None and self.parent.evaluated and self.parent.epoch == self.epoch
        return self.status == "training" and 0 < self.steps == self.step and tested < self.epoch and not inherited

    @property
    def best(self) -> ev.Evaluated | None:
        """The epoch with the highest test accuracy."""
        return max(self.tests, key=lambda result: result.accuracy, default=None)

    @property
    def eta_s(self) -> float | None:
        """Seconds to the end at the pace so far, None where there is no pace yet."""
        if self.x <= self.begun_at or self.training_s <= 0 or self.done:
            return None
        return (self.epochs - self.x) * self.pace_s

    @property
    def pace_s(self) -> float:
        """Seconds an epoch takes, so far."""
        return self.training_s / max(1e-9, self.x - self.begun_at)


class Fold:
    """Takes events one after another and gives the state so far: O(1) an event, O(points) a snapshot."""

    def __init__(self) -> None:
        self._now: dict[str, Any] = {f.name: getattr(RunState(), f.name) for f in fields(RunState)}
        self._curve = GrowingCurve()
        self._curves = {name: GrowingCurve() for name in CURVES}
        self._steps_before: tuple[int, int] | None = None  # an epoch, and the steps before it
        self._tests: list[ev.Evaluated] = []
        self._epoch_losses: list[float] = []
        self._log: deque[LogEvent] = deque(maxlen=LOG_LINES)
        self._marks: list[Mark] = []
        self._warnings: list[ev.Warned] = []
        self._checkpoints: list[ev.CheckpointSaved] = []
        self._edits: list[ev.Edited] = []
        self._resumes: list[ev.Resumed] = []
        self._layer_stats: list[ev.LayerStats] = []
        self._up: float | None = None  # of the newest event
        self._resumed_at = 0.0  # when the current stretch of training began; 0: not training

    def add(self, event: ev.Event) -> None:
        """Take the next event. One that was seen already (by `seq`) changes nothing."""
        if event.seq <= self._now["seq"]:
            return
        if self._resumed_at:
            self._change(training_s=self._now["training_s"] + self._since_the_last(event))
        self._up = event.up
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
            case ev.Resumed():
                self._rewind(event)
            case ev.Branched():
                self._change(parent=event, epoch=event.epoch, step=event.step)
                self._log.append(event)
            case ev.Edited():
                self._edits.append(event)
                self._log.append(event)
                self._marks.append(Mark(self._x(event.epoch, event.step), f"{event.setting} {event.after:g}", "edit"))
                self._change(config=self._now["config"] | {event.setting: event.after})
                if event.setting == "epochs":
                    self._change(epochs=int(event.after))
                if event.from_epoch == event.epoch:
                    self._change(lr=event.lr)
            case ev.Progress():
                self._count_steps(event.epoch, event.steps)
                self._change(
                    epoch=event.epoch, step=event.step, steps=event.steps, loss=event.loss, lr=event.lr,
                    samples_per_s=event.samples_per_s,
                )  # fmt: skip
                x = place(event.epoch, event.step, event.steps)
                self._extend(self._curve, event.loss, x)
                self._extend(self._curves["lr"], event.lr, x)
                self._extend(self._curves["samples_per_s"], event.samples_per_s, x)
            case ev.BatchLoss():
                self._log.append(event)
            case ev.Evaluated():
                self._log.append(event)
                self._tests.append(event)
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
                    self._marks.append(Mark(self._x(event.epoch, event.step), "not finite"))
            case ev.CheckpointSaved():
                self._checkpoints.append(event)
            case ev.LayerStats():
                self._layer_stats.append(event)
                if (norm := event.gradient_norm) is not None:
                    self._extend(self._curves["gradient_norm"], norm, self._x(event.epoch, event.step))
                if len(self._layer_stats) > 2 * LAYER_STATS:
                    self._layer_stats = self._layer_stats[:-100:2] + self._layer_stats[-100:]
            case ev.Readings():
                self._change(readings=event)
                if event.load is not None:
                    self._extend(self._curves["load"], event.load)
                if event.memory is not None:
                    self._extend(self._curves["memory"], event.memory)
            case ev.Stopped():
                self._end("stopped", event.reason)
                self._change(epoch=event.epoch, step=event.step)
            case ev.Finished():
                self._end("finished", "")
            case ev.Failed():
                self._end("failed", event.message)
                if event.epoch:
                    self._change(epoch=event.epoch, step=event.step)

    def snapshot(self) -> RunState:
        """The state after the events so far; it does not change when more are added."""
        grown: dict[str, Any] = {
            "curve": self._curve.points(),
            "curves": {name: points for name, curve in self._curves.items() if (points := curve.points())},
            "tests": tuple(self._tests),
            "epoch_losses": tuple(self._epoch_losses),
            "log": tuple(self._log),
            "marks": tuple(self._marks),
            "warnings": tuple(self._warnings),
            "checkpoints": tuple(self._checkpoints),
            "edits": tuple(self._edits),
            "resumes": tuple(self._resumes),
            "layer_stats": tuple(self._layer_stats),
        }
        return RunState(**(self._now | grown))

    def _since_the_last(self, event: ev.Event) -> float:
        """Seconds that the host ran between the last event and this one."""
        if event.up is None or self._up is None:  # of an earlier version: by the clock
            return max(0.0, event.t - float(self._now["last"]))
        return max(0.0, event.up - self._up)

    def _rewind(self, event: ev.Resumed) -> None:
        """Go back to where the run is resumed: later steps are done again."""
        here = self._x(event.epoch, event.step, event.steps)
        done = event.epoch if event.evaluated else event.epoch - 1  # whole epochs
        last = (event.epoch, event.step)
        for curve in (self._curve, *self._curves.values()):
            curve.rewind(here)
        self._tests = [result for result in self._tests if result.epoch <= done]
        begun = self._now["parent"].epoch - (not self._now["parent"].evaluated) if self._now["parent"] else 0
        del self._epoch_losses[max(0, done - begun) :]
        kept = (event for event in self._log if _counts(event, last, done))
        self._log = deque(kept, maxlen=LOG_LINES)
        self._log.append(event)
        self._marks = [mark for mark in self._marks if mark.x <= here + SAME_PLACE]
        self._edits = [edit for edit in self._edits if (edit.epoch, edit.step) <= last]
        self._checkpoints = [saved for saved in self._checkpoints if (saved.epoch, saved.step) <= last]
        self._layer_stats = [one for one in self._layer_stats if (one.epoch, one.step) <= last]
        self._resumes.append(event)
        self._change(
            status="training", reason="", config=event.config, device=event.device, device_name=event.device_name,
            threads=event.threads, loader=event.loader, epochs=event.epochs, steps=event.steps, epoch=event.epoch,
            step=event.step, training_s=event.training_s, lr=float(event.config["lr"]), readings=None,
        )  # fmt: skip
        self._resumed_at = event.t

    def _x(self, epoch: int, step: int, steps: int = 0) -> float:
        return place(epoch, step, steps or self._now["steps"])

    def _change(self, **values: Any) -> None:
        self._now.update(values)

    def _end(self, status: str, reason: str) -> None:
        self._change(status=status, reason=reason)
        self._resumed_at = 0.0

    def _extend(self, curve: GrowingCurve, value: float, x: float | None = None) -> None:
        """The next value of a curve, where the training is, or at `x` epochs."""
        now = self._now
        x = place(now["epoch"], now["step"], now["steps"]) if x is None else x
        before = self._steps_before[1] if self._steps_before else 0
        curve.add(
            x, value,
            step=before + now["step"], seconds=now["training_s"], seq=now["seq"],
        )  # fmt: skip

    def _count_steps(self, epoch: int, steps: int) -> None:
        """Count the steps before an epoch, each by the number of steps that its own epoch has."""
        if self._steps_before is None or self._steps_before[0] > epoch:  # begun, or gone back
            self._steps_before = (epoch, max(0, epoch - 1) * steps)
        elif self._steps_before[0] < epoch:
            before, passed = self._steps_before
            self._steps_before = (epoch, passed + (epoch - before) * (self._now["steps"] or steps))


def fold(events: Iterable[ev.Event]) -> RunState:
    """The state after `events`, in their order."""
    so_far = Fold()
    for event in events:
        so_far.add(event)
    return so_far.snapshot()


def place(epoch: int, step: int, steps: int) -> float:
    """Epochs done after `step` of the `steps` of an epoch; epochs count from 1."""
    return max(0, epoch - 1) + (step / steps if steps else 0.0)


def _counts(event: LogEvent, last: tuple[int, int], done: int) -> bool:
    """Whether the event is of the steps up to `last`, or a test of the `done` epochs."""
    if isinstance(event, ev.Evaluated):
        return event.epoch <= done
    return (event.epoch, event.step) <= last

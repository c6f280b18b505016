"""`RunState = fold(events)`: everything a screen shows of a run, from its events alone. Imports no torch."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from engine.runs import results
from engine.runs.curve import SAME_PLACE, GrowingCurve, Place, Point
from engine.training import events as ev

LOG_LINES = 1000  # the tutorial's log lines that are kept
MOST_KEPT = 10_000  # edits, checkpoints, marks and such; of more the older ones go
LAYER_STATS = 500  # samples of the layers; past twice as many, every other of the older ones goes
OF_THE_DEVICE = ("load", "memory", "watts", "temperature")
CURVES = ("lr", "samples_per_s", "gradient_norm", *OF_THE_DEVICE)  # beside the loss

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
    tests: tuple[ev.Evaluated, ...] = ()  # the test set, by epoch
    vals: tuple[ev.Evaluated, ...] = ()  # the validation images after each epoch, where there are any
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
    skipped: int = 0  # lines of the log that are no event: damaged, or not as this program writes them

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
        tested = self.results[-1].epoch if self.results else 0
        inherited = self.parent is not None and self.parent.evaluated and self.parent.epoch == self.epoch
        return self.status == "training" and 0 < self.steps == self.step and tested < self.epoch and not inherited

    @property
    def validates(self) -> bool:
        """Whether images are held out for validation."""
        return bool(self.dataset.get("val"))

    @property
    def results(self) -> tuple[ev.Evaluated, ...]:
        """What is decided by: the validation images after each epoch, without them the test set."""
        return self.vals if self.validates else self.tests

    @property
    def best(self) -> ev.Evaluated | None:
        """The epoch with the highest accuracy, on the validation images, without them on the test set."""
        return max(self.results, key=lambda result: result.accuracy, default=None)

    @property
    def tested(self) -> ev.Evaluated | None:
        """The test result that counts: with validation images that of the best epoch, or else of the newest one that
        was tested; without them that of the last epoch, which nothing has chosen."""
        best = self.best
        if self.validates and best is not None:
            chosen = next((test for test in self.tests if test.epoch == best.epoch), None)
            return chosen or (self.tests[-1] if self.tests else None)
        return self.tests[-1] if self.tests else None

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


@dataclass
class FoldData:
    """What a fold knows: `engine.runs.state_file` keeps it."""

    now: dict[str, Any] = field(
        default_factory=lambda: {one.name: getattr(RunState(), one.name) for one in fields(RunState)}
    )
    curve: GrowingCurve = field(default_factory=GrowingCurve)
    curves: dict[str, GrowingCurve] = field(default_factory=lambda: {name: GrowingCurve() for name in CURVES})
    steps_before: tuple[int, int] | None = None  # an epoch, and the steps before it
    tests: list[ev.Evaluated] = field(default_factory=list)
    vals: list[ev.Evaluated] = field(default_factory=list)
    cells: int = 0  # of their confusion matrices
    epoch_losses: list[float] = field(default_factory=list)
    log: deque[LogEvent] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    marks: list[Mark] = field(default_factory=list)
    warnings: list[ev.Warned] = field(default_factory=list)
    checkpoints: list[ev.CheckpointSaved] = field(default_factory=list)
    edits: list[ev.Edited] = field(default_factory=list)
    resumes: list[ev.Resumed] = field(default_factory=list)
    layer_stats: list[ev.LayerStats] = field(default_factory=list)
    up: float | None = None  # of the newest event
    resumed_at: float = 0.0  # when the current stretch of training began; 0: not training


class Fold:
    """Takes events one after another and gives the state so far: O(1) an event, O(points) a snapshot."""

    def __init__(self, data: FoldData | None = None) -> None:
        """`data`: what an earlier fold had come to; this one goes on from there."""
        self.data = data or FoldData()

    @property
    def seq(self) -> int:
        """Of the newest event."""
        return int(self.data.now["seq"])

    def add(self, event: ev.Event) -> None:
        """Take the next event. One that was seen already (by `seq`) changes nothing."""
        self.add_all((event,))

    def add_all(self, events: Iterable[ev.Event]) -> None:
        """The same for many. Nearly all of a long log are progress: the curves take those in one go."""
        now, progress = self.data.now, list[tuple[Place, ev.Progress]]()
        for event in events:
            if event.seq <= now["seq"]:
                continue
            if self.data.resumed_at:
                now["training_s"] += self._since_the_last(event)
            self.data.up = event.up
            now["seq"], now["last"] = event.seq, event.t
            if isinstance(event, ev.Progress):
                progress.append((self._place_of(event), event))
                continue
            self._extend_all(progress)
            progress.clear()
            self._other(event)
        self._extend_all(progress)

    def _place_of(self, event: ev.Progress) -> Place:
        """Where the training is now."""
        now, epoch, step, steps = self.data.now, event.epoch, event.step, event.steps
        if self.data.steps_before is None or self.data.steps_before[0] != epoch:
            self._count_steps(epoch, steps)
        now["epoch"], now["step"], now["steps"] = epoch, step, steps
        before = self.data.steps_before[1] if self.data.steps_before else 0
        return (place(epoch, step, steps), before + step, now["training_s"], event.seq)

    def _extend_all(self, progress: list[tuple[Place, ev.Progress]]) -> None:
        if not progress:
            return
        places, events = zip(*progress, strict=True)
        newest = events[-1]
        self._change(loss=newest.loss, lr=newest.lr, samples_per_s=newest.samples_per_s)
        self.data.curve.extend(places, [event.loss for event in events])
        self.data.curves["lr"].extend(places, [event.lr for event in events])
        self.data.curves["samples_per_s"].extend(places, [event.samples_per_s for event in events])

    def _other(self, event: ev.Event) -> None:
        match event:
            case ev.RunStarted():
                self._change(
                    status="training", config=event.config, dataset=event.dataset, device=event.device,
                    device_name=event.device_name, threads=event.threads, loader=event.loader,
                    parameters=event.parameters, epochs=event.epochs, steps=event.steps, started=event.t,
                    lr=_lr(event),
                )  # fmt: skip
                self.data.resumed_at = event.t
            case ev.Resumed():
                self._rewind(event)
            case ev.Branched():
                self._change(parent=event, epoch=event.epoch, step=event.step)
                self.data.log.append(event)
            case ev.Edited():
                _keep(self.data.edits, event)
                self.data.log.append(event)
                _keep(
                    self.data.marks, Mark(self._x(event.epoch, event.step), f"{event.setting} {event.after:g}", "edit")
                )
                self._change(config=self.data.now["config"] | {event.setting: event.after})
                if event.setting == "epochs":
                    self._change(epochs=int(event.after))
                if event.from_epoch == event.epoch:
                    self._change(lr=event.lr)
            case ev.BatchLoss():
                self.data.log.append(event)
            case ev.Evaluated():
                self.data.log.append(event)
                self.data.cells = results.take(self.data.vals, self.data.tests, event, self.data.cells)
            case ev.EpochFinished():
                self.data.epoch_losses.append(event.loss)
            case ev.Paused():
                self._change(status="paused", reason=event.reason, epoch=event.epoch, step=event.step)
                self.data.resumed_at = 0.0
            case ev.Unpaused():
                self._change(status="training", reason="")
                self.data.resumed_at = event.t
            case ev.Warned():
                _keep(self.data.warnings, event)
                if event.code == "non_finite_loss":
                    _keep(self.data.marks, Mark(self._x(event.epoch, event.step), "not finite"))
            case ev.CheckpointSaved():
                _keep(self.data.checkpoints, event)
            case ev.LayerStats():
                self.data.layer_stats.append(event)
                if (norm := event.gradient_norm) is not None:
                    self._extend(self.data.curves["gradient_norm"], norm, self._x(event.epoch, event.step))
                if len(self.data.layer_stats) > 2 * LAYER_STATS:
                    self.data.layer_stats = self.data.layer_stats[:-100:2] + self.data.layer_stats[-100:]
            case ev.Readings():
                self._change(readings=event)
                for name in OF_THE_DEVICE:
                    if (value := getattr(event, name)) is not None:
                        self._extend(self.data.curves[name], float(value))
            case ev.Stopped():
                self._end("stopped", event.reason)
                self._change(epoch=event.epoch, step=event.step)
            case ev.Finished():
                self._end("finished", event.early)
            case ev.Failed():
                self._end("failed", event.message)
                if event.epoch:
                    self._change(epoch=event.epoch, step=event.step)

    def skip(self, lines: int) -> None:
        """Count lines that are no event."""
        self.data.now["skipped"] += lines

    def snapshot(self) -> RunState:
        """The state after the events so far; it does not change when more are added."""
        grown: dict[str, Any] = {
            "curve": self.data.curve.points(),
            "curves": {name: points for name, curve in self.data.curves.items() if (points := curve.points())},
            "tests": tuple(self.data.tests),
            "vals": tuple(self.data.vals),
            "epoch_losses": tuple(self.data.epoch_losses),
            "log": tuple(self.data.log),
            "marks": tuple(self.data.marks),
            "warnings": tuple(self.data.warnings),
            "checkpoints": tuple(self.data.checkpoints),
            "edits": tuple(self.data.edits),
            "resumes": tuple(self.data.resumes),
            "layer_stats": tuple(self.data.layer_stats),
        }
        return RunState(**(self.data.now | grown))

    def _since_the_last(self, event: ev.Event) -> float:
        """Seconds that the host ran between the last event and this one."""
        if event.up is None or self.data.up is None:  # of an earlier version: by the clock
            return max(0.0, event.t - float(self.data.now["last"]))
        return max(0.0, event.up - self.data.up)

    def _rewind(self, event: ev.Resumed) -> None:
        """Go back to where the run is resumed: later steps are done again."""
        here = self._x(event.epoch, event.step, event.steps)
        done = event.epoch if event.evaluated else event.epoch - 1  # whole epochs
        last = (event.epoch, event.step)
        for curve in (self.data.curve, *self.data.curves.values()):
            curve.rewind(here)
        self.data.tests = [result for result in self.data.tests if result.epoch <= done]
        self.data.vals = [result for result in self.data.vals if result.epoch <= done]
        begun = (
            self.data.now["parent"].epoch - (not self.data.now["parent"].evaluated) if self.data.now["parent"] else 0
        )
        del self.data.epoch_losses[max(0, done - begun) :]
        kept = (event for event in self.data.log if _counts(event, last, done))
        self.data.log = deque(kept, maxlen=LOG_LINES)
        self.data.log.append(event)
        self.data.marks = [mark for mark in self.data.marks if mark.x <= here + SAME_PLACE]
        self.data.edits = [edit for edit in self.data.edits if (edit.epoch, edit.step) <= last]
        self.data.checkpoints = [saved for saved in self.data.checkpoints if (saved.epoch, saved.step) <= last]
        self.data.layer_stats = [one for one in self.data.layer_stats if (one.epoch, one.step) <= last]
        _keep(self.data.resumes, event)
        self._change(
            status="training", reason="", config=event.config, device=event.device, device_name=event.device_name,
            threads=event.threads, loader=event.loader, epochs=event.epochs, steps=event.steps, epoch=event.epoch,
            step=event.step, training_s=event.training_s, lr=_lr(event), readings=None,
        )  # fmt: skip
        self.data.resumed_at = event.t

    def _x(self, epoch: int, step: int, steps: int = 0) -> float:
        return place(epoch, step, steps or self.data.now["steps"])

    def _change(self, **values: Any) -> None:
        self.data.now.update(values)

    def _end(self, status: str, reason: str) -> None:
        self._change(status=status, reason=reason)
        self.data.resumed_at = 0.0

    def _extend(self, curve: GrowingCurve, value: float, x: float | None = None) -> None:
        """The next value of a curve, where the training is, or at `x` epochs."""
        now = self.data.now
        x = place(now["epoch"], now["step"], now["steps"]) if x is None else x
        before = self.data.steps_before[1] if self.data.steps_before else 0
        curve.add(
            x, value,
            step=before + now["step"], seconds=now["training_s"], seq=now["seq"],
        )  # fmt: skip

    def _count_steps(self, epoch: int, steps: int) -> None:
        """Count the steps before an epoch, each by the number of steps that its own epoch has."""
        if self.data.steps_before is None or self.data.steps_before[0] > epoch:  # begun, or gone back
            self.data.steps_before = (epoch, max(0, epoch - 1) * steps)
        elif self.data.steps_before[0] < epoch:
            before, passed = self.data.steps_before
            self.data.steps_before = (epoch, passed + (epoch - before) * (self.data.now["steps"] or steps))


def _keep(kept: list[Any], one: Any) -> None:
    kept.append(one)
    if len(kept) > MOST_KEPT:
        del kept[: MOST_KEPT // 4]


def _lr(event: ev.RunStarted | ev.Resumed) -> float:
    found = event.config.get("lr")
    return float(found) if isinstance(found, int | float) else math.nan


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

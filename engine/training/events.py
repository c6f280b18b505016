"""The events of a run: one frozen dataclass for each kind, and the JSON lines they are written as (docs/events.md).

Imports no torch. JSON has no NaN or infinity: a loss that is not finite is written as null, and read back as NaN.
"""

import json
import math
import re
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened. `seq` counts from 1 in a run's log without gaps; `t` is Unix time in seconds, by a clock
    that may be set; `up` is how many seconds its host has run by then, see `running_time` (None: an earlier version did
    not record it)."""

    kind: ClassVar[str] = ""
    seq: int = 0
    t: float = 0.0
    up: float | None = None

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "Event":
        """The event whose fields, or some of them, have these values, as JSON has them."""
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """The host is ready to train."""

    kind = "run_started"
    config: dict[str, Any]  # TrainConfig.to_dict(), with `dataset` resolved
    device: str  # "cpu", "cuda:0"
    device_name: str  # for people: "AMD EPYC, 1 thread", "NVIDIA H200"
    threads: int
    dataset: dict[str, Any]  # name, title, demo, train, test (counts), classes (names), checksum[, left_out, notes]
    loader: str  # "resident" or "DataLoader"
    parameters: int
    epochs: int
    steps: int  # per epoch
    trainable: int = -1  # of the parameters; -1: an earlier version did not record it


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """A new host resumes the run. What the log says about steps after this one is void: they are done again."""

    kind = "resumed"
    checkpoint: str  # inside the run's folder; empty: there was none, the run starts at its first step
    epoch: int  # the last step whose result counts
    step: int
    evaluated: bool  # whether that epoch's result on the test set counts
    training_s: float  # seconds of training up to here
    config: dict[str, Any]  # at this step, edits included
    device: str
    device_name: str
    threads: int
    loader: str
    epochs: int
    steps: int
    differences: list[str]  # what has changed, so that the numbers may differ in their last bits; empty: nothing
    bad: list[str]  # newer checkpoints that could not be used, and why


@dataclass(frozen=True, kw_only=True)
class Branched(Event):
    """The run starts from a checkpoint of another run, or from a weights file, not from new weights. Follows
    `run_started`."""

    kind = "branched"
    parent: str  # run id; empty: it starts from a file
    checkpoint: str  # inside the parent's folder; without a parent: the file's path
    epoch: int
    step: int
    evaluated: bool  # whether the test result of that epoch is the parent's
    changes: dict[str, Any]  # the settings that differ from the parent's, with this run's values
    notes: list[str]  # what could not be loaded, such as the state of another optimizer


@dataclass(frozen=True, kw_only=True)
class Edited(Event):
    """A setting was changed between two steps."""

    kind = "edited"
    epoch: int
    step: int  # the last step before it
    setting: str  # "lr", "momentum", "weight_decay", "epochs", "batch_size"
    before: float
    after: float
    lr: float  # the learning rate of the next step: `after`, times the schedule's factor
    from_epoch: int  # the epoch from which it applies: the current one, or for the batch size the next
    replayed: bool = False  # repeated after a resume, not a new request


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """The steps since the last progress event: at most about 10 events a second, whatever the step rate."""

    kind = "progress"
    epoch: int  # from 1
    step: int  # steps done in this epoch, from 1
    steps: int  # steps in an epoch
    loss: float  # mean of the steps' losses since the last progress event
    lr: float
    samples_per_s: float


@dataclass(frozen=True, kw_only=True)
class BatchLoss(Event):
    """The loss of one batch, every 100 batches: the tutorial's log line `loss: 2.297350 [    0/60000]`."""

    kind = "batch_loss"
    epoch: int
    step: int
    loss: float
    seen: int  # samples before this batch
    of: int  # samples in an epoch


@dataclass(frozen=True, kw_only=True)
class Evaluated(Event):
    """The test set, after an epoch."""

    kind = "evaluated"
    epoch: int
    loss: float  # mean of the batch means, as in the tutorial
    loss_per_sample: float | None = None  # mean over the samples; None: an older log
    accuracy: float  # fraction of 1
    per_class: list[float | None]  # fraction of each class's samples predicted correctly; None: a class without samples
    confusion: list[list[int]]  # row: true class, column: predicted class
    seconds: float

    @property
    def x(self) -> float:
        """Its place on a chart: epochs done."""
        return float(self.epoch)


@dataclass(frozen=True, kw_only=True)
class EpochFinished(Event):
    kind = "epoch_finished"
    epoch: int
    loss: float  # mean of the epoch's step losses
    seconds: float  # training alone, pauses left out
    samples_per_s: float


@dataclass(frozen=True, kw_only=True)
class Paused(Event):
    kind = "paused"
    epoch: int
    step: int
    reason: str  # "asked", "step", "non_finite_loss", "cannot_write"


@dataclass(frozen=True, kw_only=True)
class Unpaused(Event):
    kind = "unpaused"
    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    kind = "checkpoint_saved"
    file: str  # inside the run's folder
    epoch: int
    step: int
    bytes: int
    sha256: str
    reason: str = "epoch"  # why: "epoch" (its end), "time", "asked", "stop"


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """Something the user should know; `code` is for programs, `message` for people."""

    kind = "warning"
    code: str  # "non_finite_loss", "cannot_write", "slow_checkpoint", and those of engine.training.layer_stats
    message: str
    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Readings(Event):
    """The device and the host process, every few seconds while training."""

    kind = "readings"
    load: float | None  # 0..1 of all the machine's cores, or of the GPU; None: not known
    memory: int | None  # bytes this run uses on the device (on the CPU: the host's resident memory)
    memory_total: int | None  # bytes the device has


@dataclass(frozen=True)
class ParameterStats:
    """A parameter at one step; None for what is not finite. Norms are L2."""

    gradient_norm: float | None
    weight_norm: float | None  # before the step
    update_ratio: float | None  # |Δw| / |w|


@dataclass(frozen=True)
class ActivationStats:
    """A module's output for one batch; None for what is not finite."""

    mean: float | None
    std: float | None
    zeros: float | None  # fraction of 1
    dead: float | None  # the fraction of units that are 0 for the whole batch; also None where it is not a ReLU


@dataclass(frozen=True, kw_only=True)
class LayerStats(Event):
    """The layers at one step."""

    kind = "layer_stats"
    epoch: int
    step: int
    parameters: dict[str, ParameterStats]
    activations: dict[str, ActivationStats]  # by the module's name
    loss_before: float | None = None  # of the step's batch, for a single step that was asked for
    loss_after: float | None = None

    @property
    def gradient_norm(self) -> float | None:
        """L2 over all parameters; None where there are none, or one of them is not finite."""
        norms = [one.gradient_norm for one in self.parameters.values()]
        found = [norm for norm in norms if norm is not None]
        return math.hypot(*found) if found and len(found) == len(norms) else None

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "LayerStats":
        for name, stats in (("parameters", ParameterStats), ("activations", ActivationStats)):
            values[name] = {key: _stats(stats, value) for key, value in values[name].items()}
        return cls(**values)


def _stats(cls: type[Any], value: Any) -> Any:
    """One entry of `layer_stats`: an object, or a list of the same numbers in the fields' order, as `vitals` had."""
    if isinstance(value, list):
        return cls(*value)
    return cls(**{field.name: value[field.name] for field in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """Ended before its last epoch, on request."""

    kind = "stopped"
    epoch: int
    step: int
    reason: str  # "asked", "SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE", "non_finite_loss", "folder_gone"


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """All epochs done."""

    kind = "finished"
    epochs: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The run can't go on. `log` names the file that holds the traceback."""

    kind = "failed"
    message: str
    log: str
    epoch: int = 0
    step: int = 0


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RunStarted, Resumed, Branched, Progress, BatchLoss, Evaluated, EpochFinished, Paused, Unpaused, Edited,
        CheckpointSaved, Warned, Readings, LayerStats, Stopped, Finished, Failed,
    )
}  # fmt: skip


OLD_KINDS = {"vitals": "layer_stats"}  # as earlier versions called them


def encode(event: Event) -> str:
    """The event as one line of JSON, without the line's end."""
    body = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
    if event.up is None:
        del body["up"]
    return json.dumps({"v": VERSION, "seq": body.pop("seq"), "t": body.pop("t"), "kind": event.kind, **body})


_NUMBER = rb"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_PROGRESS = re.compile(  # as `encode` writes it: nearly all lines of a long log are this one
    rb'\{"v": 1, "seq": (\d+), "t": ' + _NUMBER + rb', "kind": "progress"(?:, "up": ' + _NUMBER + rb')?, '
    rb'"epoch": (\d+), "step": (\d+), "steps": (\d+), "loss": ' + _NUMBER + rb', "lr": ' + _NUMBER
    + rb', "samples_per_s": ' + _NUMBER
    + rb"\}\s*"
)  # fmt: skip


def decode(line: str | bytes) -> Event | None:
    """The event of one line; None for a kind or a shape this version does not know (older readers read newer runs)."""
    if isinstance(line, bytes) and (found := _PROGRESS.fullmatch(line)):
        seq, t, up, epoch, step, steps, loss, lr, speed = found.groups()
        return Progress(
            seq=int(seq), t=float(t), up=None if up is None else float(up), epoch=int(epoch), step=int(step),
            steps=int(steps), loss=float(loss), lr=float(lr), samples_per_s=float(speed),
        )  # fmt: skip
    try:
        body = json.loads(line)
        kind = body["kind"]
        cls = KINDS[OLD_KINDS.get(kind, kind)]
        values = {
            field.name: body[field.name] if field.default is MISSING else body.get(field.name, field.default)
            for field in fields(cls)
        }
        if "loss" in values and values["loss"] is None:
            values["loss"] = math.nan
        return cls.from_values(values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def decode_kind(line: bytes) -> bytes:
    """The `kind` of one line, known or not; empty where it is not an event."""
    try:
        return str(json.loads(line)["kind"]).encode()
    except (ValueError, KeyError, TypeError):
        return b""


def decode_seq(line: bytes) -> int:
    """The `seq` of one line, of whatever kind; 0 where it is not an event."""
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, KeyError, TypeError):
        return 0


def _plain(value: Any) -> Any:
    if isinstance(value, ParameterStats | ActivationStats):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

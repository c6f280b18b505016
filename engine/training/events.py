"""The events of a run: one frozen dataclass for each kind. Imports no torch.

The annotations are what an event of a log is held to when it is read (`engine.training.event_json`): a log may be
anybody's, and what follows relies on them.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, NotRequired, TypedDict

from msgspec import Meta

from engine.gpu import LEAST_CELSIUS, MOST_CELSIUS, MOST_WATTS

Count = Annotated[int, Meta(ge=0, le=10**15)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Watts = Annotated[float, Meta(ge=0, le=MOST_WATTS)]
Celsius = Annotated[float, Meta(ge=LEAST_CELSIUS, le=MOST_CELSIUS)]
SettingValue = str | int | float | bool | None


class DatasetFacts(TypedDict, total=False):
    """The data set that a run trains on."""

    name: str
    title: str
    demo: bool
    train: Count  # images
    test: Count
    classes: list[str]
    checksum: str
    left_out: NotRequired[Count]  # images that can't be read
    notes: NotRequired[list[str]]
    val: NotRequired[Count]  # images of the training set that are held out for validation; `train` is without them
    val_sha256: NotRequired[str]  # of their indices (engine.data.holdout)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened. `seq` counts from 1 in a run's log without gaps; `t` is Unix time in seconds, by a clock
    that may be set; `up` is how many seconds its host has run by then, see `running_time` (None: an earlier version did
    not record it)."""

    kind: ClassVar[str] = ""
    seq: Count = 0
    t: Seconds = 0.0
    up: Annotated[float, Meta(ge=-1e11, le=1e11)] | None = None


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """The host is ready to train."""

    kind = "run_started"
    config: dict[str, SettingValue]  # TrainConfig.to_dict(), with `dataset` resolved
    device: str  # "cpu", "cuda:0"
    device_name: str  # for people: "AMD EPYC, 1 thread", "NVIDIA H200"
    threads: Count
    dataset: DatasetFacts
    loader: str  # "resident" or "DataLoader"
    parameters: Count
    epochs: Count
    steps: Count  # per epoch
    trainable: int = -1  # of the parameters; -1: an earlier version did not record it
    measured: list[str] = field(default_factory=list)  # what settings were chosen by before the run, for people
    compile_s: Seconds = 0.0  # that torch.compile took before the first step; 0: it was not asked for


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """A new host resumes the run. What the log says about steps after this one is void: they are done again."""

    kind = "resumed"
    checkpoint: str  # inside the run's folder; empty: there was none, the run starts at its first step
    epoch: Count  # the last step whose result counts
    step: Count
    evaluated: bool  # whether that epoch is over, and its results count
    training_s: Seconds  # seconds of training up to here
    config: dict[str, SettingValue]  # at this step, edits included
    device: str
    device_name: str
    threads: Count
    loader: str
    epochs: Count
    steps: Count
    differences: list[str]  # what has changed, so that the numbers may differ in their last bits; empty: nothing
    bad: list[str]  # newer checkpoints that could not be used, and why
    measured: list[str] = field(default_factory=list)
    compile_s: Seconds = 0.0


@dataclass(frozen=True, kw_only=True)
class Branched(Event):
    """The run starts from a checkpoint of another run, or from a weights file, not from new weights. Follows
    `run_started`."""

    kind = "branched"
    parent: str  # run id; empty: it starts from a file
    checkpoint: str  # inside the parent's folder; without a parent: the file's path
    epoch: Count
    step: Count
    evaluated: bool  # whether that epoch is over, and its results are the parent's
    changes: dict[str, SettingValue]  # the settings that differ from the parent's, with this run's values
    notes: list[str]  # what could not be loaded, such as the state of another optimizer


@dataclass(frozen=True, kw_only=True)
class Edited(Event):
    """A setting was changed between two steps."""

    kind = "edited"
    epoch: Count
    step: Count  # the last step before it
    setting: str  # "lr", "momentum", "weight_decay", "epochs", "batch_size"
    before: float
    after: float
    lr: float  # the learning rate of the next step: `after`, times the schedule's factor
    from_epoch: Count  # the epoch from which it applies: the current one, or for the batch size the next
    replayed: bool = False  # repeated after a resume, not a new request


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """The steps since the last progress event: at most about 10 events a second, whatever the step rate."""

    kind = "progress"
    epoch: Count  # from 1
    step: Count  # steps done in this epoch, from 1
    steps: Count  # steps in an epoch
    loss: float  # mean of the steps' losses since the last progress event
    lr: float
    samples_per_s: float


@dataclass(frozen=True, kw_only=True)
class BatchLoss(Event):
    """The loss of one batch, every 100 batches: the tutorial's log line `loss: 2.297350 [    0/60000]`."""

    kind = "batch_loss"
    epoch: Count
    step: Count
    loss: float
    seen: Count  # samples before this batch
    of: Count  # samples in an epoch


@dataclass(frozen=True, kw_only=True)
class Evaluated(Event):
    """A set, after an epoch: the validation images or the test set. With validation images the test set comes at the
    end alone (unless the config asks for it after each epoch): with the weights of the best epoch and with the last."""

    kind = "evaluated"
    epoch: Count
    loss: float  # mean of the batch means, as in the tutorial
    loss_per_sample: float | None = None  # mean over the samples; None: an older log
    accuracy: Fraction  # fraction of 1
    per_class: list[Fraction | None]  # of each class, predicted correctly; None: a class without samples
    confusion: list[list[Count]]  # row: true class, column: predicted class
    seconds: Seconds
    split: Annotated[str, Meta(pattern="^(test|val)$")] = "test"
    weights: str = ""  # which average of the weights was evaluated, "EMA 0.999"; "": the weights themselves
    tta: str = ""  # the test-time augmentation that was used, "flip"; "": none

    @property
    def x(self) -> float:
        """Its place on a chart: epochs done."""
        return float(self.epoch)


@dataclass(frozen=True, kw_only=True)
class EpochFinished(Event):
    kind = "epoch_finished"
    epoch: Count
    loss: float  # mean of the epoch's step losses
    seconds: Seconds  # training alone, pauses left out
    samples_per_s: float


@dataclass(frozen=True, kw_only=True)
class Paused(Event):
    kind = "paused"
    epoch: Count
    step: Count
    reason: str  # "asked", "step", "non_finite_loss", "cannot_write"


@dataclass(frozen=True, kw_only=True)
class Unpaused(Event):
    kind = "unpaused"
    epoch: Count
    step: Count


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    kind = "checkpoint_saved"
    file: str  # inside the run's folder
    epoch: Count
    step: Count
    bytes: Count
    sha256: str
    reason: str = "epoch"  # why: "epoch" (its end), "time", "asked", "stop"
    finite: bool = True  # whether the weights, the optimizer's state and the newest losses are
    weights: str = ""  # the checkpoint whose weights model_weights.pth has instead of these, which are not finite


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """Something the user should know; `code` is for programs, `message` for people."""

    kind = "warning"
    # "non_finite_loss", "cannot_write", "slow_checkpoint", "older_weights", "no_readings", and those of
    # engine.training.layer_stats
    code: str
    message: str
    epoch: Count
    step: Count


@dataclass(frozen=True, kw_only=True)
class Readings(Event):
    """The device and the host process, every few seconds while training. What has a default is a GPU's alone, and
    missing where it is not known."""

    kind = "readings"
    load: float | None  # 0..1 of all the machine's cores, or of the GPU; None: not known
    memory: Count | None  # bytes this run uses on the device (on the CPU: the host's resident memory)
    memory_total: Count | None  # bytes the device has
    memory_used: Count | None = None  # bytes of the GPU, all processes' and the driver's
    memory_process: Count | None = None  # bytes of the GPU that the driver counts as this run's: CUDA's own are in it
    watts: Watts | None = None
    watts_limit: Watts | None = None
    temperature: Celsius | None = None
    others: Count | None = None  # processes on the GPU beside the run's
    others_memory: Count | None = None  # bytes that they use


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
    epoch: Count
    step: Count
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


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """Ended before its last epoch, on request."""

    kind = "stopped"
    epoch: Count
    step: Count
    reason: str  # "asked", "SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE", "non_finite_loss", "folder_gone"


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """All epochs done, or as many as were needed."""

    kind = "finished"
    epochs: Count
    seconds: Seconds
    early: str = ""  # why it has stopped before its last epoch; empty: it has not


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The run can't go on. `log` names the file that holds the traceback."""

    kind = "failed"
    message: str
    log: str
    epoch: Count = 0
    step: Count = 0


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RunStarted, Resumed, Branched, Progress, BatchLoss, Evaluated, EpochFinished, Paused, Unpaused, Edited,
        CheckpointSaved, Warned, Readings, LayerStats, Stopped, Finished, Failed,
    )
}  # fmt: skip

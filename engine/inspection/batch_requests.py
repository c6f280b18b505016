"""What the worker process is asked about batches and pipelines of transforms. No torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Bytes


@dataclass(frozen=True)
class BatchRequest(Request["BatchAnswer"]):
    """A batch as the training loop gets it. The settings are those of `TrainConfig`."""

    handler = "engine.inspection.batches:compute"
    dataset: str
    data_dir: Path | None
    split: str
    transform: str
    batch_size: int
    shuffle: bool
    seed: int
    device: str
    epoch: int = 0
    number: int = 0  # of the batch in the epoch; the last one where there are fewer
    num_workers: int | None = None  # of a DataLoader; None: as training makes its batches
    augment: str = ""  # of the batches of the training split
    val: str = ""  # held out of the training split


@dataclass(frozen=True, eq=False)
class BatchAnswer:
    """The batch (X, y): B images."""

    shape: tuple[int, ...]  # of X
    dtype: str
    device: str
    low: float  # the smallest value of X
    high: float
    label_shape: tuple[int, ...]  # of y
    label_dtype: str
    number: int
    batches: int  # in an epoch
    loader: str  # "resident" or "DataLoader"
    seconds: float  # to make this batch
    stretched: bool  # whether `images` were scaled to 0–255 because X has values outside 0 to 1
    images: "Bytes"  # [B, H, W] or [B, H, W, 3] uint8
    labels: "npt.NDArray[np.int64]"  # [B]
    indices: "npt.NDArray[np.int64]"  # [B], in the split


@dataclass(frozen=True)
class LoaderTimingsRequest(Request["LoaderTimings"]):
    """How long a batch takes from each loader."""

    handler = "engine.inspection.batches:timings"
    batch: BatchRequest  # `num_workers` and `number` don't matter


@dataclass(frozen=True)
class LoaderTiming:
    """Of one loader. Its first batch, which starts the worker processes, is left out."""

    name: str
    seconds: float  # per batch, the mean
    batches: int  # that were timed


@dataclass(frozen=True)
class LoaderTimings:
    """The resident batches first, where the pipeline allows them, then DataLoader with 0, 1, … workers."""

    loaders: tuple[LoaderTiming, ...]


@dataclass(frozen=True)
class PipelineRequest(Request["PipelineTrace"]):
    """One image through a pipeline of transforms, as training would put it through."""

    handler = "engine.inspection.transform_steps:compute"
    dataset: str
    data_dir: Path | None
    split: str
    index: int
    transform: str
    seed: int
    draws: int  # with the seeds `seed`, `seed` + 1, …
    augment: str = ""


@dataclass(frozen=True)
class StepResult:
    """The image as it is, or after a step."""

    name: str
    type: str
    dtype: str
    shape: tuple[int, ...]
    low: float
    high: float
    mean: float
    random: bool


@dataclass(frozen=True, eq=False)
class PipelineTrace:
    """What the pipeline makes of the image."""

    steps: tuple[StepResult, ...]  # of the first draw: the image as it is, and after each step
    loader: str  # how training makes its batches of this pipeline, in words
    label: int
    one_hot: tuple[float, ...]  # the tutorial's target transform of the label
    draws: "tuple[Bytes, ...]"  # the output of each draw: [H, W] or [H, W, 3] uint8
    stretched: bool  # whether they were scaled to 0–255 because there are values outside 0 to 1

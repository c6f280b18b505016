"""What the worker process is asked about whole splits: a model's predictions, and suspicious images. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.sources import NetworkRef
from engine.worker.request import Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class PredictionsRequest(Request["PredictionValues"]):
    """What a network predicts for each sample of a split. Its source is a `WeightsFile`; a run's checkpoint is given
    by its file, so that what `last` means can't change meanwhile."""

    handler = "engine.evaluation.predictions:compute"
    network: NetworkRef
    split: str  # "train" or "test"


@dataclass(frozen=True, eq=False)
class PredictionValues:
    """Of each of the N samples, in the split's order."""

    checksum: str  # of the data set
    predicted: "npt.NDArray[np.uint8]"  # [N], the class with the highest probability
    probability: "npt.NDArray[np.float32]"  # [N], the softmax probability of that class
    label_probability: "npt.NDArray[np.float32]"  # [N], that of the sample's label
    highest_other: "npt.NDArray[np.float32]"  # [N], the highest one among the classes that are not the label


@dataclass(frozen=True)
class LabelErrorSettings:
    """Of the models that find label errors; they train with Adam at a learning rate of 1e-3."""

    model: str = "mlp"
    folds: int = 5
    epochs: int = 5  # of the training on each fold's complement
    transform: str = ""
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class SuspectsRequest(Request["SuspectsAnswer"]):
    """The suspicious images of one kind, of `quality.KINDS`."""

    handler = "engine.evaluation.quality:compute"
    kind: str
    dataset: str
    data_dir: Path | None = None
    settings: LabelErrorSettings = field(default_factory=LabelErrorSettings)


@dataclass(frozen=True, eq=False)
class Suspects:
    """The suspicious images of one split, the most suspicious first; near-duplicates by groups. [n] each."""

    kind: str
    split: str
    indices: "npt.NDArray[np.int64]"
    scores: "npt.NDArray[np.float32]"
    others: "npt.NDArray[np.int64]"  # the suggested label, or the near-duplicate's index; -1 where there is neither
    elsewhere: "npt.NDArray[np.bool_]"  # whether the near-duplicate is in the other split

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class SuspectsAnswer:
    """Of each split, by its name."""

    by_split: Mapping[str, Suspects]

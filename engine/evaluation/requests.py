"""What the worker process is asked about whole splits: a model's predictions and results, and suspicious images. No
torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.evaluation import metrics
from engine.sources import NetworkRef, WeightsFile
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
    top_classes: "npt.NDArray[np.uint8]"  # [N, at most 5], the most probable classes, the most probable first
    top_probabilities: "npt.NDArray[np.float32]"  # [N, at most 5], their probabilities


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


@dataclass(frozen=True)
class EvaluationSettings:
    """What weights are evaluated on, and how. As in TrainConfig; a `transform`, `loss` or `tta` that is None: what the
    file says."""

    dataset: str = "auto"
    transform: str | None = None
    loss: str | None = None
    device: str = "cpu"
    tta: str | None = None


@dataclass(frozen=True)
class EvaluationRequest(Request["Evaluation"]):
    """The weights of a file on the test set."""

    handler = "engine.evaluation.file_evaluation:compute"
    source: WeightsFile
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    data_dir: Path | None = None
    trusted: bool = False  # the person trusts the file, a module that was pickled whole: its code may run


@dataclass(frozen=True)
class Evaluation:
    """The result on the test set."""

    file: str
    sha256: str
    model: str
    data: str  # its title
    samples: int
    accuracy: float  # fraction of 1
    loss: float  # mean of the batches' mean losses, as in a run's log
    loss_per_sample: float  # mean over the samples
    batch_size: int  # of these batches: the run's own, else the default
    per_class: tuple[float | None, ...]  # accuracy; None: there are no such samples
    confusion: tuple[tuple[int, ...], ...]  # row: true class, column: predicted class
    classes: tuple[str, ...]
    among_two: int  # images whose label is one of the two most probable classes
    bins: tuple[metrics.BinCounts, ...]  # by the highest softmax probability
    cached: bool = False
    tta: str = "none"  # the test-time augmentation that was used

    @property
    def right(self) -> int:
        """Images that are classified correctly."""
        return sum(row[label] for label, row in enumerate(self.confusion))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy (Wilson), fractions of 1."""
        return metrics.wilson(self.right, self.samples)

    @property
    def top_2(self) -> float:
        """The fraction of images whose label is one of the two most probable classes."""
        return self.among_two / self.samples

    @property
    def by_class(self) -> tuple[metrics.ClassFigures, ...]:
        """Precision, recall and F1 of each class."""
        return metrics.by_class(self.confusion)

    @property
    def macro(self) -> metrics.ClassFigures:
        """Their means over the classes."""
        return metrics.macro(self.confusion)

    @property
    def reliability(self) -> tuple[metrics.Bin, ...]:
        """Accuracy against confidence, by parts of the confidence."""
        return metrics.bins(self.bins)

    @property
    def calibration_error(self) -> float | None:
        """The expected calibration error, from 0 to 1."""
        return metrics.calibration_error(self.bins)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Evaluation":
        """From what `dataclasses.asdict` gives, after JSON too. Raises TypeError for other fields."""
        rows = tuple(tuple(row) for row in values["confusion"])
        lists = {"per_class": tuple(values["per_class"]), "classes": tuple(values["classes"]), "confusion": rows}
        bins = tuple(metrics.BinCounts(**one) for one in values["bins"])
        return cls(**{**values, **lists, "bins": bins})

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it (docs/events.md): the fields, and what is computed from them."""
        return {
            **{name: value for name, value in asdict(self).items() if name not in ("among_two", "bins")},
            "interval": self.interval, "top_2": self.top_2, "by_class": [asdict(one) for one in self.by_class],
            "macro": asdict(self.macro), "calibration_error": self.calibration_error,
            "reliability": [asdict(one) for one in self.reliability],
        }  # fmt: skip


@dataclass(frozen=True)
class CompareEvaluationsRequest(Request["EvaluationComparison"]):
    """The weights of two files on the same test images."""

    handler = "engine.evaluation.file_evaluation:compute_comparison"
    first: WeightsFile
    second: WeightsFile
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    data_dir: Path | None = None


@dataclass(frozen=True)
class EvaluationComparison:
    """Which test images only one of two files classifies correctly."""

    first: str
    second: str
    model: str
    data: str
    classes: tuple[str, ...]
    accuracy: tuple[float, float]  # fractions of 1
    fixed: tuple[int, ...]  # indices of images that only the second file classifies correctly
    broken: tuple[int, ...]  # that only the first does
    labels: tuple[int, ...]  # of fixed, then of broken
    predicted_as: tuple[int, ...]  # the wrong prediction for each, in the same order
    checksum: str  # of the data

    @property
    def p_value(self) -> float:
        """McNemar's test: the probability that two equally good models differ at least so much."""
        return metrics.mcnemar(len(self.fixed), len(self.broken))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it (docs/events.md)."""
        return {**asdict(self), "p_value": self.p_value}


@dataclass(frozen=True)
class TrustRequest(Request["Trust"]):
    """Whether the person trusted a file before."""

    handler = "engine.evaluation.file_evaluation:compute_trust"
    file: Path


@dataclass(frozen=True)
class Trust:
    """By the file's SHA-256."""

    trusted: bool

"""What an epoch came to: the results that hooks, stopping and the best epoch go by."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.training.loop import Score


@dataclass(frozen=True)
class EpochResult:
    """The results of one epoch."""

    epoch: int
    train_loss: float  # mean of the steps' losses
    scores: Mapping[str, Score]  # by the sets' names, "val" and "test": those that were evaluated

    @property
    def score(self) -> Score:
        """The one that decides what is best: of the validation images, without them of the test set."""
        return self.scores["val"] if "val" in self.scores else self.scores["test"]

    @property
    def values(self) -> dict[str, float]:
        """By the names in `stop_condition.RESULTS`, those that there are; an accuracy is a fraction of 1."""
        found = {"train_loss": self.train_loss}
        for name, score in self.scores.items():
            found |= {f"{name}_accuracy": score.accuracy, f"{name}_loss": score.loss_per_sample}
        return found

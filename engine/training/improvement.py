"""The best result so far, as the setting `monitor` has it, and whether an epoch's is better."""

from collections.abc import Mapping
from typing import Any

from engine.training.config import TrainConfig
from engine.training.results import EpochResult


class Improvement:
    """Takes the results of the epochs one after another."""

    def __init__(self, best: float | None = None) -> None:
        self._best = best  # None: none was a number

    def take(self, result: EpochResult, config: TrainConfig) -> bool:
        """Whether it is better than the best one before it by more than `min_delta`; it is then the best. One that is
        NaN is never better."""
        score = result.score
        sign, value = (1, score.accuracy) if config.monitor == "accuracy" else (-1, score.loss_per_sample)
        better = value == value and (self._best is None or sign * (value - self._best) > config.min_delta)
        if better:
            self._best = value
        return better

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {"best": self._best}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Improvement":
        """The inverse of `state`."""
        return cls(state["best"])

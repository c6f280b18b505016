"""The schedule `plateau`: a hook that lowers the learning rate when the result no longer improves."""

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.training.hooks import Hook, HookContext
from engine.training.improvement import Improvement
from engine.training.results import EpochResult


class Plateau(Hook):
    """Multiplies the learning rate by `gamma` after `lr_patience` epochs in a row in which the monitored result has not
    improved by more than `min_delta`, and then counts anew: torch.optim.lr_scheduler.ReduceLROnPlateau with
    patience = lr_patience - 1, threshold = min_delta and threshold_mode "abs".

    What it has come to is a factor on the learning rate, which the checkpoint holds: an edit of the learning rate, and
    a resume, keep it.
    """

    name: ClassVar[str] = "plateau"

    def __init__(self, context: HookContext) -> None:
        self._context = context
        self._improvement = Improvement()
        self._since: int | None = None  # the epoch after which those without improvement count; None: there is none yet
        self._factor = 1.0

    def on_epoch(self, result: EpochResult) -> None:
        """Compare the epoch's result with the best one."""
        config = self._context.config()
        better = self._improvement.take(result, config)
        if better or self._since is None:
            self._since = result.epoch if better else result.epoch - 1
        if result.epoch - self._since >= config.lr_patience:
            self._since = result.epoch
            self._factor *= config.gamma
            self._context.scale_lr(self._factor)

    def state_dict(self) -> dict[str, Any]:
        """Numbers; nothing before the first epoch's end."""
        if self._since is None:
            return {}
        return {**self._improvement.state(), "since": self._since, "factor": self._factor}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._improvement = Improvement.of(state)
        self._since, self._factor = int(state["since"]), float(state["factor"])
        self._context.scale_lr(self._factor)


def make(context: HookContext) -> Hook | None:
    """For runs with that schedule."""
    return Plateau(context) if context.config().schedule == "plateau" else None

"""Early stopping: a hook that ends a training whose result no longer improves, or is as good as was asked for."""

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.digits import significant
from engine.training import stop_condition
from engine.training.hooks import Hook, HookContext
from engine.training.improvement import Improvement
from engine.training.results import EpochResult


class EarlyStopping(Hook):
    """`--patience`, `--min-delta`, `--monitor` and `--stop-when`.

    A function of the epochs' results and of the settings as they are at each epoch's end, so that a resumed training
    stops where the uninterrupted one does. An epoch is the best so far where its result is better by more than
    `min_delta` than that of the best one before it, as in Keras's EarlyStopping.
    """

    name: ClassVar[str] = "early_stopping"

    def __init__(self, context: HookContext) -> None:
        self._context = context
        self._epoch = 0
        self._improvement = Improvement()
        self._best_epoch = 0  # the last one before the first, where no epoch's result was a number
        self._reached = ""  # the condition that the newest epoch meets

    def on_epoch(self, result: EpochResult) -> None:
        """Compare the epoch's result with the best one."""
        config = self._context.config()
        if not self._epoch:  # the first that it sees
            self._best_epoch = result.epoch - 1
        self._epoch = result.epoch
        if self._improvement.take(result, config):
            self._best_epoch = result.epoch
        met = stop_condition.holds(stop_condition.parse(config.stop_when), result.values)
        self._reached = config.stop_when if met else ""

    def stop_reason(self) -> str:
        """In words; empty: the training goes on."""
        config = self._context.config()
        if self._reached:
            return f"{self._reached} holds"
        waited = self._epoch - self._best_epoch
        if not config.patience or waited < config.patience:
            return ""
        which = "validation" if config.validates else "test"
        by = f" by more than {significant(config.min_delta)}" if config.min_delta else ""
        epochs = "1 epoch" if waited == 1 else f"{waited} epochs"
        return f"the {which} {config.monitor} has not improved{by} for {epochs}"

    def state_dict(self) -> dict[str, Any]:
        """Numbers and a text; nothing before the first epoch's end."""
        if not self._epoch:
            return {}
        kept = {"epoch": self._epoch, "best_epoch": self._best_epoch, "reached": self._reached}
        return kept | self._improvement.state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._improvement = Improvement.of(state)
        self._epoch, self._best_epoch = int(state["epoch"]), int(state["best_epoch"])
        self._reached = str(state["reached"])


def make(context: HookContext) -> Hook:
    """For every run: the settings may be changed while it trains."""
    return EarlyStopping(context)

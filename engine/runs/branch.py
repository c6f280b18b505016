"""The rules of branching: which settings a new run that goes on from another run's checkpoint has. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError
from engine.home import RunFolder
from engine.runs import checkpoint_refs
from engine.training.config import TrainConfig, changed

KEPT = ("model", "dataset")  # settings that a branch can't change


@dataclass(frozen=True)
class BranchPoint:
    """Where a branch leaves its parent."""

    parent: RunFolder  # the run's folder
    entry: Entry  # the checkpoint that the branch begins with
    config: TrainConfig  # the parent's settings there

    @property
    def epochs_done(self) -> int:
        """Whole epochs."""
        return self.entry.epochs_done

    @property
    def suggested(self) -> str:
        """The change that a branch can't do without, as it is typed: more epochs, where all are done."""
        return f"epochs={2 * self.epochs_done}" if self.config.epochs <= self.epochs_done else ""

    def plan(self, changes: Mapping[str, str]) -> "BranchPlan":
        """`changes`: settings as they are typed. Raises ConfigError for one that can't be used, or can't be changed."""
        for setting in changes:
            if setting in KEPT:
                raise ConfigError(setting, f"a branch keeps its parent's {setting}; start a new run for another one")
        config = changed(self.config, changes)
        check_validation(config, self.config.val)
        check_epochs(config, self.epochs_done)
        return BranchPlan(self, config, {setting: getattr(config, setting) for setting in changes})


@dataclass(frozen=True)
class BranchPlan:
    """A branch that can be made."""

    point: BranchPoint
    config: TrainConfig
    changes: dict[str, Any]  # what the config has that was asked for, by setting


def branch_point(parent: RunFolder, at: str | Entry = "last") -> BranchPoint:
    """`at`: a checkpoint of the run in `parent`, or its name (see `checkpoint_refs.find`). Raises EngineError where
    there is none."""
    entry = checkpoint_refs.find(parent, at) if isinstance(at, str) else at
    return BranchPoint(parent, entry, checkpoint_refs.config_at(parent, entry))


def plan_branch(parent: RunFolder, changes: Mapping[str, str], at: str | Entry = "last") -> BranchPlan:
    """The branch of the run in `parent` with `changes`. Raises EngineError where it can't be made."""
    return branch_point(parent, at).plan(changes)


def check_validation(config: TrainConfig, before: str) -> None:
    """Raises ConfigError where images would be held out for validation that weights were trained on, by a run whose
    setting `val` was `before`."""
    if config.val and config.val != before:
        had = f"held out others (val={before})" if before else "held out none"
        raise ConfigError(
            "val", f"val: the weights were trained on images that {config.val} would hold out, as the run that made "
            f"them {had}; start a new run for that"
        )  # fmt: skip


def check_epochs(config: TrainConfig, done: int) -> None:
    """Raises ConfigError where a run that begins with `done` whole epochs has none left to train."""
    if config.epochs <= done:
        raise ConfigError(
            "epochs", f"epochs: {done} of {config.epochs} epochs are done there already; add epochs={done + 5}, say"
        )

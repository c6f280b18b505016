"""What each recipe reaches in which time, as it was measured (docs/records.md), and what is said of a run of it beside
that. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.training.recipes import RECIPES, expanded
from engine.training.settings import defaults

# What decides neither the time nor the accuracy of a recipe's run, or is told beside them.
BESIDE = frozenset({
    "recipe", "seed", "device", "threads", "dataset", "test_every_epoch", "checkpoint_every", "keep", "inspect_every",
    "on_non_finite",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Record:
    """A recipe on one kind of machine: the mean over several seeds, each trained to the recipe's end."""

    recipe: str
    device: str  # "cpu" or "cuda"
    threads: int  # PyTorch's, on a CPU
    machine: str  # for people
    accuracy: float  # on the test set, fraction of 1, mean
    std: float  # of the accuracy, over the seeds
    seconds: float  # of training, without evaluation, mean
    seeds: int


RECORDS = (
    Record(
        recipe="fast", device="cpu", threads=2, machine="Intel Xeon",
        accuracy=0.92236, std=0.0021, seconds=18.2, seeds=5,
    ),
    Record(
        recipe="balanced", device="cpu", threads=2, machine="Intel Xeon",
        accuracy=0.93106, std=0.0011, seconds=35.0, seeds=5,
    ),
    Record(
        recipe="accurate", device="cpu", threads=2, machine="Intel Xeon",
        accuracy=0.94226, std=0.0008, seconds=247.8, seeds=5,
    ),
)  # fmt: skip


def of_run(config: Mapping[str, Any], device: str, threads: int) -> Record | None:
    """The record that a run with these settings can be compared with: of its recipe, with none of the recipe's settings
    changed, on the published data, on the same kind of device. None: there is none."""
    name = config.get("recipe")
    if name not in RECIPES or config.get("dataset") != "fashion-mnist":
        return None
    wanted = defaults() | expanded({"recipe": name})
    if any(config.get(setting, value) != value for setting, value in wanted.items() if setting not in BESIDE):
        return None
    kind = device.partition(":")[0]
    there = [one for one in RECORDS if one.recipe == name and one.device == kind]
    return next((one for one in there if kind != "cpu" or one.threads == threads), None)


def words(record: Record, accuracy: float, seconds: float) -> str:
    """How a run compares with it. `accuracy`: on the test set, fraction of 1; `seconds`: of training."""
    there = f"{100 * record.accuracy:.2f} ± {100 * record.std:.2f}% in {record.seconds:.1f} s"
    threads = f"{record.threads} thread{'s' if record.threads > 1 else ''} of " if record.device == "cpu" else ""
    here = f"this run: {100 * accuracy:.2f}% in {seconds:.1f} s"
    under = f"training alone, mean of {record.seeds} seeds, {threads}{record.machine}"
    return f"{here}; record of {record.recipe}: {there} ({under})"

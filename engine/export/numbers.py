"""A run's metrics as CSV. No torch."""

import csv
import io

from engine.errors import RunError
from engine.home import RunFolder
from engine.progress import Progress, silent
from engine.runs import state_file
from engine.runs.state import RunState

COLUMNS = ("metric", "epoch", "step", "seconds", "value", "lowest", "highest")


def csv_text(folder: RunFolder, progress: Progress = silent) -> str:
    """A line for each point of each metric. `progress`: in bytes of the log. Raises RunError where there is none yet,
    UnreadableError."""
    state = state_file.read_all(folder, progress).snapshot()
    text = as_csv(state)
    if text.count("\n") < 2:
        raise RunError(f"{folder.id} has no numbers yet")
    return text


def as_csv(state: RunState) -> str:
    """Of the curves by step: `value` is the mean of the values that a point stands for, up to and with that step;
    `lowest` and `highest` are theirs. Of the results by epoch: the value alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, points in {"train_loss": state.curve, **state.curves}.items():
        for point in points:
            writer.writerow([name, point.x, point.step, point.seconds, point.mean, point.low, point.high])
    for split, results in (("val", state.vals), ("test", state.tests)):
        for result in results:
            writer.writerow([f"{split}_loss", result.epoch, "", "", result.loss, "", ""])
            writer.writerow([f"{split}_accuracy", result.epoch, "", "", result.accuracy, "", ""])
    return text.getvalue()

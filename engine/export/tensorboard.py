"""A run as event files that TensorBoard reads. Imports torch, and tensorboard, which is an extra."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import RunError
from engine.home import RunFolder
from engine.progress import Progress, silent
from engine.runs import state_file, store
from engine.runs.state import RunState

NAMES = {  # of the curves, as TensorBoard groups them
    "train_loss": "loss/train", "lr": "lr", "samples_per_s": "samples per second", "gradient_norm": "gradient norm",
    "load": "device/load", "memory": "device/memory",
}  # fmt: skip


def write(folder: RunFolder, target: Path, progress: Progress = silent) -> int:
    """Write one event file into the folder `target`, made where it is not there. Returns the scalars in it.

    Curves come by step, results at the last step of their epochs; the wall time of each is when it was. The settings
    and the results are in the HParams tab. `progress`: in bytes of the log. Raises RunError.
    """
    state = state_file.read_all(folder, progress).snapshot()
    found = list(_scalars(state))
    if not found:
        raise RunError(f"{folder.id} has no numbers yet")
    try:
        board = importlib.import_module("torch.utils.tensorboard")
        summaries = importlib.import_module("torch.utils.tensorboard.summary")
    except ImportError:
        raise RunError("--tensorboard: the package tensorboard is missing: pip install tensorboard") from None
    try:
        with board.SummaryWriter(str(target)) as writer:
            for tag, value, step, at in found:
                writer.add_scalar(tag, value, step, walltime=at)
            settings = {name: value for name, value in sorted(state.config.items()) if value != ""}
            results = _results(state)
            for summary in summaries.hparams(settings, dict(results)):
                writer.file_writer.add_summary(summary)
            for tag, value in results.items():
                writer.add_scalar(tag, value, state.steps_done, walltime=state.last)
            writer.add_text("run", _words(folder, state), 0, walltime=state.started)
    except OSError as error:
        raise RunError(f"{target} can't be written ({error.strerror})") from None
    return len(found) + len(results)


def _scalars(state: RunState) -> Iterator[tuple[str, float, int, float]]:
    """Name, value, global step, and Unix time."""
    for name, points in {"train_loss": state.curve, **state.curves}.items():
        for point in points:
            yield NAMES.get(name, name), point.mean, round(point.step), state.started + point.seconds
    for split, results in (("val", state.vals), ("test", state.tests)):
        for one in results:
            step = one.epoch * state.steps
            at = one.t or state.last
            yield f"loss/{split}", one.loss, step, at
            yield f"accuracy/{split}", one.accuracy, step, at


def _results(state: RunState) -> dict[str, float]:
    """What the run came to, for the HParams tab."""
    found: dict[str, Any] = {"hparam/best accuracy": state.best.accuracy if state.best else None}
    found["hparam/test accuracy"] = state.tested.accuracy if state.tested else None
    return {name: float(value) for name, value in found.items() if value is not None}


def _words(folder: RunFolder, state: RunState) -> str:
    """What it is, as Markdown."""
    lines = [f"{store.title(folder)} ({folder.id}), {state.status}", "", "| setting | value |", "|---|---|"]
    for name, value in state.config.items():
        lines.append(f"| {name} | {str(value).replace('|', '&#124;')} |")
    return "\n".join(lines)

"""A trial's run, as its worker looks at it. Imports no torch."""

import contextlib
import os
from typing import Any

from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import client, store
from engine.runs.state import RunState
from engine.studies import trials
from engine.studies.study_file import Record


def values_of(run: RunState, metric: str) -> list[tuple[int, float]]:
    """The metric after each epoch of a run, by epoch, in order; those that are finite numbers."""
    if metric == "train_loss":
        return trials.finite(list(enumerate(run.epoch_losses, 1)))
    results = run.vals if metric.startswith("val_") else run.tests
    return trials.finite([(one.epoch, one.accuracy if metric.endswith("accuracy") else one.loss) for one in results])


def study_of(folder: RunFolder) -> dict[str, Any]:
    """What run.json says of the study that it is a trial of; empty where it is of none, or can't be read."""
    with contextlib.suppress(RunError):
        return store.read_run(folder).get("study") or {}
    return {}


def is_trial(folder: RunFolder, record: Record, number: int) -> bool:
    """Whether it is the run of that trial: what a storage says of a trial's run may be anybody's text."""
    study = study_of(folder)
    return study.get("id") == record.id and study.get("trial") == number


def has_begun(folder: RunFolder) -> bool:
    """Whether its log says anything."""
    with contextlib.suppress(OSError):
        return folder.events.stat().st_size > 0
    return False


def is_held(folder: RunFolder) -> bool:
    """Whether a process is the run's host."""
    try:
        os.close(store.lock(folder))
    except RunError:
        return True
    return False


def stop(folder: RunFolder) -> None:
    """Stop a run, after saving; one that is starting, or stops already, is asked at the next look."""
    with contextlib.suppress(RunError):
        client.command(folder, "stop")

"""How a person names a run's checkpoints: `3`, `3:412`, `last`, `best`. Imports no torch."""

from dataclasses import replace

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import RunError
from engine.home import RunFolder
from engine.runs import history, store
from engine.training.config import TrainConfig
from engine.training.settings import SETTINGS

NOT_FINITE = "not finite"


def find(folder: RunFolder, at: str) -> Entry:
    """The checkpoint at `3` (the end of epoch 3), `3:412` (epoch 3, after step 412), `last`, or `best` (test accuracy).

    Raises RunError where there is none; it names the two nearest.
    """
    entries = sorted(manifest.read(folder), key=lambda entry: entry.place)
    if not entries:
        raise RunError(f"{folder.id} has no checkpoint yet; save one with: fmnist-tui checkpoint {folder.id}")
    if at == "last":
        return entries[-1]
    if at == "best":
        return _best(folder, entries)
    epoch, _, step = at.partition(":")
    if not epoch.isdecimal() or (step and not step.isdecimal()):
        raise RunError(f"{at}: give an epoch such as 3, a step in it such as 3:412, last, or best")
    steps = max(entry.step for entry in entries)
    wanted = (int(epoch), int(step) if step else steps)
    for entry in reversed(entries):
        ends = entry.reason in ("epoch", "branch")
        if entry.epoch == wanted[0] and (entry.step == wanted[1] if step else ends):
            return entry
    before = [entry for entry in entries if (entry.epoch, entry.step) < wanted]
    after = [entry for entry in entries if (entry.epoch, entry.step) > wanted]
    nearest = [name_of(entry) for entry in (*before[-1:], *after[:1])]
    where = f"epoch {wanted[0]}, step {wanted[1]}" if step else f"the end of epoch {wanted[0]}"
    raise RunError(f"{folder.id} has no checkpoint at {where}; nearest: {' or '.join(nearest)}")


def name_of(entry: Entry) -> str:
    """What `find` takes for it."""
    return str(entry.epoch) if entry.reason == "epoch" else f"{entry.epoch}:{entry.step}"


def words(entry: Entry) -> str:
    """Its place in words: `epoch 3`, `epoch 4, step 412`; and `, not finite` where it is not."""
    words_ = f"epoch {entry.epoch}" if entry.reason == "epoch" else f"epoch {entry.epoch}, step {entry.step}"
    return words_ if entry.finite else f"{words_}, {NOT_FINITE}"


def warning(folder: RunFolder, entry: Entry) -> str:
    """What somebody who means to use a checkpoint of the run should know of it, a line; empty: nothing. Raises
    CheckpointError where the run's list can't be read."""
    if entry.finite:
        return ""
    finite = [one for one in manifest.read(folder) if one.finite]
    newest = max(finite, key=lambda one: one.place, default=None)
    instead = f"the newest finite one is {folder.id}@{name_of(newest)}" if newest else "it has none that is finite"
    what = words(replace(entry, finite=True))
    return f"the checkpoint of {folder.id} at {what} is {NOT_FINITE} (NaN or infinity in weights or loss); {instead}"


def config_at(folder: RunFolder, entry: Entry) -> TrainConfig:
    """The run's settings as of a checkpoint: as it was asked for, with the edits up to there."""
    asked = store.read_request(folder)
    values = dict(asked["config"]) | {name: asked[name] for name in ("device",) if name in asked}
    for edit in history.read(folder).edits:
        if (edit.epoch, edit.step) <= (entry.epoch, entry.step):
            values[edit.setting] = SETTINGS[edit.setting].convert(edit.after)
    return TrainConfig.from_dict(values)


def _best(folder: RunFolder, entries: list[Entry]) -> Entry:
    best = manifest.best(entries)
    if best is None:
        raise RunError(f"{folder.id} has not finished an epoch yet: it has no best one")
    return best

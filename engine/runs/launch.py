"""What a host starts with: a new run, a branch of another one, or a run to resume.

Whatever can be refused is refused here, before anything of the run changes.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.checkpoints.read import load, newest_good
from engine.checkpoints.verify import identity
from engine.checkpoints.write import CheckpointWriter
from engine.errors import CheckpointError, ConfigError, RunError
from engine.home import CHECKPOINTS, RunFolder
from engine.runs import checkpoint_refs, from_weights, history, store, validation_json
from engine.runs.branch import check_epochs, check_validation
from engine.runs.unreadable import UnreadableError
from engine.training import determinism, optimizer_state, tuning
from engine.training import events as ev
from engine.training.commands import Command, CommandKind, ScheduledCommand
from engine.training.config import TrainConfig, edited
from engine.training.plateau import Plateau
from engine.training.resume import ResumePoint, check, restore
from engine.training.settings import SETTINGS
from engine.training.setup import TrainingSetup, make_setup
from engine.training.team import Team
from engine.weights import safe_load
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.key_mapping import file_and_mapping
from engine.weights.state_dict import chosen, forms


@dataclass(frozen=True)
class SessionSetup:
    """What a session starts with, and where its log ends."""

    prepared: TrainingSetup
    start: ResumePoint
    opening: tuple[ev.Event, ...]
    agenda: tuple[ScheduledCommand, ...]
    last_seq: int = 0
    differences: list[str] = field(default_factory=list)  # in words; an event records them too
    bad: list[str] = field(default_factory=list)
    rests_on: Entry | None = None
    record: Mapping[str, Any] = field(default_factory=dict)  # the new run.json


def begin(folder: RunFolder, changes: Mapping[str, Any] | None = None, team: Team | None = None) -> SessionSetup:
    """`start`, or with `changes` `resume`. Raises EngineError."""
    return start(folder, team) if changes is None else resume(folder, changes, team)


def start(folder: RunFolder, team: Team | None = None) -> SessionSetup:
    """A new run, or a branch, as run.json describes it. Raises EngineError."""
    team = team or Team()
    request = store.read_request(folder)
    parent = request.get("parent")
    of_file = parent is not None and not parent["run"]
    fresh = parent is None or (of_file and not parent["own"])
    prepared = tuning.tuned(_prepare(folder, request, TrainConfig.from_dict(request["config"]), team, fresh=fresh))
    described = prepared.describe()
    opening: list[ev.Event] = [ev.RunStarted(**described)]
    start = ResumePoint()
    if parent:
        content = _parents(folder, parent)
        if content:
            start, notes = _restored(prepared, content, parent["file"])
            # A new run: its hooks begin anew, but for what belongs to the learning rate.
            kept = {name: state for name, state in start.hooks.items() if name == Plateau.name}
            start = replace(start, edits=(), hooks=kept, best=None)
            notes += determinism.differences(content["environment"], prepared.environment)
            check_validation(prepared.config, str(content["config"].get("val", "")))
            check_epochs(prepared.config, start.epochs_done)
        else:
            notes = _take_state(prepared, parent)
        opening.append(
            ev.Branched(
                parent=parent["run"],
                checkpoint=parent["file"],
                epoch=start.epoch,
                step=start.step,
                evaluated=start.evaluated,
                changes=parent["changes"],
                notes=notes,
            )
        )
        if content and of_file and team.rank == 0:
            _keep(folder, content)
    record = request | described | _under_what(prepared) | {"seed": prepared.config.seed}
    return SessionSetup(prepared, start, tuple(opening), _agenda(request, start), record=record)


def resume(folder: RunFolder, changes: Mapping[str, Any], team: Team | None = None) -> SessionSetup:
    """Resume the run from its newest checkpoint that is whole and finite, or from its first step where there is none.

    `changes`: `epochs` (a number, an edit like any other), `device` and `threads`, which may make the numbers differ;
    `settings`, as they are typed: edits that are made before the first step.
    Raises EngineError: the run is complete, its data or its model is another one, none of its checkpoints is whole
    and finite.
    """
    team = team or Team()
    request, past = store.read_request(folder), history.read(folder)
    entry, content, bad = _newest(folder, past)
    asked = TrainConfig.from_dict(request["config"])
    config = TrainConfig.from_dict(content["config"]) if content and entry and entry.reason != "branch" else asked
    config = replace(
        config,
        device=changes.get("device") or request.get("device") or config.device,
        threads=int(changes.get("threads") or _edited_threads(content) or request.get("threads") or config.threads),
    )
    agenda = _replays(past, content)
    epochs = next((one.command.value for one in reversed(agenda) if one.command.setting == "epochs"), config.epochs)
    epochs = int(changes.get("epochs") or epochs)
    # With validation images it is not complete before the test set is evaluated.
    untested = config.validates and not past.finished and bool(content and content["evaluated"])
    if entry and past.checkpoints and not past.checkpoints[-1].finite:
        _refuse_to_repeat(folder, past, entry, changes)
    elif content and content["evaluated"] and not untested:
        _refuse_complete(folder, content["epoch"], epochs, past, changes)
    prepared = tuning.compiled(_prepare(folder, request, config, team, fresh=not content))
    _refuse_other_data(folder, request, prepared)
    where = f"{CHECKPOINTS}/{entry.file}" if entry else ""
    start, notes = _restored(prepared, content, where) if content else (ResumePoint(), [])
    if not content and (request.get("parent") or {}).get("own") is False:  # before its first checkpoint
        notes += _take_state(prepared, request["parent"])
    planned = _planned(config, agenda)
    if not (untested and start.epochs_done == epochs):
        _refuse_to_end_before(replace(config, epochs=epochs), start)
    for name, value in _typed(planned, changes.get("settings") or {}).items():
        agenda = [one for one in agenda if one.command.setting != name]
        if value != getattr(config, name):
            order = Command(CommandKind.SET, "asked", name, value)
            agenda = [ScheduledCommand(start.epoch, start.step, order), *agenda]
    if changes.get("epochs"):
        order = Command(CommandKind.SET, "asked", "epochs", epochs)
        agenda = [one for one in agenda if one.command.setting != "epochs"]
        if epochs != config.epochs:
            agenda = [ScheduledCommand(start.epoch, start.step, order), *agenda]
    bad = [*bad, *(_undone(edit) for edit in past.undone if _key(vars(edit)) not in _held(content))]
    then = content["environment"] if content else request.get("environment") or {}
    differences = notes + determinism.differences(then, prepared.environment) if then else notes
    resumed = ev.Resumed(
        checkpoint=where,
        epoch=start.epoch,
        step=start.step,
        evaluated=start.evaluated,
        training_s=start.training_s,
        differences=differences,
        bad=bad,
        **prepared.describe_start(),
    )
    described = prepared.describe_start()
    again = {name: described[name] for name in ("device", "device_name", "threads")}
    return SessionSetup(
        prepared,
        start,
        (resumed,),
        (*agenda, *_agenda(request, start)),
        past.seq,
        differences,
        bad,
        entry,
        request | again | _under_what(prepared),
    )


def _refuse_complete(
    folder: RunFolder, done: int, epochs: int, past: history.History, changes: Mapping[str, Any]
) -> None:
    """Raises RunError for a run whose `done` epochs are all that it needs, unless the changes say otherwise."""
    settings = changes.get("settings") or {}
    if past.early and not {"patience", "min_delta"} & settings.keys():
        again = f"resume {folder.id} patience=0" if " not improved" in past.early else f"branch {folder.id} stop_when="
        what = f"{folder.id} has stopped early, after {done} of {epochs} epochs: {past.early}"
        raise RunError(f"{what}; to train on: fmnist-tui {again}")
    if done >= epochs and not changes.get("epochs"):
        more = f"fmnist-tui resume {folder.id} --epochs {epochs + 10}"
        raise RunError(f"{folder.id} is complete, {epochs} of {epochs} epochs; for more: {more}")


def _parents(folder: RunFolder, parent: Mapping[str, Any]) -> dict[str, Any] | None:
    """The checkpoint that a branch starts from: of another run, or a file of ours that is in no run here, of which only
    numbers and texts are read. None for a file of another program, which has no such thing.
    """
    if parent["run"]:
        entries = manifest.read(folder)
        if len(entries) != 1:
            raise CheckpointError(f"{folder.id} does not hold the one checkpoint that it begins with")
        return _load(folder, entries[0], parent["run"])
    if not parent["own"]:
        return None
    contents = _unchanged(parent)
    try:
        content: dict[str, Any] = safe_load.load(contents, contents.root)
        return check(content)
    except CheckpointError as error:
        raise CheckpointError(f"{parent['file']} can't be used: {error}") from error


def _restored(prepared: TrainingSetup, content: Mapping[str, Any], file: str) -> tuple[ResumePoint, list[str]]:
    """`restore`, for a file that may come from anybody, and hold anything."""
    try:
        start, notes = restore(prepared, content)
        determinism.restore(start.rng)
        torch.Generator().set_state(torch.as_tensor(start.order))
    except torch.OutOfMemoryError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        what = type(error).__name__
        raise CheckpointError(f"{file} can't be used: it is not as fmnist-tui writes it ({what})") from error
    return start, notes


def _take_state(prepared: TrainingSetup, parent: Mapping[str, Any]) -> list[str]:
    """Load the optimizer's state from a file of another program, whose weights are loaded already. Returns what could
    not be taken, and what was that no setting shows."""
    contents = _unchanged(parent)
    _, mapping = file_and_mapping(prepared.config.weights)
    mapping = replace(mapping, new=())
    section = contents.state_dicts[0] if mapping.section is None else mapping.section
    notes = forms(contents, mapping) + from_weights.not_taken(contents, section)
    record = from_weights.optimizer_in(contents.root)
    if record is None:
        return notes
    weights = chosen(contents, mapping.section, strip=mapping.strip, without=mapping.without)
    names = [mapping.renamed(name) for name in weights]
    try:
        state = safe_load.load(contents, record)
    except CheckpointError as error:
        return [*notes, f"{optimizer_state.NOT_LOADED}{error}"]
    return notes + optimizer_state.take(prepared, state, names, mapping.ours)


def _unchanged(parent: Mapping[str, Any]) -> Contents:
    """The contents of a run's origin, if it is still the file that was asked for."""
    path = Path(parent["file"])
    if identity(path) != parent["sha256"]:
        raise CheckpointError(f"{path} has changed since the run was created")
    contents = contents_of(path)
    if contents.problems:
        raise CheckpointError(f"{path} is refused: {contents.problems[0]}")
    return contents


def _keep(folder: RunFolder, content: dict[str, Any]) -> None:
    """Write what the run starts from into its folder as a checkpoint, so that the run can be resumed at once."""
    saved = CheckpointWriter(folder).save(content, "branch")
    entries = manifest.read(folder)
    manifest.write(folder, [replace(one, rested_on=one.rested_on or saved.file.endswith(one.file)) for one in entries])


def _newest(folder: RunFolder, past: history.History) -> tuple[Entry | None, dict[str, Any] | None, list[str]]:
    lost = []
    try:
        entries = manifest.read(folder)
    except CheckpointError as error:
        entries, lost = [], [str(error)]
    found = newest_good(folder, entries or past.entries())  # where the manifest is lost, the log has the same
    if found is None:
        return None, None, lost
    entry, content, bad = found
    return entry, content, lost + bad


def _prepare(
    folder: RunFolder, request: Mapping[str, Any], config: TrainConfig, team: Team, *, fresh: bool
) -> TrainingSetup:
    data_dir = Path(request["data_dir"]) if request.get("data_dir") else None
    parent = request.get("parent")
    of_file = parent is not None and not parent["run"]
    return make_setup(config, home=folder.home.path, data_dir=data_dir, team=team, fresh=fresh, of_branch=of_file)


def _load(folder: RunFolder, entry: Entry, parent: str) -> dict[str, Any]:
    try:
        return load(folder, entry)
    except CheckpointError as error:
        raise CheckpointError(f"the checkpoint {entry.file} of {parent} can't be used: {error}") from error


def _edited_threads(content: Mapping[str, Any] | None) -> int:
    """The threads that a checkpoint's run was changed to while it trained; 0: it was not."""
    edits = content["edits"] if content else ()
    return int(next((edit["after"] for edit in reversed(edits) if edit["setting"] == "threads"), 0))


def _replays(past: history.History, content: Mapping[str, Any] | None) -> list[ScheduledCommand]:
    """The edits that are in the log and not yet in the checkpoint, each at its place."""
    held = _held(content)
    return [
        ScheduledCommand(
            edit.epoch,
            edit.step,
            Command(CommandKind.SET, "asked", edit.setting, SETTINGS[edit.setting].convert(edit.after), replayed=True),
        )
        for edit in past.edits
        if _key(vars(edit)) not in held
    ]


def _held(content: Mapping[str, Any] | None) -> set[tuple[Any, ...]]:
    """The edits that are in a checkpoint."""
    return {_key(edit) for edit in content["edits"]} if content else set()


def _undone(edit: ev.Edited) -> str:
    return f"{edit.setting} {edit.after:g} at epoch {edit.epoch}, step {edit.step}: the run failed right after it"


def _planned(config: TrainConfig, agenda: Sequence[ScheduledCommand]) -> TrainConfig:
    """The settings with the edits that are made again."""
    return replace(config, **{one.command.setting: one.command.value for one in agenda})


def _typed(planned: TrainConfig, texts: Mapping[str, str]) -> dict[str, Any]:
    """The settings that were typed, as values. Raises ConfigError."""
    for name, text in texts.items():
        planned = edited(planned, name, text)
    return {name: getattr(planned, name) for name in texts}


def _key(edit: Mapping[str, Any]) -> tuple[Any, ...]:
    return (edit["epoch"], edit["step"], edit["setting"], edit["after"])


def _refuse_other_data(folder: RunFolder, request: Mapping[str, Any], prepared: TrainingSetup) -> None:
    """Raises RunError where the data, or what is held out of it, is not what the run was trained on, or the record of
    that is damaged."""
    was, is_ = (request.get("dataset") or {}).get("checksum"), prepared.dataset.checksum
    if was and was != is_:
        raise RunError(
            f"the data is not what the run was trained on: {prepared.dataset.title} has the SHA-256 {is_[:12]}… now, "
            f"and had {str(was)[:12]}…; bring that data back, or start a new run"
        )
    if (held_out := prepared.held_out) is None:
        return
    record = validation_json.read(folder)
    for recorded in ((request.get("dataset") or {}).get("val_sha256"), record and record.sha256):
        if recorded and recorded != held_out.sha256:
            raise RunError(
                "the validation images are not those that the run had: their indices have the SHA-256 "
                f"{held_out.sha256[:12]}… now, and had {str(recorded)[:12]}…; start a new run"
            )
    if record and record.images != (images := len(held_out.train) + len(held_out.val)):
        why = f"it is of {record.images:,} images, and the training set has {images:,}"
        raise UnreadableError(folder.validation_json, why, run=folder.id)


def _refuse_to_repeat(folder: RunFolder, past: history.History, entry: Entry, changes: Mapping[str, Any]) -> None:
    """A run that trained all its epochs, and whose last weights are not finite, would do the same again."""
    if past.finished and not (changes.get("epochs") or changes.get("settings")):
        raise RunError(
            f"{folder.id} is complete, and its last weights or losses are NaN or infinite; to train again from "
            f"{checkpoint_refs.words(entry)} with other settings: fmnist-tui resume {folder.id} lr=LR"
        )


def _refuse_to_end_before(config: TrainConfig, start: ResumePoint) -> None:
    done = start.epochs_done
    if config.epochs <= done:
        raise ConfigError("epochs", f"--epochs: {config.epochs} is too few: {done} epochs are done already")


def _under_what(prepared: TrainingSetup) -> dict[str, Any]:
    versions = {
        "python": sys.version.split()[0],
        "torch": str(torch.__version__),
        "torchvision": version("torchvision"),
    }
    return {"versions": versions, "environment": prepared.environment}


def _agenda(request: Mapping[str, Any], start: ResumePoint) -> tuple[ScheduledCommand, ...]:
    """Orders that run.json has for certain places: `[[epoch, step, "checkpoint"], …]`; `verify-resume` uses them."""
    return tuple(
        ScheduledCommand(epoch, step, Command(CommandKind(name)))
        for epoch, step, name in request.get("agenda") or []
        if (epoch, step) > (start.epoch, start.step)
    )

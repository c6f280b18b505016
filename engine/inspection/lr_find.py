"""The learning-rate range test of a training that would begin, or go on from a run's checkpoint."""

from dataclasses import replace
from pathlib import Path

from engine.checkpoints.read import load
from engine.errors import CheckpointError, ConfigError
from engine.inspection.lr_find_requests import LrFinding, LrFindRequest
from engine.progress import Progress
from engine.runs import checkpoint_refs, store
from engine.runs.branch import KEPT, check_validation
from engine.sources import RunCheckpoint, resolve
from engine.training import determinism, tuning
from engine.training.lr_range import range_test
from engine.training.lr_sweep import suggest
from engine.training.resume import ResumePoint, restore
from engine.training.setup import TrainingSetup, make_setup


def compute(home: Path, request: LrFindRequest, progress: Progress) -> LrFinding:
    """The worker process's part. Nothing is written: neither the run nor the checkpoint changes. Raises EngineError."""
    generators = determinism.capture()
    try:
        if isinstance(request.start, RunCheckpoint):
            of, prepared, start, notes = _from_checkpoint(home, request, request.start)
        else:
            prepared = tuning.decided(make_setup(request.start, home=home, data_dir=request.data_dir))
            weights = f", with the weights of {Path(request.start.weights).name}" if request.start.weights else ""
            of, start, notes = f"a new {prepared.config.model}{weights}", ResumePoint(), []
        progress(0, request.sweep.steps)
        curve = range_test(prepared, request.sweep, start=start, progress=progress)
    finally:
        determinism.restore(generators)
    data = prepared.dataset
    return LrFinding(
        of, data.title, data.demo, prepared.config.lr, request.sweep, curve, suggest(curve, request.sweep), tuple(notes)
    )


def _from_checkpoint(
    home: Path, request: LrFindRequest, source: RunCheckpoint
) -> tuple[str, TrainingSetup, ResumePoint, list[str]]:
    """What it is called, the training with the checkpoint's states, its place, and what could not be loaded."""
    found = resolve(home, source)
    folder, entry = found.folder, found.entry
    asked = checkpoint_refs.config_at(folder, entry)
    for name in KEPT:
        if request.changes.get(name, own := getattr(asked, name)) != own:
            raise ConfigError(name, f"--{name}: the run's {name} is {own}, which a test from its checkpoint keeps")
    config = replace(asked, **request.changes)
    check_validation(config, asked.val)
    try:
        content = load(folder, entry)
    except CheckpointError as error:
        raise CheckpointError(f"the checkpoint {entry.file} of {folder.id} can't be used: {error}") from error
    data_dir = store.read_run(folder).get("data_dir")
    prepared = make_setup(config, home=home, data_dir=Path(data_dir) if data_dir else None, fresh=False)
    prepared = tuning.decided(prepared)
    start, notes = restore(prepared, content)
    return f"{found.title}, {checkpoint_refs.words(entry)}", prepared, start, notes

"""Which test images only one of two runs gets right: what is asked for it. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import RunError
from engine.evaluation.requests import CompareEvaluationsRequest, EvaluationSettings
from engine.runs import checkpoint_refs, store
from engine.runs.groups import Group
from engine.runs.listing import RunSummary
from engine.sources import WeightsFile

AT = "best"  # the checkpoint of each run that is asked


def no_images(chosen: Sequence[RunSummary | Group]) -> str:
    """Why these can't be compared image by image; "" where they can: two runs."""
    if len(chosen) == 2 and not any(isinstance(one, Group) for one in chosen):
        return ""
    return "compares two runs; name two, and no group"


def images_of_two(chosen: Sequence[RunSummary | Group], data_dir: Path | None) -> CompareEvaluationsRequest:
    """Both on the same test images, each with the weights of its best epoch. `data_dir`: None: the one that the first
    was trained with. Reads their folders; raises EngineError where one has no checkpoint, or they have different test
    images."""
    first, second = (run for run in chosen if isinstance(run, RunSummary))
    files = [WeightsFile(run.folder.checkpoint(checkpoint_refs.find(run.folder, AT).file)) for run in (first, second)]
    requests = [store.read_run(run.folder) for run in (first, second)]
    checksums = {checksum for one in requests if (checksum := (one.get("dataset") or {}).get("checksum"))}
    datasets = [str(run.settings.get("dataset", "auto")) for run in (first, second)]
    if len(set(datasets)) > 1:
        raise RunError(f"the runs have different test images: {datasets[0]}, {datasets[1]}")
    if len(checksums) > 1:
        raise RunError(f"the runs have different test images: {first.dataset}, {second.dataset}, by their checksums")
    trained_with = requests[0].get("data_dir")
    folder = data_dir or (Path(trained_with) if trained_with else None)
    return CompareEvaluationsRequest(files[0], files[1], EvaluationSettings(dataset=datasets[0]), folder)

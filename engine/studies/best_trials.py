"""Studies among what is compared: each is its best trial's run, as its trials differ in more than their seeds. Imports
neither torch nor Optuna."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from engine.errors import EngineError
from engine.home import Home
from engine.runs.compared_runs import Compared
from engine.runs.groups import Group
from engine.studies import study_file, trials


def best_trials(home: Path, chosen: Sequence[Compared]) -> list[Compared]:
    """The same, with the run of its best trial in place of a study; a study none of whose trials has a result, or whose
    best run is gone, stays as it is. What is there twice then is there once. Reads files: not for the event loop."""
    found: dict[str, Compared] = {}
    for one in chosen:
        best = _best(home, one) if isinstance(one, Group) and one.study else ""
        run = next((run for run in one.runs if run.id == best), None) if isinstance(one, Group) else None
        found.setdefault((run or one).id, run or one)
    return list(found.values())


def _best(home: Path, group: Group) -> str:
    """The id of the run of a study's best trial; empty where there is none."""
    with contextlib.suppress(EngineError):
        study_file.check_name(group.study)  # it is a run's file that says so, and names a folder
        seen = trials.read(Home(home).study(group.study))
        if seen is not None and seen.best is not None:
            return seen.best.run
    return ""

"""Homes where many runs were made together: groups of seeds, and the trials of one study in Optuna's journal."""

from pathlib import Path

import msgspec
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution

from benchmarks.made_logs import made_run
from engine.home import Home, StudyFolder
from engine.studies import client, storage, study_file
from engine.studies.search import RUN, WORKER, Search
from engine.studies.study_file import Record

SPACE = ("lr=1e-4..1e-1:log", "momentum=0..0.95", "epochs=5", "dataset=demo")
WORKER_ID = "a" * 16
SEEDS = 5  # runs of a group
STUDY = "large"


def made_groups(home: Path, count: int, events: int) -> None:
    """So many runs, in groups of SEEDS."""
    for number in range(count):
        first = number // SEEDS * SEEDS
        about = {"id": f"group-{first:06d}", "name": f"group {first}", "size": SEEDS}
        made_run(home, number, events, group=about)


def made_study(home: Path, count: int, events: int, *, first: int = 0) -> StudyFolder:
    """A study that is over, with so many complete trials, each of them a run; `first`: the number of its first run."""
    definition = client.define(SPACE, metric="test_accuracy")
    record = msgspec.convert(
        {"id": "1" * 16, "name": STUDY, "worker": WORKER_ID, "definition": msgspec.to_builtins(definition),
         "wanted": "finish", "created": 1_760_000_000.0},
        Record,
    )  # fmt: skip
    folder = Home(home).study(STUDY)
    study_file.write_new(folder, record)
    Search.create(folder, record, [])
    distributions: dict[str, BaseDistribution] = {
        "lr": FloatDistribution(1e-4, 1e-1, log=True),
        "momentum": FloatDistribution(0.0, 0.95),
    }
    made = []
    for number in range(count):
        trial = {"name": STUDY, "id": record.id, "trial": number}
        run = made_run(home, first + number, events, study=trial, group={"id": record.id, "name": STUDY, "size": 0})
        share = number * 0.618034 % 1.0  # spread evenly, whatever their number
        params = {"lr": 10 ** (3 * share - 4), "momentum": 0.95 * (number * 0.754878 % 1.0)}
        values = {epoch: 0.9 - (share - 0.6) ** 2 - 0.3 / epoch for epoch in range(1, 6)}
        attributes = {WORKER: WORKER_ID, RUN: run.id}
        made.append(
            optuna.create_trial(
                params=params, distributions=distributions, value=values[5], intermediate_values=values,
                user_attrs=attributes,
            )
        )  # fmt: skip
    optuna.load_study(study_name=STUDY, storage=storage.opened(folder, record)).add_trials(made)
    client.refreshed(folder)
    return folder

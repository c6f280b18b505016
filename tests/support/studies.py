"""A study as its worker has written it down, made up by a test: nobody works on it."""

import math
from pathlib import Path
from typing import Any

import msgspec

from engine.home import Home, StudyFolder
from engine.studies import client, study_file, trials
from engine.studies.study_file import Record
from engine.studies.trials import Snapshot, Trial

SPACE = ("lr=1e-4..1e-1:log", "optimizer=sgd,adam,rmsprop", "momentum=0..0.95", "epochs=5", "dataset=demo")
LRS = (0.015738, 0.013824, 0.006654, 0.007657, 1.961e-4, 0.0004, 0.02012, 0.00291, 0.006743, 0.0003, 0.06694, 6.614e-4)
BEGUN = 1_700_000_000.0  # Unix seconds


def made_study(
    home: Path, name: str = "first", *, waiting: int = 3, wanted: str = "finish", metric: str = "val_loss", **more: Any
) -> StudyFolder:
    """Twelve trials that are over, one that runs, and some that wait. `more`: of the snapshot."""
    definition = client.define(SPACE, metric=metric, pruner="median")
    worker = "a" * 16
    record = msgspec.convert(
        {"id": "1" * 16, "name": name, "worker": worker, "definition": msgspec.to_builtins(definition),
         "wanted": wanted, "created": BEGUN},
        Record,
    )  # fmt: skip
    folder = Home(home).study(name)
    study_file.write_new(folder, record)
    found = [trial(number, lr, maximizes=definition.maximizes, worker=worker) for number, lr in enumerate(LRS)]
    running = {"optimizer": "adam", "lr": "1e-3"}
    run = "20260101-999999-aaaa"
    found.append(Trial(len(LRS), "running", running, None, [(1, 0.9)], None, run, worker, BEGUN))
    found += [Trial(len(LRS) + 1 + at, "waiting") for at in range(waiting)]
    shares = {"lr": 0.61, "momentum": 0.3, "optimizer": 0.09}
    trials.write(folder, Snapshot(definition, found, **{"importances": shares, **more}))
    return folder


def trial(number: int, lr: float, *, maximizes: bool, worker: str) -> Trial:
    """One that is over."""
    optimizer = ("sgd", "adam", "rmsprop")[number % 3]
    params = {"optimizer": optimizer, "lr": f"{lr:g}"} | ({"momentum": "0.5"} if optimizer != "adam" else {})
    losses = [round(0.3 + 0.4 * (math.log10(lr) + 2.5) ** 2 + 1 / epoch, 4) for epoch in range(1, 6)]
    values = [round(1 / (1 + loss), 4) for loss in losses] if maximizes else losses
    run, at = f"20260101-0000{number:02d}-aaaa", BEGUN + 100 * number
    if number == 5:
        why = "the loss is not finite"
        return Trial(number, "failed", params, None, [(1, values[0])], None, run, worker, at, at + 3, why)
    if number in (4, 9):
        return Trial(number, "pruned", params, values[1], [*enumerate(values[:2], 1)], 2, run, worker, at, at + 12)
    best = max(values) if maximizes else min(values)
    return Trial(number, "complete", params, best, [*enumerate(values, 1)], None, run, worker, at, at + 30)

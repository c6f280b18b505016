"""What the pictures show: a network of written-down weights, runs with fixed times, rounded answers."""

import dataclasses
import math
import os
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.training import events as ev
from tests.support.made_up import STEPS, MadeUpRun, evaluated, progress

NOW = 1_767_225_600.0  # 2026-01-01 00:00 UTC: what every clock says
SECONDS = 0.002  # what everything takes
NETWORK = "small.py:Small"
NETWORK_SOURCE = '''\
import torch
from torch import nn


class Small(nn.Module):
    """784 → 12 → 10; each weight is a whole number of 2048ths or of 16384ths, the same with every torch."""

    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(784, 12)
        self.relu = nn.ReLU()
        self.out = nn.Linear(12, 10)
        with torch.no_grad():
            for at, weight in enumerate(self.parameters()):
                numbers = (torch.arange(weight.numel()) * 7919 + at) % 2003 - 1001
                weight.copy_((numbers / (16384 if at < 2 else 2048)).reshape(weight.shape))

    def forward(self, X):
        return self.out(self.relu(self.hidden(self.flatten(X))))
'''
ENTRIES = [
    Entry("epoch-0001.pt", 1, STEPS, 5_400_000, "00", NOW - 7200, "epoch", 0.51),
    Entry("epoch-0002-step-000050.pt", 2, 50, 5_400_000, "00", NOW - 5400, "asked"),
    Entry("epoch-0002.pt", 2, STEPS, 5_400_000, "00", NOW - 3600, "epoch", 0.52),
]


def rounded(value: Any) -> Any:
    """Numbers of an answer to two digits: the last bits of a sum differ between machines and versions of torch."""
    if isinstance(value, float):
        return float(f"{value:.1e}") if math.isfinite(value) else value
    if isinstance(value, str):
        return re.sub(r"-?\d+\.\d{5,}", lambda found: _rounded_text(found[0]), value)
    if isinstance(value, np.ndarray):
        return _rounded_array(value)
    if isinstance(value, dict):
        return {key: SECONDS if key == "seconds" else rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(rounded(one) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return dataclasses.replace(value, **rounded({name: getattr(value, name) for name in names}))
    return value


def _rounded_text(number: str) -> str:
    """As many characters: `2.300000` for `2.348221`."""
    places = len(number) - number.index(".") - 1
    return f"{float(f'{float(number):.1e}'):.{places}f}"


def _rounded_array(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    if array.dtype.kind != "f":
        return array
    with np.errstate(all="ignore"):
        scale = 10.0 ** (np.floor(np.log10(np.abs(array.astype(np.float64)))) - 1)
        found = np.where((array == 0) | ~np.isfinite(array), array, np.round(array / scale) * scale)
    return found.astype(array.dtype)


def made_up_run(home: Path, run_id: str = "20260101-101010-aaaa", **options: Any) -> MadeUpRun:
    """It began an hour before NOW."""
    given: dict[str, Any] = {"name": "my run", "begun": NOW - 3600.0}
    return MadeUpRun(home, run_id, **given | options)


def run_with_checkpoints(home: Path, **options: Any) -> MadeUpRun:
    """A run at the end of its second epoch, with three checkpoints, files without content."""
    made = made_up_run(home, **options)
    made.train([1, 2])
    folder = made.folder.checkpoints
    folder.mkdir()
    for entry in ENTRIES:
        (folder / entry.file).write_bytes(b"")
        os.utime(folder / entry.file, (entry.t, entry.t))
        made.add(ev.CheckpointSaved(file=entry.file, epoch=entry.epoch, step=entry.step, bytes=entry.bytes, sha256=""))
    manifest.write(made.folder, ENTRIES)
    return made


def layer_stats(epoch: int, step: int, gradient: float) -> ev.LayerStats:
    """The layers at one step."""
    return ev.LayerStats(
        epoch=epoch, step=step,
        parameters={
            "0.weight": ev.ParameterStats(gradient, 13.0, 1e-3), "0.bias": ev.ParameterStats(gradient / 10, 0.5, 2e-3),
        },
        activations={"0": ev.ActivationStats(0.01, 0.2, 0.0, None), "1": ev.ActivationStats(0.1, 0.1, 0.45, 0.125)},
    )  # fmt: skip


def weights_file(path: Path, *, added: float = 0.0) -> Path:
    """A training checkpoint of NETWORK. `added`: to every number of its layer `out`."""
    state = runpy.run_path("small.py")["Small"]().state_dict()
    state = {name: weight + (added if name.startswith("out") else 0) for name, weight in state.items()}
    torch.save({"model_state_dict": state, "epoch": 3, "loss": 0.5}, path)
    os.utime(path, (NOW - 600, NOW - 600))
    return path


def validated_run(home: Path, run_id: str = "20260101-101010-abcd") -> MadeUpRun:
    """A run whose validation images have stopped it: its best epoch is the fourth, and the test set came at its end."""
    run = MadeUpRun(home, run_id, name="held out", dead=True, val=600, patience=1)
    run.train(range(1, 5), "val")
    run.add(
        progress(5, STEPS),
        ev.EpochFinished(epoch=5, loss=1.0, seconds=2.0, samples_per_s=3200.0),
        dataclasses.replace(evaluated(3), epoch=5, split="val"),
        dataclasses.replace(evaluated(2), epoch=4),
        dataclasses.replace(evaluated(1), epoch=5),
    )
    run.add(ev.Finished(epochs=5, seconds=10, early="the validation accuracy has not improved for 1 epoch"))
    return run

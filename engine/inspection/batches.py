"""A batch as the training loop gets it, and how long a batch takes in each way of making it."""

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine import device as devices
from engine.data.dataset import Dataset
from engine.data.loader import Batches, LoaderBatches, make_batches
from engine.inspection.dataset_cache import dataset
from engine.inspection.transform_steps import shown
from engine.progress import Progress
from engine.training.pipelines import transforms_of
from engine.worker.request import Answer

FIELDS = (
    "dataset", "data_dir", "split", "transform", "batch_size", "shuffle", "seed", "epoch", "number", "device",
    "workers",
)  # fmt: skip
WORKERS = (0, 1, 2)
TIMED = 50  # batches of each way, after the first
TIMED_S = 4.0  # seconds a way takes at most


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`dataset`, `data_dir`, `split`, `transform`, `batch_size`, `shuffle`, `seed`, `epoch`, `number`, `device`,
    `workers` (None: as training makes them).

    The answer: `shape`, `dtype`, `device` of X and `label_shape`, `label_dtype` of y, `low`, `high`, `batches` (in an
    epoch), `way`, `seconds` (to make this batch), `stretched`; arrays `images` uint8 [B, H, W] or [B, H, W, 3],
    `labels` and `indices` int64 [B].
    """
    data = dataset(home, values)
    batches = _batches(data, values)
    batches.set_epoch(int(values["epoch"]))
    number = min(int(values["number"]), len(batches) - 1)
    order = _order(batches)
    begun = time.perf_counter()
    X, y = next(iter(batches.batches(number)))
    _wait(X)
    seconds = time.perf_counter() - begun
    size = batches.batch_size
    indices = order[number * size : number * size + len(y)]
    images, stretched = _pictures(X.cpu())
    answer = {
        "shape": list(X.shape), "dtype": str(X.dtype), "device": str(X.device), "label_shape": list(y.shape),
        "label_dtype": str(y.dtype), "low": float(X.min()), "high": float(X.max()), "batches": len(batches),
        "number": number, "way": batches.kind, "seconds": seconds, "stretched": stretched,
    }  # fmt: skip
    return Answer(answer, {"images": images, "labels": y.cpu().numpy(), "indices": indices.numpy()})


@lru_cache(maxsize=2)
def of(home: Path, asked: str) -> tuple[torch.Tensor, torch.Tensor]:
    """X [B, C, H, W] and y [B] of a request as JSON, made once: what is drawn stays as it was drawn."""
    values = json.loads(asked)
    made = _batches(dataset(home, values), values)
    made.set_epoch(int(values["epoch"]))
    X, y = next(iter(made.batches(min(int(values["number"]), len(made) - 1))))
    return X, y


def timings(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """The same request; `ways` is a list of [name, seconds a batch, batches timed], the resident batches among them
    where the pipeline allows them. The first batch of each, which starts the workers, is left out."""
    data = dataset(home, values)
    ways: list[tuple[str, Mapping[str, Any]]] = [
        (f"DataLoader, num_workers={workers}", {**values, "workers": workers}) for workers in WORKERS
    ]
    if transforms_of(values["transform"]).train is None:
        ways.insert(0, ("resident", {**values, "workers": None}))
    found = []
    for done, (name, asked) in enumerate(ways):
        tell(done, len(ways))
        batches = iter(_batches(data, asked))
        X, _ = next(batches)
        _wait(X)
        begun, timed = time.perf_counter(), 0
        for made in batches:
            X, timed = made[0], timed + 1
            if timed == TIMED or time.perf_counter() - begun > TIMED_S:
                break
        _wait(X)
        found.append((name, (time.perf_counter() - begun) / max(1, timed), timed))
        del batches
    tell(len(ways), len(ways))
    return Answer({"ways": found})


def _batches(data: Dataset, values: Mapping[str, Any]) -> Batches:
    split, found = data.splits[values["split"]], transforms_of(values["transform"])
    device = devices.resolve(values["device"])
    training = split.name == "train"
    shared: dict[str, Any] = {
        "batch_size": int(values["batch_size"]), "device": device, "shuffle": bool(values["shuffle"]),
        "seed": int(values["seed"]),
    }  # fmt: skip
    transform = found.train if training else found.test
    workers = values.get("workers")
    if workers is None:
        return make_batches(split, data.classes, transform=transform, after=found.after, **shared)
    if transform is None and found.pipeline is not None:
        transform = found.pipeline.train if training else found.pipeline.test
    return LoaderBatches(split, data.classes, transform=transform, num_workers=int(workers), **shared)


def _order(batches: Batches) -> torch.Tensor:
    """The indices of the epoch, in the order in which its batches have them."""
    if not batches.shuffle:
        return torch.arange(batches.samples)
    generator = torch.Generator()
    generator.set_state(batches.order)
    return torch.randperm(batches.samples, generator=generator)


def _pictures(X: torch.Tensor) -> tuple[np.ndarray[Any, Any], bool]:
    """All images of a batch with the same stretching."""
    count, channels, height, width = X.shape
    # As one tall image, so that one is as dark beside another as it is for the network.
    tall, stretched = shown(X.transpose(0, 1).reshape(channels, count * height, width))
    return tall.reshape(count, height, *tall.shape[1:]), stretched


def _wait(X: torch.Tensor) -> None:
    if X.device.type == "cuda":
        torch.cuda.synchronize(X.device)

"""A batch as the training loop gets it, and how long a batch takes from each loader."""

import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from engine import device as devices
from engine.data.dataset import Bytes, Dataset
from engine.data.dataset_cache import dataset
from engine.data.loader import Batches, LoaderBatches, make_batches
from engine.inspection.batch_requests import (
    BatchAnswer,
    BatchRequest,
    LoaderTiming,
    LoaderTimings,
    LoaderTimingsRequest,
)
from engine.inspection.transform_steps import displayable
from engine.progress import Progress
from engine.training.pipelines import transforms_of

WORKERS = (0, 1, 2)
TIMED = 50  # batches of each loader, after the first
TIMED_S = 4.0  # seconds a loader takes at most


def compute(home: Path, request: BatchRequest, progress: Progress) -> BatchAnswer:
    """The worker process's part. Raises EngineError."""
    batches = _batches(dataset(request.dataset, request.data_dir, home), request)
    batches.set_epoch(request.epoch)
    number = min(request.number, len(batches) - 1)
    order = _order(batches)
    begun = time.perf_counter()
    X, y = next(iter(batches.batches(number)))
    _wait(X)
    seconds = time.perf_counter() - begun
    size = batches.batch_size
    images, stretched = _pictures(X.cpu())
    return BatchAnswer(
        shape=tuple(X.shape),
        dtype=str(X.dtype),
        device=str(X.device),
        low=float(X.min()),
        high=float(X.max()),
        label_shape=tuple(y.shape),
        label_dtype=str(y.dtype),
        number=number,
        batches=len(batches),
        loader=batches.kind,
        seconds=seconds,
        stretched=stretched,
        images=images,
        labels=y.cpu().numpy(),
        indices=order[number * size : number * size + len(y)].numpy(),
    )


@lru_cache(maxsize=2)
def tensors(home: Path, request: BatchRequest) -> tuple[torch.Tensor, torch.Tensor]:
    """X [B, C, H, W] and y [B] of a request, made once, so that random transforms are not drawn again."""
    batches = _batches(dataset(request.dataset, request.data_dir, home), request)
    batches.set_epoch(request.epoch)
    X, y = next(iter(batches.batches(min(request.number, len(batches) - 1))))
    return X, y


def timings(home: Path, request: LoaderTimingsRequest, progress: Progress) -> LoaderTimings:
    """The worker process's part; `progress` counts loaders. Raises EngineError."""
    asked = request.batch
    data = dataset(asked.dataset, asked.data_dir, home)
    loaders: list[tuple[str, int | None]] = [(f"DataLoader, num_workers={workers}", workers) for workers in WORKERS]
    if transforms_of(asked.transform).train is None:
        loaders.insert(0, ("resident", None))
    found = []
    for done, (name, workers) in enumerate(loaders):
        progress(done, len(loaders))
        found.append(LoaderTiming(name, *_timed(_batches(data, replace(asked, num_workers=workers)))))
    progress(len(loaders), len(loaders))
    return LoaderTimings(tuple(found))


def _timed(batches: Batches) -> tuple[float, int]:
    """Seconds per batch, and how many batches that is the mean of."""
    made = iter(batches)
    X, _ = next(made)
    _wait(X)
    begun, timed = time.perf_counter(), 0
    for batch in made:
        X, timed = batch[0], timed + 1
        if timed == TIMED or time.perf_counter() - begun > TIMED_S:
            break
    _wait(X)
    return (time.perf_counter() - begun) / max(1, timed), timed


def _batches(data: Dataset, request: BatchRequest) -> Batches:
    split, found = data.splits[request.split], transforms_of(request.transform)
    device = devices.resolve(request.device)
    training = split.name == "train"
    transform = found.train if training else found.test
    if request.num_workers is None:
        return make_batches(
            split, data.classes, batch_size=request.batch_size, device=device, shuffle=request.shuffle,
            seed=request.seed, transform=transform, after=found.after,
        )  # fmt: skip
    if transform is None and found.pipeline is not None:
        transform = found.pipeline.train if training else found.pipeline.test
    return LoaderBatches(
        split, data.classes, batch_size=request.batch_size, device=device, shuffle=request.shuffle,
        seed=request.seed, transform=transform, num_workers=request.num_workers,
    )  # fmt: skip


def _order(batches: Batches) -> torch.Tensor:
    """The indices of the epoch, in the order in which its batches have them."""
    if not batches.shuffle:
        return torch.arange(batches.samples)
    generator = torch.Generator()
    generator.set_state(batches.order)
    return torch.randperm(batches.samples, generator=generator)


def _pictures(X: torch.Tensor) -> tuple[Bytes, bool]:
    """All images of a batch, scaled alike."""
    count, channels, height, width = X.shape
    # As one tall image, so that all are scaled by the same minimum and maximum.
    tall, stretched = displayable(X.transpose(0, 1).reshape(channels, count * height, width))
    return tall.reshape(count, height, *tall.shape[1:]), stretched


def _wait(X: torch.Tensor) -> None:
    if X.device.type == "cuda":
        torch.cuda.synchronize(X.device)

"""A batch as the training loop gets it, and how long a batch takes from each loader."""

import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine import device as devices
from engine.data import augmentations, holdout
from engine.data.augment import Augment
from engine.data.dataset import Bytes, Dataset
from engine.data.dataset_cache import dataset
from engine.data.loader import Batches, LoaderBatches, make_batches
from engine.data.transforms import TransformFailedError
from engine.errors import InspectionError
from engine.inspection.batch_requests import (
    BatchAnswer,
    BatchRequest,
    LoaderTiming,
    LoaderTimings,
    LoaderTimingsRequest,
)
from engine.inspection.transform_steps import displayable
from engine.models.user_code import describe
from engine.progress import Progress
from engine.training.pipelines import transforms_of

if TYPE_CHECKING:
    import numpy.typing as npt

WORKERS = (0, 1, 2)
TIMED = 50  # batches of each loader, after the first
TIMED_S = 4.0  # seconds a loader takes at most


def compute(home: Path, request: BatchRequest, progress: Progress) -> BatchAnswer:
    """The worker process's part. Raises EngineError."""
    batches, places = _batches(dataset(request.dataset, request.data_dir, home), request)
    batches.set_epoch(request.epoch)
    number = min(request.number, len(batches) - 1)
    order = _order(batches)
    begun = time.perf_counter()
    X, y = _drawn(batches, number, request)
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
        indices=places[order[number * size : number * size + len(y)].numpy()],
    )


@lru_cache(maxsize=2)
def tensors(home: Path, request: BatchRequest) -> tuple[torch.Tensor, torch.Tensor]:
    """X [B, C, H, W] and y [B] of a request: those that `compute` describes."""
    batches, _ = _batches(dataset(request.dataset, request.data_dir, home), request)
    batches.set_epoch(request.epoch)
    return _drawn(batches, min(request.number, len(batches) - 1), request)


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
        found.append(LoaderTiming(name, *_timed(_batches(data, replace(asked, num_workers=workers))[0])))
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


def _drawn(batches: Batches, number: int, request: BatchRequest) -> tuple[torch.Tensor, torch.Tensor]:
    """The batch; what is random in it depends on the request alone, and is not what a run of this seed draws. Raises
    InspectionError where the transform can't make it."""
    (seed,) = np.random.SeedSequence([request.seed, request.epoch, number]).generate_state(1, np.uint64)
    torch.manual_seed(int(seed))
    try:
        return next(iter(batches.batches(number)))
    except Exception as error:
        if not request.transform:
            raise
        why = f"{error}" if isinstance(error, TransformFailedError) else f"it raised {describe(error)}"
        which = f"{request.split} batch {number + 1}"
        raise InspectionError(f"transform: {request.transform}: {which} can't be made: {why}") from error


def _batches(data: Dataset, request: BatchRequest) -> tuple[Batches, "npt.NDArray[np.int64]"]:
    """And which images of the split they have, in the files' order: int64 [n], ascending."""
    split, found = data.splits[request.split], transforms_of(request.transform)
    device = devices.resolve(request.device)
    training = split.name == "train"
    places = np.arange(len(split))
    if training and (wanted := holdout.parse(request.val)):
        held_out = holdout.split_off(split, wanted)
        split, places = held_out.train, np.delete(places, held_out.indices)
    transform = found.train if training else found.test
    steps = augmentations.parse(request.augment) if training else ()
    augment = Augment(steps) if steps else None
    if request.num_workers is None:
        return make_batches(
            split, data.classes, batch_size=request.batch_size, device=device, shuffle=request.shuffle,
            seed=request.seed, transform=transform, after=found.after, augment=augment,
        ), places  # fmt: skip
    after = found.after if augment else None  # it comes behind the augmentation
    if transform is None and after is None and found.pipeline is not None:
        transform = found.pipeline.train if training else found.pipeline.test
    return LoaderBatches(
        split, data.classes, batch_size=request.batch_size, device=device, shuffle=request.shuffle,
        seed=request.seed, transform=transform, num_workers=request.num_workers, augment=augment,
        after=after,
    ), places  # fmt: skip


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

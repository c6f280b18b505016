"""One image through a pipeline of transforms, step by step, as training would put it through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.data import augmentations
from engine.data.augment import Augment
from engine.data.dataset import Bytes
from engine.data.dataset_cache import dataset
from engine.data.transforms import TransformFailedError
from engine.errors import InspectionError
from engine.inspection.batch_requests import PipelineRequest, PipelineTrace, StepResult
from engine.progress import Progress
from engine.training.pipelines import Transforms, transforms_of


def compute(home: Path, request: PipelineRequest, progress: Progress) -> PipelineTrace:
    """The worker process's part. Raises InspectionError where the pipeline fails on this image, naming the step, and
    ConfigError for a text that is not a pipeline, ValueError for one that is no augmentation."""
    data = dataset(request.dataset, request.data_dir, home)
    split, index = data.splits[request.split], request.index
    found = transforms_of(request.transform)
    image, label = Image.fromarray(split.images[index]), int(split.labels[index])
    steps, draws, stretched = [_result("the image", image)], [], False
    try:
        for draw in range(request.draws):
            torch.manual_seed(request.seed + draw)
            traced = list(_traced(found, request, image, len(split), draw))
            if draw == 0:
                steps += [_result(*one) for one in traced]
            output, outside = displayable(traced[-1][1])
            draws.append(output)
            stretched = stretched or outside
    except TransformFailedError as error:
        error.sample = f"{split.name} image {index}"
        raise InspectionError(f"transform: {error}") from error
    except InspectionError:
        raise
    except Exception as error:
        if found.pipeline is not None or found.train is None:
            raise
        what = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
        raise InspectionError(f"transform: {request.transform} raised {what} ({split.name} image {index})") from error
    loader = _loader_words(request.transform, resident=found.train is None)
    hot = tuple(one_hot(label, len(data.classes)).tolist())
    return PipelineTrace(tuple(steps), loader, label, hot, tuple(draws), stretched)


def _traced(
    found: Transforms, request: PipelineRequest, image: Image.Image, samples: int, draw: int
) -> Iterator[tuple[str, Any, bool]]:
    """What each step is called, what it gives, and whether it is random. Augmentations come where training has them:
    before what the pipeline does to whole batches, else behind it. Raises InspectionError where they can't be
    applied."""
    pipeline = found.pipeline
    for_each, for_batches = slice(None), slice(0)
    if pipeline is not None and pipeline.batchable:  # ToTensor is for each image
        for_each, for_batches = slice(1), slice(1, None)
    value: Any = image
    if pipeline is not None:
        for step, value in pipeline.trace(image, for_each):
            yield str(step), value, step.random
    elif found.train is not None:
        value = found.train(image)
        yield request.transform, value, False
    else:
        value = _to_tensor(image)
        yield "ToTensor()", value, False
    index = torch.tensor([request.index])
    for augmentation in augmentations.parse(request.augment):
        if isinstance(value, np.ndarray):  # a DataLoader makes a tensor of it
            value = torch.from_numpy(value)
        if not isinstance(value, torch.Tensor) or value.ndim != 3:
            what = f"{list(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise InspectionError(f"augment: {request.transform} gives {what}, not a tensor [channels, height, width]")
        once = Augment((augmentation,))
        value = once(value[None], index, epoch=0, seed=request.seed + draw, samples=samples)[0]
        yield str(augmentation), value, True
    if pipeline is not None:
        for step, result in pipeline.trace(value, for_batches):
            yield str(step), result, step.random


def one_hot(label: int, classes: int) -> torch.Tensor:
    """The tutorial's target transform: float32 [classes], 1 at the label. It is
    `Lambda(lambda y: torch.zeros(10, dtype=torch.float).scatter_(0, torch.tensor(y), value=1))`."""
    return torch.zeros(classes, dtype=torch.float).scatter_(0, torch.tensor(label), value=1)


def displayable(value: Any) -> tuple[Bytes, bool]:
    """An image for the screen: uint8 [H, W] or [H, W, 3]; and whether its minimum was mapped to 0 and its maximum to
    255, because there are values outside 0 to 1. Raises InspectionError for what is not an image."""
    array = np.asarray(_pixels(value) if isinstance(value, Image.Image) else value)
    if array.ndim == 3:
        array = array.transpose(1, 2, 0)
        array = array[:, :, :3] if array.shape[2] >= 3 else array[:, :, 0]
    if array.ndim != 2 and array.shape[2:] != (3,):
        raise InspectionError(f"transform: the output has the shape {list(array.shape)}, which is not an image")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array), False
    real = np.nan_to_num(array.astype(np.float64))
    low, high = float(real.min(initial=0)), float(real.max(initial=0))
    if low >= 0 and high <= 1:
        return (real * 255).round().astype(np.uint8), False
    low = float(real.min())
    return ((real - low) * (255 / max(high - low, 1e-12))).round().astype(np.uint8), True


def _pixels(image: Image.Image) -> torch.Tensor:
    """As they are, [channels, H, W]. torchvision takes as long to import as torch does: only who needs it waits."""
    from torchvision.transforms.v2 import functional

    pixels: torch.Tensor = functional.pil_to_tensor(image)
    return pixels


def _to_tensor(image: Any) -> Any:
    from torchvision.transforms import ToTensor

    return ToTensor()(image)


def _result(name: str, value: Any, random: bool = False) -> StepResult:
    array = np.asarray(value)
    kind, dtype = type(value).__name__, str(getattr(value, "dtype", array.dtype))
    if isinstance(value, Image.Image):
        kind, dtype = "PIL image", f"{array.dtype}, mode {value.mode}"
    real = array.astype(np.float64)
    return StepResult(
        name, kind, dtype, tuple(array.shape), float(real.min()), float(real.max()), float(real.mean()), random,
    )  # fmt: skip


def _loader_words(transform: str, *, resident: bool) -> str:
    if not transform:
        return "training divides a whole batch by 255 on the device: the same numbers as ToTensor, bit for bit"
    if resident:
        return "training applies this to whole batches, on the device"
    return "training applies this to each image, in a DataLoader"

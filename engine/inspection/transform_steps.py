"""One image through a pipeline of transforms, step by step, as training would put it through."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from engine.data.dataset import Bytes
from engine.data.transforms import Step, TransformFailedError
from engine.errors import InspectionError
from engine.inspection.dataset_cache import dataset
from engine.progress import Progress
from engine.training.pipelines import transforms_of
from engine.worker.request import Answer


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """`dataset`, `data_dir`, `split`, `index`, `transform`, `seed`, `draws`.

    The answer has `steps`: of the first draw the image as it is and after each step, with `name`, `type`, `dtype`,
    `shape`, `low`, `high`, `mean`, `random`; `way`: how training makes its batches of this pipeline; `label`; and the
    arrays `draw0`, `draw1`, …: what comes out with the seeds `seed`, `seed` + 1, …; each [H, W] or [H, W, 3] uint8,
    its lowest value black and its highest white where it lies outside 0 to 1 (then `stretched`).
    Raises InspectionError where the pipeline fails on this image, naming the step, ConfigError where it is none.
    """
    data = dataset(home, values)
    split, index = data.splits[values["split"]], int(values["index"])
    found = transforms_of(values["transform"])
    image, label = Image.fromarray(split.images[index]), int(split.labels[index])
    steps, arrays, stretched = [_told("the image", image)], {}, False
    try:
        for draw in range(int(values["draws"])):
            torch.manual_seed(int(values["seed"]) + draw)
            traced: list[tuple[Step | None, Any]]
            if found.pipeline is not None:
                traced = list(found.pipeline.trace(image))
            elif found.train is not None:
                traced = [(None, found.train(image))]
            else:
                traced = [(Step("ToTensor"), _to_tensor(image))]
            if draw == 0:
                steps += [_told(str(step or values["transform"]), result, step) for step, result in traced]
            arrays[f"draw{draw}"], outside = shown(traced[-1][1])
            stretched = stretched or outside
    except TransformFailedError as error:
        error.sample = f"{split.name} image {index}"
        raise InspectionError(f"transform: {error}") from error
    except Exception as error:
        if found.pipeline is not None or found.train is None:
            raise
        what = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
        raise InspectionError(f"transform: {values['transform']} raised {what} ({split.name} image {index})") from error
    return Answer(
        {
            "steps": steps,
            "way": _way(values["transform"], resident=found.train is None),
            "label": label,
            "one_hot": one_hot(label, len(data.classes)).tolist(),
            "stretched": stretched,
        },
        arrays,
    )


def one_hot(label: int, classes: int) -> torch.Tensor:
    """The tutorial's target transform: float32 [classes], 1 at the label. It is
    `Lambda(lambda y: torch.zeros(10, dtype=torch.float).scatter_(0, torch.tensor(y), value=1))`."""
    return torch.zeros(classes, dtype=torch.float).scatter_(0, torch.tensor(label), value=1)


def shown(value: Any) -> tuple[Bytes, bool]:
    """An image for the screen: uint8 [H, W] or [H, W, 3]; and whether its values had to be stretched for that."""
    array = np.asarray(functional.pil_to_tensor(value) if isinstance(value, Image.Image) else value)
    if array.ndim == 3:
        array = array.transpose(1, 2, 0)
        array = array[:, :, :3] if array.shape[2] >= 3 else array[:, :, 0]
    if array.ndim != 2 and array.shape[2:] != (3,):
        raise InspectionError(f"transform: what comes out has the shape {list(array.shape)}, which is no image")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array), False
    real = np.nan_to_num(array.astype(np.float64))
    low, high = float(real.min(initial=0)), float(real.max(initial=0))
    if low >= 0 and high <= 1:
        return (real * 255).round().astype(np.uint8), False
    low = float(real.min())
    return ((real - low) * (255 / max(high - low, 1e-12))).round().astype(np.uint8), True


def _to_tensor(image: Any) -> Any:
    from torchvision.transforms import ToTensor

    return ToTensor()(image)


def _told(name: str, value: Any, step: Step | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "type": type(value).__name__, "random": step is not None and step.random}
    if isinstance(value, Image.Image):
        array = np.asarray(value)
        told |= {"type": "PIL image", "dtype": f"{array.dtype}, mode {value.mode}"}
    else:
        array = np.asarray(value)
        told["dtype"] = str(getattr(value, "dtype", array.dtype))
    real = array.astype(np.float64)
    return told | {
        "shape": list(array.shape), "low": float(real.min()), "high": float(real.max()), "mean": float(real.mean()),
    }  # fmt: skip


def _way(transform: str, *, resident: bool) -> str:
    if not transform:
        return "training divides a whole batch by 255 on the device: the same numbers as ToTensor, bit for bit"
    if resident:
        return "training does this with whole batches, on the device"
    return "training does this image by image, through a DataLoader"

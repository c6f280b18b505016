"""The images that are sent through a network: one, as it is or edited, or a batch of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.data.dataset import Bytes, Split
from engine.data.loader import make_batches
from engine.errors import InspectionError
from engine.inspection.networks import Network
from engine.training.pipelines import transforms_of


@dataclass(frozen=True, eq=False)
class Sample:
    """One image for a network."""

    split: str
    index: int
    label: int
    image: Bytes  # [H, W] or [H, W, 3] uint8, with the edits
    X: torch.Tensor  # [1, C, H, W], as the network gets it


def sample(found: Network, values: Mapping[str, Any]) -> Sample:
    """The image `index` of `split`, with `edits` (see `edited`), through the test set's transforms.

    Raises InspectionError where there is no such image, or the network has no data or no values.
    """
    split = _split(found, values)
    index = int(values["index"])
    if not 0 <= index < len(split):
        raise InspectionError(f"the {split.name} set has no image {index}: its indices go from 0 to {len(split) - 1}")
    image = edited(split.images[index], values.get("edits") or ())
    one = Split(split.name, image[None], split.labels[index : index + 1])
    return Sample(split.name, index, int(split.labels[index]), image, _tensors(found, one)[0])


def batch(found: Network, values: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` images of `split` from `index` on, in the files' order: X [N, C, H, W], and y [N] int64."""
    split = _split(found, values)
    first = min(max(0, int(values.get("index", 0))), len(split) - 1)
    last = min(len(split), first + int(values.get("count", 64)))
    return _tensors(found, Split(split.name, split.images[first:last], split.labels[first:last]))


def edited(image: Bytes, edits: Iterable[Sequence[Any]]) -> Bytes:
    """The image after the edits, one after another: `["pixel", row, column, level]`, `["shift", down, right]` (what
    comes in is black), `["invert"]`."""
    made: Bytes = np.array(image)
    for kind, *numbers in edits:
        if kind == "pixel":
            row, column, level = numbers
            made[row, column] = level
        elif kind == "shift":
            made = _shifted(made, *numbers)
        elif kind == "invert":
            made = 255 - made
        else:
            raise InspectionError(f"{kind!r} is no edit")
    return made


def _shifted(image: Bytes, down: int, right: int) -> Bytes:
    height, width = image.shape[:2]
    made = np.zeros_like(image)
    rows, columns = max(0, height - abs(down)), max(0, width - abs(right))
    made[max(0, down) :][:rows, max(0, right) :][:, :columns] = (
        image[max(0, -down) :][:rows, max(0, -right) :][:, :columns]
    )  # fmt: skip
    return made


def _split(found: Network, values: Mapping[str, Any]) -> Split:
    if found.valueless or found.data is None:
        raise InspectionError(
            f"{found.title}: no image can be sent through it; choose one that was trained, or a new one"
        )
    return found.data.splits[values.get("split", "test")]


def _tensors(found: Network, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    assert found.data is not None
    own = transforms_of(found.config.transform)
    batches = make_batches(
        split, found.data.classes, batch_size=len(split), device="cpu", transform=own.test, after=own.after
    )
    X, y = next(iter(batches))
    return X, y

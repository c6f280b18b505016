"""The images that are sent through a network: one, as it is or edited, or a batch of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from engine.data.dataset import Bytes, Split
from engine.data.loader import make_batches
from engine.errors import InspectionError
from engine.inspection.image_requests import Edit, ImageRef, ImagesRef, Invert, PixelEdit, Shift
from engine.inspection.networks import Network
from engine.training.pipelines import transforms_of

NO_VALUES = "it has shapes but no values (PyTorch's meta device)"


@dataclass(frozen=True, eq=False)
class Sample:
    """One image for a network."""

    split: str
    index: int
    label: int
    image: Bytes  # [H, W] or [H, W, 3] uint8, with the edits
    X: torch.Tensor  # [1, C, H, W], as the network gets it


def sample(found: Network, image: ImageRef) -> Sample:
    """The image, edited, through the test set's transforms.

    Raises InspectionError where there is no such image, or the network has no data or no values.
    """
    split, index = _split(found, image.split), image.index
    if not 0 <= index < len(split):
        raise InspectionError(f"the {split.name} set has no image {index}: its indices go from 0 to {len(split) - 1}")
    pixels = edited(split.images[index], image.edits)
    one = Split(split.name, pixels[None], split.labels[index : index + 1])
    return Sample(split.name, index, int(split.labels[index]), pixels, _tensors(found, one)[0])


def batch(found: Network, images: ImagesRef) -> tuple[torch.Tensor, torch.Tensor]:
    """As many of the images as there are: X [N, C, H, W], and y [N] int64."""
    split = _split(found, images.split)
    first = min(max(0, images.index), len(split) - 1)
    last = min(len(split), first + images.count)
    return _tensors(found, Split(split.name, split.images[first:last], split.labels[first:last]))


def edited(image: Bytes, edits: Iterable[Edit]) -> Bytes:
    """A copy of the image after the edits, one after another."""
    made: Bytes = np.array(image)
    for edit in edits:
        match edit:
            case PixelEdit(row, column, level):
                made[row, column] = level
            case Shift(down, right):
                made = _shifted(made, down, right)
            case Invert():
                made = 255 - made
    return made


def _shifted(image: Bytes, down: int, right: int) -> Bytes:
    height, width = image.shape[:2]
    made = np.zeros_like(image)
    rows, columns = max(0, height - abs(down)), max(0, width - abs(right))
    made[max(0, down) :][:rows, max(0, right) :][:, :columns] = (
        image[max(0, -down) :][:rows, max(0, -right) :][:, :columns]
    )  # fmt: skip
    return made


def _split(found: Network, name: str) -> Split:
    if found.valueless:
        raise InspectionError(f"no image can be sent through it: {NO_VALUES}")
    if found.data is None:
        size = " × ".join(map(str, found.shape))
        raise InspectionError(f"no image can be sent through it: it is for images of {size}, and no data set here is")
    return found.data.splits[name]


def _tensors(found: Network, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    assert found.data is not None
    own = transforms_of(found.config.transform)
    batches = make_batches(
        split, found.data.classes, batch_size=len(split), device="cpu", transform=own.test, after=own.after
    )
    X, y = next(iter(batches))
    return X, y

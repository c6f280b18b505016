"""Data sets of the program as PyTorch's."""

import operator
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, SupportsIndex

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from engine.data.dataset import Dataset as Data
from engine.data.open_dataset import open_dataset
from engine.errors import DataError
from engine.training.config import absolute_dataset, parse
from fmnist_tui.places import PathLike, folder_of, function_of, home_of, text_of
from fmnist_tui.spoken import in_python

Transform = Callable[[Any], Any]


class ImageDataset(Dataset[tuple[Any, Any]]):
    """A split of a data set, as torchvision's `FashionMNIST` is one: `self[i]` is an image and its label.

    The image is a PIL image (mode L, or RGB of data in colour) that `transform` is applied to, the label an int that
    `target_transform` is applied to. An index below 0 counts from the end.
    """

    def __init__(
        self,
        data: Data,
        split: Literal["train", "test"],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        if split not in tuple(data.splits):
            raise DataError(f"there is no split {split!r}; there are {' and '.join(data.splits)}")
        self.name, self.split = data.name, split
        self.classes: tuple[str, ...] = data.classes  # the name of each label
        self.demo = data.demo  # whether the program drew the images itself
        self.images = data.splits[split].images  # [N, H, W] or [N, H, W, 3] uint8, read-only
        self.targets = torch.from_numpy(data.splits[split].labels.astype(np.int64))  # [N] int64
        self.transform = function_of(transform, "transform")
        self.target_transform = function_of(target_transform, "target_transform")

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: SupportsIndex) -> tuple[Any, Any]:
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} images")
        image: Any = Image.fromarray(np.ascontiguousarray(self.images[index]))
        target: Any = int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        what = "demo data, drawn by the program" if self.demo else self.name
        return f"ImageDataset({what}, {self.split}: {len(self):,} images, {len(self.classes)} classes)"


@in_python
def dataset(
    name: str = "fashion-mnist",
    split: Literal["train", "test"] = "train",
    *,
    transform: Transform | None = None,
    target_transform: Transform | None = None,
    data_dir: PathLike | None = None,
    home: PathLike | None = None,
) -> ImageDataset:
    """A split of a data set. `name`: "fashion-mnist", "demo", "auto" (Fashion-MNIST where it is found, else the demo
    data), or your own: "csv:annotations.csv:images/", "csv:pixels.csv", "folder:PATH/", "idx:PATH/".

    `data_dir`: a torchvision data folder; None: $FMNIST_TUI_DATA, else the home folder's. Nothing is downloaded.
    Raises Error where there is no such data, or it is damaged.
    """
    spelled = absolute_dataset(parse("dataset", text_of(name, 'a data set, such as "fashion-mnist",')))
    return ImageDataset(_opened(spelled, folder_of(data_dir), home_of(home)), split, transform, target_transform)


@lru_cache(maxsize=2)
def _opened(name: str, data_dir: Path | None, home: Path) -> Data:
    return open_dataset(name, data_dir, home)

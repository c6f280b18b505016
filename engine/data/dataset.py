"""What a data set is, once it is open: splits of images and their labels. Imports no torch."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

SIDE = 28  # pixels; an image is SIDE × SIDE


def luminance(images: Bytes) -> Bytes:
    """Images as grey ones: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), as Pillow's mode L. uint8, without the last axis
    of images in colour; grey images as they are."""
    if images.ndim < 4:
        return images
    weighted = images @ np.array([0.299, 0.587, 0.114], np.float32)
    return weighted.round().astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set. The arrays are read-only."""

    name: str  # "train" or "test"
    images: Bytes  # (N, 28, 28) uint8, 0 black to 255 white; or (N, 28, 28, 3) red, green, blue
    labels: Bytes  # (N,) uint8, indices into the data set's classes

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set with its two splits."""

    name: str  # "fashion-mnist", "demo", or the name of a custom data set, such as "folder:/data/mine"
    title: str  # for people: "Fashion-MNIST" or "demo data"
    classes: tuple[str, ...]  # the name of each label
    train: Split
    test: Split
    where: str  # the folder of its files, or "drawn by the program"
    left_out: tuple[str, ...] = ()  # files that could not be read, each with the reason
    notes: tuple[str, ...] = ()  # what else was passed over or decided in reading the data, a line each

    @property
    def demo(self) -> bool:
        """Whether the program drew the images itself."""
        return self.name == "demo"

    @property
    def splits(self) -> Mapping[str, Split]:
        """The splits by name, train first."""
        return {"train": self.train, "test": self.test}

    @cached_property
    def checksum(self) -> str:
        """SHA-256 (hex) over the shapes and bytes of the four arrays, so the same data has the same one in any form.

        Computed on first use: about 30 ms for Fashion-MNIST where the processor has SHA instructions, else 200 ms.
        """
        digest = hashlib.sha256()
        for split in (self.train, self.test):
            for array in (split.images, split.labels):
                digest.update(f"{split.name} {'x'.join(map(str, array.shape))}\n".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Preview:
    """The first images of a split: what a first screen shows before the whole data set is open."""

    name: str  # as in Dataset
    title: str
    classes: tuple[str, ...]
    where: str
    split: str  # "train" or "test"
    total: int  # images in the whole split
    images: Bytes  # (n, 28, 28) uint8, or (n, 28, 28, 3)
    labels: Bytes  # (n,) uint8

    @property
    def demo(self) -> bool:
        """Whether the program drew the images itself."""
        return self.name == "demo"

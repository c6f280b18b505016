"""The built-in demo data: drawn by the program, so that it can be tried without a download."""

import numpy as np

from engine.data.contents import SIDE, Bytes, Dataset, Preview, Split
from engine.data.fashion_mnist import CLASSES

NAME = "demo"
TITLE = "demo data"
WHERE = "drawn by the program"
SIZES = {"train": 6_000, "test": 1_000}  # images
CHUNK = 500  # images drawn together; a multiple of the number of classes


def demo_dataset() -> Dataset:
    """The ten garments, 6,000 images to train and 1,000 to test with: the same on every machine."""
    train, test = (Split(split, *_draw(split, 0, size)) for split, size in SIZES.items())
    return Dataset(NAME, TITLE, CLASSES, train, test, WHERE)


def demo_preview(split: str, count: int) -> Preview:
    """The first `count` images of a split; draws no more chunks than these need."""
    images, labels = _draw(split, 0, min(count, SIZES[split]))
    return Preview(NAME, TITLE, CLASSES, WHERE, split, SIZES[split], images, labels)


def _draw(split: str, start: int, stop: int) -> tuple[Bytes, Bytes]:
    rng = np.random.default_rng([0, split == "test"])
    labels = rng.permutation(np.arange(SIZES[split]) % 10).astype(np.uint8)[start:stop]
    images = np.zeros((len(labels), SIDE, SIDE), np.uint8)
    for i, k in enumerate(labels):
        images[i, 4:24, 4 + k : 14 + k] = 200
    return images, labels

"""Figures of a split: how bright each image is, how the classes are filled and look on the average. No torch."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.dataset import Bytes, Split, luminance

CHUNK = 4096  # images at a time, so that a memory-mapped split is not read into memory as a whole


@dataclass(frozen=True, eq=False)
class Statistics:
    """What `of` finds. Pixels are 0 to 255; divided by 255 they are what the network gets. Of images in colour, all but
    `channels` is of their luminance."""

    counts: npt.NDArray[np.int64]  # [classes], images of each
    mean_images: npt.NDArray[np.float64]  # [classes, H, W], each pixel's mean; zeros for an empty class
    spread: npt.NDArray[np.float64]  # [classes], the pixels' standard deviation within the class, mean over the pixels
    brightness: npt.NDArray[np.float32]  # [N], each image's mean pixel
    histogram: npt.NDArray[np.int64]  # [256], pixels of each value
    mean: float  # of all pixels
    std: float  # of all pixels
    channels: tuple[tuple[float, float], ...]  # mean and std of each channel: one of grey images, else three


def brightness(split: Split) -> npt.NDArray[np.float32]:
    """Each image's mean pixel, 0 to 255: float32 [N]. About 30 ms for 60,000 images."""
    pixels = split.images.shape[1] * split.images.shape[2]
    chunks = (luminance(split.images[at : at + CHUNK]) for at in range(0, len(split), CHUNK))
    sums = [images.sum(axis=(1, 2), dtype=np.uint32) for images in chunks]
    return (np.concatenate(sums) / pixels).astype(np.float32) if sums else np.zeros(0, np.float32)


def of(split: Split, classes: int) -> Statistics:
    """All of them; about half a second for 60,000 images: for a thread."""
    shape = split.images.shape[1:3]
    counts = np.bincount(split.labels, minlength=classes).astype(np.int64)
    sums = np.zeros((classes, *shape))
    squares = np.zeros((classes, *shape))
    histogram = np.zeros(256, np.int64)
    by_channel = np.zeros((3 if split.images.ndim == 4 else 1, 256), np.int64)
    for at in range(0, len(split), CHUNK):
        stored, labels = split.images[at : at + CHUNK], split.labels[at : at + CHUNK]
        images = luminance(stored)
        for channel, part in enumerate(np.moveaxis(stored, -1, 0) if stored.ndim == 4 else [stored]):
            by_channel[channel] += np.bincount(part.reshape(-1), minlength=256)
        histogram += np.bincount(images.reshape(-1), minlength=256)
        values = images.astype(np.float32)
        for label in np.unique(labels):
            own = values[labels == label]
            sums[label] += own.sum(axis=0, dtype=np.float64)
            squares[label] += np.square(own).sum(axis=0, dtype=np.float64)
    per_class = np.maximum(counts, 1)[:, None, None]
    means = sums / per_class
    deviations = np.sqrt(np.maximum(squares / per_class - means**2, 0.0))
    spread = deviations.reshape(classes, -1).mean(axis=1)
    channels = tuple(map(_moments, by_channel))
    return Statistics(counts, means, spread, brightness(split), histogram, *_moments(histogram), channels)


def _moments(histogram: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Mean and standard deviation of what a histogram of 0 to 255 counts."""
    levels, pixels = np.arange(256, dtype=np.float64), max(1, int(histogram.sum()))
    mean = float(levels @ histogram / pixels)
    return mean, math.sqrt(max(0.0, float(levels**2 @ histogram) / pixels - mean**2))


def accuracies(split: Split, predicted: Bytes, classes: int) -> npt.NDArray[np.float64]:
    """The fraction of each class that `predicted`, uint8 [N], names right: float64 [classes]; NaN where it is empty."""
    right = np.bincount(split.labels[predicted == split.labels], minlength=classes)
    with np.errstate(invalid="ignore"):
        return right / np.bincount(split.labels, minlength=classes)

"""The built-in demo data: ten garments drawn by the program, so that it can be tried without a download.

The same on every machine: made from the raw words of a PCG64 generator, which numpy promises to keep
(https://numpy.org/neps/nep-0019-rng-policy.html), and from arithmetic that is rounded alike everywhere.
"""

from functools import lru_cache

import numpy as np

from engine.data.dataset import SIDE, Bytes, Dataset, Preview, Split
from engine.data.demo.garments import GARMENTS, Dice, Drawing, Plane, cover
from engine.data.fashion_mnist.spec import CLASSES

NAME = "demo"
TITLE = "demo data"
WHERE = "drawn by the program"
SIZES = {"train": 6_000, "test": 1_000}  # images

_SEED = 28
_CHANCES = 48  # random numbers that decide an image's shape and cloth
_GRAIN = SIDE * SIDE // 8  # words of 8 bytes, one byte a pixel
_AT_ONCE = 64  # images drawn together: few enough for the processor's cache


@lru_cache(maxsize=1)
def demo_dataset() -> Dataset:
    """The ten garments, 6,000 images to train and 1,000 to test with. Takes about half a second, and the first time
    only: the arrays are read-only, and of 5 MiB."""
    train, test = (Split(split, *_draw(split, size)) for split, size in SIZES.items())
    return Dataset(NAME, TITLE, CLASSES, train, test, WHERE)


def demo_preview(split: str, count: int) -> Preview:
    """The first `count` images of a split; only these are drawn."""
    images, labels = _draw(split, min(count, SIZES[split]))
    return Preview(NAME, TITLE, CLASSES, WHERE, split, SIZES[split], images, labels)


def _draw(split: str, count: int) -> tuple[Bytes, Bytes]:
    """The first `count` images and labels of a split, read-only."""
    labels = _labels(split)[:count]
    words = _words(split, 1, count * (_CHANCES + _GRAIN)).reshape(count, _CHANCES + _GRAIN)
    chances = (words[:, :_CHANCES] >> 40).astype(np.float32) / np.float32(1 << 24)
    grain = words[:, _CHANCES:].astype("<u8").view(np.uint8).reshape(count, SIDE, SIDE)
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for label, garment in enumerate(GARMENTS):
        (rows,) = np.nonzero(labels == label)
        for first in range(0, len(rows), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            dice = Dice(chances[some])
            x, y = _place(dice)
            images[some] = _weave(dice, garment(dice, x, y), x, y, grain[some])
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def _labels(split: str) -> Bytes:
    """The labels of a split: as many of each class, in an order without order."""
    size = SIZES[split]
    order = np.argsort(_words(split, 0, size), kind="stable")
    return (order % len(CLASSES)).astype(np.uint8)


def _words(split: str, purpose: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The first `count` words of the stream of a split."""
    stream = np.random.PCG64(np.random.SeedSequence([_SEED, list(SIZES).index(split), purpose]))
    words: np.ndarray[tuple[int], np.dtype[np.uint64]] = stream.random_raw(count)
    return words


def _place(dice: Dice) -> tuple[Plane, Plane]:
    """The garment's own coordinates of each pixel, in pixels: moved, leaning, larger or smaller.

    x counts from the middle to the right, y from the top downwards.
    """
    line = np.arange(SIDE, dtype=np.float32)
    across, down = line[None, None, :] - np.float32(13.5), line[None, :, None] - np.float32(13.5)
    across, down = across - dice.between(-1.5, 1.5), down - dice.between(-1.2, 1.2)
    lean, turn = dice.between(-0.09, 0.09), dice.between(-0.05, 0.05)
    x = (across + lean * down) * dice.between(0.94, 1.12)
    y = (down + turn * across) * dice.between(0.97, 1.1) + 14
    return x, y


def _weave(dice: Dice, drawing: Drawing, x: Plane, y: Plane, grain: Bytes) -> Bytes:
    """The garment in its cloth: uint8 (n, 28, 28)."""
    across = dice.yes(0.5)
    period = dice.between(2.5, 6)
    wave = np.abs(np.where(across, y, x) % period - period / 2) / period  # 0 to 1/2
    stripes = np.where(dice.yes(0.3), dice.between(0.1, 0.9), np.float32(0)) * (wave - np.float32(0.25))
    light = x * dice.between(-0.012, 0.012) + (y - 14) * dice.between(-0.012, 0.012)
    rim = (1 - cover(drawing.inside - 1)) * dice.between(0, 0.35)
    noise = (grain.astype(np.float32) - np.float32(127.5)) * (dice.between(0.05, 0.3) / 255)
    cloth = dice.between(0.4, 0.95) * (drawing.shade + stripes + light - rim + noise)
    return (cover(drawing.inside) * np.clip(cloth, 0.06, 1) * 255 + np.float32(0.5)).astype(np.uint8)

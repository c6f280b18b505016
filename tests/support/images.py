"""A person's images, as files: what custom data sets are made of in tests."""

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.data.dataset import Dataset
from engine.data.open_dataset import open_dataset


def png(path: Path, grey: int = 100) -> Path:
    """A PNG of 28 × 28 pixels of one grey level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (28, 28), grey).save(path, format="PNG")
    return path


def tree(root: Path, folders: Iterable[str], count: int = 5) -> str:
    """So many images in each of these folders below a root; the data set's name."""
    for folder in folders:
        for number in range(count):
            png(root / folder / f"{number}.png", grey=number)
    return f"folder:{root}"


def table(folder: Path, text: str | bytes, names: Iterable[str]) -> str:
    """A CSV file of this text, and images of these names; the data set's name."""
    for number, name in enumerate(names):
        png(folder / "images" / name, grey=number)
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"csv:{path}:{folder / 'images'}"


def idx_file(path: Path, array: npt.NDArray[np.generic], kind: int = 8) -> None:
    """An IDX file; gzipped where its name ends in .gz. `kind`: the number of the elements' type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    data = head + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def striped(raw: Path, train: int = 640, test: int = 130) -> str:
    """So many made-up images of ten classes, each with a bright stripe at the height of its class, in Fashion-MNIST's
    four files in this folder; the data set's name."""
    random = np.random.default_rng(0)
    for name, count in (("train", train), ("t10k", test)):
        labels = (np.arange(count) * 7 % 10).astype(np.uint8)
        images = random.integers(0, 120, (count, 28, 28), dtype=np.uint8)
        for at, label in enumerate(labels):
            images[at, 2 * label + 3 : 2 * label + 5] += 100
        idx_file(raw / f"{name}-images-idx3-ubyte", images)
        idx_file(raw / f"{name}-labels-idx1-ubyte", labels)
    return f"idx:{raw}"


def opened(name: str, home: Path) -> Dataset:
    return open_dataset(name, None, home)


def of_class(data: Dataset) -> dict[str, int]:
    """Samples by class, of both splits."""
    labels = np.concatenate([data.train.labels, data.test.labels])
    return {name: int((labels == number).sum()) for number, name in enumerate(data.classes)}

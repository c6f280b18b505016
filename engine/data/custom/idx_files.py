"""Four IDX files, as MNIST has them, of images of any size."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.data import idx
from engine.data.custom.cache import description
from engine.data.custom.samples import CLASS_NAMES, class_names
from engine.data.custom.spec import Spec
from engine.data.dataset import SIDE, Bytes, Dataset, Split
from engine.errors import DataError


def open_idx(spec: Spec) -> Dataset:
    """The data set. Raises DataError where a file is missing, damaged, or does not fit the others."""
    if not spec.path.is_dir():
        raise DataError(f"{spec.path} is not a folder")
    parts, sizes = {}, set()
    for split, prefixes in (("train", ("train",)), ("test", ("t10k", "test"))):
        images = idx.read_any(_idx_file(spec.path, prefixes, "images", 3), 3)
        labels = idx.read_any(_idx_file(spec.path, prefixes, "labels", 1), 1)
        if len(images) != len(labels):
            raise DataError(f"{spec.path}: {split} has {len(images):,} images but {len(labels):,} labels")
        sizes.add((images.shape[2], images.shape[1]))
        parts[split] = (_to_side(images), labels)
    count = max(int(labels.max()) for _, labels in parts.values()) + 1
    classes = class_names(spec.path / CLASS_NAMES) or tuple(f"class {number}" for number in range(count))
    if count > len(classes):
        raise DataError(f"{spec.path} holds the label {count - 1}, and {CLASS_NAMES} names {len(classes)} classes")
    train, test = (Split(name, *parts[name]) for name in ("train", "test"))
    return Dataset(str(spec), f"{spec.title}{description(frozenset(sizes))}", classes, train, test, str(spec.path))


def _idx_file(folder: Path, prefixes: Sequence[str], holds: str, dimensions: int) -> Path:
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".gz")
        if name.startswith(tuple(prefixes)) and holds in name and f"idx{dimensions}" in name:
            return path
    raise DataError(f"{folder} lacks {prefixes[0]}-{holds}-idx{dimensions}-ubyte (or the same with .gz)")


def _to_side(images: Bytes) -> Bytes:
    if images.shape[1:] == (SIDE, SIDE):
        return images
    from PIL import Image

    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.uint8)
            for image in images
        ]
    )

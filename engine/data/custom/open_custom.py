"""Opening a custom data set: a CSV file with a folder of images, a folder for each class, or any four IDX files.

`spec` says how they are named. Every image becomes SIDE × SIDE, and the title says so; grey where all of them are grey,
else in colour. Imports no torch.
"""

from pathlib import Path

import numpy as np

from engine.data import image_files
from engine.data.custom import cache as image_cache
from engine.data.custom import csv_file, idx_files, image_folder
from engine.data.custom.samples import Listed
from engine.data.custom.spec import Spec, parse
from engine.data.custom.split import testing_mask
from engine.data.dataset import Dataset, Preview, Split
from engine.errors import DataError
from engine.progress import Progress, silent


def open_custom(name: str, cache: Path, progress: Progress = silent) -> Dataset:
    """The data set. Images are read once and kept in `cache`, a folder, until a file changes: 100,000 take half a
    minute the first time. `progress` counts images. Raises DataError with the file, the line and the reason.
    """
    spec = parse(name)
    if spec.kind == "idx":
        return idx_files.open_idx(spec)
    samples, classes = _listed(spec)
    read = image_cache.read_images([sample.path for sample in samples], cache, progress)
    kept = [sample for sample, why in zip(samples, read.problems, strict=True) if why is None]
    left_out = tuple(
        f"{sample.path}: {why}" for sample, why in zip(samples, read.problems, strict=True) if why is not None
    )
    if not kept:
        raise DataError(f"{spec.path}: none of its {len(samples)} images can be read; the first: {left_out[0]}")
    images, labels = read.pixels, np.array([sample.label for sample in kept], np.uint8)
    testing = testing_mask(kept, spec)
    for which, some in (("training", ~testing), ("test", testing)):
        if not some.any():
            raise DataError(f"{spec.path}: no sample is left for the {which} set")
    return Dataset(
        str(spec),
        f"{spec.title}{image_cache.description(read.sizes, colour=images.ndim == 4)}",
        classes,
        Split("train", images[~testing], labels[~testing]),
        Split("test", images[testing], labels[testing]),
        str(spec.path),
        left_out,
    )


def peek(name: str, split: str, count: int) -> Preview:
    """The first images of a split, before all are read. Raises DataError."""
    spec = parse(name)
    if spec.kind == "idx":
        whole = idx_files.open_idx(spec)
        part = whole.splits[split]
        return Preview(
            whole.name,
            whole.title,
            whole.classes,
            whole.where,
            split,
            len(part),
            part.images[:count],
            part.labels[:count],
        )
    samples, classes = _listed(spec)
    wanted = testing_mask(samples, spec) == (split == "test")
    chosen = [sample for sample, want in zip(samples, wanted, strict=True) if want]
    images, labels = [], []
    for sample in chosen[: 2 * count]:
        try:
            images.append(image_files.read(sample.path)[0])
            labels.append(sample.label)
        except DataError:
            continue
        if len(images) == count:
            break
    array = image_cache.stacked(images)
    return Preview(
        str(spec), spec.title, classes, str(spec.path), split, len(chosen), array, np.array(labels, np.uint8)
    )


def _listed(spec: Spec) -> Listed:
    samples, classes = (csv_file if spec.kind == "csv" else image_folder).list_samples(spec)
    if len({sample.label for sample in samples}) < 2:
        raise DataError(f"{spec.path}: all of its {len(samples)} samples are of one class; there is nothing to learn")
    return samples, classes

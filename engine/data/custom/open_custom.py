"""Opening a custom data set: a CSV file with a folder of images or of pixels, a folder for each class, or IDX files.

`spec` says how they are named. Every image becomes SIDE × SIDE, and the title says so; grey where all of them are grey,
else in colour. Imports no torch.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine import garbage
from engine.data.custom import cache as image_cache
from engine.data.custom import csv_file, idx_files, image_folder, pixel_csv
from engine.data.custom.samples import Listing, Sample, without_samples
from engine.data.custom.spec import Spec, parse
from engine.data.custom.split import testing_mask
from engine.data.dataset import Dataset, Preview, Split
from engine.errors import DataError
from engine.progress import Progress, silent
from engine.terminal_text import path_text


def open_custom(name: str, cache: Path, progress: Progress = silent) -> Dataset:
    """The data set. Images are read once and kept in `cache`, a folder, until a file changes: 100,000 take half a
    minute the first time. `progress` counts images. Raises DataError with the file, the line and the reason.
    """
    spec = parse(name)
    with _one_line(spec):
        if (whole := _whole(spec, cache, progress)) is not None:
            return whole
        with garbage.not_collected():
            listing = _listed(spec)
        return _of_files(spec, listing, cache, progress)


def peek(name: str, cache: Path, split: str, count: int, progress: Progress = silent) -> Preview:
    """The first images of a split, before all are read where each has a file. Raises DataError."""
    spec = parse(name)
    with _one_line(spec):
        if (whole := _whole(spec, cache, progress)) is not None:
            part = whole.splits[split]
            return Preview(
                whole.name, whole.title, whole.classes, whole.where, split, len(part), part.images[:count],
                part.labels[:count],
            )  # fmt: skip
        return _first(spec, _listed(spec), split, count)


def _whole(spec: Spec, cache: Path, progress: Progress) -> Dataset | None:
    """A data set whose files hold many images each; None where each has its own."""
    if spec.kind == "idx":
        return idx_files.open_idx(spec)
    if spec.kind == "csv" and (spec.beside is None or spec.beside.is_file()):
        return pixel_csv.open_pixels(spec, cache, progress)
    return None


def _of_files(spec: Spec, listing: Listing, cache: Path, progress: Progress) -> Dataset:
    samples = listing.samples
    read = image_cache.read_images([sample.path for sample in samples], cache, progress)
    kept, left_out = samples, tuple[str, ...]()
    if any(read.problems):
        both = list(zip(samples, read.problems, strict=True))
        kept = [sample for sample, why in both if why is None]
        left_out = tuple([f"{path_text(sample.path)}: {why}" for sample, why in both if why is not None])
    if not kept:
        raise DataError(f"{spec.where}: none of its {len(samples)} images can be read; the first: {left_out[0]}")
    if listing.fixed:
        classes, unread = listing.classes, without_samples([sample.label for sample in kept], listing.classes)
    else:
        kept, classes, unread = _of_readable(kept, listing)
    _check_classes(spec, kept)
    images, labels = read.pixels, np.array([sample.label for sample in kept], np.uint8)
    testing = testing_mask(kept, spec)
    for which, some in (("training", ~testing), ("test", testing)):
        if not some.any():
            raise DataError(f"{spec.where}: no sample is left for the {which} set")
    return Dataset(
        str(spec),
        f"{spec.title}{image_cache.description(read.sizes, colour=images.ndim == 4, scaled=read.scaled)}",
        classes,
        Split("train", images[~testing], labels[~testing]),
        Split("test", images[testing], labels[testing]),
        spec.where,
        (*listing.left_out, *left_out),
        (*listing.notes, *unread, *read.notes),
    )


def _of_readable(kept: list[Sample], listing: Listing) -> tuple[list[Sample], tuple[str, ...], tuple[str, ...]]:
    """The samples that can be read, with their classes alone, and a note of each class that has none."""
    present = sorted({sample.label for sample in kept})
    if len(present) == len(listing.classes):
        return kept, listing.classes, ()
    listed = Counter(sample.label for sample in listing.samples)
    notes = tuple(
        f"{name} is not a class: none of its {listed[number]:,} images can be read"
        for number, name in enumerate(listing.classes)
        if number not in present and listed[number]
    )
    number = {label: at for at, label in enumerate(present)}
    samples = [Sample(sample.path, number[sample.label], sample.split) for sample in kept]
    return samples, tuple(listing.classes[label] for label in present), notes


def _first(spec: Spec, listing: Listing, split: str, count: int) -> Preview:
    wanted = testing_mask(listing.samples, spec) == (split == "test")
    chosen = [sample for sample, want in zip(listing.samples, wanted, strict=True) if want]
    some = chosen[: 2 * count]
    read = image_cache.read_now([sample.path for sample in some], silent)
    labels = [sample.label for sample, why in zip(some, read.problems, strict=True) if why is None]
    return Preview(
        str(spec),
        spec.title,
        listing.classes,
        spec.where,
        split,
        len(chosen),
        read.pixels[:count],
        np.array(labels[:count], np.uint8),
    )


def _listed(spec: Spec) -> Listing:
    listing = csv_file.list_samples(spec) if spec.kind == "csv" else image_folder.list_samples(spec)
    _check_classes(spec, listing.samples)
    return listing


def _check_classes(spec: Spec, samples: list[Sample]) -> None:
    if len({sample.label for sample in samples}) < 2:
        raise DataError(f"{spec.where}: all of its {len(samples)} samples are of one class; there is nothing to learn")


@contextlib.contextmanager
def _one_line(spec: Spec) -> Iterator[None]:
    """What the system refuses, whatever it was asked for, as one line."""
    try:
        yield
    except OSError as error:
        which = path_text(error.filename) if isinstance(error.filename, str | Path) else spec.where
        raise DataError(f"{which} can't be read ({error.strerror or error})") from None

"""The person's own data: a CSV file with a folder of images, a folder for each class, or any four IDX files.

    csv:annotations.csv:images/     file name, label[, train or test]: the tutorial's CustomImageDataset
    folder:path/                    a folder of images for each class; in train/ and test/ where there are these
    idx:path/                       train-images…, train-labels…, t10k-images…, t10k-labels…, as MNIST has them

A `@0.1:7` behind the first two draws a tenth of the samples for testing, by the seed 7, where nothing else says which.
Everything becomes SIDE × SIDE, and says so; grey where all of it is grey, else in colour. Imports no torch.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data import idx, image_files
from engine.data.dataset import SIDE, Bytes, Dataset, Preview, Split
from engine.errors import DataError
from engine.progress import Progress

KINDS = ("csv", "folder", "idx")
NAMES = "classes.txt"  # one class name a line, beside the annotations or the IDX files
TEST_SHARE = 0.2  # of the samples, where nothing else says which are for testing
MOST_CLASSES = 256  # labels are bytes
TOLD_EVERY = 250  # images between two tellings of the progress


@dataclass(frozen=True)
class Spec:
    """What was asked for. Paths are absolute."""

    kind: str
    path: Path
    images: Path | None = None  # of csv
    share: float = TEST_SHARE  # of the samples that are drawn for testing, where nothing else says which are
    seed: int = 0  # of that draw

    def __str__(self) -> str:
        name = ":".join([self.kind, str(self.path), *([str(self.images)] if self.images else [])])
        if (self.share, self.seed) != (TEST_SHARE, 0):
            name += f"@{self.share:g}" + (f":{self.seed}" if self.seed else "")
        return name


@dataclass(frozen=True)
class Sample:
    """An image file with its class, and the split where that is said."""

    path: Path
    label: int
    split: str  # "train", "test", or empty: to be drawn


def parse(name: str) -> Spec:
    """What `csv:…`, `folder:…` or `idx:…` means. Raises DataError where it is none of them."""
    kind, _, rest = name.partition(":")
    share, seed = TEST_SHARE, 0
    if drawn := re.search(r"@(\d*\.?\d+)(?::(\d+))?$", rest):
        rest, share, seed = rest[: drawn.start()], float(drawn[1]), int(drawn[2] or 0)
        if not 0 < share < 1:
            raise DataError(f"{name!r} draws {share:g} of the samples for testing; write a share between 0 and 1: @0.2")
    if kind == "csv":
        annotations, colon, images = rest.rpartition(":")
        if not colon or not annotations or not images:
            raise DataError(f"{name!r} is not of the form csv:annotations.csv:images/")
        return Spec(kind, _absolute(annotations), _absolute(images), share, seed)
    if kind not in KINDS or not rest:
        raise DataError(f"{name!r} is not of the form folder:path/ or idx:path/")
    return Spec(kind, _absolute(rest), None, share, seed)


def open_custom(name: str, cache: Path, tell: Progress = lambda done, total: None) -> Dataset:
    """The data set. Images are read once and kept in `cache`, a folder, until a file changes: 100,000 take half a
    minute the first time. `tell` gets the progress. Raises DataError with the file, the line and the reason.
    """
    spec = parse(name)
    if spec.kind == "idx":
        return _idx(spec)
    samples, classes = _samples(spec)
    images, sizes, left_out = _images([sample.path for sample in samples], cache, tell)
    kept = [sample for sample, why in zip(samples, left_out, strict=True) if why is None]
    problems = tuple(f"{sample.path}: {why}" for sample, why in zip(samples, left_out, strict=True) if why is not None)
    if not kept:
        raise DataError(f"{spec.path}: none of its {len(samples)} images can be read; the first: {problems[0]}")
    labels = np.array([sample.label for sample in kept], np.uint8)
    testing = _testing(kept, spec)
    for which, some in (("training", ~testing), ("test", testing)):
        if not some.any():
            raise DataError(f"{spec.path}: no sample is left for the {which} set")
    title = f"{spec.path.parent.name if spec.kind == 'csv' else spec.path.name} ({spec.kind})"
    return Dataset(
        str(spec),
        f"{title}{_resized(sizes, colour=images.ndim == 4)}",
        classes,
        Split("train", images[~testing], labels[~testing]),
        Split("test", images[testing], labels[testing]),
        str(spec.path),
        problems,
    )


def peek(name: str, split: str, count: int) -> Preview:
    """The first images of a split, before all are read. Raises DataError."""
    spec = parse(name)
    if spec.kind == "idx":
        whole = _idx(spec)
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
    samples, classes = _samples(spec)
    wanted = _testing(samples, spec) == (split == "test")
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
    array = _stacked(images)
    title = f"{spec.path.parent.name if spec.kind == 'csv' else spec.path.name} ({spec.kind})"
    return Preview(str(spec), title, classes, str(spec.path), split, len(chosen), array, np.array(labels, np.uint8))


# Finding the samples


def _samples(spec: Spec) -> tuple[list[Sample], tuple[str, ...]]:
    found, classes = _annotated(spec) if spec.kind == "csv" else _in_folders(spec.path)
    if len({sample.label for sample in found}) < 2:
        raise DataError(f"{spec.path}: all of its {len(found)} samples are of one class; there is nothing to learn")
    return found, classes


def _annotated(spec: Spec) -> tuple[list[Sample], tuple[str, ...]]:
    assert spec.images is not None
    rows = _rows(spec.path)
    if not spec.images.is_dir():
        raise DataError(f"{spec.images} is not a folder of images")
    names = _class_names(spec.path.parent / NAMES)
    samples: list[tuple[Path, str, str, int]] = []
    root = spec.images.resolve()
    for line, row in rows:
        if len(row) < 2:
            raise DataError(f"{spec.path}, line {line}: it has {len(row)} column; file name and label are needed")
        file, label, split = row[0].strip(), row[1].strip(), row[2].strip().lower() if len(row) > 2 else ""
        path = spec.images / file
        if not file or Path(file).is_absolute() or not path.resolve().is_relative_to(root):
            raise DataError(f"{spec.path}, line {line}: {file!r} is not the name of a file inside {spec.images}")
        if split not in ("", "train", "test"):
            raise DataError(f"{spec.path}, line {line}: {split!r} is neither train nor test")
        if not label:
            raise DataError(f"{spec.path}, line {line}: it has no label")
        samples.append((path, label, split, line))
    if not samples:
        raise DataError(f"{spec.path} names no sample")
    numbers = all(label.isdecimal() for _, label, _, _ in samples)
    if numbers:
        count = max(int(label) for _, label, _, _ in samples) + 1
        classes = names or tuple(f"class {number}" for number in range(count))
    else:
        classes = names or tuple(sorted({label for _, label, _, _ in samples}))
    if len(classes) > MOST_CLASSES and not names:
        raise DataError(f"{spec.path} has {len(classes)} classes; at most {MOST_CLASSES} can be told apart here")
    made = []
    for path, label, split, line in samples:
        number = int(label) if numbers else classes.index(label) if label in classes else len(classes)
        if number >= len(classes):
            raise DataError(
                f"{spec.path}, line {line}: the label {label!r} is no class of {NAMES}: {', '.join(classes)}"
            )
        made.append(Sample(path, number, split))
    return made, classes


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The lines of a CSV file that hold samples, each with its number; empty lines and a header are left out."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: it is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror})") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    rows = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: it is not CSV ({error})") from None
    if rows and _is_header(rows[0][1]):
        rows = rows[1:]
    return rows


def _is_header(row: Sequence[str]) -> bool:
    return not Path(row[0].strip()).suffix and row[-1].strip().lower() in (
        "label",
        "labels",
        "class",
        "target",
        "split",
    )


def _in_folders(root: Path) -> tuple[list[Sample], tuple[str, ...]]:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder")
    halves = {"train": root / "train", "test": root / "test"}
    split = all(half.is_dir() for half in halves.values())
    places = halves if split else {"": root}
    classes = tuple(sorted({folder.name for place in places.values() for folder in _class_folders(place)}))
    if not classes:
        raise DataError(f"{root} has no folder for each class in it")
    if len(classes) > MOST_CLASSES:
        raise DataError(f"{root} has {len(classes)} classes; at most {MOST_CLASSES} can be told apart here")
    samples = [
        Sample(path, classes.index(folder.name), name)
        for name, place in places.items()
        for folder in _class_folders(place)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in image_files.SUFFIXES
    ]
    if not samples:
        raise DataError(f"{root} has no image in its class folders ({', '.join(image_files.SUFFIXES)} are read)")
    return samples, classes


def _class_folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _testing(samples: Sequence[Sample], spec: Spec) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which samples are for testing: as said, or else a share of them, drawn."""
    if any(sample.split for sample in samples):
        return np.array([sample.split == "test" for sample in samples])
    drawn = np.random.default_rng(spec.seed).permutation(len(samples)) < round(spec.share * len(samples))
    return np.asarray(drawn)


# Reading the images


def _images(paths: Sequence[Path], cache: Path, tell: Progress) -> tuple[Bytes, set[tuple[int, int]], list[str | None]]:
    """The images that can be read, [n, SIDE, SIDE] or, where any has colour, [n, SIDE, SIDE, 3]; the sizes there were;
    and of each path why it can't be read, None where it can."""
    key = hashlib.sha256(f"2 {SIDE}\n".encode())
    for path in paths:
        try:
            status = path.stat()
            key.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError:
            key.update(f"{path}\0absent\n".encode())
    kept = cache / f"{key.hexdigest()[:32]}.npz"
    try:
        with np.load(kept, allow_pickle=False) as stored:
            sizes = {(int(w), int(h)) for w, h in stored["sizes"]}
            left_out = [str(why) or None for why in stored["left_out"]]
            if len(left_out) == len(paths):
                return stored["images"], sizes, left_out
    except (OSError, ValueError, KeyError):
        pass
    images: list[Bytes] = []
    found: set[tuple[int, int]] = set()
    why_not: list[str | None] = []
    for done, path in enumerate(paths, 1):
        try:
            image, size = image_files.read(path)
            images.append(image)
            found.add(size)
            why_not.append(None)
        except DataError as error:
            why_not.append(str(error))
        if done % TOLD_EVERY == 0 or done == len(paths):
            tell(done, len(paths))
    array = _stacked(images)
    _keep(kept, array, found, why_not)
    return array, found, why_not


def _stacked(images: Sequence[Bytes]) -> Bytes:
    """All in one array: grey where all are, else each with three channels."""
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2) for image in images]
    return np.stack(images) if images else np.zeros((0, SIDE, SIDE), np.uint8)


def _keep(path: Path, images: Bytes, sizes: set[tuple[int, int]], left_out: Sequence[str | None]) -> None:
    """Into the cache; one that can't be written is no cache."""
    from engine import atomic

    buffer = io.BytesIO()
    listed = np.array(sorted(sizes) or np.zeros((0, 2)), np.int64)
    np.savez(buffer, images=images, sizes=listed, left_out=np.array([why or "" for why in left_out], np.str_))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, buffer.getvalue())
    except OSError:
        pass


def _resized(sizes: set[tuple[int, int]], *, colour: bool = False) -> str:
    """What the images are, and what was done to them; nothing where they are grey and were of the right size."""
    others = sorted(size for size in sizes if size != (SIDE, SIDE))
    told = ["in colour"] if colour else []
    if others:
        one = f"{others[0][0]} × {others[0][1]}"
        told.append(f"resized from {one if len(sizes) == 1 else f'{len(others)} sizes'} to {SIDE} × {SIDE}")
    return f", {', '.join(told)}" if told else ""


# IDX


def _idx(spec: Spec) -> Dataset:
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
    classes = _class_names(spec.path / NAMES) or tuple(f"class {number}" for number in range(count))
    if count > len(classes):
        raise DataError(f"{spec.path} holds the label {count - 1}, and {NAMES} names {len(classes)} classes")
    train, test = (Split(name, *parts[name]) for name in ("train", "test"))
    return Dataset(str(spec), f"{spec.path.name} (idx){_resized(sizes)}", classes, train, test, str(spec.path))


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


def _class_names(path: Path) -> tuple[str, ...]:
    """The names of a classes.txt; none where there is no such file."""
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read ({type(error).__name__})") from None
    return tuple(name for name in names if name)


def _absolute(text: str) -> Path:
    return Path(text).expanduser().absolute()

"""Four IDX files, as the MNIST family has them, of images of any size."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine import plain_file
from engine.data import idx
from engine.data.custom.cache import description
from engine.data.custom.samples import CLASS_NAMES, MOST_CLASSES, class_names, named, without_samples
from engine.data.custom.spec import Spec
from engine.data.custom.split import split_of
from engine.data.custom.tree import is_litter
from engine.data.dataset import SIDE, Bytes, Dataset, Split
from engine.errors import DataError
from engine.terminal_text import path_text

# emnist-letters-train-images-idx3-ubyte.gz: the set, the split, what it holds
NAME = re.compile(
    r"(?P<set>.*?)(?P<split>[a-z0-9]+)[-_. ](?P<holds>images|labels)[-_. ]idx[0-9][-_. a-z0-9]*?(\.gz)?", re.IGNORECASE
)
EMNIST = "emnist"


@dataclass
class _Files:
    """The files of one set, by split as it is called in their names, and what they hold."""

    name: str
    splits: dict[str, dict[str, Path]] = field(default_factory=dict)

    def of(self, role: str) -> str:
        """What the split is called of which most is there; a name such as test goes before test10k."""
        calls = [call for call in self.splits if _role(call) == role]
        return max(calls, key=lambda call: (len(self.splits[call]), bool(split_of(call))), default="")

    @property
    def halves(self) -> tuple[str, str]:
        """What the training set and the test set are called; empty where there is none."""
        return self.of("train"), self.of("test") or self.of("val")

    @property
    def whole(self) -> bool:
        return all(len(self.splits.get(half, ())) == 2 for half in self.halves)


def open_idx(spec: Spec) -> Dataset:
    """The data set. Raises DataError where a file is missing, damaged, or does not fit the others."""
    files = _find(spec)
    parts: dict[str, tuple[Bytes, idx.Integers]] = {}
    sizes, notes = set(), list[str]()
    for split, half in zip(("train", "test"), files.halves, strict=True):
        images_path, labels_path = files.splits[half]["images"], files.splits[half]["labels"]
        try:
            images = idx.read_images(images_path)
            labels, numbers = idx.read_labels(labels_path)
        except idx.IdxError as error:
            raise DataError(f"{error}; get the file anew from where it came") from None
        if numbers > 1:
            notes.append(f"{path_text(labels_path.name)} has {numbers} numbers for each image; the first is the label")
        if len(images) != len(labels):
            raise DataError(f"{spec.where}: {split} has {len(images):,} images but {len(labels):,} labels")
        if labels.min() < 0 or labels.max() >= MOST_CLASSES:
            raise DataError(
                f"{path_text(labels_path)} holds labels from {labels.min()} to {labels.max()}; "
                f"0 to {MOST_CLASSES - 1} are possible here"
            )
        sizes.add((images.shape[2], images.shape[1]))
        parts[split] = _to_side(images), labels
    if unused := [call for call in files.splits if call not in files.halves]:
        notes.append(f"not used: {named([f'{files.name}{call}' for call in unused])}")
    every = np.concatenate([labels for _, labels in parts.values()])
    least, most = int(every.min()), int(every.max())
    folder = files.splits[files.halves[0]]["images"].parent
    classes = class_names(folder / CLASS_NAMES) or _mapped(folder / f"{files.name}mapping.txt", most)
    classes = classes or tuple(f"class {number}" for number in range(most + 1))
    if most >= len(classes):
        raise DataError(f"{spec.where} holds the label {most}, and {CLASS_NAMES} names {len(classes)} classes")
    odd = [f"labels from {least} to {most}"] if least > 0 else []
    if EMNIST in f"{files.name}{folder.name}".lower():
        odd.append("images transposed, as EMNIST has them")
    train, test = (Split(name, parts[name][0], parts[name][1].astype(np.uint8)) for name in ("train", "test"))
    title = f"{spec.title}{description(frozenset(sizes), odd=odd)}"
    notes += without_samples(every.tolist(), classes)
    return Dataset(str(spec), title, classes, train, test, spec.where, notes=tuple(notes))


def _find(spec: Spec) -> _Files:
    """The files of the set that is meant: the only one in the folder, or the one whose name the path ends with."""
    folder, wanted = spec.path, ""
    if not folder.is_dir():
        folder, wanted = spec.path.parent, spec.path.name
        if not folder.is_dir() or not any(name.rstrip("-_. ") == wanted for name in _sets(folder)):
            raise DataError(f"{spec.where} is not a folder")
    sets = _sets(folder)
    if wanted:
        sets = {name: files for name, files in sets.items() if name.rstrip("-_. ") == wanted}
    whole = [files for files in sets.values() if files.whole]
    if len(whole) == 1:
        return whole[0]
    if len(whole) > 1:
        names = sorted(files.name.rstrip("-_. ") or "the files without a name before train" for files in whole)
        raise DataError(
            f"{path_text(folder)} holds {len(whole)} sets: {', '.join(map(path_text, names))}; "
            f"name one, such as idx:{path_text(folder / names[-1])}"
        )
    best = max(sets.values(), key=lambda files: sum(map(len, files.splits.values())), default=_Files(""))
    train, test = best.halves
    for call, holds, dimensions in (
        (train or "train", "images", 3),
        (train or "train", "labels", 1),
        (test or "t10k", "images", 3),
        (test or "t10k", "labels", 1),
    ):
        if holds not in best.splits.get(call, ()):
            there = sorted(path_text(path.name) for path in folder.iterdir())
            raise DataError(
                f"{path_text(folder)} lacks {path_text(best.name)}{call}-{holds}-idx{dimensions}-ubyte "
                f"(or the same with .gz); it holds {named(there) or 'nothing'}"
            )
    raise AssertionError(best)


def _sets(folder: Path) -> Mapping[str, _Files]:
    """The sets that have files in a folder, by the beginning of their names. Of a file in both forms, the extracted."""
    sets: dict[str, _Files] = {}
    for path in sorted(folder.iterdir()):
        found = NAME.fullmatch(path.name)
        if found and _role(found["split"]) and not is_litter(path.name):
            files = sets.setdefault(found["set"], _Files(found["set"]))
            files.splits.setdefault(found["split"], {}).setdefault(found["holds"].lower(), path)
    return sets


def _role(call: str) -> str:
    """train, test or val, of a split as a file name calls it: t10k, test50k."""
    return split_of(call) or split_of(re.sub(r"[0-9]+k?$", "", call.lower()))


def _mapped(path: Path, most: int) -> tuple[str, ...]:
    """The names of the classes 0 to `most` by EMNIST's list of labels and characters; none where there is no list."""
    try:
        lines = [
            [int(number) for number in line.split()] for line in plain_file.read(path).decode("utf-8").splitlines()
        ]
    except (OSError, ValueError):
        return ()
    names = {line[0]: chr(line[1]) for line in lines if len(line) > 1 and 32 < line[1] < 127}
    if not names or max(names) >= MOST_CLASSES:
        return ()
    return tuple(names.get(number, f"class {number}") for number in range(max(most, *names, 0) + 1))


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

"""A folder of images for each class, in train/ and test/ where there are these."""

from pathlib import Path

from engine.data import image_files
from engine.data.custom.samples import MOST_CLASSES, Listed, Sample
from engine.data.custom.spec import Spec
from engine.errors import DataError


def list_samples(spec: Spec) -> Listed:
    """The images in the folders, by their names. Raises DataError where there are none, or too many classes."""
    root = spec.path
    if not root.is_dir():
        raise DataError(f"{root} is not a folder")
    halves = {"train": root / "train", "test": root / "test"}
    split = all(half.is_dir() for half in halves.values())
    places = halves if split else {"": root}
    classes = tuple(sorted({folder.name for place in places.values() for folder in _class_folders(place)}))
    if not classes:
        raise DataError(f"{root} has no folder for each class in it")
    if len(classes) > MOST_CLASSES:
        raise DataError(f"{root} has {len(classes)} classes; at most {MOST_CLASSES} are possible here")
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

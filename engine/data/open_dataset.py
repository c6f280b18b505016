"""The door to the data: open a data set by name, or its first images. Imports no torch."""

from pathlib import Path

from engine.data.dataset import Dataset, Preview, Split
from engine.data.demo import demo_dataset
from engine.data.fashion_mnist import files as folder
from engine.data.fashion_mnist.files import candidates
from engine.data.report import DataReport, describe
from engine.errors import DataError
from engine.home import Home
from engine.progress import Progress, silent

__all__ = ["DataReport", "Dataset", "Preview", "Split", "candidates", "describe", "open_dataset", "peek"]


def open_dataset(
    name: str, data_dir: Path | None, home: Path, *, verify: bool = False, progress: Progress = silent
) -> Dataset:
    """The data set `name`: "fashion-mnist", "demo", or "auto": Fashion-MNIST where it is found, else the demo data; or
    a custom one, as `engine.data.custom.spec` spells it. `progress` counts the image files of a custom one.

    `verify` checks the files against the published MD5s. Takes 0.3 s from .gz files, milliseconds from extracted ones,
    0.1 s more each with `verify`. Raises DataError where Fashion-MNIST is not found, is incomplete or is damaged, and
    so does "auto": it takes the demo data only where no file was found and no `data_dir` asked for.
    """
    if ":" in name:
        from engine.data.custom import open_custom  # and Pillow, which no other data needs

        return open_custom.open_custom(name, Home(home).cache, progress)
    found = _find(name, data_dir, home)
    return demo_dataset.demo_dataset() if found is None else folder.read_dataset(found, verify=verify)


def peek(
    name: str, data_dir: Path | None, home: Path, split: str = "train", count: int = 9, progress: Progress = silent
) -> Preview:
    """The first `count` images of a split, chosen and refused as `open_dataset` does, in a few milliseconds. A table of
    pixels is read whole, the first time; `progress` counts its lines."""
    if ":" in name:
        from engine.data.custom import open_custom

        return open_custom.peek(name, Home(home).cache, split, count, progress)
    found = _find(name, data_dir, home)
    return demo_dataset.demo_preview(split, count) if found is None else folder.read_preview(found, split, count)


def _find(name: str, data_dir: Path | None, home: Path) -> folder.Found | None:
    """Where Fashion-MNIST is, None for the demo data. Raises DataError where it must be there and is not."""
    if name not in ("auto", "fashion-mnist", "demo"):
        raise DataError(f"the data set {name!r} is unknown; choose from auto, fashion-mnist, demo")
    if name == "demo":
        return None
    roots = candidates(data_dir, home)
    found = folder.find(roots)
    if found is None and (name == "fashion-mnist" or data_dir is not None):
        raise DataError(folder.not_found(roots))
    return found

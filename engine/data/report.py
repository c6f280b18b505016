"""What there is to say about the data on this machine: `fmnist-tui data`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import idx
from engine.data.custom import open_custom
from engine.data.dataset import Dataset, Split
from engine.data.demo import demo_dataset
from engine.data.fashion_mnist import files as folder
from engine.data.fashion_mnist.spec import CLASSES, File
from engine.errors import DataError
from engine.home import Home
from engine.progress import Progress, silent


@dataclass(frozen=True)
class FileReport:
    """One of the four files."""

    name: str  # as published, with .gz
    path: str | None  # the form that is read; None: missing
    bytes: int | None
    kind: str  # "gz", "extracted" or "missing"
    md5: str  # "ok", "bad" or "not checked"
    count: int | None  # the images or labels its header says; None: not known


@dataclass(frozen=True)
class SplitReport:
    """One split as it was read."""

    name: str
    images: int
    per_class: Mapping[str, int]  # class name: images


@dataclass(frozen=True)
class DataReport:
    """What was looked for, where, and what was found. `problem` says why it can't be used; None: nothing is wrong."""

    looked_in: tuple[str, ...]
    used: str | None  # the folder of the files; None: none was found, and `auto` means the demo data
    title: str
    demo: bool
    files: tuple[FileReport, ...]
    splits: tuple[SplitReport, ...]
    checksum: str | None  # Dataset.checksum, where the data could be read
    problem: str | None
    left_out: tuple[str, ...] = ()  # files of a custom data set that can't be read, each with the reason
    notes: tuple[str, ...] = ()  # what else was passed over or decided in a custom data set, a line each

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it."""
        return asdict(self)


def describe(data_dir: Path | None, home: Path, *, verify: bool = True) -> DataReport:
    """Look at what `auto` would open. `verify` compares the MD5s. Takes under a second; raises nothing for bad data."""
    roots = folder.candidates(data_dir, home)
    files: tuple[FileReport, ...] = ()
    dataset: Dataset | None = None
    problem = used = None
    try:
        found = folder.find(roots)
        if found is not None:
            used = str(found.folder)
            files = tuple(_file(file, path, verify) for file, path in found.paths.items())
            dataset = folder.read_dataset(found, verify=False)
            bad = [str(file.path) for file in files if file.md5 == "bad"]
            if bad:
                problem = f"not the published file: {', '.join(bad)}; {folder.AGAIN}"
        elif data_dir is not None:
            problem = folder.not_found(roots)
        else:
            dataset = demo_dataset.demo_dataset()
    except DataError as error:
        problem = str(error)
    return DataReport(
        looked_in=tuple(map(str, roots)),
        used=used,
        title=dataset.title if dataset else "Fashion-MNIST",
        demo=dataset.demo if dataset else False,
        files=files,
        splits=tuple(map(_split, dataset.splits.values())) if dataset else (),
        checksum=dataset.checksum if dataset else None,
        problem=problem,
    )


def describe_custom(name: str, home: Path, progress: Progress = silent) -> DataReport:
    """The same of a custom data set, such as "folder:/data/mine"."""
    try:
        dataset = open_custom.open_custom(name, Home(home).cache, progress)
    except DataError as error:
        return DataReport((), None, name, False, (), (), None, str(error))
    splits = tuple(_split(split, dataset.classes) for split in dataset.splits.values())
    return DataReport(
        (), dataset.where, dataset.title, False, (), splits, dataset.checksum, None, dataset.left_out, dataset.notes
    )


def _file(file: File, path: Path | None, verify: bool) -> FileReport:
    if path is None:
        return FileReport(file.gz_name, None, None, "missing", "not checked", None)
    try:
        _, count = idx.read_first(path, folder.item_shape(file), 0)
    except DataError:
        count = None
    try:
        md5 = ("ok" if folder.is_published(file, path) else "bad") if verify else "not checked"
    except DataError:
        md5 = "not checked"
    kind = "gz" if idx.is_gz(path) else "extracted"
    return FileReport(file.gz_name, str(path), path.stat().st_size, kind, md5, count)


def _split(split: Split, classes: tuple[str, ...] = CLASSES) -> SplitReport:
    counts = np.bincount(split.labels, minlength=len(classes))
    return SplitReport(split.name, len(split), dict(zip(classes, map(int, counts), strict=True)))

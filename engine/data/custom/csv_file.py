"""A CSV file of annotations with a folder of images: the tutorial's CustomImageDataset."""

import os
from pathlib import Path

from engine.data import image_files
from engine.data.custom import columns, pixel_csv
from engine.data.custom.samples import (
    CLASS_NAMES,
    Listing,
    Sample,
    check_count,
    class_names,
    counted,
    named,
    names_in_order,
    numbers_of,
)
from engine.data.custom.spec import Spec
from engine.data.custom.split import split_of
from engine.data.custom.table import Row, read_rows
from engine.errors import DataError
from engine.terminal_text import path_text


def list_samples(spec: Spec) -> Listing:
    """The samples that the file lists, in its order. Raises DataError with the file, the line and the reason."""
    assert spec.beside is not None
    if pixels := pixel_csv.pixels_of(spec.path):
        raise DataError(
            f"{spec.where} holds labels and {pixels:,} pixels a line, no file names; name csv:{spec.where} alone"
        )
    rows = read_rows(spec.path)
    if not spec.beside.is_dir():
        raise DataError(f"{path_text(spec.beside)} is not a folder of images")
    if not rows:
        raise DataError(f"{spec.where} names no sample")
    folder = ImageNames(spec.beside, spec.path.parent)
    chosen = columns.choose(spec.where, rows, lambda cell, stem: folder.find(cell, stem=stem) is not None)
    rows = rows[1:] if chosen.header else rows
    if not rows:
        raise DataError(f"{spec.where} names no sample")
    found = [_sample(spec, row, chosen, folder) for row in rows]
    labels, classes, fixed = _classes(spec, [(row.line, row[chosen.label]) for row in rows])
    notes, splits = list(chosen.notes), [split for _, split in found]
    if "test" in splits and (unused := splits.count("val")):
        notes.append(f"{counted(unused, 'validation sample', ('is', 'are'))} not used: there are test samples")
    elif "val" in splits:
        notes.append(f"the {splits.count('val'):,} validation samples are the test set")
        splits = ["test" if split == "val" else split for split in splits]
    samples = [
        Sample(path, label, split)
        for (path, _), label, split in zip(found, labels, splits, strict=True)
        if split != "val"
    ]
    if again := len(samples) - len({sample.path for sample in samples}):
        notes.append(f"{counted(again, 'line', ('names', 'name'))} a file that a line before names too")
    return Listing(samples, classes, (), tuple(notes), fixed)


def _sample(spec: Spec, row: Row, chosen: columns.Columns, folder: "ImageNames") -> tuple[Path, str]:
    """The file of a line and its split. Raises DataError with the line."""
    where = f"{spec.where}, line {row.line}"
    if len(row.cells) < 2 or len(row.cells) <= chosen.file:
        raise DataError(f"{where}: it has one column; a file name and a label are needed")
    file = row[chosen.file]
    path = folder.inside(file)
    if path is None:
        raise DataError(f"{where}: {file!r} is not the name of a file inside {path_text(folder.root)}")
    if not row[chosen.label]:
        raise DataError(f"{where}: it has no label")
    word = row[chosen.split] if chosen.split is not None else ""
    split = split_of(word)
    if word and not split:
        raise DataError(f"{where}: {word!r} is neither train nor test")
    return folder.find(file, stem=True) or path, split


def _classes(spec: Spec, labels: list[tuple[int, str]]) -> tuple[list[int], tuple[str, ...], bool]:
    """The labels of the lines as numbers, the classes, and whether these are fixed: by numbers, or by their file."""
    names = class_names(spec.path.parent / CLASS_NAMES)
    numbers = numbers_of([label for _, label in labels])
    if numbers is not None:
        classes = names or tuple(f"class {number}" for number in range(max(numbers) + 1))
    else:
        classes = names or names_in_order([label for _, label in labels])
    if not names:
        check_count(spec.where, classes)
    made = []
    for at, (line, label) in enumerate(labels):
        number = numbers[at] if numbers is not None else classes.index(label) if label in classes else len(classes)
        if number >= len(classes):
            raise DataError(
                f"{spec.where}, line {line}: the label {label!r} is no class of {CLASS_NAMES}: {named(classes)}"
            )
        made.append(number)
    return made, classes, numbers is not None or bool(names)


class ImageNames:
    """Finds the images that cells name: relative to the folder of the images, or to a folder above it that annotations
    are often relative to."""

    def __init__(self, root: Path, beside: Path) -> None:
        """`beside`: the folder of the CSV file."""
        self.root = root
        self._bases = tuple(dict.fromkeys((str(root), str(root.parent), str(beside))))
        self._stems: dict[str, dict[str, list[str]]] = {}

    def inside(self, cell: str) -> Path | None:
        """The path of a file that need not be there; None where it is not inside the folder."""
        return next((Path(path) for path in self._paths(cell)), None)

    def find(self, cell: str, *, stem: bool) -> Path | None:
        """The file, which is there; with `stem` also one whose name goes on with the ending of an image, if it is the
        only one."""
        for path in self._paths(cell):
            if os.path.isfile(path):
                return Path(path)
        if stem:
            for path in self._paths(cell):
                folder, name = os.path.split(path)
                if len(found := self._in(folder).get(name, [])) == 1:
                    return Path(folder, found[0])
        return None

    def _paths(self, cell: str) -> list[str]:
        """Where a cell may mean, inside the folder by its name. A link in there may lead anywhere."""
        if not cell:
            return []
        spellings = (cell, cell.replace("\\", "/")) if "\\" in cell else (cell,)
        root = os.path.normpath(self.root).rstrip(os.sep) + os.sep
        paths = (os.path.normpath(os.path.join(base, spelling)) for spelling in spellings for base in self._bases)
        return [path for path in dict.fromkeys(paths) if path.startswith(root)]

    def _in(self, folder: str) -> dict[str, list[str]]:
        """The images of a folder by their names without the ending."""
        if folder not in self._stems:
            found: dict[str, list[str]] = {}
            try:
                names = os.listdir(folder)
            except OSError:
                names = []
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in image_files.SUFFIXES:
                    found.setdefault(stem, []).append(name)
            self._stems[folder] = found
        return self._stems[folder]

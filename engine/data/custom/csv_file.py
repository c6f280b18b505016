"""A CSV file of annotations with a folder of images: the tutorial's CustomImageDataset."""

import os
from pathlib import Path

from engine.data import image_files
from engine.data.custom import columns, pixel_csv
from engine.data.custom.labels import of_table
from engine.data.custom.samples import (
    Listing,
    Sample,
    counted,
    named,
    quoted,
)
from engine.data.custom.spec import Spec
from engine.data.custom.split import split_word
from engine.data.custom.table import Row, read_rows
from engine.data.custom.tree import is_litter
from engine.errors import DataError
from engine.terminal_text import path_text


def list_samples(spec: Spec) -> Listing:
    """The samples that the file lists, in its order. Raises DataError with the file, the line and the reason."""
    assert spec.beside is not None
    if pixels := pixel_csv.pixels_of(spec.path):
        raise DataError(
            f"{spec.where} holds labels and {pixels:,} pixels a line, no file names; name csv:{spec.where} alone"
        )
    rows, notes = _without_comments(read_rows(spec.path))
    if not spec.beside.is_dir():
        raise DataError(f"{path_text(spec.beside)} is not a folder of images")
    if not rows:
        raise DataError(f"{spec.where} names no sample")
    folder = ImageNames(spec.beside, spec.path.parent)
    chosen = columns.choose(spec.where, rows, lambda cell, stem: folder.find(cell, stem=stem) is not None)
    if chosen.header:
        header, body = rows[0], rows[1:]
        rows = [row for row in body if row.cells != header.cells]  # files that were joined have it again
        if again := len(body) - len(rows):
            notes.append(f"{counted(again, 'line', ('repeats', 'repeat'))} the header")
    if hidden := [row for row in rows if _is_hidden(row[chosen.file])]:
        rows = [row for row in rows if not _is_hidden(row[chosen.file])]
        names = named(list(dict.fromkeys(row[chosen.file] for row in hidden)))
        notes.append(f"{counted(len(hidden), 'line')} passed over, of hidden or the system's files: {names}")
    if not rows:
        raise DataError(f"{spec.where} names no sample")
    found = [_sample(spec, row, chosen, folder) for row in rows]
    labels = of_table(
        [row[chosen.label] for row in rows], spec.path.parent, spec.where,
        lambda at: f"{spec.where}, line {rows[at].line}",
    )  # fmt: skip
    notes += chosen.notes
    splits = [split for _, split in found]
    if "test" in splits and (unused := splits.count("val")):
        notes.append(f"{counted(unused, 'validation sample', ('is', 'are'))} not used: there are test samples")
    elif "val" in splits:
        notes.append(f"the {splits.count('val'):,} validation samples are the test set")
        splits = ["test" if split == "val" else split for split in splits]
    samples = [
        Sample(path, label, split)
        for (path, _), label, split in zip(found, labels.numbers, splits, strict=True)
        if split != "val"
    ]
    notes += _named_again(samples)
    return Listing(samples, labels.classes, (), tuple(notes), labels.fixed)


def _without_comments(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """The lines after those at the beginning that are comments, and a note of these."""
    first = next((at for at, row in enumerate(rows) if not row[0].startswith("#") or _is_sample(row)), len(rows))
    notes = [f"{counted(first, 'comment', ('is', 'are'))} passed over at the beginning"] if first else []
    return rows[first:], notes


def _is_sample(row: Row) -> bool:
    """Whether a line that begins like a comment has a column for a number, or a file of that name."""
    return row[0] == "#" or row[0].lower().endswith(image_files.SUFFIXES)


def _is_hidden(cell: str) -> bool:
    """Whether a cell names a file that is nobody's sample, as a list made of all files does."""
    return any(is_litter(part) for part in cell.replace("\\", "/").split("/") if part not in (".", ".."))


def _named_again(samples: list[Sample]) -> list[str]:
    """A note of the lines that name a file which a line before names, and how many of them give it another label."""
    labels: dict[str, int] = {}
    again = other = 0
    for sample in samples:
        known = labels.setdefault(sample.path, sample.label)
        again += 1
        other += known != sample.label
    again -= len(labels)
    if not again:
        return []
    with_another = f", {other:,} of them with another label" if other else ""
    return [f"{counted(again, 'line', ('names', 'name'))} a file that a line before names too{with_another}"]


def _sample(spec: Spec, row: Row, chosen: columns.Columns, folder: "ImageNames") -> tuple[str, str]:
    """The file of a line and its split. Raises DataError with the line."""
    where = f"{spec.where}, line {row.line}"
    if len(row.cells) < 2 or len(row.cells) <= chosen.file:
        raise DataError(f"{where}: it has one column; a file name and a label are needed")
    file = row[chosen.file]
    path = folder.inside(file)
    if path is None:
        raise DataError(f"{where}: {quoted(file)} is not the name of a file inside {path_text(folder.root)}")
    if not row[chosen.label]:
        raise DataError(f"{where}: it has no label")
    word = row[chosen.split] if chosen.split is not None else ""
    split = split_word(word)
    if word and not split:
        raise DataError(f"{where}: {quoted(word)} is neither train nor test")
    return folder.find(file, stem=True) or path, split


class ImageNames:
    """Finds the images that cells name: relative to the folder of the images, or to a folder above it that annotations
    are often relative to."""

    def __init__(self, root: Path, beside: Path) -> None:
        """`beside`: the folder of the CSV file."""
        self.root = root
        self._bases = tuple(dict.fromkeys((str(root), str(root.parent), str(beside))))
        self._stems: dict[str, dict[str, list[str]]] = {}

    def inside(self, cell: str) -> str | None:
        """The path of a file that need not be there; None where it is not inside the folder."""
        return next(iter(self._paths(cell)), None)

    def find(self, cell: str, *, stem: bool) -> str | None:
        """The file, which is there; with `stem` also one whose name goes on with the ending of an image, if it is the
        only one."""
        for path in self._paths(cell):
            if os.path.isfile(path):
                return path
        if stem:
            for path in self._paths(cell):
                folder, name = os.path.split(path)
                if len(found := self._in(folder).get(name, [])) == 1:
                    return os.path.join(folder, found[0])
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

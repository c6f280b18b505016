"""Which column of a CSV file of images holds the file names, which the labels, which the splits; and whether the first
line is a header."""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.data import image_files
from engine.data.custom.samples import is_number, named, numbers_of, quoted
from engine.data.custom.split import split_of, split_word
from engine.data.custom.table import Row
from engine.errors import DataError

# Names of columns, without case, spaces and signs; of several columns with such a name, that of the first one here.
FILES = (
    "file", "filename", "filepath", "path", "image", "img", "imagepath", "imgpath", "imagefile", "imgfile",
    "imagename", "imgname", "imageid", "imgid", "filenames", "filepaths", "paths", "images", "idcode", "id", "name",
    "photo", "picture",
)  # fmt: skip
LABELS = (
    "label", "labels", "labelidx", "labelid", "labelindex", "labelnum", "target", "targets", "class", "classid",
    "classidx", "classindex", "classlabel", "y", "category", "categoryid", "classname", "categoryname", "labelname",
    "digit",
)  # fmt: skip
SPLITS = (
    "split", "set", "subset", "partition", "usage", "phase", "dataset", "datasplit",
)  # fmt: skip
# What annotations say besides: sizes, boxes, sources.
BESIDES = (
    "index", "width", "height", "w", "h", "x", "x1", "x2", "y1", "y2", "xmin", "xmax", "ymin", "ymax", "bbox", "box",
    "boxes", "area", "size", "depth", "channels", "mode", "format", "confidence", "score", "iscrowd", "occluded",
    "truncated", "source", "url", "md5", "sha256", "hash", "comment",
)  # fmt: skip
MOST_COLUMNS = 500
LOOKED_AT = 200  # rows, to see which column names files


@dataclass(frozen=True)
class Columns:
    """The columns by their index, from 0."""

    file: int
    label: int
    split: int | None
    header: bool
    notes: tuple[str, ...]


def choose(where: str, rows: Sequence[Row], exists: Callable[[str, bool], bool]) -> Columns:
    """The columns of a file with at least one row. `exists`: whether a cell names an image that is there; its second
    argument, whether the ending may be missing. Raises DataError, beginning with `where`, in which the columns can't be
    told."""
    body = rows[1:] or rows
    width = max(len(row.cells) for row in rows)
    if width > MOST_COLUMNS:
        line = next(row.line for row in rows if len(row.cells) == width)
        raise DataError(
            f"{where}, line {line}: it has {width:,} columns; a table of image files has {MOST_COLUMNS} at most"
        )
    columns = [column for column in range(width) if any(row[column] for row in rows)]
    some = body[:: max(1, len(body) // LOOKED_AT)]
    if len(columns) < 2:
        line = next((row.line for row in rows if len(row.cells) < 2), rows[-1].line)
        raise DataError(f"{where}, line {line}: it has one column; a file name and a label are needed")
    first = rows[0]
    file = _file_column(first, some, columns, exists)
    others = [column for column in columns if column != file]
    header = _is_header(first, rows[1:], file, others, exists)
    if header and not _counts(first):
        label, split = _by_name(where, first, rows[1:], others)
    else:
        label, split = _by_place(where, rows[1:] if header and rows[1:] else rows, file, others)
    used = [file, label, *([split] if split is not None else [])]
    notes = []
    known = {_plain(cell) for cell in first.cells} & {*FILES, *LABELS}
    if header and (not known or used != columns[: len(used)]):
        names = f"file names in {quoted(first[file])}, labels in {quoted(first[label])}"
        names += f", splits in {quoted(first[split])}" if split is not None else ""
        notes.append(f"line {first.line} is the header: {names}")
    if header and (unused := [first[column] for column in columns if column not in used and first[column]]):
        notes.append(f"columns that are not used: {named(unused)}")
    if not header and used != list(range(len(used))):
        notes.append(f"file names in column {file + 1}, labels in column {label + 1}")
    return Columns(file, label, split, header, tuple(notes))


def _file_column(first: Row, some: Sequence[Row], columns: Sequence[int], exists: Callable[[str, bool], bool]) -> int:
    """The column of which most cells name an image that is there; a name that a file column has decides between equals,
    then the place."""

    def is_named(column: int) -> bool:
        return _plain(first[column]) in FILES

    for finds in (
        lambda cell: exists(cell, False),
        lambda cell: exists(cell, True),
        lambda cell: cell.lower().endswith(image_files.SUFFIXES),
    ):
        found = {column: sum(finds(row[column]) for row in some) for column in columns}
        if any(found.values()):
            return max(columns, key=lambda column: (found[column], is_named(column), -column))
    return next((column for column in columns if is_named(column)), columns[0])


def _is_header(
    first: Row, rest: Sequence[Row], file: int, others: Sequence[int], exists: Callable[[str, bool], bool]
) -> bool:
    """Whether the first line names the columns. Its file is not there; and it has a known name in it, or counts the
    columns, or has no number where all other lines have one, or no image's name where others have one."""
    cell = first[file]
    if cell and exists(cell, True):
        return False
    if not cell.lower().endswith(image_files.SUFFIXES):
        known = {_plain(name) for name in first.cells} & {*FILES, *LABELS, *SPLITS}
        numbers = [column for column in others if rest and all(is_number(row[column]) for row in rest if row[column])]
        if known or _counts(first):
            return True
        if any(exists(row[file], True) or row[file].lower().endswith(image_files.SUFFIXES) for row in rest[:LOOKED_AT]):
            return not numbers or not all(is_number(first[column]) for column in numbers)
    return bool(rest) and any(
        first[column] and not is_number(first[column]) and all(is_number(row[column]) for row in rest if row[column])
        for column in others
    )


def _called(header: Row, column: int) -> str:
    return header[column] or f"column {column + 1}"


def _counts(first: Row) -> bool:
    """Whether the cells are the numbers of the columns, as pandas calls those without names."""
    counted = [str(column) for column in range(len(first.cells))]
    return list(first.cells) in (counted, ["", *counted[:-1]])


def _by_name(where: str, header: Row, rest: Sequence[Row], others: Sequence[int]) -> tuple[int, int | None]:
    """The columns of the labels and the splits, by the header."""
    names = {column: _plain(header[column]) for column in others}
    split = next(
        (column for column in others if names[column] in SPLITS and any(split_word(row[column]) for row in rest)), None
    )
    left = [column for column in others if column != split and (not rest or any(row[column] for row in rest))]
    boxes = "x" in names.values()  # and y is a place then
    known = [column for column in left if names[column] in LABELS and not (boxes and names[column] == "y")]
    if known:
        return min(known, key=lambda column: LABELS.index(names[column])), split
    left = [column for column in left if names[column] not in BESIDES and not _is_index(names[column], rest, column)]
    if len(left) == 1:
        return left[0], split
    if not left:
        every = named([_called(header, column) for column in range(len(header.cells))])
        raise DataError(f"{where}: none of its columns ({every}) holds labels; call the one that does label")
    some = named([_called(header, column) for column in left])
    raise DataError(f"{where}: which of its columns ({some}) holds the labels? Call it label in line {header.line}")


def _by_place(where: str, rows: Sequence[Row], file: int, others: Sequence[int]) -> tuple[int, int | None]:
    """The columns of the labels and the splits of a file without a header: file, label[, split]; a running number may
    come before."""
    left = list(others)
    if len(left) > 1 and file > 0 and _is_index("", rows, left[0]):
        left.pop(0)
    if len(left) == 2 and any(split_of(row[left[1]]) for row in rows):
        return left[0], left[1]
    if len(left) == 2 and all(split_of(row[left[0]]) for row in rows if row[left[0]]):
        return left[1], left[0]
    if len(left) > 1:
        raise DataError(
            f"{where}: it has {len(others) + 1} columns and no header; write one as its first line: file, label, and "
            "split if there are train and test samples"
        )
    return left[0], None


def _is_index(name: str, rows: Sequence[Row], column: int) -> bool:
    """Whether it is the running number that pandas writes before the columns, under no name or "Unnamed: 0"."""
    if name and not name.startswith("unnamed"):
        return False
    numbers = numbers_of([row[column] for row in rows])
    return numbers is not None and all(after == before + 1 for before, after in itertools.pairwise(numbers))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())

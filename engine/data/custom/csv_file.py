"""A CSV file of annotations with a folder of images: the tutorial's CustomImageDataset."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from engine.data.custom.samples import CLASS_NAMES, MOST_CLASSES, Listed, Sample, class_names
from engine.data.custom.spec import Spec
from engine.errors import DataError


def list_samples(spec: Spec) -> Listed:
    """The samples that the file lists, in its order. Raises DataError with the file, the line and the reason."""
    assert spec.images is not None
    rows = _rows(spec.path)
    if not spec.images.is_dir():
        raise DataError(f"{spec.images} is not a folder of images")
    names = class_names(spec.path.parent / CLASS_NAMES)
    samples: list[tuple[Path, str, str, int]] = []
    root = spec.images.resolve()
    for line, row in rows:
        if len(row) < 2:
            raise DataError(f"{spec.path}, line {line}: it has one column; a file name and a label are needed")
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
        raise DataError(f"{spec.path} has {len(classes)} classes; at most {MOST_CLASSES} are possible here")
    made = []
    for path, label, split, line in samples:
        number = int(label) if numbers else classes.index(label) if label in classes else len(classes)
        if number >= len(classes):
            raise DataError(
                f"{spec.path}, line {line}: the label {label!r} is no class of {CLASS_NAMES}: {', '.join(classes)}"
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

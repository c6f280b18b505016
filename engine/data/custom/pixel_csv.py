"""A CSV file of pixels: a line per image, with its label and the value of each pixel, row by row. Kaggle has MNIST and
Fashion-MNIST so: `label,pixel1,…,pixel784`."""

import contextlib
import csv
import io
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from PIL import Image

from engine import plain_file
from engine.data import image_files
from engine.data.custom.cache import Images, description, kept_or
from engine.data.custom.columns import LABELS
from engine.data.custom.labels import of_table
from engine.data.custom.samples import (
    is_number,
    without_samples,
)
from engine.data.custom.spec import Spec
from engine.data.custom.split import drawn_mask
from engine.data.custom.table import BYTE_ORDER_MARKS, DELIMITERS
from engine.data.dataset import SIDE, Bytes, Dataset, Split
from engine.data.image_files import Floats
from engine.errors import DataError
from engine.progress import Progress
from engine.terminal_text import path_text

LEAST_PIXELS = 64  # of an image, 8 × 8: fewer columns are annotations
AT_ONCE = 1000  # lines
MOST_LINE = 8 << 20  # characters: those of a million pixels
HEAD = 20  # lines of a file in which two that hold something lie


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are laid out."""

    delimiter: str
    header: bool
    label: int  # the column, from 0
    pixels: tuple[int, ...]  # the columns
    columns: int

    @property
    def side(self) -> int:
        return math.isqrt(len(self.pixels))


def pixels_of(path: Path) -> int:
    """The number of pixels that each line of a file has; 0 where it is not a file of pixels, or can't be read."""
    try:
        layout = _layout(path)
    except DataError:
        return 0
    return len(layout.pixels) if layout else 0


def open_pixels(spec: Spec, cache: Path, progress: Progress) -> Dataset:
    """The data set of one file, of which some lines are drawn for testing, or of two. `progress` counts lines, of a
    number that is estimated. Raises DataError with the file, the line and the reason."""
    files = [spec.path, *([spec.beside] if spec.beside else [])]
    found = kept_or(files, cache, lambda: _read_all(files, progress))
    read = of_table(found.labels, spec.path.parent, spec.where, lambda at: spec.where)
    labels, classes = read.numbers, read.classes
    if len(set(labels)) < 2:
        raise DataError(f"{spec.where}: all of its {len(labels)} samples are of one class; there is nothing to learn")
    several = len(files) > 1
    testing = np.arange(len(labels)) >= found.first if several else drawn_mask(len(labels), spec)
    for which, some in (("training", ~testing), ("test", testing)):
        if not some.any():
            raise DataError(f"{spec.where}: no sample is left for the {which} set")
    images, numbers = found.pixels, np.array(labels, np.uint8)
    return Dataset(
        str(spec), f"{spec.title}{description(found.sizes, scaled=found.scaled)}", classes,
        Split("train", images[~testing], numbers[~testing]), Split("test", images[testing], numbers[testing]),
        spec.where, notes=(*found.notes, *(without_samples(labels, classes) if read.fixed else ())),
    )  # fmt: skip


def _layout(path: Path) -> Layout | None:
    """The layout of a file of pixels; None where it is none. Raises DataError where it can't be read, or where its many
    columns are not a label and a square of pixels."""
    with _opened(path) as file:
        head = [line for line in itertools.islice(_lines(path, file), HEAD) if line.strip()][:2]
    if not head:
        return None
    delimiter = max(DELIMITERS, key=head[-1].count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(head, delimiter=delimiter, skipinitialspace=True)]
    except csv.Error:
        return None
    first, last = rows[0], rows[-1]
    if len(last) < LEAST_PIXELS or sum(map(is_number, last)) < len(last) - 2:
        return None
    where = path_text(path)
    label, columns = 0, list(range(len(last)))
    names = [re.sub(r"[\W_]+", "", name.lower()) for name in first]
    if header := _is_header(first, last, names):
        columns = [
            at for at, name in enumerate(names) if name not in ("", "id", "index") and not name.startswith("unnamed")
        ]
        if len(labels := [at for at in columns if names[at] in LABELS]) != 1:
            raise DataError(
                f"{where}: {len(labels) or 'none'} of its {len(last):,} columns is called label; one must be"
            )
        label = labels[0]
    pixels = [at for at in columns if at != label]
    if math.isqrt(len(pixels)) ** 2 != len(pixels):
        raise DataError(
            f"{where} has {len(pixels):,} columns beside the label, which do not form a square of grey pixels, "
            "such as 784 for 28 × 28"
        )
    return Layout(delimiter, header, label, tuple(pixels), len(last))


def _is_header(first: Sequence[str], other: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the first line names the columns: by words, or by their numbers as pandas does."""
    if not set(names).isdisjoint(LABELS) or any(
        is_number(b) and not is_number(a) for a, b in zip(first, other, strict=False)
    ):
        return True
    counted = [str(number) for number in range(len(first))]
    return list(first[1:]) in (counted[1:], counted[:-1])


def _read_all(files: Sequence[Path], progress: Progress) -> Images:
    """What the files hold, resized. `progress` counts lines, of as many as the files' sizes let expect."""
    pieces: list[Bytes | Floats] = []
    labels: list[str] = []
    sizes, counts, limits = set(), [], []
    for path in files:
        layout, before = _layout_of(path), len(labels)
        sizes.add((layout.side, layout.side))
        for values, texts, share in _pieces(path, layout):
            pieces.append(_to_side(values))
            limits.append((float(values.min()), float(values.max())))
            labels += texts
            done = len(labels) - before
            progress(len(labels), before + round(done / share))
        if not (done := len(labels) - before):
            raise DataError(f"{path_text(path)} holds no image")
        counts.append(done)
    low, high, words = image_files.range_of(min(low for low, _ in limits), max(high for _, high in limits))
    pixels = np.concatenate([image_files.scaled(piece, low, high) for piece in pieces])
    return Images(
        pixels,
        frozenset(sizes),
        (None,) * len(pixels),
        (words,) if words else (),
        labels=tuple(labels),
        first=counts[0],
    )


def _layout_of(path: Path) -> Layout:
    if (layout := _layout(path)) is None:
        raise DataError(
            f"{path_text(path)} is not a table of labels and a column per pixel; for one of file names and labels, "
            f"name the folder of the images too: csv:{path_text(path)}:images/"
        )
    return layout


def _pieces(path: Path, layout: Layout) -> Iterator[tuple[Bytes | Floats, list[str], float]]:
    """Some lines at a time: their pixels [n, side, side], uint8 where all are bytes, their labels, and the share of the
    file that was read with them. Raises DataError with the line."""
    where, size, read = path_text(path), max(1, path.stat().st_size), 0
    first, last = layout.pixels[0], layout.pixels[-1] + 1
    together = slice(first, last) if last - first == len(layout.pixels) else None
    values: list[Floats] = []
    labels: list[str] = []

    def piece() -> tuple[Bytes | Floats, list[str], float]:
        found: Bytes | Floats = np.stack(values).reshape(-1, layout.side, layout.side)
        if not np.isfinite(found).all():
            raise DataError(f"{where}: up to line {reader.line_num}, there is a pixel that is not a finite number")
        if found.min() >= 0 and found.max() <= 255 and (found == (small := found.astype(np.uint8))).all():
            found = small
        return found, labels, min(1.0, read / size)

    with _opened(path) as file:
        reader = csv.reader(_lines(path, file), delimiter=layout.delimiter, skipinitialspace=True)
        header = layout.header
        try:
            for row in reader:
                if not any(map(str.strip, row)):
                    continue
                if header:
                    header = False
                    continue
                if len(row) != layout.columns:
                    raise DataError(
                        f"{where}, line {reader.line_num}: it has {len(row):,} columns, others have {layout.columns:,}"
                    )
                if not (label := row[layout.label].strip()):
                    raise DataError(f"{where}, line {reader.line_num}: it has no label")
                cells = row[together] if together else [row[at] for at in layout.pixels]
                try:
                    values.append(np.array(cells, np.float32))
                except ValueError as error:
                    raise DataError(f"{where}, line {reader.line_num}: a pixel is not a number ({error})") from None
                labels.append(label)
                read += sum(map(len, row)) + len(row)
                if len(values) == AT_ONCE:
                    yield piece()
                    values, labels = [], []
            if values:
                yield piece()
        except csv.Error as error:
            raise DataError(f"{where}, line {reader.line_num}: it is not CSV ({error})") from None


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of a file. Raises DataError at one that is too long."""
    for number in itertools.count(1):
        line = file.readline(MOST_LINE)
        if not line:
            return
        if len(line) == MOST_LINE and not line.endswith(("\n", "\r")):
            raise DataError(f"{path_text(path)}, line {number}: it has more than {MOST_LINE:,} characters")
        yield line


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """A file of text. Raises DataError where it can't be read or is none."""
    where = path_text(path)
    try:
        with plain_file.opened(path) as file:
            mark = file.read(3)
            encoding = next((found for known, found in BYTE_ORDER_MARKS.items() if mark.startswith(known)), "utf-8")
            file.seek(0)
            with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
                yield text
    except FileNotFoundError:
        raise DataError(f"no such file: {where}") from None
    except UnicodeDecodeError:
        raise DataError(f"{where} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise DataError(f"{where} can't be read ({error.strerror})") from None


def _to_side(images: Bytes | Floats) -> Bytes | Floats:
    """Images [n, side, side] as [n, SIDE, SIDE], of the same type."""
    if images.shape[1:] == (SIDE, SIDE):
        return images
    resized = [Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image, images.dtype) for image in resized])

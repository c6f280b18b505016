"""The images of a custom data set: read once, resized, and kept in a file until one of them changes."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine import array_file
from engine.data import image_files
from engine.data.custom.samples import counted
from engine.data.dataset import SIDE, Bytes
from engine.errors import DataError
from engine.progress import Progress
from engine.terminal_text import path_text

VERSION = 3  # of what is kept
REPORT_EVERY = 250  # images between two reports of the progress
CHANGED = "files changed while they were read: open the data set again once they are complete"


@dataclass(frozen=True, eq=False)
class Images:
    """The image files that were asked for."""

    pixels: Bytes  # of those that can be read: [n, SIDE, SIDE] or, where any is in colour, [n, SIDE, SIDE, 3]
    sizes: frozenset[tuple[int, int]]  # the widths and heights that they had
    problems: tuple[str | None, ...]  # of each file why it can't be read; None where it can
    scaled: tuple[str, ...] = ()  # how values became bytes, for the title
    notes: tuple[str, ...] = ()  # what else there is to say
    labels: tuple[str, ...] = ()  # of each image, where the files hold them
    first: int = 0  # images of the first file, where a file holds many


def read_images(paths: Sequence[str], cache: Path, progress: Progress) -> Images:
    """The images, from `cache`, a folder, if no file has changed since they were read. `progress` counts images."""
    return kept_or(paths, cache, lambda: read_now(paths, progress), len(paths))


def kept_or(
    paths: "Sequence[str] | Sequence[Path]", cache: Path, make: Callable[[], Images], count: int | None = None
) -> Images:
    """What was kept of these files, if none has changed; else made, and kept. `count`: images and problems together,
    where that is known before."""
    key = _key(paths)
    kept = cache / f"{key}.npz"
    found, damaged = _kept(kept, count)
    if found is not None:
        return found
    found = make()
    if _key(paths) != key:  # it is of no one state of the files
        return replace(found, notes=(*found.notes, CHANGED))
    _keep(kept, found)
    if damaged:
        again = f"the cache was damaged or can't be read, and the images were read again: {path_text(kept)}"
        found = replace(found, notes=(*found.notes, again))
    return found


def read_now(paths: Sequence[str], progress: Progress) -> Images:
    """The images from their files. `progress` counts images."""
    pictures: list[image_files.Picture] = []
    problems: list[str | None] = []
    for done, path in enumerate(paths, 1):
        try:
            pictures.append(image_files.read(path))
            problems.append(None)
        except DataError as error:
            problems.append(str(error))
        if done % REPORT_EVERY == 0 or done == len(paths):
            progress(done, len(paths))
    pixels, scaled = _bytes(pictures)
    more = sum(picture.more_frames for picture in pictures)
    notes = (f"{counted(more, 'file', ('holds', 'hold'))} several images; the first is read",) if more else ()
    return Images(stacked(pixels), frozenset(one.size for one in pictures), tuple(problems), scaled, notes)


def stacked(images: Sequence[Bytes]) -> Bytes:
    """All in one array: grey where all are, else each with three channels."""
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2) for image in images]
    return np.stack(images) if images else np.zeros((0, SIDE, SIDE), np.uint8)


def description(
    sizes: frozenset[tuple[int, int]], *, colour: bool = False, scaled: Sequence[str] = (), odd: Sequence[str] = ()
) -> str:
    """That the images are in colour, that they were resized or their values scaled, and what else is odd; empty for
    grey ones of the right size."""
    others = sorted(size for size in sizes if size != (SIDE, SIDE))
    words = ["in colour"] if colour else []
    if others:
        one = f"{others[0][0]} × {others[0][1]}"
        words.append(f"resized from {one if len(sizes) == 1 else f'{len(others)} sizes'} to {SIDE} × {SIDE}")
    words += [*scaled, *odd]
    return f", {', '.join(words)}" if words else ""


def _bytes(pictures: Sequence[image_files.Picture]) -> tuple[list[Bytes], tuple[str, ...]]:
    """The pictures' pixels as bytes, and how those became bytes that were none."""
    words = [image_files.SIXTEEN_BITS_SCALED] if any(picture.sixteen_bits for picture in pictures) else []
    limits = [picture.limits for picture in pictures if picture.limits is not None]
    low, high = 0.0, 255.0
    if limits:
        low, high, more = image_files.range_of(min(low for low, _ in limits), max(high for _, high in limits))
        words += [more] if more and more not in words else []
    images = [
        image_files.scaled(picture.pixels, *((low, high) if picture.limits is not None else (0.0, 255.0)))
        for picture in pictures
    ]
    return images, tuple(words)


def _key(paths: "Sequence[str] | Sequence[Path]") -> str:
    """Of the files' names, sizes and times of change."""
    lines, stat = [f"{VERSION} {SIDE}\n"], os.stat
    for path in paths:
        try:
            status = stat(path)
            lines.append(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n")
        except (OSError, ValueError):
            lines.append(f"{path}\0absent\n")
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()[:32]


def _kept(path: Path, count: int | None) -> tuple[Images | None, bool]:
    """What was kept, of so many files, if it was; and whether what is there is not what was written."""
    found = array_file.read(path)
    if found.arrays is None:
        return None, found.damaged
    stored = found.arrays
    images = Images(
        pixels=stored["images"],
        sizes=frozenset((int(width), int(height)) for width, height in stored["sizes"]),
        problems=tuple([why or None for why in stored["problems"].tolist()]),
        scaled=tuple(map(str, stored["scaled"])),
        notes=tuple(map(str, stored["notes"])),
        labels=tuple(map(str, stored["labels"])),
        first=int(stored["first"]),
    )
    fits = count is None or len(images.problems) == count
    return (images, False) if fits else (None, True)


def _keep(path: Path, images: Images) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {
        "images": images.pixels,
        "sizes": np.array(sorted(images.sizes) or np.zeros((0, 2)), np.int64),
        "problems": np.array([why or "" for why in images.problems], np.str_),
        "scaled": np.array(images.scaled, np.str_),
        "notes": np.array(images.notes, np.str_),
        "labels": np.array(images.labels, np.str_),
        "first": np.array(images.first),
    }
    array_file.keep(path, arrays)

"""The images of a custom data set: read once, resized, and kept in a file until one of them changes."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine import atomic
from engine.data import image_files
from engine.data.dataset import SIDE, Bytes
from engine.errors import DataError
from engine.progress import Progress

VERSION = 2  # of what is kept
REPORT_EVERY = 250  # images between two reports of the progress


@dataclass(frozen=True, eq=False)
class Images:
    """The image files that were asked for."""

    pixels: Bytes  # of those that can be read: [n, SIDE, SIDE] or, where any is in colour, [n, SIDE, SIDE, 3]
    sizes: frozenset[tuple[int, int]]  # the widths and heights that they had
    problems: tuple[str | None, ...]  # of each file why it can't be read; None where it can


def read_images(paths: Sequence[Path], cache: Path, progress: Progress) -> Images:
    """The images, from `cache`, a folder, if no file has changed since they were read. `progress` counts images."""
    kept = cache / f"{_key(paths)}.npz"
    if (found := _kept(kept)) is not None and len(found.problems) == len(paths):
        return found
    images: list[Bytes] = []
    sizes: set[tuple[int, int]] = set()
    problems: list[str | None] = []
    for done, path in enumerate(paths, 1):
        try:
            image, size = image_files.read(path)
            images.append(image)
            sizes.add(size)
            problems.append(None)
        except DataError as error:
            problems.append(str(error))
        if done % REPORT_EVERY == 0 or done == len(paths):
            progress(done, len(paths))
    found = Images(stacked(images), frozenset(sizes), tuple(problems))
    _keep(kept, found)
    return found


def stacked(images: Sequence[Bytes]) -> Bytes:
    """All in one array: grey where all are, else each with three channels."""
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2) for image in images]
    return np.stack(images) if images else np.zeros((0, SIDE, SIDE), np.uint8)


def description(sizes: frozenset[tuple[int, int]], *, colour: bool = False) -> str:
    """That the images are in colour, and that they were resized; empty for grey ones of the right size."""
    others = sorted(size for size in sizes if size != (SIDE, SIDE))
    words = ["in colour"] if colour else []
    if others:
        one = f"{others[0][0]} × {others[0][1]}"
        words.append(f"resized from {one if len(sizes) == 1 else f'{len(others)} sizes'} to {SIDE} × {SIDE}")
    return f", {', '.join(words)}" if words else ""


def _key(paths: Sequence[Path]) -> str:
    """Of the files' names, sizes and times of change."""
    key = hashlib.sha256(f"{VERSION} {SIDE}\n".encode())
    for path in paths:
        try:
            status = path.stat()
            key.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError:
            key.update(f"{path}\0absent\n".encode())
    return key.hexdigest()[:32]


def _kept(path: Path) -> Images | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            sizes = frozenset((int(width), int(height)) for width, height in stored["sizes"])
            return Images(stored["images"], sizes, tuple(str(why) or None for why in stored["left_out"]))
    except (OSError, ValueError, KeyError):
        return None


def _keep(path: Path, images: Images) -> None:
    """Where the file can't be written, the images are read again the next time."""
    buffer = io.BytesIO()
    sizes = np.array(sorted(images.sizes) or np.zeros((0, 2)), np.int64)
    problems = np.array([why or "" for why in images.problems], np.str_)
    np.savez(buffer, images=images.pixels, sizes=sizes, left_out=problems)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, buffer.getvalue())
    except OSError:
        pass

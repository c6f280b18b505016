"""Samples as files: PNG pictures and the tutorial's `annotations.csv` (file name, label)."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from engine import atomic
from engine.data.dataset import Split
from engine.errors import DataError
from engine.home import expanded

ANNOTATIONS = "annotations.csv"
IMAGES = "images"


def export(
    folder: Path,
    split: Split,
    indices: Sequence[int],
    progress: Callable[[int], None] = lambda done: None,
) -> Path:
    """Write the samples at `indices` as `images/<split>-<index>.png`, 8-bit grey or RGB, and `annotations.csv` with the
    lines `file,label` under a header, in that order: what the tutorial's CustomImageDataset reads.

    The folder is made; one that holds anything is refused, so that nothing is overwritten. Returns the CSV's path.
    `progress` gets the number of images done. Raises DataError.
    """
    folder = expanded(folder).absolute()
    try:
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"{folder} is not empty; name a folder that is not there yet")
        (folder / IMAGES).mkdir(parents=True)
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["file", "label"])
        for done, index in enumerate(indices):
            name = f"{split.name}-{index:05}.png"
            Image.fromarray(np.ascontiguousarray(split.images[index])).save(folder / IMAGES / name)
            writer.writerow([name, int(split.labels[index])])
            progress(done + 1)
        atomic.write_text(folder / ANNOTATIONS, lines.getvalue(), shared=True)
    except NotADirectoryError:
        raise DataError(f"{folder} is not a folder") from None
    except OSError as error:
        raise DataError(f"{folder} can't be written ({error.strerror or error})") from None
    return folder / ANNOTATIONS

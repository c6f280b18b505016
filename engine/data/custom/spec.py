"""How a custom data set is named.

    csv:annotations.csv:images/     file name, label[, train or test]: the tutorial's CustomImageDataset
    folder:path/                    a folder of images for each class; in train/ and test/ where there are these
    idx:path/                       train-images…, train-labels…, t10k-images…, t10k-labels…, as MNIST has them

`@0.1:7` after either of the first two draws a tenth of the samples for the test set, with the seed 7, where nothing
else says which samples those are.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DataError

KINDS = ("csv", "folder", "idx")
TEST_SHARE = 0.2  # of the samples, where nothing else says which are for testing


@dataclass(frozen=True)
class Spec:
    """The parts of the name. Paths are absolute."""

    kind: str  # of KINDS
    path: Path
    images: Path | None = None  # the folder of images, of csv
    share: float = TEST_SHARE  # of the samples that are drawn for testing, where nothing else says which are
    seed: int = 0  # of that draw

    def __str__(self) -> str:
        name = ":".join([self.kind, str(self.path), *([str(self.images)] if self.images else [])])
        if (self.share, self.seed) != (TEST_SHARE, 0):
            name += f"@{self.share:g}" + (f":{self.seed}" if self.seed else "")
        return name

    @property
    def title(self) -> str:
        """Of the data set, for people."""
        return f"{self.path.parent.name if self.kind == 'csv' else self.path.name} ({self.kind})"


def parse(name: str) -> Spec:
    """The parts of `csv:…`, `folder:…` or `idx:…`. Raises DataError where it is none of them."""
    kind, _, rest = name.partition(":")
    share, seed = TEST_SHARE, 0
    if drawn := re.search(r"@(\d*\.?\d+)(?::(\d+))?$", rest):
        rest, share, seed = rest[: drawn.start()], float(drawn[1]), int(drawn[2] or 0)
        if not 0 < share < 1:
            raise DataError(f"{name!r} draws {share:g} of the samples for testing; write a share between 0 and 1: @0.2")
    if kind == "csv":
        annotations, colon, images = rest.rpartition(":")
        if not colon or not annotations or not images:
            raise DataError(f"{name!r} is not of the form csv:annotations.csv:images/")
        return Spec(kind, _absolute(annotations), _absolute(images), share, seed)
    if kind not in KINDS or not rest:
        raise DataError(f"{name!r} is not of the form folder:path/ or idx:path/")
    return Spec(kind, _absolute(rest), None, share, seed)


def _absolute(text: str) -> Path:
    return Path(text).expanduser().absolute()

"""Suspicious images of a data set: label errors, near-duplicates, outliers and others, an entry of `KINDS` each.

Asking imports no torch. What was found is kept by the data's checksum.
"""

import hashlib
import importlib
import json
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from engine import array_file
from engine.evaluation.requests import LabelErrorSettings, Suspects, SuspectsAnswer, SuspectsRequest
from engine.home import Home
from engine.progress import Progress, silent
from engine.worker.client import WorkerClient

if TYPE_CHECKING:
    from engine.data.dataset import Dataset

VERSION = 1  # of what is kept
SPLITS = ("train", "test")
FIELDS = ("indices", "scores", "others", "elsewhere")  # of Suspects, as they are kept
DEFAULT = LabelErrorSettings()


class Order(Enum):
    """How a list of suspicious images is sorted."""

    LOWEST_FIRST = "lowest score first"
    HIGHEST_FIRST = "highest score first"
    AS_FOUND = "as the function gives it"


class Other(Enum):
    """What `Suspects.others` holds."""

    NOTHING = "nothing"
    LABEL = "the suggested label"
    IMAGE = "the index of a similar image"


@dataclass(frozen=True, kw_only=True)
class ImageList:
    """How a list of images is shown.

    `caption` and `reason` are format strings for the text below an image and for the line about it. They get `score`;
    `label`, the name of the sample's class; `other`, see `Other`, a class by its name; `split`, which the other image
    is in; and `elsewhere`: that split's name and a space, or nothing where it is the sample's own split.
    """

    title: str
    other: Other = Other.NOTHING
    caption: str = "{label} {score:.2f}"
    reason: str = "score {score:.3f}"


@dataclass(frozen=True, kw_only=True)
class Kind(ImageList):
    """A reason to suspect an image. The command line, the screen and the documentation list what is in `KINDS`.

    `find` names the function that finds the suspicious images, as `module:function`. It gets the data set, the
    settings and a `Progress`, in the worker process, and returns `Suspects` by split.
    """

    why: str  # the score's formula, and from where on it is suspicious
    source: str  # who suggested it
    order: Order
    find: str
    takes: str = ""  # how long finding them takes, where that is more than a second
    configurable: bool = False  # whether `LabelErrorSettings` change what is found


KINDS = {
    "label": Kind(
        title="label errors",
        why="models trained on the other folds find another class more probable than that class is on average among "
        "the images labelled with it; score: their probability of the image's label",
        source="confident learning, Northcutt, Jiang & Chuang 2021",
        order=Order.LOWEST_FIRST,
        find="engine.evaluation.label_errors:find",
        other=Other.LABEL,
        caption="{label}→{other}? {score:.0%}",
        reason="perhaps {other}: its label has probability {score:.2g}",
        takes=f"about a minute: {DEFAULT.folds} times {DEFAULT.epochs} epochs of {DEFAULT.model} with Adam",
        configurable=True,
    ),
    "duplicates": Kind(
        title="near-duplicates",
        why="its pixels correlate with those of another image, in either split, by 0.99 or more; score: that "
        "correlation",
        source="zero-mean normalized cross-correlation, Lewis 1995; all pairs are compared",
        order=Order.AS_FOUND,  # by groups
        find="engine.evaluation.duplicates:find",
        other=Other.IMAGE,
        caption="≈ {elsewhere}{other} {label}",
        reason="nearly {split} image {other}, correlation {score:.4f} (P)",
        takes="about 10 seconds",
    ),
    "dark": Kind(
        title="dark images",
        why="score: the 99th percentile of its pixels ÷ 255, below 0.32",
        source="CleanVision's dark score",
        order=Order.LOWEST_FIRST,
        find="engine.evaluation.image_scores:find_dark",
    ),
    "bright": Kind(
        title="bright images",
        why="score: 1 less the 5th percentile of its pixels ÷ 255, below 0.05",
        source="CleanVision's light score",
        order=Order.LOWEST_FIRST,
        find="engine.evaluation.image_scores:find_bright",
    ),
    "low-information": Kind(
        title="low information",
        why="score: a tenth of the entropy of its grey levels in bits, below 0.15",
        source="CleanVision's low-information score",
        order=Order.LOWEST_FIRST,
        find="engine.evaluation.image_scores:find_low_information",
    ),
    "outliers": Kind(
        title="outliers",
        why="its mean distance to its 10 nearest neighbours is unusual; score: the modified z-score of that distance, "
        "above 3.5",
        source="k-nearest-neighbour score, Kuan & Mueller 2022; modified z-score, Iglewicz & Hoaglin 1993",
        order=Order.HIGHEST_FIRST,
        find="engine.evaluation.outliers:find",
        takes="about 15 seconds",
    ),
}


def ask(
    worker: WorkerClient,
    kind: str,
    dataset: "Dataset",
    data_dir: Path | None,
    settings: LabelErrorSettings = DEFAULT,
    progress: Progress = silent,
) -> dict[str, Suspects]:
    """The suspicious images of each split, by its name: from the cache at once, else by the worker process. Raises
    EngineError."""
    path = cache_file(worker.home, kind, dataset.checksum, settings)
    kept = array_file.read(path).arrays
    if kept is not None and {f"{split}.{name}" for split in SPLITS for name in FIELDS} <= set(kept):
        return {split: Suspects(kind, split, *(kept[f"{split}.{name}"] for name in FIELDS)) for split in SPLITS}
    answer = worker.ask(SuspectsRequest(kind, dataset.name, data_dir, settings), progress)
    array_file.keep(
        path, {f"{split}.{name}": getattr(part, name) for split, part in answer.by_split.items() for name in FIELDS}
    )
    return dict(answer.by_split)


def cache_file(home: Path, kind: str, checksum: str, settings: LabelErrorSettings = DEFAULT) -> Path:
    """Where what was found is kept."""
    used = asdict(settings) if KINDS[kind].configurable else {}
    key = hashlib.sha256(json.dumps([VERSION, checksum, used], sort_keys=True).encode()).hexdigest()
    return Home(home).cache / f"quality-{kind}-{key[:32]}.npz"


def compute(home: Path, request: SuspectsRequest, progress: Progress) -> SuspectsAnswer:
    """The worker process's part."""
    from engine.data import dataset_cache
    from engine.evaluation.suspects import by_score

    kind = KINDS[request.kind]
    data = dataset_cache.dataset(request.dataset, request.data_dir, home)
    module, _, function = kind.find.partition(":")
    found: dict[str, Suspects] = getattr(importlib.import_module(module), function)(data, request.settings, progress)
    if kind.order is not Order.AS_FOUND:
        lowest_first = kind.order is Order.LOWEST_FIRST
        found = {split: by_score(part, lowest_first=lowest_first) for split, part in found.items()}
    return SuspectsAnswer(found)

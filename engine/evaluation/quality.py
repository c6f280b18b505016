"""Suspicions about a data set: near-duplicates, label errors, and images that are unlike images.

Asking imports no torch. What was found is kept by the data's checksum.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.home import Home
from engine.inspection.untyped import ask_untyped
from engine.progress import Progress
from engine.worker.client import WorkerClient
from engine.worker.request import Answer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.data.dataset import Dataset

MODEL, FOLDS, EPOCHS, LR = "mlp", 5, 5, 1e-3  # of the models that look for label errors
VERSION = 1  # of what is kept


@dataclass(frozen=True)
class Kind:
    """A reason to suspect an image."""

    title: str  # as it is listed
    why: str  # the score's formula, and from where on it is suspicious
    source: str
    lowest_first: bool  # whether a lower score is more suspicious


KINDS = {
    "label": Kind(
        "label errors",
        "models trained on the other folds find another class more probable than that class is on the average, among "
        "the images that have it; score: their probability of its own label",
        "confident learning, Northcutt, Jiang & Chuang 2021",
        True,
    ),
    "duplicates": Kind(
        "near-duplicates",
        "its pixels correlate with another image's, of the same split or the other, by 0.99 or more; score: that "
        "correlation",
        "zero-mean normalised cross-correlation, Lewis 1995; all pairs are compared",
        False,
    ),
    "dark": Kind(
        "dark images", "score: the 99th percentile of its pixels ÷ 255, below 0.32", "CleanVision's dark score", True
    ),
    "bright": Kind(
        "bright images",
        "score: 1 less the 5th percentile of its pixels ÷ 255, below 0.05",
        "CleanVision's light score",
        True,
    ),
    "low-information": Kind(
        "low information",
        "score: a tenth of the entropy of its grey levels in bits, below 0.15",
        "CleanVision's low-information score",
        True,
    ),
    "outliers": Kind(
        "odd images",
        "its mean distance to its 10 nearest neighbours is unusual; score: the modified z-score of that distance, "
        "above 3.5",
        "k-nearest-neighbour score, Kuan & Mueller 2022; modified z-score, Iglewicz & Hoaglin 1993",
        False,
    ),
}


@dataclass(frozen=True, eq=False)
class Suspects:
    """The suspected samples of one split, most suspicious first; near-duplicates by groups. [n] each."""

    kind: str
    split: str
    indices: "npt.NDArray[np.int64]"
    scores: "npt.NDArray[np.float32]"
    others: "npt.NDArray[np.int64]"  # the suggested label, or the near-duplicate's index; else -1
    elsewhere: "npt.NDArray[np.bool_]"  # whether the near-duplicate is in the other split

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class Settings:
    """Of the models that look for label errors: Adam with a learning rate of 1e-3."""

    model: str = MODEL
    folds: int = FOLDS
    epochs: int = EPOCHS
    transform: str = ""
    seed: int = 0
    device: str = "auto"


def ask(
    worker: WorkerClient,
    kind: str,
    dataset: "Dataset",
    data_dir: Path | None,
    settings: Settings = Settings(),  # frozen
    tell: Progress = lambda done, total: None,
) -> dict[str, Suspects]:
    """What is suspected in each split, by name: from the cache at once, else by the worker. Raises EngineError."""
    chosen = vars(settings) if kind == "label" else {}
    if (found := _read(worker.home, kind, dataset.checksum, chosen)) is None:
        values = {
            "kind": kind, "dataset": dataset.name, "data_dir": str(data_dir) if data_dir else None, "settings": chosen,
        }  # fmt: skip
        answer = ask_untyped(worker, "quality", values, tell)
        found = answer.arrays
        _keep(cache_file(worker.home, kind, dataset.checksum, chosen), found)
    return {
        split: Suspects(
            kind, split, *(found[f"{split}.{name}"] for name in ("indices", "scores", "others", "elsewhere"))
        )
        for split in ("train", "test")
    }


def cache_file(home: Path, kind: str, checksum: str, settings: Mapping[str, Any]) -> Path:
    """Where what was found is kept."""
    key = hashlib.sha256(json.dumps([VERSION, checksum, settings], sort_keys=True).encode()).hexdigest()
    return Home(home).cache / f"quality-{kind}-{key[:32]}.npz"


def _read(home: Path, kind: str, checksum: str, settings: Mapping[str, Any]) -> "dict[str, Any] | None":
    import numpy as np

    try:
        with np.load(cache_file(home, kind, checksum, settings), allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, KeyError):
        return None


def _keep(path: Path, arrays: "Mapping[str, Any]") -> None:
    """Into the cache; one that can't be written is no cache."""
    import numpy as np

    from engine import atomic

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, buffer.getvalue())
    except OSError:
        pass


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """The worker's part: `kind`, `dataset`, `data_dir`, `settings`. Arrays `train.indices`, `train.scores`, …"""
    import numpy as np

    from engine.evaluation import image_scores
    from engine.inspection.dataset_cache import dataset

    data, kind = dataset(home, values), str(values["kind"])
    arrays: dict[str, Any] = {}

    def put(split: str, indices: Any, found: Any, others: Any = None, elsewhere: Any = None) -> None:
        arrays[f"{split}.indices"] = np.asarray(indices, np.int64)
        arrays[f"{split}.scores"] = np.asarray(found, np.float32)
        arrays[f"{split}.others"] = np.full(len(indices), -1) if others is None else np.asarray(others, np.int64)
        arrays[f"{split}.elsewhere"] = np.zeros(len(indices), bool) if elsewhere is None else np.asarray(elsewhere)

    of_an_image = {
        "dark": (image_scores.darkness, image_scores.DARK), "bright": (image_scores.brightness, image_scores.BRIGHT),
        "low-information": (image_scores.information, image_scores.LOW_INFORMATION),
    }  # fmt: skip
    if kind in of_an_image:
        score, limit = of_an_image[kind]
        for done, (name, split) in enumerate(data.splits.items()):
            tell(done, 2)
            found = score(split)
            order = np.argsort(found, kind="stable")
            order = order[found[order] < limit]
            put(name, order, found[order])
    elif kind == "label":
        _label(data, values["settings"], tell, put)
    else:
        _neighbours(data, kind, tell, put)
    return Answer({}, arrays)


def _label(data: "Dataset", settings: Mapping[str, Any], tell: Progress, put: Any) -> None:
    import numpy as np

    from engine import device
    from engine.evaluation import label_errors
    from engine.training.config import TrainConfig

    given = {name: settings[name] for name in ("model", "epochs", "transform", "seed", "device")}
    config = TrainConfig(**given, optimizer="adam", lr=LR)
    by_split = label_errors.probabilities(data, config, settings["folds"], device.resolve(config.device), tell)
    for chances, split in zip(by_split, data.splits.values(), strict=True):
        found = label_errors.confident(chances, split.labels)
        order = np.argsort(found.own, kind="stable")
        order = order[found.suspected[order]]
        put(split.name, order, found.own[order], found.suggested[order])


def _neighbours(data: "Dataset", kind: str, tell: Progress, put: Any) -> None:
    import numpy as np
    import torch

    from engine import device
    from engine.evaluation import neighbours

    before = torch.get_num_threads()
    torch.set_num_threads(device.usable_cores())  # large products: they gain from every core
    try:
        images = np.concatenate([split.images for split in data.splits.values()])
        Z = neighbours.standardized(images)
        P = neighbours.components(Z)
        border = len(data.train)
        if kind == "outliers":
            scores = neighbours.unusual(neighbours.distances(P, tell))
            for name, part, offset in (("train", scores[:border], 0), ("test", scores[border:], border)):
                order = np.argsort(-part, kind="stable")
                order = order[part[order] > neighbours.ODD]
                put(name, order, scores[order + offset])
            return
        pairs = neighbours.duplicates(Z, P, tell)
    finally:
        torch.set_num_threads(before)
    partner, best = np.full(len(images), -1), np.full(len(images), -1.0, np.float32)
    for at in np.argsort(pairs.correlation, kind="stable"):  # the highest is written last
        for one, other in ((pairs.first[at], pairs.second[at]), (pairs.second[at], pairs.first[at])):
            partner[one], best[one] = other, pairs.correlation[at]
    group = neighbours.groups(pairs, len(images))
    closest = np.full(len(images), -1.0, np.float32)  # the highest correlation within a group
    np.maximum.at(closest, group, best)
    members = np.flatnonzero(partner >= 0)
    members = members[np.lexsort((members, group[members], -closest[group[members]]))]
    for name, inside, offset in (("train", members < border, 0), ("test", members >= border, border)):
        mine = members[inside]
        others = partner[mine]
        elsewhere = (others >= border) != (mine >= border)
        put(name, mine - offset, best[mine], np.where(others >= border, others - border, others), elsewhere)

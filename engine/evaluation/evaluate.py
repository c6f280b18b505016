"""What somebody's weights reach on a data set: their numbers are read from the file, nothing of it is executed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from engine import atomic
from engine.checkpoints.verify import identity
from engine.checkpoints.verify import sha256 as sha256_of
from engine.errors import CheckpointError
from engine.home import Home
from engine.progress import Progress
from engine.training.config import TrainConfig, is_file_reference
from engine.training.loop import Batch, test_loop
from engine.training.setup import TrainingSetup, make_setup
from engine.weights import matching
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.key_mapping import KeyMapping

BATCH = 500  # samples at a time


@dataclass(frozen=True)
class Result:
    """On the test set."""

    file: str
    sha256: str
    model: str
    data: str  # its title
    samples: int
    accuracy: float  # fraction of 1
    loss: float  # mean of the batches' mean losses, in batches of BATCH
    per_class: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]  # row: true class, column: predicted class
    classes: tuple[str, ...]
    cached: bool = False


@dataclass(frozen=True)
class EvaluationOptions:
    """How the weights of a file are brought into a network."""

    model: str = ""  # as in TrainConfig; empty: what the file's own config says
    how: KeyMapping = field(default_factory=KeyMapping)
    dataset: str = "auto"
    transform: str = ""
    loss: str = ""
    device: str = "cpu"


def evaluate(
    path: Path, way: EvaluationOptions, *, home: Path, data_dir: Path | None, tell: Progress = lambda done, total: None
) -> Result:
    """Evaluate the weights of a file; from the cache where the same file, way and data were evaluated before.

    Raises CheckpointError where they do not fit, saying what would have to be renamed, and other EngineErrors.
    """
    contents = contents_of(path)
    config = configured(contents, way)
    prepared = make_setup(config, home=home, data_dir=data_dir)
    sha256 = identity(path)
    kept = _cache(home, sha256, way, prepared)
    try:
        return Result(**{**json.loads(kept.read_text()), "file": str(path), "cached": True})
    except (OSError, ValueError, TypeError):
        pass
    load_weights(prepared, matching.mapped(contents, way.how), str(path), way.how)
    result = score(prepared, path, sha256, tell)
    kept.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(kept, json.dumps(asdict(result)))
    return result


@dataclass(frozen=True)
class Versus:
    """Two files on the same test images: what the second recognises that the first did not, and the other way round."""

    first: str
    second: str
    model: str
    data: str
    classes: tuple[str, ...]
    accuracy: tuple[float, float]  # fractions of 1
    fixed: tuple[int, ...]  # indices of images that only the second recognises
    broken: tuple[int, ...]  # that only the first does
    labels: tuple[int, ...]  # of fixed, then of broken
    predicted_as: tuple[int, ...]  # what the one that is mistaken takes them for, in the same order
    checksum: str  # of the data


def versus(
    first: Path,
    second: Path,
    way: EvaluationOptions,
    *,
    home: Path,
    data_dir: Path | None,
    tell: Progress = lambda done, total: None,
) -> Versus:
    """Put the test set through the weights of both files. Raises CheckpointError as `evaluate` does."""
    said: list[torch.Tensor] = []
    for number, path in enumerate((first, second)):
        contents = contents_of(path)
        prepared = make_setup(configured(contents, way), home=home, data_dir=data_dir)
        load_weights(prepared, matching.mapped(contents, way.how), str(path), way.how)
        batches = prepared.test_batches
        total = 2 * batches.samples
        start = number * batches.samples
        said.append(_predicted(prepared, lambda done, _, start=start, total=total: tell(start + done, total)))  # type: ignore[misc]
    labels = torch.from_numpy(prepared.dataset.test.labels.astype("int64"))
    right = [one == labels for one in said]
    fixed, broken = (right[1] & ~right[0]).nonzero().flatten(), (right[0] & ~right[1]).nonzero().flatten()
    both = torch.cat([fixed, broken])
    predicted_as = torch.cat([said[0][fixed], said[1][broken]])
    return Versus(
        str(first), str(second), prepared.config.model, prepared.dataset.title, prepared.dataset.classes,
        (float(right[0].double().mean()), float(right[1].double().mean())), tuple(fixed.tolist()),
        tuple(broken.tolist()), tuple(labels[both].tolist()), tuple(predicted_as.tolist()),
        prepared.dataset.checksum,
    )  # fmt: skip


@torch.no_grad()
def _predicted(prepared: TrainingSetup, tell: Progress) -> torch.Tensor:
    """What the network takes each test image for, int64 [N]."""
    prepared.network.eval()
    batches = prepared.test_batches
    return torch.cat([prepared.network(X).argmax(1).cpu() for X, _ in report(batches, batches.samples, tell)])


def configured(contents: Contents, way: EvaluationOptions) -> TrainConfig:
    """What to build and read. Of a file of this program what is not said is as the run had it; but a name of a Python
    file in it, which would be run, has to be typed by the person."""
    own = {key: str(contents.metadata.get(f"config.{key}", "")) for key in ("model", "transform", "loss")}
    model = way.model or own["model"]
    if not model and contents.modules and not contents.modules[0].name:
        raise CheckpointError(
            f"{contents.path} is a module that was pickled whole: loading it would run its author's code. Name the "
            "network with --model, and only its numbers are read; or, if you trust the author: --trust "
            f"{sha256_of(contents.path)}"
        )
    if not model:
        raise CheckpointError(f"{contents.path} does not say which network it is of: name it with --model")
    for name, given in (("model", way.model), ("transform", way.transform)):
        if not given and is_file_reference(own[name]):
            what = f"{contents.path} wants {own[name]} to be run"
            raise CheckpointError(f"{what}: if that is what you want, say --{name} {own[name]}")
    return TrainConfig(
        model=model, dataset=way.dataset, transform=way.transform or own["transform"],
        loss=way.loss or own["loss"] or "cross_entropy", device=way.device, batch_size=BATCH,
    )  # fmt: skip


def load_weights(prepared: TrainingSetup, weights: Mapping[str, Any], what: str, mapping: KeyMapping) -> None:
    """Load weights into the network. `mapping`: the one that gave them their names. Raises MisfitError where they do
    not fit."""
    wanted = prepared.network.state_dict()
    found = matching.match(wanted, weights)
    if not found.whole:
        message = f"{what} does not fit {prepared.config.model}: {found.describe()}"
        raise found.error(message, found.proposal(mapping))
    prepared.network.load_state_dict(dict(weights))


def score(prepared: TrainingSetup, path: Path, sha256: str, tell: Progress) -> Result:
    """The test set's result."""
    data, batches = prepared.dataset, prepared.test_batches
    found = test_loop(report(batches, batches.samples, tell), prepared.network, prepared.loss_fn, len(data.classes))
    return Result(
        file=str(path), sha256=sha256, model=prepared.config.model, data=data.title, samples=len(data.test),
        accuracy=found.accuracy, loss=found.loss, per_class=found.per_class, confusion=found.confusion,
        classes=data.classes,
    )  # fmt: skip


def report(batches: Iterable[Batch], total: int, tell: Progress) -> Iterator[Batch]:
    """The batches, and how many samples of them were gone through."""
    done = 0
    for X, y in batches:
        yield X, y
        done += len(y)
        tell(done, total)


def _cache(home: Path, sha256: str, way: EvaluationOptions, prepared: TrainingSetup) -> Path:
    told = json.dumps(
        [asdict(way), prepared.config.to_dict(), prepared.dataset.checksum, prepared.environment], sort_keys=True
    )
    key = hashlib.sha256(told.encode()).hexdigest()
    return Home(home).cache / f"evaluation-{sha256[:32]}-{key[:16]}.json"

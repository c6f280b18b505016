"""What a checkpoint, or anybody's weights, say of every sample of a split: computed once by the worker, and kept by
the file's SHA-256.

Reading and asking import no torch.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.checkpoints.verify import identity
from engine.errors import InspectionError
from engine.home import Home, RunFolder
from engine.inspection.untyped import ask_untyped
from engine.progress import Progress
from engine.runs import checkpoint_refs
from engine.runs import folder as store
from engine.weights.key_mapping import file_and_mapping
from engine.worker.client import WorkerClient
from engine.worker.request import Answer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.training.setup import TrainingSetup

BATCH = 500  # samples at a time
FIELDS = ("predicted", "probability", "own", "rival")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Of each sample of a split, in its order."""

    run: str  # its name, or id
    place: str  # for people: the checkpoint
    split: str
    checksum: str  # of the data it was computed on
    predicted: "npt.NDArray[np.uint8]"  # the class with the highest probability
    probability: "npt.NDArray[np.float32]"  # its softmax probability
    own: "npt.NDArray[np.float32]"  # the softmax probability of the sample's own class
    rival: "npt.NDArray[np.float32]"  # the highest softmax probability among the other classes

    @property
    def loss(self) -> "npt.NDArray[np.float32]":
        """Cross-entropy of each sample: the negative logarithm of its own class's probability."""
        import numpy as np

        return -np.log(np.maximum(self.own, 1e-12))

    @property
    def margin(self) -> "npt.NDArray[np.float32]":
        """The own class's probability less the highest of the others, -1 to 1: below 0 the sample is mistaken."""
        return self.own - self.rival


@dataclass(frozen=True)
class PredictionSource:
    """Whose predictions: a run's checkpoint's, or those of somebody's weights in a network."""

    name: str  # for people
    place: str
    key: str  # what they are kept by
    request: Mapping[str, Any] = field(default_factory=dict)


def of_run(folder: Path, at: str) -> PredictionSource:
    """The checkpoint `at` (see `places.find`) of the run in `folder`. Raises EngineError."""
    entry = checkpoint_refs.find(folder, at)
    name = store.title(folder)
    return PredictionSource(
        name, checkpoint_refs.name_of(entry), entry.sha256[:32], {"folder": str(folder), "file": entry.file}
    )


def of_file(source: str, settings: Mapping[str, Any]) -> PredictionSource:
    """The weights of anybody's file, `MODEL=FILE` and what may be said after it (`typed.file_and_how`), on the data of
    `settings`: `dataset`, `data_dir`, `transform` (empty: what the file says). Reads the file once, for its SHA-256:
    not for the event loop. Raises EngineError."""
    model, _, file = source.strip().partition("=")
    path, said = file_and_mapping(file)
    request = {"model": model, "path": str(path), "how": str(said), **settings}
    told = json.dumps([identity(path), request], sort_keys=True)
    return PredictionSource(path.name, model, hashlib.sha256(told.encode()).hexdigest()[:32], request)


def ask(
    worker: WorkerClient, eyes: PredictionSource, split: str, tell: Progress = lambda done, total: None
) -> Predictions:
    """The predictions for "train" or "test": from the cache at once, else by the worker process: some seconds. Raises
    EngineError."""
    path = cache_file(worker.home, eyes.key, split)
    if (found := _read(path, eyes, split)) is None:
        ask_untyped(worker, "predictions", {**eyes.request, "key": eyes.key, "split": split}, tell)
        found = _read(path, eyes, split)
    if found is None:
        raise InspectionError(f"the predictions of {eyes.name} can't be kept in {path}")
    return found


def cache_file(home: Path, key: str, split: str) -> Path:
    """Where predictions are kept."""
    return Home(home).cache / f"predictions-{key}-{split}.npz"


def _read(path: Path, eyes: PredictionSource, split: str) -> Predictions | None:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            values = {name: stored[name] for name in FIELDS}
            checksum = str(stored["checksum"])
    except (OSError, ValueError, KeyError):
        return None
    return Predictions(eyes.name, eyes.place, split, checksum, **values)


def compute(home: Path, values: Mapping[str, Any], tell: Progress) -> Answer:
    """The worker process's part: what `Eyes.request` holds, `key` and `split`. The answer is in the cache."""
    import numpy as np
    import torch

    from engine import atomic

    split = values["split"]
    prepared = _of_run(values) if "folder" in values else _of_file(home, values)
    prepared.network.eval()
    # The training images as the test set's are made: nothing is drawn.
    batches = prepared.test_batches if split == "test" else prepared.training_as_test()
    found: dict[str, list[Any]] = {name: [] for name in FIELDS}
    done = 0
    with torch.no_grad():
        for X, y in batches:
            chances = torch.softmax(prepared.network(X).float(), dim=1)
            highest, own = chances.max(dim=1), chances.gather(1, y.unsqueeze(1)).squeeze(1)
            others = chances.scatter(1, y.unsqueeze(1), -1.0)
            found["predicted"].append(highest.indices.to("cpu", torch.uint8).numpy())
            found["probability"].append(highest.values.cpu().numpy())
            found["own"].append(own.cpu().numpy())
            found["rival"].append(others.amax(dim=1).cpu().numpy())
            done += len(y)
            tell(done, batches.samples)
    buffer = io.BytesIO()
    whole = {name: np.concatenate(parts) for name, parts in found.items()}
    np.savez(buffer, allow_pickle=False, checksum=np.array(prepared.dataset.checksum), **whole)
    path = cache_file(home, values["key"], split)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, buffer.getvalue())
    return Answer({})


def _of_run(values: Mapping[str, Any]) -> "TrainingSetup":
    from engine.checkpoints import manifest
    from engine.checkpoints.read import load
    from engine.training.config import TrainConfig
    from engine.training.resume import load_model
    from engine.training.setup import make_setup

    folder = Path(values["folder"])
    entry = next(one for one in manifest.read(folder) if one.file == values["file"])
    content, asked = load(folder, entry), store.read_run(folder)
    data_dir = asked.get("data_dir")
    trained = content["config"] | {"batch_size": BATCH, "shuffle": False, "device": asked.get("device", "cpu")}
    prepared = make_setup(
        TrainConfig.from_dict(trained),
        home=RunFolder(folder).home.path,
        data_dir=Path(data_dir) if data_dir else None,
        fresh=False,
    )
    load_model(prepared.network, content["model"], trained["model"])
    return prepared


def _of_file(home: Path, values: Mapping[str, Any]) -> "TrainingSetup":
    from engine.evaluation.evaluate import EvaluationOptions, configured, load_weights
    from engine.training.setup import make_setup
    from engine.weights.key_mapping import KeyMapping, parse_mapping
    from engine.weights.matching import mapped
    from engine.weights.reading import read

    contents, said = read(Path(values["path"])), parse_mapping(values["how"].split()) or KeyMapping()
    way = EvaluationOptions(values["model"], said, values["dataset"], values["transform"])
    data_dir = values["data_dir"]
    prepared = make_setup(configured(contents, way), home=home, data_dir=Path(data_dir) if data_dir else None)
    load_weights(prepared, mapped(contents, said), str(contents.path))
    return prepared

"""A model's predictions for every sample of a split: computed once by the worker process, and kept by the SHA-256 of
the checkpoint or file.

Asking imports no torch.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import array_file, sources
from engine.checkpoints.verify import identity
from engine.errors import InspectionError
from engine.evaluation.requests import EvaluationSettings, PredictionsRequest, PredictionValues
from engine.home import Home
from engine.progress import Progress, silent
from engine.runs import checkpoint_refs
from engine.sources import Checkpoint, NetworkRef, NewModel, RunCheckpoint, WeightsFile
from engine.weights.key_mapping import USE_OF_FILES
from engine.worker.client import WorkerClient

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.training.setup import TrainingSetup

BATCH = 500  # samples at a time
TOP = 5  # classes of each sample whose probabilities are kept
FIELDS = (
    "checksum", "predicted", "probability", "label_probability", "highest_other", "top_classes", "top_probabilities",
)  # fmt: skip  # of PredictionValues


@dataclass(frozen=True, eq=False)
class Predictions(PredictionValues):
    """Of each sample of a split, in its order."""

    title: str  # whose they are, such as "fast, epoch 10" or "weights.pt (mlp)"
    split: str

    @property
    def loss(self) -> "npt.NDArray[np.float32]":
        """Cross-entropy of each sample: the negative logarithm of its label's probability."""
        import numpy as np

        return -np.log(np.maximum(self.label_probability, 1e-12))

    @property
    def margin(self) -> "npt.NDArray[np.float32]":
        """The label's probability less the highest of the others, -1 to 1: below 0 the prediction is wrong."""
        return self.label_probability - self.highest_other


@dataclass(frozen=True)
class PredictionSource:
    """Whose predictions."""

    title: str  # for people
    key: str  # what they are kept by
    network: NetworkRef


def find_source(home: Path, network: NetworkRef) -> PredictionSource:
    """What is asked for: a run's checkpoint, or a file of weights, on the data that `network` names. Reads a file once,
    for its SHA-256: not for the event loop. Raises EngineError."""
    match network.source:
        case NewModel(model):
            raise InspectionError(f"a new {model} has not learned anything: name a run, or {model}=FILE")
        case RunCheckpoint() as source:
            return _of_checkpoint(sources.resolve(home, source))
        case WeightsFile() as source:
            listed = None if source.model or str(source.mapping) else sources.listed_checkpoint(source)
            return _of_file(network, source) if listed is None else _of_checkpoint(listed)


def _of_checkpoint(found: Checkpoint) -> PredictionSource:
    title = f"{found.title}, {checkpoint_refs.words(found.entry)}"
    return PredictionSource(title, found.entry.sha256[:32], NetworkRef(WeightsFile(found.path)))


def _of_file(network: NetworkRef, source: WeightsFile) -> PredictionSource:
    if not source.path.exists():
        raise InspectionError(f"no such file: {source.path}")
    used = [USE_OF_FILES, identity(source.path), str(source), network.dataset, str(network.data_dir), network.transform]
    key = hashlib.sha256(json.dumps(used).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    title = f"{source.path.name} ({source.model})" if source.model else source.path.name
    return PredictionSource(title, key, network)


def ask(worker: WorkerClient, source: PredictionSource, split: str, progress: Progress = silent) -> Predictions:
    """The predictions for "train" or "test": from the cache at once, else by the worker process, in some seconds.
    `progress` counts samples. Raises EngineError."""
    path = cache_file(worker.home, source.key, split)
    kept = array_file.read(path).arrays
    if kept is not None and set(FIELDS) <= set(kept):
        values = PredictionValues(str(kept["checksum"]), *(kept[name] for name in FIELDS[1:]))
    else:
        import numpy as np

        values = worker.ask(PredictionsRequest(source.network, split), progress)
        array_file.keep(path, {name: np.asarray(getattr(values, name)) for name in FIELDS})
    return Predictions(**vars(values), title=source.title, split=split)


def cache_file(home: Path, key: str, split: str) -> Path:
    """Where predictions are kept."""
    return Home(home).cache / f"predictions-{key}-{split}.npz"


def compute(home: Path, request: PredictionsRequest, progress: Progress) -> PredictionValues:
    """The worker process's part."""
    import numpy as np
    import torch

    from engine.evaluation.of_checkpoint import setup_of_checkpoint

    source = request.network.source
    assert isinstance(source, WeightsFile)
    listed = None if source.model else sources.listed_checkpoint(source)
    setup = _setup_of_file(home, request.network, source) if listed is None else setup_of_checkpoint(listed)
    setup.network.eval()
    # The training images as the test set's are made: no random transform.
    batches = setup.test_batches if request.split == "test" else setup.training_as_test()
    found: dict[str, list[Any]] = {name: [] for name in FIELDS[1:]}
    done = 0
    with torch.no_grad():
        for X, y in batches:
            probabilities = torch.softmax(setup.network(X).float(), dim=1)
            highest, labels = probabilities.max(dim=1), y.unsqueeze(1)
            others = probabilities.scatter(1, labels, -1.0)
            found["predicted"].append(highest.indices.to("cpu", torch.uint8).numpy())
            found["probability"].append(highest.values.cpu().numpy())
            found["label_probability"].append(probabilities.gather(1, labels).squeeze(1).cpu().numpy())
            found["highest_other"].append(others.amax(dim=1).cpu().numpy())
            top = probabilities.topk(min(TOP, probabilities.shape[1]), dim=1)
            found["top_classes"].append(top.indices.to("cpu", torch.uint8).numpy())
            found["top_probabilities"].append(top.values.cpu().numpy())
            done += len(y)
            progress(done, batches.samples)
    return PredictionValues(setup.dataset.checksum, **{name: np.concatenate(parts) for name, parts in found.items()})


def _setup_of_file(home: Path, network: NetworkRef, source: WeightsFile) -> "TrainingSetup":
    from engine.evaluation.evaluate import configured, load_weights
    from engine.training.setup import make_setup
    from engine.weights.contents_cache import contents_of

    contents = contents_of(source.path)
    settings = EvaluationSettings(network.dataset, network.transform or None)
    config = replace(configured(contents, source.model, settings), batch_size=BATCH)
    setup = make_setup(config, home=home, data_dir=network.data_dir)
    load_weights(setup, contents, str(contents.path), source.mapping)
    return setup

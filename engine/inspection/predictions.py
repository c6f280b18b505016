"""What a run's checkpoint says of every sample of a split: computed once by the inspector, kept by its SHA-256.

Reading and asking import no torch.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.checkpoints.manifest import Entry
from engine.errors import InspectionError
from engine.inspection.inspector import Answer, Inspector, Tell
from engine.runs import places, store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

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


def ask(inspector: Inspector, folder: Path, at: str, split: str, tell: Tell = lambda done, total: None) -> Predictions:
    """The predictions of the checkpoint `at` (see `places.find`) of the run in `folder` for "train" or "test".

    From the cache at once, else by the inspector: some seconds. Raises EngineError.
    """
    entry = places.find(folder, at)
    if (found := _read(folder, entry, split)) is None:
        inspector.ask("predictions", {"folder": str(folder), "file": entry.file, "split": split}, tell)
        found = _read(folder, entry, split)
    if found is None:
        raise InspectionError(f"the predictions of {folder.name} can't be kept in {cache_file(folder, entry, split)}")
    return found


def cache_file(folder: Path, entry: Entry, split: str) -> Path:
    """Where the predictions of a checkpoint are kept."""
    return folder.parent.parent / "cache" / f"predictions-{entry.sha256[:32]}-{split}.npz"


def _read(folder: Path, entry: Entry, split: str) -> Predictions | None:
    import numpy as np

    try:
        with np.load(cache_file(folder, entry, split), allow_pickle=False) as stored:
            values = {name: stored[name] for name in FIELDS}
            checksum = str(stored["checksum"])
    except (OSError, ValueError, KeyError):
        return None
    name = str(store.read_run(folder).get("name") or folder.name)
    return Predictions(name, places.name_of(entry), split, checksum, **values)


def compute(_home: Path, values: Mapping[str, Any], tell: Tell) -> Answer:
    """The inspector's part: `folder` of a run, `file` of its checkpoint, `split`. The answer is in the cache."""
    import numpy as np
    import torch

    from engine import atomic
    from engine.checkpoints import manifest
    from engine.checkpoints.read import load
    from engine.training.config import TrainConfig
    from engine.training.prepare import prepare
    from engine.training.restore import load_model

    folder, split = Path(values["folder"]), values["split"]
    entry = next(one for one in manifest.read(folder) if one.file == values["file"])
    content, asked = load(folder, entry), store.read_run(folder)
    data_dir = asked.get("data_dir")
    trained = content["config"] | {"batch_size": BATCH, "shuffle": False, "device": asked.get("device", "cpu")}
    prepared = prepare(
        TrainConfig.from_dict(trained),
        home=folder.parent.parent,
        data_dir=Path(data_dir) if data_dir else None,
        fresh=False,
    )
    load_model(prepared.network, content["model"], trained["model"])
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
    path = cache_file(folder, entry, split)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, buffer.getvalue())
    return Answer({})

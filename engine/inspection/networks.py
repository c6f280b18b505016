"""The network that requests are about: a new one by name, or the weights of a run's checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine import sources
from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.checkpoints.read import load
from engine.data.dataset import Dataset
from engine.data.dataset_cache import dataset
from engine.data.loader import make_batches
from engine.errors import InspectionError
from engine.home import RunFolder
from engine.models.names import TORCHVISION
from engine.models.registry import build
from engine.runs import checkpoint_refs, store
from engine.sources import NetworkRef, NewModel, RunCheckpoint, WeightsFile
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS
from engine.training.pipelines import transforms_of
from engine.training.resume import load_model
from engine.training.setup import freeze
from engine.weights import matching

TORCHVISION_SHAPE: tuple[int, ...] = (3, 224, 224)  # what its classification models were made for


@dataclass(frozen=True, eq=False)
class Network:
    """A network to look into."""

    source: str  # as it is typed
    title: str  # for people
    model: nn.Module
    shape: tuple[int, ...]  # of one image, as it gets them: channels, height, width
    classes: tuple[str, ...]
    config: TrainConfig
    data: Dataset | None = None  # what it is for; None: torchvision's, for ImageNet
    folder: RunFolder | None = None  # of the run; None: its weights are new
    entry: Entry | None = None
    optimizer: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)  # its state, by parameter
    options: Mapping[str, Any] = field(default_factory=dict)  # the optimizer's arguments that are not settings

    @property
    def valueless(self) -> bool:
        """Whether its tensors have shapes only: it is on the meta device."""
        return any(tensor.is_meta for tensor in (*self.model.parameters(), *self.model.buffers()))


def network(home: Path, ref: NetworkRef) -> Network:
    """The network that is meant; the last few are kept.

    A model of torchvision is built without values, on the meta device. Raises EngineError.
    """
    match ref.source:
        case NewModel():
            return _new(home, ref, ref.source.model)
        case WeightsFile(path) if ref.source.model:
            return _with_weights(home, ref, ref.source, _changed(path))
        case WeightsFile(path):
            if not path.is_file():
                raise InspectionError(f"no such file: {path}")
            found = sources.listed_checkpoint(ref.source)
            if found is None:
                raise InspectionError(f"{path} is not a checkpoint in a run's folder; name its network: mlp={path}")
        case RunCheckpoint():
            found = sources.resolve(home, ref.source)
    return _of_checkpoint(str(ref.source), found.folder, found.entry.sha256, found.entry.file, ref.freeze)


def _config(ref: NetworkRef, model: str) -> TrainConfig:
    return TrainConfig(
        model=model, dataset=ref.dataset, transform=ref.transform, seed=ref.seed, freeze=ref.freeze or ""
    )  # fmt: skip


def _changed(path: Path) -> int:
    """When a file was written last, so that another one under its name is read anew."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _of_checkpoint(source: str, folder: RunFolder, _sha256: str, file: str, frozen: str | None) -> Network:
    entry = next(one for one in manifest.read(folder) if one.file == file)
    asked = store.read_run(folder)
    content = load(folder, entry)
    config = TrainConfig.from_dict(content["config"])
    data_dir = asked.get("data_dir")
    data = dataset(config.dataset, Path(data_dir) if data_dir else None, folder.home.path)
    shape, classes = _shape(config, data), data.classes
    model = build(config.model, len(classes), shape)
    load_model(model, content["model"], config.model)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    config = config if frozen is None else replace(config, freeze=frozen)
    freeze(model, config)
    model.eval()
    title = f"{config.model} of {store.title(folder)}, checkpoint {checkpoint_refs.name_of(entry)}"
    return Network(
        source, title if entry.finite else f"{title}, {checkpoint_refs.NOT_FINITE}", model, shape, classes, config,
        data, folder, entry, _state(content["optimizer"], trained), _options(config.optimizer, content["optimizer"]),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _new(home: Path, ref: NetworkRef, name: str) -> Network:
    config = _config(ref, name)
    if name.startswith(TORCHVISION):
        with torch.device("meta"):
            model = build(name, 1000)
        freeze(model, config)
        title = f"{name}, without values (meta device), 1,000 classes"
        return Network(name, title, model.eval(), TORCHVISION_SHAPE, _numbered(1000), config)
    data = dataset(config.dataset, ref.data_dir, home)
    shape, classes = _shape(config, data), data.classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build(name, len(classes), shape)
    freeze(model, config)
    return Network(name, f"{name}, new weights (seed {config.seed})", model.eval(), shape, classes, config, data)


@lru_cache(maxsize=4)
def _with_weights(home: Path, ref: NetworkRef, source: WeightsFile, _changed: int) -> Network:
    """A network with the weights of a file of any origin, whose numbers are read and nothing else."""
    name, path = source.model, source.path
    config = _config(ref, name)
    data: Dataset | None = None
    if name.startswith(TORCHVISION):
        shape, classes = TORCHVISION_SHAPE, _numbered(1000)
    else:
        data = dataset(config.dataset, ref.data_dir, home)
        shape, classes = _shape(config, data), data.classes
    with torch.random.fork_rng(devices=[]):
        model = build(name, len(classes), shape)
    matching.load(model, f"{path} {source.mapping}".strip(), name)
    freeze(model, config)
    title = f"{name} with the weights of {path.name}"
    return Network(str(source), title, model.eval(), shape, classes, config, data)


def _numbered(classes: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(classes))


def _state(optimizer: Mapping[str, Any], names: list[str]) -> dict[str, dict[str, torch.Tensor]]:
    """An optimizer's `state_dict` by the names of the parameters that it was given."""
    return {
        names[number]: {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
        for number, state in optimizer["state"].items()
        if number < len(names)
    }


def _options(name: str, optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """What the first group of an optimizer's `state_dict` has of the arguments that nothing changes."""
    group: Mapping[str, Any] = next(iter(optimizer["param_groups"]), {})
    return {key: group[key] for key in OPTIMIZERS[name].kept if key in group}


def _shape(config: TrainConfig, data: Dataset) -> tuple[int, ...]:
    """Of an image as the network gets it: [channels, height, width]."""
    own = transforms_of(config.transform)
    batches = make_batches(
        data.test, data.classes, batch_size=1, device="cpu", transform=own.test, after=own.after
    )  # fmt: skip
    X, _ = next(iter(batches))
    return tuple(X.shape[1:])

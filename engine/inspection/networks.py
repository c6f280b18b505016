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
from engine.data.loader import make_batches
from engine.errors import InspectionError
from engine.home import RunFolder
from engine.inspection.dataset_cache import dataset
from engine.models.names import TORCHVISION
from engine.models.registry import build
from engine.runs import checkpoint_refs, store
from engine.sources import NewModel, RunCheckpoint, WeightsFile
from engine.training.config import TrainConfig
from engine.training.pipelines import transforms_of
from engine.training.resume import load_model
from engine.training.setup import freeze
from engine.weights import matching
from engine.weights.key_mapping import KeyMapping

TORCHVISION_SHAPE = (3, 224, 224)  # what its classification models were made for


@dataclass(frozen=True, eq=False)
class Network:
    """A network to look into."""

    source: str  # what it was asked for by
    title: str  # for people
    model: nn.Module
    shape: tuple[int, ...]  # of one image, as it gets them: channels, height, width
    classes: tuple[str, ...]
    config: TrainConfig
    data: Dataset | None = None  # what it is for; None: torchvision's, for ImageNet
    folder: Path | None = None  # of the run; None: its weights are new
    entry: Entry | None = None
    optimizer: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)  # its state, by parameter

    @property
    def valueless(self) -> bool:
        """Whether its tensors have shapes only: it is on the meta device."""
        return any(tensor.is_meta for tensor in (*self.model.parameters(), *self.model.buffers()))


def network(home: Path, values: Mapping[str, Any]) -> Network:
    """What a request is about: `source`, as `sources.parse` takes it, of a new model `dataset`, `data_dir`, `transform`
    and `seed`, and `freeze`, where other parameters are to be frozen than the run's.

    A model of torchvision is built without values, on the meta device. Raises EngineError.
    """
    text = str(values["source"])
    source = sources.parse(text)
    match source:
        case NewModel(model):
            return _new(text, _given(values, model), values.get("data_dir"), home)
        case WeightsFile(path, mapping, model) if model:
            return _with_weights(
                text, model, path, mapping, _given(values, model), values.get("data_dir"), home, _changed(path)
            )
        case WeightsFile(path):
            if not path.is_file():
                raise InspectionError(f"no such file: {path}")
            found = sources.listed_checkpoint(source)
            if found is None:
                raise InspectionError(f"{path} is not a checkpoint in a run's folder; name its network: mlp={path}")
        case RunCheckpoint():
            found = sources.resolve(home, source)
    return _of_checkpoint(text, found.folder, found.entry.sha256, found.entry.file, values.get("freeze"))


def _given(values: Mapping[str, Any], model: str) -> tuple[tuple[str, Any], ...]:
    names = ("transform", "seed", "dataset", "freeze")
    return tuple(sorted({"model": model, **{one: values[one] for one in names if values.get(one) is not None}}.items()))


def _changed(path: Path) -> int:
    """When a file was written last, so that another one under its name is read anew."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _of_checkpoint(source: str, folder: Path, _sha256: str, file: str, frozen: str | None) -> Network:
    entry = next(one for one in manifest.read(folder) if one.file == file)
    asked = store.read_run(folder)
    content = load(folder, entry)
    config = TrainConfig.from_dict(content["config"])
    data = dataset(RunFolder(folder).home.path, {"dataset": config.dataset, "data_dir": asked.get("data_dir")})
    shape, classes = _shape(config, data), data.classes
    model = build(config.model, len(classes), shape)
    load_model(model, content["model"], config.model)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    config = config if frozen is None else replace(config, freeze=frozen)
    freeze(model, config)
    model.eval()
    name = store.title(folder)
    return Network(
        source, f"{config.model} of {name}, checkpoint {checkpoint_refs.name_of(entry)}", model, shape, classes, config,
        data, folder, entry, _state(content["optimizer"], trained),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _new(source: str, given: tuple[tuple[str, Any], ...], data_dir: str | None, home: Path) -> Network:
    config = TrainConfig(**dict(given))
    if source.startswith(TORCHVISION):
        with torch.device("meta"):
            model = build(source, 1000)
        freeze(model, config)
        names = tuple(f"class {number}" for number in range(1000))
        title = f"{source}, without values (meta device), 1,000 classes"
        return Network(source, title, model.eval(), TORCHVISION_SHAPE, names, config)
    data = dataset(home, {"dataset": config.dataset, "data_dir": data_dir})
    shape, classes = _shape(config, data), data.classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build(source, len(classes), shape)
    freeze(model, config)
    return Network(source, f"{source}, new weights (seed {config.seed})", model.eval(), shape, classes, config, data)


@lru_cache(maxsize=4)
def _with_weights(
    source: str, name: str, path: Path, said: KeyMapping, given: tuple[tuple[str, Any], ...], data_dir: str | None,
    home: Path, _at: int,
) -> Network:  # fmt: skip
    """A network of a name with the weights of a file, anybody's, whose numbers are read and nothing else."""
    config = TrainConfig(**dict(given))
    if name.startswith(TORCHVISION):
        raise InspectionError(f"{name} takes no weights here: it is for images of another shape")
    data = dataset(home, {"dataset": config.dataset, "data_dir": data_dir})
    shape, classes = _shape(config, data), data.classes
    model = build(name, len(classes), shape)
    matching.load(model, f"{path} {said}".strip(), name)
    freeze(model, config)
    return Network(source, f"{name} with the weights of {path.name}", model.eval(), shape, classes, config, data)


def _state(optimizer: Mapping[str, Any], names: list[str]) -> dict[str, dict[str, torch.Tensor]]:
    """An optimizer's `state_dict` by the names of the parameters that it was given."""
    return {
        names[number]: {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
        for number, state in optimizer["state"].items()
        if number < len(names)
    }


def _shape(config: TrainConfig, data: Dataset) -> tuple[int, ...]:
    """Of an image as the network gets it: [channels, height, width]."""
    own = transforms_of(config.transform)
    batches = make_batches(
        data.test, data.classes, batch_size=1, device="cpu", transform=own.test, after=own.after
    )  # fmt: skip
    X, _ = next(iter(batches))
    return tuple(X.shape[1:])

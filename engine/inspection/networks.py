"""The network that requests are about: a new one by name, or the weights of a run's checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.checkpoints.read import load
from engine.data.dataset import Dataset
from engine.data.loader import make_batches
from engine.errors import InspectionError, RunError
from engine.home import RunFolder
from engine.inspection.dataset_cache import dataset
from engine.models.registry import REGISTRY, TORCHVISION, build
from engine.runs import checkpoint_refs
from engine.runs import folder as store
from engine.training.config import TrainConfig, is_file_reference
from engine.training.pipelines import transforms_of
from engine.training.resume import load_model
from engine.training.setup import freeze
from engine.weights import matching
from engine.weights.key_mapping import KeyMapping, file_and_mapping

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


def is_model(source: str) -> bool:
    """Whether it names a model, not a run or a checkpoint."""
    return source in REGISTRY or source.startswith(TORCHVISION) or is_file_reference(source)


def locate(home: Path, source: str) -> tuple[Path, Entry]:
    """The run's folder and the checkpoint of `RUN`, `RUN@AT`, or of a file in a run's folder. Raises EngineError."""
    path = Path(source).expanduser()
    if path.suffix == ".pt" or path.is_file():
        folder = RunFolder.of_checkpoint(path).path
        found = [entry for entry in manifest.read(folder) if entry.file == path.name]
        if not path.is_file():
            raise InspectionError(f"no such file: {path}")
        if not found:
            raise InspectionError(f"{path} is not a checkpoint in a run's folder")
        return folder, found[0]
    name, _, at = source.partition("@")
    try:
        folder = store.find(home, name.strip() or "last")
    except RunError as error:
        known = f"{', '.join(REGISTRY)}, torchvision:NAME, path/to/file.py:ClassName"
        raise InspectionError(f"{source!r} is no model ({known}), no checkpoint's file, and {error}") from error
    return folder, checkpoint_refs.find(folder, at.strip() or "last")


def network(home: Path, values: Mapping[str, Any]) -> Network:
    """What a request is about: `source` (of weights from anybody's file `MODEL=FILE`, and after it what
    `typed.file_and_how` takes), of a new model `dataset`, `data_dir`, `transform` and `seed`, and, if they
    shall be others than the run's, `freeze`.

    A model of torchvision is built without values, on the meta device. Raises EngineError.
    """
    source = str(values["source"])
    name, equals, file = source.partition("=")
    if equals and is_model(name):
        path, said = file_and_mapping(file)
        return _with_weights(
            source, name, path, said, _given(values, name), values.get("data_dir"), home, _changed(path)
        )
    if not is_model(source):
        folder, entry = locate(home, source)
        return _of_checkpoint(source, folder, entry.sha256, entry.file, values.get("freeze"))
    return _new(source, _given(values, source), values.get("data_dir"), home)


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

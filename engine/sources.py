"""Which network, or which weights, are meant: parsed from what a person types, described, and resolved. No torch.

    mlp · torchvision:resnet18 · path/to/file.py:ClassName      a model with new weights
    last@best · fast · 20261126-1@3:412                         a run's checkpoint, `RUN` or `RUN@PLACE`
    weights.pth module. · mlp=weights.safetensors NEW=OLD       a file of weights, and what is done with its names

Every prompt, option and request that names a network or weights takes a `Source`.
"""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.errors import ConfigError, EngineError, InspectionError, RunError
from engine.home import RunFolder
from engine.models.names import MODELS, TORCHVISION, known
from engine.runs import checkpoint_refs, store
from engine.training.config import is_file_reference
from engine.training.config import parse as parse_setting
from engine.typed_path import is_there, typed_path
from engine.weights.formats import registry
from engine.weights.key_mapping import KeyMapping, file_and_mapping

LAST = "last"


@dataclass(frozen=True)
class NewModel:
    """A model with new weights, by its name in `TrainConfig.model`."""

    model: str

    def __str__(self) -> str:
        """As it is typed."""
        return self.model


@dataclass(frozen=True)
class RunCheckpoint:
    """A checkpoint of a run. `run`: an id, its beginning, a name, or `last`; `at`: see `checkpoint_refs.find`."""

    run: str
    at: str = LAST

    def __str__(self) -> str:
        return f"{self.run}@{self.at}"


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights of any origin, and how its names are mapped to the network's."""

    path: Path
    mapping: KeyMapping = field(default_factory=KeyMapping)
    model: str = ""  # the network that the weights belong to; empty: what the file itself says

    def __str__(self) -> str:
        text = f"{self.path} {self.mapping}".strip()
        return f"{self.model}={text}" if self.model else text


Source = NewModel | RunCheckpoint | WeightsFile


@dataclass(frozen=True)
class Checkpoint:
    """A run's checkpoint, found."""

    folder: RunFolder  # of the run
    entry: Entry

    @property
    def path(self) -> Path:
        return self.folder.checkpoint(self.entry.file)

    @property
    def title(self) -> str:
        """The run's name, or its id."""
        return store.title(self.folder)


def parse(text: str) -> Source:
    """The source that is typed. Looks at the disk only to tell a file's name from a run's. Raises ConfigError for a
    model that is unknown, InspectionError for an empty text."""
    text = text.strip()
    if not text:
        raise InspectionError("name a model, a run, or a file of weights")
    if is_there(typed_path(text)) and not is_model(text):
        return WeightsFile(*file_and_mapping(text))
    model, equals, file = text.partition("=")
    if equals and is_model(model):
        if not file.strip():
            raise InspectionError(f"name the file of weights: {model}=FILE")
        path, mapping = file_and_mapping(file)
        return WeightsFile(path, mapping, str(parse_setting("model", model)))
    if is_model(text):
        return NewModel(str(parse_setting("model", text)))
    if is_file(text):
        return WeightsFile(*file_and_mapping(text))
    run, _, at = text.partition("@")
    return RunCheckpoint(run.strip() or LAST, at.strip() or LAST)


def model_of(source: Source) -> str:
    """The model that is named in what was typed; "" where a run or a file says which one it is."""
    return "" if isinstance(source, RunCheckpoint) else source.model


def is_model(text: str) -> bool:
    """Whether it has the form of a model's name: not that of a run's or a file's."""
    return text in MODELS or text.startswith(TORCHVISION) or is_file_reference(text)


def is_file(text: str) -> bool:
    """Whether a file is meant, by its form or because there is one of that name."""
    path, _ = file_and_mapping(text)
    by_form = path.name.endswith(registry.file_endings()) or "/" in text.partition("@")[0]
    return by_form or (is_there(path) and (path.is_file() or (path.is_dir() and text != LAST)))


def describe(home: Path, source: Source) -> str:
    """The source in words, such as "fast, epoch 10". Raises EngineError where there is no such run or file."""
    match source:
        case NewModel(model):
            return f"a new {model}"
        case RunCheckpoint():
            found = resolve(home, source)
            return f"{found.title}, {checkpoint_refs.words(found.entry)}"
    if not source.path.exists():
        raise InspectionError(f"no such file: {source.path}")
    if source.model:
        return f"a {source.model} with the weights of {source.path.name}"
    listed = listed_checkpoint(source)
    return f"the checkpoint {source.path.name} of {listed.title}" if listed else source.path.name


def resolve(home: Path, source: RunCheckpoint) -> Checkpoint:
    """The run's folder, and the checkpoint in it. Raises RunError where there is none, or several runs are meant."""
    try:
        folder = store.find(home, source.run)
    except RunError as error:
        if source.at != LAST or source.run == LAST:
            raise
        raise InspectionError(
            f"{source.run!r} is not a model ({known()}), not a checkpoint's file, and {error}"
        ) from error
    return Checkpoint(folder, checkpoint_refs.find(folder, source.at))


def listed_checkpoint(source: WeightsFile) -> Checkpoint | None:
    """The checkpoint that the file is, where the manifest of a run lists it; None for a file of other origin."""
    folder = RunFolder.of_checkpoint(source.path)
    found = [entry for entry in manifest.read(folder) if entry.file == source.path.name]
    return Checkpoint(folder, found[0]) if found and source.path.is_file() else None


def warning(home: Path, source: Source) -> str:
    """What to know of the weights before they are used, a line: that a run's checkpoint is not finite. Empty: nothing,
    or that the checkpoint can't be found, which those who use it say."""
    with contextlib.suppress(EngineError):
        found = None
        if isinstance(source, RunCheckpoint):
            found = resolve(home, source)
        elif isinstance(source, WeightsFile):
            found = listed_checkpoint(source)
        if found is not None:
            return checkpoint_refs.warning(found.folder, found.entry)
    return ""


def weights_path(home: Path, source: Source) -> Path:
    """The file that holds the source's weights. Raises ConfigError for a new model: it has no file."""
    match source:
        case RunCheckpoint():
            return resolve(home, source).path
        case WeightsFile():
            return source.path
    raise ConfigError("source", f"{source} is a model with new weights, not a file; give MODEL=FILE, FILE or RUN@PLACE")


@dataclass(frozen=True)
class NetworkRef:
    """A source with what a new network of it is made for: what a request about a network holds.

    `dataset`, `data_dir`, `transform`, `seed`: as in `TrainConfig`, for `NewModel` and `WeightsFile`; a run's
    checkpoint has its own. `freeze`: patterns to show instead of the run's own; None: the run's own.
    """

    source: Source
    dataset: str = "auto"
    data_dir: Path | None = None
    transform: str = ""
    seed: int = 0
    freeze: str | None = None

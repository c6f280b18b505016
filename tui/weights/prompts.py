"""What the screens of files ask for in a line of text: a prompt each, and what its text means."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine import sources
from engine.errors import ConfigError, InspectionError
from engine.models.names import known as known_models
from engine.runs import from_weights
from engine.sources import WeightsFile
from engine.training.config import parse, typed_pairs
from engine.typed_path import typed_path
from engine.weights.formats import registry
from engine.weights.key_mapping import KeyMapping, file_and_mapping, text_and_mapping
from tui import format as fmt
from tui.dialogs import paths
from tui.dialogs.paths import PathSuggester
from tui.dialogs.prompt import PromptScreen

if TYPE_CHECKING:
    from engine.runs.from_weights import Origin

WITH_MAPPING = "If the names differ, add a prefix to remove (module.), NEW=OLD, section:NAME or without:PATTERN."
MAPPING = "after that, type a prefix to remove such as module. , NEW=OLD, section:NAME or without:PATTERN"
BRANCH_SETTINGS = ("optimizer", "lr", "momentum", "weight_decay", "schedule", "batch_size", "epochs")


def open_path() -> PromptScreen:
    """Which file to open."""

    def check(text: str) -> str:
        path = typed_path(text)
        if not text.strip() or not path.exists():
            raise InspectionError(f"no such file: {path}")
        return f"the folder {path.name}" if path.is_dir() else f"{path.name}, {fmt.size(path.stat().st_size)}"

    endings = ", ".join(registry.file_endings())
    about = f"A file of weights ({endings}), an index of shards, or a folder that holds them."
    return PromptScreen("Open which file?", about, check, suggester=PathSuggester())


def other_file(path: Path) -> PromptScreen:
    """Which file to compare `path` with."""
    about = "The comparison shows how the other file differs from this one."
    title, value = f"Compare {path.name} with which file?", f"{path.parent}/"
    return PromptScreen(title, about, paths.check_file, value=value, suggester=PathSuggester())


def network(file: Path, value: str, module: str, refusal: str) -> PromptScreen:
    """Which network the weights of a file belong to, to evaluate them. `module`: the class of a module that was pickled
    whole, which runs its code where the person types the file's name instead; "": it is none. `refusal`: why the text
    before was refused."""

    def check(text: str) -> str:
        if module and text.strip() == file.name:
            return f"trust it: loads {module} and executes its author's code, in a process with limits"
        return _checked_network(text, "evaluates {}{} with these weights on the test set")

    about = f"{refusal}\n\n" if refusal else ""
    about += f"Which network do these weights belong to? {WITH_MAPPING} Nothing in the file is executed."
    if module:
        about += f" Or, if you trust its author, type the file's name, {file.name}: then the module itself is loaded."
    return PromptScreen(f"Evaluate {file.name}", about, check, value=value)


def network_of_both(value: str, refusal: str) -> PromptScreen:
    """Which network the weights of two files belong to."""
    about = (f"{refusal}\n\n" if refusal else "") + f"Which network do both files belong to? {WITH_MAPPING}"
    check = lambda text: _checked_network(text, "evaluates {}{} with the weights of each file on the test set")  # noqa: E731
    return PromptScreen("Which images does the second file fix, and which does it break?", about, check, value=value)


def weights_source(text: str, file: Path) -> WeightsFile:
    """The file's weights in the network, and with the mapping, that were typed."""
    model, mapping = text_and_mapping(text.strip())
    return WeightsFile(file, mapping, model)


def as_network(home: Path, file: Path, value: str) -> PromptScreen:
    """Which network to show the file's weights in, as `MODEL=FILE`."""

    def check(text: str) -> str:
        return sources.describe(home, sources.parse(text))

    about = f"MODEL=FILE, such as mlp={file.name}. {WITH_MAPPING}"
    suggester = PathSuggester(among_others=True)
    return PromptScreen(f"Show {file.name} as which network?", about, check, value=value, suggester=suggester)


def branch(
    origin: "Origin", model: str, dataset: str, changes: Mapping[str, str] | None = None, problem: str = ""
) -> PromptScreen:
    """The settings of a new run from a file. `model`, `dataset`: what the prompt proposes. Or `changes`: what was typed
    before, and `problem`: why it did not do."""

    def check(text: str) -> str:
        changes = typed_pairs(text)
        changes.pop("name", "")
        config = from_weights.asked(origin, changes)
        return f"a {config.model}; " + " · ".join(f"{name} {getattr(config, name)}" for name in BRANCH_SETTINGS)

    about = f"A new run from {origin.words}. Type settings such as lr=3e-4 epochs=20 name=slower."
    value = f"epochs={2 * origin.done}" if origin.own and origin.config.epochs <= origin.done else ""
    if not origin.own:
        about += " If the names differ, add weights=, such as weights=module. or weights='module. section:ema'."
        optimizer = origin.optimizers[0] if origin.optimizers else "auto"
        proposed = {"model": model, "dataset": dataset, "optimizer": optimizer}
        value = _pairs({name: text for name, text in proposed.items() if text != "auto"})
    if changes is not None:
        value = _pairs(changes)
    about = f"{problem}\n{about}" if problem else about
    return PromptScreen(f"Branch from {origin.path.name}", about, check, value=value.strip())


def _pairs(changes: Mapping[str, str]) -> str:
    """Settings as they are typed."""
    return " ".join(f"{name}={shlex.quote(text)}" for name, text in changes.items())


def convert(file: Path) -> PromptScreen:
    """The file to write the weights to; `file_and_mapping` reads the text."""
    about = f"Writes only the weights, as a state_dict: {_formats_to_write()}. {WITH_MAPPING}"
    value = str(file.with_suffix(".safetensors"))
    return PromptScreen("Write the weights to", about, _checked_target, value=value, suggester=PathSuggester())


def average(files: list[Path], home: Path) -> PromptScreen:
    """The file to write the mean of the weights to; `file_and_mapping` reads the text."""
    names = ", ".join(path.name for path in files)
    about = f"Writes the mean of the weights of {names}, as a state_dict: {_formats_to_write()}. {WITH_MAPPING}"
    value = str(home / "average.pth")
    title = f"Average {len(files)} files"
    return PromptScreen(title, about, _checked_target, value=value, suggester=PathSuggester())


def _formats_to_write() -> str:
    """Which endings of a name make which format, in words."""
    others = [
        f"{one.name} for {one.endings[0]}" for one in registry.FORMATS if one.writer and one is not registry.TORCH
    ]
    return f"{', '.join(others)}, {registry.TORCH.name} for other names"


def _checked_network(text: str, words: str) -> str:
    """What `MODEL` and the mapping after it would do: `words` with both. Raises EngineError."""
    model, mapping = text_and_mapping(text)
    if not model:
        raise InspectionError(f"name the network: {known_models()}")
    try:
        known = parse("model", model)
    except ConfigError:
        parse("model", model.split()[0])
        raise InspectionError(MAPPING) from None  # what follows the network can't be read
    return words.format(known, _describe(mapping))


def _checked_target(text: str) -> str:
    """What a file's name and the mapping after it would write. Raises EngineError."""
    path, mapping = file_and_mapping(text)
    if not text.strip():
        raise InspectionError("name a file that does not exist yet")
    registry.to_write(path)
    if path.exists():
        raise InspectionError(f"{path} exists already; nothing is overwritten")
    if not path.absolute().parent.is_dir():
        raise InspectionError(f"no such folder: {path.absolute().parent}")
    if any(word.endswith(registry.file_endings()) for word in path.name.split()[:-1]):
        raise InspectionError(MAPPING)
    return f"writes {path} ({registry.to_write(path).name}){_describe(mapping)}"


def _describe(mapping: KeyMapping) -> str:
    """What is done with the names, in words; begins with a comma."""
    parts = [f"section {mapping.section!r}"] if mapping.section is not None else []
    parts += [f"prefix {mapping.strip} removed"] if mapping.strip else []
    parts += [f"{old} renamed to {new}" for new, old in mapping.renames]
    parts += [f"without {', '.join(mapping.without)}"] if mapping.without else []
    parts += [f"new weights for {', '.join(mapping.new)}"] if mapping.new else []
    return f", {', '.join(parts)}," if parts else ""

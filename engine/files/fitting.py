"""Whether somebody's weights fit a network, and what would have to be renamed that they do: nothing is guessed."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from engine.errors import CheckpointError
from engine.files import converting, reading
from engine.files.contents import Contents
from engine.files.typed import How, file_and_how

MOST_NAMED = 4  # names in a sentence
MOST_PAIRS = 200_000  # of names that are compared letter by letter: some seconds


@dataclass(frozen=True)
class Fit:
    """How weights and a network go together."""

    missing: tuple[str, ...] = ()  # the network wants them, the file has none of this name
    unexpected: tuple[str, ...] = ()  # the file has them, the network does not
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()  # name, the network's shape, the file's
    prefix: str = ""  # taken off each name of the file, all names would fit
    renames: Mapping[str, str] = field(default_factory=dict)  # a missing name: the likeliest of the unexpected ones

    @property
    def whole(self) -> bool:
        return not (self.missing or self.unexpected or self.shapes)

    def told(self) -> str:
        """What does not fit, and what may be done, in a line."""
        parts = []
        for word, names in (("missing", self.missing), ("unexpected", self.unexpected)):
            if names:
                parts.append(f"{len(names)} {word} ({_some(names)})")
        if self.shapes:
            name, wanted, given = self.shapes[0]
            more = f" and {len(self.shapes) - 1} more" if len(self.shapes) > 1 else ""
            parts.append(f"{name} is {list(wanted)} in the network and {list(given)} in the file{more}")
        text = "; ".join(parts)
        if self.prefix:
            return f"{text}; they would fit with --strip {self.prefix}"
        if self.renames:
            together = {_apart(new, old) for new, old in self.renames.items()}
            if len(together) == 1 and len(self.renames) == len(self.missing) > 1:
                (new, old) = together.pop()
                if new and old:
                    return f"{text}; perhaps --rename {new}={old}"
            pairs = " ".join(f"--rename {new}={old}" for new, old in list(self.renames.items())[:MOST_NAMED])
            more = " …" if len(self.renames) > MOST_NAMED else ""
            return f"{text}; perhaps {pairs}{more}"
        if self.missing and self.unexpected:
            return f"{text}; perhaps it is of another network"
        return text


def load(network: nn.Module, text: str, what: str) -> None:
    """Load the weights of `FILE`, and what may be said after it (`typed.file_and_how`), into a network. Nothing of the
    file is executed. Raises CheckpointError where they do not fit as they are, with what would have to be taken off or
    renamed."""
    path, said = file_and_how(text)
    given = taken(reading.read(path), said)
    found = fit(network.state_dict(), given)
    if not found.whole:
        proposed = How(found.prefix, tuple(found.renames.items()) if not found.prefix else ())
        hint = f"; here: --weights '{path} {proposed}'" if found.prefix or 0 < len(found.renames) <= MOST_NAMED else ""
        raise CheckpointError(f"{path} does not fit {what}: {found.told()}{hint}")
    network.load_state_dict(given)


def taken(contents: Contents, said: How) -> dict[str, torch.Tensor]:
    """The weights of a file, as it is said. Raises CheckpointError."""
    return renamed(converting.weights(contents, said.section, strip=said.strip), dict(said.renames))


def fit(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> Fit:
    """Compare a network's `state_dict` with weights; the names that are left are paired by shape, then by likeness."""
    missing = tuple(name for name in wanted if name not in given)
    unexpected = tuple(name for name in given if name not in wanted)
    shapes = tuple(
        (name, tuple(wanted[name].shape), tuple(given[name].shape))
        for name in wanted
        if name in given and wanted[name].shape != given[name].shape
    )
    renames = _renames(wanted, given, missing, unexpected)
    if 2 * len(renames) < len(missing):  # another network, rather than other names
        renames = {}
    return Fit(missing, unexpected, shapes, _prefix(wanted, given), renames)


def renamed(given: Mapping[str, torch.Tensor], renames: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """The weights with `renames`, new name: old name, of tensors or of all that is in a module. Raises CheckpointError
    where there is no such old name."""
    found = dict(given)
    for new, old in renames.items():
        inside = [name for name in found if name.startswith(f"{old}.")]
        if old not in found and not inside:
            raise CheckpointError(f"--rename {new}={old}: the file has no {old}")
        for name in inside or [old]:
            found[new + name.removeprefix(old)] = found.pop(name)
    return found


def _apart(new: str, old: str) -> tuple[str, str]:
    """Two names without the parts at the end that they have in common."""
    left, right = new.split("."), old.split(".")
    while left and right and left[-1] == right[-1]:
        left.pop()
        right.pop()
    return ".".join(left), ".".join(right)


def _prefix(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What all names of the file have before those of the network."""
    if not wanted or not given or len(given) != len(wanted):
        return ""
    first = next(iter(wanted))
    for name in given:
        if name.endswith(f".{first}"):
            prefix = name.removesuffix(first)
            if all(f"{prefix}{one}" in given for one in wanted):
                return prefix
    return ""


def _renames(
    wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], missing: tuple[str, ...],
    unexpected: tuple[str, ...],
) -> dict[str, str]:  # fmt: skip
    left, found = list(unexpected), dict[str, str]()
    if len(missing) * len(unexpected) > MOST_PAIRS:
        return found
    for name in missing:
        alike = [other for other in left if given[other].shape == wanted[name].shape]
        last = name.rpartition(".")[2]
        alike = [other for other in alike if other.rpartition(".")[2] == last] or alike
        if alike:
            best = max(alike, key=lambda other: difflib.SequenceMatcher(None, name, other).ratio())
            found[name] = best
            left.remove(best)
    return found


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")

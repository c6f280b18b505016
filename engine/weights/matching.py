"""Whether weights fit a network, and which mapping of their names would make them fit; nothing is renamed unasked."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from engine import patterns
from engine.errors import CheckpointError
from engine.weights.contents_cache import contents_of
from engine.weights.key_mapping import KeyMapping, file_and_mapping, unwrapped, wrappers_in
from engine.weights.misfit import MisfitError, ShapeMismatch
from engine.weights.state_dict import for_network, refuse_other_numbers, values

MOST_NAMED = 4  # names in a sentence
COUNT = "num_batches_tracked"  # of a batch norm
MOST_PAIRS = 200_000  # of names that are compared letter by letter: some seconds


@dataclass(frozen=True)
class Match:
    """How weights and a network go together."""

    missing: tuple[str, ...] = ()  # the network wants them, the file has none of this name
    unexpected: tuple[str, ...] = ()  # the file has them, the network does not
    shapes: tuple[ShapeMismatch, ...] = ()
    prefix: str = ""  # with which removed from the file's names they would fit
    extra: tuple[str, ...] = ()  # what would be left over then, of the file's names or modules
    renames: Mapping[str, str] = field(default_factory=dict)  # a missing name: the likeliest of the unexpected ones
    certain: bool = True  # without the prefix they would fit; else more would

    @property
    def whole(self) -> bool:
        return not (self.missing or self.unexpected or self.shapes)

    @property
    def module_rename(self) -> tuple[str, str] | None:
        """The one module (its name in the network, in the file) whose renaming stands for all `renames`; else None."""
        together = {_different_parts(new, old) for new, old in self.renames.items()}
        if len(together) == 1 and len(self.renames) == len(self.missing) > 1:
            ((new, old),) = together
            if new and old:
                return new, old
        return None

    def proposal(self, mapping: KeyMapping) -> KeyMapping | None:
        """The mapping with which the weights would fit, or may fit; None where nothing is likely. `mapping`: the one
        that gave the weights their names."""
        if self.prefix or self.extra:
            # Patterns of `without` see the names before the prefix is removed.
            without = tuple(mapping.strip + name for name in self.extra)
            return replace(mapping, strip=mapping.strip + self.prefix, without=(*mapping.without, *without))
        if self.renames:
            renames = [self.module_rename] if self.module_rename is not None else self.renames.items()
            return replace(mapping, renames=(*mapping.renames, *renames))
        return None

    def error(self, message: str, proposal: KeyMapping | None) -> MisfitError:
        """What to raise."""
        return MisfitError(
            message, missing=self.missing, unexpected=self.unexpected, shapes=self.shapes, proposal=proposal
        )

    def describe(self) -> str:
        """What does not fit, and what may be done, in a line."""
        parts = []
        for word, names in (("missing", self.missing), ("unexpected", self.unexpected)):
            if names:
                parts.append(f"{len(names)} {word} ({_some(names)})")
        if self.shapes:
            one = self.shapes[0]
            more = f" and {len(self.shapes) - 1} more" if len(self.shapes) > 1 else ""
            parts.append(f"{one.name} is {list(one.network)} in the network and {list(one.file)} in the file{more}")
        text = "; ".join(parts)
        if self.prefix or self.extra:
            words = [f"--strip {self.prefix}"] if self.prefix else []
            words += [f"--without {name}" for name in self.extra[:MOST_NAMED]]
            more = " …" if len(self.extra) > MOST_NAMED else ""
            return f"{text}; {'they would fit' if self.certain else 'more would fit'} with {' '.join(words)}{more}"
        if self.renames:
            if self.module_rename is not None:
                new, old = self.module_rename
                return f"{text}; perhaps --rename {new}={old}"
            pairs = " ".join(f"--rename {new}={old}" for new, old in list(self.renames.items())[:MOST_NAMED])
            more = " …" if len(self.renames) > MOST_NAMED else ""
            return f"{text}; perhaps {pairs}{more}"
        if self.missing and self.unexpected:
            return f"{text}; perhaps it belongs to another network"
        return text


def load(network: nn.Module, text: str, what: str, *, of_branch: bool = False) -> None:
    """Load the weights of `FILE`, and the mapping that may follow it (`key_mapping.file_and_mapping`), into a network.
    Nothing in the file is executed. Raises MisfitError where they do not fit, CheckpointError where they can't be
    read. `what`: the network, in words; `of_branch`: the error names `weights=…` of `branch FILE`, in which the file is
    given already, rather than `--weights`."""
    path, mapping = file_and_mapping(text)
    wanted = network.state_dict()
    for pattern in mapping.new:
        if not patterns.matching([pattern], wanted):
            raise CheckpointError(f"{what} has nothing that matches {pattern!r}, which is to get new weights")
    anew = patterns.matching(mapping.new, wanted)
    contents, asked = contents_of(path), replace(mapping, new=())
    weights = for_network(contents, asked)
    given = {name: tensor for name, tensor in weights.items() if name not in anew}
    used = {name: tensor for name, tensor in wanted.items() if name not in anew}
    refuse_other_numbers(contents, asked, used)
    found = match(used, given)
    if not found.whole:
        proposal = found.proposal(mapping) or _with_new(found, wanted, mapping)
        before = "weights='" if of_branch else f"--weights '{path} "
        hint = _hint(found, wanted, mapping, before)
        raise found.error(f"{path} does not fit {what}: {found.describe()}{hint}", proposal)
    network.load_state_dict(values(contents, asked, given), strict=False)
    contents.refuse_changed()


def _with_new(found: Match, wanted: Mapping[str, torch.Tensor], mapping: KeyMapping) -> KeyMapping | None:
    """The mapping that lets what does not fit begin with new weights, and nothing else: another head, as a rule."""
    if not (found.shapes or (found.missing and not found.unexpected)):
        return None
    others = [one.name for one in found.shapes] + list(found.missing)
    fits = wanted.keys() - set(others)
    names = dict.fromkeys(_whole_module(name, fits) for name in others)
    return replace(mapping, new=(*mapping.new, *names)) if len(names) <= MOST_NAMED else None


def _whole_module(name: str, fits: Collection[str]) -> str:
    """A tensor's module where nothing in it fits, whose count of batches does not matter then; else the tensor."""
    module = name.rpartition(".")[0]
    inside = [one for one in fits if one.startswith(f"{module}.") and not _is_count(one)]
    return module if module and not inside else name


def _hint(found: Match, wanted: Mapping[str, torch.Tensor], mapping: KeyMapping, before: str) -> str:
    """The option that may be given instead, where it is short; `before`: how it begins."""
    if found.prefix or found.extra:
        shown = replace(found, extra=found.extra[:MOST_NAMED]).proposal(mapping)
    elif 0 < len(found.renames) <= MOST_NAMED:
        shown = replace(mapping, renames=(*mapping.renames, *found.renames.items()))
    elif (shown := _with_new(found, wanted, mapping)) is not None:
        return f"; to use new weights there, use {before}{shown}'"
    else:
        return ""
    return f"; use {before}{shown}'"


def match(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> Match:
    """Compare a network's `state_dict` with weights; the names that are left are paired by shape, then by likeness.

    `num_batches_tracked` of a batch norm may be missing, as in files from before PyTorch 0.4.1: it stays as it is, as
    `torch.nn.Module.load_state_dict` has it.
    """
    wanted = _without_counts(wanted, given)
    wrappers = [part for part in wrappers_in(given) if part not in wrappers_in(wanted)]
    if wrappers and not wanted.keys() <= given.keys():
        return _of_wrapped(wanted, given, wrappers)
    return _match(wanted, given)


def _of_wrapped(
    wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], wrappers: Sequence[str]
) -> Match:
    """Of names with parts that wrappers have added: first these have to go."""
    plain: dict[str, str] = {}
    for name in given:
        plain.setdefault(unwrapped(name, wrappers), name)
    found = _match(wanted, {short: given[name] for short, name in plain.items()})
    asked = _match(wanted, given)
    strip = "".join(f"{part}." for part in wrappers) + found.prefix
    if len(plain) < len(given) or not (found.whole or found.prefix or found.extra):
        return replace(asked, prefix=strip, extra=(), renames={}, certain=False)
    extra = dict.fromkeys(_wrapped(pattern, plain, wrappers) for pattern in found.extra)
    return replace(asked, prefix=strip, extra=tuple(extra), renames={})


def _wrapped(pattern: str, plain: Mapping[str, str], wrappers: Collection[str]) -> str:
    """What a name, or a module of the first level, is in the file, with the wrappers' parts before it."""
    name = next(name for short, name in plain.items() if short == pattern or short.startswith(f"{pattern}."))
    parts = name.split(".")
    ends = [at for at in range(1, len(parts) + 1) if unwrapped(".".join(parts[:at]), wrappers) == pattern]
    return ".".join(parts[: ends[0]])


def _match(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> Match:
    missing = tuple(name for name in wanted if name not in given)
    unexpected = tuple(name for name in given if name not in wanted)
    shapes = tuple(
        ShapeMismatch(name, tuple(wanted[name].shape), tuple(given[name].shape))
        for name in wanted
        if name in given and not _fits(wanted[name], given[name])
    )
    renames = _renames(wanted, given, missing, unexpected)
    if 2 * len(renames) < len(missing):  # another network, rather than other names
        renames = {}
    prefix = _prefix(wanted, given) if missing else ""
    if prefix or not (missing or shapes):
        needed = {f"{prefix}{name}" for name in wanted}
        extra = _extra([name for name in given if name not in needed], needed)
    else:
        extra = ()
    return Match(missing, unexpected, shapes, prefix, extra, renames)


def _fits(wanted: torch.Tensor, given: torch.Tensor) -> bool:
    """Whether they have one shape; for PyTorch also where a file from before 0.4 has one number as a vector."""
    return wanted.shape == given.shape or (not wanted.shape and tuple(given.shape) == (1,))


def _without_counts(
    wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]
) -> Mapping[str, torch.Tensor]:
    """The network's tensors without the batch norms' counts that no name in the file ends with."""
    counts = {name for name, tensor in wanted.items() if _is_count(name) and not tensor.shape}
    there = [f".{name}" for name in given if _is_count(name)]
    gone = {name for name in counts if not any(one.endswith(f".{name}") for one in there)}
    return {name: tensor for name, tensor in wanted.items() if name not in gone} if gone else wanted


def _is_count(name: str) -> bool:
    return name.rpartition(".")[2] == COUNT


def _different_parts(new: str, old: str) -> tuple[str, str]:
    """Two names without the parts at the end that they have in common."""
    left, right = new.split("."), old.split(".")
    while left and right and left[-1] == right[-1]:
        left.pop()
        right.pop()
    return ".".join(left), ".".join(right)


def _prefix(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What the names of the network have before them in the file."""
    if not wanted or len(given) < len(wanted):
        return ""
    first = next(iter(wanted))
    for name in [name for name in given if name.endswith(f".{first}")][:20]:
        prefix = name.removesuffix(first)
        if all(f"{prefix}{one}" in given for one in wanted):
            return prefix
    return ""


def _extra(names: Sequence[str], needed: Collection[str]) -> tuple[str, ...]:
    """The names, together where all in a module of the first level are among them."""
    used = {name.partition(".")[0] for name in needed}
    return tuple(dict.fromkeys(head if (head := name.partition(".")[0]) not in used else name for name in names))


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

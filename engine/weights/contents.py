"""What is in a file of weights, found without executing a byte of it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.terminal_text import printable
from engine.weights.allowlist import AllowList, installed
from engine.weights.records import Called, Dict, Elements, Global, Long, Storage, Tensor
from engine.weights.safe_open import FileStamp

MOST_TENSORS = 200_000
MOST_NODES = 2_000_000  # parts of nested containers that are gone through
MOST_LOOKS = 20_000_000  # parts that are looked at besides: of long lists of numbers
MOST_NAMES = 64_000_000  # characters of all names together
DEEPEST = 60  # containers in one another that are gone into
TEXT = 200  # characters of a value, or of a key, that are told
SHORT = 16  # elements of a list that is told as a whole
MOST_PROBLEMS = 50
REPEATED = 64 << 20  # bytes above which a tensor that repeats its stored numbers is told of
Value = bool | int | float | str
_MODULE_PARTS = {"_parameters", "_buffers", "_modules"}


@dataclass(frozen=True)
class Stretch:
    """Bytes of a file."""

    file: Path
    offset: int  # of the first
    size: int


@dataclass(frozen=True)
class Piece:
    """A block of a tensor that lies in a file in pieces, in a zip of its own."""

    where: Stretch
    starts: tuple[int, ...]  # its first element, of each dimension of the whole
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Record:
    """Where the bytes of a storage lie in a file; of a safetensors file its library knows it, by the name there."""

    file: Path
    offset: int  # bytes
    size: int
    name: str | None = None  # in a safetensors file
    pieces: tuple[Piece, ...] = ()  # of a distributed checkpoint; then `file` is its folder


@dataclass(frozen=True, eq=False)
class Named:
    """A tensor with its name: the way to it, apart by dots."""

    name: str
    tensor: Tensor
    section: str = ""  # the dictionary or module that it belongs to: "model", "optimizer"; "" for the whole file

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        tensor = self.tensor
        return {
            "name": self.name, "section": self.section, "shape": list(tensor.shape), "dtype": tensor.dtype,
            "bytes": tensor.bytes, "stride": list(tensor.stride), "offset": tensor.offset,
            "storage": tensor.storage.key if tensor.storage is not None else None,
            "requires_grad": tensor.requires_grad, "parameter": tensor.parameter, "layout": tensor.layout,
        }  # fmt: skip


@dataclass(frozen=True)
class Module:
    """A module of a network that was saved whole."""

    name: str
    type: str  # its class
    attributes: Mapping[str, str]  # what it was made with, in words
    training: bool | None


@dataclass(eq=False)
class Contents:
    """A file of weights."""

    path: Path
    format: str  # in words
    bytes: int
    tensors: list[Named] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    metadata: dict[str, Value] = field(default_factory=dict)  # numbers, texts and such, by the way to them
    modules: list[Module] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)  # of the storages, by their keys
    zips: list[Stretch] = field(default_factory=list)  # those in it, whose records have checksums
    notes: list[str] = field(default_factory=list)  # what it seems to be, for people
    stamps: dict[Path, FileStamp] = field(default_factory=dict)  # of each of its files
    root: Any = None  # of its pickle's records (engine.weights.records)

    @property
    def unknown(self) -> list[Global]:
        """The globals that `torch.load(weights_only=True)` would not import."""
        return [name for name in self.globals if not self.allow_list.allows(name)]

    @property
    def allow_list(self) -> AllowList:
        """What its globals are judged by: the list of the installed torch's version, or the nearest one known."""
        return installed()

    @property
    def shared(self) -> dict[str, list[str]]:
        """The names of tensors that share a storage, by the first of them."""
        by_key: dict[str, list[str]] = {}
        for one in self.tensors:
            if one.tensor.storage is not None and one.tensor.count:
                by_key.setdefault(one.tensor.storage.key, []).append(one.name)
        return {names[0]: names for names in by_key.values() if len(names) > 1}

    @property
    def state_dicts(self) -> list[str]:
        """The sections that hold tensors by name, the likeliest weights first."""
        found: dict[str, int] = {}
        for one in self.tensors:
            found[one.section] = found.get(one.section, 0) + 1
        order = ("model", "state_dict", "model_state_dict", "module", "net", "weights", "")
        return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))

    def section(self, name: str) -> dict[str, Named]:
        """The tensors of a section, by their names in it."""
        return {_in_section(one): one for one in self.tensors if one.section == name}

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it (docs/events.md)."""
        allow_list = self.allow_list
        return {
            "path": str(self.path), "format": self.format, "bytes": self.bytes, "notes": self.notes,
            "tensors": [one.to_dict() for one in self.tensors],
            "globals": [{"name": one.full, "known": allow_list.allows(one)} for one in self.globals],
            "allow_list": allow_list.to_dict(),
            "modules": [
                {"name": one.name, "type": one.type, "attributes": dict(one.attributes), "training": one.training}
                for one in self.modules
            ],
            "shared": list(self.shared.values()),
            "metadata": {
                name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in self.metadata.items()
            },
            "problems": self.problems,
        }  # fmt: skip

    @property
    def model(self) -> str:
        """Which network the file says that it is of; "": none."""
        return str(self.metadata.get("config.model", ""))

    @property
    def safety(self) -> str:
        """What reading it needed, and what loading it would: never that it is harmless."""
        unknown = self.unknown
        if not self.globals:
            return "not executed; it imports nothing"
        caveat = f" ({self.allow_list.caveat})" if self.allow_list.caveat else ""
        if not unknown:
            whole = f"all {len(self.globals)} globals are" if len(self.globals) > 1 else "its 1 global is"
            return f"not executed; {whole} on the allow-list of torch.load(weights_only=True){caveat}"
        names = ", ".join(one.full for one in unknown[:5]) + (" …" if len(unknown) > 5 else "")
        plural = "s" if len(unknown) > 1 else ""
        return f"not executed; {len(unknown)} global{plural} outside the allow-list: {names}{caveat}"


def _in_section(one: Named) -> str:
    """A tensor's name in its section."""
    return one.name.removeprefix(f"{one.section}.") if one.section else one.name


def describe(contents: Contents, root: Any) -> None:
    """Find the tensors, the modules and the rest below the root of a pickle, and what is odd about them."""
    contents.root = root
    walk = _Walk(contents)
    walk.go(root)
    tell_apart(contents)
    _note(contents, root)
    _check(contents)


def tell_apart(contents: Contents) -> None:
    """Number the tensors that have one name: different ways may read the same, `{"a.b": …, "a": {"b": …}}`."""
    seen: dict[str, int] = {}
    for at, one in enumerate(contents.tensors):
        seen[one.name] = number = seen.get(one.name, 0) + 1
        if number > 1:
            contents.tensors[at] = replace(one, name=f"{one.name} ({number})")
    doubled = [name for name, number in seen.items() if number > 1]
    if doubled:
        more = f" and {len(doubled) - 1} other names" if len(doubled) > 1 else ""
        contents.problems.append(f"{doubled[0]}{more} stand for several tensors each: numbered here")


class _Walk:
    """Through containers, by their names. Those that stand in themselves, or too deep, are left."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._nodes = self._looks = self._names = 0

    def go(self, root: Any) -> None:
        stack: list[tuple[Any, tuple[str, ...], str, tuple[int, ...]]] = [(root, (), "", ())]
        while stack:
            value, way, section, above = stack.pop()
            if isinstance(value, Tensor):
                name = ".".join(way)
                self._names += len(name)
                self._contents.tensors.append(Named(name, value, section))
                continue
            self._looks += _parts_of(value)
            parts = list(self._parts(value, way, section)) if not self._full else []
            self._nodes += 1 + len(parts)
            if self._full:
                self._say(
                    f"only the first {len(self._contents.tensors):,} tensors are listed: there are too many parts"
                )
                return
            if not parts and not isinstance(value, Dict | Called | Elements | tuple):
                self._tell(value, way)
                continue
            if id(value) in above or len(way) > DEEPEST:
                self._say(f"{'.'.join(way[:6])} … stands in itself, or is nested too deep: left out")
                continue
            below = (*above, id(value)) if not isinstance(value, tuple) or value else above
            stack += [(part, name, where, below) for part, name, where in reversed(parts)]

    @property
    def _full(self) -> bool:
        many = len(self._contents.tensors) >= MOST_TENSORS or self._names > MOST_NAMES
        return many or self._nodes > MOST_NODES or self._looks > MOST_LOOKS

    def _parts(self, value: Any, way: tuple[str, ...], section: str) -> Iterator[tuple[Any, tuple[str, ...], str]]:
        match value:
            case Dict():
                for key, part in value.last():
                    apart = not way and isinstance(part, Dict | Called | Elements)
                    yield part, (*way, _key(key)), _key(key) if apart else section
            case Called() if _is_module(value):
                yield from self._module(value, way, section)
            case Called():
                if not way and not value.items and value.state is None and not value.elements:
                    self._contents.metadata.setdefault("object", _words(value))
                if isinstance(value.state, Dict):
                    for key, part in value.state.last():
                        yield part, (*way, _key(key)), section
                elif isinstance(value.state, tuple | Tensor | Elements):
                    yield value.state, (*way, "state"), section
                for key, part in value.items:
                    yield part, (*way, _key(key)), section
                for at, part in enumerate(value.elements):
                    yield part, (*way, str(at)), section
                if isinstance(value.args, tuple) and any(
                    isinstance(part, Tensor | Dict | Elements) for part in value.args
                ):
                    for at, part in enumerate(value.args):
                        if isinstance(part, Tensor | Dict | Elements):
                            yield part, (*way, str(at)) if at or way else ("value",), section
                elif value.state is None and not value.items:
                    self._tell(value, way)
            case Elements(items=items) | tuple(items) if _holds(items):
                for at, part in enumerate(items):
                    yield part, (*way, str(at)), section
            case Elements(items=items) | tuple(items):
                self._tell(value, way)

    def _module(self, value: Called, way: tuple[str, ...], section: str) -> Iterator[tuple[Any, tuple[str, ...], str]]:
        """A module that was pickled whole: its parameters and buffers by their names, and those of what is in it."""
        state = value.state
        assert isinstance(state, Dict)
        attributes = {
            key: _words(part) for key, part in state.items
            if isinstance(key, str) and not key.startswith("_") and key != "training"
        }  # fmt: skip
        training = state.get("training")
        self._contents.modules.append(
            Module(".".join(way), value.class_name, attributes, training if isinstance(training, bool) else None)
        )
        for kind in ("_parameters", "_buffers", "_modules"):
            part = state.get(kind)
            if isinstance(part, Dict):
                for key, inner in part.last():
                    if inner is not None:
                        yield inner, (*way, _key(key)), section

    def _tell(self, value: Any, way: tuple[str, ...]) -> None:
        if len(self._contents.metadata) < 5000:
            name = ".".join(way) or "value"
            plain = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 1 << 63)
            self._contents.metadata[name] = value if plain else _words(value)

    def _say(self, problem: str) -> None:
        if problem not in self._contents.problems:
            self._contents.problems.append(problem)


def _parts_of(value: Any) -> int:
    """How many parts are looked at to go into it."""
    match value:
        case Dict(items=items) | Elements(items=items):
            return len(items)
        case Called(items=items, elements=elements, state=state):
            return len(items) + len(elements) + (len(state.items) if isinstance(state, Dict) else 0)
        case tuple():
            return len(value)
    return 0


def _is_module(value: Called) -> bool:
    return isinstance(value.state, Dict) and set(value.state.keys) >= _MODULE_PARTS


def _holds(items: Any) -> bool:
    """Whether there is more than numbers and texts among them."""
    return any(isinstance(part, Tensor | Dict | Called | Elements | tuple) for part in items)


def _key(key: Any) -> str:
    return "None" if key is None else _words(key)


def _words(value: Any) -> str:
    """A value in a few words."""
    match value:
        case str():
            text = value
        case Global():
            text = value.full
        case Called():
            text = f"{value.class_name}(…)"
        case Dict():
            text = f"a dictionary of {len(value.items)}"
        case Elements(kind=kind, items=items):
            short = len(items) <= SHORT and not _holds(items)
            text = f"[{', '.join(map(_words, items))}]" if short else f"a {kind} of {len(items)}"
        case tuple():
            short = len(value) <= SHORT and not _holds(value)
            text = f"({', '.join(map(_words, value))})" if short else f"a tuple of {len(value)}"
        case Tensor():
            text = f"a tensor {list(value.shape)}"
        case Storage():
            text = f"a storage of {value.count} numbers"
        case bytes() | bytearray():
            text = f"{len(value)} bytes"
        case Long(size=size, text=long_text):
            text = f"{'a text of ' if long_text else ''}{size:,} bytes, not read"
        case int() if abs(value) >= 1 << 63:
            text = f"a whole number of {value.bit_length()} bits"
        case _:
            text = repr(value)
    return printable(text, TEXT)


def _note(contents: Contents, root: Any) -> None:
    """What the file seems to be."""
    notes, names = contents.notes, {one.name for one in contents.tensors}
    if isinstance(root, Dict):
        keys = set(root.keys)
        if "pytorch-lightning_version" in keys:
            notes.append("a checkpoint of PyTorch Lightning")
        elif {"format", "model", "optimizer", "rng", "config"} <= keys:
            notes.append("a checkpoint of fmnist-tui: it can be resumed and branched from")
        elif any("optim" in key for key in keys):
            notes.append("a training checkpoint")
        elif contents.tensors and all(isinstance(value, Tensor) for _, value in root.items):
            notes.append("a state_dict")
    elif contents.modules and not contents.modules[0].name:
        notes.append(f"a whole pickled module, {contents.modules[0].type}: loading it would run its code")
    plain = {one.section for one in contents.tensors if not _in_section(one).startswith("module.")}
    for section in contents.state_dicts:
        if section not in plain and len(notes) < 8:
            where = f" of {section}" if section else ""
            notes.append(f"all names{where} begin with module., as DistributedDataParallel saves them")
    if names and not notes:
        notes.append("tensors in containers")


def _check(contents: Contents) -> None:
    """What does not fit together: sizes that are claimed and not there."""
    for one in contents.tensors:
        wrong = _wrong(contents, one)
        if wrong:
            contents.problems.append(wrong)
        if len(contents.problems) > MOST_PROBLEMS:
            contents.problems.append("… and more")
            return


def _wrong(contents: Contents, one: Named) -> str:
    tensor, storage = one.tensor, one.tensor.storage
    if storage is None:
        return ""
    record = contents.records.get(storage.key)
    if tensor.offset < 0:
        return f"{one.name} begins {-tensor.offset:,} element{'s' * (tensor.offset < -1)} before its storage"
    if tensor.end > storage.count and storage.dtype:
        return f"{one.name} reaches element {tensor.end:,} of a storage that has {storage.count:,}"
    if record is None:
        return f"{one.name}: its numbers are not in the file" if storage.count else ""
    if record.size < storage.size:
        return (
            f"{one.name} claims {storage.size:,} bytes, and the file has {record.size:,}: loading it would fail, or "
            "take memory that it has no numbers for"
        )
    if repeats(tensor):
        return f"{one.name} repeats {storage.size:,} stored bytes until they are {tensor.bytes:,}: not unfolded here"
    return ""


def repeats(tensor: Tensor) -> bool:
    """Whether the tensor, by strides of zero or the like, is far larger than what is stored of it."""
    stored = tensor.storage.size if tensor.storage is not None else 0
    return tensor.bytes > REPEATED and tensor.bytes > 4 * stored

"""What is in a file of weights, found without executing a byte of it."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError
from engine.terminal_text import printable
from engine.weights.allowlist import AllowList, installed
from engine.weights.budget import Budget
from engine.weights.records import Dict, Global, Tensor
from engine.weights.safe_open import FileStamp

TEXT = 200  # characters that are kept of a name or a value
# What every checkpoint of this program has. A file with some of them alone is another program's.
OWN_KEYS = frozenset({"format", "model", "optimizer", "rng", "order", "config", "epoch", "step", "steps", "evaluated"})
Value = bool | int | float | str


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


@dataclass(slots=True, unsafe_hash=True)  # never changed; making a frozen one takes three times as long
class Record:
    """Where the bytes of a storage lie in a file."""

    file: Path
    offset: int  # bytes
    size: int
    pieces: tuple[Piece, ...] = ()  # of a distributed checkpoint; then `file` is its folder
    held: bytes | None = None  # its bytes, where they stood in a pickle and are in memory
    spelled: int = 0  # bytes of the characters, in UTF-8, that spell its bytes; 0: they are there themselves
    skip: int = 0  # bytes that are spelled before it
    swapped: str = ""  # NumPy's name of the dtype, such as "f4", where its bytes are in the other order


@dataclass(eq=False, slots=True)  # never changed, as a record
class Named:
    """A tensor with its name: the keys to it, separated by dots."""

    name: str
    tensor: Tensor
    section: str = ""  # the dictionary or module that it belongs to: "model", "optimizer"; "" for the whole file

    @property
    def name_in_section(self) -> str:
        """Without the section."""
        return self.name.removeprefix(f"{self.section}.") if self.section else self.name

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        tensor, storage = self.tensor, self.tensor.storage
        return {
            "name": self.name, "section": self.section, "shape": [*tensor.shape], "dtype": tensor.dtype,
            "bytes": tensor.bytes, "stride": [*tensor.stride], "offset": tensor.offset,
            "storage": storage.key if storage is not None else None,
            "requires_grad": tensor.requires_grad, "parameter": tensor.parameter, "layout": tensor.layout,
            "about": tensor.about,
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
    metadata: dict[str, Value] = field(
        default_factory=dict
    )  # numbers, texts and such, by the keys to them, separated by dots
    modules: list[Module] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)  # of the storages, by their keys
    zips: list[Stretch] = field(default_factory=list)  # those in it, whose records have checksums
    notes: list[str] = field(default_factory=list)  # what it seems to be, for people
    stamps: dict[Path, FileStamp] = field(default_factory=dict)  # of each of its files
    root: Any = None  # of its pickle's records (engine.weights.records)
    choice: str = ""  # of a folder with several sets of files: which was read, and which was not, in words
    budget: Budget = field(default_factory=Budget)  # what reading it may still cost
    header: dict[str, str] = field(default_factory=dict)  # the metadata of a safetensors file, whole and as it is

    @functools.cached_property
    def by_name(self) -> dict[str, Named]:
        """The tensors by their names, once all of them are listed."""
        return {one.name: one for one in reversed(self.tensors)}  # the first of one name

    def refuse_changed(self) -> None:
        """For who has read numbers: raises CheckpointError where a file of it is not as it was when it was listed."""
        for path, stamp in self.stamps.items():
            try:
                same = FileStamp.of(path) == stamp
            except OSError:
                same = False
            if not same:
                raise CheckpointError(
                    f"{printable(str(path))} changed while it was read: try again once it is complete"
                )

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
        first: dict[str, str] = {}
        by_key: dict[str, list[str]] = {}  # of those that are shared: few, as a rule
        for one in self.tensors:
            storage = one.tensor.storage
            if storage is not None and 0 not in one.tensor.shape:
                key, name = storage.key, one.name
                if (other := first.setdefault(key, name)) is not name:
                    by_key.setdefault(key, [other]).append(name)
        return {names[0]: names for names in (by_key[key] for key in first if key in by_key)}

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
        return {one.name_in_section: one for one in self.tensors if one.section == name}

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
    def own(self) -> bool:
        """Whether it is a checkpoint of this program, by its keys."""
        return isinstance(self.root, Dict) and set(self.root.keys) >= OWN_KEYS

    def setting(self, name: str) -> str:
        """A setting of the run that a checkpoint of this program is of, a text; "" in other programs' files, whose
        `config` means something else."""
        config = self.root.get("config") if self.own else None
        value = config.get(name) if isinstance(config, Dict) else None
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""

    @property
    def model(self) -> str:
        """Which network the file says that it is of; "": none."""
        return printable(self.setting("model"), TEXT)

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

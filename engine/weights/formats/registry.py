"""The formats of weights: an entry each says how a file of the format is recognised, what reads it, and what writes it.
A new format is a module beside this one, and its entry here. Imports no reader."""

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from engine.weights.budget import Budget
    from engine.weights.contents import Contents

HEAD = 512  # bytes of a file that are read to recognise it
DISTRIBUTED_INDEX = ".metadata"
SHARDS_INDEX = ".index.json"  # how the name of an index of shards ends; of a variant ".index.fp16.json"
_INDEX = re.compile(r".*\.index(\.[\w-]+)?\.json")
# Weights among the PyTorch files of a folder of Hugging Face's or diffusers', which has others: optimizer.pt, …
PYTORCH_FILE = re.compile(r"(pytorch_|diffusion_pytorch_|adapter_|open_clip_pytorch_)?model[\w.-]*\.bin")


def is_index(name: str) -> bool:
    """Whether a file of this name is an index of shards."""
    return _INDEX.fullmatch(name) is not None


def is_pytorch_file(name: str) -> bool:
    """Whether a file of this name is the weights, in PyTorch's format, of a folder of Hugging Face's or diffusers'."""
    return PYTORCH_FILE.fullmatch(name) is not None


@dataclass(frozen=True)
class Candidate:
    """A file or folder whose format is not known yet."""

    path: Path
    head: bytes = b""  # the first HEAD bytes; of a folder none
    size: int = 0  # bytes; of a folder 0

    @property
    def suffix(self) -> str:
        return self.path.suffix

    def has(self, pattern: str) -> bool:
        """Whether it is a folder with such a file in it."""
        return self.path.is_dir() and next(self.path.glob(pattern), None) is not None

    def holds(self, wanted: Callable[[str], bool]) -> bool:
        """Whether it is a folder, which may be read, with a file of such a name."""
        try:
            return self.path.is_dir() and any(wanted(one.name) and one.is_file() for one in self.path.iterdir())
        except OSError:
            return False


@dataclass(frozen=True)
class WeightsFormat:
    """One format.

    `reader` is a function `(path: Path, budget: Budget) -> Contents` and `writer` a function
    `(weights, path: Path, header) -> None`, both as `module:function`, imported when needed. Both raise
    CheckpointError.
    """

    name: str
    recognises: Callable[[Candidate], bool]
    reader: str
    endings: tuple[str, ...] = ()  # of file names, such as ".pt"
    writer: str = ""  # empty: it is only read
    several: bool = False  # the path stands for several files: a folder, or the index of one
    has_header: bool = False  # what is written keeps the header

    def read(self, path: Path, budget: "Budget") -> "Contents":
        """What is in the file; `budget`: what reading it may cost. Raises CheckpointError, and whatever a damaged file
        leads to."""
        found: Contents = _function(self.reader)(path, budget)
        return found

    def write(self, weights: "Mapping[str, torch.Tensor]", path: Path, header: Mapping[str, str]) -> None:
        """`header`: what a safetensors file says of itself; other formats have no place for it. Raises OSError."""
        _function(self.writer)(weights, path, header)


def _has_safetensors_header(file: Candidate) -> bool:
    length = int.from_bytes(file.head[:8], "little")
    return file.head[8:9] == b"{" and (file.suffix == ".safetensors" or length <= file.size - 8)


def _is_pickle(file: Candidate) -> bool:
    return file.head[:1] == b"\x80" and b"\x02" <= file.head[1:2] <= b"\x05"


TORCH = WeightsFormat(
    "PyTorch",
    lambda file: file.head[:4] == b"PK\x03\x04",
    reader="engine.weights.formats.torch_zip:read",
    endings=(".pt", ".pth", ".bin", ".ckpt"),
    writer="engine.weights.formats.torch_zip:write",
)

# The first that recognises a file reads it.
FORMATS: tuple[WeightsFormat, ...] = (
    WeightsFormat(
        "distributed checkpoint",
        lambda file: file.path.name == DISTRIBUTED_INDEX or file.has(DISTRIBUTED_INDEX),
        reader="engine.weights.formats.distributed:read",
        several=True,
    ),
    WeightsFormat(
        "sharded weights",
        lambda file: is_index(file.path.name) and not file.path.is_dir(),
        reader="engine.weights.formats.shards:read_index",
        endings=(SHARDS_INDEX,),
        several=True,
    ),
    WeightsFormat(
        "folder of weights",
        lambda file: file.holds(lambda name: name.endswith(".safetensors") or is_index(name) or is_pytorch_file(name)),
        reader="engine.weights.formats.shards:read_folder",
        several=True,
    ),
    TORCH,
    WeightsFormat(  # before the pickles: the length that it begins with may look like one
        "safetensors",
        _has_safetensors_header,
        reader="engine.weights.formats.safetensors_file:read",
        endings=(".safetensors",),
        writer="engine.weights.formats.safetensors_file:write",
        has_header=True,
    ),
    WeightsFormat("PyTorch before 1.6", _is_pickle, reader="engine.weights.formats.pickles:read"),
    WeightsFormat(
        "pickle",
        lambda file: file.suffix in (".pkl", ".pickle") and file.head[:1] in (b"(", b"c", b"]", b"}"),  # of protocol 0
        reader="engine.weights.formats.pickles:read_plain",
        endings=(".pkl", ".pickle"),
    ),
)


def recognise(file: Candidate) -> WeightsFormat | None:
    """The format of a file or folder; None: none that is known."""
    return next((one for one in FORMATS if one.recognises(file)), None)


def is_several(path: Path) -> bool:
    """Whether the path stands for what lies in several files."""
    return path.is_dir() or any(one.several and one.recognises(Candidate(path)) for one in FORMATS)


def to_write(path: Path) -> WeightsFormat:
    """The format that the name's ending asks for; PyTorch's for any other ending. Raises CheckpointError
    for a format that is only read."""
    found = next((one for one in FORMATS if path.name.endswith(one.endings)), TORCH)
    if not found.writer:
        endings = _listed(ending for one in FORMATS if one.writer for ending in one.endings)
        raise CheckpointError(f"{path}: {found.name} is a format that is only read; use one of {endings}")
    return found


def file_endings() -> tuple[str, ...]:
    """The endings of the names of single files, such as ".pt"."""
    return tuple(ending for one in FORMATS if not one.several for ending in one.endings)


def names(*, several: bool = False) -> str:
    """The names of the formats, or of those in several files, separated by commas."""
    return _listed(one.name for one in FORMATS if one.several or not several)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


def _function(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)

"""safetensors: a length, a JSON header, and the numbers. Nothing in it can be executed."""

import math
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CheckpointError
from engine.terminal_text import identifier, printable
from engine.weights import rebuild
from engine.weights.budget import Budget
from engine.weights.contents import TEXT, Contents, Named, Record
from engine.weights.formats.single_file import unchanged
from engine.weights.problems import number_doubles
from engine.weights.records import Storage, Tensor
from engine.weights.safe_open import MOST_HEADER

if TYPE_CHECKING:
    import torch

LENGTH = 8  # bytes that say how long the header is
_SAFE_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "C64": "complex64",
}  # fmt: skip


def read(path: Path, budget: Budget) -> Contents:
    """What is in the file, as the format's own library reads its header.

    The library maps what it reads, and a file that becomes shorter then would end the process: it gets a stand-in of
    our own, with this file's header and size, and nothing else. The values are read from their places (`tensors`).
    """
    with unchanged(path, budget) as (contents, file):
        length = file.read(LENGTH)
        header = int.from_bytes(length, "little")
        contents.format = "safetensors"
        if header > MOST_HEADER:
            raise CheckpointError(f"a safetensors file whose header claims {header:,} bytes: too many to read")
        contents.budget.read(header)
        with _stand_in(length + file.read(header), contents.bytes) as place:
            _read(contents, place, LENGTH + header)
    return contents


def write(weights: "Mapping[str, torch.Tensor]", path: Path, header: Mapping[str, str]) -> None:
    """Write a state_dict, with `header` as the file's metadata, and "pt" as its format where that says none: readers
    such as transformers' refuse a file without one. Raises OSError, and CheckpointError for a dtype that the format
    lacks."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(weights), path, metadata={"format": "pt", **header})
    except SafetensorError as error:
        if (code := re.search(r"\(os error (\d+)\)", str(error))) is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from None
    except KeyError as error:  # how it says so
        lost = [(name, str(tensor.dtype)) for name, tensor in weights.items() if tensor.dtype in error.args]
        if not lost:
            raise
        (name, dtype), *_ = lost
        words = f"{name} is {dtype.removeprefix('torch.')}, which safetensors can't hold"
        raise CheckpointError(f"{words}: choose a name that ends with .pth") from error


@contextmanager
def _stand_in(begin: bytes, size: int) -> Iterator[str]:
    """The path of a file of `size` bytes that begins so, with zeros behind it that take no room: in memory where the
    system can, else in its folder for such. Raises OSError."""
    named = None
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("header")
        path = f"/proc/self/fd/{descriptor}"
    else:
        named = tempfile.NamedTemporaryFile(prefix="fmnist-tui-")  # noqa: SIM115 - closed below
        descriptor, path = os.dup(named.fileno()), named.name
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(begin)
            file.truncate(max(size, len(begin)))
            yield path
    finally:
        if named is not None:
            named.close()


def _read(contents: Contents, place: str, start: int) -> None:
    """`place`: of the stand-in; `start`: where the values begin in the file, in bytes."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(place, framework="np") as file:
            contents.header = dict(file.metadata() or {})
            for name, text in contents.header.items():
                contents.metadata[printable(name, TEXT)] = printable(text, TEXT)
            here: dict[str, Tensor] = {}
            places = _places(file, start)
            for name in file.keys():  # noqa: SIM118 - it is not a dictionary
                part = file.get_slice(name)
                kind, shape = part.get_dtype(), tuple(part.get_shape())
                shown = identifier(name, TEXT)
                if not contents.budget.lists(shown):
                    words = f"only the first {len(contents.tensors):,} tensors are listed: there are too many"
                    contents.problems.append(words)
                    break
                if len(shape) > rebuild.MOST_SIZES or math.prod(size for size in shape if size) > rebuild.MOST_ELEMENTS:
                    contents.problems.append(f"{shown}: its sizes overflow: left out")
                    continue
                tensor = _contiguous(shown, _SAFE_DTYPES.get(kind, kind), shape)
                if kind not in _SAFE_DTYPES:
                    contents.problems.append(f"{shown}: unknown dtype {kind!r}")
                contents.records[shown] = Record(contents.path, *places[name])
                contents.tensors.append(Named(shown, tensor))
                here[name] = tensor
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"a damaged safetensors file: {printable(str(error), 200)}") from error
    _add_tied(contents, here)
    number_doubles(contents)
    contents.notes.append("safetensors: only numbers and text")


def _places(file: Any, start: int) -> dict[str, tuple[int, int]]:
    """Where the values of each tensor begin, and how many bytes they are: they lie one behind the other, without a gap,
    which the library has checked."""
    found: dict[str, tuple[int, int]] = {}
    for name in file.offset_keys():
        part = file.get_slice(name)
        size = math.prod(part.get_shape()) * _bits(part.get_dtype()) // 8
        found[name] = (start, size)
        start += size
    return found


def _bits(kind: str) -> int:
    """Of one element: its kind's name says so ("F8_E4M3": 8), but for BOOL."""
    digits = re.match(r"[A-Z]+(\d+)", kind)
    return int(digits[1]) if digits else 8


def _add_tied(contents: Contents, here: Mapping[str, Tensor]) -> None:
    """Tensors that share their storage with another one are written once; `safetensors.torch.save_model` notes the
    other names in the metadata: {"head.weight": "embedding.weight"}."""
    tied = {
        name: kept for name, kept in contents.header.items() if kept in here and name not in here and name != "format"
    }
    contents.tensors += [Named(identifier(name, TEXT), here[kept]) for name, kept in tied.items()]
    if tied:
        name, kept = next(iter(tied.items()))
        more = f" and {len(tied) - 1} more" if len(tied) > 1 else ""
        contents.notes.append(f"tied, by its metadata: {printable(name, 100)} is {printable(kept, 100)}{more}")


def _contiguous(name: str, dtype: str, shape: tuple[int, ...]) -> Tensor:
    stride, step = [], 1
    for size in reversed(shape):
        stride.append(step)
        step *= size
    return Tensor(Storage(name, dtype, step, "cpu"), dtype, shape, tuple(reversed(stride)))

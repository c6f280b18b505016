"""safetensors: a length, a JSON header, and the numbers. Nothing in it can be executed."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

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

_SAFE_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "C64": "complex64",
}  # fmt: skip


def read(path: Path, budget: Budget) -> Contents:
    """What is in the file, read by the format's own library."""
    with unchanged(path, budget) as (contents, file):
        _read(contents, int.from_bytes(file.read(8), "little"))
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


def _read(contents: Contents, header: int) -> None:
    from safetensors import SafetensorError, safe_open

    contents.format = "safetensors"
    if header > MOST_HEADER:
        raise CheckpointError(f"a safetensors file whose header claims {header:,} bytes: too many to read")
    contents.budget.read(header)
    try:
        with safe_open(contents.path, framework="np") as file:
            contents.header = dict(file.metadata() or {})
            for name, text in contents.header.items():
                contents.metadata[printable(name, TEXT)] = printable(text, TEXT)
            here: dict[str, Tensor] = {}
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
                contents.records[shown] = Record(contents.path, 0, tensor.bytes, name)
                contents.tensors.append(Named(shown, tensor))
                here[name] = tensor
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"a damaged safetensors file: {printable(str(error), 200)}") from error
    _add_tied(contents, here)
    number_doubles(contents)
    contents.notes.append("safetensors: only numbers and text")


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

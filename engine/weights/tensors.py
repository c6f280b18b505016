"""A tensor's values, mapped from the file: nothing is unpickled, and only what is used is read."""

import mmap
from collections.abc import Sequence
from pathlib import Path

import torch

from engine.errors import CheckpointError
from engine.terminal_text import printable
from engine.weights.contents import Contents, Named, Piece, Record
from engine.weights.formats import distributed
from engine.weights.problems import repeats
from engine.weights.records import Tensor
from engine.weights.safe_open import FileStamp

MOST_LOOKS = 2_000_000  # at pairs of pieces
STORED_AS = {"qint8": "int8", "quint8": "uint8", "qint32": "int32", "quint4x2": "uint8", "quint2x4": "uint8"}


def find(contents: Contents, name: str) -> Named:
    """A tensor of a file by its name. Raises CheckpointError where there is none."""
    found = next((one for one in contents.tensors if one.name == name), None)
    if found is None:
        raise CheckpointError(f"{contents.path} has no tensor {name!r}")
    return found


def load(contents: Contents, name: str) -> torch.Tensor:
    """The tensor `name`, mapped from the file, with its own shape and strides; writing to it would not change the file.

    Raises CheckpointError where its numbers are not there, of a kind that can't be read like this, or in a file that
    has changed since it was listed.
    """
    return numbers(contents, find(contents, name).tensor, name)


def numbers(contents: Contents, tensor: Tensor, name: str) -> torch.Tensor:
    """The same of a tensor of the file by its record; `name`: what complaints call it."""
    if tensor.storage is None:
        raise CheckpointError(f"{name} is {tensor.layout}: its values can't be read here")
    dtype = getattr(torch, STORED_AS.get(tensor.dtype, tensor.dtype), None)
    if not isinstance(dtype, torch.dtype):
        raise CheckpointError(f"{name} has the dtype {tensor.dtype}, which this PyTorch does not know")
    record = contents.records.get(tensor.storage.key)
    if record is None:
        raise CheckpointError(f"{name}: its values are not in {contents.path}")
    if record.pieces:
        return _assembled(contents, tensor, record, name)
    if record.name is not None:
        _refuse_changed(contents, record)
        return _of_safetensors(record.file, record.name)
    if not tensor.count:
        return torch.empty(tensor.shape, dtype=dtype)
    if tensor.offset < 0:
        raise CheckpointError(f"{name} begins before its storage")
    if tensor.end * dtype.itemsize > record.size:
        raise CheckpointError(f"{name} needs {tensor.end * dtype.itemsize:,} bytes, but the file has {record.size:,}")
    try:
        _refuse_changed(contents, record)
        return torch.as_strided(_flat(record, dtype), tensor.shape, tensor.stride, tensor.offset)
    except (ValueError, RuntimeError, OverflowError, OSError, MemoryError, TypeError) as error:
        what = (str(error).strip().splitlines() or [""])[0]
        raise CheckpointError(f"{name}: its values can't be read ({what})") from error


def whole(contents: Contents, name: str) -> torch.Tensor:
    """The same, for what goes through every number of it: not of one that repeats few stored numbers over and over,
    which may claim any size. Raises CheckpointError."""
    if repeats(find(contents, name).tensor):
        raise CheckpointError(f"{name} repeats a few stored values: not expanded")
    return load(contents, name)


def _refuse_changed(contents: Contents, record: Record) -> None:
    with open(record.file, "rb") as file:
        if contents.stamps.get(record.file) != FileStamp.of_open(file):
            raise CheckpointError(f"{record.file} has changed since it was listed: open it again")


def _assembled(contents: Contents, tensor: Tensor, record: Record, name: str) -> torch.Tensor:
    """A tensor of which each piece lies in a zip of its own: one piece mapped, several copied together."""
    if tensor.bytes > record.size:
        raise CheckpointError(f"{name} needs {tensor.bytes:,} bytes, but its pieces have {record.size:,}")
    first, *others = record.pieces
    if not others:
        return numbers(*distributed.piece(contents, first, tensor.dtype), name)
    _refuse_overlap(record.pieces, name)
    made = None
    for piece in record.pieces:
        part = numbers(*distributed.piece(contents, piece, tensor.dtype), name)
        made = torch.empty(tensor.shape, dtype=part.dtype) if made is None else made
        made[tuple(slice(at, at + size) for at, size in zip(piece.starts, piece.sizes, strict=True))] = part
    assert made is not None
    return made


def _refuse_overlap(pieces: Sequence[Piece], name: str) -> None:
    """Pieces that have as many elements together as the whole make it up where no two have one in common."""
    looks = 0
    adjacent: list[Piece] = []  # those that go on where the next one begins, along the first dimension
    for piece in sorted(pieces, key=lambda one: one.starts):
        adjacent = [one for one in adjacent if not one.starts or one.starts[0] + one.sizes[0] > piece.starts[0]]
        looks += len(adjacent)
        if looks > MOST_LOOKS:
            raise CheckpointError(f"{name} is in {len(pieces):,} pieces: too many to put together")
        if any(_overlap(one, piece) for one in adjacent):
            raise CheckpointError(f"{name}: its pieces overlap")
        adjacent.append(piece)


def _overlap(a: Piece, b: Piece) -> bool:
    sides = zip(a.starts, a.sizes, b.starts, b.sizes, strict=True)
    return all(start < other + length and other < start + size for start, size, other, length in sides)


def _of_safetensors(file: Path, name: str) -> torch.Tensor:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened_file:
            found: torch.Tensor = opened_file.get_tensor(name)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{file}: {printable(str(error), 200)}") from error
    return found


def _flat(record: Record, dtype: torch.dtype) -> torch.Tensor:
    """The storage's numbers, [count]."""
    count = record.size // dtype.itemsize
    with open(record.file, "rb") as file:
        if record.offset % dtype.itemsize:  # not where numbers of this size may lie: a copy
            file.seek(record.offset)
            return torch.frombuffer(bytearray(file.read(count * dtype.itemsize)), dtype=dtype)
        start = record.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        length = record.offset - start + record.size
        mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_COPY, offset=start)
    return torch.frombuffer(mapped, dtype=dtype, count=count, offset=record.offset - start)

"""A tensor's values, from their place in the file: nothing is unpickled, and only what is used is read.

A process that may be ended by what it reads (`engine.expendable`) maps them; another one reads a copy of what the
tensor covers. What is given is strided: of a quantized tensor the numbers that it stands for, as float32, of a sparse
one all elements, of a conjugate or negative view the values that it has.
"""

import contextlib
import mmap
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine import expendable
from engine.errors import CheckpointError
from engine.weights.contents import Contents, Named, Piece, Record
from engine.weights.formats import distributed
from engine.weights.problems import repeats
from engine.weights.records import Tensor
from engine.weights.safe_open import FileStamp

MAPPED = 1 << 16  # bytes of a storage from which it is mapped: a mapping holds a file open, and takes whole pages
MOST_LOOKS = 2_000_000  # at pairs of pieces
_UNREADABLE = (ValueError, RuntimeError, OverflowError, OSError, MemoryError, TypeError)
Flats = dict[tuple[Path, int, int, torch.dtype], torch.Tensor]  # storages that were read, so that tensors share them
STORED_AS = {"qint8": "int8", "quint8": "uint8", "qint32": "int32"}  # quantized


def find(contents: Contents, name: str) -> Named:
    """A tensor of a file by its name. Raises CheckpointError where there is none."""
    found = contents.by_name.get(name)
    if found is None:
        raise CheckpointError(f"{contents.path} has no tensor {name!r}")
    return found


def load(contents: Contents, name: str) -> torch.Tensor:
    """The tensor `name`, from the file, with its own shape and, where it is strided, its own strides; writing to
    it would not change the file.

    Raises CheckpointError where its numbers are not there, of a kind that can't be read like this, or in a file that
    has changed since it was listed.
    """
    return computable(numbers(contents, find(contents, name).tensor, name), name)


def numbers(contents: Contents, tensor: Tensor, name: str, flats: Flats | None = None) -> torch.Tensor:
    """The same of a tensor of the file by its record; `name`: what complaints call it. `flats`: of the tensors that are
    read together."""
    if tensor.parts:
        return _dense(contents, tensor, name)
    if tensor.storage is None:
        raise CheckpointError(f"{name} is {tensor.about}: its values can't be read here")
    if tensor.layout == "quantized":
        return _dequantized(contents, tensor, name)
    dtype = getattr(torch, tensor.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise CheckpointError(f"{name} has the dtype {tensor.dtype}, which this PyTorch does not know")
    record = contents.records.get(tensor.storage.key)
    if record is None:
        raise CheckpointError(f"{name}: its values are not in {contents.path}")
    if record.pieces:
        return _assembled(contents, tensor, record, name)
    if not tensor.count:
        return torch.empty(tensor.shape, dtype=dtype)
    if tensor.offset < 0:
        raise CheckpointError(f"{name} begins before its storage")
    if tensor.end * dtype.itemsize > record.size:
        raise CheckpointError(f"{name} needs {tensor.end * dtype.itemsize:,} bytes, but the file has {record.size:,}")
    try:
        _refuse_changed(contents, record)
        flat, offset = _storage(record, dtype, flats, tensor)
        if tensor.conj or tensor.neg:  # of what it reaches, a copy
            flat, offset = flat[offset : offset + tensor.end - tensor.offset], 0
            flat = _conjugate(flat) if tensor.conj else flat
            flat = _negative(flat) if tensor.neg else flat
        return torch.as_strided(flat, tensor.shape, tensor.stride, offset)
    except _UNREADABLE as error:
        raise _unreadable(name, error) from error


def _conjugate(values: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that complex32 is new
        return values.conj_physical()


def _negative(values: torch.Tensor) -> torch.Tensor:
    try:
        return -values
    except RuntimeError:  # of few bits, which PyTorch does not compute with, but converts exactly
        return (-values.float()).to(values.dtype)


def sparse(contents: Contents, tensor: Tensor, name: str) -> torch.Tensor:
    """A sparse tensor in its own layout. Raises CheckpointError, for indices that are not its own too."""
    parts = [numbers(contents, part, f"{name}, part {at}") for at, part in enumerate(tensor.parts)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the layout is new
            if tensor.layout == "sparse_coo":
                return torch.sparse_coo_tensor(parts[0], parts[1], size=tensor.shape, check_invariants=True)
            return torch.sparse_compressed_tensor(
                parts[0], parts[1], parts[2], tensor.shape, layout=getattr(torch, tensor.layout), check_invariants=True
            )
    except _UNREADABLE as error:
        raise _unreadable(name, error) from error


def _dense(contents: Contents, tensor: Tensor, name: str) -> torch.Tensor:
    """All elements of a sparse tensor."""
    if repeats(tensor):
        size = f"{tensor.stored:,} stored bytes would become {tensor.bytes:,}"
        raise CheckpointError(f"{name} is {tensor.about}: {size}: not expanded")
    try:
        return sparse(contents, tensor, name).to_dense()
    except _UNREADABLE as error:
        raise _unreadable(name, error) from error


def _dequantized(contents: Contents, tensor: Tensor, name: str) -> torch.Tensor:
    """What a quantized tensor stands for, as float32: (number - zero point) × scale, as
    torch.Tensor.dequantize, whose vectorized code rounds once more."""
    quantizer = tensor.quantizer
    if quantizer is None or tensor.dtype not in STORED_AS:
        raise CheckpointError(f"{name} is {tensor.about} {tensor.dtype}: its values can't be read here")
    if repeats(tensor):
        raise CheckpointError(f"{name} repeats a few stored values: not expanded")
    stored = numbers(contents, replace(tensor, dtype=STORED_AS[tensor.dtype], layout="strided"), name)
    try:
        scale, zero_point = (
            _for_each(contents, value, quantizer.axis, tensor, name)
            for value in (quantizer.scale, quantizer.zero_point)
        )
        wide = tensor.dtype == "qint32" or zero_point.is_floating_point()  # else float32 holds the difference
        real = stored.to(torch.float64 if wide else torch.float32)
        return real.sub_(zero_point).to(torch.float32).mul_(scale.float())
    except _UNREADABLE as error:
        raise _unreadable(name, error) from error


def _for_each(
    contents: Contents, values: "float | tuple[float, ...] | Tensor", axis: int | None, tensor: Tensor, name: str
) -> torch.Tensor:
    """Scales or zero points, in their own dtype, so that they are broadcast along the tensor's dimension `axis`."""
    if isinstance(values, Tensor):
        if repeats(values):
            raise CheckpointError(f"{name}: its scales or zero points repeat a few stored values: not expanded")
        found = numbers(contents, values, name)
    else:
        found = torch.tensor(values)
    if axis is None:
        return found
    return found.reshape([-1 if at == axis else 1 for at in range(len(tensor.shape))])


def _unreadable(name: str, error: BaseException) -> CheckpointError:
    what = (str(error).strip().splitlines() or [""])[0]
    return CheckpointError(f"{name}: its values can't be read ({what})")


def computable(values: torch.Tensor, name: str) -> torch.Tensor:
    """The values, if this PyTorch computes with their dtype. Raises CheckpointError for one that it only stores."""
    first = values[(0,) * values.dim()] if values.numel() else values.new_empty(0)
    try:
        first.to(torch.complex128 if values.is_complex() else torch.float64)
    except (RuntimeError, TypeError) as error:
        kind = str(values.dtype).removeprefix("torch.")
        raise CheckpointError(f"{name} is {kind}, which this PyTorch stores but does not compute with") from error
    return values


def whole(contents: Contents, name: str, flats: Flats | None = None) -> torch.Tensor:
    """The same, for what goes through every number of it: not of one that repeats few stored numbers over and over,
    which may claim any size. `flats`: of the tensors that are read together. Raises CheckpointError."""
    tensor = find(contents, name).tensor
    if repeats(tensor) and not tensor.parts:
        raise CheckpointError(f"{name} repeats a few stored values: not expanded")
    return numbers(contents, tensor, name, flats)


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


def _storage(record: Record, dtype: torch.dtype, flats: Flats | None, tensor: Tensor) -> tuple[torch.Tensor, int]:
    """Numbers of the storage, [count], and where in them the tensor begins. All, where they are mapped or belong to
    several; else those that the tensor covers."""
    if record.held is not None or record.spelled or record.swapped:
        return _of_pickle(record, dtype), tensor.offset
    if flats is None and not expendable.is_declared():
        return _read(record, dtype, tensor.offset, tensor.end), 0
    key = (record.file, record.offset, record.size, dtype)
    flat = None if flats is None else flats.get(key)
    if flat is None:
        flat = _flat(record, dtype)
        if flats is not None:
            flats[key] = flat
    return flat, tensor.offset


def _flat(record: Record, dtype: torch.dtype) -> torch.Tensor:
    count = record.size // dtype.itemsize
    if expendable.is_declared() and record.size >= MAPPED and not record.offset % dtype.itemsize:
        start = record.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        length = record.offset - start + record.size
        # A process may have 1,024 open files, as a rule: then a copy.
        with open(record.file, "rb") as file, contextlib.suppress(OSError):
            mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_COPY, offset=start)
            return torch.frombuffer(mapped, dtype=dtype, count=count, offset=record.offset - start)
    return _read(record, dtype, 0, count)


def _read(record: Record, dtype: torch.dtype, start: int, end: int) -> torch.Tensor:
    """A copy of the storage's numbers from `start` to `end`, counted in elements."""
    if end <= start:
        return torch.empty(0, dtype=dtype)
    with open(record.file, "rb") as file:
        if os.fstat(file.fileno()).st_size < record.offset + record.size:
            raise ValueError("they go beyond the end of the file")
        data = bytearray((end - start) * dtype.itemsize)
        file.seek(record.offset + start * dtype.itemsize)
        if file.readinto(data) < len(data):
            raise ValueError("the file has become shorter")
    return torch.frombuffer(data, dtype=dtype)


def _of_pickle(record: Record, dtype: torch.dtype) -> torch.Tensor:
    """A copy of the numbers of a storage that stands in a pickle, [count]."""
    data = record.held
    if data is None:
        with open(record.file, "rb") as file:
            file.seek(record.offset)
            data = file.read(record.spelled or record.size)
    if record.spelled:
        data = data.decode("utf-8", "surrogatepass").encode("latin1")[record.skip : record.skip + record.size]
    if record.swapped:
        data = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], record.swapped).byteswap().tobytes()
    count = len(data) // dtype.itemsize
    return torch.frombuffer(bytearray(data), dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)

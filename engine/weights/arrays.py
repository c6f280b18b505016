"""What a plain pickle holds numbers in: NumPy's arrays and scalars, and the storages that a tensor's own `__reduce__`
writes as files of their own. Each becomes a record; nothing is called."""

import codecs
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.terminal_text import printable
from engine.weights.rebuild import MOST_ELEMENTS, placed, refuse_overflow
from engine.weights.records import ITEM_BYTES, Called, Elements, Global, Long, Storage
from engine.weights.safe_open import Bounded

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
HEADER = 1 << 16  # bytes in which such a file's pickles are, before its numbers
LOAD_FROM_BYTES = "torch.storage._load_from_bytes"
_DTYPES = {
    "f2": "float16", "f4": "float32", "f8": "float64", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "b1": "bool", "c8": "complex64", "c16": "complex128",
}  # fmt: skip
_SCALARS = {
    "f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I",
    "u8": "Q", "b1": "?",
}  # fmt: skip


@dataclass(frozen=True)
class Held:
    """Where a storage's bytes are: in memory, or, of long ones, in the pickle."""

    data: bytes | Long
    swapped: str = ""  # NumPy's name of a dtype whose bytes are in the other order
    skip: int = 0  # bytes that come before
    length: int | None = None  # bytes; None: all that there are

    @property
    def size(self) -> int:
        if self.length is not None:
            return self.length
        return self.data.size if isinstance(self.data, Long) else len(self.data)


Keep = Callable[[Held, str, int], Storage]  # (bytes, dtype, elements)


def is_array(record: Any) -> bool:
    """Whether it is a call that makes an array, which gets its state later."""
    return isinstance(record, Called) and _numpy(record.what, "_reconstruct")


def array(called: Called, keep: Keep) -> Any:
    """An array that has its state. Raises ValueError and the like where it is not as NumPy writes it."""
    shape, dtype, fortran, data = called.state[-4:]
    if isinstance(data, Elements):
        return Elements("list", data.items)  # of objects
    return _tensor(data, dtype, shape, fortran is True or fortran == 1, keep)


def made(called: Called, keep: Keep) -> Any:
    """What a call makes, if it is one of NumPy's; else itself. Raises ValueError and the like."""
    if _numpy(called.what, "_frombuffer"):
        data, dtype, shape, order = called.args
        return _tensor(data, dtype, shape, order == "F", keep)
    if _numpy(called.what, "scalar") and len(called.args) == 2:
        dtype, data = called.args
        return _scalar(dtype, data, called)
    return called


def _numpy(what: Any, name: str) -> bool:
    return isinstance(what, Global) and what.name == name and what.module.partition(".")[0] == "numpy"


def _tensor(data: Any, dtype: Any, shape: Any, fortran: bool, keep: Keep) -> Any:
    code, swapped = _dtype(dtype)
    known = "bfloat16" if code == "ml_dtypes.bfloat16" else _DTYPES.get(code)
    if isinstance(shape, int):
        shape = (shape,)
    if known is None:
        sizes = "×".join(str(size) for size in shape)
        return Called(Global("numpy", f"ndarray of {printable(code, 40)}, {sizes}"), ())
    refuse_overflow(tuple(shape))
    strides = _strides(tuple(shape)[::-1])[::-1] if not fortran else _strides(tuple(shape))
    held = Held(bytes_of(data), code if swapped else "")
    storage = keep(held, known, math.prod(shape))
    if storage.size > held.size:
        raise ValueError(f"it has {held.size:,} bytes, and needs {storage.size:,}")
    return placed(storage, known, 0, shape, strides)


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    found, step = [], 1
    for size in shape:
        found.append(step)
        step = min(step * max(1, size), MOST_ELEMENTS)
    return tuple(found)


def _dtype(record: Any) -> tuple[str, bool]:
    """NumPy's name of the dtype, "f4", and whether its bytes are in the order that this program does not have."""
    if not isinstance(record, Called) or not _numpy(record.what, "dtype"):
        raise ValueError("it has no dtype")
    name = record.args[0]
    order = record.state[1] if isinstance(record.state, tuple) else "<"
    if isinstance(name, Global):
        return name.full, False
    if name[:1] in "<>=|":
        order, name = name[0], name[1:]
    return name, order == ">" and ITEM_BYTES.get(_DTYPES.get(name, ""), 1) > 1


def bytes_of(data: Any) -> bytes | Long:
    """Of Python 3's protocols below 3 as well, which spell bytes as text: `_codecs.encode(text, "latin1")`. Raises
    ValueError where there are none."""
    if isinstance(data, Called) and isinstance(data.what, Global):
        if data.what.full in ("__builtin__.bytes", "builtins.bytes") and data.args == ():
            return b""
        data = data.args[0] if data.what.full == "_codecs.encode" else data
    if isinstance(data, str):
        return data.encode("latin1")
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    if isinstance(data, Long):
        return data
    raise ValueError("it has no bytes")


def _scalar(dtype: Any, data: Any, called: Called) -> Any:
    code, swapped = _dtype(dtype)
    held = bytes_of(data)
    if code not in _SCALARS or not isinstance(held, bytes):
        return called
    return struct.unpack((">" if swapped else "<") + _SCALARS[code], held)[0]


def storage_in(file: BinaryIO, whole: bytes | Long, read: Callable[[Any], Any]) -> tuple[Any, Held]:
    """The storage in a file of PyTorch's before 1.6 that stands in a pickle: what `read` gave of its pickle, and the
    storage's bytes. `file`: it, or its beginning; `whole`: its bytes. Raises ValueError where it is something else."""
    size = whole.size if isinstance(whole, Long) else len(whole)
    stream = Bounded(file, size)
    magic = read(stream)
    if magic.root != LEGACY_MAGIC:
        raise ValueError("it is not a file of torch.save")
    _version, _system, found, keys = (read(stream) for _ in range(4))
    if not isinstance(found.root, Storage) or len(keys.root.items) != 1:
        raise ValueError("it holds no single storage")
    (count,) = struct.unpack("<q", file.read(8))
    at, length = file.tell(), found.root.size
    if count < 0 or count != found.root.count or at + length > size:
        raise ValueError("it is too short")
    if isinstance(whole, bytes):
        return found, Held(whole[at : at + length])
    return found, Held(whole, skip=at, length=length) if whole.utf8 else Held(Long(length, False, whole.offset + at))


def beginning(file: BinaryIO) -> bytes:
    """The first bytes that characters spell, which stand in UTF-8. Raises ValueError."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    return decoder.decode(file.read(HEADER)).encode("latin1")

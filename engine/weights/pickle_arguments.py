"""What stands behind an opcode of a pickle: a number, a text with its length before it, or a line."""

import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

from engine.weights.pickle_stream import Source
from engine.weights.records import Long

# Reads it from a byte of the source's block; returns it, and where the next opcode begins in the block, which may be
# another one then. Raises ValueError, and CheckpointError.
Reader = Callable[[Source, int], tuple[Any, int]]


def of_length(width: int, *, text: str = "", signed: bool = False, kind: Callable[[bytes], Any] = bytes) -> Reader:
    """Of a text or bytes whose length stands before them, in `width` bytes. `text`: its encoding; `kind`: what is made
    of bytes. What was passed over is a `Long`."""
    errors = "surrogatepass" if text == "utf-8" else "strict"

    def read(source: Source, at: int) -> tuple[Any, int]:
        size = int.from_bytes(source.data[at : at + width], "little", signed=signed)
        if size < 0:
            raise ValueError(f"a length of {size:,} bytes")
        found, at = source.counted(at + width, size, bool(text), text == "utf-8")
        if isinstance(found, Long):
            return found, at
        return str(found, text, errors) if text else kind(found), at

    return read


def _number(form: str) -> Reader:
    how = struct.Struct(form)
    return lambda source, at: (how.unpack_from(source.data, at)[0], at + how.size)


def _two_names(source: Source, at: int) -> tuple[tuple[str, str], int]:
    """The lines of an import as they stand: pickletools joins them with a space, which may be in them, and takes ASCII
    alone, where the C unpickler takes UTF-8."""
    module, at = source.line(at)
    name, at = source.line(at)
    return (module.decode("utf-8"), name.decode("utf-8")), at


def _spelled(argument: pickletools.ArgumentDescriptor) -> Reader:
    """Of a value in a line of its own, as the standard library reads it."""

    def read(source: Source, at: int) -> tuple[Any, int]:
        line, at = source.line(at)
        return argument.reader(io.BytesIO(line + b"\n")), at

    return read


_READERS: dict[str, Reader] = {
    "uint1": _number("<B"),
    "uint2": _number("<H"),
    "int4": _number("<i"),
    "uint4": _number("<I"),
    "uint8": _number("<Q"),
    "float8": _number(">d"),
    "string1": of_length(1, text="latin-1"),
    "string4": of_length(4, text="latin-1", signed=True),
    "bytes1": of_length(1),
    "bytes4": of_length(4),
    "bytes8": of_length(8),
    "bytearray8": of_length(8, kind=bytearray),
    "unicodestring1": of_length(1, text="utf-8"),
    "unicodestring4": of_length(4, text="utf-8"),
    "unicodestring8": of_length(8, text="utf-8"),
    "long1": of_length(1, kind=pickle.decode_long),
    "long4": of_length(4, signed=True, kind=pickle.decode_long),
    "stringnl_noescape_pair": _two_names,
}


def reader_of(opcode: pickletools.OpcodeInfo) -> Reader | None:
    """Of what stands behind the opcode; None: nothing does."""
    if opcode.arg is None:
        return None
    return _READERS.get(opcode.arg.name) or _spelled(opcode.arg)


def in_a_line(opcode: pickletools.OpcodeInfo) -> bool:
    """Whether that is text, up to the end of its line, which takes longer than numbers do."""
    return (opcode.arg is not None and opcode.arg.name not in _READERS) or opcode.name in ("GLOBAL", "INST")

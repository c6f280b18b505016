"""Reading IDX files, extracted or gzipped, where they lie: of unsigned bytes, and labels of any integers.

The format: two zero bytes, a type (8: unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit
integer, then the elements, the last index running fastest. Source: https://yann.lecun.com/exdb/mnist/
"""

import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine import plain_file
from engine.data.dataset import Bytes
from engine.errors import DataError

UNSIGNED_BYTE = 8
GZIP = 31  # zlib's wbits for a gzip header, the largest window and a checked CRC
PIECE = 1 << 18  # bytes of a .gz file that are read at a time
DEFLATE_LIMIT = 1032  # deflate can't make data smaller than by this factor (https://zlib.net/zlib_tech.html)
MOST_BYTES = 4 << 30  # of elements that are held in memory
LARGEST_ITEM = 50_000_000  # pixels of an image
TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # NumPy's names of the elements' types

Shape = tuple[int, ...]
Integers = npt.NDArray[np.int64]


class IdxError(DataError):
    """A file that is damaged, or not the IDX file that it should be. Who knows where it is from says what to do."""


def read(path: Path, item: Shape) -> Bytes:
    """All elements: uint8 (N, *item), read-only; N is what the header says, at least 1.

    Into memory: one that is mapped would end the process where somebody writes the file anew meanwhile, as torchvision
    does when it extracts it. One whose name ends in .gz is decompressed. Raises DataError where the file can't be
    read, or changes while it is, its header is not that of unsigned bytes of this shape, or its length is not the
    header's.
    """
    try:
        return _read_gz(path, item) if is_gz(path) else _read_extracted(path, item)
    except plain_file.ChangedError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    except OSError as error:
        raise unreadable(path, error) from None


def shape_of(path: Path) -> tuple[str, Shape]:
    """The type of a file's elements, as NumPy names it, and its dimensions, as its header says. Raises DataError."""
    try:
        head = _some(path, 4)
        if len(head) < 4:
            raise _too_short(path)
        zero, kind, dimensions = struct.unpack(">HBB", head)
        if zero != 0 or kind not in TYPES or dimensions == 0:
            raise IdxError(f"{path} is not an IDX file (it begins {head.hex()})")
        head = _some(path, 4 + 4 * dimensions)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(head) < 4 + 4 * dimensions:
        raise _too_short(path)
    return TYPES[kind], struct.unpack(f">{dimensions}I", head[4:])


def read_images(path: Path) -> Bytes:
    """All images of a file, uint8 (N, height, width) of any size. Raises DataError as `read` does."""
    kind, shape = shape_of(path)
    if kind != "u1" or len(shape) != 3:
        raise IdxError(f"{path} holds {_words(kind, shape)}; grey images are unsigned bytes in 3 dimensions")
    if math.prod(shape[1:]) > LARGEST_ITEM:
        raise IdxError(f"{path} holds elements of {'×'.join(map(str, shape[1:]))}, which are too large to be images")
    return read(path, shape[1:])


def read_labels(path: Path) -> tuple[Integers, int]:
    """The labels of a file of integers of any type, int64 (N,), and how many numbers it has for each: the label is the
    first of them, as in QMNIST. Raises DataError as `read` does."""
    kind, shape = shape_of(path)
    if np.dtype(kind).kind == "f" or len(shape) > 2 or not all(shape):
        raise IdxError(f"{path} holds {_words(kind, shape)}, which are not labels")
    if (kind, len(shape)) == ("u1", 1):
        return read(path, ()).astype(np.int64), 1
    start, expected = 4 + 4 * len(shape), math.prod(shape) * np.dtype(kind).itemsize
    try:
        if expected > DEFLATE_LIMIT * path.stat().st_size:
            raise _too_short(path)
        data = _some(path, start + expected + 1)[start:]
    except OSError as error:
        raise unreadable(path, error) from None
    if len(data) != expected:
        raise _wrong_length(path, len(data), expected)
    found = np.frombuffer(data, kind).reshape(shape[0], -1)
    return found[:, 0].astype(np.int64), found.shape[1]


def read_first(path: Path, item: Shape, count: int) -> tuple[Bytes, int]:
    """At most `count` elements from the beginning, uint8 (n, *item), and the number N that the header says.

    Reads and decompresses no more than it needs. Raises DataError as `read` does, for what it comes to see.
    """
    head = _header_size(item)
    size = head + count * math.prod(item)
    try:
        data = _some(path, size)
    except OSError as error:
        raise unreadable(path, error) from None
    total = _count(path, data[:head], item)
    n = min(count, total)
    if len(data) < head + n * math.prod(item):
        raise _too_short(path)
    return np.frombuffer(data, np.uint8, n * math.prod(item), head).reshape(n, *item), total


def is_whole(path: Path, item: Shape) -> bool:
    """Whether an extracted file has a right header and the length that follows from it."""
    try:
        with plain_file.opened(path) as file:
            total = _count(path, file.read(_header_size(item)), item)
            return os.fstat(file.fileno()).st_size == _header_size(item) + total * math.prod(item)
    except (OSError, DataError):
        return False


def header(array: Bytes) -> bytes:
    """The header that an IDX file of `array` begins with."""
    return struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape)


def is_gz(path: Path) -> bool:
    """Whether `path` is read as the gzipped form, which its name decides."""
    return path.suffix == ".gz"


def unreadable(path: Path, error: OSError) -> DataError:
    """The error of a file or folder that the system does not let us read."""
    return DataError(f"cannot read {path} ({error.strerror or error}); check its permissions")


def _read_extracted(path: Path, item: Shape) -> Bytes:
    head = _header_size(item)
    with plain_file.opened(path) as file, plain_file.unchanged(file):
        total = _count(path, file.read(head), item)
        length = os.fstat(file.fileno()).st_size
        expected = head + total * math.prod(item)
        if length != expected:
            raise _wrong_length(path, length, expected)
        _refuse_large(path, expected)
        data = np.empty(expected - head, np.uint8)
        if file.readinto(data.data) < len(data):
            raise _too_short(path)
    data.flags.writeable = False
    return data.reshape(total, *item)


def _read_gz(path: Path, item: Shape) -> Bytes:
    """Decompressed piece by piece into the one array: no second copy of the data is ever in memory."""
    stream = zlib.decompressobj(GZIP)
    with plain_file.opened(path) as file:
        try:
            packed = file.read(PIECE)
            total = _count(path, stream.decompress(packed, _header_size(item)), item)
            expected = total * math.prod(item)
            if expected > DEFLATE_LIMIT * os.fstat(file.fileno()).st_size:
                raise _too_short(path)
            _refuse_large(path, expected)
            data, filled = np.empty(expected, np.uint8), 0
            packed = stream.unconsumed_tail
            while not stream.eof:
                packed = packed or file.read(PIECE)
                # What is left at the end is the end mark and the CRC; an element more shows here.
                piece = np.frombuffer(stream.decompress(packed, min(4 * PIECE, expected - filled + 1)), np.uint8)
                if filled + len(piece) > expected:
                    raise IdxError(f"{path} holds more than its header says")
                data[filled : filled + len(piece)] = piece
                if not packed and not len(piece):
                    break
                filled, packed = filled + len(piece), stream.unconsumed_tail
        except zlib.error as error:
            raise _corrupt(path, error) from None
        if filled < expected or not stream.eof:
            raise _too_short(path)
        if stream.unused_data or file.read(1):
            raise IdxError(f"{path} holds more than its header says")
    data.flags.writeable = False
    return data.reshape(total, *item)


def _some(path: Path, size: int) -> bytes:
    """At most so many bytes from the beginning of what a file holds."""
    return _prefix_of_gz(path, size) if is_gz(path) else _prefix(path, size)


def _words(kind: str, shape: Shape) -> str:
    return f"{' × '.join(f'{size:,}' for size in shape)} elements of type {np.dtype(kind).name}"


def _prefix(path: Path, size: int) -> bytes:
    with plain_file.opened(path) as file:
        return file.read(size)


def _prefix_of_gz(path: Path, size: int) -> bytes:
    stream = zlib.decompressobj(GZIP)
    data = bytearray()
    with plain_file.opened(path) as file:
        while len(data) < size and not stream.eof:
            packed = stream.unconsumed_tail or file.read(1 << 14)
            if not packed:
                break
            try:
                data += stream.decompress(packed, size - len(data))
            except zlib.error as error:
                raise _corrupt(path, error) from None
    return bytes(data)


def _header_size(item: Shape) -> int:
    return 4 + 4 * (1 + len(item))


def _count(path: Path, header: bytes, item: Shape) -> int:
    """The number of elements that the header says. Raises DataError where it is not the header of such elements."""
    if len(header) < _header_size(item):
        raise _too_short(path)
    zero, kind, dimensions, total, *shape = struct.unpack(f">HBB{1 + len(item)}I", header)
    if zero != 0 or kind != UNSIGNED_BYTE or dimensions != 1 + len(item):
        magic, wanted = header[:4].hex(), struct.pack(">HBB", 0, UNSIGNED_BYTE, 1 + len(item)).hex()
        raise IdxError(f"{path} is not the IDX file it should be (it begins {magic}, not {wanted})")
    if tuple(shape) != item:
        has, wants = "×".join(map(str, shape)), "×".join(map(str, item))
        raise IdxError(f"{path} holds elements of {has}, not of {wants}")
    if total == 0:
        raise IdxError(f"{path} is empty: its header says 0 elements")
    return int(total)


def _refuse_large(path: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise IdxError(f"{path} holds {size:,} bytes, which are too many to hold in memory")


def _corrupt(path: Path, error: zlib.error) -> IdxError:
    return IdxError(f"{path} is damaged: it does not decompress ({error})")


def _too_short(path: Path) -> IdxError:
    return IdxError(f"{path} is cut short: it ends before its data does")


def _wrong_length(path: Path, length: int, expected: int) -> IdxError:
    if length < expected:
        return IdxError(f"{path} is cut short: {length:,} bytes of {expected:,}")
    return IdxError(f"{path} is too long: {length:,} bytes where its header says {expected:,}")

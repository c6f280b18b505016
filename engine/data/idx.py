"""Reading IDX files of unsigned bytes, extracted or gzipped, where they lie.

The format: two zero bytes, a type (8: unsigned byte), the number of dimensions, each dimension as a big-endian 32-bit
integer, then the elements, the last index running fastest. Source: https://yann.lecun.com/exdb/mnist/
"""

import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from engine.data.dataset import Bytes
from engine.errors import DataError

UNSIGNED_BYTE = 8
GZIP = 31  # zlib's wbits for a gzip header, the largest window and a checked CRC
PIECE = 1 << 18  # bytes of a .gz file that are read at a time
DEFLATE_LIMIT = 1032  # deflate can't make data smaller than by this factor (https://zlib.net/zlib_tech.html)
LARGEST_ITEM = 50_000_000  # pixels of an image
AGAIN = "remove it and fetch it again with fmnist-tui data --download, or use --dataset demo"

Shape = tuple[int, ...]


def read(path: Path, item: Shape) -> Bytes:
    """All elements: uint8 (N, *item), read-only; N is what the header says, at least 1.

    An extracted file is memory-mapped; one whose name ends in .gz is decompressed into memory. Raises DataError where
    the file can't be read, its header is not that of unsigned bytes of this shape, or its length is not the header's.
    """
    try:
        return _read_gz(path, item) if is_gz(path) else _map(path, item)
    except OSError as error:
        raise unreadable(path, error) from None


def read_any(path: Path, dimensions: int) -> Bytes:
    """All elements of a file of so many dimensions, whatever their shape. Raises DataError as `read` does."""
    size = 4 + 4 * dimensions
    try:
        head = _prefix_of_gz(path, size) if is_gz(path) else _prefix(path, size)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(head) < size:
        raise _too_short(path)
    shape = struct.unpack(f">{dimensions - 1}I", head[8:])
    if math.prod(shape) > LARGEST_ITEM:
        raise DataError(f"{path} holds elements of {'×'.join(map(str, shape))}, which are too large to be images")
    return read(path, shape)


def read_first(path: Path, item: Shape, count: int) -> tuple[Bytes, int]:
    """At most `count` elements from the beginning, uint8 (n, *item), and the number N that the header says.

    Reads and decompresses no more than it needs. Raises DataError as `read` does, for what it comes to see.
    """
    head = _header_size(item)
    size = head + count * math.prod(item)
    try:
        data = _prefix_of_gz(path, size) if is_gz(path) else _prefix(path, size)
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
        with open(path, "rb") as file:
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
    return DataError(f"cannot read {path} ({error.strerror or error}); check its permissions, or choose --data-dir")


def _map(path: Path, item: Shape) -> Bytes:
    head = _header_size(item)
    with open(path, "rb") as file:
        total = _count(path, file.read(head), item)
        length = os.fstat(file.fileno()).st_size
        expected = head + total * math.prod(item)
        if length != expected:
            raise _wrong_length(path, length, expected)
        return np.memmap(file, np.uint8, "r", head, (total, *item))


def _read_gz(path: Path, item: Shape) -> Bytes:
    """Decompressed piece by piece into the one array: no second copy of the data is ever in memory."""
    stream = zlib.decompressobj(GZIP)
    with open(path, "rb") as file:
        try:
            packed = file.read(PIECE)
            total = _count(path, stream.decompress(packed, _header_size(item)), item)
            expected = total * math.prod(item)
            if expected > DEFLATE_LIMIT * os.fstat(file.fileno()).st_size:
                raise _too_short(path)
            data, filled = np.empty(expected, np.uint8), 0
            packed = stream.unconsumed_tail
            while not stream.eof:
                packed = packed or file.read(PIECE)
                # What is left at the end is the end mark and the CRC; an element more shows here.
                piece = np.frombuffer(stream.decompress(packed, min(4 * PIECE, expected - filled + 1)), np.uint8)
                if filled + len(piece) > expected:
                    raise DataError(f"{path} holds more than its header says; {AGAIN}")
                data[filled : filled + len(piece)] = piece
                if not packed and not len(piece):
                    break
                filled, packed = filled + len(piece), stream.unconsumed_tail
        except zlib.error as error:
            raise _corrupt(path, error) from None
        if filled < expected or not stream.eof:
            raise _too_short(path)
        if stream.unused_data or file.read(1):
            raise DataError(f"{path} holds more than its header says; {AGAIN}")
    data.flags.writeable = False
    return data.reshape(total, *item)


def _prefix(path: Path, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)


def _prefix_of_gz(path: Path, size: int) -> bytes:
    stream = zlib.decompressobj(GZIP)
    data = bytearray()
    with open(path, "rb") as file:
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
        raise DataError(f"{path} is not the IDX file it should be (it begins {magic}, not {wanted}); {AGAIN}")
    if tuple(shape) != item:
        has, wants = "×".join(map(str, shape)), "×".join(map(str, item))
        raise DataError(f"{path} holds elements of {has}, not of {wants}; {AGAIN}")
    if total == 0:
        raise DataError(f"{path} is empty: its header says 0 elements; {AGAIN}")
    return int(total)


def _corrupt(path: Path, error: zlib.error) -> DataError:
    return DataError(f"{path} is damaged: it does not decompress ({error}); {AGAIN}")


def _too_short(path: Path) -> DataError:
    return DataError(f"{path} is cut short: it ends before its data does; {AGAIN}")


def _wrong_length(path: Path, length: int, expected: int) -> DataError:
    if length < expected:
        return DataError(f"{path} is cut short: {length:,} bytes of {expected:,}; {AGAIN}")
    return DataError(f"{path} is too long: {length:,} bytes where its header says {expected:,}; {AGAIN}")

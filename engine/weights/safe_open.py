"""Files opened so that nothing waits or fills the memory: no pipes, no devices, no more bytes than there are."""

import io
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from engine import plain_file
from engine.errors import CheckpointError

MOST_PICKLE = 256 << 20  # bytes of the pickle in a file; that of a hundred thousand tensors has some 20 MB
LONG = 1 << 20  # bytes of a text or an array in a pickle above which it is passed over
MOST_HEADER = 64 << 20  # bytes of a safetensors file's header, or of an index; each tensor takes some 100
DAMAGED = (ValueError, RuntimeError, MemoryError, EOFError, LookupError, OverflowError, struct.error, zlib.error)


def opened(path: Path) -> BinaryIO:
    """Open a file, and nothing that would make one wait, as a pipe does."""
    try:
        return plain_file.opened(path)
    except plain_file.NotPlainError as error:
        raise CheckpointError(f"it is {error.strerror}") from None


@dataclass(frozen=True)
class FileStamp:
    """What a file must still have to be the one that was read."""

    size: int  # bytes
    changed_ns: int  # when it was last changed, Unix time
    inode: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        """Of a file or folder. Raises OSError."""
        return cls._of(path.stat())

    @classmethod
    def of_open(cls, file: IO[bytes]) -> "FileStamp":
        return cls._of(os.fstat(file.fileno()))

    @classmethod
    def _of(cls, status: os.stat_result) -> "FileStamp":
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


def window(file: BinaryIO, start: int, size: int) -> BinaryIO:
    """A stretch of an open file, in bytes, as a file."""
    return io.BufferedReader(_Window(file, start, size))


class _Window(io.RawIOBase):
    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        size = max(0, min(len(view), self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(size)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


class _Skipped(bytes):
    """A long text or array in a pickle that was not read: it only knows how long it is."""

    length = 0

    def __len__(self) -> int:
        return self.length


class Bounded:
    """A file of which nobody reads more than there is: a pickle may ask for terabytes, and for lines without an end.
    What is long is passed over: a NumPy array, or a replay buffer."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end
        self.most = MOST_PICKLE  # bytes that may still be read
        self.passed = 0  # bytes that were passed over just now

    def tell(self) -> int:
        """Where it stands in the file, in bytes."""
        return self._file.tell()

    def inside(self, start: int, size: int) -> BinaryIO:
        """A stretch of the file as a file, to be read before this is read on; `seek` then leads back."""
        return window(self._file, start, size)

    def seek(self, offset: int) -> None:
        self._file.seek(offset)

    def read(self, size: int) -> bytes:
        self.passed = 0
        left = max(0, self._end - self._file.tell())
        if LONG < size <= left:
            self._file.seek(size, io.SEEK_CUR)
            found = _Skipped()
            found.length = self.passed = size
            return found
        return self._counted(self._file.read(min(size, left, self.most)))

    def _counted(self, data: bytes) -> bytes:
        self.most -= len(data)
        if self.most <= 0:
            raise CheckpointError(f"its pickle has more than {MOST_PICKLE:,} bytes: too many to read")
        return data

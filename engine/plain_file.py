"""Files of a folder that may come from anybody, opened so that nothing waits and nothing fills the memory."""

import contextlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

MOST = 16 << 20  # bytes of a small file
_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link",
}  # fmt: skip


class NotPlainError(OSError):
    """What is there is no file that can be read; `strerror` says what it is."""

    def __init__(self, why: str, path: Path) -> None:
        super().__init__(0, why, str(path))


class ChangedError(OSError):
    """A file was written to while it was read."""

    def __init__(self) -> None:
        super().__init__(0, "it changed while it was read: try again once it is complete")


@contextlib.contextmanager
def unchanged(file: BufferedReader) -> Iterator[None]:
    """While an open file is read. Raises ChangedError at the end where somebody has written to it meanwhile."""
    before = _stamp(file)
    yield
    if _stamp(file) != before:
        raise ChangedError


def opened(path: Path) -> BufferedReader:
    """Open a regular file, and nothing that would make one wait, as a pipe does. Raises OSError, NotPlainError among
    them."""
    _refuse(os.stat(path).st_mode, path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _refuse(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def written(path: Path, *, append: bool = False, follow: bool = True) -> int:
    """The descriptor of a regular file, to write to it, or to lock it; it is made where it is missing (mode 0600).
    Nothing waits, as it would for who reads a pipe. `follow`: a link of that name. Raises OSError, NotPlainError among
    them."""
    kind = os.O_WRONLY | os.O_APPEND if append else os.O_RDWR
    flags = kind | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    with contextlib.suppress(FileNotFoundError):
        _refuse((os.stat(path) if follow else os.lstat(path)).st_mode, path)
    descriptor = os.open(path, flags, 0o600)
    try:
        _refuse(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read(path: Path, most: int = MOST) -> bytes:
    """A small file, whole. Raises OSError, NotPlainError among them where it has more than `most` bytes."""
    with opened(path) as file:
        data = file.read(min(os.fstat(file.fileno()).st_size, most) + 1)
    if len(data) > most:
        raise NotPlainError(f"more than {most >> 20} MB", path)
    return data


def _stamp(file: BufferedReader) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _refuse(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise NotPlainError(f"{_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file", path)

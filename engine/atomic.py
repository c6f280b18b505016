"""The one way files that must be whole are written."""

import contextlib
import errno
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from engine import private

# What fsync says where the file system has none for such a file.
UNKNOWN = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EPERM, errno.EROFS)


def write_bytes(path: Path, data: bytes, *, shared: bool = False) -> None:
    """Write `data` to `path`: a reader, or the next start after a crash, sees the old file or the new one, whole.

    Written beside, fsynced, renamed, the folder fsynced. Nobody else may read it, whatever the umask; `shared`: see
    `whole`. Raises OSError (a full disk, no permission) with `path` untouched and nothing left beside it.
    """
    with whole(path, shared=shared) as beside:
        beside.write_bytes(data)


@contextlib.contextmanager
def whole(path: Path, *, durable: bool = True, shared: bool = False) -> Iterator[Path]:
    """The same for what another writes: the name to write to, which becomes `path` at the end. `durable`: on the disk
    itself by then. `shared`: a file that the person asked for, which others may read as the umask says. A link of that
    name, in a folder that came from somebody else, is not followed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    private.create(beside, shared=shared)
    try:
        yield beside
        if durable:
            opened = os.open(beside, os.O_RDONLY)
            try:
                flush_file(opened)
            finally:
                os.close(opened)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    if durable:
        flush_folder(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that the person asked for, whole, where nothing of that name is: others may read it as the umask
    says. Raises OSError, FileExistsError where there is something, also if it came meanwhile."""
    made = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    with contextlib.suppress(FileNotFoundError):
        made.unlink()
    write_bytes(made, data, shared=True)
    try:
        try:
            os.link(made, path)
        except FileExistsError:
            raise
        except OSError:  # the file system has no second names: take the name first
            private.create(path, shared=True)
            os.replace(made, path)
    finally:
        with contextlib.suppress(OSError):
            made.unlink()
    flush_folder(path.parent)


def is_part(path: Path) -> bool:
    """Whether a file is one of those that are written beside another: by its name, and no link or folder."""
    return re.fullmatch(r"\..+\.\d+(\.\d+)?\.part", path.name) is not None and path.is_file() and not path.is_symlink()


def write_cache(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole for every reader, but not for the next start after a crash: nothing waits for the
    disk. Raises OSError with `path` untouched."""
    with whole(path, durable=False) as beside:
        beside.write_bytes(data)


def flush_file(descriptor: int) -> None:
    """See that an open file is on the disk, as far as its file system can say. Raises OSError where it is not."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise


def flush_folder(folder: Path) -> None:
    """The same for a folder's list of names. Some file systems know no such thing, or do not let a folder be opened."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        flush_file(opened)
    finally:
        os.close(opened)


def write_text(path: Path, text: str, *, shared: bool = False) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode(), shared=shared)

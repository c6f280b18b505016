"""The one way files that must be whole are written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`: a reader, or the next start after a crash, sees the old file or the new one, whole.

    Written beside, fsynced, renamed, the folder fsynced. Raises OSError (a full disk, no permission) with `path`
    untouched and nothing left beside it.
    """
    with whole(path) as beside:
        beside.write_bytes(data)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """The same for what another writes: the name to write to, which becomes `path` at the end."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        _flush(beside)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    _flush(path.parent)


def _flush(path: Path) -> None:
    """See that a file, or a folder's list of names, is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode())

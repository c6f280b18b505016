"""A file that one process at a time holds."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from engine import plain_file


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Within it, no other process is within one of the same file, which is made where it is missing (mode 0600); waits
    for the others. Where the file system has no locks, it goes on without. A link is not followed. Raises OSError where
    the file can't be made."""
    descriptor = plain_file.written(path, follow=False)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

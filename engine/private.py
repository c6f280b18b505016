"""Folders (mode 0700) and files (0600) that nobody else may read, whatever the umask says: all that the program makes
in the home folder. What is there already keeps its mode."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

from engine import plain_file

FOLDER, FILE = 0o700, 0o600


def folder(path: Path) -> None:
    """Make the folder where it is missing, and each above it that is. Raises OSError."""
    try:
        os.mkdir(path, FOLDER)
    except FileNotFoundError:
        if path.parent == path:
            raise
        folder(path.parent)
        folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None


def create(path: Path, *, shared: bool = False) -> None:
    """Make an empty file. `shared`: others may read it as the umask says. Raises OSError, FileExistsError where there
    is something of that name."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if shared else FILE))


def append(path: Path, text: str) -> None:
    """Append text, such as a traceback, to a file, in UTF-8. Raises OSError."""
    with appended(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def appended(path: Path) -> BinaryIO:
    """A file to append to, such as a log. Raises OSError."""
    return os.fdopen(plain_file.written(path, append=True), "ab")

"""What runs take on the disk, and what deleting them gives back. Imports no torch.

A branch shares its first checkpoint with its parent: one file by two names. It counts for both runs, and its room is
given back only with the last of its names.
"""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.home import RunFolder

Inode = tuple[int, int]


@dataclass(frozen=True)
class Usage:
    """What one folder or several take: bytes are the sizes of files, whatever blocks a file system gives them."""

    bytes: int = 0  # a file with several names in it counts once
    checkpoints: int = 0  # of these, of checkpoints
    files: int = 0
    freed: int = 0  # what is given back where all of it is deleted: files that have another name elsewhere stay
    problem: str = ""  # why not all of it can be counted


def usage(*folders: RunFolder) -> Usage:
    """Of runs together. A folder that is a link is one name, which takes nothing. Opens no file."""
    found, problem = dict[Inode, list[tuple[os.stat_result, bool]]](), ""
    for folder in folders:
        if folder.path.is_symlink():
            continue
        try:
            for path, status in _files(folder.path):
                inside = path.parent == folder.checkpoints
                found.setdefault((status.st_dev, status.st_ino), []).append((status, inside))
        except OSError as error:
            problem = error.strerror or type(error).__name__
    names = list(found.values())
    return Usage(
        bytes=sum(one[0][0].st_size for one in names),
        checkpoints=sum(one[0][0].st_size for one in names if any(inside for _, inside in one)),
        files=len(names),
        freed=sum(one[0][0].st_size for one in names if one[0][0].st_nlink <= len(one)),
        problem=problem,
    )


def trained_last(folder: RunFolder) -> float:
    """When the run was made, resumed, or last told of its training, Unix seconds; 0: that can't be seen. What was said
    of it since, and caches, do not count."""
    found = [0.0]
    for path in (folder.run_json, folder.events):
        with contextlib.suppress(OSError):
            found.append(path.stat().st_mtime)
    return max(found)


def freed_by(paths: Iterable[Path]) -> int:
    """Bytes that deleting these files gives back."""
    found = dict[Inode, tuple[os.stat_result, int]]()
    for path in paths:
        try:
            status = path.lstat()
        except OSError:
            continue
        key = (status.st_dev, status.st_ino)
        found[key] = (status, found.get(key, (status, 0))[1] + 1)
    return sum(status.st_size for status, names in found.values() if status.st_nlink <= names)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All that is no folder in it, however deep, links not followed. Raises OSError."""
    left = [folder]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    left.append(Path(entry.path))
                else:
                    yield Path(entry.path), status

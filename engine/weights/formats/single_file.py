"""One file, open while it is read: it must not change meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.errors import CheckpointError
from engine.weights.contents import Contents
from engine.weights.safe_open import FileStamp, opened


@contextmanager
def unchanged(path: Path) -> Iterator[tuple[Contents, BinaryIO]]:
    """A file, opened, and its contents, which are empty yet. Raises CheckpointError at the end where the file has
    changed meanwhile."""
    with opened(path) as file:
        before = FileStamp.of_open(file)
        yield Contents(path, "", before.size, stamps={path: before}), file
        if FileStamp.of_open(file) != before:
            raise CheckpointError("it changed while it was read: try again once it is complete")

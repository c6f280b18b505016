"""One file, open while it is read: it must not change meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.errors import CheckpointError
from engine.weights.budget import Budget
from engine.weights.contents import Contents, Record
from engine.weights.opcodes import Read
from engine.weights.records import Long
from engine.weights.safe_open import FileStamp, opened


def locate(contents: Contents, found: Read, start: int = 0) -> None:
    """Note where the storages lie whose bytes are in the pickle itself. `start`: where what the pickle's places count
    from begins in the file, in bytes."""
    for key, held in found.held.items():
        data, size = held.data, held.size
        if isinstance(data, Long):
            spelled = data.size if data.utf8 else 0
            record = Record(
                contents.path, start + data.offset, size, spelled=spelled, skip=held.skip, swapped=held.swapped
            )  # fmt: skip
        else:
            record = Record(contents.path, 0, size, held=data, swapped=held.swapped)
        contents.records[key] = record


@contextmanager
def unchanged(path: Path, budget: Budget) -> Iterator[tuple[Contents, BinaryIO]]:
    """A file, opened, and its contents, which are empty yet. `budget`: what reading it may cost. Raises
    CheckpointError at the end where the file has changed meanwhile."""
    with opened(path) as file:
        before = FileStamp.of_open(file)
        yield Contents(path, "", before.size, stamps={path: before}, budget=budget), file
        if FileStamp.of_open(file) != before:
            raise CheckpointError("it changed while it was read: try again once it is complete")

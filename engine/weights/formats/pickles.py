"""PyTorch's format before 1.6, and plain pickles: their opcodes are read, nothing is unpickled."""

import struct
from pathlib import Path
from typing import BinaryIO

from engine.terminal_text import identifier, printable
from engine.weights import opcodes, rebuild
from engine.weights.arrays import LEGACY_MAGIC
from engine.weights.budget import Budget
from engine.weights.contents import Contents, Record
from engine.weights.formats.single_file import locate, unchanged
from engine.weights.pickle_contents import describe
from engine.weights.pickle_stream import PickleError
from engine.weights.records import ITEM_BYTES, Elements
from engine.weights.safe_open import Bounded


def read(path: Path, budget: Budget) -> Contents:
    """PyTorch's format before 1.6; or a plain pickle, which begins like it."""
    with unchanged(path, budget) as (contents, file):
        _legacy(contents, file)
    return contents


def read_plain(path: Path, budget: Budget) -> Contents:
    """A plain pickle."""
    with unchanged(path, budget) as (contents, file):
        _plain_pickle(contents, opcodes.read(Bounded(file, contents.bytes), budget, size=contents.bytes))
    return contents


def _legacy(contents: Contents, file: BinaryIO) -> None:
    """Five pickles one after another, then the storages; or a plain pickle."""
    stream = Bounded(file, contents.bytes)
    first = opcodes.read(stream, contents.budget, size=contents.bytes)
    if not isinstance(first.root, int) or first.root != LEGACY_MAGIC:
        if not isinstance(first.root, int | float | str | bytes | bool | None):  # what a call returns may be the number
            for _ in range(4):
                first.globals += opcodes.globals_of(stream, contents.budget)
            first.globals[:] = dict.fromkeys(first.globals)
        _plain_pickle(contents, first)
        return
    contents.format = "PyTorch (legacy, before 1.6)"
    version, system, found, keys = _next_four(stream, first, contents.budget)
    contents.metadata["file.version"] = version.root if isinstance(version.root, int) else "?"
    for key in keys.root.items if isinstance(keys.root, Elements) else ():
        storage = found.storages.get(identifier(key, rebuild.MOST_NAME)) if isinstance(key, str) else None
        head = file.read(8)
        if storage is None or len(head) < 8:
            what = printable(key, 60) if isinstance(key, str) else "?"
            contents.problems.append(f"storage {what}: its values are not in the file")
            break
        size = max(0, struct.unpack("<q", head)[0]) * ITEM_BYTES.get(storage.dtype, 1)
        at = file.tell()
        contents.records[storage.key] = Record(contents.path, at, max(0, min(size, contents.bytes - at)))
        file.seek(min(contents.bytes, at + size))
    contents.globals = list(dict.fromkeys([*first.globals, *system.globals, *found.globals, *keys.globals]))
    contents.problems += found.problems
    locate(contents, found)
    describe(contents, found.root)


def _next_four(stream: Bounded, first: opcodes.Read, budget: Budget) -> list[opcodes.Read]:
    """The pickles after the first. Raises PickleError with what all of them would import."""
    found = [first]
    for _ in range(4):
        try:
            found.append(opcodes.read(stream, budget))
        except PickleError as error:
            before = [one for pickle in found for one in pickle.globals]
            raise PickleError(error.why, list(dict.fromkeys([*before, *error.globals]))) from None
    return found[1:]


def _plain_pickle(contents: Contents, found: opcodes.Read) -> None:
    contents.format = "pickle, not from torch.save"
    contents.globals = found.globals
    contents.problems += found.problems
    locate(contents, found)
    describe(contents, found.root)
    contents.notes.append("a plain pickle: torch.load does not read it with weights_only=True")

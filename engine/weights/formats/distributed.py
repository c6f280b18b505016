"""Checkpoints of torch.distributed.checkpoint, as FSDP saves them: a folder of .distcp files, and .metadata, a pickle
that says what is where. torch's own reader loads that pickle without weights_only; here its opcodes are read.

Each tensor, or each piece of one, was written by torch.save into its file, one after another.
"""

import io
import math
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError
from engine.terminal_text import identifier, printable
from engine.weights import opcodes, rebuild
from engine.weights.budget import Budget
from engine.weights.contents import TEXT, Contents, Piece, Record, Stretch
from engine.weights.formats import torch_zip
from engine.weights.formats.registry import DISTRIBUTED_INDEX
from engine.weights.pickle_contents import DEEPEST, describe
from engine.weights.records import ITEM_BYTES, Called, Dict, Elements, Global, Storage, Tensor
from engine.weights.safe_open import DAMAGED, Bounded, FileStamp, opened, window

INDEX = DISTRIBUTED_INDEX
MOST_OBJECTS = 5000  # that are not tensors; each is read when the folder is listed
MOST_PROBLEMS = 10  # problems of a kind
_METADATA = "torch.distributed.checkpoint.metadata"

Key = tuple[str, tuple[int, ...] | None]  # a name, and of a piece where it begins


@dataclass(frozen=True)
class _Place:
    """Where an entry was written."""

    file: str
    offset: int
    size: int
    packed: bool  # by an extension, such as compression


def read(path: Path, budget: Budget) -> Contents:
    """What is in a distributed checkpoint; `path`: its folder, or the index in it. Raises CheckpointError."""
    folder = path if path.is_dir() else path.parent
    with opened(folder / INDEX) as file:
        before = FileStamp.of_open(file)
        index = opcodes.read(Bounded(file, before.size), budget)
    contents = Contents(folder, "", before.size, stamps={folder / INDEX: before}, budget=budget)
    contents.globals, contents.problems = index.globals, index.problems
    reader = _Reader(contents, index.root)
    root = reader.tree()
    files = len(contents.stamps) - 1
    contents.format = f"torch.distributed.checkpoint in {files} file{'' if files == 1 else 's'}"
    contents.bytes = sum(stamp.size for stamp in contents.stamps.values())
    describe(contents, root)
    contents.notes.append(
        "a distributed checkpoint, as FSDP saves it; torch's own reader loads its .metadata without weights_only"
    )
    return contents


class _Reader:
    """Lays the entries of the index out as the nested dictionaries that were saved."""

    def __init__(self, contents: Contents, root: Any) -> None:
        self._contents = contents
        self._root = root
        self._files: dict[str, int] = {}  # bytes of each that was opened; below 0: it is missing
        self._problems: dict[str, int] = {}

    def tree(self) -> Dict:
        fields = _fields(self._root, "Metadata")
        entries = fields.get("state_dict_metadata") if fields is not None else None
        if fields is None or not isinstance(entries, Dict):
            raise CheckpointError(f"its {INDEX} was not written by torch.distributed.checkpoint")
        where = dict(_places(fields.get("storage_data")))
        keys_by_name = fields.get("planner_data")
        keys_of = dict(keys_by_name.last()) if isinstance(keys_by_name, Dict) else {}
        tree, objects = _Tree(), 0
        for name, entry in entries.last():
            if not isinstance(name, str):
                continue
            tensor = _fields(entry, "TensorStorageMetadata")
            if tensor is not None:
                leaf = self._tensor(name, tensor, where)
            elif objects < MOST_OBJECTS:
                objects += 1
                leaf = self._object(name, where.get((name, None)))
            else:
                continue
            tree.put(_keys(keys_of.get(name), name), leaf)
        return tree.whole()

    def _tensor(self, name: str, fields: Dict, where: dict[Key, _Place]) -> Any:
        shape, dtype = _sizes(fields.get("size")), _dtype(fields.get("properties"))
        if shape is None or math.prod(size for size in shape if size) > rebuild.MOST_ELEMENTS:
            self._problem("sizes", f"{printable(name, TEXT)}: its sizes are invalid or overflow")
            return None
        if dtype not in ITEM_BYTES:
            self._problem("dtype", f"{printable(name, TEXT)}: its dtype is unknown")
            dtype = dtype or "?"
        stride = tuple(math.prod(shape[at + 1 :]) for at in range(len(shape)))
        storage = Storage(identifier(name, TEXT), dtype, math.prod(shape), "cpu")
        pieces = self._pieces(name, shape, fields.get("chunks"), where)
        if pieces or not storage.count:
            size = min(storage.size, _bytes(piece.where for piece in pieces))
            self._contents.records[storage.key] = Record(self._contents.path, 0, size, pieces=pieces)
        return Tensor(storage, dtype, shape, stride, requires_grad=_trains(fields.get("properties")))

    def _pieces(self, name: str, shape: tuple[int, ...], chunks: Any, where: dict[Key, _Place]) -> tuple[Piece, ...]:
        """Those that are all there, and make up the whole; else none, and a problem is added."""
        shown = printable(name, TEXT)
        found = []
        for chunk in chunks.items if isinstance(chunks, Elements) else ():
            fields = _fields(chunk, "ChunkStorageMetadata")
            starts = _sizes(fields.get("offsets")) if fields is not None else None
            sizes = _sizes(fields.get("sizes")) if fields is not None else None
            if (
                starts is None
                or sizes is None
                or not len(starts) == len(sizes) == len(shape)
                or any(start + size > whole for start, size, whole in zip(starts, sizes, shape, strict=True))
            ):
                self._problem("pieces", f"{shown}: one of its pieces lies outside of it")
                return ()
            place = where.get((name, starts)) or where.get((name, None))
            stretch = self._stretch(shown, place)
            if stretch is None:
                return ()
            found.append(Piece(stretch, starts, sizes))
        if sum(math.prod(piece.sizes) for piece in found) != math.prod(shape):
            self._problem("whole", f"{shown}: its {len(found)} pieces do not make up the whole")
            return ()
        return tuple(found)

    def _stretch(self, shown: str, place: _Place | None) -> Stretch | None:
        """Where an entry lies, if it does."""
        if place is None:
            self._problem("nowhere", f"{shown}: {INDEX} does not say where it is")
            return None
        file = printable(place.file, 100)
        if "/" in place.file or place.file in ("", ".", "..") or "\0" in place.file:
            self._problem("path", f"{shown}: {file} is not a file next to {INDEX}")
        elif place.packed:
            self._problem("packed", f"{shown} was compressed, or changed by an extension, which is not supported")
        elif self._size(place.file) < 0:
            self._problem("gone", f"{shown}: {file} is missing")
        elif place.offset < 0 or place.size < 0 or place.offset + place.size > self._size(place.file):
            self._problem("short", f"{shown}: {file} is too short for it: damaged or truncated")
        else:
            stretch = Stretch(self._contents.path / place.file, place.offset, place.size)
            self._contents.zips.append(stretch)
            return stretch
        return None

    def _size(self, name: str) -> int:
        if name not in self._files:
            path = self._contents.path / name
            try:
                with opened(path) as file:
                    self._contents.stamps[path] = found = FileStamp.of_open(file)
                    self._files[name] = found.size
            except (OSError, CheckpointError):
                self._files[name] = -1
        return self._files[name]

    def _object(self, name: str, place: _Place | None) -> Any:
        """What is not a tensor was written by torch.save too."""
        stretch = self._stretch(printable(name, TEXT), place)
        if stretch is None:
            return None
        try:
            part = _zip(self._contents, stretch, self._contents.budget)
        except CheckpointError as error:
            self._problem("object", f"{printable(name, TEXT)}: {error}")
            return None
        self._contents.globals += [one for one in part.globals if one not in self._contents.globals]
        if part.tensors:
            self._problem("within", f"{printable(name, TEXT)}: the tensors within that object are not listed")
            return None
        return part.root

    def _problem(self, kind: str, words: str) -> None:
        self._problems[kind] = self._problems.get(kind, 0) + 1
        if self._problems[kind] <= MOST_PROBLEMS:
            self._contents.problems.append(words)
        elif self._problems[kind] == MOST_PROBLEMS + 1:
            self._contents.problems.append("… and more of that kind")


def piece(contents: Contents, wanted: Piece, dtype: str) -> tuple[Contents, Tensor]:
    """One piece of a tensor: its zip, and the tensor in it. Raises CheckpointError where it is not what was index."""
    found = _zip(contents, wanted.where, Budget())
    root = found.root
    if not isinstance(root, Tensor) or (root.dtype, root.shape) != (dtype, wanted.sizes):
        raise CheckpointError(f"{printable(wanted.where.file.name, 100)}: a different piece lies there than expected")
    return found, root


def _zip(contents: Contents, where: Stretch, budget: Budget) -> Contents:
    found = Contents(where.file, "", where.size, stamps=contents.stamps, budget=budget)
    try:
        with opened(where.file) as file:
            torch_zip.read_zip(found, window(file, where.offset, where.size), where.offset)
    except (zipfile.BadZipFile, OSError, io.UnsupportedOperation, *DAMAGED) as error:
        raise CheckpointError(f"{printable(where.file.name, 100)}: what lies there is damaged") from error
    return found


def _fields(record: Any, name: str) -> Dict | None:
    """The fields of one of the index's own objects."""
    if isinstance(record, Called) and record.class_name == f"{_METADATA}.{name}" and isinstance(record.state, Dict):
        return record.state
    return None


def _places(records: Any) -> Iterator[tuple[Key, _Place]]:
    for index, info in records.last() if isinstance(records, Dict) else ():
        key = _fields(index, "MetadataIndex")
        at = info.state if isinstance(info, Called) and isinstance(info.state, Dict) else None
        if key is None or at is None or not isinstance(name := key.get("fqn"), str):
            continue
        file, offset, size = at.get("relative_path"), at.get("offset"), at.get("length")
        if isinstance(file, str) and type(offset) is int and type(size) is int:
            packed = at.get("transform_descriptors") is not None
            yield (name, _sizes(key.get("offset"))), _Place(file, offset, size, packed)


def _sizes(record: Any) -> tuple[int, ...] | None:
    if isinstance(record, tuple) and len(record) <= rebuild.MOST_SIZES:
        return record if all(type(size) is int and size >= 0 for size in record) else None
    return None


def _dtype(properties: Any) -> str:
    """Of TensorProperties, whose state is a tuple that begins with the dtype."""
    state = properties.state if isinstance(properties, Called) else None
    first = state[0] if isinstance(state, tuple) and state else None
    return first.name if isinstance(first, Global) and first.module == "torch" else ""


def _trains(properties: Any) -> bool:
    state = properties.state if isinstance(properties, Called) else None
    return isinstance(state, tuple) and len(state) > 2 and state[2] is True


def _bytes(stretches: Iterable[Stretch]) -> int:
    """Of all together, those that several have counted once."""
    total, end, before = 0, 0, None
    for one in sorted(stretches, key=lambda one: (str(one.file), one.offset)):
        if one.file != before:
            before, end = one.file, 0
        total += max(0, one.offset + one.size - max(end, one.offset))
        end = max(end, one.offset + one.size)
    return total


def _keys(keys: Any, name: str) -> tuple[str | int, ...]:
    """The keys to it in what was saved; its flat name where they are not known."""
    fits = isinstance(keys, tuple) and 0 < len(keys) <= DEEPEST and all(isinstance(part, str | int) for part in keys)
    return keys if fits else (name,)


class _Tree:
    """Nested dictionaries, by the keys of what is in them."""

    def __init__(self) -> None:
        self._root = Dict()
        self._inner: dict[tuple[int, str | int], Dict] = {}  # by the outer one's id and the key

    def put(self, keys: tuple[str | int, ...], leaf: Any) -> None:
        at = self._root
        for part in keys[:-1]:
            inner = self._inner.get((id(at), part))
            if inner is None:
                inner = self._inner[id(at), part] = Dict()
                at.items.append((part, inner))
            at = inner
        at.items.append((keys[-1], leaf))

    def whole(self) -> Dict:
        """All of it; what has numbers for keys was a list: those of dictionaries are written as texts."""
        inner = list(self._inner.values())
        lists = {id(one): Elements("list", [value for _, value in one.items]) for one in inner if _counts(one)}
        for one in [self._root, *inner]:
            one.items = [(key, lists.get(id(value), value)) for key, value in one.items]
        for found in lists.values():
            found.items = [lists.get(id(value), value) for value in found.items]
        return self._root


def _counts(one: Dict) -> bool:
    """Whether its keys are 0, 1, 2 and so on."""
    return all(type(key) is int and key == at for at, (key, _) in enumerate(one.items))

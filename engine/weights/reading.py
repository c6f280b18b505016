"""Any file of weights, by what it is: PyTorch's zip and legacy formats, TorchScript, safetensors; others by name."""

import json
import math
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import CheckpointError
from engine.terminal_text import printable
from engine.weights import magic, opcodes
from engine.weights.contents import TEXT, Contents, Named, Record, describe, tell_apart
from engine.weights.formats import distributed, torch_zip
from engine.weights.records import ITEM_BYTES, Elements, Storage, Tensor
from engine.weights.safe_open import DAMAGED, Bounded, FileStamp, opened

MOST_HEADER = 64 << 20  # bytes of a safetensors file's header, or of an index; each tensor takes some 100
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
_SAFE_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "C64": "complex64",
}  # fmt: skip


def read(path: Path) -> Contents:
    """What is in a file, or in a folder of them: shards, or a distributed checkpoint. Raises CheckpointError with one
    line where it can't be read, or is of no format that is known."""
    path = Path(path).expanduser()
    shown = printable(str(path))
    try:
        if path.is_dir():
            return _folder(path)
        if path.name == distributed.INDEX:
            return distributed.read(path.parent)
        if path.name.endswith(".index.json"):
            return _sharded(path)
        with opened(path) as file:
            return _of_file(path, file)
    except CheckpointError as error:
        text = str(error)
        raise CheckpointError(text if text.startswith(shown) else f"{shown}: {text}") from error
    except zipfile.BadZipFile as error:
        told = printable(str(error), 100)
        raise CheckpointError(f"{shown}: a zip file that is damaged or cut off ({told})") from error
    except OSError as error:
        raise CheckpointError(f"{shown}: {error.strerror or error}") from error
    except DAMAGED as error:  # zipfile and struct have many ways to say so
        what = printable(" ".join(str(error).split()), 100)
        raise CheckpointError(
            f"{shown}: damaged, or made by something else ({what or type(error).__name__})"
        ) from error


def several(path: Path) -> bool:
    """Whether the path stands for what lies in several files."""
    return path.is_dir() or path.name == distributed.INDEX or path.name.endswith(".index.json")


def _of_file(path: Path, file: BinaryIO) -> Contents:
    before = FileStamp.of_open(file)
    contents = Contents(path, "", before.size, stamps={path: before})
    head = file.read(magic.HEAD)
    file.seek(0)
    if not head:
        raise CheckpointError("it is empty")
    if head[:4] == b"PK\x03\x04":
        torch_zip.read(contents, file)
    elif head[8:9] == b"{" and (path.suffix == ".safetensors" or _length(head) <= before.size - 8):
        _safetensors(contents, _length(head))  # before pickles, for a length may begin as they do
    elif head[:1] == b"\x80" and b"\x02" <= head[1:2] <= b"\x05":
        _legacy(contents, file)
    elif path.suffix in (".pkl", ".pickle") and head[:1] in b"(c]}":
        _plain_pickle(contents, opcodes.read(Bounded(file, before.size)))  # of protocol 0, which has no sign
    else:
        raise CheckpointError(f"it is {magic.what(head, path.suffix)}")
    if FileStamp.of_open(file) != before:
        raise CheckpointError("it changed while it was read: try again when it is whole")
    return contents


def _length(head: bytes) -> int:
    """What a safetensors file says that its header has, in bytes."""
    return int.from_bytes(head[:8], "little")


def _legacy(contents: Contents, file: BinaryIO) -> None:
    """PyTorch's format before 1.6: five pickles one after another, then the storages; or a plain pickle."""
    stream = Bounded(file, contents.bytes)
    first = opcodes.read(stream)
    if not isinstance(first.root, int) or first.root != LEGACY_MAGIC:
        _plain_pickle(contents, first)
        return
    contents.format = "PyTorch (legacy, before 1.6)"
    version, system, found, keys = (opcodes.read(stream) for _ in range(4))
    contents.metadata["file.version"] = version.root if isinstance(version.root, int) else "?"
    for key in keys.root.items if isinstance(keys.root, Elements) else ():
        storage = found.storages.get(printable(key, opcodes.MOST_NAME)) if isinstance(key, str) else None
        head = file.read(8)
        if storage is None or len(head) < 8:
            what = printable(key, 60) if isinstance(key, str) else "?"
            contents.problems.append(f"storage {what}: its numbers are not in the file")
            break
        size = max(0, struct.unpack("<q", head)[0]) * ITEM_BYTES.get(storage.dtype, 1)
        at = file.tell()
        contents.records[storage.key] = Record(contents.path, at, max(0, min(size, contents.bytes - at)))
        file.seek(min(contents.bytes, at + size))
    contents.globals = list(dict.fromkeys([*first.globals, *system.globals, *found.globals, *keys.globals]))
    contents.problems += found.odd
    describe(contents, found.root)


def _plain_pickle(contents: Contents, found: opcodes.Read) -> None:
    contents.format = "pickle, not one of torch.save"
    contents.globals = found.globals
    contents.problems += found.odd
    describe(contents, found.root)
    contents.problems.append("a plain pickle: torch.load does not read it with weights_only=True")


def _safetensors(contents: Contents, header: int) -> None:
    """A length, a JSON header, and the numbers: nothing in it can be executed. Read by its own library."""
    from safetensors import SafetensorError, safe_open

    contents.format = "safetensors"
    if header > MOST_HEADER:
        raise CheckpointError(f"a safetensors file whose header claims {header:,} bytes: too many to look at")
    try:
        with safe_open(contents.path, framework="np") as file:
            for name, text in (file.metadata() or {}).items():
                contents.metadata[printable(name, TEXT)] = printable(text, TEXT)
            for name in file.keys():  # noqa: SIM118 - it is no dictionary
                part = file.get_slice(name)
                kind, shape = part.get_dtype(), tuple(part.get_shape())
                shown = printable(name, TEXT)
                if len(shape) > opcodes.MOST_SIZES or math.prod(size for size in shape if size) > opcodes.MOST_ELEMENTS:
                    contents.problems.append(f"{shown}: its sizes overflow: left out")
                    continue
                tensor = _contiguous(shown, _SAFE_DTYPES.get(kind, kind), shape)
                if kind not in _SAFE_DTYPES:
                    contents.problems.append(f"{shown}: the dtype {kind!r} is not known here")
                contents.records[shown] = Record(contents.path, 0, tensor.bytes, name)
                contents.tensors.append(Named(shown, tensor))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"a safetensors file that is damaged: {printable(str(error), 200)}") from error
    tell_apart(contents)
    contents.notes.append("safetensors: numbers and texts only")


def _contiguous(name: str, dtype: str, shape: tuple[int, ...]) -> Tensor:
    stride, step = [], 1
    for size in reversed(shape):
        stride.append(step)
        step *= size
    return Tensor(Storage(name, dtype, step, "cpu"), dtype, shape, tuple(reversed(stride)))


def _sharded(index: Path) -> Contents:
    """Several files and the index that says which tensor is in which."""
    where, metadata = _index(index)
    files = sorted(set(where.values()))
    stamp = FileStamp.of(index)
    contents = Contents(index, "", stamp.size, stamps={index: stamp})
    parts = []
    for name in files:
        if "/" in name or name.startswith("..") or name.endswith(".index.json") or (index.parent / name).is_dir():
            contents.problems.append(f"{printable(name, 100)}: not a file beside the index")
            continue
        try:
            parts.append(read(index.parent / name))
        except CheckpointError as error:
            contents.problems.append(str(error))
    _take(contents, parts)
    contents.format = f"{parts[0].format if parts else 'weights'} in {len(files)} files"
    here = {one.name for one in contents.tensors}
    gone = [name for name in where if printable(name, TEXT) not in here]
    for name in gone[:10]:
        contents.problems.append(f"{printable(name, 100)} is in the index, and not in {printable(where[name], 100)}")
    if len(gone) > 10:
        contents.problems.append(f"… and {len(gone) - 10:,} more that are in the index only")
    contents.metadata.update(metadata)
    return contents


def _index(index: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Which tensor is in which file, and what else is told. Raises CheckpointError."""
    with opened(index) as file:
        data = file.read(MOST_HEADER + 1)
    if len(data) > MOST_HEADER:
        raise CheckpointError("it is too large for an index of sharded weights")
    try:
        told = json.loads(data)
        where, metadata = told["weight_map"], told.get("metadata") or {}
        if not all(isinstance(file, str) for file in where.values()):
            raise ValueError("files are no texts")
        plain = {
            f"index.{printable(key, TEXT)}": value if isinstance(value, int | float) else printable(str(value)[:TEXT])
            for key, value in metadata.items()
        }
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise CheckpointError("it is no index of sharded weights") from error
    return where, plain


def _folder(folder: Path) -> Contents:
    """All safetensors files of a folder, or what its index names."""
    if (folder / distributed.INDEX).is_file():
        return distributed.read(folder)
    indices = sorted(folder.glob("*.index.json"))
    if indices:
        return _sharded(indices[0])
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise CheckpointError(
            "a folder without safetensors files, an index of shards, or a distributed checkpoint; name a file in it"
        )
    contents = Contents(folder, f"safetensors in {len(files)} files", 0)
    _take(contents, [read(file) for file in files])
    return contents


def _take(contents: Contents, parts: Sequence[Contents]) -> None:
    """Add the shards' tensors. Their storages have their file's name before their own."""
    for part in parts:
        contents.bytes += part.bytes
        contents.stamps |= part.stamps
        contents.zips += part.zips
        start = printable(part.path.name, TEXT)
        contents.records |= {f"{start}:{key}": record for key, record in part.records.items()}
        for one in part.tensors:
            storage = one.tensor.storage
            moved = replace(storage, key=f"{start}:{storage.key}") if storage is not None else None
            contents.tensors.append(Named(one.name, replace(one.tensor, storage=moved)))
        contents.globals += [one for one in part.globals if one not in contents.globals]
        contents.problems += part.problems
        contents.metadata.update(part.metadata)
        contents.notes += [note for note in part.notes[:1] if note not in contents.notes]
    tell_apart(contents)

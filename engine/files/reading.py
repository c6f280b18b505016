"""Any file of weights, by what it is: PyTorch's zip and legacy formats, TorchScript, safetensors; others by name."""

import io
import json
import math
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, BinaryIO

from engine.errors import CheckpointError
from engine.files import opcodes, signs, zips
from engine.files.contents import TEXT, Contents, Named, Record, describe, tell_apart
from engine.files.records import ITEM_BYTES, Elements, Storage, Tensor
from engine.visible import visible

MOST_PICKLE = 256 << 20  # bytes of the pickle in a file; that of a hundred thousand tensors has some 20 MB
MOST_HEADER = 64 << 20  # bytes of a safetensors file's header, or of an index; each tensor takes some 100
WHOLE = 64 << 20  # bytes of a pickle up to which it is read as a whole
LONG = 1 << 20  # bytes of a text or an array in a pickle above which it is passed over
BLOCK = 1 << 20  # bytes that are read in one go
MOST_LINE = 1 << 20  # bytes of a line in a pickle of protocol 0
DAMAGED = (ValueError, RuntimeError, MemoryError, EOFError, LookupError, OverflowError, struct.error, zlib.error)
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch.serialization.MAGIC_NUMBER
_SAFE_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu", "C64": "complex64",
}  # fmt: skip


def read(path: Path) -> Contents:
    """What is in a file, or in a folder of sharded safetensors. Raises CheckpointError with one line where it can't be
    read, or is of no format that is known."""
    path = Path(path).expanduser()
    shown = visible(str(path))
    try:
        if path.is_dir():
            return _folder(path)
        if path.name.endswith(".index.json"):
            return _sharded(path)
        with _opened(path) as file:
            return _of_file(path, file)
    except CheckpointError as error:
        text = str(error)
        raise CheckpointError(text if text.startswith(shown) else f"{shown}: {text}") from error
    except zipfile.BadZipFile as error:
        told = visible(str(error), 100)
        raise CheckpointError(f"{shown}: a zip file that is damaged or cut off ({told})") from error
    except OSError as error:
        raise CheckpointError(f"{shown}: {error.strerror or error}") from error
    except DAMAGED as error:  # zipfile and struct have many ways to say so
        what = visible(" ".join(str(error).split()), 100)
        raise CheckpointError(
            f"{shown}: damaged, or made by something else ({what or type(error).__name__})"
        ) from error


def _opened(path: Path) -> BinaryIO:
    """Open a file, and nothing that would make one wait, as a pipe does."""
    kinds = {
        stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket",
    }  # fmt: skip
    kind = stat.S_IFMT(path.stat().st_mode)
    if kind not in kinds:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind == stat.S_IFREG:
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
    raise CheckpointError(f"it is {kinds.get(kind, 'something else')}, not a file")


def _of_file(path: Path, file: BinaryIO) -> Contents:
    before = stamp(file)
    contents = Contents(path, "", before[0], stamps={path: before})
    head = file.read(signs.HEAD)
    file.seek(0)
    if not head:
        raise CheckpointError("it is empty")
    if head[:4] == b"PK\x03\x04":
        _zip(contents, file)
    elif head[8:9] == b"{" and (path.suffix == ".safetensors" or _length(head) <= before[0] - 8):
        _safetensors(contents, _length(head))  # before pickles, for a length may begin as they do
    elif head[:1] == b"\x80" and b"\x02" <= head[1:2] <= b"\x05":
        _legacy(contents, file)
    elif path.suffix in (".pkl", ".pickle") and head[:1] in b"(c]}":
        _plain_pickle(contents, opcodes.read(_Bounded(file, before[0])))  # of protocol 0, which has no sign
    else:
        raise CheckpointError(f"it is {signs.what(head, path.suffix)}")
    if stamp(file) != before:
        raise CheckpointError("it changed while it was read: try again when it is whole")
    return contents


def _pickle_in(archive: zipfile.ZipFile, entry: zips.Entry, file: BinaryIO) -> opcodes.Stream:
    """Where the pickle of a zip is read from: as a whole, which its CRC-32 is compared with; a very large one, which
    must have long texts or arrays in it, from where it lies. Raises CheckpointError where it is too large."""
    info = entry.info
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CheckpointError("its pickle is compressed in a way that torch.save does not use: not unpacked")
    if info.file_size <= WHOLE:
        with archive.open(info) as stream:
            return io.BytesIO(stream.read(WHOLE + 1))
    if not entry.stored:
        raise CheckpointError(f"its pickle has {info.file_size:,} bytes, compressed: too many to look at")
    file.seek(entry.offset)
    return _Bounded(file, entry.end)


def stamp(file: IO[bytes]) -> tuple[int, int]:
    """Bytes of an open file, and when it was last changed (Unix time, ns): what it must still be to be the same."""
    about = os.fstat(file.fileno())
    return about.st_size, about.st_mtime_ns


def _length(head: bytes) -> int:
    """What a safetensors file says that its header has, in bytes."""
    return int.from_bytes(head[:8], "little")


def _zip(contents: Contents, file: BinaryIO) -> None:
    """PyTorch's format since 1.6: a zip of a pickle and a record for each storage."""
    zips.refuse_large_directory(file)
    with zipfile.ZipFile(file) as archive:
        found = zips.directory(archive, file)
        contents.problems += found.problems
        entries = found.entries
        pickles = [name for name in entries if name.endswith("data.pkl") and name.count("/") <= 1]
        if not pickles:
            if any(name.endswith(".npy") for name in entries):
                raise CheckpointError("it is a NumPy .npz: np.load reads it")
            raise CheckpointError("it is a zip file without a data.pkl: not one of PyTorch's")
        pickle, *others = pickles
        if others:
            also = ", ".join(visible(name, 60) for name in others[:3])
            contents.problems.append(f"besides {visible(pickle, 60)}, which is read here, it has {also}")
        base = pickle.removesuffix("data.pkl")
        script = any(name.startswith(f"{base}code/") for name in entries)
        contents.format = "TorchScript archive (zip)" if script else "PyTorch (zip)"
        said = opcodes.read(_pickle_in(archive, entries[pickle], file))
        for name, entry in entries.items():
            if name.startswith(f"{base}data/"):
                if not entry.stored or entry.info.file_size != entry.info.compress_size:
                    if len(contents.problems) < 50:
                        told = f"{visible(name, 60)} is compressed: its values can't be read where they lie"
                        contents.problems.append(told)
                    continue
                key = visible(name.removeprefix(f"{base}data/"), opcodes.MOST_NAME)
                contents.records[key] = Record(contents.path, entry.offset, entry.info.file_size)
        _read_texts(archive, entries, base, contents)
    if contents.metadata.get("file.byteorder") == "big":
        contents.problems.append("its numbers are big-endian: their values are not read here")
    contents.globals = said.globals
    contents.problems += said.odd
    describe(contents, said.root)
    if script:
        contents.notes.insert(0, "TorchScript: it holds code of its own, which is listed and not run")
        code = sorted(visible(name, 100) for name in entries if name.endswith(".py"))
        contents.metadata["file.code"] = ", ".join(code[:20])


def check(contents: Contents, tell: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
    """Read every byte of a zip, and compare its records with the CRC-32 that was written with each: what is damaged, a
    line each. torch.load does not look: a flipped bit in a tensor loads without a word. Other formats have no checksum;
    then that is the line. `tell`: bytes that were read, of how many."""
    if not contents.format.endswith("(zip)"):
        return [f"{contents.format} keeps no checksums: nothing to compare with"]
    by_offset = {record.offset: key for key, record in contents.records.items()}
    names: dict[str, list[str]] = {}
    for one in contents.tensors:
        if one.tensor.storage is not None:
            names.setdefault(one.tensor.storage.key, []).append(one.name)
    bad, done = [], 0
    with _opened(contents.path) as file, zipfile.ZipFile(file) as archive:
        entries = [one for one in zips.directory(archive, file).entries.values() if one.stored]
        total = sum(one.info.file_size for one in entries)
        for entry in entries:
            tell(done, total)
            try:
                with archive.open(entry.info) as stream:
                    while block := stream.read(BLOCK):
                        done += len(block)
                        tell(done, total)
            except (zipfile.BadZipFile, OSError, *DAMAGED):
                what = ", ".join(names.get(by_offset.get(entry.offset, ""), [])) or visible(entry.info.filename, 100)
                bad.append(f"{what}: its bytes are not those that were written (CRC-32)")
    tell(total, total)
    return bad


def _read_texts(archive: zipfile.ZipFile, entries: Mapping[str, zips.Entry], base: str, contents: Contents) -> None:
    for name in ("version", "byteorder", ".format_version", "producer"):
        entry = entries.get(base + name)
        if entry is not None and entry.stored and entry.info.file_size < 100:
            text = archive.read(entry.info).decode("utf-8", "replace").strip()
            contents.metadata[f"file.{name.strip('.')}"] = visible(text)


class _Skipped(bytes):
    """A long text or array in a pickle that was not read: it only knows how long it is."""

    length = 0

    def __len__(self) -> int:
        return self.length


class _Bounded:
    """A file of which nobody reads more than there is: a pickle may ask for terabytes, and for lines without an end.
    What is long is passed over: a NumPy array, or somebody's replay buffer."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end
        self.most = MOST_PICKLE  # bytes that may still be read
        self.passed = 0  # bytes that were passed over just now

    def read(self, size: int) -> bytes:
        self.passed = 0
        left = max(0, self._end - self._file.tell())
        if LONG < size <= left:
            self._file.seek(size, io.SEEK_CUR)
            found = _Skipped()
            found.length = self.passed = size
            return found
        return self._counted(self._file.read(min(size, left, self.most)))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(min(MOST_LINE, self.most)))

    def _counted(self, data: bytes) -> bytes:
        self.most -= len(data)
        if self.most <= 0:
            raise CheckpointError(f"its pickle has more than {MOST_PICKLE:,} bytes: too many to look at")
        return data


def _legacy(contents: Contents, file: BinaryIO) -> None:
    """PyTorch's format before 1.6: five pickles one after another, then the storages; or a plain pickle."""
    stream = _Bounded(file, contents.bytes)
    first = opcodes.read(stream)
    if not isinstance(first.root, int) or first.root != LEGACY_MAGIC:
        _plain_pickle(contents, first)
        return
    contents.format = "PyTorch (legacy, before 1.6)"
    version, system, found, keys = (opcodes.read(stream) for _ in range(4))
    contents.metadata["file.version"] = version.root if isinstance(version.root, int) else "?"
    for key in keys.root.items if isinstance(keys.root, Elements) else ():
        storage = found.storages.get(visible(key, opcodes.MOST_NAME)) if isinstance(key, str) else None
        head = file.read(8)
        if storage is None or len(head) < 8:
            what = visible(key, 60) if isinstance(key, str) else "?"
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
                contents.metadata[visible(name, TEXT)] = visible(text, TEXT)
            for name in file.keys():  # noqa: SIM118 - it is no dictionary
                part = file.get_slice(name)
                kind, shape = part.get_dtype(), tuple(part.get_shape())
                shown = visible(name, TEXT)
                if len(shape) > opcodes.MOST_SIZES or math.prod(size for size in shape if size) > opcodes.MOST_ELEMENTS:
                    contents.problems.append(f"{shown}: its sizes overflow: left out")
                    continue
                tensor = _contiguous(shown, _SAFE_DTYPES.get(kind, kind), shape)
                if kind not in _SAFE_DTYPES:
                    contents.problems.append(f"{shown}: the dtype {kind!r} is not known here")
                contents.records[shown] = Record(contents.path, 0, tensor.bytes, name)
                contents.tensors.append(Named(shown, tensor))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"a safetensors file that is damaged: {visible(str(error), 200)}") from error
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
    contents = Contents(index, "", index.stat().st_size)
    parts = []
    for name in files:
        if "/" in name or name.startswith("..") or name.endswith(".index.json") or (index.parent / name).is_dir():
            contents.problems.append(f"{visible(name, 100)}: not a file beside the index")
            continue
        try:
            parts.append(read(index.parent / name))
        except CheckpointError as error:
            contents.problems.append(str(error))
    _take(contents, parts)
    contents.format = f"{parts[0].format if parts else 'weights'} in {len(files)} files"
    here = {one.name for one in contents.tensors}
    gone = [name for name in where if visible(name, TEXT) not in here]
    for name in gone[:10]:
        contents.problems.append(f"{visible(name, 100)} is in the index, and not in {visible(where[name], 100)}")
    if len(gone) > 10:
        contents.problems.append(f"… and {len(gone) - 10:,} more that are in the index only")
    contents.metadata.update(metadata)
    return contents


def _index(index: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Which tensor is in which file, and what else is told. Raises CheckpointError."""
    with _opened(index) as file:
        data = file.read(MOST_HEADER + 1)
    if len(data) > MOST_HEADER:
        raise CheckpointError("it is too large for an index of sharded weights")
    try:
        told = json.loads(data)
        where, metadata = told["weight_map"], told.get("metadata") or {}
        if not all(isinstance(file, str) for file in where.values()):
            raise ValueError("files are no texts")
        plain = {
            f"index.{visible(key, TEXT)}": value if isinstance(value, int | float) else visible(str(value)[:TEXT])
            for key, value in metadata.items()
        }
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise CheckpointError("it is no index of sharded weights") from error
    return where, plain


def _folder(folder: Path) -> Contents:
    """All safetensors files of a folder, or what its index names."""
    indices = sorted(folder.glob("*.index.json"))
    if indices:
        return _sharded(indices[0])
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise CheckpointError("a folder without safetensors files; name a file in it")
    contents = Contents(folder, f"safetensors in {len(files)} files", 0)
    _take(contents, [read(file) for file in files])
    return contents


def _take(contents: Contents, parts: Sequence[Contents]) -> None:
    """Add the shards' tensors. Their storages have their file's name before their own."""
    for part in parts:
        contents.bytes += part.bytes
        contents.stamps |= part.stamps
        start = visible(part.path.name, TEXT)
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

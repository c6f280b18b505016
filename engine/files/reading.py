"""Any file of weights, by what it is: PyTorch's zip and legacy formats, TorchScript, safetensors; others by name."""

import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from engine.errors import CheckpointError
from engine.files import opcodes
from engine.files.contents import Contents, Named, Record, describe
from engine.files.records import ITEM_BYTES, Elements, Storage, Tensor

MOST_PICKLE = 256 << 20  # bytes of the pickle in a file; that of a hundred thousand tensors has some 20 MB
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
    try:
        if path.is_dir():
            return _folder(path)
        if path.name.endswith(".index.json"):
            return _sharded(path)
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    if not head:
        raise CheckpointError(f"{path}: it is empty")
    contents = Contents(path, "", size)
    try:
        if head[:4] == b"PK\x03\x04":
            _zip(contents)
        elif head[:4] == b"GGUF":
            raise CheckpointError("it is a GGUF file, of llama.cpp: not read here")
        elif head[:1] == b"\x80" and head[1:2] <= b"\x05":
            _legacy(contents)
        elif head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= max(0, size - 8):
            _safetensors(contents)
        elif path.suffix == ".onnx" or head[:1] == b"\x08":
            raise CheckpointError("it looks like an ONNX model (a protobuf): not read here")
        elif head[:5] == b"\x89HDF\r" or head[:4] == b"\x89HDF":
            raise CheckpointError("it is an HDF5 file, of Keras perhaps: not read here")
        elif head[:6] == b"\x93NUMPY":
            raise CheckpointError("it is a NumPy array: np.load reads it")
        else:
            raise CheckpointError("it is no file of weights that is known here: not a zip, a pickle, or safetensors")
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except zipfile.BadZipFile as error:
        raise CheckpointError(f"{path}: a zip file that is damaged or cut off ({error})") from error
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    except DAMAGED as error:  # zipfile and struct have many ways to say so
        what = " ".join(str(error).split())[:100]
        raise CheckpointError(f"{path}: damaged, or made by something else ({what or type(error).__name__})") from error
    return contents


def _zip(contents: Contents) -> None:
    """PyTorch's format since 1.6: a zip of a pickle and a record for each storage."""
    with zipfile.ZipFile(contents.path) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in infos if name.endswith("data.pkl") and name.count("/") <= 1]
        if not pickles:
            if any(name.endswith(".npy") for name in infos):
                raise CheckpointError("it is a NumPy .npz: np.load reads it")
            raise CheckpointError("it is a zip file without a data.pkl: not one of PyTorch's")
        (pickle, *_) = pickles
        base = pickle.removesuffix("data.pkl")
        script = any(name.startswith(f"{base}code/") for name in infos)
        contents.format = "TorchScript archive (zip)" if script else "PyTorch (zip)"
        if infos[pickle].file_size > MOST_PICKLE:
            raise CheckpointError(f"its pickle has {infos[pickle].file_size:,} bytes: too many to look at")
        with archive.open(pickle) as stream:
            found = opcodes.read(io.BytesIO(stream.read(MOST_PICKLE + 1)))
        for name, info in infos.items():
            if name.startswith(f"{base}data/"):
                if info.compress_type != zipfile.ZIP_STORED:
                    contents.problems.append(f"{name} is compressed: its values can't be read where they lie")
                    continue
                key = name.removeprefix(f"{base}data/")
                contents.records[key] = Record(contents.path, _data_offset(contents.path, info), info.file_size)
        _read_texts(archive, infos, base, contents)
    if contents.metadata.get("file.byteorder") == "big":
        contents.problems.append("its numbers are big-endian: their values are not read here")
    contents.globals = found.globals
    describe(contents, found.root)
    if script:
        contents.notes.insert(0, "TorchScript: it holds code of its own, which is listed and not run")
        contents.metadata["file.code"] = ", ".join(sorted(name for name in infos if name.endswith(".py"))[:20])


def check(contents: Contents, tell: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
    """Read every byte of a zip, and compare its records with the CRC-32 that was written with each: what is damaged, a
    line each. torch.load does not look: a flipped bit in a tensor loads without a word. Other formats have no checksum;
    then that is the line."""
    if not contents.format.endswith("(zip)"):
        return [f"{contents.format} keeps no checksums: nothing to compare with"]
    by_offset = {record.offset: key for key, record in contents.records.items()}
    names: dict[str, list[str]] = {}
    for one in contents.tensors:
        if one.tensor.storage is not None:
            names.setdefault(one.tensor.storage.key, []).append(one.name)
    bad = []
    with zipfile.ZipFile(contents.path) as archive:
        infos = archive.infolist()
        for done, info in enumerate(infos):
            tell(done, len(infos))
            try:
                with archive.open(info) as stream:
                    while stream.read(1 << 20):
                        pass
            except (zipfile.BadZipFile, OSError, EOFError, zlib.error):
                key = by_offset.get(_data_offset(contents.path, info), "")
                what = ", ".join(names.get(key, [])) or info.filename
                bad.append(f"{what}: its bytes are not those that were written (CRC-32)")
    tell(len(infos), len(infos))
    return bad


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a stored record's bytes begin: after its local header, whose extra field is not the directory's."""
    with open(path, "rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return int(info.header_offset + 30 + name + extra)


def _read_texts(archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], base: str, contents: Contents) -> None:
    for name in ("version", "byteorder", ".format_version", "producer"):
        info = infos.get(base + name)
        if info is not None and info.file_size < 100:
            contents.metadata[f"file.{name.strip('.')}"] = archive.read(info).decode("utf-8", "replace").strip()


class _Bounded(io.BufferedReader):
    """A file of which nobody reads more than there is: a pickle may ask for terabytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, os.fstat(self.fileno()).st_size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))

    def readline(self, size: int | None = -1, /) -> bytes:
        return super().readline(min(MOST_LINE, size) if size is not None and size >= 0 else MOST_LINE)


def _legacy(contents: Contents) -> None:
    """PyTorch's format before 1.6: five pickles one after another, then the storages; or a plain pickle."""
    with _Bounded(open(contents.path, "rb", buffering=0)) as file:
        first = opcodes.read(file)
        if first.root != LEGACY_MAGIC:
            contents.format = "pickle, not one of torch.save"
            contents.globals = first.globals
            describe(contents, first.root)
            contents.problems.append("a plain pickle: torch.load does not read it with weights_only=True")
            return
        contents.format = "PyTorch (legacy, before 1.6)"
        version, system, found, keys = (opcodes.read(file) for _ in range(4))
        contents.metadata["file.version"] = version.root if isinstance(version.root, int) else "?"
        for key in keys.root.items if isinstance(keys.root, Elements) else ():
            storage, head = found.storages.get(str(key)), file.read(8)
            if storage is None or len(head) < 8:
                contents.problems.append(f"storage {key}: its numbers are not in the file")
                break
            size = max(0, struct.unpack("<q", head)[0]) * ITEM_BYTES.get(storage.dtype, 1)
            at = file.tell()
            contents.records[str(key)] = Record(contents.path, at, max(0, min(size, contents.bytes - at)))
            file.seek(min(contents.bytes, at + size))
    contents.globals = list(dict.fromkeys([*first.globals, *system.globals, *found.globals, *keys.globals]))
    describe(contents, found.root)


def _safetensors(contents: Contents) -> None:
    """A length, a JSON header, and the numbers: nothing in it can be executed. Read by its own library."""
    from safetensors import SafetensorError, safe_open

    contents.format = "safetensors"
    try:
        with safe_open(contents.path, framework="np") as file:
            contents.metadata.update(file.metadata() or {})
            for name in file.keys():  # noqa: SIM118 - it is no dictionary
                part = file.get_slice(name)
                kind = part.get_dtype()
                tensor = _contiguous(name, _SAFE_DTYPES.get(kind, kind), tuple(part.get_shape()))
                if kind not in _SAFE_DTYPES:
                    contents.problems.append(f"{name}: the dtype {kind!r} is not known here")
                contents.records[name] = Record(contents.path, 0, tensor.bytes)
                contents.tensors.append(Named(name, tensor))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"a safetensors file that is damaged: {error}") from error
    contents.notes.append("safetensors: numbers and texts only")


def _contiguous(name: str, dtype: str, shape: tuple[int, ...]) -> Tensor:
    stride, step = [], 1
    for size in reversed(shape):
        stride.append(step)
        step *= size
    return Tensor(Storage(name, dtype, step, "cpu"), dtype, shape, tuple(reversed(stride)))


def _sharded(index: Path) -> Contents:
    """Several safetensors files and the index that says which tensor is in which."""
    try:
        told = json.loads(index.read_text())
        where: dict[str, str] = told["weight_map"]
        files = sorted(set(where.values()))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{index}: it is no index of sharded weights") from error
    contents = Contents(index, f"safetensors in {len(files)} files", index.stat().st_size)
    for name in files:
        if "/" in name or name.startswith(".."):
            contents.problems.append(f"{name}: not a file beside the index")
            continue
        try:
            part = read(index.parent / name)
        except CheckpointError as error:
            contents.problems.append(str(error))
            continue
        _take(contents, part)
    for name in where.keys() - {one.name for one in contents.tensors}:
        contents.problems.append(f"{name} is in the index, and not in {where[name]}")
    contents.metadata.update({f"index.{key}": value for key, value in told.get("metadata", {}).items()})
    return contents


def _folder(folder: Path) -> Contents:
    """All safetensors files of a folder, or what its index names."""
    indices = sorted(folder.glob("*.index.json"))
    if indices:
        return _sharded(indices[0])
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"{folder}: a folder without safetensors files; name a file in it")
    contents = Contents(folder, f"safetensors in {len(files)} files", 0)
    for file in files:
        _take(contents, read(file))
    return contents


def _take(contents: Contents, part: Contents) -> None:
    """Add a shard's tensors. Its storages have their file's name before their own."""
    contents.bytes += part.bytes
    for one in part.tensors:
        assert one.tensor.storage is not None
        key = f"{part.path.name}:{one.tensor.storage.key}"
        storage = Storage(key, one.tensor.dtype, one.tensor.storage.count, "cpu")
        tensor = Tensor(storage, one.tensor.dtype, one.tensor.shape, one.tensor.stride)
        contents.tensors.append(Named(one.name, tensor))
        contents.records[key] = part.records[one.tensor.storage.key]
    contents.problems += part.problems
    contents.metadata.update(part.metadata)
    if part.notes and part.notes[0] not in contents.notes:
        contents.notes.append(part.notes[0])

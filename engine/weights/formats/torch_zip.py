"""PyTorch's format since 1.6: a zip of a pickle and a record for each storage."""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import CheckpointError
from engine.progress import Progress, silent
from engine.terminal_text import printable
from engine.weights import opcodes, rebuild, zip_directory
from engine.weights.contents import Contents, Record, Stretch
from engine.weights.formats.single_file import locate, unchanged
from engine.weights.pickle_contents import describe
from engine.weights.safe_open import DAMAGED, Bounded, opened, window

if TYPE_CHECKING:
    import torch

WHOLE = 64 << 20  # bytes of a pickle up to which it is read as a whole
BLOCK = 1 << 20  # bytes that are read in one go
Names = dict[tuple[Path, int], list[str]]


def read(path: Path) -> Contents:
    """What is in the file."""
    with unchanged(path) as (contents, file):
        read_zip(contents, file)
    return contents


def write(weights: "Mapping[str, torch.Tensor]", path: Path, header: Mapping[str, str]) -> None:
    """Write a state_dict, which has no place for a header."""
    import torch

    torch.save(dict(weights), path)


def read_zip(contents: Contents, file: BinaryIO, start: int = 0) -> None:
    """Take what a zip of PyTorch's describes. `start`: of `file`, in the one that it is a stretch of, in bytes."""
    contents.zips.append(Stretch(contents.path, start, file.seek(0, io.SEEK_END)))
    zip_directory.refuse_large_directory(file)
    with zipfile.ZipFile(file) as archive:
        found = zip_directory.directory(archive, file)
        contents.problems += found.problems
        entries = found.entries
        pickles = [name for name in entries if name.endswith("data.pkl") and name.count("/") <= 1]
        if not pickles:
            if any(name.endswith(".npy") for name in entries):
                raise CheckpointError("it is a NumPy .npz file: read it with np.load")
            raise CheckpointError("it is a zip file without a data.pkl, so not a PyTorch file")
        pickle, *others = pickles
        if others:
            also = ", ".join(printable(name, 60) for name in others[:3])
            contents.problems.append(f"besides {printable(pickle, 60)}, which is read here, it has {also}")
        base = pickle.removesuffix("data.pkl")
        script = any(name.startswith(f"{base}code/") for name in entries)
        contents.format = "TorchScript archive (zip)" if script else "PyTorch (zip)"
        pickled = opcodes.read(_pickle_in(archive, entries[pickle], file))
        for name, entry in entries.items():
            if name.startswith(f"{base}data/"):
                if not entry.stored or entry.info.file_size != entry.info.compress_size:
                    if len(contents.problems) < 50:
                        problem = f"{printable(name, 60)} is compressed: its values can't be read in place"
                        contents.problems.append(problem)
                    continue
                key = printable(name.removeprefix(f"{base}data/"), rebuild.MOST_NAME)
                contents.records[key] = Record(contents.path, start + entry.offset, entry.info.file_size)
        _read_texts(archive, entries, base, contents)
    if contents.metadata.get("file.byteorder") == "big":
        contents.problems.append("its values are big-endian, which is not supported")
    contents.globals = pickled.globals
    contents.problems += pickled.problems
    locate(contents, pickled, start)
    describe(contents, pickled.root)
    if script:
        contents.notes.insert(0, "TorchScript: it contains code, which is listed but not executed")
        code = sorted(printable(name, 100) for name in entries if name.endswith(".py"))
        contents.metadata["file.code"] = ", ".join(code[:20])


def _pickle_in(archive: zipfile.ZipFile, entry: zip_directory.Entry, file: BinaryIO) -> opcodes.Stream:
    """Where the pickle of a zip is read from: as a whole, which its CRC-32 is compared with; a very large one, which
    must have long texts or arrays in it, from where it lies. Raises CheckpointError where it is too large."""
    info = entry.info
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CheckpointError("its pickle uses a compression that torch.save does not: not unpacked")
    if info.file_size <= WHOLE:
        with archive.open(info) as stream:
            return io.BytesIO(stream.read(WHOLE + 1))
    if not entry.stored:
        raise CheckpointError(f"its pickle has {info.file_size:,} bytes, compressed: too many to read")
    file.seek(entry.offset)
    return Bounded(file, entry.end)


def _read_texts(
    archive: zipfile.ZipFile, entries: Mapping[str, zip_directory.Entry], base: str, contents: Contents
) -> None:
    for name in ("version", "byteorder", ".format_version", "producer"):
        entry = entries.get(base + name)
        if entry is not None and entry.stored and entry.info.file_size < 100:
            text = archive.read(entry.info).decode("utf-8", "replace").strip()
            contents.metadata[f"file.{name.strip('.')}"] = printable(text)


def check(contents: Contents, progress: Progress = silent) -> list[str]:
    """Read every byte of the zips in a file, or in several, and compare their records with the CRC-32 that was written
    with each: what is damaged, a line each. torch.load does not look: a flipped bit in a tensor loads without a word.
    Other formats have no checksum; then that is the line. `progress`: in bytes."""
    if not contents.zips:
        return [f"{contents.format} has no checksums to compare with"]
    total, done = sum(where.size for where in contents.zips), 0
    names, bad = _names(contents), list[str]()
    for where in contents.zips:
        progress(done, total)
        with opened(where.file) as whole:
            part, start = window(whole, where.offset, where.size), done
            try:
                bad += _damage(where, part, names, lambda read: progress(start + read, total))  # noqa: B023 - used at once
            except (zipfile.BadZipFile, OSError, *DAMAGED):
                what = ", ".join(names.get((where.file, where.offset), [])) or printable(where.file.name, 100)
                bad.append(f"{what}: its zip is damaged")
        done += where.size
    progress(total, total)
    return bad


def _damage(where: Stretch, file: BinaryIO, names: Names, progress: Callable[[int], None]) -> list[str]:
    bad, done = [], 0
    with zipfile.ZipFile(file) as archive:
        for entry in zip_directory.directory(archive, file).entries.values():
            if not entry.stored:
                continue
            try:
                with archive.open(entry.info) as stream:
                    while block := stream.read(BLOCK):
                        done += len(block)
                        progress(done)
            except (zipfile.BadZipFile, OSError, *DAMAGED):
                found = names.get((where.file, where.offset + entry.offset)) or names.get((where.file, where.offset))
                what = ", ".join(found or []) or printable(entry.info.filename, 100)
                bad.append(f"{what}: its bytes are not those that were written (CRC-32)")
    return bad


def _names(contents: Contents) -> Names:
    """The tensors by where their storages begin, or the zips of their pieces."""
    found: Names = {}
    for one in contents.tensors:
        record = contents.records.get(one.tensor.storage.key) if one.tensor.storage is not None else None
        if record is None:
            continue
        places = [(piece.where.file, piece.where.offset) for piece in record.pieces]
        for place in places or [(record.file, record.offset)]:
            found.setdefault(place, []).append(one.name)
    return found

"""PyTorch's format since 1.6: a zip of a pickle and a record for each storage."""

import contextlib
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import CheckpointError
from engine.progress import Progress, silent
from engine.terminal_text import identifier, printable
from engine.weights import opcodes, rebuild, zip_directory
from engine.weights.budget import OF_A_RECORD, Budget
from engine.weights.contents import Contents, Record, Stretch
from engine.weights.formats.single_file import locate, unchanged
from engine.weights.pickle_contents import describe
from engine.weights.pickle_stream import Stream
from engine.weights.safe_open import DAMAGED, Bounded, opened, window

if TYPE_CHECKING:
    import torch

WHOLE = 64 << 20  # bytes of a pickle up to which it is read as a whole
BLOCK = 1 << 20  # bytes that are read in one go
Names = dict[tuple[Path, int], list[str]]


def read(path: Path, budget: Budget) -> Contents:
    """What is in the file."""
    with unchanged(path, budget) as (contents, file):
        read_zip(contents, file)
    return contents


def write(weights: "Mapping[str, torch.Tensor]", path: Path, header: Mapping[str, str]) -> None:
    """Write a state_dict, which has no place for a header. Raises OSError."""
    import torch

    with open(path, "wb") as file:
        try:
            torch.save(dict(weights), file)
        except RuntimeError as error:  # how it says that the disk does not take what it writes, while that is raised
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def read_zip(contents: Contents, file: BinaryIO, start: int = 0) -> None:
    """Take what a zip of PyTorch's describes. `start`: of `file`, in the one that it is a stretch of, in bytes."""
    contents.zips.append(Stretch(contents.path, start, file.seek(0, io.SEEK_END)))
    end = zip_directory.find_end(file) or zip_directory.End(0, 0, 0)
    contents.budget.spend(OF_A_RECORD * end.records)
    with zipfile.ZipFile(file) as archive:
        found = zip_directory.directory(archive, file, end)
        contents.problems += found.problems
        entries = found.entries
        named = [name for name in entries if name.lower().rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
        if not named:
            if any(name.endswith(".npy") for name in entries):
                raise CheckpointError("it is a NumPy .npz file: read it with np.load")
            raise CheckpointError("it is a zip file without a data.pkl, so not a PyTorch file")
        # PyTorch looks in the folder of the first record, whatever that is.
        folder, slash, _ = found.every[0].info.filename.partition("/")
        wanted = found.like(f"{folder}{slash}data.pkl") if slash else []
        pickle = wanted[-1].info.filename if wanted else named[0]
        if not wanted:
            contents.problems.append(f"PyTorch looks for {printable(folder, 60)}/data.pkl, which is not there")
        if others := [name for name in named if name != pickle]:
            also = ", ".join(printable(name, 60) for name in others[:3])
            contents.problems.append(f"besides {printable(pickle, 60)}, which is read here, it has {also}")
        base = pickle[: -len("data.pkl")]
        script = any(name.startswith(f"{base}code/") for name in entries)
        contents.format = "TorchScript archive (zip)" if script else "PyTorch (zip)"
        pickled = opcodes.read(
            _pickle_in(entries[pickle], file, contents), contents.budget, size=entries[pickle].info.file_size
        )
        for other in wanted[:-1]:  # of the same name: PyTorch may take it
            pickled.globals += opcodes.globals_of(_pickle_in(other, file, contents), contents.budget)
        where = f"{base}data/"
        for name, entry in entries.items():
            if name.startswith(where):
                if not entry.stored or entry.info.file_size != entry.info.compress_size:
                    if len(contents.problems) < 50:
                        problem = f"{printable(name, 60)} is compressed: its values can't be read in place"
                        contents.problems.append(problem)
                    continue
                key = identifier(name[len(where) :], rebuild.MOST_NAME)
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


def _pickle_in(entry: zip_directory.Entry, file: BinaryIO, contents: Contents) -> Stream:
    """Where the pickle of a zip is read from: as a whole; a very large one, which must have long texts or arrays in it,
    from where it lies. Its CRC-32 is compared, and a difference is a problem: PyTorch does not look at it. Raises
    CheckpointError where it is too large."""
    info = entry.info
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CheckpointError("its pickle uses a compression that torch.save does not: not unpacked")
    if info.flag_bits & 1:
        raise CheckpointError("its pickle is encrypted: not unpacked")
    file.seek(entry.offset)
    if info.file_size > WHOLE:
        if not entry.stored:
            raise CheckpointError(f"its pickle has {info.file_size:,} bytes, compressed: too many to read")
        return Bounded(file, entry.end)
    contents.budget.read(info.file_size)
    data = file.read(min(info.compress_size, WHOLE))
    if not entry.stored:
        data = zlib.decompressobj(-15).decompress(data, WHOLE)
    data = data[: info.file_size]
    if zlib.crc32(data) != info.CRC:
        contents.problems.append("the bytes of its pickle are not those that were written (CRC-32)")
    return io.BytesIO(data)


def _read_texts(
    archive: zipfile.ZipFile, entries: Mapping[str, zip_directory.Entry], base: str, contents: Contents
) -> None:
    for name in ("version", "byteorder", ".format_version", "producer"):
        entry = entries.get(base + name)
        if entry is not None and entry.stored and entry.info.file_size < 100:
            with contextlib.suppress(zipfile.BadZipFile):  # `check` says that
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
    bad, done = list[str](), 0
    with zipfile.ZipFile(file) as archive:
        end = zip_directory.find_end(file) or zip_directory.End(0, 0, 0)
        for entry in zip_directory.directory(archive, file, end).entries.values():
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

"""PyTorch's format since 1.6: a zip of a pickle and a record for each storage."""

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
    end = zip_directory.find_end(file)
    contents.budget.spend(OF_A_RECORD * end.records)
    found = zip_directory.directory(file, end)
    contents.problems += found.problems
    entries = found.entries
    named = [name for name in entries if name[-8:].lower() == "data.pkl"]
    named = [name for name in named if name.lower().rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
    if not named:
        if any(name.endswith(".npy") for name in entries):
            raise CheckpointError("it is a NumPy .npz file: read it with np.load")
        raise CheckpointError("it is a zip file without a data.pkl, so not a PyTorch file")
    # PyTorch looks in the folder of the first record, whatever that is.
    folder, slash, _ = found.first.partition("/")
    wanted = found.like(f"{folder}{slash}data.pkl") if slash else []
    pickle = wanted[-1].name if wanted else named[0]
    if not wanted:
        contents.problems.append(f"PyTorch looks for {printable(folder, 60)}/data.pkl, which is not there")
    if others := [name for name in named if name != pickle]:
        also = ", ".join(printable(name, 60) for name in others[:3])
        contents.problems.append(f"besides {printable(pickle, 60)}, which is read here, it has {also}")
    base = pickle[: -len("data.pkl")]
    script = any(name.startswith(f"{base}code/") for name in entries)
    contents.format = "TorchScript archive (zip)" if script else "PyTorch (zip)"
    pickled = opcodes.read(_pickle_in(entries[pickle], file, contents), contents.budget, size=entries[pickle].unpacked)
    for other in wanted[:-1]:  # of the same name: PyTorch may take it
        pickled.globals += opcodes.globals_of(_pickle_in(other, file, contents), contents.budget)
    where = f"{base}data/"
    for name, entry in entries.items():
        if name.startswith(where):
            if not entry.stored or entry.unpacked != entry.size:
                if len(contents.problems) < 50:
                    problem = f"{printable(name, 60)} is compressed: its values can't be read in place"
                    contents.problems.append(problem)
                continue
            key = identifier(name[len(where) :], rebuild.MOST_NAME)
            contents.records[key] = Record(contents.path, start + entry.offset, entry.size)
    _read_texts(file, entries, base, contents)
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
    if entry.method not in (zip_directory.STORED, zip_directory.DEFLATED):
        raise CheckpointError("its pickle uses a compression that torch.save does not: not unpacked")
    if entry.flags & 1:
        raise CheckpointError("its pickle is encrypted: not unpacked")
    file.seek(entry.offset)
    if entry.unpacked > WHOLE:
        if not entry.stored:
            raise CheckpointError(f"its pickle has {entry.unpacked:,} bytes, compressed: too many to read")
        return Bounded(file, entry.end)
    contents.budget.read(entry.unpacked)
    data = file.read(min(entry.size, WHOLE))
    if not entry.stored:
        data = zlib.decompressobj(-15).decompress(data, WHOLE)
    data = data[: entry.unpacked]
    if zlib.crc32(data) != entry.crc:
        contents.problems.append("the bytes of its pickle are not those that were written (CRC-32)")
    return io.BytesIO(data)


def _read_texts(file: BinaryIO, entries: Mapping[str, zip_directory.Entry], base: str, contents: Contents) -> None:
    for name in ("version", "byteorder", ".format_version", "producer"):
        entry = entries.get(base + name)
        if entry is not None and entry.stored and entry.unpacked < 100 and entry.unpacked <= entry.size:
            file.seek(entry.offset)
            data = file.read(entry.unpacked)
            if zlib.crc32(data) == entry.crc:  # `check` says that it is not
                contents.metadata[f"file.{name.strip('.')}"] = printable(data.decode("utf-8", "replace").strip())


def check(contents: Contents, progress: Progress = silent) -> list[str]:
    """Read every byte of the zips in a file, or in several, and compare their records with the CRC-32 that was written
    with each: what is damaged, a line each. torch.load does not look: a flipped bit in a tensor loads without a word.
    Other formats have no checksum; then that is the line. `progress`: in bytes. Raises CheckpointError where a file is
    not the one that was listed."""
    if not contents.zips:
        return [f"{contents.format} has no checksums to compare with"]
    total, done = sum(where.size for where in contents.zips), 0
    names, bad = _names(contents), list[str]()
    for where in contents.zips:
        progress(done, total)
        with _again(where.file) as whole:
            part, start = window(whole, where.offset, where.size), done
            try:
                bad += _damage(where, part, names, lambda read: progress(start + read, total))  # noqa: B023 - used at once
            except (zipfile.BadZipFile, OSError, *DAMAGED):
                what = ", ".join(names.get((where.file, where.offset), [])) or printable(where.file.name, 100)
                bad.append(f"{what}: its zip is damaged")
        done += where.size
    contents.refuse_changed()
    progress(total, total)
    return bad


def _again(path: Path) -> BinaryIO:
    """A file that was listed before. Raises CheckpointError where it can't be opened any more."""
    try:
        return opened(path)
    except OSError as error:
        raise CheckpointError(f"{printable(str(path))} can't be read any more ({error.strerror})") from None


def _damage(where: Stretch, file: BinaryIO, names: Names, progress: Callable[[int], None]) -> list[str]:
    bad, done = list[str](), 0
    for entry in zip_directory.directory(file, zip_directory.find_end(file)).entries.values():
        if not entry.stored:
            continue
        try:
            sound, done = _sound(file, entry, lambda read: progress(done + read)), done + entry.unpacked  # noqa: B023
        except (OSError, *DAMAGED):
            sound = False
        if not sound:
            found = names.get((where.file, where.offset + entry.offset)) or names.get((where.file, where.offset))
            what = ", ".join(found or []) or printable(entry.name, 100)
            bad.append(f"{what}: its bytes are not those that were written (CRC-32)")
    return bad


def _sound(file: BinaryIO, entry: zip_directory.Entry, progress: Callable[[int], None]) -> bool:
    """Whether the bytes of a record that is stored as it is are those of its CRC-32. Raises OSError."""
    file.seek(entry.offset)
    crc, left = 0, entry.unpacked
    while left > 0 and (block := file.read(min(BLOCK, left))):
        crc = zlib.crc32(block, crc)
        left -= len(block)
        progress(entry.unpacked - left)
    return not left and crc == entry.crc and entry.unpacked <= entry.size


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

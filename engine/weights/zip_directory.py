"""A zip file's directory, checked before it is used: what torch.save never writes is a problem, a line each."""

import os
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO

from engine.errors import CheckpointError
from engine.terminal_text import printable

MOST_DIRECTORY = 64 << 20  # bytes of a zip's directory; that of 200,000 records has some 15 MB
_END, _END64_AT, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_LOCAL = b"PK\x03\x04"


@dataclass
class Entry:
    """A record of the zip."""

    info: zipfile.ZipInfo
    offset: int  # bytes into the file, of its own bytes

    @property
    def stored(self) -> bool:
        """Whether its bytes lie in the file as they are."""
        return self.info.compress_type == zipfile.ZIP_STORED and not self.info.flag_bits & 1

    @property
    def end(self) -> int:
        return self.offset + self.info.compress_size


@dataclass
class Directory:
    """What is in a zip; of several records with one name the last, which Python takes."""

    entries: dict[str, Entry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def directory(archive: zipfile.ZipFile, file: IO[bytes]) -> Directory:
    """The records of an open zip, each with where its bytes begin: after its local header, whose extra field is not the
    directory's."""
    found, problems = Directory(), []
    size = file.seek(0, os.SEEK_END)
    infos = archive.infolist()
    for info in infos:
        shown = printable(info.filename, 200)
        if info.filename in found.entries:
            problems.append(f"{shown} is in the zip twice: which one is loaded is up to the reader")
        if info.filename.startswith(("/", "\\")) or ".." in info.filename.split("/"):
            problems.append(
                f"{shown} is a path outside of the zip: nothing is written there, and torch.save never writes one"
            )
        file.seek(info.header_offset)
        header = file.read(30)
        if len(header) < 30 or header[:4] != _LOCAL:
            problems.append(f"{shown}: there is no record where the directory says")
            continue
        name, extra = struct.unpack("<HH", header[26:30])
        if file.read(name) != info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "replace"):
            problems.append(f"{shown} has another name in its own header")
        entry = Entry(info, info.header_offset + 30 + name + extra)
        if entry.end > size:
            problems.append(f"{shown}: its {info.compress_size:,} bytes extend beyond the end of the file")
        found.entries[info.filename] = entry
    problems += _overlapping(found.entries.values())
    first = min((info.header_offset for info in infos), default=0)
    if first > 0:
        problems.append(f"{first:,} bytes precede the zip's first record: they may be another file")
    found.problems = problems
    return found


def refuse_large_directory(file: IO[bytes]) -> None:
    """Python reads a zip's directory whole, whatever its size. Raises CheckpointError where that would be too much."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - (1 << 16) - 22)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        return  # zipfile says what is wrong
    (length,) = struct.unpack("<I", tail[at + 12 : at + 16])
    locator = tail[max(0, at - 20) : at]
    if locator[:4] == _END64_AT:
        file.seek(min(size, struct.unpack("<Q", locator[8:16])[0]))
        record = file.read(56)
        if len(record) == 56 and record[:4] == _END64:
            (length,) = struct.unpack("<Q", record[40:48])
    if length > min(size, MOST_DIRECTORY):
        raise CheckpointError(f"its zip directory claims {length:,} bytes: too many to read, or damaged")


def _overlapping(entries: Iterable[Entry]) -> list[str]:
    """Records that have bytes in common: a small file can claim much so."""
    before: Entry | None = None
    for entry in sorted(entries, key=lambda one: one.offset):
        if not entry.info.compress_size:
            continue
        if before is not None and entry.offset < before.end:
            names = f"{printable(before.info.filename, 200)} and {printable(entry.info.filename, 200)}"
            return [f"{names} occupy the same bytes of the zip: torch.save never writes that"]
        before = entry
    return []

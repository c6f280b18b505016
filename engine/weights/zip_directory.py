"""A zip file's directory, checked before it is used: what torch.save never writes is a problem, a line each."""

import os
import string
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO

from engine.errors import CheckpointError
from engine.terminal_text import printable

MOST_PROBLEMS = 50  # that are named
MOST_DIRECTORY = 64 << 20  # bytes of a zip's directory; that of 200,000 records has some 15 MB
_END, _END64_AT, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_LOCAL = b"PK\x03\x04"
_LOWER = {ord(one): one.lower() for one in string.ascii_uppercase}
_HEADER = struct.Struct("<6xHH4xIIIHH")


@dataclass(slots=True)
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
    every: list[Entry] = field(default_factory=list)  # also those whose names are there twice

    def like(self, name: str) -> list[Entry]:
        """The records that PyTorch may take for that name: it ignores the case of ASCII letters."""
        return [one for one in self.every if _folded(one.info.filename) == _folded(name)]


@dataclass(frozen=True)
class End:
    """What the end of a zip says of its directory."""

    offset: int  # bytes into the file
    size: int  # bytes
    records: int


def directory(archive: zipfile.ZipFile, file: IO[bytes], end: End) -> Directory:
    """The records of an open zip, each with where its bytes begin: after its local header, whose extra field is not the
    directory's. Raises CheckpointError where PyTorch would find other records than Python has."""
    found, problems = Directory(), _Problems()
    size = file.seek(0, os.SEEK_END)
    infos = archive.infolist()
    if len(infos) != end.records:
        raise _two_ways(f"its end says {end.records:,} records, and its directory lists {len(infos):,}")
    folded: dict[str, str] = {}
    for info in infos:
        called = info.filename
        if called in found.entries:
            problems.add(f"{_shown(info)} is in the zip twice: which one is loaded is up to the reader")
        elif (other := folded.setdefault(_folded(called), called)) != called:
            problems.add(
                f"{_shown(info)} and {printable(other, 200)} are one name to PyTorch: which is loaded is up to it"
            )
        if called.startswith(("/", "\\")) or (".." in called and ".." in called.split("/")):
            words = "is a path outside of the zip: nothing is written there, and torch.save never writes one"
            problems.add(f"{_shown(info)} {words}")
        if "\0" in info.orig_filename:
            raise _two_ways(f"the name {_shown(info)} goes on after a zero byte")
        name_here = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "replace")
        file.seek(info.header_offset)
        header = file.read(30 + len(name_here))
        if len(header) < 30 or header[:4] != _LOCAL:
            problems.add(f"{_shown(info)}: there is no record where the directory says")
            continue
        flags, method, crc, packed, whole, name, extra = _HEADER.unpack_from(header)
        if name != len(name_here) or header[30:] != name_here:
            problems.add(f"{_shown(info)} has another name in its own header")
        later = flags & 8  # its lengths and its CRC-32 may follow its bytes
        same = (packed, whole, crc) == (info.compress_size, info.file_size, info.CRC)
        if not same and (0xFFFFFFFF in (packed, whole)) and crc == info.CRC:
            same = True  # in its extra field, for large ones
        if method != info.compress_type or (flags ^ info.flag_bits) & 0x41 or not (same or (later and not crc)):
            problems.add(f"{_shown(info)} has another length, CRC-32 or compression in its own header")
        entry = Entry(info, info.header_offset + 30 + name + extra)
        if entry.end > size:
            problems.add(f"{_shown(info)}: its {info.compress_size:,} bytes extend beyond the end of the file")
        found.entries[called] = entry
        found.every.append(entry)
    for problem in _overlapping(found.every):
        problems.add(problem)
    first = min((info.header_offset for info in infos), default=0)
    if first > 0:
        problems.add(f"{first:,} bytes precede the zip's first record: they may be another file")
    if (between := _between(found.every, end)) and not problems.found:
        problems.add(f"{between:,} bytes of the zip belong to none of its records")
    found.problems = problems.found
    return found


def _shown(info: zipfile.ZipInfo) -> str:
    return printable(info.filename, 200)


class _Problems:
    """The first of many: a hundred thousand lines tell no more."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._more = 0

    def add(self, problem: str) -> None:
        if len(self.found) < MOST_PROBLEMS:
            self.found.append(problem)
        else:
            self._more += 1
            self.found[MOST_PROBLEMS - 1] = f"and {self._more + 1:,} more problems like these"


def find_end(file: IO[bytes]) -> End | None:
    """Where the zip's directory is; None where it has no end record (zipfile says what is wrong then).

    Raises CheckpointError where Python's zipfile and PyTorch's reader (miniz) could find different directories: Python
    takes what stands right before the end record, miniz what the record points at; with zip64, Python takes the record
    before the locator, miniz the one that the locator points at. And where there would be too much to read: Python
    reads a directory whole, whatever its size.
    """
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - (1 << 16) - 22)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END, 0, len(tail) - 18) if len(tail) >= 22 else -1  # the last that is whole
    if at < 0:
        return None
    disk, first_disk, here, records, length, offset, comment = struct.unpack("<4H2IH", tail[at + 4 : at + 22])
    place = start + at
    if place + 22 + comment != size or _END in tail[at + 4 :]:
        raise _two_ways(f"{size - place - 22 - comment:,} bytes follow its end record")
    stands = place  # where the directory must end
    locator = tail[max(0, at - 20) : at]
    if locator[:4] == _END64_AT:
        _, pointed, _ = struct.unpack("<IQI", locator[4:20])
        file.seek(min(size, pointed))
        record = file.read(56)
        if pointed + 56 != place - 20 or record[:4] != _END64 or struct.unpack("<Q", record[4:12])[0] != 44:
            raise _two_ways("its zip64 locator does not point at the record before it")
        disk, first_disk, here64, records64, length64, offset64 = struct.unpack("<2I4Q", record[16:56])
        told = ((here, here64, 0xFFFF), (records, records64, 0xFFFF), (length, length64, 0xFFFFFFFF),
                (offset, offset64, 0xFFFFFFFF))  # fmt: skip
        if any(small not in (large, full) for small, large, full in told):
            raise _two_ways("its two end records differ")
        here, records, length, offset, stands = here64, records64, length64, offset64, pointed
    elif records == 0xFFFF or 0xFFFFFFFF in (length, offset):
        raise _two_ways("its end record refers to a zip64 record that is not there")
    if length > min(size, MOST_DIRECTORY):
        raise CheckpointError(f"its zip directory claims {length:,} bytes: too many to read, or damaged")
    if disk or first_disk or here != records:
        raise _two_ways("it claims to be one of several parts")
    if offset + length != stands:
        raise _two_ways(f"its directory does not end where its end record begins ({offset + length:,}, {stands:,})")
    return End(offset, length, records)


def _two_ways(why: str) -> CheckpointError:
    return CheckpointError(f"its zip can be read in two ways, so PyTorch may find what is not shown here: {why}")


def _folded(name: str) -> str:
    """As PyTorch's reader compares names."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


def _between(entries: Iterable[Entry], end: End) -> int:
    """Bytes between the records, and after the last, that are neither a record nor its data descriptor."""
    free, at = 0, None
    for entry in sorted(entries, key=lambda one: one.info.header_offset):
        if at is not None:
            free += _beyond_descriptor(entry.info.header_offset - at)
        at = entry.end
    return free + (_beyond_descriptor(end.offset - at) if at is not None else 0)


def _beyond_descriptor(gap: int) -> int:
    return 0 if gap in (0, 12, 16, 20, 24) else max(0, gap)


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

"""A zip file's directory, checked before it is used: what torch.save never writes is a problem, a line each."""

import operator
import os
import string
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from engine.errors import CheckpointError
from engine.terminal_text import printable

MOST_PROBLEMS = 50  # that are named
MOST_DIRECTORY = 64 << 20  # bytes of a zip's directory; that of 200,000 records has some 15 MB
_END, _END64_AT, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_LOCAL, _CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
_FULL = 0xFFFFFFFF  # in a field of 32 bits: the number is in the extra field
_NEWEST = 63  # the version of the format, times ten, that Python's zipfile reads
_LOWER = {ord(one): one.lower() for one in string.ascii_uppercase}
_HEADER = struct.Struct("<4s2xHH4xIIIHH").unpack_from
_LISTED = struct.Struct("<4s2xHHH4xIIIHHH8xI").unpack_from
_OF_LISTED, _OF_HEADER = 46, 30  # bytes, before the name
STORED, DEFLATED = 0, 8
_of_header, _of_bytes = operator.attrgetter("header"), operator.attrgetter("offset")


@dataclass(eq=False, slots=True)
class Entry:
    """A record of the zip."""

    name: str  # to a zero byte in it
    header: int  # bytes into the file, of its own header
    offset: int  # of its own bytes; 0 until its own header is read
    size: int  # bytes that it takes
    unpacked: int  # bytes that they become
    crc: int  # CRC-32 of those
    method: int
    flags: int

    @property
    def stored(self) -> bool:
        """Whether its bytes lie in the file as they are."""
        return self.method == STORED and not self.flags & 1

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass
class Directory:
    """What is in a zip; of several records with one name the last, which Python takes."""

    entries: dict[str, Entry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    every: list[Entry] = field(default_factory=list)  # also those whose names are there twice
    first: str = ""  # the name of the first one listed, in the file or not: PyTorch looks in its folder

    def like(self, name: str) -> list[Entry]:
        """The records that PyTorch may take for that name: it ignores the case of ASCII letters."""
        folded, length = _folded(name), len(name)
        return [one for one in self.every if len(one.name) == length and _folded(one.name) == folded]


@dataclass(frozen=True)
class End:
    """What the end of a zip says of its directory."""

    offset: int  # bytes into the file
    size: int  # bytes
    records: int


def directory(file: IO[bytes], end: End) -> Directory:
    """The records of an open zip, each with where its bytes begin: after its local header, whose extra field is not the
    directory's. Raises CheckpointError where PyTorch would find other records than are found here, BadZipFile where the
    directory is damaged."""
    found, problems = Directory(), _Problems()
    entries, every, folded = found.entries, found.every, dict[str, str]()
    size = file.seek(0, os.SEEK_END)
    records, first = 0, size
    for raw, entry in _listed(file, end):
        name, at = entry.name, entry.header
        if not records:
            found.first = name
        records += 1
        first = min(first, at)
        if name in entries:
            problems.add(f"{_shown(entry)} is in the zip twice: which one is loaded is up to the reader")
        elif (other := folded.setdefault(_folded(name), name)) != name:
            problems.add(
                f"{_shown(entry)} and {printable(other, 200)} are one name to PyTorch: which is loaded is up to it"
            )
        if name.startswith(("/", "\\")) or (".." in name and ".." in name.split("/")):
            words = "is a path outside of the zip: nothing is written there, and torch.save never writes one"
            problems.add(f"{_shown(entry)} {words}")
        if b"\0" in raw:
            raise _two_ways(f"the name {_shown(entry)} goes on after a zero byte")
        file.seek(at)
        header = file.read(_OF_HEADER + len(raw))
        if len(header) < _OF_HEADER or header[:4] != _LOCAL:
            problems.add(f"{_shown(entry)}: there is no record where the directory says")
            continue
        _, flags, method, crc, packed, whole, length, extra = _HEADER(header)
        if length != len(raw) or header[_OF_HEADER:] != raw:
            problems.add(f"{_shown(entry)} has another name in its own header")
        later = flags & 8  # its lengths and its CRC-32 may follow its bytes
        same = packed == entry.size and whole == entry.unpacked and crc == entry.crc
        if not same and (_FULL in (packed, whole)) and crc == entry.crc:
            same = True  # in its extra field, for large ones
        if method != entry.method or (flags ^ entry.flags) & 0x41 or not (same or (later and not crc)):
            problems.add(f"{_shown(entry)} has another length, CRC-32 or compression in its own header")
        entry.offset = start = at + _OF_HEADER + length + extra
        if start + entry.size > size:
            problems.add(f"{_shown(entry)}: its {entry.size:,} bytes extend beyond the end of the file")
        entries[name] = entry
        every.append(entry)
    if records != end.records:
        raise _two_ways(f"its end says {end.records:,} records, and its directory lists {records:,}")
    for problem in _overlapping(every):
        problems.add(problem)
    if records and first > 0:
        problems.add(f"{first:,} bytes precede the zip's first record: they may be another file")
    if (between := _between(every, end)) and not problems.found:
        problems.add(f"{between:,} bytes of the zip belong to none of its records")
    found.problems = problems.found
    return found


def _listed(file: IO[bytes], end: End) -> Iterator[tuple[bytes, Entry]]:
    """What the directory says of each record, with the bytes of its name; where its own bytes begin is not known yet.

    Python's zipfile says the same, in three times as long: there are up to 200,000 of them. Raises BadZipFile, and
    UnicodeDecodeError for a name."""
    file.seek(end.offset)
    data = file.read(end.size)
    at, size = 0, len(data)
    while at < end.size:
        named = at + _OF_LISTED
        if named > size:
            raise zipfile.BadZipFile("Truncated central directory")
        magic, version, flags, method, crc, packed, whole, name, extra, comment, header = _LISTED(data, at)
        if magic != _CENTRAL:
            raise zipfile.BadZipFile("Bad magic number for central directory")
        if version > _NEWEST:
            raise zipfile.BadZipFile(f"zip file version {version / 10}")
        at = named + name + extra + comment
        if at > size:
            raise zipfile.BadZipFile("Truncated central directory")
        raw = data[named : named + name]
        if extra:
            more = data[named + name : named + name + extra]
            whole, packed, header = _in_full(more, whole, packed, header)
        text = raw.decode("utf-8" if flags & 0x800 else "cp437")
        if "\0" in text:
            text = text.partition("\0")[0]
        yield raw, Entry(text, header, 0, packed, whole, crc, method, flags)


def _in_full(extra: bytes, whole: int, packed: int, header: int) -> tuple[int, int, int]:
    """The sizes and the place of a record, where the extra field has those that need 64 bits. Raises BadZipFile."""
    numbers, at = [whole, packed, header], 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        at += 4
        if at + length > len(extra):
            raise zipfile.BadZipFile(f"Corrupt extra field {kind:04x} (size={length})")
        if kind == 1:
            inside = extra[at : at + length]
            for place, number in enumerate(numbers):
                if number == _FULL:
                    if len(inside) < 8:
                        raise zipfile.BadZipFile("Corrupt zip64 extra field")
                    (numbers[place],) = struct.unpack_from("<Q", inside)
                    inside = inside[8:]
        at += length
    return numbers[0], numbers[1], numbers[2]


def _shown(entry: Entry) -> str:
    return printable(entry.name, 200)


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


def find_end(file: IO[bytes]) -> End:
    """Where the zip's directory is. Raises BadZipFile where it has no end record.

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
        raise zipfile.BadZipFile("File is not a zip file")
    disk, first_disk, here, records, length, offset, comment = struct.unpack("<4H2IH", tail[at + 4 : at + 22])
    place = start + at
    if place + 22 + comment != size or _END in tail[at + 4 :]:
        raise _two_ways(f"{size - place - 22 - comment:,} bytes follow its end record")
    stands = place  # where the directory must end
    locator = tail[max(0, at - 20) : at]
    if locator[:4] == _END64_AT:
        first_part, pointed, parts = struct.unpack("<IQI", locator[4:20])
        if first_part or parts > 1:
            raise _two_ways("it claims to be one of several parts")
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
    for entry in sorted(entries, key=_of_header):
        if at is not None and (gap := entry.header - at):
            free += _beyond_descriptor(gap)
        at = entry.offset + entry.size
    return free + (_beyond_descriptor(end.offset - at) if at is not None else 0)


def _beyond_descriptor(gap: int) -> int:
    return 0 if gap in (0, 12, 16, 20, 24) else max(0, gap)


def _overlapping(entries: Iterable[Entry]) -> list[str]:
    """Records that have bytes in common: a small file can claim much so."""
    before: Entry | None = None
    taken = 0  # up to where
    for entry in sorted(entries, key=_of_bytes):
        if not entry.size:
            continue
        if before is not None and entry.offset < taken:
            names = f"{_shown(before)} and {_shown(entry)}"
            return [f"{names} occupy the same bytes of the zip: torch.save never writes that"]
        before, taken = entry, entry.offset + entry.size
    return []

"""The event log, `events.jsonl`: `read` is the one reader, `EventLog` the one writer (a run's host)."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from engine import atomic, plain_file, private
from engine.home import RunFolder
from engine.progress import Progress as Told
from engine.progress import silent
from engine.runs.unreadable import UnreadableError
from engine.training import running_time
from engine.training.event_json import decode, decode_kind, decode_seq, encode, is_known
from engine.training.events import Event, Progress

RESERVE_BYTES = 64 * 1024
PART_BYTES = 4 * 2**20  # of a log, read at once: some 20,000 events
BLOCK_BYTES = 1 * 2**20
MOST_LINE = 16 * 2**20  # bytes; a longer line is passed over
TOO_LONG = b"!\n"
MOST_NO_EVENTS = 64 * 2**20  # bytes of a log that are no event, after which it is not read on
LAST_BYTES = 256  # of what was read that are compared, before more is
REWRITTEN = "it was cut short or written anew while it was read: a log only grows"
OF_A_LINE = 100  # bytes that a line which is no event counts at least
_PROGRESS = f'"kind": "{Progress.kind}"'.encode()
_OTHER_KIND = re.compile(rb'"kind": "(?!%s")' % Progress.kind.encode())


@dataclass(frozen=True)
class LogPart:
    """What `read` found."""

    events: tuple[Event, ...]
    end: int  # bytes of the log up to here: `since` of the next read
    seq: int  # of the last whole line, of whatever kind; 0: there is none
    skipped: int = 0  # wanted lines that are no event: damaged, of other types than theirs, or too long


class RewrittenError(UnreadableError):
    """A log, which only grows, does not hold any more what was read of it."""


class Reading:
    """What whoever reads a log on knows of it: how much was no event, since a log may hold gigabytes of anything, and a
    reader gives up after the same ones on every machine; and what stood before where it ended, since somebody may cut
    the log short, or write it anew, meanwhile."""

    def __init__(self) -> None:
        self._no_events = 0  # bytes
        self._end, self._last = 0, b""

    def count(self, size: int) -> None:
        """So many bytes more are no event. Raises NotPlainError where they are too many."""
        self._no_events += size
        if self._no_events > MOST_NO_EVENTS:
            raise plain_file.NotPlainError(f"more than {MOST_NO_EVENTS >> 20} MB of it are no events", Path())

    def ended(self, end: int, block: bytes) -> None:
        """It was read up to there; `block`: what came last."""
        self._end, self._last = end, b"" if block is TOO_LONG else block[-LAST_BYTES:]

    def is_of(self, file: BinaryIO, since: int) -> bool:
        """Whether the file holds what was read up to byte `since`, as far as that can be told from its end."""
        if file.seek(0, os.SEEK_END) < since:
            return False
        last = self._last if since == self._end else b""
        file.seek(since - len(last))
        return file.read(len(last)) == last


def read(
    run_folder: RunFolder,
    since: int = 0,
    kinds: Collection[type[Event]] | None = None,
    latest: Collection[type[Event]] = (),
    most: int | None = None,
    reading: Reading | None = None,
) -> LogPart:
    """The events that the log holds from byte `since` on, where an earlier read ended. A last line that is not whole
    yet is left for the next read. Skips lines of unknown kinds, and counts those that are no event.

    `kinds`: which events are decoded; None: all. `latest`: kinds of which each series that no other wanted event
    interrupts gives its last event only. Lines that are not wanted are not decoded: of a log of a day, with its million
    progress events, the few others are read in half a second. `most`: bytes after which no more is read, so
    that a log of any length is read in parts (`parts`); some more are taken with it. `reading`: what whoever reads on
    knows of what came before.

    A log that is not there yet is empty. Raises UnreadableError where it can't be read, or where too much of it is no
    event; RewrittenError where it is not the one that an earlier read ended in.
    """
    reader, reading = _Reader(kinds, latest), reading or Reading()
    end = since
    try:
        for block, size in _blocks(run_folder, since, most, reading):
            reader.take(block)
            reading.count(size if block is TOO_LONG else reader.no_events())
            end += size
            reading.ended(end, block)
    except OSError as error:
        raise UnreadableError(run_folder.events, error, run=run_folder.id) from None
    return LogPart(reader.events(), end, reader.seq(), reader.skipped)


def parts(
    run_folder: RunFolder,
    since: int = 0,
    kinds: Collection[type[Event]] | None = None,
    latest: Collection[type[Event]] = (),
    most: int = PART_BYTES,
    reading: Reading | None = None,
) -> Iterator[LogPart]:
    """The same in parts of about `most` bytes, up to the end of the log as it is then: however long it is, only one
    part is in memory. Raises UnreadableError."""
    reading = reading or Reading()
    while True:
        part = read(run_folder, since, kinds, latest, most, reading)
        if part.end == since:
            return
        yield part
        since = part.end


def events(
    run_folder: RunFolder,
    kinds: Collection[type[Event]] | None = None,
    latest: Collection[type[Event]] = (),
    progress: Told = silent,
) -> Iterator[Event]:
    """All events of the log as it is now, one after the other; of `latest` see `read`, in each part. `progress`: in
    bytes of the log. Raises UnreadableError."""
    total = size(run_folder)
    for part in parts(run_folder, kinds=kinds, latest=latest):
        progress(part.end, max(total, part.end))
        yield from part.events


def size(run_folder: RunFolder) -> int:
    """Bytes of the log; 0 where it can't be told, as where there is none yet."""
    try:
        return os.stat(run_folder.events).st_size
    except OSError:
        return 0


class _Reader:
    """Chooses among lines, and decodes those that are wanted."""

    def __init__(self, kinds: Collection[type[Event]] | None, latest: Collection[type[Event]]) -> None:
        self.skipped = 0
        self._wanted = None if kinds is None else {kind.kind.encode() for kind in kinds}
        self._latest = {kind.kind.encode() for kind in latest}
        progress = Progress.kind.encode()
        # Nearly all lines of a long log are progress: where no more than the latest of them counts, the others are
        # passed over at once.
        self._passes = progress in self._latest or (self._wanted is not None and progress not in self._wanted)
        self._found: list[Event] = []
        self._no_events = 0  # bytes, or what lines count at least
        self._held = self._newest = self._before = b""

    def take(self, block: bytes) -> None:
        """The next whole lines."""
        if not self._passes or not self._take_others(block):
            for line in block.removesuffix(b"\n").split(b"\n"):
                self._line(line)

    def _take_others(self, block: bytes) -> bool:
        """Take the lines that are not progress, and of each series of progress the last, without looking at the others:
        False where the lines are not as `encode` writes them, so that this can't be told."""
        others = [place.start() for place in _OTHER_KIND.finditer(block)]
        if block.count(_PROGRESS) + len(others) != block.count(b"\n"):
            return False
        holds, passed = Progress.kind.encode() in self._latest, 0  # the end of what was looked at
        for at in others:
            begin, end = block.rfind(b"\n", passed, at) + 1 or passed, block.index(b"\n", at)
            if begin > passed:
                self._pass_over(block, passed, begin, holds=holds)
            self._line(block[begin:end])
            passed = end + 1
        if passed < len(block):
            self._pass_over(block, passed, len(block), holds=holds)
        return True

    def events(self) -> tuple[Event, ...]:
        """What was found so far; nothing can be taken after it."""
        self._decode(self._held)
        return tuple(self._found)

    def no_events(self) -> int:
        """Bytes of what was taken since this was asked last that are no event."""
        found, self._no_events = self._no_events, 0
        return found

    def seq(self) -> int:
        return decode_seq(self._newest) or decode_seq(self._before)

    def _pass_over(self, block: bytes, begin: int, end: int, *, holds: bool) -> None:
        """Whole lines of progress, from byte `begin` up to `end`."""
        last = block.rfind(b"\n", begin, end - 1) + 1 or begin
        self._before = block[block.rfind(b"\n", begin, last - 1) + 1 or begin : last] if last > begin else self._newest
        self._newest = block[last:end]
        if holds:
            self._held = self._newest

    def _line(self, line: bytes) -> None:
        if not line:
            self._no_events += OF_A_LINE
            return
        kind = decode_kind(line)
        if not kind:
            self.skipped += 1
            self._no_events += max(OF_A_LINE, len(line))
            return
        self._before, self._newest = self._newest, line
        if kind in self._latest:
            self._held = line
        elif self._wanted is None or kind in self._wanted:
            if self._held:
                self._decode(self._held)
                self._held = b""
            self._decode(line, kind)

    def _decode(self, line: bytes, kind: bytes = b"") -> None:
        if not line:
            return
        if (event := decode(line, kind)) is not None:
            self._found.append(event)
        elif is_known(kind or decode_kind(line)):
            self.skipped += 1
            self._no_events += max(OF_A_LINE, len(line))


def _blocks(run_folder: RunFolder, since: int, most: int | None, reading: Reading) -> Iterator[tuple[bytes, int]]:
    """The whole lines from byte `since` on, some at a time, and how many bytes of the log they are. Of a line that is
    longer than MOST_LINE, TOO_LONG stands for each stretch of that length. Raises OSError, RewrittenError."""
    size_of_block = BLOCK_BYTES if most is None else max(1, min(BLOCK_BYTES, most))
    rest, held, taken = list[bytes](), 0, 0  # of a line without an end so far, and its bytes; bytes of what was given
    try:
        with plain_file.opened(run_folder.events) as file:
            if since and not reading.is_of(file, since):
                raise RewrittenError(run_folder.events, REWRITTEN, run=run_folder.id)
            file.seek(since)
            while (most is None or taken < most) and (block := file.read(size_of_block)):
                cut = block.rfind(b"\n") + 1
                if cut:
                    lines, size = b"".join((*rest, block[:cut])), held + cut
                    rest, held = [block[cut:]], len(block) - cut
                elif held + len(block) > MOST_LINE:
                    lines, size = TOO_LONG, held + len(block)
                    rest, held = [], 0
                else:
                    rest.append(block)
                    held += len(block)
                    continue
                taken += size
                yield lines, size
    except FileNotFoundError:
        return


class EventLog:
    """Numbers, stamps and appends events. Never raises for a disk that can't be written: what could not be written is
    kept, `trouble` says why, and `retry()` (or the next event) tries again. May be used from several threads.
    """

    def __init__(self, run_folder: RunFolder, last_seq: int = 0) -> None:
        """`last_seq`: of the newest event that is there already. A line that was cut off when the host before this one
        died is ended, so that it stands alone and is skipped: the log only grows, whoever follows it."""
        self._path = run_folder.events
        self._reserve = run_folder.reserve
        self._file = plain_file.written(self._path, append=True)
        self._size = os.fstat(self._file).st_size  # as this writer knows it
        self._began = running_time.now()
        self._lock = threading.Lock()
        self._seq = last_seq
        self._waiting = b""  # bytes not written yet; may begin in the middle of a line
        self.trouble = ""
        if last_seq and not _ends_whole(self._path):
            self._waiting = b"\n"
        with contextlib.suppress(OSError):
            self._make_reserve()

    def append(self, event: Event) -> Event:
        """Write `event` with the next seq and the time. Returns it so."""
        with self._lock:
            self._seq += 1
            up = round(running_time.now() - self._began, 3)
            event = replace(event, seq=self._seq, t=round(time.time(), 3), up=up)
            self._waiting += encode(event).encode() + b"\n"
            self._flush()
            return event

    def sync(self) -> None:
        """Have what is written on the disk itself, where a power cut leaves it. Waits for the disk."""
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def retry(self) -> None:
        """Write what is waiting, where there is room again."""
        with self._lock:
            if self._waiting:
                self._flush()

    def close(self) -> None:
        with self._lock:
            self._flush()
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            with contextlib.suppress(OSError):
                self._reserve.unlink()

    def _flush(self) -> None:
        try:
            self._write()
        except OSError as error:
            self.trouble = error.strerror or str(error)
            try:
                self._reserve.unlink()
                self._write()
            except OSError:
                return
            return  # written, thanks to the reserve: the trouble stands until the reserve could be made again
        if self.trouble:
            try:
                self._make_reserve()
            except OSError:
                return
            self.trouble = ""

    def _write(self) -> None:
        if (size := os.fstat(self._file).st_size) != self._size:  # somebody has cut it short, or written to it
            self._size = size
            self._waiting = self._waiting if _ends_whole(self._path) else b"\n" + self._waiting
        while self._waiting:
            written = os.write(self._file, self._waiting)
            self._size += written
            self._waiting = self._waiting[written:]

    def _make_reserve(self) -> None:
        with private.appended(self._reserve) as file:
            file.truncate(0)
            file.write(os.urandom(RESERVE_BYTES))  # a file of zeros may take no room
            file.flush()
            atomic.flush_file(file.fileno())


def _ends_whole(path: Path) -> bool:
    with plain_file.opened(path) as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

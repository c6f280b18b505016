"""The event log, `events.jsonl`: `read` is the one reader, `EventLog` the one writer (a run's host)."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine import atomic, plain_file, private
from engine.home import RunFolder
from engine.runs.unreadable import UnreadableError
from engine.training import running_time
from engine.training.event_json import decode, decode_kind, decode_seq, encode, is_known
from engine.training.events import Event, Progress

RESERVE_BYTES = 64 * 1024
PART_BYTES = 4 * 2**20  # of a log, read at once: some 20,000 events
BLOCK_BYTES = 1 * 2**20
MOST_LINE = 16 * 2**20  # bytes; a longer line is passed over
TOO_LONG = b"!\n"
_PROGRESS = f'"kind": "{Progress.kind}"'.encode()
_OTHER_KIND = re.compile(rb'"kind": "(?!%s")' % Progress.kind.encode())


@dataclass(frozen=True)
class LogPart:
    """What `read` found."""

    events: tuple[Event, ...]
    end: int  # bytes of the log up to here: `since` of the next read
    seq: int  # of the last whole line, of whatever kind; 0: there is none
    skipped: int = 0  # wanted lines that are no event: damaged, of other types than theirs, or too long


def read(
    run_folder: RunFolder,
    since: int = 0,
    kinds: Collection[type[Event]] | None = None,
    latest: Collection[type[Event]] = (),
    most: int | None = None,
) -> LogPart:
    """The events that the log holds from byte `since` on, where an earlier read ended. A last line that is not whole
    yet is left for the next read. Skips lines of unknown kinds, and counts those that are no event.

    `kinds`: which events are decoded; None: all. `latest`: kinds of which each series that no other wanted event
    interrupts gives its last event only. Lines that are not wanted are not decoded: of a log of a day, with its million
    progress events, the few others are read in half a second. `most`: bytes after which no more is read, so
    that a log of any length is read in parts (`parts`); some more are taken with it.

    A log that is not there yet is empty. Raises UnreadableError where it can't be read.
    """
    reader = _Reader(kinds, latest)
    end = since
    for block, size in _blocks(run_folder, since, most):
        reader.take(block)
        end += size
    return LogPart(reader.events(), end, reader.seq(), reader.skipped)


def parts(
    run_folder: RunFolder,
    since: int = 0,
    kinds: Collection[type[Event]] | None = None,
    latest: Collection[type[Event]] = (),
    most: int = PART_BYTES,
) -> Iterator[LogPart]:
    """The same in parts of about `most` bytes, up to the end of the log as it is then: however long it is, only one
    part is in memory. Raises UnreadableError."""
    while True:
        part = read(run_folder, since, kinds, latest, most)
        if part.end == since:
            return
        yield part
        since = part.end


def events(run_folder: RunFolder, kinds: Collection[type[Event]] | None = None) -> Iterator[Event]:
    """All events of the log as it is now, one after the other. Raises UnreadableError."""
    for part in parts(run_folder, kinds=kinds):
        yield from part.events


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
        self._held = self._newest = self._before = b""

    def take(self, block: bytes) -> None:
        """The next whole lines."""
        if not self._passes or not self._take_others(block):
            for line in block.split(b"\n"):
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
            return
        kind = decode_kind(line)
        if not kind:
            self.skipped += 1
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


def _blocks(run_folder: RunFolder, since: int, most: int | None) -> Iterator[tuple[bytes, int]]:
    """The whole lines from byte `since` on, some at a time, and how many bytes of the log they are. Of a line that is
    longer than MOST_LINE, TOO_LONG stands for each stretch of that length. Raises UnreadableError."""
    size_of_block = BLOCK_BYTES if most is None else max(1, min(BLOCK_BYTES, most))
    rest, held, taken = list[bytes](), 0, 0  # of a line without an end so far, and its bytes; bytes of what was given
    try:
        with plain_file.opened(run_folder.events) as file:
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
    except OSError as error:
        raise UnreadableError(run_folder.events, error, run=run_folder.id) from None


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
        while self._waiting:
            written = os.write(self._file, self._waiting)
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

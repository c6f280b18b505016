"""The event log, `events.jsonl`: `read` is the one reader, `EventLog` the one writer (a run's host)."""

import contextlib
import os
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine import atomic
from engine.home import RunFolder
from engine.runs.unreadable import UnreadableError
from engine.training import running_time
from engine.training.events import Event, decode, decode_kind, decode_seq, encode

RESERVE_BYTES = 64 * 1024


@dataclass(frozen=True)
class LogPart:
    """What `read` found."""

    events: tuple[Event, ...]
    end: int  # bytes of the log up to here: `since` of the next read
    seq: int  # of the last whole line, of whatever kind; 0: there is none


def read(
    run_folder: RunFolder,
    since: int = 0,
    kinds: Collection[type[Event]] | None = None,
    latest: Collection[type[Event]] = (),
    most: int | None = None,
) -> LogPart:
    """The events that the log holds from byte `since` on, where an earlier read ended. A last line that is not whole
    yet is left for the next read. Skips lines of unknown kinds or shapes.

    `kinds`: which events are decoded; None: all. `latest`: kinds of which each series that no other wanted event
    interrupts gives its last event only. Lines that are not wanted are not decoded: of a log of a day, with its million
    progress events, the few others are read in about a second. `most`: bytes after which no further line is begun, so
    that a log of any length is read in parts.

    A log that is not there yet is empty. Raises UnreadableError where it can't be read.
    """
    wanted = None if kinds is None else {kind.kind.encode() for kind in kinds}
    only_latest = {kind.kind.encode() for kind in latest}
    found: list[Event] = []
    held = newest = before = b""
    end = since
    for line in _whole_lines(run_folder, since):
        if most is not None and end - since >= most:
            break
        end += len(line)
        head = line.split(b'"', 10)  # as `encode` begins a line: {"v": 1, "seq": 7, "t": 1.5, "kind": "progress", …
        kind = head[9] if len(head) > 10 and head[7] == b"kind" else decode_kind(line)
        if not kind:
            continue
        before, newest = newest, line
        if kind in only_latest:
            held = line
        elif wanted is None or kind in wanted:
            found += [event for one in (held, line) if one and (event := decode(one)) is not None]
            held = b""
    if held and (event := decode(held)) is not None:
        found.append(event)
    return LogPart(tuple(found), end, decode_seq(newest) or decode_seq(before))


def _whole_lines(run_folder: RunFolder, since: int) -> Iterator[bytes]:
    try:
        with open(run_folder.events, "rb") as file:
            file.seek(since)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield line
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
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
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
        with open(self._reserve, "wb") as file:
            file.write(os.urandom(RESERVE_BYTES))  # a file of zeros may take no room
            file.flush()
            atomic.flush_file(file.fileno())


def _ends_whole(path: Path) -> bool:
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
